//! Mending: what is written beside an order and does not follow from it is written anew.
//!
//! The order's snapshot is the truth. What it says of trays, timers and lists comes from the
//! same pure functions that every commit writes by; a store compares in one atomic look at one
//! version of the order, and writes in the same look. So no mend ever touches what a commit is
//! changing, and none is a guess.

use super::{Cursor, StoreError};
use crate::domain::{Entry, Order, OrderNo, Tally, Timestamp, entries, next_deadline};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// Something beside an order that does not follow from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mismatch {
    /// It must wait there and does not.
    Missing(Entry),
    /// It waits there and must not.
    Stray(Entry),
    /// It waits there by another deadline.
    Misplaced(Entry, Timestamp),
    /// A lease of nothing, or nothing of a lease: the place and its lease say two things.
    Torn(Entry),
    /// The timer is another one, or one too many, or missing.
    Timer(Option<Timestamp>, Option<Timestamp>),
    /// It is in no list that all orders are found by.
    Unlisted,
    /// It is filed among the open ones though it is over, or the other way round, or twice.
    Misfiled,
}

impl Mismatch {
    /// Its name, stable for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Mismatch::Missing(_) => "missing_entry",
            Mismatch::Stray(_) => "stray_entry",
            Mismatch::Misplaced(..) => "misplaced_entry",
            Mismatch::Torn(_) => "torn_lease",
            Mismatch::Timer(..) => "wrong_timer",
            Mismatch::Unlisted => "unlisted_order",
            Mismatch::Misfiled => "misfiled_order",
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |entry: &Entry| {
            let Entry { unit, desk, assignment, deadline } = entry;
            format!("{desk} of {unit} (holding {assignment}, by {deadline})")
        };
        let at = |at: &Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |t| t.to_string());
        match self {
            Mismatch::Missing(entry) => write!(f, "must wait in {} and does not", place(entry)),
            Mismatch::Stray(entry) => write!(f, "waits in {} and must not", place(entry)),
            Mismatch::Misplaced(entry, stored) => {
                write!(f, "waits by {stored}, but must wait in {}", place(entry))
            }
            Mismatch::Torn(entry) => {
                write!(f, "has a lease that does not fit its place in {}", place(entry))
            }
            Mismatch::Timer(stored, derived) => {
                write!(f, "is due at {}, but must be due at {}", at(stored), at(derived))
            }
            Mismatch::Unlisted => write!(f, "is in no list of all orders"),
            Mismatch::Misfiled => write!(f, "is filed in the wrong place, or twice"),
        }
    }
}

/// What is compared: an order as it is known, and what was seen beside it.
#[derive(Clone, Debug)]
pub struct Look {
    /// Which order.
    pub no: OrderNo,
    /// As it was loaded; `None` when there is none of that number.
    pub order: Option<Arc<Order>>,
    /// Where it was seen to wait, rightly or not, once each.
    pub seen: Vec<Entry>,
    /// When it was seen to be due.
    pub due: Vec<Timestamp>,
}

impl Look {
    /// Where it must wait.
    pub fn right(&self) -> Vec<Entry> {
        self.order.as_deref().map_or_else(Vec::new, entries)
    }

    /// When it must be due.
    pub fn timer(&self) -> Option<Timestamp> {
        self.order.as_deref().and_then(next_deadline)
    }

    /// What of all that is stored beside the order does not follow from it.
    pub fn compare(&self, stored: &[Entry], due: &[Timestamp]) -> Vec<Mismatch> {
        let (right, timer) = (self.right(), self.timer());
        let missing = right.iter().filter(|entry| !stored.contains(entry));
        let strays = stored.iter().filter(|entry| !right.contains(entry));
        let mut found: Vec<Mismatch> = missing.copied().map(Mismatch::Missing).collect();
        found.extend(strays.copied().map(Mismatch::Stray));
        if !due.iter().eq(timer.iter()) {
            let other = due.iter().copied().find(|at| Some(*at) != timer);
            found.push(Mismatch::Timer(other, timer));
        }
        found
    }
}

/// Compares and mends, order by order. What is only read here may be behind; what is mended is
/// checked in the same write.
#[async_trait]
pub trait Reconcile {
    /// Places and orders that deserve a closer look although nothing else points to them.
    async fn hints(&self) -> Result<Vec<(OrderNo, Option<Entry>)>, StoreError> {
        Ok(Vec::new())
    }

    /// What does not follow from the order, and with `mend` no longer does. `None` when the
    /// order is another by now: load it and look again. More than its version counts: after a
    /// failover that lost something, another step can have the same.
    async fn reconcile(&self, look: &Look, mend: bool)
    -> Result<Option<Vec<Mismatch>>, StoreError>;

    /// Writes a caller's list anew, if it still reads as it was `seen`, and those that were not
    /// in it stand as they do in `added`; whether it did. One that ends leaves the list it was
    /// not in without a trace, so the list alone does not tell.
    async fn mend_caller(
        &self,
        _phone: [u8; 16],
        _seen: &[OrderNo],
        _orders: &[OrderNo],
        _added: &[Arc<Order>],
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// A mark that no longer is the same once anything was committed.
    async fn mark(&self) -> Result<Cursor, StoreError>;

    /// Sets counters, if nothing was committed since the mark; whether they were set.
    async fn mend_tallies(
        &self,
        _since: Cursor,
        _right: &[(Tally, i64)],
    ) -> Result<bool, StoreError> {
        Ok(false)
    }
}
