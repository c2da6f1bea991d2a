//! The store of one machine: a single file, one writer, every answer on the disk.
//!
//! ```text
//!  commit ──▶ Prepared ──▶ queue ──▶ writer: check · one transaction · fsync
//!  (in the caller's task)                      │
//!  load, claim, tray, due ◀── Hot (memory) ◀───┴──▶ answers
//!  paper, contact, feed, archived orders ◀── the file
//! ```
//!
//! `tables` says what is in the file, `hot` what is in memory, `group` how changes are
//! checked and written, `writer` in what order. Readers see only what has been flushed, and
//! never wait for the flush of a commit; only while the file itself grows, now and then, what
//! must be read from it waits. The open orders are in memory as bytes; archived ones are not.

mod dump;
mod group;
mod hot;
mod leaps;
mod leaving;
mod loading;
mod opening;
mod prepared;
mod reads;
mod reconcile;
mod requests;
pub mod restore;
mod tables;
#[cfg(test)]
mod tests;
mod tray;
mod vitals;
mod writer;

use super::vitals::Batches;
use super::{Cursor, StoreError, codec};
use crate::clock::wall_now;
use crate::domain::{Cell, Order, OrderNo};
use hot::Hot;
use opening::{Opened, load, open_file};
use redb::{Database, ReadableDatabase};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use writer::{Job, Opener, QUEUE, Writer};

/// Seeded at random for each map, and a fraction of the price of the standard hasher.
type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// A cell in one file.
pub struct Embedded {
    cell: Cell,
    shared: Arc<Shared>,
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    timers: Mutex<Option<(u64, Instant)>>,
}

/// What writer and readers share.
struct Shared {
    hot: RwLock<Hot>,
    end: watch::Sender<Cursor>,
    batches: Batches,
}

impl Shared {
    // A panic under the lock is a fault of the program; what was seen so far stays true.
    fn read(&self) -> RwLockReadGuard<'_, Hot> {
        self.hot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Hot> {
        self.hot.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Embedded {
    /// Opens the file of a cell, or makes it. Refuses one that is of a newer program, of
    /// another cell, or open elsewhere; the error says what to do.
    pub fn open(path: &Path, cell: Cell) -> Result<Arc<Embedded>, StoreError> {
        let path = path.to_owned();
        Embedded::open_with(cell, Box::new(move || open_file(&path)))
    }

    fn open_with(cell: Cell, opener: Opener) -> Result<Arc<Embedded>, StoreError> {
        let Opened { hot, numbers, next_feed, next_pack } = load(opener()?, cell)?;
        let shared = Arc::new(Shared {
            end: watch::Sender::new(hot.feed_end),
            hot: RwLock::new(hot),
            batches: Batches::default(),
        });
        let (sender, jobs) = mpsc::channel(QUEUE);
        let writer = Writer {
            cell,
            shared: shared.clone(),
            opener,
            jobs,
            tasks: tokio::runtime::Handle::try_current().ok(),
            numbers,
            next_feed,
            next_pack,
            bucket: requests::bucket_of(wall_now()),
            purged: 0,
            tried: None,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || writer.run()).map_err(|e| {
            StoreError::Unreachable(format!("the store's writer cannot be started: {e}"))
        })?;
        Ok(Arc::new(Embedded {
            cell,
            shared,
            jobs: Some(sender),
            writer: Some(thread),
            timers: Mutex::new(None),
        }))
    }
}

/// Whatever was handed over is written, and the file is free, before this returns.
impl Drop for Embedded {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so itself.
            let _ = writer.join();
        }
    }
}

/// An archived order.
fn archived(db: &Database, no: OrderNo) -> Result<Option<Order>, StoreError> {
    let look = || -> Result<Option<Vec<u8>>, redb::Error> {
        let table = db.begin_read()?.open_table(tables::ARCHIVED)?;
        Ok(table.get(&tables::order_key(no))?.map(|value| value.value().to_vec()))
    };
    look().map_err(unreadable)?.map(|bytes| codec::decode_order(&bytes)).transpose()
}

fn unreadable(error: redb::Error) -> StoreError {
    StoreError::Unreachable(format!("the store cannot be read: {error}"))
}
