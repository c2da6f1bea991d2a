//! A command takes effect, once: load, decide, commit; on a conflict, again.

use super::mode::InForce;
use super::{Dispatch, Refusal};
use crate::domain::{
    Action, Actor, ClockKind, Command, Decision, Event, Order, OrderNo, Rejection, ReturnDecision,
    Span, Timestamp, What, decide,
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
        self.must_be_here(no)?;
        for _ in 0..MAX_TRIES {
            let before = self.store.load(no).await?;
            let decided = self.judge(before.as_deref(), command, self.now());
            if let Some(done) = self.conclude(no, before, decided, &with).await? {
                return Ok(done);
            }
        }
        Err(Refusal::Busy)
    }

    /// The same for what hangs on the order as it stands and on the mode in force: limits, and
    /// the way. It is found anew in every try, and stamped only if both are still so.
    pub(super) async fn step_by(
        &self,
        no: OrderNo,
        actor: &Actor,
        mut with: With,
        want: impl Fn(&Order, InForce, Timestamp) -> Result<Action, Refusal>,
    ) -> Result<(Done, Arc<Order>), Refusal> {
        self.must_be_here(no)?;
        let mut in_force = self.mode().await?;
        for _ in 0..MAX_TRIES {
            let before = self.store.load(no).await?;
            let decided = match before.as_deref() {
                Some(order) if !order.hidden_from(actor.unit) => {
                    // One moment for the limits and for the decision.
                    let now = self.now().max(order.updated_at);
                    want(order, in_force, now).and_then(|action| {
                        self.judge(Some(order), &Command { actor: actor.clone(), action }, now)
                    })
                }
                Some(_) | None => Err(Rejection::NoSuchOrder.into()),
            };
            with.mode = Some(in_force.version);
            if let Some(done) = self.conclude(no, before, decided, &with).await? {
                return Ok(done);
            }
            in_force = self.look_at_mode().await?;
        }
        Err(Refusal::Busy)
    }

    fn must_be_here(&self, no: OrderNo) -> Result<(), Refusal> {
        if no.cell() == self.cell() { Ok(()) } else { Err(Rejection::NoSuchOrder.into()) }
    }

    /// What a command comes to, and whether the units that a person names are there and may
    /// have the order.
    fn judge(
        &self,
        before: Option<&Order>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        if let Action::Relay { to: Some(to) }
        | Action::DecideReturn { decision: ReturnDecision::Transfer { to } } = &command.action
        {
            self.check_units("to_unit", &[*to])?;
        }
        if let Action::AddCoHandler { unit } | Action::Recuse { unit } = &command.action {
            self.check_units("unit", &[*unit])?;
        }
        let decision = decide(before, command, now)?;
        if let Action::Relay { to: Some(_) } | Action::DecideReturn { .. } = &command.action {
            let after = &decision.after;
            self.check_lead("to_unit", after.leg().unit, after.reading.category)?;
        }
        Ok(decision)
    }

    /// One try's end; `None` when somebody was quicker.
    async fn conclude(
        &self,
        no: OrderNo,
        before: Option<Arc<Order>>,
        decided: Result<Decision, Refusal>,
        with: &With,
    ) -> Result<Option<(Done, Arc<Order>)>, Refusal> {
        let refused = match decided {
            // Whoever was only told of the order, or held it before, has no lease on this.
            Ok(_) if stale(with.lease.as_ref(), before.as_deref()) => Refusal::LeaseStale,
            Ok(decision) => match self.commit(before, decision, with).await {
                Ok(committed) => return Ok(Some(committed)),
                Err(CommitError::Conflict) => {
                    metrics::commit_conflicted();
                    return Ok(None);
                }
                Err(error) => {
                    let done = self.refused(error, with.request)?.ok_or(Refusal::Busy)?;
                    return Ok(Some((done, self.order(no).await?)));
                }
            },
            Err(refusal) => refusal,
        };
        // What is refused now may have been done before, by this very request.
        match self.recall(with.request).await? {
            Some(done) => Ok(Some((done, self.order(no).await?))),
            None => Err(refused),
        }
    }

    /// Commits one decision. A decision without events has nothing to write. What waits for
    /// the store is small: thousands of calls wait at a time, and each is moved about.
    pub(super) fn commit(
        &self,
        before: Option<Arc<Order>>,
        decision: Decision,
        with: &With,
    ) -> impl Future<Output = Result<(Done, Arc<Order>), CommitError>> + Send + use<'_> {
        let Decision { after, events } = decision;
        let receipt = receipt(&after);
        let after = Arc::new(after);
        let is_new = !events.is_empty();
        let first_paper = before.as_ref().map_or(0, |b| b.papers);
        let papers = match &with.paper {
            Some(paper) if after.papers > first_paper => vec![(first_paper, Arc::clone(paper))],
            Some(_) | None => Vec::new(),
        };
        let request = with
            .request
            .map(|Request { id, digest }| (id, Remembered { digest, receipt: receipt.clone() }));
        let kept = promises_kept(&events);
        let change = Change {
            before,
            after: Arc::clone(&after),
            events,
            papers,
            contact: with.contact.clone(),
            request,
            lease: with.lease,
            mode: with.mode,
        };
        let writing = is_new.then(|| self.store.commit(change));
        async move {
            if let Some(writing) = writing {
                let began = crate::clock::tick();
                writing.await?;
                metrics::commit_took(began.elapsed());
                self.observe(&after, kept);
            }
            Ok((Done { receipt, repeated: false }, after))
        }
    }

    /// What an error of a commit means to the caller; a repeated request is no error.
    pub(super) fn refused(
        &self,
        error: CommitError,
        request: Option<Request>,
    ) -> Result<Option<Done>, Refusal> {
        match error {
            CommitError::Repeated(remembered) => match request {
                Some(request) => same_answer(*remembered, request).map(Some),
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
    pub(super) async fn recall(&self, request: Option<Request>) -> Result<Option<Done>, Refusal> {
        let Some(request) = request else { return Ok(None) };
        match self.store.remembered(request.id).await? {
            Some(remembered) => same_answer(remembered, request).map(Some),
            None => Ok(None),
        }
    }

    /// Does what a request asks for. What is refused now, by whatever is looked at first, may
    /// have been done before, by this very request: then that is the answer.
    pub(super) async fn once(
        &self,
        request: Option<Request>,
        asked: impl Future<Output = Result<Done, Refusal>>,
    ) -> Result<Done, Refusal> {
        match asked.await {
            Err(
                refusal @ (Refusal::Rejected(_) | Refusal::Invalid { .. } | Refusal::LeaseStale),
            ) => self.recall(request).await?.ok_or(refusal),
            answer => answer,
        }
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

/// Whether a lease gives no right to the holding that runs.
fn stale(lease: Option<&Lease>, before: Option<&Order>) -> bool {
    lease.zip(before).is_some_and(|(lease, before)| !lease.is_of(before))
}

fn same_answer(remembered: Remembered, request: Request) -> Result<Done, Refusal> {
    if remembered.digest == request.digest {
        Ok(Done { receipt: remembered.receipt, repeated: true })
    } else {
        Err(Refusal::RequestReused { id: request.id })
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
