//! Why a command may not happen, in a way that a person understands.

use super::command::ActionName;
use super::ids::Unit;
use super::order::Stage;
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
        /// What can be done there.
        allowed: &'static [ActionName],
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
            Rejection::HeardInFuture { .. } => "HEARD_IN_FUTURE",
            Rejection::HeardTooLongAgo { .. } => "HEARD_TOO_LONG_AGO",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::NoSuchOrder => write!(f, "there is no such order"),
            Rejection::NumberTaken => write!(f, "there is an order of that number already"),
            Rejection::WrongStage { stage, action, allowed } => {
                write!(f, "{action} is not allowed while the order is in {stage}; allowed now: ")?;
                if allowed.is_empty() {
                    return write!(f, "nothing");
                }
                for (i, name) in allowed.iter().enumerate() {
                    write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
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
