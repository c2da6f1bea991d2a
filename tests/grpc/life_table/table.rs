//! The life cycle's table: who may do what to an order that stands where, where that leads,
//! and what it does to the clocks.

use super::clocks::Clocks::{self, *};
use crate::moves::HELPER;
use crate::server::{CENTRE, COUNTY};
use hotline::domain::ActionName::{self, *};
use hotline::domain::Stage;
use hotline::pb;

/// Whose a move is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Who {
    /// The unit that has the order: who handles it, or decides about it.
    Holder,
    /// The unit above that one.
    Above,
    /// The centre alone.
    Centre,
    /// A unit that helps.
    Helper,
    /// A unit that has nothing to do with it.
    Stranger,
}

impl Who {
    /// The unit that may.
    pub fn of(self, order: &pb::Order) -> String {
        match self {
            Who::Holder => order.holder.clone(),
            Who::Above => {
                let at = order.chain.iter().position(|unit| *unit == order.holder);
                at.and_then(|at| at.checked_sub(1)).map_or(CENTRE, |at| &order.chain[at]).to_owned()
            }
            Who::Centre => CENTRE.to_owned(),
            Who::Helper => HELPER.to_owned(),
            Who::Stranger => COUNTY.to_owned(),
        }
    }

    /// Units that may not, and what they are told.
    pub fn not(self, order: &pb::Order) -> Vec<(String, &'static str)> {
        let stranger = COUNTY.to_owned();
        // Whose report, or wish, is decided about; of one that nobody has, who had it.
        let below = order.chain.last().filter(|unit| **unit != order.holder).cloned();
        match self {
            Who::Holder => [stranger].into_iter().chain(below).map(|u| (u, "NOT_HOLDER")).collect(),
            Who::Above => {
                let holder = Some(order.holder.clone()).filter(|unit| unit != CENTRE);
                [stranger].into_iter().chain(holder).map(|u| (u, "NOT_ABOVE")).collect()
            }
            Who::Centre => {
                let holder = Some(order.holder.clone()).filter(|u| u != CENTRE && !u.is_empty());
                let all = [stranger].into_iter().chain(holder).chain(below);
                all.map(|u| (u, "NOT_CENTRE")).collect()
            }
            // Whoever does not help is told what any stranger is.
            Who::Helper | Who::Stranger => Vec::new(),
        }
    }
}

/// Where a move leads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Leads {
    /// There.
    To(Stage),
    /// Nowhere: it stays where it is.
    Stays,
    /// It is refused for now, for this reason.
    No(&'static str),
}
use Leads::{No, Stays, To};

/// One row.
pub struct Row {
    pub action: ActionName,
    pub from: &'static [Stage],
    /// How the order comes to stand there, if not as [`way_to`] says.
    way: Option<&'static str>,
    /// What is done to it then, before the move.
    then: &'static str,
    /// The move by its name.
    pub step: &'static str,
    pub who: Who,
    pub leads: Leads,
    pub clocks: Clocks,
}

impl Row {
    /// The same, with another past.
    fn after(self, way: &'static str) -> Row {
        Row { way: Some(way), ..self }
    }

    /// The moves that bring an order to where this one is made.
    pub fn past(&self, stage: Stage) -> String {
        format!("{} {}", self.way.unwrap_or(way_to(stage)), self.then)
    }
}

fn row(
    (action, from): (ActionName, &'static [Stage]),
    step: &'static str,
    (who, leads, clocks): (Who, Leads, Clocks),
) -> Row {
    Row { action, from, way: None, then: "", step, who, leads, clocks }
}

/// How an order comes to stand in a stage, the ordinary way.
pub fn way_to(stage: Stage) -> &'static str {
    match stage {
        Stage::Triage => "file_vague",
        Stage::Supplement => "file_vague ask",
        Stage::Dispatching => "file_vague accept_open",
        Stage::Assigned => "file relay",
        Stage::ReturnReview => "file relay relay return",
        Stage::Handling => "file go_down",
        Stage::Escalated => "file go_down escalate",
        Stage::ExtensionReview => "file go_down ask_extension",
        Stage::SuspensionReview => "file go_down ask_suspension",
        Stage::Suspended => "file go_down ask_suspension suspend",
        Stage::Review => "file go_down report",
        Stage::FollowUp => "file go_down report close",
        Stage::Archived => "file go_down report close satisfied",
        Stage::Declined => "file_vague decline",
        Stage::HandedOver => "file_critical hand_over",
        Stage::Merged => "file_vague merge",
        Stage::Terminated => "file go_down terminate",
        Stage::Withdrawn => "file relay withdraw",
    }
}

/// The citizen is waiting.
const WAITING: [Stage; 11] = [
    Stage::Triage,
    Stage::Supplement,
    Stage::Dispatching,
    Stage::Assigned,
    Stage::ReturnReview,
    Stage::Handling,
    Stage::Escalated,
    Stage::ExtensionReview,
    Stage::SuspensionReview,
    Stage::Suspended,
    Stage::Review,
];

/// The same, but for where the citizen is asked.
const SAID: [Stage; 10] = [
    Stage::Triage,
    Stage::Dispatching,
    Stage::Assigned,
    Stage::ReturnReview,
    Stage::Handling,
    Stage::Escalated,
    Stage::ExtensionReview,
    Stage::SuspensionReview,
    Stage::Suspended,
    Stage::Review,
];

/// Every row of an order's own moves and of what may be wanted of it.
pub fn rows() -> Vec<Row> {
    use Stage as S;
    use Who::*;
    vec![
        row((AskInformation, &[S::Triage]), "ask", (Centre, To(S::Supplement), Pause)),
        row((Supply, &[S::Supplement]), "supply", (Centre, To(S::Triage), GoOn)),
        row((Answer, &[S::Triage]), "answer", (Centre, To(S::Archived), Stop))
            .after("file_inquiry"),
        row((Decline, &[S::Triage, S::Supplement]), "decline", (Centre, To(S::Declined), Stop)),
        row((HandOver, &[S::Triage]), "hand_over", (Centre, To(S::HandedOver), Stop))
            .after("file_critical"),
        row(
            (Merge, &[S::Triage, S::Supplement, S::Dispatching, S::Assigned]),
            "merge",
            (Centre, To(S::Merged), Stop),
        ),
        row((Accept, &[S::Triage]), "accept", (Centre, To(S::Assigned), Stamped)),
        row((Accept, &[S::Triage]), "accept_direct", (Centre, To(S::Assigned), Stamped)),
        row((Accept, &[S::Triage]), "accept_open", (Centre, To(S::Dispatching), Stamped)),
        row((Assign, &[S::Dispatching]), "assign", (Centre, To(S::Assigned), Untouched)),
        // Each level down: whoever signs before the front line has only said that it saw it.
        row((Relay, &[S::Assigned]), "relay", (Holder, Stays, Untouched)),
        row((Relay, &[S::Assigned]), "relay", (Holder, Stays, Untouched)).after("file"),
        row((Relay, &[S::Assigned]), "relay", (Holder, Stays, Untouched)).after("file relay relay"),
        row((Sign, &[S::Assigned]), "sign", (Holder, Stays, Untouched)),
        row((Sign, &[S::Assigned]), "sign", (Holder, To(S::Handling), ArrivalStops))
            .after("file relay relay relay"),
        row((Sign, &[S::Assigned]), "sign", (Holder, To(S::Handling), ArrivalStops))
            .after("file_vague accept_direct"),
        // It came back to who had signed: the promise was kept the first time.
        row((Sign, &[S::Assigned]), "sign", (Holder, To(S::Handling), Untouched))
            .after("file go_down escalate relay"),
        row((Return, &[S::Assigned]), "return", (Holder, To(S::ReturnReview), Untouched)),
        row((Return, &[S::Assigned]), "return", (Holder, To(S::ReturnReview), Untouched))
            .after("file relay return transfer"),
        row((DecideReturn, &[S::ReturnReview]), "transfer", (Holder, To(S::Assigned), Untouched)),
        row((DecideReturn, &[S::ReturnReview]), "designate", (Holder, To(S::Assigned), Untouched)),
        row(
            (AddCoHandler, &[S::Assigned, S::Handling, S::Escalated]),
            "add_co_handler",
            (Holder, Stays, Untouched),
        ),
        row(
            (Escalate, &[S::Handling, S::Escalated]),
            "escalate",
            (Holder, To(S::Escalated), Untouched),
        ),
        row((Relay, &[S::Escalated]), "relay", (Holder, To(S::Assigned), Untouched)),
        row(
            (RequestExtension, &[S::Handling]),
            "ask_extension",
            (Holder, To(S::ExtensionReview), Untouched),
        ),
        row(
            (DecideExtension, &[S::ExtensionReview]),
            "extend",
            (Holder, To(S::Handling), AnHourMore),
        ),
        row(
            (DecideExtension, &[S::ExtensionReview]),
            "do_not_extend",
            (Holder, To(S::Handling), Untouched),
        ),
        row(
            (RequestSuspension, &[S::Handling]),
            "ask_suspension",
            (Holder, To(S::SuspensionReview), Untouched),
        ),
        row(
            (DecideSuspension, &[S::SuspensionReview]),
            "suspend",
            (Holder, To(S::Suspended), Pause),
        ),
        row(
            (DecideSuspension, &[S::SuspensionReview]),
            "do_not_suspend",
            (Holder, To(S::Handling), Untouched),
        ),
        row((Resume, &[S::Suspended]), "resume", (Holder, To(S::Handling), GoOn)),
        row((Terminate, &[S::Handling]), "terminate", (Centre, To(S::Terminated), Stop)),
        row((Report, &[S::Handling, S::Escalated]), "report", (Holder, To(S::Review), Untouched)),
        row((Report, &[S::Handling]), "report_alone", (Holder, To(S::Review), Untouched))
            .after("file go_down add_co_handler"),
        row((Report, &[S::Handling]), "report", (Holder, To(S::Review), Untouched))
            .after("file go_down add_co_handler co_sign co_report"),
        row((Report, &[S::Handling]), "report_with_evidence", (Holder, To(S::Review), Untouched))
            .after("file_tip go_down"),
        row((DecideReport, &[S::Review]), "reject", (Holder, To(S::Handling), Untouched)),
        row((DecideReport, &[S::Review]), "close", (Holder, To(S::FollowUp), Stop)),
        // What stood still is deducted, whether it went on before or is closed out of the pause.
        row((DecideReport, &[S::Review]), "close", (Holder, To(S::FollowUp), Stop))
            .after("file go_down ask_suspension suspend wait resume report"),
        row(
            (
                Dispose,
                &[
                    S::Triage,
                    S::Dispatching,
                    S::Assigned,
                    S::ReturnReview,
                    S::Handling,
                    S::Escalated,
                    S::Suspended,
                ],
            ),
            "close_batch",
            (Centre, To(S::FollowUp), Stop),
        ),
        row((FollowUp, &[S::FollowUp]), "satisfied", (Centre, To(S::Archived), Untouched)),
        row((FollowUp, &[S::FollowUp]), "unreached", (Centre, Stays, Untouched)),
        row((FollowUp, &[S::FollowUp]), "dissatisfied", (Centre, To(S::Handling), Again)),
        // Twice, and the first result is there as it was.
        row((FollowUp, &[S::FollowUp]), "dissatisfied", (Centre, To(S::Handling), Again))
            .after("file go_down report close dissatisfied report close"),
        row((FollowUp, &[S::FollowUp]), "satisfied", (Centre, To(S::Archived), Untouched))
            .after("file go_down report close dissatisfied report close"),
        row((FollowUp, &WAITING), "satisfied", (Centre, No("NOT_YET_DUE"), Untouched)),
        row((Reopened, &[S::Archived]), "reopen", (Centre, Stays, Untouched)),
        row((Withdraw, &WAITING), "withdraw", (Centre, To(S::Withdrawn), Stop)),
        // What is closed, or worked in another's place, has stopped clocks already.
        row(
            (Withdraw, &[S::FollowUp, S::Merged]),
            "withdraw",
            (Centre, To(S::Withdrawn), Untouched),
        ),
        row((Adopt, &WAITING), "adopt", (Centre, Stays, Untouched)),
        row((Supply, &SAID), "supply", (Centre, Stays, Untouched)),
        row((Urge, &WAITING), "urge", (Above, Stays, Untouched)),
        row((Supervise, &WAITING), "supervise", (Above, Stays, Untouched)),
        Row {
            then: "supervise",
            ..row((LiftSupervision, &WAITING), "lift", (Above, Stays, Untouched))
        },
        // What it does to a parked one is tested where orders are parked.
        row((Release, &[S::Assigned]), "release", (Holder, No("NOT_PARKED"), Untouched)),
        row((Recuse, &WAITING), "recuse", (Centre, Stays, Untouched)),
        row((Correct, &WAITING), "correct", (Centre, Stays, Stamped)),
    ]
}

/// What a unit that helps does stands beside the lead's stage.
pub fn helpers() -> Vec<Row> {
    let (handling, assigned): (&[Stage], &[Stage]) = (&[Stage::Handling], &[Stage::Assigned]);
    let does = (Who::Helper, Stays, Untouched);
    vec![
        row((Sign, handling), "co_sign", does).after("file go_down add_co_handler"),
        row((Sign, assigned), "co_sign", does).after("file relay add_co_handler"),
        row((Report, handling), "co_report", does).after("file go_down add_co_handler"),
        row((Report, handling), "co_report", does).after("file go_down add_co_handler co_sign"),
    ]
}
