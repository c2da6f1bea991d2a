//! The city's mode row: which policies are in force, and how far the orders in flight are
//! with being stamped anew.

use super::RequestId;
use crate::domain::{Mode, OrderNo, Timestamp};

/// The row. A city that was never switched has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModeRow {
    /// Grows with every write; a write names the one it was decided upon.
    pub revision: u32,
    /// Which policies new orders are stamped with.
    pub mode: Mode,
    /// Grows with every switch: an order is registered under the one it was decided under.
    pub version: u32,
    /// Since when.
    pub since: Timestamp,
    /// Who asked for the last switch: the same again is answered as before.
    pub request: RequestId,
    /// Stamping the orders in flight; `None` when they keep what they have.
    pub restamping: Option<Restamping>,
}

/// How far the orders in flight are: they are gone through by number.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Restamping {
    /// The last order that was looked at.
    pub after: Option<OrderNo>,
    /// How many were looked at.
    pub looked: u64,
    /// How many of them have other limits now.
    pub restamped: u64,
    /// How many could not be stamped; the log names them.
    pub failed: u64,
    /// When there were no more.
    pub done_at: Option<Timestamp>,
}
