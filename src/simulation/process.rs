//! The processes of a city, and the calls that are in flight in them.

use super::call::Call;
use super::ledger::Answer;
use super::shelf::Shelf;
use super::world::{OffClock, Shared};
use super::wrong::{Promise, Wrong};
use super::{door::Door, timers::MOST_OFF};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::dispatch::{
    Archiving, BodyDigest, BurstRule, Claimed, Cursor, Dispatch, ModeRow, Parts, Passes, Pull,
    Reader, Refusal, RequestId, Rounds, Settings, Switch,
};
use crate::domain::{Actor, Desk, Event, Order, OrderNo, Span, Unit};
use crate::store::seal::Sealer;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often an order is handed out unsigned before it is parked: soon, so that it happens.
const PARK_AFTER: u8 = 3;
/// What makes a burst: few within a short time, so that there are many.
const BURST: BurstRule = BurstRule { orders: 3, within: Span::minutes(10) };

/// The name under which the copy reads.
const COPY: &str = "copy";

/// One process of the city: the real shell, with a clock that may be off.
pub(super) struct Process {
    pub(super) dispatch: Arc<Dispatch>,
    clock: Arc<OffClock>,
    /// Of its timers; away while a round is in flight.
    pub(super) rounds: Option<Rounds>,
    /// Of its archiving, likewise.
    pub(super) passes: Option<Passes>,
    /// Of its index of similar orders, likewise.
    pub(super) reader: Option<Reader>,
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
        let parts = Parts {
            store: Arc::new(Door { world: world.clone(), cell, process }),
            catalogue: Arc::clone(catalogue),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            sealer,
            settings: Settings {
                sweep,
                park_after: PARK_AFTER,
                burst: BURST,
                // What is over leaves with the day, and so does what was read.
                archiving: Some(Archiving {
                    folder: PathBuf::new(),
                    retention: Some(Duration::ZERO),
                    feed_keep: Some(Duration::ZERO),
                    feed_bound: None,
                }),
                ..Settings::default()
            },
        };
        let shelf = Shelf::new(world.clone(), cell, process);
        let dispatch = Dispatch::keeping(parts, Some(Arc::new(shelf)));
        let (rounds, passes) = (Some(Rounds::new(holder)), Passes::new(&dispatch));
        let reader = Some(Reader::default());
        let process = Process { dispatch, clock, rounds, passes, reader };
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
    /// The copy says how far it is.
    Acknowledge,
    /// The timers look.
    Round,
    /// What is over leaves.
    Archive,
    /// The index of similar orders goes on.
    Likeness,
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
    Acknowledged(Result<Cursor, Refusal>),
    Ticked(Rounds),
    Moved(Passes),
    Indexed(Reader),
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
            Ask::Acknowledge(cursor) => {
                Landing::Acknowledged(to.acknowledge_feed(COPY, Some(cursor)).await)
            }
            Ask::Archive(mut passes) => {
                // What could not be moved is, in the next round.
                let _ = to.archive_round(&mut passes).await;
                Landing::Moved(passes)
            }
            Ask::Likeness(mut reader) => {
                // What could not be read is, in the next round.
                let _ = to.read_likeness(&mut reader).await;
                Landing::Indexed(reader)
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
    Acknowledge(Cursor),
    Round(Rounds),
    Archive(Passes),
    Likeness(Reader),
    Switch(Actor, RequestId, Switch),
}

/// A copy of the feed that somebody keeps, as district systems do.
#[derive(Default)]
pub(super) struct Copy {
    pub(super) cursor: Option<Cursor>,
    /// How far it was told that nothing leaves which it has not read.
    acknowledged: Option<Cursor>,
    got: Vec<(OrderNo, u32, &'static str)>,
}

impl Copy {
    /// From now on what it has not read stays.
    pub(super) fn is_known(&mut self, at: Cursor) {
        self.acknowledged = self.acknowledged.max(Some(at));
    }

    /// Goes on with what was read; a feed that has diverged is read from its beginning. What
    /// has left of that it has from somebody else.
    pub(super) fn go_on(&mut self, read: Read, feed: &[Arc<[Event]>]) -> Result<(), Wrong> {
        match read {
            Err(Refusal::FeedTrimmed { start }) => {
                let known = self.acknowledged.filter(|at| at.epoch == start.epoch);
                if known.is_some() && self.cursor >= known {
                    let what = format!("the feed begins at {start}, {known:?} was to stay");
                    return Err(Wrong::of(Promise::OneFeed, what));
                }
                let left = feed.iter().take(start.sequence as usize).flat_map(|step| step.iter());
                self.got = left.map(told_of).collect();
                self.cursor = Some(start);
                Ok(())
            }
            Ok((events, last)) => {
                for (cursor, event) in events {
                    if self.cursor.is_some_and(|before| cursor <= before) {
                        let what = format!("the place {cursor} came after {:?}", self.cursor);
                        return Err(Wrong::of(Promise::OneFeed, what));
                    }
                    self.cursor = Some(cursor);
                    self.got.push(told_of(&event));
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
        told.map(told_of).eq(self.got.iter().copied())
    }
}

fn told_of(event: &Event) -> (OrderNo, u32, &'static str) {
    (event.order, event.version, event.what.name())
}
