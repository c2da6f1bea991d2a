//! A command takes effect, once: load, decide, commit; on a conflict, again.

use super::{Dispatch, Refusal};
use crate::domain::{
    Action, Actor, ClockKind, Command, Decision, Event, Level, Order, OrderNo, Rejection,
    ReturnDecision, Span, What, decide,
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
            let decided = decide(before.as_deref(), command, self.now());
            let decision = match decided {
                Ok(decision) => decision,
                // What is refused now may have been done before, by this very request.
                Err(refused) => match self.recall(with.request).await? {
                    Some(done) => return Ok((done, self.order(no).await?)),
                    None => return Err(refused.into()),
                },
            };
            // Whoever was only told of the order, or held it before, has no lease on this.
            if let (Some(lease), Some(before)) = (&with.lease, &before)
                && !lease.is_of(before)
            {
                return match self.recall(with.request).await? {
                    Some(done) => Ok((done, self.order(no).await?)),
                    None => Err(Refusal::LeaseStale),
                };
            }
            match self.commit(before, decision, &with).await {
                Ok(committed) => return Ok(committed),
                Err(CommitError::Conflict) => metrics::commit_conflicted(),
                Err(error) => {
                    return match self.refused(error, with.request)? {
                        Some(done) => Ok((done, self.order(no).await?)),
                        None => Err(Refusal::Busy),
                    };
                }
            }
        }
        Err(Refusal::Busy)
    }

    /// Commits one decision. A decision without events has nothing to write.
    pub(super) async fn commit(
        &self,
        before: Option<Arc<Order>>,
        decision: Decision,
        with: &With,
    ) -> Result<(Done, Arc<Order>), CommitError> {
        let Decision { after, events } = decision;
        let receipt = receipt(&after);
        let after = Arc::new(after);
        if events.is_empty() {
            return Ok((Done { receipt, repeated: false }, after));
        }
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
        let began = crate::clock::tick();
        self.store.commit(change).await?;
        metrics::commit_took(began.elapsed());
        self.observe(&after, kept);
        Ok((Done { receipt, repeated: false }, after))
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
