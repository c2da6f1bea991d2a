//! The domain's words and the wire's, in both directions. A word missing on either side
//! does not compile.

use crate::{domain, pb};

/// A word that has a counterpart on the wire.
pub(super) trait Wire: Sized {
    /// The counterpart.
    type Pb: TryFrom<i32> + Into<i32>;
    /// Onto the wire.
    fn to_pb(self) -> Self::Pb;
    /// Off the wire; `None` is "unspecified", or a word that is only ever answered.
    fn from_pb(pb: Self::Pb) -> Option<Self>;
}

macro_rules! wire {
    ($($name:ident { $($variant:ident)+ } $(+ { $($only:ident)+ })?)+) => { $(
        impl Wire for domain::$name {
            type Pb = pb::$name;

            fn to_pb(self) -> pb::$name {
                match self { $(domain::$name::$variant => pb::$name::$variant,)+ }
            }

            fn from_pb(pb: pb::$name) -> Option<Self> {
                match pb {
                    pb::$name::Unspecified $($(| pb::$name::$only)+)? => None,
                    $(pb::$name::$variant => Some(domain::$name::$variant),)+
                }
            }
        }
    )+ };
}

wire! {
    Stage {
        Triage Assigned Handling Review FollowUp Archived Supplement Dispatching ReturnReview
        Escalated ExtensionReview SuspensionReview Suspended Declined HandedOver Merged
        Terminated Withdrawn
    } + { PassedOn }
    Kind { Inquiry Request Complaint Tip Suggestion Praise }
    Urgency { Normal Urgent Critical }
    Channel { Phone Web Wechat App Paper }
    Desk { Triage Lead Review FollowUp Raised CoHandler Approval Copy Parked }
    Level { City County Town Village }
    ClockKind { Arrival Closure }
    Duty { Triage Lead Review Returned Approve }
    Ending {
        Passed PassedBy Returned Reported Rejected Closed Transferred Designated Escalated
        Requested Decided Ended
    }
    Role { Agent Handler Dispatcher Clock }
    ReturnReason { NotOurDuty WrongPlace TooLittleKnown BeyondOurPower }
    Verdict { Accept Reject }
    Dimension { Unit Level Category }
    Mode { Ordinary Wartime }
    Card { Normal Yellow Red }
    Emergency { Police Fire Ambulance Traffic }
    DeclineReason { Emergency LegalChannel Petition Secret NothingNew Abuse ElsewhereCity }
    Outcome { Satisfied Dissatisfied Unreached }
}
