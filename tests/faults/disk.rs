//! The disk is full: a tmpfs of a few megabytes in a namespace of its own.

use crate::figures::measured;
use crate::server::SmallDisk;
use crate::traffic::{Traffic, kept};
use crate::{open, until};
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
use std::sync::Mutex;

/// What the disk holds, and what something else takes of it.
const SIZE: &str = "24m";
const TAKEN: usize = 18 << 20;

fn disk() -> Option<SmallDisk> {
    let disk = SmallDisk::new(SIZE);
    if disk.is_none() {
        eprintln!("\n    SKIPPED: this system mounts no tmpfs for us, so no disk is full here\n");
    }
    disk
}

/// With `appendfsync always` Redis ends when it cannot write: what it answered is on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_always_ends_redis_and_loses_nothing() {
    let Some(disk) = disk() else { return };
    let hog = disk.path().join("hog");
    let server = disk.serve(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = open(&server.url(), RedisOptions::default()).await;
    let server = Mutex::new(server);
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(100).await;
    std::fs::write(&hog, vec![0; TAKEN]).unwrap();
    until("it ends", || async { server.lock().unwrap().has_ended() }).await;
    std::fs::remove_file(&hog).unwrap();
    server.lock().unwrap().restart();
    traffic.more(100).await;
    let ledger = traffic.stop().await;
    kept(&store, &ledger).await;
    let (acknowledged, unknown) = (ledger.acknowledged.len(), ledger.unknown);
    measured("lost", format!("0 of {acknowledged} on a full disk, always; {unknown} told unknown"));
}

/// With `everysec` it goes on and refuses changes, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_everysec_refuses_changes() {
    let Some(disk) = disk() else { return };
    let hog = disk.path().join("hog");
    let server = disk.serve(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let store = open(&server.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(100).await;
    std::fs::write(&hog, vec![0; TAKEN]).unwrap();
    until("changes are refused", || async {
        let outcome = store.commit(crate::order(900_000)).await;
        outcome.is_err_and(|why| why.to_string().contains("cannot write to its disk"))
    })
    .await;
    std::fs::remove_file(&hog).unwrap();
    traffic.more(100).await;
    let ledger = traffic.stop().await;
    assert_eq!(ledger.unknown, 0, "what is refused is not done");
    assert_eq!(crate::traffic::missing(&store, &ledger).await, [0; 0]);
    crate::sound(&store).await;
}
