//! What is outside the processes: the true time, the store and its replica, the calls on
//! their way to it, and a journal of what truly happened.

use super::dice::Dice;
use super::mutant::{Mutant, Slips};
use super::shelf::Kept;
use super::state::{Held, State, Together, Write};
use super::trace::{Line, Trace};
use super::weather::Weather;
use crate::clock::Clock;
use crate::domain::{Date, Desk, Event, OrderNo, Span, Timestamp, Unit};
use crate::store::{Claimed, CommitError, Cursor, ModeRow, Remembered, RequestId, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The world, as its inhabitants share it. They take turns: the lock is never waited for.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Shared {
        Shared(Arc::new(Mutex::new(world)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has left its process and not yet come to the store.
pub(super) struct OnItsWay {
    pub(super) process: usize,
    /// What arrives even if the process that sent it has died.
    pub(super) changes: Option<Together>,
    pub(super) turn: oneshot::Sender<()>,
}

/// Something that truly happened in the store, in the order in which it did.
#[derive(Clone)]
pub(super) enum Happened {
    /// Steps of orders that belong together took effect.
    Steps { changes: Together, at: Timestamp },
    /// The city's mode row was written.
    Mode { row: ModeRow, event: Option<Event> },
    /// Something of the city itself was announced.
    Announced(Event),
    /// Somebody has an order.
    Claimed { no: OrderNo, held: Held, at: Timestamp },
    /// Somebody let an order go again.
    Released { no: OrderNo, claim: u64 },
    /// An order left the store.
    Left(OrderNo),
    /// An order is back in it.
    Back(OrderNo),
    /// An event of an order left the feed and is kept nowhere.
    Untold(OrderNo),
    /// Numbers were given away: of a date, from, up to.
    Numbers { date: Date, first: u32, last: u32 },
}

/// A copy of the store that hears of every write, sooner or later.
struct Replica {
    state: State,
    behind: VecDeque<Write>,
    /// How many steps, switches and announcements it has.
    has: usize,
}

pub(super) struct World {
    /// The true time; no process knows it.
    pub(super) now: Timestamp,
    pub(super) step: u64,
    pub(super) epoch: u64,
    pub(super) state: State,
    replica: Replica,
    pub(super) on_their_way: Vec<OnItsWay>,
    /// Changes whose answer was given up, and that may yet arrive.
    pub(super) adrift: Vec<(usize, Together)>,
    pub(super) journal: Vec<Happened>,
    pub(super) dice: Dice,
    pub(super) weather: Weather,
    pub(super) slips: Slips,
    /// The archive.
    pub(super) kept: Kept,
    pub(super) trace: Trace,
    /// How many answers showed what was and not what is.
    pub(super) stale: u64,
    /// Until which step the replica hears of nothing.
    pub(super) cut_off_until: u64,
    /// Who may run the timers, and until when.
    timers: Option<(u64, Timestamp)>,
    /// The highest of each date ever given, whatever was lost since.
    numbers: BTreeMap<Date, u32>,
    /// How many claims there ever were, whatever was lost since.
    claims: u64,
}

impl World {
    pub(super) fn new(
        now: Timestamp,
        mut dice: Dice,
        weather: Weather,
        mutant: Option<Mutant>,
    ) -> World {
        let dice = Dice::new(dice.next());
        World {
            now,
            step: 0,
            epoch: 1,
            state: State::default(),
            replica: Replica { state: State::default(), behind: VecDeque::new(), has: 0 },
            on_their_way: Vec::new(),
            adrift: Vec::new(),
            journal: Vec::new(),
            dice,
            weather,
            slips: Slips::of(mutant),
            kept: Kept::default(),
            trace: Trace::new(),
            stale: 0,
            cut_off_until: 0,
            timers: None,
            numbers: BTreeMap::new(),
            claims: 0,
        }
    }

    pub(super) fn note(
        &mut self,
        process: Option<usize>,
        what: &'static str,
        order: Option<OrderNo>,
        number: u64,
    ) {
        let (step, at) = (self.step, self.now);
        self.trace.add(Line { step, at, process, what, order, number });
    }

    pub(super) fn write(&mut self, write: Write) {
        self.state.write(&write, &mut self.slips);
        self.replica.behind.push_back(write);
    }

    /// The replica hears of up to so many writes.
    pub(super) fn replicate(&mut self, most: usize) {
        // Whatever the store does wrong, its replica has what it was sent.
        let mut right = Slips::default();
        for _ in 0..most.min(self.replica.behind.len()) {
            let Some(write) = self.replica.behind.pop_front() else { return };
            let told = matches!(write, Write::Steps(_) | Write::Mode(..) | Write::Announced(_));
            if !told || !self.slips.slips(Mutant::LoseAcknowledged) {
                self.replica.state.write(&write, &mut right);
            }
            self.replica.has += usize::from(told);
        }
    }

    /// What is about to be acknowledged is safe first, unless the store is set to be faster;
    /// whether it is.
    fn make_safe(&mut self) -> bool {
        let waits = !self.weather.lossy;
        if waits && !self.is_cut_off() {
            self.replicate(usize::MAX);
        }
        !waits || !self.is_cut_off()
    }

    /// Whether the replica hears of nothing now.
    pub(super) fn is_cut_off(&self) -> bool {
        self.step < self.cut_off_until
    }

    /// What is written together arrives at the store.
    pub(super) fn commit(&mut self, process: usize, changes: Together) -> Result<(), CommitError> {
        let change = &changes[0];
        let no = change.after.no;
        let (name, version) =
            (change.events.first().map_or("", |e| e.what.name()), change.after.version);
        let checked = self.state.check(&changes, self.now, &mut self.slips);
        if let Err(error) = checked {
            let what = match &error {
                CommitError::Conflict => "conflict",
                CommitError::Repeated(_) => "repeated",
                CommitError::LeaseStale => "stale lease",
                CommitError::Unavailable(_) | CommitError::Unknown(_) => "trouble",
            };
            self.note(Some(process), what, Some(no), u64::from(version));
            return Err(error);
        }
        self.note(Some(process), name, Some(no), u64::from(version));
        if change.request.is_some() && self.slips.slips(Mutant::AckUnwritten) {
            return Ok(());
        }
        self.journal.push(Happened::Steps { changes: Arc::clone(&changes), at: self.now });
        self.write(Write::Steps(changes));
        Ok(())
    }

    /// The answer to a change; that it is done is said only once it is safe.
    pub(super) fn answer(&mut self, came: Result<(), CommitError>) -> Result<(), CommitError> {
        let done = match &came {
            Ok(()) => true,
            Err(CommitError::Repeated(_)) => !self.slips.is(Mutant::RepeatUnreplicated),
            Err(
                CommitError::Conflict
                | CommitError::LeaseStale
                | CommitError::Unavailable(_)
                | CommitError::Unknown(_),
            ) => false,
        };
        if done && !self.make_safe() { Err(CommitError::Unknown(trouble())) } else { came }
    }

    /// What was answered to a request; said only once it is safe.
    pub(super) fn remembered(&mut self, id: RequestId) -> Result<Option<Remembered>, StoreError> {
        let remembered = self.state.requests.get(&id).cloned();
        let done = remembered.is_some() && !self.slips.is(Mutant::RepeatUnreplicated);
        if done && !self.make_safe() { Err(trouble()) } else { Ok(remembered) }
    }

    pub(super) fn set_mode(
        &mut self,
        row: &ModeRow,
        event: Option<&Event>,
    ) -> Result<(), CommitError> {
        let before = self.state.mode.as_ref().map_or(0, |row| row.revision);
        if before + 1 != row.revision {
            return Err(CommitError::Conflict);
        }
        self.note(None, "mode", None, row.revision.into());
        self.journal.push(Happened::Mode { row: row.clone(), event: event.cloned() });
        self.write(Write::Mode(row.clone(), event.cloned()));
        self.answer(Ok(()))
    }

    pub(super) fn announce(&mut self, read: Cursor, event: &Event) -> Result<(), CommitError> {
        let all_read = read.epoch == self.epoch && self.state.announced <= read.sequence;
        if !all_read && !self.slips.is(Mutant::AnnounceUnread) {
            return Err(CommitError::Conflict);
        }
        self.note(None, "announced", None, read.sequence);
        self.journal.push(Happened::Announced(event.clone()));
        self.write(Write::Announced(event.clone()));
        self.answer(Ok(()))
    }

    pub(super) fn claim(
        &mut self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Vec<Claimed> {
        let until = self.now.plus(Span::from(lease));
        let free = self.state.free(units, desk, max, self.now, &mut self.slips);
        let mut claimed = Vec::with_capacity(free.len());
        for (order, unit, assignment) in free {
            self.claims += 1;
            let held = Held { unit, desk, assignment, claim: self.claims, until };
            self.note(None, "claimed", Some(order.no), self.claims);
            self.journal.push(Happened::Claimed { no: order.no, held, at: self.now });
            self.write(Write::Claim(order.no, held));
            claimed.push(State::claimed(order, &held));
        }
        claimed
    }

    pub(super) fn release(&mut self, no: OrderNo, unit: Unit, desk: Desk, claim: u64) {
        let held = self.state.leases.get(&no).into_iter().flatten();
        let mut held = held.filter(|held| (held.unit, held.desk) == (unit, desk));
        if let Some(held) = held.find(|held| held.claim == claim).copied() {
            self.journal.push(Happened::Released { no, claim });
            self.write(Write::Release(no, held));
        }
    }

    pub(super) fn reserve(&mut self, date: Date, count: u32, above: u32) -> u32 {
        let highest = self.numbers.entry(date).or_default();
        let mut before = (*highest).max(above);
        if self.slips.slips(Mutant::NumberTwice) {
            before = before.saturating_sub(count).max(above);
        }
        let last = before.saturating_add(count.max(1));
        *highest = last;
        self.journal.push(Happened::Numbers { date, first: before + 1, last });
        before + 1
    }

    pub(super) fn hold_timers(&mut self, holder: u64, for_: Duration) -> bool {
        let free = self.timers.is_none_or(|(who, until)| who == holder || until <= self.now);
        if free {
            self.timers = Some((holder, self.now.plus(Span::from(for_))));
        }
        free
    }

    /// The store is lost, and its replica goes on; how many steps, switches and announcements
    /// it has.
    pub(super) fn fail_over(&mut self) -> usize {
        if !self.slips.is(Mutant::KeepEpoch) {
            self.epoch += 1;
        }
        self.state = self.replica.state.clone();
        self.kept.forget_what_never_was(&self.state);
        self.replica.behind.clear();
        self.timers = None;
        self.note(None, "failover", None, self.replica.has as u64);
        self.replica.has
    }

    /// A change that was given up arrives after all.
    pub(super) fn wash_ashore(&mut self) {
        if self.adrift.is_empty() {
            return;
        }
        let at = self.dice.place(self.adrift.len());
        let (process, changes) = self.adrift.swap_remove(at);
        self.note(Some(process), "arrives late", Some(changes[0].after.no), 0);
        // Nobody hears what came of it.
        let _ = self.commit(process, changes);
    }
}

/// What a store says that does not answer.
pub(super) fn trouble() -> StoreError {
    StoreError::Unreachable("the simulated store does not answer".to_owned())
}

/// A process's clock: the true time, and how far it is off.
pub(super) struct OffClock {
    pub(super) world: Shared,
    pub(super) off: Mutex<Span>,
}

impl OffClock {
    pub(super) fn set(&self, off: Span) {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner) = off;
    }

    pub(super) fn off(&self) -> Span {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for OffClock {
    fn now(&self) -> Timestamp {
        let off = self.off();
        self.world.lock().now.plus(off)
    }

    fn really(&self, span: Span) -> Duration {
        span.to_std()
    }
}

/// The request that a thing that happened answered.
pub(super) fn request_of(happened: &Happened) -> Option<RequestId> {
    match happened {
        Happened::Steps { changes, .. } => changes[0].request.as_ref().map(|(id, _)| *id),
        Happened::Mode { .. }
        | Happened::Announced(_)
        | Happened::Claimed { .. }
        | Happened::Released { .. }
        | Happened::Left(_)
        | Happened::Back(_)
        | Happened::Untold(_)
        | Happened::Numbers { .. } => None,
    }
}
