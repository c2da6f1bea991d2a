//! How what is over moves from the store to the archive: a bounded step at a time, so that
//! whoever drives it decides how fast. Any number of processes may be at it: what two of them
//! move at once is in the archive twice and leaves the store once.

use super::{Keeper, Placed};
use crate::domain::{Date, Order, OrderNo, entries, next_deadline};
use crate::store::audit::{Page, next_page};
use crate::store::{Consumer, Cursor, Leaving, MAX_FEED, Store, StoreError, Whole};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most orders of one file.
const FILE_ORDERS: usize = 2_048;
/// A file is closed when its papers and contacts have so many bytes.
const FILE_BYTES: usize = 16 << 20;
/// So many orders leave the store at once.
const LEAVE_TOGETHER: usize = 64;
/// The most events of one step.
const STEP_EVENTS: usize = 8_192;
/// So many batches leave the feed at once.
const TRIM_TOGETHER: usize = 256;

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Moved {
    /// How many orders, or events, left the store.
    pub left: u64,
    /// How many bytes the archive has more.
    pub bytes: u64,
    /// There was no more to do.
    pub done: bool,
}

/// Moves the orders that are over.
pub struct Mover {
    archive: Arc<dyn Keeper>,
    /// Nobody died at it since this process began.
    is_tidy: bool,
    /// The last order that was looked at.
    after: Option<OrderNo>,
    /// What goes into the next file: orders of one day.
    gathered: Vec<Whole>,
    bytes: usize,
}

impl Mover {
    /// Begins with the first order.
    pub fn new(archive: Arc<dyn Keeper>) -> Mover {
        Mover { archive, is_tidy: false, after: None, gathered: Vec::new(), bytes: 0 }
    }

    /// Looks at one page of orders; those that were over before the day are moved, a file at a
    /// time. After an error it begins anew.
    pub async fn step(&mut self, store: &dyn Store, before: Date) -> Result<Moved, StoreError> {
        let moved = self.page(store, before).await;
        if !matches!(moved, Ok(Moved { done: false, .. })) {
            (self.after, self.bytes) = (None, 0);
            self.gathered.clear();
        }
        moved
    }

    async fn page(&mut self, store: &dyn Store, before: Date) -> Result<Moved, StoreError> {
        if !self.is_tidy {
            self.archive.tidy().await?;
            self.is_tidy = true;
        }
        let mut moved = Moved::default();
        let Some(Page { orders: page, damaged, last }) = next_page(store, self.after).await? else {
            self.file(store, &mut moved).await?;
            return Ok(Moved { done: true, ..moved });
        };
        (moved.done, self.after) = (last.date() >= before, Some(last));
        for (no, why) in damaged {
            tracing::error!(order = %no, why, "stays where it is: it cannot be read");
        }
        // Whatever was registered later than that was over later, too.
        let end = page.partition_point(|order| order.no.date() < before);
        for order in page.into_iter().take(end).filter(|order| may_leave(order, before)) {
            let other_day = self.day().is_some_and(|day| day != order.no.date());
            if other_day || self.gathered.len() == FILE_ORDERS || self.bytes >= FILE_BYTES {
                self.file(store, &mut moved).await?;
            }
            match gather(store, &order).await {
                Ok(Some(whole)) => {
                    self.bytes += whole.weight();
                    self.gathered.push(whole);
                }
                Ok(None) => {}
                Err(StoreError::Damaged(why)) => {
                    tracing::error!(order = %order.no, why, "stays where it is: it cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        if moved.done {
            self.file(store, &mut moved).await?;
        }
        Ok(moved)
    }

    fn day(&self) -> Option<Date> {
        self.gathered.first().map(|whole| whole.order.no.date())
    }

    /// Writes what was gathered, and only then lets the store let go of it.
    async fn file(&mut self, store: &dyn Store, moved: &mut Moved) -> Result<(), StoreError> {
        let Some(day) = self.day() else { return Ok(()) };
        let whole = std::mem::take(&mut self.gathered);
        self.bytes = 0;
        let leaving: Vec<_> = whole.iter().map(Leaving::of).collect();
        moved.bytes += self.archive.keep_orders(day, whole).await?;
        for together in leaving.chunks(LEAVE_TOGETHER) {
            moved.left += store.dismiss(together).await?;
        }
        Ok(())
    }
}

/// An order with what belongs to it; `None` if it left or changed meanwhile: then its papers
/// may be gone with it, and whoever took it has kept it. A store that failed over may have
/// both lost and found it meanwhile: what is not complete does not leave.
async fn gather(store: &dyn Store, order: &Arc<Order>) -> Result<Option<Whole>, StoreError> {
    let whole = Whole::of(store, Arc::clone(order)).await?;
    let stands = store.load(order.no).await?;
    match stands.as_ref() == Some(order) {
        false => Ok(None),
        true if whole.is_complete() => Ok(Some(whole)),
        true => Err(StoreError::Damaged("it lacks its contact or a paper".to_owned())),
    }
}

/// Whether an order was over before that day, for good.
fn may_leave(order: &Order, before: Date) -> bool {
    order.is_over()
        && order.updated_at.date() < before
        && next_deadline(order).is_none()
        && entries(order).is_empty()
}

/// Until when the feed may be trimmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// What happened before that day goes once every named consumer has read it.
    pub read: Date,
    /// What happened before that day goes whether they have or not.
    pub unread: Option<Date>,
}

/// Where the slowest consumer stands; one of another epoch has read nothing of this one. The
/// end of all where there is none.
fn slowest(consumers: &[Consumer], epoch: u64) -> u64 {
    let stands = |at: Cursor| if at.epoch == epoch { at.sequence } else { 0 };
    consumers.iter().map(|consumer| stands(consumer.cursor)).min().unwrap_or(u64::MAX)
}

/// Moves the oldest events of the feed, whole batches of it and never the last.
pub async fn trim(
    archive: &dyn Keeper,
    store: &dyn Store,
    keep: Keep,
) -> Result<Moved, StoreError> {
    let start = store.feed_start().await?;
    let end = store.feed_end().await?;
    let known = store.consumers().await?;
    let slowest = slowest(&known, start.epoch);
    let stays = |(place, event): &Placed| {
        let day = event.at.date();
        let unread = place.sequence >= slowest && keep.unread.is_none_or(|bound| day >= bound);
        day >= keep.read || unread || place.sequence >= end.sequence
    };
    let mut going: Vec<Placed> = Vec::new();
    let mut after = start;
    let stopped_at = loop {
        let page = store.feed(Some(after), MAX_FEED).await?;
        let Some((last, _)) = page.last() else { break None };
        after = *last;
        let first = page.iter().position(stays);
        let stop = first.map(|first| page[first].0.sequence);
        going.extend(page.into_iter().take(first.unwrap_or(MAX_FEED)));
        if stop.is_some() {
            break stop;
        }
        if going.len() >= STEP_EVENTS {
            // The batch that was read last may go on.
            break going.last().map(|(place, _)| place.sequence);
        }
    };
    let mut moved = Moved { done: going.len() < STEP_EVENTS, ..Moved::default() };
    going.retain(|(place, _)| stopped_at.is_none_or(|stays| place.sequence < stays));
    if going.is_empty() {
        return Ok(Moved { done: true, ..moved });
    }
    moved.left = going.len() as u64;
    let mut batches: Vec<u64> = going.iter().map(|(place, _)| place.sequence).collect();
    batches.dedup();
    let mut days: BTreeMap<Date, Vec<Placed>> = BTreeMap::new();
    for placed in going {
        days.entry(placed.1.at.date()).or_default().push(placed);
    }
    for (day, events) in days {
        moved.bytes += archive.keep_events(day, events).await?;
    }
    for last in batches.chunks(TRIM_TOGETHER).filter_map(<[u64]>::last) {
        let first = Cursor { epoch: start.epoch, sequence: last + 1, index: 0 };
        if !store.trim_feed(first, &known).await? {
            // Somebody came who has not read this, or the store failed over; what was kept is
            // kept twice, and looked at anew.
            return Ok(Moved { left: 0, ..moved });
        }
    }
    Ok(moved)
}
