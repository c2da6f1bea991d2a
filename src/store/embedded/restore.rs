//! Making the file from an image. Until it is whole its format says so, and nobody opens it.

use super::dump::Dump;
use super::leaps::Leaps;
use super::opening::{format_of, identity, open_file, write_tallies};
use super::requests::bucket_of;
use super::tables::*;
use super::unreadable;
use crate::clock::wall_now;
use crate::domain::{Cell, TALLIES};
use crate::store::image::restore::{UNFINISHED, not_empty};
use crate::store::image::{Kind, Moment, Out, Row, Target, Whole, frames};
use crate::store::{StoreError, codec};
use async_trait::async_trait;
use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, WriteTransaction};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Every so many batches are flushed; what is not is written again from the beginning anyway.
const FLUSH_EVERY: u32 = 64;

/// A file in the making.
pub struct Restoring {
    db: Database,
    path: PathBuf,
    cell: Cell,
    batches: u32,
    /// The bucket that every remembered request is put in: each is remembered as long again.
    bucket: u32,
    next_pack: u64,
    requests: Pack,
    tallies: [i64; TALLIES.len()],
    /// The last batch of the feed, or the last that left.
    last: Option<u64>,
    leaps: Leaps,
}

impl Restoring {
    /// Opens the file, or makes it, and marks it. Refuses one in which there is anything, unless
    /// that was left by a restore.
    pub fn begin(path: &Path, cell: Cell) -> Result<Restoring, StoreError> {
        let db = open_file(path)?;
        if format_of(&db)? != Some(UNFINISHED) && identity(&db, cell)?.is_some() && !empty(&db)? {
            return Err(not_empty());
        }
        let restoring = Restoring {
            db,
            path: path.to_owned(),
            cell,
            batches: 0,
            bucket: bucket_of(wall_now()),
            next_pack: 0,
            requests: Pack::default(),
            tallies: [0; TALLIES.len()],
            last: None,
            leaps: Leaps::default(),
        };
        restoring.write(Durability::Immediate, |txn| {
            let tables: Vec<_> = txn.list_tables()?.collect();
            for table in tables {
                txn.delete_table(table)?;
            }
            restoring.mark(txn, UNFINISHED)?;
            for table in [ORDERS, ARCHIVED, CONTACTS, FEED] {
                txn.open_table(table)?;
            }
            txn.open_table(PAPERS)?;
            txn.open_table(REQUESTS)?;
            txn.open_table(INDICATORS)?;
            Ok(())
        })?;
        // A file that was made just now must be in its folder after a crash, too.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(unwritten)?;
        Ok(restoring)
    }

    fn mark(&self, txn: &WriteTransaction, format: u16) -> Result<(), redb::Error> {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_FORMAT, format.to_be_bytes().as_slice())?;
        meta.insert(META_CELL, self.cell.code().to_be_bytes().as_slice())?;
        Ok(())
    }

    fn write(
        &self,
        durability: Durability,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut txn = self.db.begin_write()?;
            txn.set_durability(durability)?;
            txn.set_quick_repair(matches!(durability, Durability::Immediate));
            fill(&txn)?;
            txn.commit()?;
            Ok(())
        };
        write().map_err(unwritten)
    }

    /// Where each row goes, as bytes.
    fn sorted(&mut self, rows: Vec<Row>) -> Result<Sorted, StoreError> {
        let mut sorted = Sorted::default();
        for row in rows {
            match row.kind {
                Kind::Order | Kind::OrderAgain => {
                    let over = codec::decode_order(&row.value)?.is_over();
                    let table = if over { &mut sorted.archived } else { &mut sorted.orders };
                    table.push((row.key()?, row.value));
                }
                Kind::Contact => sorted.contacts.push((row.key()?, row.value)),
                Kind::Paper => sorted.papers.push((row.key()?, row.value)),
                Kind::Indicator => sorted.indicators.push((row.key()?, row.value)),
                Kind::Mode => sorted.meta.push((META_MODE.to_vec(), row.value)),
                Kind::Consumer => {
                    sorted.meta.push(([META_CONSUMER, &row.key].concat(), row.value));
                }
                Kind::Trimmed => {
                    self.last = Some(row.number()?);
                    sorted.meta.push((META_TRIMMED.to_vec(), row.value));
                }
                Kind::Feed => sorted.feed.push((row.key()?, self.feed(&row)?)),
                Kind::Request => {
                    if self.requests.is_full_for(row.value.len() + 16) {
                        sorted.requests.extend(self.pack());
                    }
                    self.requests.push(&row.key::<16>()?, &row.value);
                }
                Kind::Tally => {
                    let n = row.value.as_slice().try_into().map_err(|_| row.odd())?;
                    let place = TALLIES.iter().position(|name| name.as_bytes() == row.key);
                    // One that is no longer counted is let go.
                    if let Some(place) = place {
                        self.tallies[place] = i64::from_be_bytes(n);
                    }
                }
                // Told with the whole.
                Kind::Number => {}
            }
        }
        Ok(sorted)
    }

    fn feed(&mut self, row: &Row) -> Result<Vec<u8>, StoreError> {
        let sequence = u64::from_be_bytes(row.key()?);
        if let Some(last) = self.last.replace(sequence).filter(|last| last + 1 < sequence) {
            self.leaps.push(last, sequence - 1);
        }
        let mut pack = Pack::default();
        for (_, events) in frames(&row.value).ok_or_else(|| row.odd())? {
            pack.push(&[], events);
        }
        Ok(pack.take())
    }

    /// A pack of requests that is full, or the last one.
    fn pack(&mut self) -> Option<([u8; 12], Vec<u8>)> {
        if self.requests.is_empty() {
            return None;
        }
        let key = request_key(self.bucket, self.next_pack);
        self.next_pack += 1;
        Some((key, self.requests.take()))
    }
}

/// The rows of a batch, by table.
#[derive(Default)]
struct Sorted {
    orders: Vec<([u8; 8], Vec<u8>)>,
    archived: Vec<([u8; 8], Vec<u8>)>,
    contacts: Vec<([u8; 8], Vec<u8>)>,
    papers: Vec<([u8; 10], Vec<u8>)>,
    indicators: Vec<([u8; 11], Vec<u8>)>,
    feed: Vec<([u8; 8], Vec<u8>)>,
    requests: Vec<([u8; 12], Vec<u8>)>,
    meta: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Sorted {
    fn fill(&self, txn: &WriteTransaction) -> Result<(), redb::Error> {
        insert(txn, ORDERS, &self.orders)?;
        insert(txn, ARCHIVED, &self.archived)?;
        insert(txn, CONTACTS, &self.contacts)?;
        insert(txn, PAPERS, &self.papers)?;
        insert(txn, INDICATORS, &self.indicators)?;
        insert(txn, FEED, &self.feed)?;
        insert(txn, REQUESTS, &self.requests)?;
        for (key, value) in &self.meta {
            txn.open_table(META)?.insert(key.as_slice(), value.as_slice())?;
        }
        Ok(())
    }
}

fn insert<const N: usize>(
    txn: &WriteTransaction,
    table: redb::TableDefinition<'static, &'static [u8; N], &'static [u8]>,
    rows: &[([u8; N], Vec<u8>)],
) -> Result<(), redb::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(table)?;
    for (key, value) in rows {
        table.insert(key, value.as_slice())?;
    }
    Ok(())
}

#[async_trait]
impl Target for Restoring {
    async fn put(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        let sorted = self.sorted(rows)?;
        self.batches += 1;
        let durability = match self.batches.is_multiple_of(FLUSH_EVERY) {
            true => Durability::Immediate,
            false => Durability::None,
        };
        self.write(durability, |txn| sorted.fill(txn))
    }

    async fn settle(&mut self, whole: &Whole) -> Result<(), StoreError> {
        let last = self.last.unwrap_or(0);
        self.leaps.push(last, whole.sequence);
        let sorted = Sorted { requests: self.pack().into_iter().collect(), ..Sorted::default() };
        self.write(Durability::Immediate, |txn| {
            sorted.fill(txn)?;
            let mut meta = txn.open_table(META)?;
            meta.insert(META_EPOCH, whole.epoch.to_be_bytes().as_slice())?;
            meta.insert(META_CLAIMS, whole.claims.to_be_bytes().as_slice())?;
            meta.insert(META_TALLIES, write_tallies(&self.tallies).as_slice())?;
            meta.insert(META_FEED, whole.sequence.to_be_bytes().as_slice())?;
            meta.insert(META_LEAPS, self.leaps.written().as_slice())?;
            for (day, highest) in &whole.numbers {
                meta.insert(number_key(*day).as_slice(), highest.to_be_bytes().as_slice())?;
            }
            Ok(())
        })
    }

    async fn dump(&self, mut out: Out) -> Result<Moment, StoreError> {
        let read = self.db.begin_read().map_err(|e| unreadable(e.into()))?;
        let dump = move || Dump { read: &read, out: &mut out, stays: &|| Ok(()) }.all();
        tokio::task::spawn_blocking(dump).await.map_err(|_| {
            StoreError::Unreachable("the thread that read the store ended".to_owned())
        })?
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.write(Durability::Immediate, |txn| self.mark(txn, FORMAT))?;
        tracing::info!(store = %self.path.display(), "restored");
        Ok(())
    }
}

fn unwritten(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreachable(format!("the store cannot be written: {error}"))
}

/// Whether there is nothing in it that was ever told to anybody.
fn empty(db: &Database) -> Result<bool, StoreError> {
    let look = || -> Result<bool, redb::Error> {
        let read = db.begin_read()?;
        let mut rows = read.open_table(REQUESTS)?.len()?;
        for table in [ORDERS, ARCHIVED, FEED] {
            rows += read.open_table(table)?.len()?;
        }
        Ok(rows == 0 && read.open_table(META)?.get(META_MODE)?.is_none())
    };
    look().map_err(unreadable)
}
