//! What a store must promise, and nothing of how it keeps it.
//!
//! A store holds one cell: its orders, the trays where they wait, their next deadlines, the
//! counters, the remembered request ids, the papers, the sealed contacts and the feed. One
//! primitive carries the system, [`Store::commit`], which [`Store::commit_together`] does to a
//! few orders at once; everything indexed is derived from the order by `domain::index`, so it
//! cannot disagree with it. One suite runs over every implementation (`tests/conformance`).

pub mod audit;
pub mod codec;
mod counting;
pub mod embedded;
pub mod fault;
pub mod image;
pub(crate) mod leaving;
pub mod memory;
mod mode;
pub mod reconcile;
pub mod redis;
pub mod seal;
mod together;
mod vitals;

use counting::{Sums, day_of, read_counts};
pub use leaving::{Consumer, Leaving, MAX_CONSUMERS, Shedding, Whole};
pub use mode::{ModeRow, Restamping};
pub use reconcile::{Look, Mismatch, Reconcile};
pub(crate) use together::check_together;
pub use vitals::{Effort, Guided, Load, PRESENCE, Vitals};

use crate::domain::{
    CO_HOLDING, Cell, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order, OrderNo, Stage,
    Tally, Timestamp, Unit,
};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a request id is remembered at least.
pub const REQUEST_MEMORY: Duration = Duration::from_secs(48 * 3_600);
/// The most orders one claim or page returns.
pub const MAX_BATCH: usize = 256;
/// The most orders one due call returns.
pub const MAX_DUE: usize = 4_096;
/// The most events one read of the feed returns.
pub const MAX_FEED: usize = 1_000;
/// How many orders of one caller that are not over are found together.
pub const MAX_OF_CALLER: usize = 64;
/// The most orders that change together.
pub const MAX_TOGETHER: usize = 16;

/// The identity a client gives one change: the same id again gives the same answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u128);

/// The first 128 bits of a digest of the request's body; keyed ([`seal`]) where it is kept.
pub type BodyDigest = [u8; 16];

/// What was answered to a change: enough to answer the same again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The order.
    pub order: OrderNo,
    /// Its version after the change.
    pub version: u32,
    /// Where it stood then.
    pub stage: Stage,
    /// Who held it then; `None` for a closed one.
    pub holder: Option<Unit>,
    /// What it was about.
    pub category: crate::domain::Category,
    /// Where.
    pub division: crate::domain::Division,
    /// When arrival falls due.
    pub arrival_due: Timestamp,
    /// When closure falls due.
    pub closure_due: Timestamp,
    /// When the change happened.
    pub at: Timestamp,
}

/// A remembered request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Of the body that came with the id first.
    pub digest: BodyDigest,
    /// What was answered.
    pub receipt: Receipt,
}

/// What people wrote: the citizen's text is paper 0, reports and reasons follow. Written
/// once, never changed, never part of an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Paper {
    /// The citizen's title; empty for other papers.
    pub title: String,
    /// The words.
    pub body: String,
    /// What proves them.
    pub evidence: Vec<Evidence>,
}

/// A file kept elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// Where it is.
    pub uri: String,
    /// What it must be.
    pub sha256: [u8; 32],
}

/// A contact as it is stored: sealed, with keyed digests that find it without unsealing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedContact {
    /// Of the whole phone number.
    pub phone: [u8; 16],
    /// Of the order's number and the phone's last four digits.
    pub tail: [u8; 16],
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
}

/// The right to work on a claimed order for a while: names the holding and the claim, so
/// that an older holder of the same right is told apart (a fencing token).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lease {
    /// The order.
    pub order: OrderNo,
    /// Which of its holdings.
    pub assignment: u16,
    /// Which claim; grows with every claim of the cell and never repeats.
    pub claim: u64,
}

impl Lease {
    /// Whether the lease is of the holding that runs now; holdings only ever grow in number.
    pub fn is_of(&self, order: &Order) -> bool {
        self.order == order.no && usize::from(self.assignment) + 1 == order.legs.len()
    }

    /// The co-handler whose part of the order, still to be done, the lease is of.
    pub fn helper(&self, order: &Order) -> Option<Unit> {
        let at = self.assignment.checked_sub(CO_HOLDING).filter(|_| self.order == order.no)?;
        let mut pending = order.pending_co_handlers();
        pending.find(|co| u16::from(co.place) == at).map(|co| co.unit)
    }
}

/// One order claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// As it was when claimed.
    pub order: Arc<Order>,
    /// The right to it.
    pub lease: Lease,
}

/// One step, whole.
#[derive(Clone, Debug)]
pub struct Change {
    /// The order as it was decided upon; `None` when it is new.
    pub before: Option<Arc<Order>>,
    /// The order as it becomes; its version is one more.
    pub after: Arc<Order>,
    /// What happened; never empty.
    pub events: Vec<Event>,
    /// The papers that come with it: numbers and contents.
    pub papers: Vec<(u16, Arc<Paper>)>,
    /// The contact of a new order.
    pub contact: Option<SealedContact>,
    /// The client's id for it, and what will be answered again.
    pub request: Option<(RequestId, Remembered)>,
    /// A lease that must still hold.
    pub lease: Option<Lease>,
    /// The version of the city's mode whose limits it stamps; 0 is before the first switch.
    pub mode: Option<u32>,
}

/// Why a change did not happen, or is not known to have.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The order is no longer at the version decided upon (or exists already): load it and
    /// decide again.
    #[error("the order changed meanwhile")]
    Conflict,
    /// The request id was used before; what was answered then. The caller compares digests.
    #[error("the request id was used before")]
    Repeated(Box<Remembered>),
    /// The lease ran out, was taken over, or died with its holding.
    #[error("the lease is stale")]
    LeaseStale,
    /// The store cannot be used now; nothing was written.
    #[error("{0}")]
    Unavailable(StoreError),
    /// The answer never came: the change may or may not have happened. Asking again with
    /// the same request id tells.
    #[error("the outcome is unknown: {0}")]
    Unknown(StoreError),
}

/// A store's trouble, in words that say what to do. Never holds a citizen's word.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or opened.
    #[error("{0}")]
    Unreachable(String),
    /// It has no room left; nothing was written.
    #[error("{0}")]
    Full(String),
    /// It was written by a newer version of this program.
    #[error("the store has format {found}, this program reads up to {known}: run a newer hotline")]
    TooNew {
        /// What is there.
        found: u16,
        /// What this program can read.
        known: u16,
    },
    /// What is there is not what was written.
    #[error("damaged record: {0}")]
    Damaged(String),
    /// The feed's history no longer reaches back, or belongs to another epoch.
    #[error("the feed has diverged: read from the beginning of epoch {epoch}")]
    FeedDiverged {
        /// The epoch that is current.
        epoch: u64,
    },
    /// What came after the cursor has left the feed for the archive.
    #[error(
        "the feed no longer reaches back so far: read what is missing from the archive's events, \
         or build the copy anew from it, and go on from {start}"
    )]
    FeedTrimmed {
        /// The place after everything that left.
        start: Cursor,
    },
}

/// A place in the feed: everything up to and including it has been read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cursor {
    /// A new epoch starts when data was lost or restored.
    pub epoch: u64,
    /// The batch.
    pub sequence: u64,
    /// The event within it.
    pub index: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.sequence, self.index)
    }
}

/// A cell's state, kept safe.
///
/// # The law
///
/// 1. **All or nothing.** A commit writes snapshot, tray moves, deadline, counters, papers,
///    contact, request id and feed entries together, or none of them, whatever is killed.
/// 2. **Versioned.** It happens only if the stored version is the one decided upon.
/// 3. **Acknowledged means safe.** `Ok` is answered only once the change would survive the
///    configured loss; if that cannot be known the answer is [`CommitError::Unknown`].
/// 4. **Once.** A request id takes effect once within [`REQUEST_MEMORY`], checked in the
///    same atomic write.
/// 5. **Fenced.** A commit that names a lease happens only while that lease is the latest
///    claim of a running holding.
/// 6. **Derived.** Trays, deadlines and counters are what `domain::index` says of the
///    stored orders, at every moment a reader can see; indicators are what
///    [`crate::domain::indicators`] counts of the feed's events.
/// 7. **One feed.** Every reader sees the same events in the same order, each exactly once
///    per cursor; the events of one order are in the order of its versions. A cursor of
///    another epoch is [`StoreError::FeedDiverged`], one before what has left the feed
///    [`StoreError::FeedTrimmed`].
/// 8. **Numbers are never given twice**, even if the process dies with some unused.
#[async_trait]
pub trait Store: Shedding + Reconcile + Vitals + Send + Sync + 'static {
    /// Which cell it holds.
    fn cell(&self) -> Cell;

    /// Reserves `count` sequence numbers of a date and returns the first, which is above the
    /// highest that this process was ever given for it (0 for none), even if the store forgot.
    async fn reserve(&self, date: Date, count: u32, above: u32) -> Result<u32, StoreError>;

    /// The order as last committed.
    async fn load(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError>;

    /// The order as this process last knew it, where that spares a look: to decide a step upon,
    /// which is refused if the order has changed since, and for nothing else.
    fn lately(&self, _no: OrderNo) -> Option<Arc<Order>> {
        None
    }

    /// Several orders as last committed, each in its place; looked up at once where that is
    /// cheaper.
    async fn load_each(&self, all: &[OrderNo]) -> Result<Vec<Option<Arc<Order>>>, StoreError> {
        let mut loaded = Vec::with_capacity(all.len());
        for no in all {
            loaded.push(self.load(*no).await?);
        }
        Ok(loaded)
    }

    /// What was answered to a request id, if it is remembered.
    async fn remembered(&self, id: RequestId) -> Result<Option<Remembered>, StoreError>;

    /// Writes one step. Cancelling the future does not undo a write that was handed over.
    async fn commit(&self, change: Change) -> Result<(), CommitError>;

    /// Writes steps of orders that belong together, all or nothing, as [`Store::commit`] does
    /// one, and so that no reader sees some of them alone. At most [`MAX_TOGETHER`], each of
    /// another order, their events of one day; the first alone may carry a request id or a
    /// lease.
    async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError>;

    /// Claims up to `max` (at most [`MAX_BATCH`]) orders of the units' trays, earliest
    /// deadline first, that nobody holds under a running lease. The lease runs `lease` of
    /// real time from now, whatever the orders' clock does.
    async fn claim(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Of each tray, whether something waits in it that nobody holds under a running lease; one
    /// that cannot tell says that it may.
    async fn ready(&self, trays: &[(Unit, Desk)]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![true; trays.len()])
    }

    /// Lets claims go before their leases are over, each with the place it was claimed from.
    /// One that is over, or of an order that has moved on, is passed over.
    async fn release(&self, claims: &[(Entry, Lease)]) -> Result<(), StoreError>;

    /// Orders whose deadline is at or before `now`, earliest first, at most `max` (at most
    /// [`MAX_DUE`]).
    async fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError>;

    /// The earliest deadline of the cell.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// The tray of a unit, sorted by deadline and number, after the given place.
    async fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError>;

    /// The orders with numbers above `after`, ascending, at most `max` (at most
    /// [`MAX_BATCH`]). Only an empty page is the last.
    async fn scan(&self, after: Option<OrderNo>, max: usize)
    -> Result<Vec<Arc<Order>>, StoreError>;

    /// Their numbers, can they be read or not; and some that may be no order's.
    async fn numbers(&self, after: Option<OrderNo>, max: usize)
    -> Result<Vec<OrderNo>, StoreError>;

    /// The trays and numbers of orders that wait anywhere, for the audit: every entry
    /// stored, in no particular order, with the order it belongs to.
    async fn all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError>;

    /// Every deadline stored, for the audit.
    async fn all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError>;

    /// Every counter, those at zero included.
    async fn tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError>;

    /// The orders of a caller that are not over, newest first, at most [`MAX_OF_CALLER`]: by the
    /// keyed digest of the phone, as [`SealedContact`] has it.
    async fn of_caller(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError>;

    /// The city's mode row; `None` until it is switched for the first time.
    async fn mode(&self) -> Result<Option<ModeRow>, StoreError>;

    /// Writes the mode row, one revision after the one it was decided upon, and with it what
    /// happened, in one. From then on no change lands that stamps limits of another version.
    async fn set_mode(&self, row: &ModeRow, event: Option<&Event>) -> Result<(), CommitError>;

    /// Writes down what happened to the city itself, unless anything was announced after `read`:
    /// who announces knows of all that was announced before, so nothing is told twice. Else it
    /// is [`CommitError::Conflict`]: read on, and decide again.
    async fn announce(&self, _read: Cursor, _event: &Event) -> Result<(), CommitError> {
        let why = "this kind of store announces nothing".to_owned();
        Err(CommitError::Unavailable(StoreError::Unreachable(why)))
    }

    /// What was counted on the days from `from` to `to`, both included: each marginal of the
    /// dimension that was counted at all, in order.
    async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError>;

    /// One paper of an order.
    async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, StoreError>;

    /// The sealed contact of an order.
    async fn contact(&self, no: OrderNo) -> Result<Option<SealedContact>, StoreError>;

    /// Up to `max` (at most [`MAX_FEED`]) events after the cursor, each with its own.
    /// `None` reads from the beginning of the epoch.
    async fn feed(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError>;

    /// The place after the last event of the feed.
    async fn feed_end(&self) -> Result<Cursor, StoreError>;

    /// Waits until there is something after the cursor or `at_most` has passed. A hint: it
    /// may return early. Has a reader of its own and never delays a commit.
    async fn feed_grown(&self, after: Cursor, at_most: Duration) -> Result<(), StoreError>;

    /// Takes or renews the right to run the cell's timers; for efficiency only. `true` if
    /// `holder` has it for `for_` of real time.
    async fn hold_timers(&self, holder: u64, for_: Duration) -> Result<bool, StoreError>;

    /// The store's own wall clock, where it has one that all its processes share.
    async fn wall_clock(&self) -> Result<Option<Timestamp>, StoreError>;

    /// What is wrong with it although it answers, each in a sentence with the remedy.
    async fn ailments(&self) -> Result<Vec<audit::Finding>, StoreError> {
        Ok(Vec::new())
    }

    /// Whether it can be read and written now.
    async fn check(&self) -> Result<(), StoreError>;

    /// Hands out everything the cell holds, as [`image`] has it, at one moment, and says which.
    /// Every change that was acknowledged before the call is in it, none is in it half, and
    /// the store goes on meanwhile.
    async fn dump(&self, _out: image::Out) -> Result<image::Moment, StoreError> {
        Err(StoreError::Unreachable("this kind of store cannot be backed up".to_owned()))
    }

    /// Finishes what was handed over and closes. Later calls answer [`StoreError::Unreachable`].
    async fn close(&self);
}
