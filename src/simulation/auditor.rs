//! Looks at all that happened in a step and at what the store holds after it.
//!
//! The auditor keeps a city of its own: it takes in each change as it happened, checks that it
//! may, and derives by the pure core what trays, deadlines, counters and feed must be now.

use super::ledger::Ledger;
use super::shelf::Kept;
use super::state::{Held, State};
use super::telling::{Telling, Told};
use super::timers::{Fired, fired};
use super::world::Happened;
use super::wrong::{Promise, Wrong, must};
use crate::domain::{
    Counts, Date, Dimension, Event, Facts, Marginal, Order, OrderNo, Stage, Tally, Timestamp, Unit,
    entries, next_deadline, tallies,
};
use crate::store::{Change, Lease, RequestId, audit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An order as the auditor knows it.
struct Known {
    order: Arc<Order>,
    facts: Facts,
    /// Which of its timers have fired.
    fired: Vec<Fired>,
}

/// A city, counted by hand.
#[derive(Default)]
pub(super) struct Auditor {
    orders: HashMap<OrderNo, Known>,
    /// Of every order, in the order they were registered.
    pub(super) numbers: Vec<OrderNo>,
    entries: usize,
    deadlines: usize,
    papers: usize,
    tallies: HashMap<Tally, i64>,
    indicators: HashMap<(Date, Marginal), Counts>,
    effects: HashMap<RequestId, (OrderNo, u32)>,
    leases: HashMap<OrderNo, Vec<Held>>,
    /// Since which of the things that happened an order is kept from a unit.
    hidden: HashMap<(OrderNo, Unit), usize>,
    /// Of the mode's row.
    pub(super) revision: u32,
    /// Of the feed.
    pub(super) telling: Telling,
    /// Which numbers were given; what was lost since was given all the same.
    given: BTreeMap<Date, u32>,
    claims: u64,
    /// What happened is told again: who held what then is forgotten.
    retelling: bool,
    /// How many timers fired.
    pub(super) timers: u64,
    /// Orders that are in the archive alone, with how many papers.
    away: BTreeMap<OrderNo, usize>,
    /// How often an order left.
    pub(super) archived: u64,
    /// All that happened, as often as it may have to be told again.
    pub(super) history: Vec<Happened>,
}

/// What one look touched.
#[derive(Default)]
struct Touched {
    orders: BTreeSet<OrderNo>,
    tallies: BTreeSet<Tally>,
    indicators: BTreeSet<(Date, Marginal)>,
    requests: Vec<RequestId>,
    told: Vec<Told>,
}

impl Auditor {
    /// The order, as it truly is.
    pub(super) fn order(&self, no: OrderNo) -> Option<&Arc<Order>> {
        self.orders.get(&no).map(|known| &known.order)
    }

    /// What a request came to.
    pub(super) fn effect(&self, id: RequestId) -> Option<(OrderNo, u32)> {
        self.effects.get(&id).copied()
    }

    /// Whether an order was kept from a unit before so many things had happened.
    pub(super) fn was_hidden(&self, no: OrderNo, unit: Unit, before: usize) -> bool {
        self.hidden.get(&(no, unit)).is_some_and(|since| *since < before)
    }

    /// What was counted, of one dimension.
    pub(super) fn counted(&self, of: Dimension) -> BTreeMap<Marginal, Counts> {
        let mut sums: BTreeMap<Marginal, Counts> = BTreeMap::new();
        for ((_, marginal), counts) in &self.indicators {
            if marginal.dimension() == of {
                sums.entry(*marginal).or_default().add(counts);
            }
        }
        sums
    }

    /// Takes in what happened since the last look, and looks.
    pub(super) fn look(
        &mut self,
        happened: Vec<Happened>,
        state: &State,
        kept: &Kept,
        ledger: &Ledger,
    ) -> Result<(), Wrong> {
        let mut touched = Touched::default();
        for happened in happened {
            self.take_in(&happened, ledger, &mut touched)?;
            if matches!(
                happened,
                Happened::Steps { .. } | Happened::Mode { .. } | Happened::Announced(_)
            ) {
                self.history.push(happened);
            }
        }
        self.compare(&touched, state, kept)
    }

    /// The store lost all but the first so many steps: the city again from its beginning.
    /// Gives back what is lost.
    pub(super) fn roll_back(
        &mut self,
        has: usize,
        state: &State,
        kept: &Kept,
        ledger: &Ledger,
    ) -> Result<Vec<Happened>, Wrong> {
        let mut history = std::mem::take(&mut self.history);
        let lost = history.split_off(has.min(history.len()));
        let (given, claims) = (std::mem::take(&mut self.given), self.claims);
        let (timers, archived) = (self.timers, self.archived);
        *self = Auditor { given, claims, archived, retelling: true, ..Auditor::default() };
        let mut touched = Touched::default();
        for happened in history {
            self.take_in(&happened, ledger, &mut touched)?;
            self.history.push(happened);
        }
        self.retelling = false;
        self.timers = timers;
        self.leases = state.leases.clone();
        let gone = self.numbers.iter().filter(|no| !state.orders.contains_key(no));
        for no in gone.copied().collect::<Vec<_>>() {
            self.leaves(no);
        }
        self.compare(&touched, state, kept)?;
        Ok(lost)
    }

    fn take_in(
        &mut self,
        happened: &Happened,
        ledger: &Ledger,
        touched: &mut Touched,
    ) -> Result<(), Wrong> {
        match happened {
            Happened::Steps { changes, at } => {
                changes.iter().try_for_each(|change| self.step(change, *at, ledger, touched))
            }
            Happened::Mode { row, event } => {
                let next = self.revision + 1;
                must(row.revision == next, Promise::NothingTwice, || {
                    format!("the mode's revision {} came after {}", row.revision, self.revision)
                })?;
                self.revision = next;
                touched.told.extend(event.clone().map(Told::City));
                Ok(())
            }
            Happened::Announced(event) => {
                touched.told.push(Told::City(event.clone()));
                self.telling.announced(event)
            }
            Happened::Claimed { no, held, at } => self.claimed(*no, *held, *at),
            Happened::Released { no, claim } => {
                if let Some(all) = self.leases.get_mut(no) {
                    all.retain(|held| held.claim != *claim);
                }
                Ok(())
            }
            Happened::Left(no) => {
                self.leaves(*no);
                self.archived += 1;
                touched.orders.insert(*no);
                Ok(())
            }
            Happened::Back(no) => {
                self.away.remove(no);
                touched.orders.insert(*no);
                Ok(())
            }
            Happened::Untold(no) => must(false, Promise::NothingLost, || {
                format!("an event of {no} left the feed and is not kept")
            }),
            Happened::Numbers { date, first, last } => {
                let given = self.given.entry(*date).or_default();
                must(*first > *given, Promise::NumbersOnce, || {
                    format!("numbers {first} to {last} were given after {given} had been")
                })?;
                *given = *last;
                Ok(())
            }
        }
    }

    fn leaves(&mut self, no: OrderNo) {
        let papers = self.order(no).map_or(0, |order| usize::from(order.papers));
        self.away.insert(no, papers);
    }

    fn claimed(&mut self, no: OrderNo, held: Held, at: Timestamp) -> Result<(), Wrong> {
        must(held.claim > self.claims, Promise::Fenced, || {
            format!("claim {} of {no} came after {}", held.claim, self.claims)
        })?;
        self.claims = held.claim;
        let all = self.leases.entry(no).or_default();
        let same = |other: &Held| (other.unit, other.desk) == (held.unit, held.desk);
        let held_still = all.iter().find(|other| same(other) && other.until > at);
        must(held_still.is_none(), Promise::Fenced, || {
            format!("{no} was claimed while claim {:?} held it", held_still.map(|h| h.claim))
        })?;
        all.retain(|other| !same(other));
        all.push(held);
        Ok(())
    }

    fn step(
        &mut self,
        change: &Arc<Change>,
        at: Timestamp,
        ledger: &Ledger,
        touched: &mut Touched,
    ) -> Result<(), Wrong> {
        let Change { before, after, events, papers, request, .. } = &**change;
        let no = after.no;
        let known = self.orders.get(&no);
        let stood = known.map(|known| &known.order);
        must(before.as_ref() == stood, Promise::NothingTwice, || {
            let version = |order: Option<&Arc<Order>>| order.map_or(0, |order| order.version);
            let (decided, stood) = (version(before.as_ref()), version(stood));
            format!("{no} was at version {stood} when a step upon version {decided} took effect")
        })?;
        let next = before.as_ref().map_or(0, |order| order.version) + 1;
        let numbered = after.version == next && events.iter().all(|event| event.version == next);
        must(numbered && !events.is_empty(), Promise::OneFeed, || {
            format!("step {next} of {no} does not tell of itself")
        })?;
        if let Some((id, _)) = request {
            let again = self.effects.insert(*id, (no, after.version));
            must(again.is_none(), Promise::NothingTwice, || {
                format!("request {:x} took effect on {no} and had on {again:?}", id.0)
            })?;
            touched.requests.push(*id);
        }
        self.fenced(change, at, ledger)?;
        for unit in &after.recused {
            self.hidden.entry((no, *unit)).or_insert(self.history.len());
        }
        let kept = |order: &Arc<Order>| order.recused.iter().all(|u| after.recused.contains(u));
        must(before.as_ref().is_none_or(kept), Promise::Hidden, || {
            format!("{no} forgot whom it is kept from")
        })?;
        let unsound = audit::invariants(after);
        must(unsound.is_empty(), Promise::Sound, || format!("{no} {}", unsound.join(", ")))?;

        let mut known_fired = self.orders.remove(&no).map(|known| (known.facts, known.fired));
        let (facts, all) = known_fired.get_or_insert_with(Default::default);
        let new = fired(before.as_deref(), events, at, all)?;
        self.timers += new.len() as u64;
        all.extend(new);
        self.count(before.as_deref(), after, events, facts, touched);
        self.papers += papers.len();
        if before.is_none() {
            self.numbers.push(no);
        }
        if let Some(all) = self.leases.get_mut(&no) {
            let waits = entries(after);
            all.retain(|held| waits.iter().any(|entry| held.is_at(entry)));
        }
        touched.orders.insert(no);
        touched.told.push(Told::Step(Arc::clone(change)));
        let (facts, fired) = known_fired.unwrap_or_default();
        self.orders.insert(no, Known { order: Arc::clone(after), facts, fired });
        Ok(())
    }

    /// Whoever meant to act under a lease had it.
    fn fenced(&self, change: &Change, at: Timestamp, ledger: &Ledger) -> Result<(), Wrong> {
        let meant = change.request.as_ref().and_then(|(id, _)| ledger.lease_of(*id));
        let Some(lease) = meant.or(change.lease) else { return Ok(()) };
        let no = change.after.no;
        let holds = self.retelling || (lease.order == no && self.holds(lease, at));
        must(holds, Promise::Fenced, || format!("claim {} was over and changed {no}", lease.claim))
    }

    fn holds(&self, lease: Lease, at: Timestamp) -> bool {
        let is = |held: &Held| {
            (held.claim, held.assignment) == (lease.claim, lease.assignment) && held.until > at
        };
        self.leases.get(&lease.order).is_some_and(|all| all.iter().any(is))
    }

    fn count(
        &mut self,
        before: Option<&Order>,
        after: &Order,
        events: &[Event],
        facts: &mut Facts,
        touched: &mut Touched,
    ) {
        let waits = |order: &Order| (entries(order).len(), next_deadline(order).iter().count());
        let (was, now) = (before.map_or((0, 0), waits), waits(after));
        self.entries = self.entries + now.0 - was.0;
        self.deadlines = self.deadlines + now.1 - was.1;
        for (tally, n) in tallies(before, after, events) {
            *self.tallies.entry(tally).or_default() += n;
            touched.tallies.insert(tally);
        }
        for event in events {
            let day = event.at.date();
            facts.count(event, |marginal, measure| {
                self.indicators.entry((day, marginal)).or_default().count(measure);
                touched.indicators.insert((day, marginal));
            });
        }
    }

    /// What the store holds is what follows from what happened.
    fn compare(&mut self, touched: &Touched, state: &State, kept: &Kept) -> Result<(), Wrong> {
        for no in &touched.orders {
            let Some(known) = self.orders.get(no) else { continue };
            match self.away.contains_key(no) {
                true => kept.must_have(&known.order)?,
                false => self.compare_order(&known.order, state)?,
            }
            self.compare_links(&known.order)?;
        }
        let counts = [
            ("orders", state.orders.len(), self.orders.len() - self.away.len()),
            ("places in trays", state.waiting, self.entries),
            ("deadlines", state.deadlines.len(), self.deadlines),
            ("papers", state.papers.len(), self.papers - self.away.values().sum::<usize>()),
            ("request ids", state.requests.len(), self.effects.len()),
        ];
        for (what, stored, counted) in counts {
            must(stored == counted, Promise::Derived, || {
                format!("the store has {stored} {what}, and must have {counted}")
            })?;
        }
        for id in &touched.requests {
            let receipt = state.requests.get(id).map(|r| (r.receipt.order, r.receipt.version));
            must(receipt == self.effect(*id), Promise::Derived, || {
                format!("request {:x} is remembered as {receipt:?}", id.0)
            })?;
        }
        for tally in &touched.tallies {
            let (stored, counted) = (state.tallies.get(tally), self.tallies.get(tally));
            must(stored == counted, Promise::Counted, || {
                format!("the counter {tally} says {stored:?}, and must say {counted:?}")
            })?;
        }
        for at in &touched.indicators {
            let (stored, counted) = (state.indicators.get(at), self.indicators.get(at));
            must(stored == counted, Promise::Counted, || {
                format!("the indicators of {at:?} say {stored:?}, and must say {counted:?}")
            })?;
        }
        self.telling.compare(&touched.told, state)
    }

    fn compare_order(&self, order: &Arc<Order>, state: &State) -> Result<(), Wrong> {
        let no = order.no;
        must(state.orders.get(&no) == Some(order), Promise::NothingLost, || {
            let stored = state.orders.get(&no).map_or(0, |order| order.version);
            format!("{no} is at version {stored}, and must be at {}", order.version)
        })?;
        for entry in entries(order) {
            let tray = state.trays.get(&(entry.unit, entry.desk));
            let stored = tray.and_then(|tray| tray.get(&(entry.deadline, no)));
            must(stored == Some(&entry.assignment), Promise::Derived, || {
                format!("{no} does not wait at the desk {} of {}", entry.desk, entry.unit)
            })?;
            must(!order.hidden_from(entry.unit), Promise::Hidden, || {
                format!("{no} waits at {}, which it complains about", entry.unit)
            })?;
        }
        if let Some(at) = next_deadline(order) {
            must(state.deadlines.contains(&(at, no)), Promise::Derived, || {
                format!("{no} is due at {at}, and nobody wrote that down")
            })?;
        }
        must(state.contacts.contains_key(&no), Promise::NothingLost, || {
            format!("{no} lacks its contact")
        })
    }

    /// Each of two orders that were merged says so.
    fn compare_links(&self, order: &Order) -> Result<(), Wrong> {
        let no = order.no;
        let into = order.links.merged_into.and_then(|into| self.order(into));
        let adopted = into.is_none_or(|into| into.links.children.contains(&no));
        must(adopted, Promise::Together, || format!("{no} is merged into what does not say so"))?;
        let strangers = order.links.children.iter().filter(|child| {
            self.order(**child).is_none_or(|child| child.links.merged_into != Some(no))
        });
        let strangers: Vec<_> = strangers.take(4).collect();
        must(strangers.is_empty(), Promise::Together, || {
            format!("{no} says that others are merged into it which are not: {strangers:?}")
        })
    }

    /// Nothing that was due by then is due still.
    pub(super) fn nothing_missed(&self, by: Timestamp) -> Result<(), Wrong> {
        let due = |known: &Known| next_deadline(&known.order).filter(|at| *at <= by);
        let missed = self.numbers.iter().filter_map(|no| Some((no, due(self.orders.get(no)?)?)));
        let missed: Vec<_> = missed.take(4).collect();
        must(missed.is_empty(), Promise::NoTimerMissed, || {
            format!("at {by}, with a store that answers, still due: {missed:?}")
        })?;
        let over = |into: OrderNo| self.order(into).is_none_or(|into| !into.is_open());
        let waits = |order: &Order| order.links.merged_into.is_some_and(over);
        let orders = self.orders.values().map(|known| &known.order);
        let unheard = orders.filter(|order| order.stage == Stage::Merged && waits(order));
        let unheard: Vec<_> = unheard.map(|order| order.no).take(4).collect();
        must(unheard.is_empty(), Promise::Together, || {
            format!("callers never heard the result: {unheard:?}")
        })
    }
}
