//! The processes of a city, and the calls that are in flight in them.

use super::call::Call;
use super::ledger::Answer;
use super::world::{OffClock, Shared};
use super::wrong::{Promise, Wrong};
use super::{door::Door, timers::MOST_OFF};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::dispatch::{
    BodyDigest, Claimed, Cursor, Dispatch, ModeRow, Parts, Pull, Refusal, RequestId, Rounds,
    Settings, Switch,
};
use crate::domain::{Actor, Desk, Event, Order, OrderNo, Span, Unit};
use crate::store::seal::Sealer;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often an order is handed out unsigned before it is parked: soon, so that it happens.
const PARK_AFTER: u8 = 3;

/// One process of the city: the real shell, with a clock that may be off.
pub(super) struct Process {
    pub(super) dispatch: Arc<Dispatch>,
    clock: Arc<OffClock>,
    /// Of its timers; away while a round is in flight.
    pub(super) rounds: Option<Rounds>,
}

impl Process {
    /// A process that has just started. `sweeps` are the timers that look at everything in
    /// every round; the others look once and then trust what they know.
    pub(super) fn start(
        world: &Shared,
        catalogue: &Arc<Catalogue>,
        process: usize,
        holder: u64,
        sweeps: bool,
        off: Span,
    ) -> Result<Process, Wrong> {
        let clock = Arc::new(OffClock { world: world.clone(), off: Mutex::new(off) });
        let cell = catalogue.cell();
        let sealer = Sealer::new(&[0x5e; 32]);
        let sealer = sealer.map_err(|e| Wrong::of(Promise::Answered, e.to_string()))?;
        // Never or always: how much real time passes decides nothing.
        let sweep = if sweeps { Duration::ZERO } else { Duration::MAX };
        let dispatch = Dispatch::new(Parts {
            store: Arc::new(Door { world: world.clone(), cell, process }),
            catalogue: Arc::clone(catalogue),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            sealer,
            settings: Settings { sweep, park_after: PARK_AFTER, ..Settings::default() },
        });
        let process = Process { dispatch, clock, rounds: Some(Rounds::new(holder)) };
        process.look_at_clock();
        Ok(process)
    }

    /// Sets its clock.
    pub(super) fn set_clock(&self, off: Span) {
        self.clock.set(off);
        self.look_at_clock();
    }

    /// As the server does once a second.
    fn look_at_clock(&self) {
        self.dispatch.set_skewed(!self.is_ready());
    }

    /// Whether it takes work: its clock is right enough.
    pub(super) fn is_ready(&self) -> bool {
        self.clock.off().0.abs() <= MOST_OFF.0
    }

    pub(super) fn off(&self) -> Span {
        self.clock.off()
    }
}

/// What is in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// An attempt at a wish.
    Wish(RequestId),
    /// The id of a wish with another body.
    OtherBody(RequestId),
    /// A unit comes for its orders.
    Pull(Unit),
    /// A unit looks at a tray.
    Tray(Unit),
    /// A unit reads the feed.
    Feed(Unit),
    /// The copy of the feed goes on.
    Copy,
    /// The timers look.
    Round,
    /// The city is switched.
    Switch,
}

/// A page of the feed, and where to go on.
pub(super) type Read = Result<(Vec<(Cursor, Event)>, Option<Cursor>), Refusal>;

/// What came of it.
pub(super) enum Landing {
    Answer(Answer),
    Pulled(Result<Vec<Claimed>, Refusal>),
    Seen(Result<Vec<Arc<Order>>, Refusal>),
    Read(Read),
    Ticked(Rounds),
    Switched(Result<ModeRow, Refusal>),
}

/// A call in flight.
pub(super) struct Flight {
    pub(super) process: usize,
    pub(super) task: Task,
    pub(super) handle: JoinHandle<Landing>,
    /// How many things had happened when it began.
    pub(super) began: usize,
    /// How many answers had shown what was.
    pub(super) stale: u64,
    /// How often the store had failed over.
    pub(super) failovers: u64,
}

/// Starts what is asked of a process.
pub(super) fn start(to: &Arc<Dispatch>, ask: Ask) -> JoinHandle<Landing> {
    let to = Arc::clone(to);
    tokio::spawn(async move {
        match ask {
            Ask::Wish { call, id, digest, actor } => {
                Landing::Answer(call.send(to, id, digest, actor).await)
            }
            Ask::Pull(actor, pull) => Landing::Pulled(to.pull(&actor, pull).await),
            Ask::Tray(actor, unit, desk) => {
                let page = to.tray(&actor, unit, desk, None, 32).await;
                Landing::Seen(page.map(|(page, _)| page.into_iter().map(|(_, o)| o).collect()))
            }
            Ask::Feed(actor, after) => Landing::Read(to.feed(&actor, after, 64).await),
            Ask::Round(mut rounds) => {
                // A store that does not answer is asked again in the next round.
                let _ = to.round(&mut rounds).await;
                Landing::Ticked(rounds)
            }
            Ask::Switch(actor, id, switch) => {
                Landing::Switched(to.switch_mode(&actor, id, switch).await)
            }
        }
    })
}

/// What can be asked of a process.
pub(super) enum Ask {
    Wish { call: Arc<Call>, id: RequestId, digest: BodyDigest, actor: Actor },
    Pull(Actor, Pull),
    Tray(Actor, Unit, Desk),
    Feed(Actor, Option<Cursor>),
    Round(Rounds),
    Switch(Actor, RequestId, Switch),
}

/// A copy of the feed that somebody keeps, as district systems do.
#[derive(Default)]
pub(super) struct Copy {
    pub(super) cursor: Option<Cursor>,
    got: Vec<(OrderNo, u32, &'static str)>,
}

impl Copy {
    /// Goes on with what was read; a feed that has diverged is read from its beginning.
    pub(super) fn go_on(&mut self, read: Read) -> Result<(), Wrong> {
        match read {
            Ok((events, last)) => {
                for (cursor, event) in events {
                    if self.cursor.is_some_and(|before| cursor <= before) {
                        let what = format!("the place {cursor} came after {:?}", self.cursor);
                        return Err(Wrong::of(Promise::OneFeed, what));
                    }
                    self.cursor = Some(cursor);
                    self.got.push((event.order, event.version, event.what.name()));
                }
                self.cursor = last.or(self.cursor);
                Ok(())
            }
            Err(Refusal::FeedDiverged { .. }) => {
                *self = Copy::default();
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether it is the whole feed, each event once and in its place.
    pub(super) fn is_whole(&self, feed: &[Arc<[Event]>]) -> bool {
        let told = feed.iter().flat_map(|step| step.iter());
        let told = told.map(|event| (event.order, event.version, event.what.name()));
        told.eq(self.got.iter().copied())
    }
}
