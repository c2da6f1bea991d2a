//! Handing out the whole file: one transaction that reads, so that everything is of the moment
//! it began, on a thread of its own. What is written meanwhile goes beside it: the file grows
//! by so much, and shrinks again in use.

use super::opening::{field, read_tallies};
use super::requests::{BUCKETS, bucket_of};
use super::tables::*;
use super::{Embedded, Shared, unreadable};
use crate::clock::wall_now;
use crate::domain::{OrderNo, TALLIES};
use crate::store::image::{Kind, Moment, Out, Row, push_frame, without_zeros};
use crate::store::{StoreError, codec};
use redb::{ReadTransaction, ReadableDatabase};
use std::sync::Arc;

impl Embedded {
    /// Everything there is.
    pub(super) async fn dump_file(&self, mut out: Out) -> Result<Moment, StoreError> {
        let db = self.shared.read().db.clone()?;
        let read = db.begin_read().map_err(|e| unreadable(e.into()))?;
        drop(db);
        let shared = Arc::clone(&self.shared);
        let dumping = tokio::task::spawn_blocking(move || {
            let mut dump = Dump { read: &read, out: &mut out, stays: &|| still_open(&shared) };
            let moment = dump.all()?;
            // Claims are given in memory, at once.
            let claims = shared.read().claims.max(moment.claims);
            Ok(Moment { claims, ..moment })
        });
        dumping.await.map_err(|_| {
            StoreError::Unreachable("the thread that read the store ended".to_owned())
        })?
    }
}

/// A file that is closed, or refused and is to be opened again, must not be kept from it.
fn still_open(shared: &Shared) -> Result<(), StoreError> {
    shared.read().db.as_ref().map(|_| ()).map_err(StoreError::clone)
}

/// A dump under way.
pub(super) struct Dump<'a> {
    pub(super) read: &'a ReadTransaction,
    pub(super) out: &'a mut Out,
    /// Whether to go on.
    pub(super) stays: &'a dyn Fn() -> Result<(), StoreError>,
}

impl Dump<'_> {
    /// Every row, and of which moment.
    pub(super) fn all(&mut self) -> Result<Moment, StoreError> {
        let at = wall_now();
        let (epoch, claims) = self.city()?;
        self.indicators()?;
        self.requests()?;
        let sequence = self.feed()?;
        for table in [ARCHIVED, ORDERS] {
            self.orders(table)?;
        }
        self.out.flush_blocking()?;
        Ok(Moment { epoch, sequence, claims, at })
    }

    fn put(&mut self, row: Row) -> Result<(), StoreError> {
        (self.stays)()?;
        self.out.put_blocking(row)
    }

    /// What is kept of the city as a whole.
    fn city(&mut self) -> Result<(u64, u64), StoreError> {
        let meta = self.read.open_table(META).map_err(|e| unreadable(e.into()))?;
        let get = |key: &[u8]| {
            let value = meta.get(key).map_err(|e| unreadable(e.into()))?;
            Ok::<_, StoreError>(value.map(|value| value.value().to_vec()))
        };
        if let Some(row) = get(META_MODE)? {
            self.put(Row::new(Kind::Mode, [], row))?;
        }
        if let Some(tallies) = get(META_TALLIES)? {
            let tallies = read_tallies(&tallies).ok_or_else(|| {
                StoreError::Damaged("meta tallies; restore the store from a backup".to_owned())
            })?;
            for (name, n) in TALLIES.iter().zip(tallies).filter(|(_, n)| *n != 0) {
                self.put(Row::new(Kind::Tally, name.as_bytes(), n.to_be_bytes()))?;
            }
        }
        for row in meta.range(META_NUMBER..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let Some(day) = key.value().strip_prefix(META_NUMBER) else { break };
            self.put(Row::new(Kind::Number, day, value.value()))?;
        }
        if let Some(trimmed) = get(META_TRIMMED)? {
            self.put(Row::new(Kind::Trimmed, [], trimmed))?;
        }
        for row in meta.range(META_CONSUMER..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let Some(name) = key.value().strip_prefix(META_CONSUMER) else { break };
            self.put(Row::new(Kind::Consumer, name, value.value()))?;
        }
        let epoch = u64::from_be_bytes(field(&meta, META_EPOCH)?);
        Ok((epoch, u64::from_be_bytes(field(&meta, META_CLAIMS)?)))
    }

    fn indicators(&mut self) -> Result<(), StoreError> {
        let table = self.read.open_table(INDICATORS).map_err(|e| unreadable(e.into()))?;
        for row in table.range::<&[u8; 11]>(..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let counted = without_zeros(value.value());
            if !counted.is_empty() {
                self.put(Row::new(Kind::Indicator, *key.value(), counted))?;
            }
        }
        Ok(())
    }

    /// Those that are still remembered.
    fn requests(&mut self) -> Result<(), StoreError> {
        let table = self.read.open_table(REQUESTS).map_err(|e| unreadable(e.into()))?;
        let oldest = request_key(bucket_of(wall_now()).saturating_sub(BUCKETS - 1), 0);
        for row in table.range::<&[u8; 12]>(&oldest..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let damaged = || {
                let (bucket, pack) = split_request_key(key.value());
                StoreError::Damaged(format!("requests {bucket}/{pack}"))
            };
            for record in unpack(value.value()).ok_or_else(damaged)? {
                let (id, remembered) = record.split_at_checked(16).ok_or_else(damaged)?;
                self.put(Row::new(Kind::Request, id, remembered))?;
            }
        }
        Ok(())
    }

    /// Returns the last number that was given.
    fn feed(&mut self) -> Result<u64, StoreError> {
        let meta = self.read.open_table(META).map_err(|e| unreadable(e.into()))?;
        let mut last = super::leaps::goes_on_after(&meta)?;
        let table = self.read.open_table(FEED).map_err(|e| unreadable(e.into()))?;
        for row in table.range::<&[u8; 8]>(..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let sequence = u64::from_be_bytes(*key.value());
            last = last.max(sequence);
            let steps = unpack(value.value())
                .ok_or_else(|| StoreError::Damaged(format!("feed {sequence}")))?;
            let mut frames = Vec::with_capacity(value.value().len() + 8 * steps.len());
            for step in steps {
                let count = codec::decode_events(step)?.len() as u32;
                push_frame(&mut frames, count, step);
            }
            self.put(Row::new(Kind::Feed, *key.value(), frames))?;
        }
        Ok(last)
    }

    /// The orders of a table, each with its contact and its papers.
    fn orders(&mut self, table: ByNo) -> Result<(), StoreError> {
        let orders = self.read.open_table(table).map_err(|e| unreadable(e.into()))?;
        let contacts = self.read.open_table(CONTACTS).map_err(|e| unreadable(e.into()))?;
        let papers = self.read.open_table(PAPERS).map_err(|e| unreadable(e.into()))?;
        for row in orders.range::<&[u8; 8]>(..).map_err(|e| unreadable(e.into()))? {
            let (key, value) = row.map_err(|e| unreadable(e.into()))?;
            let no = OrderNo::from_code(u64::from_be_bytes(*key.value()))
                .map_err(|_| StoreError::Damaged("an order's number is none".to_owned()))?;
            self.put(Row::of_order(Kind::Order, no, value.value()))?;
            let contact = contacts.get(key.value()).map_err(|e| unreadable(e.into()))?;
            if let Some(contact) = contact {
                self.put(Row::of_order(Kind::Contact, no, contact.value()))?;
            }
            let (first, last) = (paper_key(no, 0), paper_key(no, u16::MAX));
            let range = papers.range::<&[u8; 10]>(&first..=&last);
            for paper in range.map_err(|e| unreadable(e.into()))? {
                let (key, value) = paper.map_err(|e| unreadable(e.into()))?;
                self.put(Row::new(Kind::Paper, *key.value(), value.value()))?;
            }
        }
        Ok(())
    }
}
