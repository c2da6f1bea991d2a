//! Which moves the life cycle knows in each stage: the one table, which `decide`, the error
//! messages, the picture in the README and the tests all read.

use crate::domain::command::ActionName::{self, *};
use crate::domain::stage::Stage;

/// The stage's own moves, then what may be wanted of any order whose citizen is waiting.
macro_rules! open {
    ($($own:ident),*) => {
        &[
            $($own,)* Adopt, Supply, Urge, Supervise, LiftSupervision, Correct, Recuse, Withdraw,
            FollowUp,
        ]
    };
}

/// What may be wanted of an order in each stage by people. Deliveries, ViewContact, Tick and
/// what the program does by itself stand in no list.
pub fn allowed(stage: Stage) -> &'static [ActionName] {
    match stage {
        Stage::Triage => open![Accept, AskInformation, Answer, Decline, HandOver, Merge, Dispose],
        Stage::Supplement => open![Decline, Merge],
        Stage::Dispatching => open![Assign, Merge, Dispose],
        Stage::Assigned => open![Sign, Relay, Return, Release, Merge, AddCoHandler, Dispose],
        Stage::ReturnReview => open![DecideReturn, Dispose],
        Stage::Handling => open![
            Report,
            AddCoHandler,
            Escalate,
            RequestExtension,
            RequestSuspension,
            Terminate,
            Dispose
        ],
        Stage::Escalated => open![Report, Relay, Escalate, AddCoHandler, Dispose],
        Stage::ExtensionReview => open![DecideExtension],
        Stage::SuspensionReview => open![DecideSuspension],
        Stage::Suspended => open![Resume, Dispose],
        Stage::Review => open![DecideReport],
        Stage::FollowUp => &[FollowUp, Withdraw],
        Stage::Merged => &[Withdraw],
        Stage::Archived => &[Reopened],
        Stage::Declined | Stage::HandedOver | Stage::Terminated | Stage::Withdrawn => &[],
    }
}
