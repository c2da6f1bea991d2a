//! Which deadline of which order stands, kept beside the store from the feed's events: each is
//! fired at its time, once, or moved by somebody, or still to come.

use hotline::domain::{ClockKind, Event, Order, OrderNo, Role, Timestamp, What, next_deadline};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// So many faults are told in words.
const TOLD: usize = 5;

/// What became of the deadlines.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Deadlines set.
    pub set: u64,
    /// Fired at their time.
    pub fired: u64,
    /// Moved, or made needless, by a step that came before.
    pub moved: u64,
    /// Still to come.
    pub standing: u64,
    /// What they did: warnings, breaches, levels passed by, waits that ended.
    pub effects: u64,
    /// Breaches among them.
    pub breaches: u64,
    /// Due, and nothing happened; or a warning or breach that a closed order lacks.
    pub lost: u64,
    /// Fired before their time.
    pub early: u64,
    /// Fired after it.
    pub late: u64,
    /// Fired though none was due, or the same warning or breach again.
    pub doubled: u64,
}

impl Tally {
    /// Whether every deadline set was fired once and at its time, moved, or is still to come.
    pub fn is_sound(&self) -> bool {
        let Tally { set, fired, moved, standing, lost, early, late, doubled, .. } = *self;
        lost + early + late + doubled == 0 && set == fired + moved + standing
    }
}

#[derive(Default)]
struct Watched {
    /// The deadline that stands, and since when.
    stands: Option<(Timestamp, Timestamp)>,
    /// Which warnings and breaches there were in this round, a bit each.
    had: u8,
}

/// The deadlines of a city's open orders.
#[derive(Default)]
pub struct Ledger {
    orders: HashMap<OrderNo, Watched>,
    /// Every deadline that stood once, the earliest first.
    ahead: BinaryHeap<Reverse<(Timestamp, OrderNo)>>,
    tally: Tally,
    told: Vec<String>,
}

impl Ledger {
    /// The earliest deadline that stands.
    pub fn next(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, no))) = self.ahead.peek() {
            let stands = self.orders.get(no).and_then(|order| order.stands);
            if stands.is_some_and(|(stands, _)| stands == *at) {
                return Some(*at);
            }
            self.ahead.pop();
        }
        None
    }

    /// How many orders are not over.
    pub fn open(&self) -> usize {
        self.orders.len()
    }

    pub fn tally(&self) -> Tally {
        let standing = self.orders.values().filter(|order| order.stands.is_some()).count();
        Tally { standing: standing as u64, ..self.tally }
    }

    /// What was wrong, in words; the first few.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Every deadline that stands, in order.
    pub fn standing(&self) -> Vec<(Timestamp, OrderNo)> {
        let stands = |(no, order): (&OrderNo, &Watched)| Some((order.stands?.0, *no));
        let mut all: Vec<_> = self.orders.iter().filter_map(stands).collect();
        all.sort_unstable();
        all
    }

    /// One step of an order: its events, and the order as it stands after it.
    pub fn stepped(&mut self, events: &[Event], after: &Order, now: Timestamp) {
        let no = after.no;
        let mut order = self.orders.remove(&no).unwrap_or_default();
        let by_clock = events.first().is_some_and(|event| event.actor.role == Role::Clock);
        let before = order.stands.take();
        if by_clock {
            match before.map(|(at, since)| at.max(since)) {
                Some(due) if due == now => self.tally.fired += 1,
                Some(due) if due > now => {
                    self.wrong(|t| &mut t.early, || format!("{no}: due {due}, fired {now}"));
                }
                Some(due) => {
                    self.wrong(|t| &mut t.late, || format!("{no}: due {due}, fired {now}"));
                }
                None => self.wrong(|t| &mut t.doubled, || format!("{no}: nothing due, {now}")),
            }
        }
        for event in events {
            self.effect(&mut order, event, before);
        }
        let next = next_deadline(after);
        if !by_clock && before.map(|(at, _)| at) == next {
            order.stands = before;
        } else {
            self.tally.moved += u64::from(!by_clock && before.is_some());
            self.tally.set += u64::from(next.is_some());
            order.stands = next.map(|at| (at, now));
            self.ahead.extend(next.map(|at| Reverse((at, no))));
        }
        if !after.is_over() {
            self.orders.insert(no, order);
        } else if let Some((at, _)) = order.stands {
            self.wrong(|t| &mut t.lost, || format!("{no} is over, and {at} is to come"));
        }
        if events.iter().any(|event| matches!(event.what, What::Closed { .. })) {
            self.must_have_told(after);
        }
    }

    /// Nothing that stands is due any more.
    pub fn all_fired(&mut self, now: Timestamp) {
        while let Some(at) = self.next().filter(|at| *at <= now) {
            let Some(Reverse((_, no))) = self.ahead.pop() else { return };
            self.wrong(|t| &mut t.lost, || format!("{no}: due {at}, nothing happened by {now}"));
        }
    }

    fn effect(
        &mut self,
        order: &mut Watched,
        event: &Event,
        before: Option<(Timestamp, Timestamp)>,
    ) {
        let (bit, due) = match &event.what {
            What::Warned { clock, percent, due, .. } => {
                (Some(place(*clock) + u8::from(*percent > 50) + u8::from(*percent > 75)), *due)
            }
            What::Breached { clock, due, .. } => (Some(place(*clock) + 3), *due),
            What::Relayed { late: Some(late), .. } => (None, event.at.minus(*late)),
            What::Reworked { .. } => {
                // The closure clock begins again.
                order.had &= 0x0f;
                return;
            }
            What::Accepted { by_clock: true }
            | What::Resumed { by_clock: true, .. }
            | What::Archived
                if event.actor.role == Role::Clock =>
            {
                (None, before.map_or(event.at, |(at, _)| at))
            }
            _ => return,
        };
        self.tally.effects += 1;
        let no = event.order;
        if let Some(bit) = bit {
            self.tally.breaches += u64::from(bit % 4 == 3);
            if order.had & 1 << bit != 0 {
                self.wrong(|t| &mut t.doubled, || format!("{no}: {:?} again", event.what));
            }
            order.had |= 1 << bit;
        }
        // A limit that lay in the past when it was set falls due then.
        let (at, since) = (event.at, before.map_or(event.at, |(_, since)| since));
        if due > at {
            self.wrong(|t| &mut t.early, || format!("{no}: {:?} at {at}", event.what));
        } else if due.max(since) < at {
            self.wrong(|t| &mut t.late, || format!("{no}: {:?} at {at}", event.what));
        }
    }

    /// Counted by hand: what the closure clock passed was told of, and no limit it kept.
    fn must_have_told(&mut self, order: &Order) {
        let (clock, no) = (order.clock(ClockKind::Closure), order.no);
        let ran = order.ran(ClockKind::Closure, order.updated_at);
        let passed = |percent: &&u8| clock.limit.percent(**percent) <= ran;
        let points = order.policy.warn_at.iter().filter(passed).count();
        let breached = clock.breached_at.is_some();
        if usize::from(clock.warned) < points || breached != (clock.limit <= ran) {
            let warned = clock.warned;
            self.wrong(
                |t| &mut t.lost,
                || format!("{no} ran {ran}: {warned} of {points} warnings, breached: {breached}"),
            );
        }
    }

    fn wrong(&mut self, which: fn(&mut Tally) -> &mut u64, what: impl FnOnce() -> String) {
        *which(&mut self.tally) += 1;
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }
}

fn place(clock: ClockKind) -> u8 {
    match clock {
        ClockKind::Arrival => 0,
        ClockKind::Closure => 4,
    }
}
