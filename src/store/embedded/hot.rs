//! What readers see: the open orders and everything indexed of them, in memory.
//!
//! Only what has reached the disk is ever put in here, one change at a time and whole, so
//! that nobody sees half a change or one that may yet be lost. It is rebuilt at opening from
//! the orders that are not archived; nothing but the snapshots is needed.

use super::Map;
use super::leaps::Leaps;
use super::prepared::Prepared;
use super::requests::{Requests, Slot};
use super::tray::{Place, Tray};
use crate::domain::{Cell, Desk, Entry, Order, OrderNo, TALLIES, Unit};
use crate::store::{Consumer, Cursor, Lease, MAX_OF_CALLER, ModeRow, StoreError};
use redb::Database;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An open order as it is kept: the bytes of its snapshot are a quarter of the order's size.
pub(super) struct Kept {
    pub(super) version: u32,
    pub(super) snapshot: Box<[u8]>,
    /// The digest of the caller's phone.
    pub(super) caller: Option<Caller>,
}

/// The digest of a phone.
pub(super) type Caller = [u8; 16];

/// Every counter, by its place in [`TALLIES`].
pub(super) type Tallies = [i64; TALLIES.len()];

/// The state readers see.
pub(super) struct Hot {
    pub(super) orders: BTreeMap<OrderNo, Kept>,
    pub(super) trays: Map<(Unit, Desk), Tray>,
    pub(super) deadlines: BTreeSet<Place>,
    pub(super) tallies: Tallies,
    pub(super) requests: Requests,
    /// Who called about which of the orders that are not archived, by number.
    pub(super) callers: Map<Caller, Vec<OrderNo>>,
    /// The city's mode.
    pub(super) mode: Option<ModeRow>,
    /// The last claim given.
    pub(super) claims: u64,
    /// The highest number that was ever archived: above it nobody need look in the file.
    pub(super) archive_end: Option<OrderNo>,
    pub(super) feed_end: Cursor,
    /// The last batch of the feed that left.
    pub(super) trimmed: u64,
    /// Who reads the feed under a name.
    pub(super) consumers: BTreeMap<String, Consumer>,
    /// Where the feed leapt.
    pub(super) leaps: Leaps,
    /// The file, or why it cannot be used.
    pub(super) db: Result<Arc<Database>, StoreError>,
}

impl Hot {
    pub(super) fn empty(db: Arc<Database>, epoch: u64) -> Hot {
        Hot {
            orders: BTreeMap::new(),
            trays: Map::default(),
            deadlines: BTreeSet::new(),
            tallies: [0; TALLIES.len()],
            requests: Requests::default(),
            callers: Map::default(),
            mode: None,
            claims: 0,
            archive_end: None,
            feed_end: Cursor { epoch, sequence: 0, index: 0 },
            trimmed: 0,
            consumers: BTreeMap::new(),
            leaps: Leaps::default(),
            db: Ok(db),
        }
    }

    /// An open order and whose it is, without where it waits.
    pub(super) fn keep(&mut self, order: &Order, snapshot: &[u8], caller: Option<Caller>) {
        let no = order.no;
        if let Some(caller) = caller {
            self.remember_caller(no, caller);
        }
        let (version, snapshot) = (order.version, snapshot.into());
        self.orders.insert(no, Kept { version, snapshot, caller });
    }

    /// Makes a change visible that has reached the disk.
    pub(super) fn apply(&mut self, change: Prepared, slot: Option<Slot>) {
        let Prepared { no, version, snapshot, leaves, waits, .. } = change;
        let mut leases = Vec::new();
        for Entry { unit, desk, assignment: _, deadline } in leaves {
            let tray = self.trays.get_mut(&(unit, desk));
            let lease = tray.and_then(|tray| tray.remove((deadline, no)));
            leases.extend(lease.map(|lease| (unit, desk, lease)));
        }
        for Entry { unit, desk, assignment, deadline } in waits {
            // A lease lives as long as the place it was claimed from.
            let same = leases.iter().position(|(u, d, _)| *u == unit && *d == desk);
            let lease = same.map(|at| leases.swap_remove(at).2);
            let tray = self.trays.entry((unit, desk)).or_default();
            tray.insert((deadline, no), assignment, lease);
        }
        if change.was_due != change.is_due {
            change.was_due.map(|at| self.deadlines.remove(&(at, no)));
            self.deadlines.extend(change.is_due.map(|at| (at, no)));
        }
        for (place, n) in change.tallies {
            self.tallies[usize::from(place)] += n;
        }
        if let (Some((id, _)), Some(slot)) = (change.request, slot) {
            self.requests.insert(id, slot);
        }
        if let Some(caller) = change.caller {
            self.remember_caller(no, caller);
        }
        if change.is_archived {
            let caller = self.orders.remove(&no).and_then(|kept| kept.caller);
            self.forget_caller(no, caller.or(change.caller));
            self.archive_end = self.archive_end.max(Some(no));
        } else {
            let known = self.orders.get(&no).and_then(|kept| kept.caller);
            let caller = change.caller.or(known);
            self.orders.insert(no, Kept { version, snapshot, caller });
        }
    }

    /// The caller's latest orders, the latest first; however many there are, it takes no longer.
    pub(super) fn of_caller(&self, caller: &Caller) -> Vec<OrderNo> {
        let all = self.callers.get(caller).into_iter().flatten();
        all.rev().take(MAX_OF_CALLER).copied().collect()
    }

    fn remember_caller(&mut self, no: OrderNo, caller: Caller) {
        let orders = self.callers.entry(caller).or_default();
        // A new number is almost always the highest.
        if let Err(at) = orders.binary_search(&no) {
            orders.insert(at, no);
        }
    }

    pub(super) fn forget_caller(&mut self, no: OrderNo, caller: Option<Caller>) {
        let Some(caller) = caller else { return };
        if let Some(orders) = self.callers.get_mut(&caller) {
            if let Ok(at) = orders.binary_search(&no) {
                orders.remove(at);
            }
            if orders.is_empty() {
                self.callers.remove(&caller);
            }
        }
    }

    /// Whether the lease is the latest claim of a running holding; if so, it is kept until
    /// its commit has landed. `waits` is where the order waited when it was decided upon.
    pub(super) fn begin_commit(&self, lease: Lease, waits: &[Entry], now: Instant) -> bool {
        waits.iter().any(|entry| {
            entry.assignment == lease.assignment
                && self.trays.get(&(entry.unit, entry.desk)).is_some_and(|tray| {
                    tray.begin_commit((entry.deadline, lease.order), lease.claim, now)
                })
        })
    }

    /// The commit under a lease did not land.
    pub(super) fn end_commit(&self, no: OrderNo, waits: &[Entry]) {
        for entry in waits {
            if let Some(tray) = self.trays.get(&(entry.unit, entry.desk)) {
                tray.end_commit((entry.deadline, no));
            }
        }
    }

    /// Claims the earliest free orders of several trays: leases and snapshots.
    pub(super) fn claim(
        &mut self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        now: Instant,
        lease: Duration,
    ) -> Vec<(Lease, Box<[u8]>)> {
        let mut firsts = BinaryHeap::with_capacity(units.len());
        for unit in units {
            let tray = self.trays.get_mut(&(*unit, desk));
            firsts.extend(tray.and_then(|t| t.first(now)).map(|place| Reverse((place, *unit))));
        }
        let mut claimed = Vec::new();
        while claimed.len() < max
            && let Some(Reverse((_, unit))) = firsts.pop()
        {
            let Some(tray) = self.trays.get_mut(&(unit, desk)) else { continue };
            let claim = self.claims + 1;
            // A unit named twice has nothing left the second time.
            let Some(((_, order), assignment)) = tray.claim_first(claim, now + lease) else {
                continue;
            };
            firsts.extend(tray.first(now).map(|place| Reverse((place, unit))));
            self.claims = claim;
            if let Some(kept) = self.orders.get(&order) {
                claimed.push((Lease { order, assignment, claim }, kept.snapshot.clone()));
            }
        }
        claimed
    }

    /// Every place where an order waits.
    pub(super) fn all_entries(&self) -> Vec<(Entry, OrderNo)> {
        let mut all = Vec::new();
        for (&(unit, desk), tray) in &self.trays {
            let page = tray.page(None, usize::MAX);
            all.extend(page.into_iter().map(|((deadline, no), assignment)| {
                (Entry { unit, desk, assignment, deadline }, no)
            }));
        }
        all
    }
}

/// The message for a store that holds another city.
pub(super) fn other_cell(found: Cell, wanted: Cell) -> StoreError {
    StoreError::Unreachable(format!(
        "the store holds the cell {found}, not {wanted}: name the file of {wanted}, or serve {found}"
    ))
}
