//! What the simulated store holds, and its law: plain collections, written step by step, so
//! that a replica that lags can be written after it. Time is an argument.

use super::leaving::Shed;
use super::mutant::{Mutant, Slips};
use crate::domain::{
    Counts, Date, Desk, Entry, Event, Marginal, Order, OrderNo, Tally, Timestamp, Unit, entries,
    indicators, next_deadline, tallies,
};
use crate::store::leaving::from;
use crate::store::{
    Change, Claimed, CommitError, Consumer, Cursor, Lease, MAX_BATCH, MAX_FEED, ModeRow, Paper,
    Remembered, RequestId, SealedContact, StoreError,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// Steps that are written together or not at all; mostly one.
pub(super) type Together = Arc<[Arc<Change>]>;

/// One change of the state, as a replica hears of it.
#[derive(Clone)]
pub(super) enum Write {
    /// Steps of orders that belong together.
    Steps(Together),
    /// The city's mode, and what is told of it.
    Mode(ModeRow, Option<Event>),
    /// What happened to the city itself.
    Announced(Event),
    /// Somebody has an order now.
    Claim(OrderNo, Held),
    /// Nobody has it any more.
    Release(OrderNo, Held),
    /// Something leaves, or somebody reads.
    Shed(Shed),
}

/// A claim of one place where an order waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) unit: Unit,
    pub(super) desk: Desk,
    pub(super) assignment: u16,
    pub(super) claim: u64,
    pub(super) until: Timestamp,
}

impl Held {
    pub(super) fn is_at(&self, entry: &Entry) -> bool {
        (self.unit, self.desk, self.assignment) == (entry.unit, entry.desk, entry.assignment)
    }
}

/// A unit's tray: where in it an order stands, and for which of its holdings.
type Tray = BTreeMap<(Timestamp, OrderNo), u16>;

/// Everything a cell consists of.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) orders: BTreeMap<OrderNo, Arc<Order>>,
    /// Each order as it was a step ago: what a reader that lags may still see.
    pub(super) earlier: HashMap<OrderNo, Arc<Order>>,
    pub(super) trays: BTreeMap<(Unit, Desk), Tray>,
    /// How many entries all trays have.
    pub(super) waiting: usize,
    pub(super) deadlines: BTreeSet<(Timestamp, OrderNo)>,
    pub(super) tallies: BTreeMap<Tally, i64>,
    pub(super) indicators: BTreeMap<(Date, Marginal), Counts>,
    pub(super) requests: HashMap<RequestId, Remembered>,
    pub(super) papers: HashMap<(OrderNo, u16), Arc<Paper>>,
    pub(super) contacts: BTreeMap<OrderNo, SealedContact>,
    /// What happened, a step at a time; the first has sequence 1.
    pub(super) feed: Vec<Arc<[Event]>>,
    /// So many steps of it are empty, for they left.
    pub(super) trimmed: u64,
    /// Where the last announcement stands in it.
    pub(super) announced: u64,
    pub(super) consumers: BTreeMap<String, Consumer>,
    pub(super) mode: Option<ModeRow>,
    pub(super) leases: HashMap<OrderNo, Vec<Held>>,
}

impl State {
    /// Whether changes may happen, all of them.
    pub(super) fn check(
        &self,
        changes: &Together,
        now: Timestamp,
        slips: &mut Slips,
    ) -> Result<(), CommitError> {
        changes.iter().try_for_each(|change| self.check_one(change, now, slips))
    }

    fn check_one(
        &self,
        change: &Change,
        now: Timestamp,
        slips: &mut Slips,
    ) -> Result<(), CommitError> {
        let no = change.after.no;
        if let Some((id, _)) = &change.request
            && let Some(remembered) = self.requests.get(id)
        {
            return Err(CommitError::Repeated(Box::new(remembered.clone())));
        }
        // The version decided upon is more than its number: after a failover that lost
        // something, another step can have the same.
        let (stored, decided) = (self.orders.get(&no), change.before.as_ref());
        let number = |order: Option<&Arc<Order>>| order.map(|order| order.version);
        let same = match slips.is(Mutant::CompareNumbers) {
            true => number(stored) == number(decided),
            false => stored == decided,
        };
        if !same && !slips.is(Mutant::SkipVersionCheck) {
            return Err(CommitError::Conflict);
        }
        let version = self.mode.as_ref().map_or(0, |row| row.version);
        if change.mode.is_some_and(|mode| mode != version) {
            return Err(CommitError::Conflict);
        }
        if let Some(lease) = change.lease
            && !self.lease_holds(lease, no, now)
            && !slips.is(Mutant::IgnoreLease)
        {
            return Err(CommitError::LeaseStale);
        }
        Ok(())
    }

    fn lease_holds(&self, lease: Lease, no: OrderNo, now: Timestamp) -> bool {
        let holds = |held: &Held| {
            held.claim == lease.claim && held.assignment == lease.assignment && held.until > now
        };
        lease.order == no && self.leases.get(&no).is_some_and(|all| all.iter().any(holds))
    }

    /// Writes what was checked.
    pub(super) fn write(&mut self, write: &Write, slips: &mut Slips) {
        match write {
            Write::Steps(changes) => {
                let half = slips.is(Mutant::HalfTogether);
                let written = if half { &changes[..1] } else { &changes[..] };
                written.iter().for_each(|change| self.step(change, slips));
            }
            Write::Mode(row, event) => {
                self.mode = Some(row.clone());
                self.feed.extend(event.iter().map(|event| Arc::from([event.clone()])));
            }
            Write::Announced(event) => {
                self.feed.push(Arc::from([event.clone()]));
                self.announced = self.feed.len() as u64;
            }
            Write::Shed(shed) => self.shed(shed),
            Write::Claim(no, held) => {
                let all = self.leases.entry(*no).or_default();
                all.retain(|other| (other.unit, other.desk) != (held.unit, held.desk));
                all.push(*held);
            }
            Write::Release(no, held) => {
                if let Some(all) = self.leases.get_mut(no) {
                    all.retain(|other| other.claim != held.claim);
                }
            }
        }
    }

    fn step(&mut self, change: &Change, slips: &mut Slips) {
        let Change { before, after, events, papers, contact, request, lease: _, mode: _ } = change;
        let no = after.no;
        if !slips.slips(Mutant::HalfCommit) {
            self.move_entries(before.as_deref(), after);
        }
        if let Some(deadline) = before.as_deref().and_then(next_deadline)
            && !slips.slips(Mutant::KeepOldDeadline)
        {
            self.deadlines.remove(&(deadline, no));
        }
        if let Some(deadline) = next_deadline(after)
            && !slips.slips(Mutant::ForgetDeadline)
        {
            self.deadlines.insert((deadline, no));
        }
        if let Some(event) = events.first() {
            let day = event.at.date();
            indicators(before.as_deref(), events, |marginal, measure| {
                if !slips.slips(Mutant::LoseIndicator) {
                    self.indicators.entry((day, marginal)).or_default().count(measure);
                }
            });
        }
        for (tally, n) in tallies(before.as_deref(), after, events) {
            let off = i64::from(slips.slips(Mutant::TallyOffByOne));
            *self.tallies.entry(tally).or_default() += n + off;
        }
        if let Some((id, remembered)) = request
            && !slips.slips(Mutant::ForgetRequest)
        {
            self.requests.insert(*id, remembered.clone());
        }
        for (index, paper) in papers {
            if !slips.slips(Mutant::LosePaper) {
                self.papers.insert((no, *index), Arc::clone(paper));
            }
        }
        self.contacts.extend(contact.iter().map(|contact| (no, contact.clone())));
        self.earlier.extend(self.orders.insert(no, Arc::clone(after)).map(|before| (no, before)));
        self.tell(events, slips);
    }

    fn move_entries(&mut self, before: Option<&Order>, after: &Order) {
        let no = after.no;
        for Entry { unit, desk, deadline, .. } in before.map(entries).unwrap_or_default() {
            if let Some(tray) = self.trays.get_mut(&(unit, desk)) {
                self.waiting -= usize::from(tray.remove(&(deadline, no)).is_some());
            }
        }
        let waits = entries(after);
        for Entry { unit, desk, assignment, deadline } in &waits {
            let tray = self.trays.entry((*unit, *desk)).or_default();
            self.waiting += usize::from(tray.insert((*deadline, no), *assignment).is_none());
        }
        // A lease lives as long as the place it was claimed from.
        if let Some(all) = self.leases.get_mut(&no) {
            all.retain(|held| waits.iter().any(|entry| held.is_at(entry)));
            if all.is_empty() {
                self.leases.remove(&no);
            }
        }
    }

    fn tell(&mut self, events: &[Event], slips: &mut Slips) {
        let step: Arc<[Event]> = Arc::from(events);
        if slips.slips(Mutant::DoubleFeed) {
            self.feed.push(Arc::clone(&step));
        }
        if slips.slips(Mutant::SwapFeed) {
            let before_last = self.feed.len().saturating_sub(1);
            self.feed.insert(before_last, step);
        } else if !slips.slips(Mutant::LoseFeed) {
            self.feed.push(step);
        }
    }

    /// What a claim would take: orders of the units' trays that nobody holds, by deadline.
    pub(super) fn free(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        now: Timestamp,
        slips: &mut Slips,
    ) -> Vec<(Arc<Order>, Unit, u16)> {
        let mut free = BTreeSet::new();
        for unit in units {
            let tray = self.trays.get(&(*unit, desk)).into_iter().flatten();
            for (&(deadline, no), &assignment) in tray {
                let held = self.leases.get(&no).into_iter().flatten();
                let mut held = held.filter(|held| (held.unit, held.desk) == (*unit, desk));
                let is_free = held.all(|held| held.until <= now);
                if is_free || slips.slips(Mutant::ClaimTwice) {
                    free.insert((deadline, no, *unit, assignment));
                }
            }
        }
        let order = |(_, no, unit, assignment)| {
            self.orders.get(&no).map(|order| (Arc::clone(order), unit, assignment))
        };
        free.into_iter().take(max.min(MAX_BATCH)).filter_map(order).collect()
    }

    pub(super) fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Vec<(Entry, OrderNo)> {
        let Some(tray) = self.trays.get(&(unit, desk)) else { return Vec::new() };
        let page = tray.range((after.map_or(Unbounded, Excluded), Unbounded));
        let entry = |(&(deadline, no), &assignment): (&(Timestamp, OrderNo), &u16)| {
            (Entry { unit, desk, assignment, deadline }, no)
        };
        page.take(max.min(MAX_BATCH)).map(entry).collect()
    }

    pub(super) fn scan(&self, after: Option<OrderNo>, max: usize) -> Vec<Arc<Order>> {
        let page = self.orders.range((after.map_or(Unbounded, Excluded), Unbounded));
        page.take(max.min(MAX_BATCH)).map(|(_, order)| Arc::clone(order)).collect()
    }

    pub(super) fn all_entries(&self) -> Vec<(Entry, OrderNo)> {
        let trays = self.trays.iter();
        let of_tray = |(&(unit, desk), tray): (&(Unit, Desk), &Tray)| {
            let entry = |(&(deadline, no), &assignment): (&(Timestamp, OrderNo), &u16)| {
                (Entry { unit, desk, assignment, deadline }, no)
            };
            tray.iter().map(entry).collect::<Vec<_>>()
        };
        trays.flat_map(of_tray).collect()
    }

    /// The place after the last event.
    pub(super) fn end(&self, epoch: u64) -> Cursor {
        let index = self.feed.last().map_or(0, |step| step.len().saturating_sub(1) as u32);
        Cursor { epoch, sequence: self.feed.len() as u64, index }
    }

    pub(super) fn read_feed(
        &self,
        epoch: u64,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        let after = from(after, self.trimmed, self.end(epoch))?;
        let steps = (1_u64..).zip(&self.feed).skip(after.sequence.saturating_sub(1) as usize);
        let events = steps.flat_map(|(sequence, step)| {
            let at = move |index| Cursor { epoch, sequence, index };
            (0..).zip(step.iter()).map(move |(index, event)| (at(index), event.clone()))
        });
        Ok(events.filter(|(cursor, _)| *cursor > after).take(max.min(MAX_FEED)).collect())
    }

    /// A claim as its holder gets it.
    pub(super) fn claimed(order: Arc<Order>, held: &Held) -> Claimed {
        let lease = Lease { order: order.no, assignment: held.assignment, claim: held.claim };
        Claimed { order, lease }
    }
}
