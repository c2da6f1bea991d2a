//! Who holds what under a lease, order by order: a commit looks at those of its order alone.

use crate::clock::tick;
use crate::domain::{Desk, OrderNo, Unit};
use crate::store::Lease;
use std::collections::HashMap;
use std::time::Instant;

pub(super) struct Held {
    pub(super) unit: Unit,
    pub(super) desk: Desk,
    pub(super) assignment: u16,
    pub(super) claim: u64,
    pub(super) until: Instant,
}

/// One at most for each place where an order waits; none empty.
#[derive(Default)]
pub(super) struct Leases(HashMap<OrderNo, Vec<Held>>);

impl Leases {
    pub(super) fn of(&self, no: OrderNo) -> &[Held] {
        self.0.get(&no).map_or(&[], Vec::as_slice)
    }

    pub(super) fn holds(&self, lease: Lease, no: OrderNo) -> bool {
        lease.order == no
            && self.of(no).iter().any(|held| {
                held.claim == lease.claim
                    && held.assignment == lease.assignment
                    && held.until > tick()
            })
    }

    pub(super) fn has(&self, no: OrderNo, unit: Unit, desk: Desk, now: Instant) -> bool {
        let mut of = self.of(no).iter();
        of.any(|held| (held.unit, held.desk) == (unit, desk) && held.until > now)
    }

    /// In the place of the one before it.
    pub(super) fn hand(&mut self, no: OrderNo, held: Held) {
        self.retain(no, |other| (other.unit, other.desk) != (held.unit, held.desk));
        self.0.entry(no).or_default().push(held);
    }

    pub(super) fn retain(&mut self, no: OrderNo, stays: impl FnMut(&Held) -> bool) {
        if let Some(of) = self.0.get_mut(&no) {
            of.retain(stays);
            if of.is_empty() {
                self.0.remove(&no);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (OrderNo, &Held)> {
        self.0.iter().flat_map(|(no, of)| of.iter().map(|held| (*no, held)))
    }
}
