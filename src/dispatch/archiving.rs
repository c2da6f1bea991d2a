//! What is over moves to the archive while the city works, and is still found there.
//!
//! Whoever runs the timers also runs this, a bounded step at a time, and rests three times as
//! long as a step took. That is for efficiency only: two at once do no harm.

use super::{Dispatch, Finding, Refusal};
use crate::archive::Day;
use crate::archive::moving::{Keep, Moved, Mover, trim};
use crate::domain::{Actor, Date, Order, OrderNo, Span};
use crate::store::{Consumer, Cursor, StoreError, Whole, audit};
use crate::telemetry::archiving as metrics;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// So many times as long as a step took it rests before the next.
const RESTS: u32 = 3;
/// And at least so long.
const REST: Duration = Duration::from_millis(10);
/// So many sweeps of the timers pass before it looks again for what is over.
const IDLE_SWEEPS: u32 = 60;

/// How often a consumer's beginning is looked for, if the feed is trimmed meanwhile.
const MAX_STARTS: usize = 4;

/// What leaves the store, when, and where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archiving {
    /// The folder. What is in it is read whether anything leaves or not.
    pub folder: PathBuf,
    /// How long an order stays that is over; `None` for ever.
    pub retention: Option<Duration>,
    /// How long an event stays in the feed at least; `None` for ever.
    pub feed_keep: Option<Duration>,
    /// How long an event stays for consumers that have not read it; `None` for ever.
    pub feed_bound: Option<Duration>,
}

/// What one round of the archiving leaves to the next.
pub struct Passes {
    mover: Mover,
}

impl Passes {
    /// Before the first round; `None` if this city has no archive.
    pub fn new(dispatch: &Dispatch) -> Option<Passes> {
        dispatch.archive.clone().map(|archive| Passes { mover: Mover::new(archive) })
    }
}

impl Dispatch {
    /// Runs until [`Dispatch::stop`].
    pub(super) async fn run_archiving(self: Arc<Self>) {
        let Some(mut passes) = Passes::new(&self) else { return };
        let mut stopping = self.stopping();
        while !*stopping.borrow() {
            let sleep = if self.leads.load(Ordering::Relaxed) {
                self.archive_round(&mut passes).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "archiving: tried again; nothing is lost");
                    metrics::archiving_failed();
                    self.settings.sweep.saturating_mul(IDLE_SWEEPS)
                })
            } else {
                self.settings.sweep
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Moves some of what is over and says how long there is to rest.
    pub async fn archive_round(&self, passes: &mut Passes) -> Result<Duration, StoreError> {
        let began = crate::clock::tick();
        let mut all_done = true;
        let Some(Archiving { retention, feed_keep, feed_bound, .. }) = &self.settings.archiving
        else {
            return Ok(self.settings.sweep.saturating_mul(IDLE_SWEEPS));
        };
        // One that cannot go on is no reason for the other to stand still.
        let mut orders = Ok(());
        if let Some(before) = retention.map(|age| self.day_before(age)) {
            orders = passes.mover.step(&*self.store, before).await.map(|moved| {
                metrics::orders_left(moved.left, moved.bytes);
                all_done &= moved.done;
            });
        }
        if let (Some(archive), Some(read)) = (&self.archive, feed_keep) {
            let unread = feed_bound.map(|age| self.day_before(age));
            let keep = Keep { read: self.day_before(*read), unread };
            let Moved { left, bytes, done } = trim(&**archive, &*self.store, keep).await?;
            metrics::events_left(left, bytes);
            all_done &= done;
        }
        orders?;
        Ok(match all_done {
            true => self.settings.sweep.saturating_mul(IDLE_SWEEPS),
            false => (began.elapsed() * RESTS).max(REST),
        })
    }

    /// What happened before that day is older than this, all of it: so that a day moves at
    /// once and its files stay few.
    fn day_before(&self, age: Duration) -> Date {
        self.now().minus(Span::from(age)).date()
    }

    /// The order as it stands, or as it left the store.
    pub(super) async fn look_up(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        match self.store.load(no).await? {
            Some(order) => Ok(Some(order)),
            None => Ok(self.archived(no).await?.map(|whole| whole.order)),
        }
    }

    /// An order that left the store.
    pub(super) async fn archived(&self, no: OrderNo) -> Result<Option<Whole>, StoreError> {
        match &self.archive {
            Some(archive) => archive.find(no).await,
            None => Ok(None),
        }
    }

    /// Has an order that left the store come back into it, so that it can change.
    pub(super) async fn bring_back(&self, no: OrderNo) -> Result<(), StoreError> {
        let Some(archive) = &self.archive else { return Ok(()) };
        if self.store.load(no).await?.is_some() {
            return Ok(());
        }
        match archive.find_surely(no).await? {
            Some(whole) => self.store.readmit(&whole).await,
            None => Ok(()),
        }
    }

    /// What is in the archive, day by day.
    pub async fn archive_days(&self) -> Result<Vec<Day>, Refusal> {
        match &self.archive {
            Some(archive) => Ok(archive.days().await?),
            None => Ok(Vec::new()),
        }
    }

    /// Where the archive is, if there is one.
    pub fn archive_folder(&self) -> Option<&Path> {
        self.settings.archiving.as_ref().map(|archiving| &*archiving.folder)
    }

    /// Compares every order with what is indexed of it, opens every file of the archive, and
    /// says what the actor may know.
    pub async fn doctor(&self, actor: &Actor, mend: bool) -> Result<Vec<Finding>, Refusal> {
        if mend {
            self.must_be_centre(actor)?;
        }
        let mut all = match &self.archive {
            Some(archive) => audit::examine(&*self.store, archive.as_ref(), mend).await?,
            None => audit::examine(&*self.store, &audit::Nowhere, mend).await?,
        };
        for day in self.archive_days().await? {
            all.extend(day.broken.into_iter().map(Finding::of_the_archive));
        }
        all.sort();
        all.dedup();
        let mut findings = Vec::with_capacity(all.len());
        for finding in all {
            let hidden = match finding.order {
                // Nobody can tell whom it complains about.
                Some(_) if finding.name == "damaged" => actor.unit != self.cell().centre(),
                Some(no) => self.hides(no, actor.unit).await?,
                None => false,
            };
            if !hidden {
                findings.push(finding);
            }
        }
        Ok(findings)
    }

    /// The place before the first event that is in the feed.
    pub async fn feed_start(&self) -> Result<Cursor, Refusal> {
        Ok(self.store.feed_start().await?)
    }

    /// Who reads the feed under a name.
    pub async fn consumers(&self) -> Result<Vec<Consumer>, Refusal> {
        Ok(self.store.consumers().await?)
    }

    /// Writes down how far a consumer has read, and from then on keeps for it what it has not;
    /// without a cursor it has read nothing of what is there.
    pub async fn acknowledge_feed(
        &self,
        name: &str,
        cursor: Option<Cursor>,
    ) -> Result<Cursor, Refusal> {
        for _ in 0..MAX_STARTS {
            let cursor = match cursor {
                // Where it could not go on from, it has read nothing.
                Some(cursor) => self.store.feed(Some(cursor), 1).await.map(|_| cursor)?,
                None => self.store.feed_start().await?,
            };
            let consumer = Consumer { name: name.to_owned(), cursor, at: self.now() };
            if !self.store.acknowledge(&consumer).await? {
                break;
            }
            let known = self.store.consumers().await?.into_iter().find(|known| known.name == name);
            let cursor = known.map_or(cursor, |known| known.cursor);
            // From now on nothing goes that it has not read. What went a moment ago it is told, or
            // it begins behind that.
            match self.store.feed(Some(cursor), 1).await {
                Err(StoreError::FeedTrimmed { .. }) => {}
                read => return read.map(|_| cursor).map_err(Refusal::from),
            }
        }
        let allowed = "one of the 64 consumers that are known, or a new one once another is \
                       forgotten"
            .to_owned();
        Err(Refusal::Invalid { field: "consumer", allowed })
    }

    /// Waits for a consumer no more; whether there was one of that name.
    pub async fn forget_consumer(&self, actor: &Actor, name: &str) -> Result<bool, Refusal> {
        self.must_be_centre(actor)?;
        Ok(self.store.forget_consumer(name).await?)
    }
}
