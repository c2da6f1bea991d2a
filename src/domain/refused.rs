//! A rejection with where it was met: which move of which stage, and what may be done instead.

use super::command::ActionName;
use super::order::Order;
use super::rejection::Rejection;
use super::stage::Stage;
use super::transition::allowed;
use std::fmt;

/// The order stays as it was: why, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Why.
    pub why: Rejection,
    /// Which move of which stage; `None` where there is no order, or none to know of.
    pub at: Option<Standing>,
}

/// A move where it was wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Where the order stands; `None` before it is written down.
    pub stage: Option<Stage>,
    /// What was wanted.
    pub action: ActionName,
}

impl Refused {
    /// A move of this order; of none, a new one's.
    pub fn of(order: Option<&Order>, action: ActionName, why: Rejection) -> Refused {
        let standing = Standing { stage: order.map(|order| order.stage), action };
        let hidden = why == Rejection::NoSuchOrder;
        Refused { why, at: (!hidden).then_some(standing) }
    }

    /// The reason in UPPER_SNAKE, stable for programs.
    pub fn reason(&self) -> &'static str {
        self.why.reason()
    }

    /// What may be done now: the stage's moves, but for the one that was refused if no other
    /// words would help it.
    pub fn allowed(&self) -> Vec<ActionName> {
        let Some(Standing { stage, action }) = self.at else { return Vec::new() };
        let moves = stage.map_or(&[ActionName::Register][..], allowed);
        let hopeless = self.why.is_of_the_move() && !decides(action);
        moves.iter().copied().filter(|name| !(hopeless && *name == action)).collect()
    }
}

/// Whoever decides may decide otherwise.
fn decides(action: ActionName) -> bool {
    matches!(
        action,
        ActionName::DecideReturn
            | ActionName::DecideReport
            | ActionName::DecideExtension
            | ActionName::DecideSuspension
    )
}

impl From<Rejection> for Refused {
    fn from(why: Rejection) -> Refused {
        Refused { why, at: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl std::error::Error for Refused {}
