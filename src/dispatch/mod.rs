//! The shell round the pure core: load, decide, commit, and again if somebody was quicker.
//!
//! - [`intake`]: a citizen's words become an order; [`deciding`]: a person says what it is about
//!   and where it goes; [`links`]: orders that have to do with others
//! - [`turns`]: who may file now, and who is turned away
//! - [`step`]: a command takes effect, once; [`again`]: its request comes again
//! - [`backup`]: everything there is, as a file
//! - [`guide`]: the catalogue, and what reads by it, replaced at once
//! - [`mode`]: which limits are in force
//! - [`pull`]: units come for their orders; [`waiters`]: who waits for which unit
//! - [`timers`]: what falls due happens
//! - [`similar`]: which open orders are like a matter, and many alike at once
//! - [`standing`]: how the open orders stand, counted for the metrics
//! - [`numbers`]: order numbers, reserved in blocks
//! - [`archiving`]: what is over leaves the store and is still found
//! - [`checkup`]: what is wrong with this process and its store, in words
//! - [`telling`]: an order's story, its events looked up in the feed

mod again;
mod archiving;
mod backup;
mod checkup;
mod deciding;
mod guide;
mod intake;
mod links;
mod mode;
mod numbers;
mod pull;
mod reads;
mod similar;
mod standing;
mod step;
mod telling;
mod timers;
mod turns;
mod waiters;

use crate::archive::{Archive, Keeper};
use crate::catalogue::Catalogue;
use crate::classify::Classifier;
use crate::clock::Clock;
use crate::domain::{Cell, Refused, Rejection, Timestamp};
use crate::similar::Rule;
use crate::store::Store;
use crate::store::seal::Sealer;
use guide::Guide;
use numbers::Numbers;
use similar::Similar;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use turns::Turns;
use waiters::Waiters;

pub use crate::archive::Day;
pub use crate::similar::{Burst, Rule as BurstRule};
pub use crate::store::audit::Finding;
pub use crate::store::image::Piece;
pub use crate::store::{
    BodyDigest, Claimed, Consumer, Cursor, Evidence, Lease, MAX_BATCH, MAX_FEED, ModeRow, Paper,
    Receipt, RequestId, Restamping, StoreError,
};
pub use crate::story::{ClockStory, Holding, Next, Reason, Story, Words, timer_name};
pub use archiving::{Archiving, Passes};
pub use backup::Backup;
pub use checkup::{Checkup, MOST_OFF, Unpulled, behind, last_written};
pub use deciding::{Acceptance, Correction, Routing};
pub use intake::{Asked, MAX_STREAMED, Preview, Submission};
pub use links::Called;
pub use mode::{InForce, Restamped, Switch};
pub use pull::Pull;
pub use similar::{Alike, MAX_SIMILAR, Reader};
pub use step::{Done, Request};
pub use timers::Rounds;
pub use turns::{MAX_FILING, Turn};

/// What can be set about the dispatcher.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A category read with less confidence, in percent, sends the order to triage.
    pub category_confidence: u8,
    /// A place read with less confidence, in percent, sends the order to triage.
    pub division_confidence: u8,
    /// How often the timers look even if nothing woke them.
    pub sweep: Duration,
    /// What leaves the store, and where to; `None` if nothing does and nothing ever did.
    pub archiving: Option<Archiving>,
    /// How often an order is handed out unsigned before it is parked.
    pub park_after: u8,
    /// How many orders of one town that are alike, within how long, are a burst.
    pub burst: Rule,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            category_confidence: 50,
            division_confidence: 50,
            sweep: Duration::from_secs(1),
            archiving: None,
            park_after: 10,
            burst: Rule::default(),
        }
    }
}

/// Why the dispatcher does not do as it was told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The rules say no.
    #[error("{0}")]
    Rejected(#[from] Refused),
    /// An argument names something that is not.
    #[error("{field}: {allowed}")]
    Invalid {
        /// Which argument.
        field: &'static str,
        /// What is allowed.
        allowed: String,
    },
    /// The request id was used with another body.
    #[error("the request id was used for another request")]
    RequestReused {
        /// The id.
        id: RequestId,
    },
    /// The lease ran out, was taken over, or died with its holding.
    #[error("the lease is stale: pull the order again")]
    LeaseStale,
    /// Others changed the order so often meanwhile that this never got its turn.
    #[error("the order is changing too quickly: try again")]
    Busy,
    /// It may or may not have happened.
    #[error("the outcome is unknown: ask again with the same request id ({0})")]
    Unknown(StoreError),
    /// The store cannot be used now; nothing happened.
    #[error("{0}")]
    Unavailable(StoreError),
    /// The feed's history does not reach back to the cursor.
    #[error("the feed has diverged: read again from the beginning of epoch {epoch}")]
    FeedDiverged {
        /// The current epoch.
        epoch: u64,
    },
    /// What came after the cursor has left the feed.
    #[error("{}", StoreError::FeedTrimmed { start: *start })]
    FeedTrimmed {
        /// The place after everything that left.
        start: Cursor,
    },
    /// The city was switched by somebody else meanwhile.
    #[error("the city's mode was switched meanwhile: version {version} is in force")]
    ModeMoved {
        /// The version in force.
        version: u32,
    },
    /// The city is in that mode already, and orders in flight were to keep their limits.
    #[error(
        "the city is in {mode} already; only stamping orders in flight anew would change something"
    )]
    ModeUnchanged {
        /// The mode.
        mode: crate::domain::Mode,
    },
    /// As many submissions are on their way as can be; nothing happened.
    #[error("more is being filed than the hotline keeps up with: try again in a second")]
    Overloaded,
    /// The server is going down; nothing happened.
    #[error("the server is stopping")]
    Stopping,
}

/// For what is refused before there is an order to speak of.
impl From<Rejection> for Refusal {
    fn from(why: Rejection) -> Refusal {
        Refusal::Rejected(why.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::FeedDiverged { epoch } => Refusal::FeedDiverged { epoch },
            StoreError::FeedTrimmed { start } => Refusal::FeedTrimmed { start },
            StoreError::Unreachable(_)
            | StoreError::Full(_)
            | StoreError::TooNew { .. }
            | StoreError::Damaged(_) => Refusal::Unavailable(error),
        }
    }
}

/// What the dispatcher is made of.
pub struct Parts {
    /// Where the orders are.
    pub store: Arc<dyn Store>,
    /// Who is there, and what for.
    pub catalogue: Arc<Catalogue>,
    /// Order time.
    pub clock: Arc<dyn Clock>,
    /// Seals contacts.
    pub sealer: Sealer,
    /// What can be set.
    pub settings: Settings,
}

/// The dispatcher of one cell.
pub struct Dispatch {
    store: Arc<dyn Store>,
    guide: RwLock<Arc<Guide>>,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    settings: Settings,
    /// What this process calls itself before the others of its city.
    name: OnceLock<String>,
    /// Why what was read anew last could not be used.
    not_reloaded: Mutex<Option<String>>,
    archive: Option<Arc<dyn Keeper>>,
    /// This process runs the timers, and what goes with them.
    leads: AtomicBool,
    numbers: Numbers,
    /// The mode as this process knows it.
    in_force: RwLock<Option<InForce>>,
    waiters: Waiters,
    /// Turns to file an order, of calls and of streams.
    turns: Turns,
    streamed: Semaphore,
    /// What this process knows of likeness.
    similar: Similar,
    /// Wakes the timer loop when a step brought an earlier deadline.
    sooner: Notify,
    /// The deadline the timer loop sleeps towards.
    sleeping_until: std::sync::atomic::AtomicI64,
    /// How many steps this process committed for others than the clock.
    served: AtomicU64,
    /// The process's clock disagrees with the store's: it must not tick.
    skewed: AtomicBool,
    /// Nothing was overdue any more at some moment since the start.
    caught_up: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
}

impl Dispatch {
    /// Puts the parts together; the catalogue's keywords classify alone, and what leaves the
    /// store goes into files.
    pub fn new(parts: Parts) -> Arc<Dispatch> {
        let classifier = Classifier::new(&parts.catalogue);
        Dispatch::with_classifier(parts, classifier)
    }

    /// The same with a classifier of this catalogue, which may have a model.
    pub fn with_classifier(parts: Parts, classifier: Classifier) -> Arc<Dispatch> {
        let archiving = parts.settings.archiving.as_ref();
        let files = archiving.map(|of| Archive::new(of.folder.clone(), parts.store.cell()));
        let files = files.map(|files| Arc::new(files) as Arc<dyn Keeper>);
        Dispatch::assemble(parts, classifier, files)
    }

    /// Puts the parts together; what leaves the store goes there.
    pub fn keeping(parts: Parts, archive: Option<Arc<dyn Keeper>>) -> Arc<Dispatch> {
        let classifier = Classifier::new(&parts.catalogue);
        Dispatch::assemble(parts, classifier, archive)
    }

    fn assemble(
        parts: Parts,
        classifier: Classifier,
        archive: Option<Arc<dyn Keeper>>,
    ) -> Arc<Dispatch> {
        let Parts { store, catalogue, clock, sealer, settings } = parts;
        Arc::new(Dispatch {
            guide: RwLock::new(Guide::new(catalogue, classifier)),
            store,
            clock,
            sealer,
            similar: Similar::new(settings.burst),
            settings,
            name: OnceLock::new(),
            not_reloaded: Mutex::new(None),
            archive,
            leads: AtomicBool::new(false),
            numbers: Numbers::default(),
            in_force: RwLock::new(None),
            waiters: Waiters::default(),
            turns: Turns::new(),
            streamed: Semaphore::new(MAX_STREAMED),
            sooner: Notify::new(),
            sleeping_until: std::sync::atomic::AtomicI64::new(i64::MAX),
            served: AtomicU64::new(0),
            skewed: AtomicBool::new(false),
            caught_up: watch::Sender::new(false),
            stopping: watch::Sender::new(false),
        })
    }

    /// Runs the timers, the archiving and the feed's readers until [`Dispatch::stop`].
    pub async fn run(self: Arc<Self>) {
        let timers = tokio::spawn(Arc::clone(&self).run_timers());
        let archiving = tokio::spawn(Arc::clone(&self).run_archiving());
        let likeness = tokio::spawn(Arc::clone(&self).run_similar());
        let looks = tokio::spawn(Arc::clone(&self).run_looks());
        let standing = tokio::spawn(Arc::clone(&self).run_standing());
        let hints = tokio::spawn(self.run_hints());
        // A task of ours that panicked has said so already; the other goes on to its end.
        let _ = timers.await;
        let _ = archiving.await;
        let _ = likeness.await;
        let _ = looks.await;
        let _ = standing.await;
        let _ = hints.await;
    }

    /// Ends long polls, streams and the loops of [`Dispatch::run`].
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Turns true when [`Dispatch::stop`] was called.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Returns once the timers have done all that fell due while nobody looked, or another
    /// process runs them.
    pub async fn caught_up(&self) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }

    /// Says whether the process's clock is too far from the store's to run timers.
    pub fn set_skewed(&self, skewed: bool) {
        self.skewed.store(skewed, Ordering::Relaxed);
    }

    /// Order time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The cell it serves.
    pub fn cell(&self) -> Cell {
        self.store.cell()
    }

    /// The store itself, for readiness and tests.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}
