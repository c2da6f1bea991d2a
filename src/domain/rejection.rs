//! Why a command may not happen, in a way that a person understands.

use super::command::ActionName;
use super::ids::Unit;
use super::matter::{Kind, Urgency};
use super::order_no::OrderNo;
use super::stage::Stage;
use super::time::{Span, Timestamp};
use std::fmt;

/// The order stays as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// There is no such order.
    NoSuchOrder,
    /// There is an order of that number already.
    NumberTaken,
    /// The order stands where this cannot be done.
    WrongStage {
        /// Where it stands.
        stage: Stage,
        /// What was wanted.
        action: ActionName,
    },
    /// Somebody else holds the order.
    NotHolder {
        /// Who holds it.
        holder: Unit,
        /// Who wanted it.
        actor: Unit,
    },
    /// Only the hotline's centre may do this.
    NotCentre {
        /// The centre.
        centre: Unit,
        /// Who wanted it.
        actor: Unit,
    },
    /// The unit has signed already.
    AlreadySigned {
        /// The unit.
        unit: Unit,
        /// When.
        at: Timestamp,
    },
    /// The holder is the end of its chain.
    NobodyBelow {
        /// The holder.
        unit: Unit,
    },
    /// The unit named does not lie below the holder.
    NotBelow {
        /// The holder.
        unit: Unit,
        /// The unit named.
        to: Unit,
    },
    /// The holder has nobody above to give the order back to.
    NobodyAbove {
        /// The holder.
        unit: Unit,
    },
    /// The order has been sent to and fro so often that it may now only go down and be closed.
    TooManyMoves {
        /// The most holdings an order can have before only that is left.
        limit: usize,
    },
    /// Only the unit above the holder, or the centre, may do this.
    NotAbove {
        /// Who holds it.
        holder: Unit,
        /// Who wanted it.
        actor: Unit,
    },
    /// The order complains about the unit.
    Recused {
        /// The unit.
        unit: Unit,
    },
    /// The centre itself cannot be kept from an order, nor more units than so many.
    CannotRecuse {
        /// The unit.
        unit: Unit,
    },
    /// Only an inquiry may be answered at once.
    NotAnInquiry {
        /// What it is.
        kind: Kind,
    },
    /// Only what is critical is handed over.
    NotCritical {
        /// How urgent it is.
        urgency: Urgency,
    },
    /// The unit was told to keep the order.
    Designated {
        /// The unit.
        unit: Unit,
    },
    /// The policy allows no more of it.
    UsedUp {
        /// What is used up.
        action: ActionName,
        /// How often the policy allows it.
        limit: u8,
    },
    /// The deadline has passed.
    TooLate {
        /// When it was.
        due: Timestamp,
    },
    /// A span or a moment that is out of bounds.
    OutOfBounds {
        /// The argument's name.
        field: &'static str,
        /// The longest allowed, from now.
        limit: Span,
    },
    /// An order cannot be merged into itself, nor into one that is merged or over.
    CannotMerge {
        /// Why, for people.
        why: &'static str,
    },
    /// Other callers wait for its result.
    HasChildren {
        /// How many.
        count: usize,
    },
    /// Co-handlers have still to report.
    CoHandlersPending {
        /// Which.
        units: Vec<Unit>,
    },
    /// The unit cannot help the lead: it is the lead, helps already, or there are too many.
    CannotCoHandle {
        /// The unit.
        unit: Unit,
    },
    /// The unit does not help the lead, or has done its part.
    NotCoHandling {
        /// The unit.
        unit: Unit,
    },
    /// The policy wants evidence with the report.
    EvidenceMissing,
    /// Nobody supervises it.
    NotSupervised,
    /// It is handed out as it is.
    NotParked,
    /// A citizen is called after closing, or once the limit has passed.
    NotYetDue {
        /// When it will be.
        due: Timestamp,
    },
    /// Another order has taken it up already.
    AlreadyReopened {
        /// Which.
        by: OrderNo,
    },
    /// The citizen cannot have been heard after now.
    HeardInFuture {
        /// By how much.
        ahead: Span,
    },
    /// The citizen was heard too long ago for a new order.
    HeardTooLongAgo {
        /// How long ago.
        ago: Span,
        /// The longest allowed.
        limit: Span,
    },
}

impl Rejection {
    /// The reason in UPPER_SNAKE, stable for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::NoSuchOrder => "ORDER_NOT_FOUND",
            Rejection::NumberTaken => "NUMBER_TAKEN",
            Rejection::WrongStage { .. } => "WRONG_STAGE",
            Rejection::NotHolder { .. } => "NOT_HOLDER",
            Rejection::NotCentre { .. } => "NOT_CENTRE",
            Rejection::AlreadySigned { .. } => "ALREADY_SIGNED",
            Rejection::NobodyBelow { .. } => "NOBODY_BELOW",
            Rejection::NotBelow { .. } => "NOT_BELOW",
            Rejection::NobodyAbove { .. } => "NOBODY_ABOVE",
            Rejection::TooManyMoves { .. } => "TOO_MANY_MOVES",
            Rejection::NotAbove { .. } => "NOT_ABOVE",
            Rejection::Recused { .. } => "UNIT_RECUSED",
            Rejection::CannotRecuse { .. } => "CANNOT_RECUSE",
            Rejection::NotAnInquiry { .. } => "NOT_AN_INQUIRY",
            Rejection::NotCritical { .. } => "NOT_CRITICAL",
            Rejection::Designated { .. } => "UNIT_DESIGNATED",
            Rejection::UsedUp { .. } => "USED_UP",
            Rejection::TooLate { .. } => "DEADLINE_PASSED",
            Rejection::OutOfBounds { .. } => "OUT_OF_BOUNDS",
            Rejection::CannotMerge { .. } => "CANNOT_MERGE",
            Rejection::HasChildren { .. } => "HAS_MERGED_ORDERS",
            Rejection::CoHandlersPending { .. } => "CO_HANDLERS_PENDING",
            Rejection::CannotCoHandle { .. } => "CANNOT_CO_HANDLE",
            Rejection::NotCoHandling { .. } => "NOT_CO_HANDLING",
            Rejection::EvidenceMissing => "EVIDENCE_MISSING",
            Rejection::NotSupervised => "NOT_SUPERVISED",
            Rejection::NotParked => "NOT_PARKED",
            Rejection::NotYetDue { .. } => "NOT_YET_DUE",
            Rejection::AlreadyReopened { .. } => "ALREADY_REOPENED",
            Rejection::HeardInFuture { .. } => "HEARD_IN_FUTURE",
            Rejection::HeardTooLongAgo { .. } => "HEARD_TOO_LONG_AGO",
        }
    }
}

impl Rejection {
    /// Whether the move itself cannot be, whatever is said with it; else other words may do.
    pub fn is_of_the_move(&self) -> bool {
        match self {
            Rejection::WrongStage { .. }
            | Rejection::AlreadySigned { .. }
            | Rejection::NobodyAbove { .. }
            | Rejection::TooManyMoves { .. }
            | Rejection::NotAnInquiry { .. }
            | Rejection::NotCritical { .. }
            | Rejection::Designated { .. }
            | Rejection::UsedUp { .. }
            | Rejection::TooLate { .. }
            | Rejection::HasChildren { .. }
            | Rejection::NotSupervised
            | Rejection::NotParked
            | Rejection::NotYetDue { .. }
            | Rejection::AlreadyReopened { .. } => true,
            Rejection::NoSuchOrder
            | Rejection::NumberTaken
            | Rejection::NotHolder { .. }
            | Rejection::NotCentre { .. }
            | Rejection::NotAbove { .. }
            | Rejection::NobodyBelow { .. }
            | Rejection::NotBelow { .. }
            | Rejection::Recused { .. }
            | Rejection::CannotRecuse { .. }
            | Rejection::OutOfBounds { .. }
            | Rejection::CannotMerge { .. }
            | Rejection::CoHandlersPending { .. }
            | Rejection::CannotCoHandle { .. }
            | Rejection::NotCoHandling { .. }
            | Rejection::EvidenceMissing
            | Rejection::HeardInFuture { .. }
            | Rejection::HeardTooLongAgo { .. } => false,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::NoSuchOrder => write!(f, "there is no such order"),
            Rejection::NumberTaken => write!(f, "there is an order of that number already"),
            Rejection::WrongStage { stage, action } => {
                write!(f, "{action} is not allowed while the order is in {stage}")
            }
            Rejection::NotHolder { holder, actor } => {
                write!(f, "unit {holder} holds the order; unit {actor} may not act for it")
            }
            Rejection::NotCentre { centre, actor } => {
                write!(f, "only the centre, unit {centre}, may do this, not unit {actor}")
            }
            Rejection::AlreadySigned { unit, at } => {
                write!(f, "unit {unit} signed the order at {at}")
            }
            Rejection::NobodyBelow { unit } => {
                write!(f, "unit {unit} is the end of the chain; name the unit to relay to")
            }
            Rejection::NotBelow { unit, to } => {
                write!(f, "unit {to} does not lie below unit {unit}, which holds the order")
            }
            Rejection::NobodyAbove { unit } => {
                write!(f, "unit {unit} has nobody above to return the order to; relay it instead")
            }
            Rejection::TooManyMoves { limit } => {
                write!(
                    f,
                    "the order has changed hands {limit} times; it may only be relayed down, reported and closed"
                )
            }
            Rejection::NotAbove { holder, actor } => write!(
                f,
                "unit {holder} holds the order; only a unit above it may do this, not unit {actor}"
            ),
            Rejection::Recused { unit } => {
                write!(f, "the order complains about unit {unit}, which may not be given it")
            }
            Rejection::CannotRecuse { unit } => {
                write!(f, "unit {unit} cannot be recused: never the centre, at most 8 units")
            }
            Rejection::NotAnInquiry { kind } => {
                write!(f, "only an inquiry may be answered at once; this is a {kind}")
            }
            Rejection::NotCritical { urgency } => write!(
                f,
                "only a critical matter, of life or safety, is handed over; this is {urgency}"
            ),
            Rejection::Designated { unit } => write!(
                f,
                "unit {unit} was designated to handle the order and may not return it; it may ask \
                 for an extension or escalate"
            ),
            Rejection::UsedUp { action, limit } => {
                write!(f, "the order's policy allows {action} {limit} times, and no more")
            }
            Rejection::TooLate { due } => {
                write!(f, "the deadline passed at {due}; this must be done before")
            }
            Rejection::OutOfBounds { field, limit } => {
                write!(f, "{field} must be later than now, by at most {limit}")
            }
            Rejection::CannotMerge { why } => write!(f, "the orders cannot be merged: {why}"),
            Rejection::HasChildren { count } => write!(
                f,
                "{count} orders of other callers were merged into this one, and wait for its result"
            ),
            Rejection::CoHandlersPending { units } => {
                write!(f, "co-handlers have still to report:")?;
                for unit in units {
                    write!(f, " {unit}")?;
                }
                write!(f, "; wait for them, or say why not")
            }
            Rejection::CannotCoHandle { unit } => write!(
                f,
                "unit {unit} cannot co-handle: it holds the order, co-handles already, or 8 do"
            ),
            Rejection::NotCoHandling { unit } => {
                write!(f, "unit {unit} is not a co-handler of the order, or has reported its part")
            }
            Rejection::EvidenceMissing => {
                write!(f, "the order's policy wants at least one piece of evidence with a report")
            }
            Rejection::NotSupervised => write!(f, "the order is not under supervision"),
            Rejection::NotParked => write!(f, "the order is not parked"),
            Rejection::NotYetDue { due } => write!(
                f,
                "the citizen is called once the order is closed, or after its deadline, {due}"
            ),
            Rejection::AlreadyReopened { by } => {
                write!(f, "order {by} has taken it up again already")
            }
            Rejection::HeardInFuture { ahead } => {
                write!(
                    f,
                    "heard_at lies {ahead} in the future; give the time when the citizen was heard"
                )
            }
            Rejection::HeardTooLongAgo { ago, limit } => {
                write!(f, "heard_at lies {ago} back; at most {limit} is allowed")
            }
        }
    }
}

impl std::error::Error for Rejection {}
