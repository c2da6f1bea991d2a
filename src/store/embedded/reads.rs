//! The trait over the parts: what is in memory is answered from there, the rest from the file.

use super::group::Outcome;
use super::opening::feed_events;
use super::prepared::Prepared;
use super::tables::*;
use super::writer::Job;
use super::{Embedded, archived, unreadable};
use crate::clock::tick;
use crate::domain::{
    Cell, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order, OrderNo, TALLIES, Tally,
    Timestamp, Unit,
};
use crate::store::image::{Moment, Out};
use crate::store::leaving::from;
use crate::store::{
    Change, Claimed, CommitError, Cursor, Lease, MAX_BATCH, MAX_DUE, MAX_FEED, ModeRow, Paper,
    Remembered, RequestId, SealedContact, Store, StoreError, Sums, check_together, codec, day_of,
    read_counts,
};
use async_trait::async_trait;
use redb::{Database, ReadableDatabase};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::Duration;
use tokio::sync::oneshot;

fn closed() -> StoreError {
    StoreError::Unreachable("the store is closed".to_owned())
}

/// The writer is gone without having answered: it panicked, or was killed.
pub(super) fn no_answer() -> StoreError {
    StoreError::Unreachable("the store's writer stopped; start the hotline again".to_owned())
}

/// Says whose record is damaged, where the record itself cannot.
fn of(what: &str, no: OrderNo) -> impl Fn(StoreError) -> StoreError {
    move |e| match e {
        StoreError::Damaged(why) => StoreError::Damaged(format!("{what} of {no}: {why}")),
        e @ (StoreError::Unreachable(_)
        | StoreError::Full(_)
        | StoreError::TooNew { .. }
        | StoreError::FeedDiverged { .. }
        | StoreError::FeedTrimmed { .. }) => e,
    }
}

impl Embedded {
    /// The state, if the file behind it can be used.
    pub(super) fn hot(
        &self,
    ) -> Result<(RwLockReadGuard<'_, super::Hot>, Arc<Database>), StoreError> {
        let hot = self.shared.read();
        let db = hot.db.clone()?;
        Ok((hot, db))
    }

    pub(super) async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<T>) -> Job,
    ) -> Result<oneshot::Receiver<T>, StoreError> {
        let (sender, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(job(sender)).await.map_err(|_| closed())?;
        Ok(answer)
    }

    /// Has something of the city itself written.
    async fn ask_city(
        &self,
        job: impl FnOnce(oneshot::Sender<Outcome>) -> Job,
    ) -> Result<(), CommitError> {
        let answer = self.ask(job).await.map_err(CommitError::Unavailable)?;
        match answer.await.map_err(|_| CommitError::Unknown(no_answer()))? {
            Outcome::Done => Ok(()),
            // No lease and no request is looked at here.
            Outcome::Conflict | Outcome::Repeated(_) | Outcome::LeaseStale => {
                Err(CommitError::Conflict)
            }
            Outcome::Unavailable(e) => Err(CommitError::Unavailable(e)),
            Outcome::Unknown(e) => Err(CommitError::Unknown(e)),
        }
    }

    async fn hand_over(&self, prepared: Box<Prepared>) -> Result<(), CommitError> {
        let answer = self.ask(|answer| Job::Commit(prepared, answer)).await;
        let answer = answer.map_err(CommitError::Unavailable)?.await;
        match answer.map_err(|_| CommitError::Unknown(no_answer()))? {
            Outcome::Done => Ok(()),
            Outcome::Conflict => Err(CommitError::Conflict),
            Outcome::LeaseStale => Err(CommitError::LeaseStale),
            Outcome::Unavailable(e) => Err(CommitError::Unavailable(e)),
            Outcome::Unknown(e) => Err(CommitError::Unknown(e)),
            Outcome::Repeated(slot) => {
                let db = self.shared.read().db.clone();
                let found = db.and_then(|db| slot.answer(&db));
                match found.map_err(CommitError::Unavailable)? {
                    Some(remembered) => Err(CommitError::Repeated(Box::new(remembered))),
                    // Forgotten between the check and this look, after 48 h: ask again.
                    None => Err(CommitError::Conflict),
                }
            }
        }
    }
}

impl Embedded {
    /// The first `max` orders behind a number, open or over, and perhaps some more.
    fn snapshots(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<BTreeMap<OrderNo, Box<[u8]>>, StoreError> {
        let (mut page, db) = {
            let (hot, db) = self.hot()?;
            let open = hot.orders.range((after.map_or(Unbounded, Excluded), Unbounded)).take(max);
            let page: BTreeMap<OrderNo, Box<[u8]>> =
                open.map(|(no, kept)| (*no, kept.snapshot.clone())).collect();
            (page, db)
        };
        let mut look = || -> Result<(), redb::Error> {
            let table = db.begin_read()?.open_table(ARCHIVED)?;
            let after = after.map(order_key);
            let range = (after.as_ref().map_or(Unbounded, Excluded), Unbounded);
            for row in table.range::<&[u8; 8]>(range)?.take(max) {
                let (key, value) = row?;
                if let Ok(no) = OrderNo::from_code(u64::from_be_bytes(*key.value())) {
                    // What memory still has as open was not yet shown as archived.
                    page.entry(no).or_insert_with(|| value.value().into());
                }
            }
            Ok(())
        };
        look().map_err(unreadable)?;
        Ok(page)
    }
}

#[async_trait]
impl Store for Embedded {
    fn cell(&self) -> Cell {
        self.cell
    }

    async fn reserve(&self, date: Date, count: u32, above: u32) -> Result<u32, StoreError> {
        let day = OrderNo::new(self.cell, date, 0).day();
        let answer = self.ask(|answer| Job::Reserve { day, count, above, answer }).await?;
        answer.await.map_err(|_| no_answer())?
    }

    async fn load(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        let db = {
            let (hot, db) = self.hot()?;
            if let Some(kept) = hot.orders.get(&no) {
                return codec::decode_order(&kept.snapshot).map(|order| Some(Arc::new(order)));
            }
            if hot.archive_end.is_none_or(|end| no > end) {
                return Ok(None);
            }
            db
        };
        Ok(archived(&db, no)?.map(Arc::new))
    }

    async fn remembered(&self, id: RequestId) -> Result<Option<Remembered>, StoreError> {
        let (slot, db) = {
            let (hot, db) = self.hot()?;
            (hot.requests.find(id.0), db)
        };
        slot.map_or(Ok(None), |slot| slot.answer(&db))
    }

    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        let prepared = Box::new(Prepared::new(&change));
        drop(change);
        self.hand_over(prepared).await
    }

    async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        check_together(&changes)?;
        let prepared = Prepared::new(&changes[0]);
        let beside = changes[1..].iter().map(Prepared::new).collect();
        drop(changes);
        self.hand_over(Box::new(Prepared { beside, ..prepared })).await
    }

    async fn claim(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        let claimed = {
            let mut hot = self.shared.write();
            hot.db.clone()?;
            hot.claim(units, desk, max.min(MAX_BATCH), tick(), lease)
        };
        let read = |(lease, snapshot): (_, Box<[u8]>)| {
            Ok(Claimed { order: Arc::new(codec::decode_order(&snapshot)?), lease })
        };
        claimed.into_iter().map(read).collect()
    }

    async fn ready(&self, trays: &[(Unit, Desk)]) -> Result<Vec<bool>, StoreError> {
        let (mut hot, now) = (self.shared.write(), tick());
        hot.db.clone()?;
        let mut is_ready = |tray: &(Unit, Desk)| {
            hot.trays.get_mut(tray).is_some_and(|tray| tray.first(now).is_some())
        };
        Ok(trays.iter().map(&mut is_ready).collect())
    }

    async fn release(&self, claims: &[(Entry, Lease)]) -> Result<(), StoreError> {
        let mut hot = self.shared.write();
        for (entry, lease) in claims {
            if let Some(tray) = hot.trays.get_mut(&(entry.unit, entry.desk)) {
                tray.release((entry.deadline, lease.order), lease.claim);
            }
        }
        Ok(())
    }

    async fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        let (hot, _) = self.hot()?;
        let due = hot.deadlines.iter().take_while(|(at, _)| *at <= now);
        Ok(due.take(max.min(MAX_DUE)).copied().collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.hot()?.0.deadlines.first().map(|(at, _)| *at))
    }

    async fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        let (hot, _) = self.hot()?;
        let Some(tray) = hot.trays.get(&(unit, desk)) else { return Ok(Vec::new()) };
        let page = tray.page(after, max.min(MAX_BATCH)).into_iter();
        Ok(page
            .map(|((deadline, no), assignment)| (Entry { unit, desk, assignment, deadline }, no))
            .collect())
    }

    async fn numbers(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<OrderNo>, StoreError> {
        Ok(self.snapshots(after, max)?.into_keys().take(max).collect())
    }

    async fn scan(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let max = max.min(MAX_BATCH);
        let read = |snapshot: &[u8]| codec::decode_order(snapshot).map(Arc::new);
        self.snapshots(after, max)?.values().take(max).map(|snapshot| read(snapshot)).collect()
    }

    async fn all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        Ok(self.hot()?.0.all_entries())
    }

    async fn all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        Ok(self.hot()?.0.deadlines.iter().copied().collect())
    }

    async fn tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError> {
        let (hot, _) = self.hot()?;
        Ok(TALLIES.iter().copied().zip(hot.tallies).collect())
    }

    async fn of_caller(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError> {
        Ok(self.hot()?.0.of_caller(&phone))
    }

    async fn mode(&self) -> Result<Option<ModeRow>, StoreError> {
        Ok(self.hot()?.0.mode.clone())
    }

    async fn set_mode(&self, row: &ModeRow, event: Option<&Event>) -> Result<(), CommitError> {
        let events = event.map(|event| codec::encode_events(std::slice::from_ref(event)));
        let (row, events) = (row.clone(), events.unwrap_or_default());
        self.ask_city(|answer| Job::SetMode { row, events, answer }).await
    }

    async fn announce(&self, read: Cursor, event: &Event) -> Result<(), CommitError> {
        let events = codec::encode_events(std::slice::from_ref(event));
        self.ask_city(|answer| Job::Announce { read, events, answer }).await
    }

    async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError> {
        let db = self.hot()?.1;
        let look = || -> Result<Vec<(Marginal, Counts)>, redb::Error> {
            let table = db.begin_read()?.open_table(INDICATORS)?;
            let mut sums = Sums::default();
            for day in day_of(from)..=day_of(to) {
                let first = indicator_key(day, of.byte(), 0);
                let last = indicator_key(day, of.byte(), u64::MAX);
                for row in table.range::<&[u8; 11]>(&first..=&last)? {
                    let (key, value) = row?;
                    let [_, _, _, code @ ..] = *key.value();
                    if let Some(marginal) = Marginal::from_code(of, u64::from_be_bytes(code)) {
                        sums.add(marginal, &read_counts(value.value()));
                    }
                }
            }
            Ok(sums.done())
        };
        look().map_err(unreadable)
    }

    async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, StoreError> {
        let db = self.hot()?.1;
        let look = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = db.begin_read()?.open_table(PAPERS)?;
            Ok(table.get(&paper_key(no, index))?.map(|value| value.value().to_vec()))
        };
        let bytes = look().map_err(unreadable)?;
        bytes.map(|bytes| codec::decode_paper(&bytes).map_err(of("a paper", no))).transpose()
    }

    async fn contact(&self, no: OrderNo) -> Result<Option<SealedContact>, StoreError> {
        let db = self.hot()?.1;
        let look = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = db.begin_read()?.open_table(CONTACTS)?;
            Ok(table.get(&order_key(no))?.map(|value| value.value().to_vec()))
        };
        let bytes = look().map_err(unreadable)?;
        bytes.map(|bytes| codec::decode_contact(&bytes).map_err(of("the contact", no))).transpose()
    }

    async fn feed(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        let (end, after, db) = {
            let (hot, db) = self.hot()?;
            let end = hot.feed_end;
            if after.is_some_and(|after| hot.leaps.pass_over(after)) {
                return Err(StoreError::FeedDiverged { epoch: end.epoch });
            }
            (end, from(after, hot.trimmed, end)?, db)
        };
        let page = page(&db, after, end, max.min(MAX_FEED))?;
        // What left while it was read is missed, not passed over.
        from(Some(after), self.hot()?.0.trimmed, end)?;
        Ok(page)
    }

    async fn dump(&self, out: Out) -> Result<Moment, StoreError> {
        self.dump_file(out).await
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        Ok(self.hot()?.0.feed_end)
    }

    async fn feed_grown(&self, after: Cursor, at_most: Duration) -> Result<(), StoreError> {
        let mut end = self.shared.end.subscribe();
        // Running out of time is an answer too.
        let _ = tokio::time::timeout(at_most, end.wait_for(|end| *end > after)).await;
        self.hot().map(|_| ())
    }

    async fn hold_timers(&self, holder: u64, for_: Duration) -> Result<bool, StoreError> {
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = tick();
        let free = timers.is_none_or(|(who, until)| who == holder || until <= now);
        if free {
            *timers = Some((holder, now + for_));
        }
        Ok(free)
    }

    /// One file, one process: its clock is the machine's.
    async fn wall_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    /// Asks the writer, who opens a file again that had refused.
    async fn check(&self) -> Result<(), StoreError> {
        self.ask(Job::Check).await?.await.map_err(|_| no_answer())?
    }

    async fn close(&self) {
        if let Ok(answer) = self.ask(Job::Close).await {
            // The writer answers when the file is free, or is gone already.
            let _ = answer.await;
        }
    }
}

/// Up to `max` events after a cursor.
fn page(
    db: &Database,
    after: Cursor,
    end: Cursor,
    max: usize,
) -> Result<Vec<(Cursor, Event)>, StoreError> {
    let epoch = end.epoch;
    let mut page = Vec::new();
    let table = || -> Result<_, redb::Error> { Ok(db.begin_read()?.open_table(FEED)?) };
    let table = table().map_err(unreadable)?;
    let (first, last) = (after.sequence.to_be_bytes(), end.sequence.to_be_bytes());
    let rows = table.range::<&[u8; 8]>(&first..=&last).map_err(|e| unreadable(e.into()))?;
    for row in rows {
        let (key, value) = row.map_err(|e| unreadable(e.into()))?;
        let sequence = u64::from_be_bytes(*key.value());
        for (index, event) in (0..).zip(feed_events(sequence, value.value())?) {
            let cursor = Cursor { epoch, sequence, index };
            if cursor > end || page.len() == max {
                return Ok(page);
            }
            if cursor > after {
                page.push((cursor, event));
            }
        }
    }
    Ok(page)
}
