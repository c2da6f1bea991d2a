//! A disk that is slow, full, or refuses to say whether it wrote.

use super::super::Embedded;
use super::{cell, new_order, number};
use crate::store::{CommitError, RequestId, Store, StoreError, audit};
use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the disk does from now on.
#[derive(Debug, Default)]
struct Mood {
    full: AtomicBool,
    flush_fails: AtomicBool,
    /// Flushes wait while this is set.
    slow: Mutex<bool>,
    woken: Condvar,
    /// A file that was just made larger is flushed before it is used, and redb lets nobody
    /// begin a read meanwhile. That is rare and no commit: it is not slowed.
    grown: AtomicBool,
}

/// The longest a flush is held up, so that a failed test ends.
const PATIENCE: Duration = Duration::from_secs(10);

impl Mood {
    fn slow(&self, slow: bool) {
        *self.slow.lock().unwrap() = slow;
        self.woken.notify_all();
    }
}

#[derive(Debug)]
struct Disk(FileBackend, Arc<Mood>);

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.1.grown.store(true, Ordering::SeqCst);
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), Error> {
        if !self.1.grown.swap(false, Ordering::SeqCst) {
            let slow = self.1.slow.lock().unwrap();
            drop(self.1.woken.wait_timeout_while(slow, PATIENCE, |slow| *slow).unwrap());
        }
        if self.1.flush_fails.load(Ordering::SeqCst) {
            return Err(Error::other("the flush failed"));
        }
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        if self.1.full.load(Ordering::SeqCst) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.0.write(offset, data)
    }
}

fn store(mood: &Arc<Mood>) -> (tempfile::TempDir, Arc<Embedded>) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("cell.redb");
    let mood = mood.clone();
    let opener = move || {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(|e| StoreError::Unreachable(e.to_string()))?;
        let disk = Disk(FileBackend::new(file).unwrap(), mood.clone());
        let opened = Builder::new().create_with_backend(disk);
        opened.map_err(|e| StoreError::Unreachable(e.to_string()))
    };
    let store = Embedded::open_with(cell(), Box::new(opener)).unwrap();
    (folder, store)
}

/// Until the store has found out that the disk is well again.
async fn healed(store: &Embedded) {
    for _ in 0..2_000 {
        if store.check().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never healed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_neither_wait_for_a_flush_nor_see_what_is_not_flushed() {
    let mood = Arc::new(Mood::default());
    let (_folder, store) = store(&mood);
    store.commit(new_order(1)).await.unwrap();
    mood.slow(true);
    let writing = {
        let store = store.clone();
        tokio::spawn(async move { store.commit(new_order(2)).await })
    };
    for _ in 0..50 {
        assert!(store.load(number(1)).await.unwrap().is_some());
        assert!(store.load(number(2)).await.unwrap().is_none());
        assert!(store.paper(number(1), 0).await.unwrap().is_some());
        assert_eq!(store.remembered(RequestId(2)).await.unwrap(), None);
        assert_eq!(store.feed(None, 10).await.unwrap().len(), 1);
        assert_eq!(store.all_entries().await.unwrap().len(), 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!writing.is_finished());
    mood.slow(false);
    writing.await.unwrap().unwrap();
    assert!(store.load(number(2)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_says_so_and_heals() {
    let mood = Arc::new(Mood::default());
    let (_folder, store) = store(&mood);
    store.commit(new_order(1)).await.unwrap();
    let first = store.reserve(number(1).date(), 10, 0).await.unwrap();
    mood.full.store(true, Ordering::SeqCst);
    let refused = store.commit(new_order(2)).await.unwrap_err();
    let said = match &refused {
        CommitError::Unavailable(e) | CommitError::Unknown(e) => e.to_string(),
        e => panic!("{e}"),
    };
    assert!(said.contains("make room"), "{said}");
    assert!(store.check().await.is_err());
    let later = store.commit(new_order(3)).await.unwrap_err();
    assert!(matches!(later, CommitError::Unavailable(_)), "{later}");
    mood.full.store(false, Ordering::SeqCst);
    healed(&store).await;
    // What was known to be refused is not there, what was acknowledged is.
    assert!(store.load(number(1)).await.unwrap().is_some());
    assert!(store.load(number(3)).await.unwrap().is_none());
    store.commit(new_order(4)).await.unwrap();
    assert!(store.reserve(number(1).date(), 10, 0).await.unwrap() >= first + 10);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_leaves_the_outcome_unknown_and_the_request_id_tells() {
    let mood = Arc::new(Mood::default());
    let (_folder, store) = store(&mood);
    store.commit(new_order(1)).await.unwrap();
    mood.flush_fails.store(true, Ordering::SeqCst);
    let unknown = store.commit(new_order(2)).await.unwrap_err();
    assert!(matches!(unknown, CommitError::Unknown(_)), "{unknown}");
    mood.flush_fails.store(false, Ordering::SeqCst);
    healed(&store).await;
    let there = store.load(number(2)).await.unwrap().is_some();
    match store.commit(new_order(2)).await {
        Ok(()) => assert!(!there),
        Err(CommitError::Repeated(_)) => assert!(there),
        Err(e) => panic!("{e}"),
    }
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}
