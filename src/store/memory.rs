//! The simplest store that keeps the law: one lock around plain collections. It forgets
//! everything with its process. Tests measure the others against it.

mod checks;
mod dump;
mod feed;
mod leases;
mod leaving;
mod reconcile;
mod requests;
mod vitals;

use super::image;
use super::{
    Change, Claimed, CommitError, Consumer, Cursor, Lease, MAX_BATCH, MAX_DUE, MAX_FEED,
    MAX_OF_CALLER, ModeRow, Paper, Remembered, RequestId, SealedContact, Store, StoreError, Sums,
    check_together, day_of,
};
use crate::clock::{tick, wall_now};
use crate::domain::{
    Cell, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order, OrderNo, Span, TALLIES,
    Tally, Timestamp, Unit, entries, indicators, next_deadline, tallies,
};
use async_trait::async_trait;
use leases::{Held, Leases};
use requests::Requests;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A cell kept in memory.
pub struct Memory {
    cell: Cell,
    epoch: u64,
    state: Mutex<State>,
    end: watch::Sender<Cursor>,
    /// How far its wall clock is ahead of the machine's, if it has one.
    ahead: Mutex<Option<Span>>,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<OrderNo, Arc<Order>>,
    trays: BTreeMap<(Unit, Desk), BTreeMap<(Timestamp, OrderNo), u16>>,
    deadlines: BTreeSet<(Timestamp, OrderNo)>,
    tallies: HashMap<Tally, i64>,
    mode: Option<ModeRow>,
    indicators: BTreeMap<(u16, Marginal), Counts>,
    requests: Requests,
    papers: HashMap<(OrderNo, u16), Arc<Paper>>,
    contacts: HashMap<OrderNo, SealedContact>,
    /// Of each phone's digest, the orders whose contact has it.
    callers: HashMap<[u8; 16], BTreeSet<OrderNo>>,
    /// The events of one step each; the first of all had sequence 1.
    feed: VecDeque<Vec<Event>>,
    /// Where the last announcement stands in it.
    announced: u64,
    /// So many steps of it left.
    trimmed: u64,
    consumers: BTreeMap<String, Consumer>,
    numbers: BTreeMap<Date, u32>,
    leases: Leases,
    claims: u64,
    timers: Option<(u64, Instant)>,
    closed: bool,
}

impl Memory {
    /// An empty cell.
    pub fn new(cell: Cell) -> Memory {
        let epoch = wall_now().0.unsigned_abs();
        let start = Cursor { epoch, sequence: 0, index: 0 };
        let end = watch::Sender::new(start);
        Memory { cell, epoch, state: Mutex::default(), end, ahead: Mutex::default() }
    }

    /// Has it remember requests for [`super::REQUEST_MEMORY`] of the orders' time, not as long as it
    /// lives: a year may pass on a manual clock while the machine's hardly moves.
    pub fn forget_requests(&self) -> Result<(), StoreError> {
        self.state()?.requests.forget_old_ones();
        Ok(())
    }

    /// Gives it a wall clock of its own, this far ahead of the machine's: a store that all
    /// processes of a cell share has one, and it may disagree.
    pub fn set_wall_clock(&self, ahead: Span) {
        *self.ahead.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(ahead);
    }

    /// The state, unless the store is closed. Nothing panics while holding the lock.
    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match state.closed {
            true => Err(StoreError::Unreachable("the store is closed".to_owned())),
            false => Ok(state),
        }
    }
}

impl State {
    fn keep_contact(&mut self, no: OrderNo, contact: SealedContact) {
        self.callers.entry(contact.phone).or_default().insert(no);
        self.contacts.insert(no, contact);
    }

    fn apply(&mut self, change: Change) {
        let Change { before, after, events, papers, contact, request, lease: _, mode: _ } = change;
        let no = after.no;
        if let Some(before) = &before {
            for Entry { unit, desk, assignment: _, deadline } in entries(before) {
                if let Some(tray) = self.trays.get_mut(&(unit, desk)) {
                    tray.remove(&(deadline, no));
                }
            }
            if let Some(deadline) = next_deadline(before) {
                self.deadlines.remove(&(deadline, no));
            }
        }
        let waits = entries(&after);
        for Entry { unit, desk, assignment, deadline } in &waits {
            self.trays.entry((*unit, *desk)).or_default().insert((*deadline, no), *assignment);
        }
        self.deadlines.extend(next_deadline(&after).map(|deadline| (deadline, no)));
        // A lease lives as long as the place it was claimed from.
        let place = |e: &Entry| (e.unit, e.desk, e.assignment);
        self.leases.retain(no, |held| {
            waits.iter().any(|e| place(e) == (held.unit, held.desk, held.assignment))
        });
        if let Some(event) = events.first() {
            let day = day_of(event.at.date());
            indicators(before.as_deref(), &events, |marginal, measure| {
                self.indicators.entry((day, marginal)).or_default().count(measure);
            });
        }
        for (tally, n) in tallies(before.as_deref(), &after, &events) {
            *self.tallies.entry(tally).or_default() += n;
        }
        if let Some((id, remembered)) = request {
            self.requests.insert(id, remembered);
        }
        self.papers.extend(papers.into_iter().map(|(index, paper)| ((no, index), paper)));
        if let Some(contact) = contact {
            self.keep_contact(no, contact);
        }
        self.orders.insert(no, after);
        self.feed.push_back(events);
    }
}

#[async_trait]
impl Store for Memory {
    fn cell(&self) -> Cell {
        self.cell
    }

    async fn reserve(&self, date: Date, count: u32, above: u32) -> Result<u32, StoreError> {
        let mut state = self.state()?;
        let highest = state.numbers.entry(date).or_default();
        let before = (*highest).max(above);
        let last = before.checked_add(count.max(1)).ok_or_else(|| {
            StoreError::Unreachable("the numbers of this date are used up".to_owned())
        })?;
        *highest = last;
        Ok(before + 1)
    }

    async fn load(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        Ok(self.state()?.orders.get(&no).cloned())
    }

    async fn remembered(&self, id: RequestId) -> Result<Option<Remembered>, StoreError> {
        Ok(self.state()?.requests.get(id).cloned())
    }

    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        self.commit_together(vec![change]).await
    }

    async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        check_together(&changes)?;
        let mut state = self.state().map_err(CommitError::Unavailable)?;
        for change in &changes {
            state.check(change)?;
        }
        if changes[0].request.is_some() && super::fault::drops_this_commit() {
            return Ok(());
        }
        for change in changes {
            state.apply(change);
        }
        self.end.send_replace(state.end(self.epoch));
        Ok(())
    }

    async fn claim(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut state = self.state()?;
        let now = tick();
        let mut free = BTreeSet::new();
        for unit in units {
            let tray = state.trays.get(&(*unit, desk)).into_iter().flatten();
            let unheld = tray.filter(|((_, no), _)| !state.leases.has(*no, *unit, desk, now));
            let unheld =
                unheld.map(|(&(deadline, no), &assignment)| (deadline, no, *unit, assignment));
            free.extend(unheld.take(max.min(MAX_BATCH)));
        }
        let mut claimed = Vec::new();
        for (_, no, unit, assignment) in free.into_iter().take(max.min(MAX_BATCH)) {
            let Some(order) = state.orders.get(&no).cloned() else { continue };
            state.claims += 1;
            let claim = state.claims;
            state.leases.hand(no, Held { unit, desk, assignment, claim, until: now + lease });
            claimed.push(Claimed { order, lease: Lease { order: no, assignment, claim } });
        }
        Ok(claimed)
    }

    async fn ready(&self, trays: &[(Unit, Desk)]) -> Result<Vec<bool>, StoreError> {
        let (state, now) = (self.state()?, tick());
        let is_ready = |&(unit, desk): &(Unit, Desk)| {
            let mut tray = state.trays.get(&(unit, desk)).into_iter().flatten();
            tray.any(|((_, no), _)| !state.leases.has(*no, unit, desk, now))
        };
        Ok(trays.iter().map(is_ready).collect())
    }

    async fn release(&self, claims: &[(Entry, Lease)]) -> Result<(), StoreError> {
        let mut state = self.state()?;
        for (Entry { unit, desk, .. }, lease) in claims {
            state.leases.retain(lease.order, |held| {
                (held.unit, held.desk, held.claim) != (*unit, *desk, lease.claim)
            });
        }
        Ok(())
    }

    async fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        let state = self.state()?;
        let due = state.deadlines.iter().take_while(|(at, _)| *at <= now);
        Ok(due.take(max.min(MAX_DUE)).copied().collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state()?.deadlines.first().map(|(at, _)| *at))
    }

    async fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        let state = self.state()?;
        let Some(tray) = state.trays.get(&(unit, desk)) else { return Ok(Vec::new()) };
        let page = tray.range((after.map_or(Unbounded, Excluded), Unbounded));
        let entry = |(&(deadline, no), &assignment): (&(Timestamp, OrderNo), &u16)| {
            (Entry { unit, desk, assignment, deadline }, no)
        };
        Ok(page.take(max.min(MAX_BATCH)).map(entry).collect())
    }

    async fn numbers(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<OrderNo>, StoreError> {
        let state = self.state()?;
        let page = state.orders.range((after.map_or(Unbounded, Excluded), Unbounded));
        Ok(page.take(max).map(|(no, _)| *no).collect())
    }

    async fn scan(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let state = self.state()?;
        let page = state.orders.range((after.map_or(Unbounded, Excluded), Unbounded));
        Ok(page.take(max.min(MAX_BATCH)).map(|(_, order)| order.clone()).collect())
    }

    async fn all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        let state = self.state()?;
        let of_tray = |(&(unit, desk), tray): (&(Unit, Desk), &BTreeMap<_, u16>)| {
            let entry = move |(&(deadline, no), &assignment): (&(Timestamp, OrderNo), &u16)| {
                (Entry { unit, desk, assignment, deadline }, no)
            };
            tray.iter().map(entry).collect::<Vec<_>>()
        };
        Ok(state.trays.iter().flat_map(of_tray).collect())
    }

    async fn all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        Ok(self.state()?.deadlines.iter().copied().collect())
    }

    async fn tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError> {
        let state = self.state()?;
        let value = |tally: &Tally| (*tally, state.tallies.get(tally).copied().unwrap_or(0));
        Ok(TALLIES.iter().map(value).collect())
    }

    async fn of_caller(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError> {
        let state = self.state()?;
        let newest = state.callers.get(&phone).into_iter().flatten().rev();
        let is_over = |no: &OrderNo| state.orders.get(no).is_none_or(|order| order.is_over());
        Ok(newest.filter(|no| !is_over(no)).take(MAX_OF_CALLER).copied().collect())
    }

    async fn mode(&self) -> Result<Option<ModeRow>, StoreError> {
        Ok(self.state()?.mode.clone())
    }

    async fn set_mode(&self, row: &ModeRow, event: Option<&Event>) -> Result<(), CommitError> {
        let mut state = self.state().map_err(CommitError::Unavailable)?;
        let before = state.mode.as_ref().map_or(0, |row| row.revision);
        if before + 1 != row.revision {
            return Err(CommitError::Conflict);
        }
        state.mode = Some(row.clone());
        state.feed.extend(event.map(|event| vec![event.clone()]));
        self.end.send_replace(state.end(self.epoch));
        Ok(())
    }

    async fn announce(&self, read: Cursor, event: &Event) -> Result<(), CommitError> {
        let mut state = self.state().map_err(CommitError::Unavailable)?;
        if read.epoch != self.epoch || state.announced > read.sequence {
            return Err(CommitError::Conflict);
        }
        state.feed.push_back(vec![event.clone()]);
        state.announced = state.steps();
        self.end.send_replace(state.end(self.epoch));
        Ok(())
    }

    async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError> {
        let (from, to) = (day_of(from), day_of(to));
        let state = self.state()?;
        let mut sums = Sums::default();
        for ((day, marginal), counts) in &state.indicators {
            if (from..=to).contains(day) && marginal.dimension() == of {
                sums.add(*marginal, counts);
            }
        }
        Ok(sums.done())
    }

    async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, StoreError> {
        Ok(self.state()?.papers.get(&(no, index)).map(|paper| Paper::clone(paper)))
    }

    async fn contact(&self, no: OrderNo) -> Result<Option<SealedContact>, StoreError> {
        Ok(self.state()?.contacts.get(&no).cloned())
    }

    async fn feed(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        self.state()?.feed_after(after, max.min(MAX_FEED), self.epoch)
    }

    async fn dump(&self, out: image::Out) -> Result<image::Moment, StoreError> {
        self.dump_all(out).await
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        Ok(self.state()?.end(self.epoch))
    }

    async fn feed_grown(&self, after: Cursor, at_most: Duration) -> Result<(), StoreError> {
        let mut end = self.end.subscribe();
        // Running out of time is an answer too.
        let _ = tokio::time::timeout(at_most, end.wait_for(|end| *end > after)).await;
        self.state().map(|_| ())
    }

    async fn hold_timers(&self, holder: u64, for_: Duration) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let now = tick();
        let free = state.timers.is_none_or(|(who, until)| who == holder || until <= now);
        if free {
            state.timers = Some((holder, now + for_));
        }
        Ok(free)
    }

    async fn wall_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let ahead = *self.ahead.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(ahead.map(|ahead| wall_now().plus(ahead)))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.state().map(|_| ())
    }

    async fn close(&self) {
        if let Ok(mut state) = self.state() {
            state.closed = true;
        }
    }
}
