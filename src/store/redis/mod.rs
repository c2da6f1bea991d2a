//! A cell in Redis 7.0 or later: a single one, one of several behind Sentinels, or a Cluster.
//!
//! Every key is listed in [`keys`]; all of a cell carry its hash tag. What must happen in one
//! piece is a function of one library (`lua/*.lua`), sent when the server lacks it. Steps
//! travel in batches ([`batch`]): one call, one write of the append-only file. So with
//! `appendfsync always` the answer comes after the fsync, and the fsync is shared. A batch is
//! written whole; those that are in its way are refused, and the others go again.
//!
//! ```text
//!  commit ─▶ step: all bytes made ready ─▶ batcher ─▶ layout ─▶ FCALL hotline_v5_commit
//!  claim ─▶ with all that come at a time ─ the writing link ──▶ FCALL hotline_v5_claim
//!  load, due, tray, … ─── the reading link ────────────────────▶ GET, ZRANGE, FCALL_RO
//!  feed_grown ─────────── the feed's link, one reader for all waiters ─▶ XREAD BLOCK
//! ```
//!
//! - An order is one string: its version in four bytes, which the library compares as bytes,
//!   and the codec's record, which it never looks into.
//! - A tray is a sorted set. Waiting entries stand at their deadline; a claim moves them
//!   behind all deadlines, to the end of their lease, and keeps claim and deadline in a
//!   record beside. The next claim of the tray brings back those whose lease ran out. Leases
//!   run by Redis's own clock.
//! - The feed is a stream with one entry per batch, numbered 1, 2, 3 …: a number that is
//!   missing or not yet there means that the history is another one.
//! - Request ids lie in hashes of 48 hours each that expire whole after the next 48; the
//!   current one and the one before are looked into.
//! - A [`link`] looks after each connection, to wherever the [`master`] is. What was sent and
//!   not answered is never sent again by us: it is [settled](settle) by asking for its request
//!   id, and what cannot be settled is *unknown*: the caller asks again with the same id.
//! - A master that may lack what was acknowledged is noticed before it is used ([`greeting`]),
//!   and what a crash left at the end of its append-only file is made harmless ([`torn`]).

mod ailments;
pub mod batch;
mod city;
mod claims;
pub mod feed;
pub mod greeting;
mod image;
pub mod keys;
mod lately;
mod layout;
mod leaving;
pub mod link;
pub mod master;
mod pages;
mod reads;
mod reconcile;
pub mod replicas;
pub mod restore;
mod settle;
mod standing;
pub mod step;
mod supervisor;
mod together;
mod torn;
pub mod trouble;
mod value;
mod vitals;
mod walks;
pub mod wire;

use self::batch::{Batcher, Job, QUEUE};
use self::claims::Claims;
use self::feed::FeedReader;
use self::greeting::Opening;
use self::keys::Keys;
use self::lately::Lately;
use self::link::{Alarm, Link, Patience, closed};
use self::master::Masters;
use self::replicas::Replicas;
use self::step::Step;
use self::together::{Together, Values};
use super::audit::Finding;
use super::image::{Moment, Out};
use super::vitals::Batches;
use super::{
    Change, Claimed, CommitError, Cursor, Lease, ModeRow, Paper, Remembered, RequestId,
    SealedContact, Store, StoreError, check_together,
};
use crate::domain::{
    Cell, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order, OrderNo, Tally, Timestamp,
    Unit,
};
use async_trait::async_trait;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long to wait for Redis, and how sure to be.
#[derive(Clone, Copy, Debug)]
pub struct RedisOptions {
    /// For a connection, and for each answer of its handshake.
    pub connect_timeout: Duration,
    /// For the answer to a call. A commit without one is settled within as much again, or is
    /// of unknown outcome.
    pub call_timeout: Duration,
    /// How many replicas at least must have a change before it is answered, besides all that
    /// are in step; `None` is 1 behind Sentinels and in a Cluster, and 0, which waits for
    /// none, for a single Redis.
    pub replicas_ack: Option<u32>,
    /// How long that may take; longer is of unknown outcome.
    pub replicas_timeout: Duration,
    /// Serve even from a Redis that may throw orders away: an evicting one, or one without an
    /// append-only file.
    pub allow_unsafe: bool,
}

impl Default for RedisOptions {
    fn default() -> RedisOptions {
        RedisOptions {
            connect_timeout: Duration::from_secs(1),
            call_timeout: Duration::from_secs(5),
            replicas_ack: None,
            replicas_timeout: Duration::from_secs(1),
            allow_unsafe: false,
        }
    }
}

/// A cell in Redis.
pub struct RedisStore {
    keys: Keys,
    opening: Arc<Opening>,
    write: Arc<Link>,
    read: Arc<Link>,
    orders: Arc<Together<Values>>,
    callers: Arc<Together<Values>>,
    claims: Arc<Together<Claims>>,
    lately: Arc<Lately>,
    feed: FeedReader,
    replicas: Arc<Replicas>,
    batches: Arc<Batches>,
    queue: RwLock<Option<mpsc::Sender<Job>>>,
    batcher: Mutex<Option<JoinHandle<()>>>,
}

impl RedisStore {
    /// Opens the cell at `url`, and makes it if it is not there: `redis://HOST:PORT`,
    /// `redis+sentinel://HOST:PORT,HOST:PORT/MASTER` or `redis+cluster://HOST:PORT,HOST:PORT`.
    pub async fn open(
        url: &str,
        cell: Cell,
        options: RedisOptions,
    ) -> Result<Arc<RedisStore>, StoreError> {
        RedisStore::open_as(url, cell, options, false).await
    }

    async fn open_as(
        url: &str,
        cell: Cell,
        options: RedisOptions,
        restoring: bool,
    ) -> Result<Arc<RedisStore>, StoreError> {
        let keys = Keys::of(cell);
        let masters = Arc::new(Masters::parse(url, keys.meta())?);
        let wanted = options.replicas_ack.unwrap_or(u32::from(masters.has_replicas()));
        let within = options.replicas_timeout;
        let replicas = Replicas::new(wanted, within, masters.clone(), options.connect_timeout);
        let opening = Opening::new(keys.clone(), options.allow_unsafe, restoring);
        let alarm = Arc::new(Alarm::new(String::new()));
        let link = async |held| {
            let RedisOptions { connect_timeout: connect, call_timeout: call, .. } = options;
            let patience = Patience { connect, call, held };
            Link::open(masters.clone(), patience, opening.clone(), alarm.clone()).await
        };
        let waits = if wanted == 0 { Duration::ZERO } else { within };
        let write = Arc::new(link(waits).await?);
        let read = Arc::new(link(Duration::ZERO).await?);
        let feed = FeedReader::start(link(feed::SWEEP).await?, opening.clone(), keys.clone());
        let values = |head| Together::new(Values { link: read.clone(), head });
        let orders = values(vec![b"MGET".to_vec()]);
        let callers = values(vec![b"HMGET".to_vec(), keys.callers()]);
        let lately = Arc::<Lately>::default();
        let claims = Together::new(Claims {
            keys: keys.clone(),
            opening: opening.clone(),
            write: write.clone(),
            lately: lately.clone(),
        });
        let (sender, queue) = mpsc::channel(QUEUE);
        let batches = Arc::new(Batches::default());
        let batcher = Arc::new(Batcher {
            link: write.clone(),
            opening: opening.clone(),
            keys: keys.clone(),
            replicas: replicas.clone(),
            settling: options.call_timeout,
            batches: batches.clone(),
        });
        Ok(Arc::new(RedisStore {
            keys,
            opening,
            write,
            read,
            orders,
            callers,
            claims,
            lately,
            feed,
            replicas,
            batches,
            queue: RwLock::new(Some(sender)),
            batcher: Mutex::new(Some(tokio::spawn(batcher.run(queue)))),
        }))
    }

    fn queue(&self) -> Option<mpsc::Sender<Job>> {
        self.queue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn hand_over(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let Some(queue) = self.queue() else { return Err(CommitError::Unavailable(closed())) };
        if let Some(trouble) = self.write.trouble() {
            return Err(CommitError::Unavailable(trouble));
        }
        let connection = self.write.connection();
        let mut steps = Vec::with_capacity(changes.len());
        for change in &changes {
            let no = change.after.no;
            if no.cell() != self.keys.cell() {
                return Err(CommitError::Unavailable(StoreError::Unreachable(format!(
                    "order {no} belongs to another cell than {}",
                    self.keys.cell()
                ))));
            }
            // What is over now leaves the list of its caller.
            let caller = match &change.before {
                Some(before) if change.after.is_over() && !before.is_over() => {
                    let contact = self.read_contact(no).await;
                    contact.map_err(CommitError::Unavailable)?.map(|contact| contact.phone)
                }
                Some(_) | None => None,
            };
            let step = Step::of(change, caller).map_err(CommitError::Unavailable)?;
            steps.push(Step { tied: !steps.is_empty(), ..step });
        }
        let (answer, outcome) = oneshot::channel();
        if queue.send(Job { steps, answer }).await.is_err() {
            return Err(CommitError::Unavailable(closed()));
        }
        drop(queue);
        let after: Vec<_> = changes.into_iter().map(|change| change.after).collect();
        outcome.await.unwrap_or_else(|_| Err(CommitError::Unknown(closed())))?;
        after.iter().for_each(|after| self.lately.saw(after, connection));
        Ok(())
    }
}

#[async_trait]
impl Store for RedisStore {
    fn cell(&self) -> Cell {
        self.keys.cell()
    }

    async fn reserve(&self, date: Date, count: u32, above: u32) -> Result<u32, StoreError> {
        self.reserve_numbers(date, count, above).await
    }

    async fn load(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        self.read_order(no).await
    }

    fn lately(&self, no: OrderNo) -> Option<Arc<Order>> {
        self.lately.of(no, self.write.connection())
    }

    async fn load_each(&self, all: &[OrderNo]) -> Result<Vec<Option<Arc<Order>>>, StoreError> {
        self.read_orders(all).await
    }

    async fn remembered(&self, id: RequestId) -> Result<Option<Remembered>, StoreError> {
        self.read_remembered(id).await
    }

    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        self.hand_over(vec![change]).await
    }

    async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        check_together(&changes)?;
        self.hand_over(changes).await
    }

    async fn claim(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.claim_entries(units, desk, max, lease).await
    }

    async fn ready(&self, trays: &[(Unit, Desk)]) -> Result<Vec<bool>, StoreError> {
        self.read_ready(trays).await
    }

    async fn release(&self, claims: &[(Entry, Lease)]) -> Result<(), StoreError> {
        self.release_entries(claims).await
    }

    async fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        self.read_due(now, max).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_next_due().await
    }

    async fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        self.read_tray(unit, desk, after, max).await
    }

    async fn numbers(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<OrderNo>, StoreError> {
        let numbers = self.read_numbers(after).await?;
        Ok(numbers.into_iter().take(max).collect())
    }

    async fn scan(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        self.read_page(after, max).await
    }

    async fn all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        self.read_all_entries().await
    }

    async fn all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        self.read_all_deadlines().await
    }

    async fn tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError> {
        self.read_tallies().await
    }

    async fn of_caller(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError> {
        self.read_callers(phone).await
    }

    async fn mode(&self) -> Result<Option<ModeRow>, StoreError> {
        self.read_mode().await
    }

    async fn set_mode(&self, row: &ModeRow, event: Option<&Event>) -> Result<(), CommitError> {
        self.write_mode(row, event).await
    }

    async fn announce(&self, read: Cursor, event: &Event) -> Result<(), CommitError> {
        self.write_announcement(read, event).await
    }

    async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError> {
        self.read_indicators(from, to, of).await
    }

    async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, StoreError> {
        self.read_paper(no, index).await
    }

    async fn contact(&self, no: OrderNo) -> Result<Option<SealedContact>, StoreError> {
        self.read_contact(no).await
    }

    async fn feed(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        feed::read(&self.read, &self.keys, self.epoch(), after, max).await
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        feed::end(&self.read, &self.keys, self.epoch()).await.map(|end| end.cursor)
    }

    async fn feed_grown(&self, after: Cursor, at_most: Duration) -> Result<(), StoreError> {
        self.feed.grown(after, at_most).await;
        if self.queue().is_none() { Err(closed()) } else { Ok(()) }
    }

    async fn hold_timers(&self, holder: u64, for_: Duration) -> Result<bool, StoreError> {
        self.hold_timer_lease(holder, for_).await
    }

    async fn wall_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_clock().await.map(Some)
    }

    async fn ailments(&self) -> Result<Vec<Finding>, StoreError> {
        self.read_ailments().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.try_out().await
    }

    async fn dump(&self, out: Out) -> Result<Moment, StoreError> {
        self.take_image(out).await
    }

    async fn close(&self) {
        // With the last sender gone the batcher finishes what it has, and ends.
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(batcher) = self.batcher.lock().await.take() {
            let _ = batcher.await;
        }
        self.feed.close();
        self.write.close();
        self.read.close();
    }
}
