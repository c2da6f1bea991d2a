//! A command takes effect, once: load, decide, commit; on a conflict, again.

use super::{Dispatch, Refusal};
use crate::domain::{
    Action, Actor, ClockKind, Command, Decision, Event, Level, Order, OrderNo, Rejection,
    ReturnDecision, Span, What, beside, decide,
};
use crate::store::{
    BodyDigest, Change, CommitError, Lease, Paper, Receipt, Remembered, RequestId, SealedContact,
};
use crate::telemetry::metrics;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a step is decided again because somebody else was quicker.
const MAX_TRIES: usize = 16;

/// A client's identity for one change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The same id again gives the same answer.
    pub id: RequestId,
    /// The same id with another body is an error.
    pub digest: BodyDigest,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The answer.
    pub receipt: Receipt,
    /// It had happened before, under the same request id.
    pub repeated: bool,
}

/// All that belongs to one step besides the command.
#[derive(Clone, Debug, Default)]
pub(super) struct With {
    pub request: Option<Request>,
    pub lease: Option<Lease>,
    pub paper: Option<Arc<Paper>>,
    pub contact: Option<SealedContact>,
    /// The version of the city's mode whose limits it stamps.
    pub mode: Option<u32>,
    /// The version of the order that it was thought of; of another it wants nothing.
    pub as_of: Option<u32>,
}

/// What was decided, and upon what.
pub(super) struct Decided {
    pub before: Option<Arc<Order>>,
    pub decision: Decision,
}

impl Decided {
    /// The paper that the decision numbered, if there is one.
    fn papers(&self, paper: Option<&Arc<Paper>>) -> Vec<(u16, Arc<Paper>)> {
        let first = self.before.as_ref().map_or(0, |before| before.papers);
        match paper {
            Some(paper) if self.decision.after.papers > first => vec![(first, Arc::clone(paper))],
            Some(_) | None => Vec::new(),
        }
    }

    /// The bare change.
    fn into_change(self) -> Change {
        let Decision { after, events } = self.decision;
        Change {
            before: self.before,
            after: Arc::new(after),
            events,
            papers: Vec::new(),
            contact: None,
            request: None,
            lease: None,
            mode: None,
        }
    }
}

impl Dispatch {
    /// Lets a command take effect on an order. `paper` carries the words of a return, a
    /// report or a rejection.
    pub async fn act(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Option<Request>,
        lease: Option<Lease>,
        action: Action,
        paper: Option<Paper>,
    ) -> Result<Done, Refusal> {
        if let Action::Relay { to: Some(to) }
        | Action::DecideReturn { decision: ReturnDecision::Transfer { to } } = &action
        {
            self.check_units("to_unit", &[*to])?;
            // Who may not know of the order learns nothing of what it is about.
            if to.level() == Level::Village
                && let Some(order) = self.store.load(no).await?
                && !order.hidden_from(actor.unit)
            {
                self.check_lead("to_unit", *to, order.reading.category)?;
            }
        }
        if let Action::AddCoHandler { unit } | Action::Recuse { unit } = &action {
            self.check_units("unit", &[*unit])?;
        }
        let command = Command { actor: actor.clone(), action };
        let with = With { request, lease, paper: paper.map(Arc::new), ..With::default() };
        self.step(no, &command, with).await.map(|(done, _)| done)
    }

    /// The loop itself. A caller whose deadline passes drops it, which is safe at any point:
    /// a change is handed to the store whole or not at all, and the store, not this task,
    /// carries it through.
    pub(super) async fn step(
        &self,
        no: OrderNo,
        command: &Command,
        with: With,
    ) -> Result<(Done, Arc<Order>), Refusal> {
        if no.cell() != self.cell() {
            return Err(Rejection::NoSuchOrder.into());
        }
        for _ in 0..MAX_TRIES {
            let before = self.store.load(no).await?;
            if let (Some(as_of), Some(before)) = (with.as_of, &before)
                && before.version != as_of
            {
                return Ok((Done { receipt: receipt(before), repeated: false }, before.clone()));
            }
            let part = before.as_deref().and_then(|before| of_a_part(before, command, with.lease));
            let command = part.as_ref().unwrap_or(command);
            let (decided, also) = match self.decided(before, command).await {
                Ok(decided) => decided,
                // What is refused now may have been done before, by this very request.
                Err(Refusal::Rejected(rejection)) => {
                    return match self.recall(with.request, &command.actor).await? {
                        Some(done) => Ok((done, self.order(no).await?)),
                        None => Err(rejection.into()),
                    };
                }
                Err(refusal) => return Err(refusal),
            };
            // Whoever was only told of the order, or held it before, has no lease on this.
            if let (Some(lease), Some(before)) = (&with.lease, &decided.before)
                && !gives_right_to(lease, before, &command.action)
            {
                return match self.recall(with.request, &command.actor).await? {
                    Some(done) => Ok((done, self.order(no).await?)),
                    None => Err(Refusal::LeaseStale),
                };
            }
            match self.commit(decided, also, &with).await {
                Ok(committed) => return Ok(committed),
                Err(CommitError::Conflict) => metrics::commit_conflicted(),
                Err(error) => {
                    return match self.refused(error, with.request, &command.actor).await? {
                        Some(done) => Ok((done, self.order(no).await?)),
                        None => Err(Refusal::Busy),
                    };
                }
            }
        }
        Err(Refusal::Busy)
    }

    /// What a command comes to, for its own order and for the one that changes beside it: both
    /// at one moment.
    async fn decided(
        &self,
        before: Option<Arc<Order>>,
        command: &Command,
    ) -> Result<(Decided, Option<Decided>), Refusal> {
        let now = self.now();
        let Some((no, action)) = before.as_ref().and_then(|b| beside(b, &command.action)) else {
            let decision = decide(before.as_deref(), command, now)?;
            return Ok((Decided { before, decision }, None));
        };
        let other = self.order(no).await;
        let latest = [before.as_ref(), other.as_ref().ok()].into_iter().flatten();
        let now = latest.fold(now, |now, order| now.max(order.updated_at));
        // Whoever may not do it learns nothing of the other.
        let decision = decide(before.as_deref(), command, now)?;
        let other = other?;
        let beside = Command { actor: command.actor.clone(), action };
        let also = decide(Some(&other), &beside, now)?;
        let also = Decided { before: Some(other), decision: also };
        Ok((Decided { before, decision }, Some(also)))
    }

    /// Commits what was decided, with what was decided beside it. A decision without events has
    /// nothing to write.
    pub(super) async fn commit(
        &self,
        decided: Decided,
        also: Option<Decided>,
        with: &With,
    ) -> Result<(Done, Arc<Order>), CommitError> {
        let receipt = receipt(&decided.decision.after);
        if decided.decision.events.is_empty() {
            let after = Arc::new(decided.decision.after);
            return Ok((Done { receipt, repeated: false }, after));
        }
        let request = with
            .request
            .map(|Request { id, digest }| (id, Remembered { digest, receipt: receipt.clone() }));
        let change = Change {
            papers: decided.papers(with.paper.as_ref()),
            contact: with.contact.clone(),
            request,
            lease: with.lease,
            mode: with.mode,
            ..decided.into_change()
        };
        let after = Arc::clone(&change.after);
        let mut seen = vec![(Arc::clone(&after), promises_kept(&change.events))];
        let also = also.filter(|also| !also.decision.events.is_empty()).map(Decided::into_change);
        seen.extend(also.iter().map(|c| (Arc::clone(&c.after), promises_kept(&c.events))));
        let began = crate::clock::tick();
        match also {
            None => self.store.commit(change).await?,
            Some(also) => self.store.commit_together(vec![change, also]).await?,
        }
        metrics::commit_took(began.elapsed());
        for (after, kept) in seen {
            self.observe(&after, kept);
        }
        Ok((Done { receipt, repeated: false }, after))
    }

    /// What an error of a commit means to the caller; a repeated request is no error.
    pub(super) async fn refused(
        &self,
        error: CommitError,
        request: Option<Request>,
        actor: &Actor,
    ) -> Result<Option<Done>, Refusal> {
        match error {
            CommitError::Repeated(remembered) => match request {
                Some(request) => self.same_answer(*remembered, request, actor).await.map(Some),
                None => Ok(None),
            },
            CommitError::Conflict => Err(Refusal::Busy),
            CommitError::LeaseStale => Err(Refusal::LeaseStale),
            CommitError::Unavailable(error) => Err(error.into()),
            CommitError::Unknown(error) => {
                metrics::commit_unknown();
                Err(Refusal::Unknown(error))
            }
        }
    }

    /// What this request was answered before, if it was.
    pub(super) async fn recall(
        &self,
        request: Option<Request>,
        actor: &Actor,
    ) -> Result<Option<Done>, Refusal> {
        let Some(request) = request else { return Ok(None) };
        match self.store.remembered(request.id).await? {
            Some(remembered) => self.same_answer(remembered, request, actor).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same answer again to the same request; none to whom the order has come to complain
    /// about since.
    async fn same_answer(
        &self,
        remembered: Remembered,
        request: Request,
        actor: &Actor,
    ) -> Result<Done, Refusal> {
        if remembered.digest != request.digest {
            return Err(Refusal::RequestReused { id: request.id });
        }
        self.seen(remembered.receipt.order, actor).await?;
        Ok(Done { receipt: remembered.receipt, repeated: true })
    }

    /// Tells the timers and the histograms of this process what it just committed.
    fn observe(&self, after: &Order, kept: [Option<Span>; 2]) {
        if let Some(next) = crate::domain::next_deadline(after)
            && next.0 < self.sleeping_until.load(Ordering::Relaxed)
        {
            self.sooner.notify_one();
        }
        let [arrived, closed] = kept;
        if let Some(after) = arrived {
            metrics::arrived(after);
        }
        if let Some(after) = closed {
            metrics::closed(after);
        }
    }
}

/// How long after the citizen was heard a step arrived at the front line, and closed.
fn promises_kept(events: &[Event]) -> [Option<Span>; 2] {
    let mut kept = [None; 2];
    for event in events {
        if let What::Signed { arrived_after: Some(after), .. } = &event.what {
            kept[0] = Some(*after);
        }
        if let What::Closed { after, .. } = &event.what {
            kept[1] = Some(*after);
        }
    }
    kept
}

/// Under the lease of a co-handler's part, that part is signed or reported, not the order.
fn of_a_part(order: &Order, command: &Command, lease: Option<Lease>) -> Option<Command> {
    let unit = lease?.helper(order)?;
    let action = if matches!(command.action, Action::Sign) {
        Action::CoSign { unit }
    } else if matches!(command.action, Action::Report { .. }) {
        Action::CoReport { unit }
    } else {
        return None;
    };
    Some(Command { actor: command.actor.clone(), action })
}

/// Whether a lease is of what an action is about: the running holding, or a co-handler's part.
fn gives_right_to(lease: &Lease, order: &Order, action: &Action) -> bool {
    if let Action::CoSign { unit } | Action::CoReport { unit } = action {
        lease.helper(order) == Some(*unit)
    } else {
        lease.is_of(order)
    }
}

fn receipt(order: &Order) -> Receipt {
    Receipt {
        order: order.no,
        version: order.version,
        stage: order.stage,
        holder: order.holder(),
        category: order.reading.category,
        division: order.reading.division,
        arrival_due: order.due(ClockKind::Arrival),
        closure_due: order.due(ClockKind::Closure),
        at: order.updated_at,
    }
}
