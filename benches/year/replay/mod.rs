//! A stretch of a city's life on a manual clock: the real shell over a real store, with as many
//! orders as a great city has. The clock goes from one moment at which something happens to the
//! next: a citizen calls, somebody acts, a deadline falls due. Beside it a `ledger` that is told
//! of every event says what should fall due, and whether it did.

#![allow(clippy::unwrap_used, reason = "a measurement may panic")]

mod dice;
mod ledger;
mod life;
mod nowhere;
mod shape;

pub use ledger::Tally;
pub use shape::Shape;

use dice::Dice;
use futures_util::future::join_all;
use hotline::catalogue::Catalogue;
use hotline::clock::{Clock, ManualClock};
use hotline::dispatch::{
    Archiving, Cursor, Dispatch, MAX_FEED, Parts, Passes, Request, RequestId, Rounds, Settings,
    Switch,
};
use hotline::domain::{Cell, Date, Event, Mode, OrderNo, Role, Span, Timestamp, entries};
use hotline::store::Store;
use hotline::store::seal::Sealer;
use ledger::Ledger;
use life::{People, of_unit};
use nowhere::Nowhere;
use shape::midnight;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// When it begins: a year whose holidays the catalogue knows.
pub const FIRST: Date = Date { year: 2026, month: 1, day: 1 };
/// What is due at one moment is due in so many rounds of the timers at most; else they spin.
const MAX_ROUNDS: usize = 10_000;
/// So many calls are on their way at a time.
const TOGETHER: usize = 256;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub days: u32,
    pub orders: u64,
    /// People call and act on whole multiples of this, so that steps share commits.
    pub grain: Span,
    pub seed: u64,
}

/// What happened.
#[derive(Clone, Copy, Default, Debug)]
pub struct Totals {
    /// Orders filed.
    pub orders: u64,
    /// Those that are not over.
    pub open: u64,
    /// Those that left the store.
    pub left: u64,
    /// What people asked for, filing included, and what of it was refused.
    pub commands: u64,
    pub refused: u64,
    /// Steps that took effect, people's and the clock's.
    pub steps: u64,
    pub timers: Tally,
}

/// One city.
pub struct City {
    plan: Plan,
    people: People,
    dispatch: Arc<Dispatch>,
    clock: Arc<ManualClock>,
    rounds: Rounds,
    passes: Passes,
    gone: Arc<Nowhere>,
    ledger: Ledger,
    /// When somebody will do something about which order.
    agenda: BinaryHeap<Reverse<(Timestamp, OrderNo)>>,
    /// How far the feed was read.
    read: Cursor,
    totals: Totals,
}

impl City {
    /// A city whose store is empty.
    pub async fn begin(
        plan: Plan,
        store: Arc<dyn Store>,
        catalogue: &Arc<Catalogue>,
        shape: &Arc<Shape>,
    ) -> City {
        let clock = Arc::new(ManualClock::at(midnight(FIRST)));
        let gone = Arc::new(Nowhere::default());
        let read = store.feed_end().await.unwrap();
        let parts = Parts {
            store,
            catalogue: Arc::clone(catalogue),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            sealer: Sealer::new(&[0x5e; 32]).unwrap(),
            settings: Settings {
                archiving: Some(Archiving {
                    folder: PathBuf::new(),
                    retention: Some(Duration::ZERO),
                    feed_keep: Some(Duration::ZERO),
                    feed_bound: None,
                }),
                ..Settings::default()
            },
        };
        let dispatch = Dispatch::keeping(parts, Some(gone.clone()));
        let (rounds, passes) = (Rounds::new(plan.seed), Passes::new(&dispatch).unwrap());
        let people =
            People { catalogue: Arc::clone(catalogue), shape: Arc::clone(shape), seed: plan.seed };
        let (ledger, agenda) = (Ledger::default(), BinaryHeap::new());
        let totals = Totals::default();
        let mut city = City {
            plan,
            people,
            dispatch,
            clock,
            rounds,
            passes,
            gone,
            ledger,
            agenda,
            read,
            totals,
        };
        city.in_ordinary_times().await;
        city
    }

    async fn in_ordinary_times(&mut self) {
        let now = self.dispatch.mode().await.unwrap();
        if now.mode != Mode::Ordinary {
            let centre = of_unit(self.dispatch.cell().centre(), Role::Dispatcher);
            let switch = Switch { mode: Mode::Ordinary, restamp: false, version: now.version };
            self.dispatch.switch_mode(&centre, RequestId(u128::MAX), switch).await.unwrap();
        }
    }

    /// Lives through all of it; `told` hears of every day that is over.
    pub async fn live(&mut self, mut told: impl FnMut(Date, Totals)) {
        let Plan { days, orders, .. } = self.plan;
        let by_hour = self.people.shape.by_hour(FIRST, days, orders);
        let mut hour = midnight(FIRST);
        for (nth, calls) in by_hour.into_iter().enumerate() {
            let next = hour.plus(Span::hours(1));
            let mut calls = self.calls(hour, calls);
            // The latest first, so that the earliest is taken from the end.
            calls.sort_unstable_by(|a, b| b.cmp(a));
            while let Some(at) = self.next(&calls).filter(|at| *at < next) {
                self.moment(at, &mut calls).await;
            }
            hour = next;
            if nth % 24 == 23 {
                self.clear_away().await;
                told(hour.minus(Span(1)).date(), self.totals());
            }
        }
        let store = Arc::clone(self.dispatch.store());
        self.must_be_in(&*store).await;
    }

    /// When the citizens of an hour call.
    fn calls(&self, hour: Timestamp, count: u64) -> Vec<Timestamp> {
        let mut dice = Dice::of(self.plan.seed ^ hour.0 as u64);
        let within = Span::hours(1).0 as f64;
        (0..count).map(|_| self.whole(hour.plus(Span((within * dice.part()) as i64)))).collect()
    }

    /// The multiple of the grain at or before a moment.
    fn whole(&self, at: Timestamp) -> Timestamp {
        at.minus(Span(at.0.rem_euclid(self.plan.grain.0)))
    }

    fn next(&mut self, calls: &[Timestamp]) -> Option<Timestamp> {
        let acts = self.agenda.peek().map(|Reverse((at, _))| *at);
        [calls.last().copied(), acts, self.ledger.next()].into_iter().flatten().min()
    }

    async fn moment(&mut self, at: Timestamp, calls: &mut Vec<Timestamp>) {
        self.clock.advance(at.since(self.clock.now()));
        self.look_at_timers().await;
        let mut due = Vec::new();
        while let Some(Reverse((_, no))) =
            self.agenda.peek().filter(|Reverse((when, _))| *when <= at)
        {
            due.push(*no);
            self.agenda.pop();
        }
        let new = calls.iter().rev().take_while(|when| **when <= at).count();
        calls.truncate(calls.len() - new);
        for together in due.chunks(TOGETHER) {
            self.act(together).await;
        }
        for from in (0..new).step_by(TOGETHER) {
            self.file(TOGETHER.min(new - from)).await;
        }
        // What was set for now, or before.
        if self.ledger.next().is_some_and(|next| next <= at) {
            self.look_at_timers().await;
        }
    }

    /// The timers of the dispatcher look, whether anything is due or not, until nothing is.
    async fn look_at_timers(&mut self) {
        let now = self.clock.now();
        for _ in 0..MAX_ROUNDS {
            self.dispatch.round(&mut self.rounds).await.unwrap();
            let fired = self.read_on().await;
            if fired == 0 || self.ledger.next().is_none_or(|at| at > now) {
                break;
            }
        }
        self.ledger.all_fired(now);
    }

    async fn act(&mut self, due: &[OrderNo]) {
        let now = self.clock.now();
        let store = self.dispatch.store();
        let requests = (self.totals.commands..).map(request);
        let (people, dispatch) = (&self.people, &self.dispatch);
        let acts = due.iter().copied().zip(requests).map(|(no, request)| async move {
            let before = store.load(no).await.unwrap()?;
            let done = people.act(dispatch, &before, request).await;
            let after = store.load(no).await.unwrap()?;
            Some((no, people.comes(&after, now), done.is_ok()))
        });
        let acts = join_all(acts).await;
        self.totals.commands += due.len() as u64;
        for (no, comes, done) in acts.into_iter().flatten() {
            self.totals.refused += u64::from(!done);
            self.note(no, comes);
        }
        self.read_on().await;
    }

    async fn file(&mut self, count: usize) {
        let agent = of_unit(self.dispatch.cell().centre(), Role::Agent);
        let first = self.totals.orders;
        let (people, dispatch) = (&self.people, &self.dispatch);
        let requests = (self.totals.commands..).map(request);
        let filing = (first..).zip(requests).take(count);
        let filing =
            filing.map(|(nth, request)| dispatch.submit(&agent, request, people.matter(nth)));
        let filed = join_all(filing).await;
        self.totals.orders += count as u64;
        self.totals.commands += count as u64;
        for done in filed {
            let no = done.expect("filed").receipt.order;
            let order = self.dispatch.store().load(no).await.unwrap().expect("there");
            let comes = self.people.comes(&order, self.clock.now());
            self.note(no, comes);
        }
        self.read_on().await;
    }

    fn note(&mut self, no: OrderNo, comes: Option<Timestamp>) {
        let grain = self.plan.grain;
        self.agenda.extend(comes.map(|at| Reverse((self.whole(at.plus(grain)), no))));
    }

    /// Tells the ledger what happened since it was told last, step by step; of how many.
    async fn read_on(&mut self) -> u64 {
        let store = Arc::clone(self.dispatch.store());
        let (mut steps, now) = (0, self.clock.now());
        let mut of_step: BTreeMap<(OrderNo, u32), Vec<Event>> = BTreeMap::new();
        loop {
            let page = store.feed(Some(self.read), MAX_FEED).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            self.read = *last;
            for (_, event) in page.into_iter().filter(|(_, event)| !event.order.is_city()) {
                of_step.entry((event.order, event.version)).or_default().push(event);
            }
        }
        for ((no, _), events) in of_step {
            let after = store.load(no).await.unwrap().expect("it has just changed");
            self.ledger.stepped(&events, &after, now);
            steps += 1;
        }
        self.totals.steps += steps;
        steps
    }

    /// What is over leaves the store, and the feed what was read.
    async fn clear_away(&mut self) {
        let idle = Settings::default().sweep * 60;
        while self.dispatch.archive_round(&mut self.passes).await.unwrap() != idle {}
    }

    /// The store and the ledger know of the same orders and deadlines.
    pub async fn must_be_in(&self, store: &dyn Store) {
        let mut deadlines = store.all_deadlines().await.unwrap();
        deadlines.sort_unstable();
        assert_eq!(deadlines, self.ledger.standing(), "deadlines");
        let mut waiting: Vec<OrderNo> =
            store.all_entries().await.unwrap().into_iter().map(|(_, no)| no).collect();
        waiting.sort_unstable();
        waiting.dedup();
        let (mut after, mut expected) = (None, Vec::new());
        loop {
            let page = store.scan(after, 256).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.no);
            expected.extend(page.iter().filter(|o| !entries(o).is_empty()).map(|o| o.no));
        }
        assert_eq!(waiting, expected, "trays");
        let received = store.tallies().await.unwrap();
        let received = received.into_iter().find(|(name, _)| *name == "received");
        assert_eq!(received.map(|(_, n)| n as u64), Some(self.totals.orders), "received");
    }

    pub fn cell(&self) -> Cell {
        self.dispatch.cell()
    }

    pub fn totals(&self) -> Totals {
        let (open, timers) = (self.ledger.open() as u64, self.ledger.tally());
        Totals { open, timers, left: self.gone.orders(), ..self.totals }
    }

    /// What was wrong with timers, in words.
    pub fn told(&self) -> &[String] {
        self.ledger.told()
    }
}

fn request(nth: u64) -> Request {
    Request { id: RequestId(u128::from(nth)), digest: [1; 16] }
}
