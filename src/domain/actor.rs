//! Who did it: every command names its actor, every event records it.

use super::ids::{Cell, Unit};
use super::named::named;
use std::sync::Arc;

named! {
    /// In what capacity somebody acts.
    Role {
        /// 话务员: takes calls and files matters
        Agent = 1 "agent" "话务员",
        /// 承办人: works for a unit of the chain
        Handler = 2 "handler" "承办人",
        /// 派单员: triages and decides at the hotline's centre
        Dispatcher = 3 "dispatcher" "派单员",
        /// The timers
        Clock = 4 "clock" "时钟",
    }
}

/// The longest staff number, in bytes.
pub const MAX_STAFF: usize = 64;

/// Somebody, or the clock, acting for a unit in a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The staff number, never a person's name.
    pub staff: Arc<str>,
    /// The unit they act for.
    pub unit: Unit,
    /// In what capacity.
    pub role: Role,
}

impl Actor {
    /// The timers of a cell.
    pub fn clock(cell: Cell) -> Actor {
        Actor { staff: Arc::from("clock"), unit: cell.centre(), role: Role::Clock }
    }
}
