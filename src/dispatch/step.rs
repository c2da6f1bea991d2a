//! A command takes effect, once: load, decide, commit; on a conflict, again.

use super::mode::InForce;
use super::{Dispatch, Refusal};
use crate::domain::{
    Action, Actor, ClockKind, Command, Decision, Event, Order, OrderNo, Refused, Rejection,
    ReturnDecision, Role, Span, Timestamp, What, beside, decide,
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

    fn writes_nothing(&self) -> bool {
        self.decision.events.is_empty()
    }

    /// The bare change.
    fn into_change(self) -> Change {
        let Decided { before, decision: Decision { after, events } } = self;
        Change {
            before,
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

/// What was decided of an order, and of the one that changes beside it.
type Both = (Decided, Option<Decided>);

/// The orders that were over when it was decided: they may have left the store.
fn over(decided: &Decided, also: Option<&Decided>) -> Vec<OrderNo> {
    let both = [Some(decided), also].into_iter().flatten();
    let over = both.filter_map(|decided| decided.before.as_deref()).filter(|o| o.is_over());
    over.map(|order| order.no).collect()
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
        // What is known from before is good for a step, which is refused if it is out of date,
        // and for no answer.
        let mut known = self.store.lately(no);
        for _ in 0..MAX_TRIES {
            let is_known = known.is_some();
            let before = match known.take() {
                Some(order) => Some(order),
                None => self.look_up(no).await?,
            };
            if let (Some(as_of), Some(before)) = (with.as_of, &before)
                && before.version != as_of
            {
                if is_known {
                    continue;
                }
                return Ok((Done { receipt: receipt(before), repeated: false }, before.clone()));
            }
            let part = before.as_deref().and_then(|before| of_a_part(before, command, with.lease));
            let command = part.as_ref().unwrap_or(command);
            let two = before.as_deref().and_then(|before| beside(before, &command.action));
            let decided = match (before, two) {
                (Some(before), Some(also)) => {
                    let both = Box::pin(self.judge_both(before, command, with.lease, also)).await;
                    // The other one does not know of the first: one of the two was read too
                    // early, and a step of the first alone would part them for good.
                    if let Ok((_, Some(also))) = &both
                        && also.writes_nothing()
                    {
                        metrics::commit_conflicted();
                        continue;
                    }
                    both
                }
                (before, _) => {
                    let decided = self.judge(before, command, with.lease, self.now());
                    decided.map(|decided| (decided, None))
                }
            };
            if is_known && decided.as_ref().map_or(true, |(first, _)| first.writes_nothing()) {
                continue;
            }
            if let Some(done) = self.conclude(no, decided, &command.actor, &with).await? {
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
            let before = self.look_up(no).await?;
            let decided = match before {
                Some(order) if !order.hidden_from(actor.unit) => {
                    // One moment for the limits and for the decision.
                    let now = self.now().max(order.updated_at);
                    want(&order, in_force, now).and_then(|action| {
                        let command = Command { actor: actor.clone(), action };
                        self.judge(Some(order), &command, with.lease, now)
                    })
                }
                Some(_) | None => Err(Rejection::NoSuchOrder.into()),
            };
            let decided = decided.map(|decided| (decided, None));
            with.mode = Some(in_force.version);
            if let Some(done) = self.conclude(no, decided, actor, &with).await? {
                return Ok(done);
            }
            in_force = self.look_at_mode().await?;
        }
        Err(Refusal::Busy)
    }

    fn must_be_here(&self, no: OrderNo) -> Result<(), Refusal> {
        if no.cell() == self.cell() { Ok(()) } else { Err(Rejection::NoSuchOrder.into()) }
    }

    /// What a command comes to, whether the units that a person names are there and may have
    /// the order, and whether the lease is of what is done.
    fn judge(
        &self,
        before: Option<Arc<Order>>,
        command: &Command,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Decided, Refusal> {
        if let Action::Relay { to: Some(to) }
        | Action::DecideReturn { decision: ReturnDecision::Transfer { to } } = &command.action
        {
            self.check_units("to_unit", &[*to])?;
        }
        if let Action::AddCoHandler { unit } | Action::Recuse { unit } = &command.action {
            self.check_units("unit", &[*unit])?;
        }
        let decision = decide(before.as_deref(), command, now)?;
        if let Action::Relay { to: Some(_) } | Action::DecideReturn { .. } = &command.action {
            let after = &decision.after;
            self.check_lead("to_unit", after.leg().unit, after.reading.category)?;
        }
        // Whoever was only told of the order, or held it before, has no lease on this.
        let stale = lease
            .zip(before.as_deref())
            .is_some_and(|(lease, before)| !gives_right_to(&lease, before, &command.action));
        if stale { Err(Refusal::LeaseStale) } else { Ok(Decided { before, decision }) }
    }

    /// The same for two orders that change together, both at one moment.
    async fn judge_both(
        &self,
        before: Arc<Order>,
        command: &Command,
        lease: Option<Lease>,
        (no, action): (OrderNo, Action),
    ) -> Result<Both, Refusal> {
        let other = self.order(no).await;
        let both = [Some(&before), other.as_ref().ok()].into_iter().flatten();
        let now = both.fold(self.now(), |now, order| now.max(order.updated_at));
        // Whoever may not do it learns nothing of the other.
        let decided = self.judge(Some(before), command, lease, now)?;
        let also = Command { actor: command.actor.clone(), action };
        match self.judge(Some(other?), &also, None, now) {
            Ok(also) => Ok((decided, Some(also))),
            // Why two cannot be merged is said of the move that was asked for.
            Err(Refusal::Rejected(Refused {
                why: why @ Rejection::CannotMerge { .. }, ..
            })) => {
                let before = decided.before.as_deref();
                Err(Refused::of(before, command.action.name(), why).into())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// One try's end; `None` when somebody was quicker.
    async fn conclude(
        &self,
        no: OrderNo,
        decided: Result<Both, Refusal>,
        actor: &Actor,
        with: &With,
    ) -> Result<Option<(Done, Arc<Order>)>, Refusal> {
        let refused = match decided {
            Ok((decided, also)) => {
                let may_have_left = over(&decided, also.as_ref());
                match self.commit(decided, also, None, with).await {
                    Ok(committed) => return Ok(Some(committed)),
                    Err(CommitError::Conflict) => {
                        metrics::commit_conflicted();
                        for no in may_have_left {
                            self.bring_back(no).await?;
                        }
                        return Ok(None);
                    }
                    Err(error) => {
                        let done = self.refused(error, with.request, actor).await?;
                        return Ok(Some((done.ok_or(Refusal::Busy)?, self.order(no).await?)));
                    }
                }
            }
            Err(refusal) => refusal,
        };
        // What is refused now may have been done before, by this very request.
        match self.recall(with.request, actor).await? {
            Some(done) => Ok(Some((done, self.order(no).await?))),
            None => Err(refused),
        }
    }

    /// Commits what was decided, with what was decided beside it and the contact of a new order.
    /// A decision without events has nothing to write. What waits for the store is small:
    /// thousands of calls wait at a time, and each is moved about.
    pub(super) fn commit(
        &self,
        decided: Decided,
        also: Option<Decided>,
        contact: Option<SealedContact>,
        with: &With,
    ) -> impl Future<Output = Result<(Done, Arc<Order>), CommitError>> + Send + use<'_> {
        let receipt = receipt(&decided.decision.after);
        let request = with.request.map(|Request { id, digest }| {
            let digest = self.sealer.body_digest(&digest);
            (id, Remembered { digest, receipt: receipt.clone() })
        });
        let papers = decided.papers(with.paper.as_ref());
        let change = Change {
            papers,
            contact,
            request,
            lease: with.lease,
            mode: with.mode,
            ..decided.into_change()
        };
        let (after, kept) = (Arc::clone(&change.after), promises_kept(&change.events));
        let ended = legs_ended(change.before.as_deref());
        let is_new = !change.events.is_empty();
        let by_clock = change.events.first().is_some_and(|e| e.actor.role == Role::Clock);
        let also = also.map(Decided::into_change);
        let beside = also.as_ref().map(|also| Arc::clone(&also.after));
        let writing = is_new.then(|| match also {
            None => self.store.commit(change),
            Some(also) => self.store.commit_together(vec![change, also]),
        });
        async move {
            if let Some(writing) = writing {
                let began = crate::clock::tick();
                writing.await?;
                metrics::commit_took(began.elapsed());
                self.served.fetch_add(u64::from(!by_clock), Ordering::Relaxed);
                self.observe(&after, kept);
                beside.iter().for_each(|beside| self.observe(beside, [None; 2]));
                for leg in &after.legs[ended..] {
                    if let Some((at, _)) = leg.ended {
                        metrics::held(leg.unit.level(), leg.held(at));
                    }
                }
            }
            Ok((Done { receipt, repeated: false }, after))
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

/// How many of an order's legs a step finds ended.
fn legs_ended(before: Option<&Order>) -> usize {
    before.map_or(0, |before| before.legs.len() - usize::from(before.leg().ended.is_none()))
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
