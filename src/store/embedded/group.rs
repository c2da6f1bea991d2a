//! What is written together: who is accepted, and how it is written.

use super::Map;
use super::hot::Hot;
use super::opening::{unwritable, write_tallies};
use super::prepared::Prepared;
use super::requests::{BUCKETS, Slot};
use super::tables::*;
use super::writer::Writer;
use crate::domain::{Counts, OrderNo};
use crate::store::{Cursor, StoreError, read_counts};
use redb::{Database, ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::sync::oneshot;

/// What becomes of a change.
#[derive(Clone)]
pub(super) enum Outcome {
    Done,
    Conflict,
    /// Its answer lies there.
    Repeated(Slot),
    LeaseStale,
    Unavailable(StoreError),
    Unknown(StoreError),
}

/// The most expired packs of requests that one group takes out of the file.
const PURGE_MOST: usize = 64;

type Answer = oneshot::Sender<Outcome>;
type Reserve = (u16, Option<u32>, oneshot::Sender<Result<u32, StoreError>>);

/// A change that may happen.
pub(super) struct Accepted {
    pub(super) change: Box<Prepared>,
    /// `None` for what is written beside another, which is answered for both.
    pub(super) answer: Option<Answer>,
    /// The next one is written, and shown, with it.
    pub(super) more: bool,
    /// Others of the group with the same request id.
    pub(super) repeats: Vec<Answer>,
    /// Where its request is remembered.
    pub(super) slot: Option<Slot>,
    /// Its last event.
    pub(super) cursor: Cursor,
}

/// What was handed over together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) changes: Vec<(Box<Prepared>, Answer)>,
    pub(super) reserves: Vec<Reserve>,
}

impl Group {
    /// Answers what may not happen and returns the rest. The order of the checks is that of
    /// every store: a repeated request is answered as before even if its order has moved on.
    pub(super) fn check(&mut self, hot: &Hot, db: &Database, now: Instant) -> Vec<Accepted> {
        let mut accepted: Vec<Accepted> = Vec::with_capacity(self.changes.len());
        let mut versions: Map<OrderNo, u32> = Map::default();
        versions.reserve(self.changes.len());
        let mut ids: Map<u128, usize> = Map::default();
        ids.reserve(self.changes.len());
        let mode = hot.mode.as_ref().map_or(0, |row| row.version);
        for (mut change, answer) in self.changes.drain(..) {
            let id = change.request.as_ref().map(|(id, _)| *id);
            if let Some(first) = id.and_then(|id| ids.get(&id)) {
                accepted[*first].repeats.push(answer);
                continue;
            }
            let refused = if let Some(slot) = id.and_then(|id| hot.requests.find(id)) {
                Some(Outcome::Repeated(slot))
            } else {
                let refused = |change: &Prepared| match version(&versions, hot, db, change.no) {
                    Err(e) => Some(Outcome::Unavailable(e)),
                    Ok(version) if version != change.before => Some(Outcome::Conflict),
                    Ok(_) if change.mode.is_some_and(|of| of != mode) => Some(Outcome::Conflict),
                    Ok(_) => None,
                };
                let stale = || {
                    let stale = change.lease.is_some_and(|lease| {
                        lease.order != change.no || !hot.begin_commit(lease, &change.leaves, now)
                    });
                    stale.then_some(Outcome::LeaseStale)
                };
                refused(&change).or_else(|| change.beside.iter().find_map(refused)).or_else(stale)
            };
            if let Some(outcome) = refused {
                let _ = answer.send(outcome);
                continue;
            }
            change.dropped = id.is_some() && crate::store::fault::drops_this_commit();
            ids.extend(id.map(|id| (id, accepted.len())));
            let (dropped, beside) = (change.dropped, std::mem::take(&mut change.beside));
            let mut answer = Some(answer);
            let mut left = beside.len();
            let beside = beside.into_iter().map(|c| Box::new(Prepared { dropped, ..c }));
            for change in std::iter::once(change).chain(beside) {
                versions.insert(change.no, change.version);
                let (answer, more) = (answer.take(), left > 0);
                let (repeats, slot, cursor) = (Vec::new(), None, Cursor::default());
                accepted.push(Accepted { change, answer, more, repeats, slot, cursor });
                left = left.saturating_sub(1);
            }
        }
        accepted
    }

    pub(super) fn answer_reserves(self, written: &Result<(), StoreError>) {
        for (_, first, answer) in self.reserves {
            let used_up = || StoreError::Unreachable("the date's numbers are used up".to_owned());
            let _ = answer.send(written.clone().and_then(|()| first.ok_or_else(used_up)));
        }
    }
}

/// The version as it will be stored when this group's turn comes to the change.
fn version(
    versions: &Map<OrderNo, u32>,
    hot: &Hot,
    db: &Database,
    no: OrderNo,
) -> Result<Option<u32>, StoreError> {
    if let Some(version) = versions.get(&no) {
        return Ok(Some(*version));
    }
    if let Some(kept) = hot.orders.get(&no) {
        return Ok(Some(kept.version));
    }
    if hot.archive_end.is_none_or(|end| no > end) {
        return Ok(None);
    }
    Ok(super::archived(db, no)?.map(|order| order.version))
}

type Failed = (Vec<Accepted>, Outcome);

impl Writer {
    /// Writes everything accepted, in one transaction; returns when it is on the disk.
    pub(super) fn write(
        &mut self,
        db: &Database,
        mut accepted: Vec<Accepted>,
        reserves: &[Reserve],
    ) -> Result<Vec<Accepted>, Failed> {
        if accepted.iter().all(|a| a.change.dropped) && reserves.is_empty() {
            return Ok(accepted);
        }
        let trouble = |e: redb::Error| unwritable(e);
        let filled = db.begin_write().map_err(redb::Error::from).and_then(|mut txn| {
            txn.set_quick_repair(true);
            self.fill(&txn, &mut accepted, reserves)?;
            Ok(txn)
        });
        match filled.map(WriteTransaction::commit) {
            Ok(Ok(())) => Ok(accepted),
            // It may have reached the disk, or may yet.
            Ok(Err(e)) => Err((accepted, Outcome::Unknown(trouble(e.into())))),
            Err(e) => Err((accepted, Outcome::Unavailable(trouble(e)))),
        }
    }

    fn fill(
        &mut self,
        txn: &WriteTransaction,
        accepted: &mut [Accepted],
        reserves: &[Reserve],
    ) -> Result<(), redb::Error> {
        let mut orders = txn.open_table(ORDERS)?;
        let mut archived = txn.open_table(ARCHIVED)?;
        let mut papers = txn.open_table(PAPERS)?;
        let mut contacts = txn.open_table(CONTACTS)?;
        let (mut tallies, epoch) = {
            let hot = self.shared.read();
            (hot.tallies, hot.feed_end.epoch)
        };
        let mut feed = Packed { table: txn.open_table(FEED)?, pack: Pack::default() };
        let mut requests = Packed { table: txn.open_table(REQUESTS)?, pack: Pack::default() };
        let mut counted: BTreeMap<[u8; 11], Counts> = BTreeMap::new();
        // Events of the pack that is being filled.
        let mut events = 0;
        for Accepted { change, slot, cursor, .. } in
            accepted.iter_mut().filter(|a| !a.change.dropped)
        {
            let key = order_key(change.no);
            match (change.was_archived, change.is_archived) {
                (_, false) => orders.insert(&key, &*change.snapshot)?,
                (_, true) => archived.insert(&key, &*change.snapshot)?,
            };
            match (change.was_archived, change.is_archived) {
                (false, true) => orders.remove(&key)?,
                (true, false) => archived.remove(&key)?,
                (false, false) | (true, true) => None,
            };
            for (index, paper) in &change.papers {
                papers.insert(&paper_key(change.no, *index), paper.as_slice())?;
            }
            if let Some(contact) = &change.contact {
                contacts.insert(&key, contact.as_slice())?;
            }
            for (key, measure) in &change.indicators {
                counted.entry(*key).or_default().count(*measure);
            }
            for (place, n) in &change.tallies {
                tallies[usize::from(*place)] += n;
            }
            if feed.pack.is_full_for(change.events.len()) {
                feed.put(&self.next_feed.to_be_bytes())?;
                self.next_feed += 1;
                events = 0;
            }
            feed.pack.push(&[], &change.events);
            events += change.event_count;
            *cursor = Cursor { epoch, sequence: self.next_feed, index: events.saturating_sub(1) };
            if let Some((id, remembered)) = &change.request {
                if requests.pack.is_full_for(remembered.len() + 16) {
                    requests.put(&request_key(self.bucket, self.next_pack))?;
                    self.next_pack += 1;
                }
                let index = requests.pack.len() as u8;
                *slot = Some(Slot { bucket: self.bucket, pack: self.next_pack, index });
                requests.pack.push(&id.to_be_bytes(), remembered);
            }
        }
        if !feed.pack.is_empty() {
            feed.put(&self.next_feed.to_be_bytes())?;
            self.next_feed += 1;
        }
        if !requests.pack.is_empty() {
            requests.put(&request_key(self.bucket, self.next_pack))?;
            self.next_pack += 1;
        }
        count(&mut txn.open_table(INDICATORS)?, counted)?;
        self.purge(&mut requests.table)?;
        let mut meta = txn.open_table(META)?;
        meta.insert(META_TALLIES, write_tallies(&tallies).as_slice())?;
        for (day, _, _) in reserves {
            let highest = self.numbers.get(day).copied().unwrap_or(0);
            meta.insert(number_key(*day).as_slice(), highest.to_be_bytes().as_slice())?;
        }
        Ok(())
    }

    /// Takes expired request ids out of the file, a few packs at a time.
    fn purge(
        &mut self,
        requests: &mut redb::Table<&'static [u8; 12], &'static [u8]>,
    ) -> Result<(), redb::Error> {
        let oldest = self.bucket.saturating_sub(BUCKETS - 1);
        if self.purged >= oldest {
            return Ok(());
        }
        let mut expired = Vec::with_capacity(PURGE_MOST);
        for row in requests.range::<&[u8; 12]>(..&request_key(oldest, 0))?.take(PURGE_MOST) {
            expired.push(*row?.0.value());
        }
        for key in &expired {
            requests.remove(key)?;
        }
        if expired.len() < PURGE_MOST {
            self.purged = oldest;
        }
        Ok(())
    }
}

/// Adds what a group counted to what was counted before.
fn count(
    table: &mut redb::Table<'_, &'static [u8; 11], &'static [u8]>,
    counted: BTreeMap<[u8; 11], Counts>,
) -> Result<(), redb::Error> {
    for (key, mut counts) in counted {
        if let Some(before) = table.get(&key)? {
            counts.add(&read_counts(before.value()));
        }
        table.insert(&key, counts.0.map(u32::to_be_bytes).as_flattened())?;
    }
    Ok(())
}

/// A table whose values are packs.
struct Packed<'txn, const N: usize> {
    table: redb::Table<'txn, &'static [u8; N], &'static [u8]>,
    pack: Pack,
}

impl<const N: usize> Packed<'_, N> {
    fn put(&mut self, key: &[u8; N]) -> Result<(), redb::Error> {
        let value = self.pack.take();
        self.table.insert(key, value.as_slice())?;
        Ok(())
    }
}
