//! What a client can ask of a process, kept as data so that it can be asked again.

use super::ledger::Answer;
use crate::dispatch::{
    Acceptance, BodyDigest, Correction, Dispatch, Lease, Paper, Request, RequestId, Routing,
    Submission,
};
use crate::domain::{Action, Actor, OrderNo, Outcome};
use std::sync::Arc;

/// One call.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// File a matter.
    Submit(Submission),
    /// Let something happen to an order.
    Act { no: OrderNo, action: Action, lease: Option<Lease> },
    /// Take an order out of triage.
    Accept(OrderNo, Acceptance),
    /// Say where an accepted order goes.
    Assign(OrderNo, Routing),
    /// Correct what was read.
    Correct(OrderNo, Correction),
    /// Write down what the citizen says of the result.
    FollowUp(OrderNo, Outcome),
    /// Take an archived order up again.
    Reopen(OrderNo, Submission),
    /// Look at whom to call back.
    LookAtContact(OrderNo),
}

impl Call {
    /// The lease it is made under.
    pub(super) fn lease(&self) -> Option<Lease> {
        match self {
            Call::Act { lease, .. } => *lease,
            Call::Submit(_)
            | Call::Accept(..)
            | Call::Assign(..)
            | Call::Correct(..)
            | Call::FollowUp(..)
            | Call::Reopen(..)
            | Call::LookAtContact(_) => None,
        }
    }

    /// Asks a process. `digest` tells one body of a request id from another.
    pub(super) async fn send(
        self: Arc<Call>,
        to: Arc<Dispatch>,
        id: RequestId,
        digest: BodyDigest,
        actor: Actor,
    ) -> Answer {
        let request = Request { id, digest };
        let done = match Call::clone(&self) {
            Call::Submit(matter) => to.submit(&actor, request, matter).await,
            Call::Act { no, action, lease } => {
                // Where the step takes no paper, the shell leaves it out.
                let body = "已到现场核实处理。".to_owned();
                let paper = Paper { body, ..Paper::default() };
                to.act(no, &actor, Some(request), lease, action, Some(paper)).await
            }
            Call::Accept(no, acceptance) => to.accept(no, &actor, request, acceptance).await,
            Call::Assign(no, routing) => to.assign(no, &actor, request, routing).await,
            Call::Correct(no, correction) => to.correct(no, &actor, request, correction).await,
            Call::FollowUp(no, outcome) => to.follow_up(no, &actor, request, outcome).await,
            Call::Reopen(of, matter) => to.reopen(of, &actor, request, matter).await,
            Call::LookAtContact(no) => {
                return to.contact(no, &actor, request).await.map(|_| None);
            }
        };
        done.map(Some)
    }
}
