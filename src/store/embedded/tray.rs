//! One unit's tray of one desk: what is free to be claimed, and what is held under a lease.

use crate::domain::{OrderNo, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a tray is sorted by.
pub(super) type Place = (Timestamp, OrderNo);

/// How soon a lease that ran out during its own commit is looked at again.
const COMMITTING: Duration = Duration::from_millis(100);

/// A running claim.
pub(super) struct Held {
    pub(super) assignment: u16,
    pub(super) claim: u64,
    until: Instant,
    /// A commit under this lease is on its way to the disk: it was checked while the lease
    /// ran, so nobody else may get the order before it has landed.
    committing: AtomicBool,
}

/// Each order of the tray is in exactly one of the two, by deadline.
#[derive(Default)]
pub(super) struct Tray {
    free: BTreeMap<Place, u16>,
    held: BTreeMap<Place, Held>,
    /// When to look whether a lease has run out; may name places long gone.
    ends: BinaryHeap<Reverse<(Instant, Place)>>,
}

impl Tray {
    /// Of what was found at opening, in any order; nothing is held.
    pub(super) fn of(places: Vec<(Place, u16)>) -> Tray {
        Tray { free: places.into_iter().collect(), ..Tray::default() }
    }

    /// Takes an order out; a lease on it comes along.
    pub(super) fn remove(&mut self, place: Place) -> Option<Held> {
        if self.free.remove(&place).is_none() { self.held.remove(&place) } else { None }
    }

    /// Whether an order is there, and whether it is there twice: free and held.
    pub(super) fn look(&self, place: Place) -> (Option<u16>, bool) {
        let free = self.free.get(&place).copied();
        let held = self.held.get(&place).map(|held| held.assignment);
        (free.or(held), free.is_some() && held.is_some())
    }

    /// Frees what is held and free at once: nobody can have the right to it alone.
    pub(super) fn untear(&mut self, place: Place) {
        if self.free.contains_key(&place) {
            self.held.remove(&place);
        }
    }

    /// How many orders are out under a lease, those that nobody has taken back included.
    pub(super) fn leases(&self) -> usize {
        self.held.len()
    }

    /// Puts an order in; a lease on it goes on if it is of the same holding.
    pub(super) fn insert(&mut self, place: Place, assignment: u16, lease: Option<Held>) {
        match lease {
            Some(held) if held.assignment == assignment => {
                self.ends.push(Reverse((held.until, place)));
                self.held.insert(place, Held { committing: AtomicBool::new(false), ..held });
            }
            Some(_) | None => {
                self.free.insert(place, assignment);
            }
        }
    }

    /// Everything in the tray, by deadline, after a place.
    pub(super) fn page(&self, after: Option<Place>, max: usize) -> Vec<(Place, u16)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        let free = self.free.range(range).take(max).map(|(place, a)| (*place, *a));
        let held = self.held.range(range).take(max).map(|(place, h)| (*place, h.assignment));
        let mut page: Vec<(Place, u16)> = free.chain(held).collect();
        page.sort_unstable();
        page.truncate(max);
        page
    }

    /// Whether the claim still holds the order; if so it holds until its commit has landed.
    pub(super) fn begin_commit(&self, place: Place, claim: u64, now: Instant) -> bool {
        match self.held.get(&place) {
            Some(held) if held.claim == claim && held.until > now => {
                held.committing.store(true, Ordering::Relaxed);
                true
            }
            Some(_) | None => false,
        }
    }

    /// The commit did not land.
    pub(super) fn end_commit(&self, place: Place) {
        if let Some(held) = self.held.get(&place) {
            held.committing.store(false, Ordering::Relaxed);
        }
    }

    /// Frees what a claim holds, unless its commit is on its way.
    pub(super) fn release(&mut self, place: Place, claim: u64) {
        if let Some(held) = self.held.get(&place)
            && held.claim == claim
            && !held.committing.load(Ordering::Relaxed)
        {
            self.free.insert(place, held.assignment);
            self.held.remove(&place);
        }
    }

    /// Frees what was held too long, and says what is to be claimed first.
    pub(super) fn first(&mut self, now: Instant) -> Option<Place> {
        while let Some(Reverse((end, place))) = self.ends.peek().copied()
            && end <= now
        {
            self.ends.pop();
            match self.held.get(&place) {
                Some(held) if held.committing.load(Ordering::Relaxed) => {
                    self.ends.push(Reverse((now + COMMITTING, place)));
                }
                Some(held) if held.until <= now => {
                    self.free.insert(place, held.assignment);
                    self.held.remove(&place);
                }
                // Gone, or claimed again since.
                Some(_) | None => {}
            }
        }
        self.free.first_key_value().map(|(place, _)| *place)
    }

    /// Gives what is to be claimed first to a claim.
    pub(super) fn claim_first(&mut self, claim: u64, until: Instant) -> Option<(Place, u16)> {
        let (place, assignment) = self.free.pop_first()?;
        self.held
            .insert(place, Held { assignment, claim, until, committing: AtomicBool::new(false) });
        self.ends.push(Reverse((until, place)));
        Some((place, assignment))
    }
}
