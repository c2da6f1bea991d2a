//! The archive's files: what is in them, how they come into being, and what is left when that
//! goes wrong.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/faulty.rs"]
mod faulty;
#[path = "support/redis.rs"]
mod server;
#[path = "support/mod.rs"]
mod support;

use hotline::archive::moving::{Keep, Mover, trim};
use hotline::archive::{Archive, Keeper};
use hotline::domain::*;
use hotline::store::memory::Memory;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::*;

fn later() -> Date {
    Date { year: 2030, month: 1, day: 1 }
}

async fn put(store: &Arc<dyn Store>, change: Change) -> Arc<Order> {
    let after = change.after.clone();
    store.commit(change).await.unwrap();
    after
}

/// An order that was withdrawn at once.
async fn over(store: &Arc<dyn Store>, seq: u32) -> Arc<Order> {
    let mut new = new_order(seq, HEARD);
    for (_, paper) in &mut new.papers {
        // As long as citizens write.
        Arc::make_mut(paper).body = "门口的路灯三天不亮了，晚上老人小孩出门看不见路。".repeat(17);
    }
    let order = put(store, new).await;
    let command = Command { actor: actor(cell().centre(), Role::Agent), action: Action::Withdraw };
    let now = HEARD.plus(Span::minutes(5));
    put(store, change(Some(order), &command, now).unwrap().unwrap()).await
}

async fn move_all(store: &Arc<dyn Store>, archive: &Archive) -> Result<u64, StoreError> {
    let (mut mover, mut left) = (Mover::new(Arc::new(archive.clone())), 0);
    loop {
        let moved = mover.step(&**store, later()).await?;
        left += moved.left;
        if moved.done {
            return Ok(left);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let all = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

/// A folder, an archive in it, and a store with orders that are over.
async fn some(orders: u32) -> (tempfile::TempDir, Archive, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path().join("archive"), cell());
    let store: Arc<dyn Store> = Arc::new(Memory::new(cell()));
    for seq in 1..=orders {
        over(&store, seq).await;
    }
    (folder, archive, store)
}

#[tokio::test]
async fn files_lie_by_city_and_day_and_are_their_owners_alone() {
    let (folder, archive, store) = some(3).await;
    assert_eq!(move_all(&store, &archive).await.unwrap(), 3);
    let keep = Keep { read: later(), unread: None };
    trim(&archive, &*store, keep).await.unwrap();
    let all = files(folder.path());
    let shown: Vec<_> = all.iter().map(|p| p.parent().unwrap().to_str().unwrap()).collect();
    assert_eq!(shown.len(), 2, "and nothing half-written: {shown:?}");
    for (kind, path) in ["events", "orders"].iter().zip(&shown) {
        assert!(path.ends_with(&format!("archive/{kind}/city=330400/day={}", date())), "{path}");
    }
    for path in &all {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
    let day = archive.days().await.unwrap().remove(0);
    assert_eq!((day.day, day.orders, day.files), (date(), 3, 2));
    assert_eq!(day.bytes, all.iter().map(|p| p.metadata().unwrap().len()).sum::<u64>());
}

#[tokio::test]
async fn a_process_that_dies_in_between_leaves_everything_twice_at_most() {
    let (folder, archive, store) = some(5).await;
    let order = store.load(number(3)).await.unwrap().unwrap();
    let kept = Whole::of(&*store, order).await.unwrap();
    // It wrote the file and died before the store let go: then the orders come back.
    assert_eq!(move_all(&store, &archive).await.unwrap(), 5);
    let wholes = archive.orders(date()).await.unwrap();
    for whole in &wholes {
        store.readmit(whole).await.unwrap();
    }
    // It died while it wrote.
    let aside = folder.path().join("archive/.writing");
    std::fs::write(aside.join("0123.parquet"), b"PAR1 and then").unwrap();
    // Another writes still.
    let theirs = aside.join("4567.parquet");
    let held = std::fs::File::create(&theirs).unwrap();
    held.lock().unwrap();
    archive.tidy().await.unwrap();
    assert_eq!(files(&aside), [theirs]);
    drop(held);
    // The same again is the same file; with one more order it is another, and read once.
    assert_eq!(move_all(&store, &archive).await.unwrap(), 5);
    assert_eq!(files(folder.path()).len(), 1);
    for whole in &wholes[1..] {
        store.readmit(whole).await.unwrap();
    }
    over(&store, 6).await;
    assert_eq!(move_all(&store, &archive).await.unwrap(), 5);
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(archive.orders(date()).await.unwrap().len(), 6);
    assert_eq!(archive.find(kept.order.no).await.unwrap(), Some(kept));
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    // The same of events: trimmed twice, told once.
    let all = store.feed(None, 100).await.unwrap();
    let keep = Keep { read: later(), unread: None };
    trim(&archive, &*store, keep).await.unwrap();
    let events = archive.events(date()).await.unwrap();
    assert_eq!(events, all[..all.len() - 1]);
    let again = Archive::new(archive.root().to_owned(), cell());
    let untrimmed: Arc<dyn Store> = Arc::new(Memory::new(cell()));
    over(&untrimmed, 1).await;
    trim(&again, &*untrimmed, keep).await.unwrap();
    assert_eq!(archive.events(date()).await.unwrap().len(), events.len() + 1);
}

/// Two are at it, and one is quicker: the other must not keep what is left of it then.
#[tokio::test]
async fn what_leaves_meanwhile_is_not_kept_without_its_papers() {
    let (_folder, archive, store) = some(2).await;
    let quicker = faulty::Faulty::new(store);
    quicker.faults.lock().unwrap().leaves = Some(number(1));
    assert_eq!(move_all(&(quicker as Arc<dyn Store>), &archive).await.unwrap(), 1);
    let kept = archive.orders(date()).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|w| (w.order.no, w.papers.len())).collect();
    assert_eq!(kept, [(number(2), 1)]);
}

#[tokio::test]
async fn nothing_leaves_while_the_archive_cannot_be_written() {
    let (folder, archive, store) = some(2).await;
    let root = folder.path().join("archive");
    std::fs::write(&root, b"not a folder").unwrap();
    let error = move_all(&store, &archive).await.unwrap_err().to_string();
    assert!(error.contains(root.to_str().unwrap()), "{error}");
    let keep = Keep { read: later(), unread: None };
    assert!(trim(&archive, &*store, keep).await.is_err());
    assert_eq!(store.scan(None, 10).await.unwrap().len(), 2);
    assert_eq!(store.feed_start().await.unwrap().sequence, 0);
    std::fs::remove_file(&root).unwrap();
    assert_eq!(move_all(&store, &archive).await.unwrap(), 2);
    // What could not be named takes no room, and nothing left the store for it.
    let wholes = archive.orders(date()).await.unwrap();
    store.readmit(&wholes[0]).await.unwrap();
    store.readmit(&wholes[1]).await.unwrap();
    let file = files(folder.path()).remove(0);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let error = move_all(&store, &archive).await.unwrap_err().to_string();
    assert!(error.contains(file.to_str().unwrap()), "{error}");
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
    std::fs::remove_dir(&file).unwrap();
    assert_eq!(move_all(&store, &archive).await.unwrap(), 2);
    assert!(trim(&archive, &*store, keep).await.unwrap().left > 0);
}

/// The feed that told of them has left, too.
#[tokio::test]
async fn orders_that_are_neither_here_nor_there_are_missed() {
    let (folder, archive, store) = some(3).await;
    move_all(&store, &archive).await.unwrap();
    put(&store, new_order(4, HEARD)).await;
    put(&store, new_order(5, HEARD)).await;
    let keep = Keep { read: later(), unread: None };
    trim(&archive, &*store, keep).await.unwrap();
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(archive.root(), &elsewhere).unwrap();
    let found = audit::audit_with(&*store, &archive).await.unwrap();
    assert!(matches!(&found[..], [one] if one.name == "missing_orders"), "{found:?}");
    assert!(found[0].to_string().starts_with("5 orders were registered, but only 2 "), "{found:?}");
    std::fs::rename(&elsewhere, archive.root()).unwrap();
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
}

#[tokio::test]
async fn a_changed_digit_never_reads_as_another_order() {
    let (folder, archive, store) = some(40).await;
    move_all(&store, &archive).await.unwrap();
    let path = files(folder.path()).remove(0);
    let sound = std::fs::read(&path).unwrap();
    let whole = archive.find(number(20)).await.unwrap().unwrap();
    let mut dice = Dice::new(1);
    let mut told = 0;
    for _ in 0..300 {
        let mut bytes = sound.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(&path, bytes).unwrap();
        match archive.find(number(20)).await {
            Ok(Some(read)) => assert_eq!(read, whole, "byte {at}"),
            // Its number cannot be read any more.
            Ok(None) => {}
            Err(error) => {
                told += 1;
                let file = path.file_name().unwrap().to_str().unwrap();
                assert!(error.to_string().contains(file), "{error}");
            }
        }
    }
    assert!(told > 30, "{told}");
}

/// How long the slowest of 50 commits took, but for a fiftieth of them.
async fn slow(store: &Arc<dyn Store>, from: u32, count: u32) -> std::time::Duration {
    let mut took = Vec::new();
    for seq in from..from + count {
        let began = hotline::clock::tick();
        put(store, new_order(seq, HEARD)).await;
        took.push(began.elapsed());
    }
    took.sort();
    took[took.len() - 1 - took.len() / 50]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_goes_on_while_two_processes_archive() {
    const ORDERS: u32 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        hotline::store::embedded::Embedded::open(&folder.path().join("cell.redb"), cell()).unwrap();
    let archive = Archive::new(folder.path().join("archive"), cell());
    let hands = (0..16).map(|hand| {
        let store = store.clone();
        tokio::spawn(async move {
            for seq in (1..=ORDERS).filter(|seq| seq % 16 == hand) {
                over(&store, seq).await;
            }
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.unwrap();
    }
    let alone = slow(&store, 10_000, 200).await;
    let archivers: Vec<_> = (0..2)
        .map(|_| {
            let (store, archive) = (store.clone(), archive.clone());
            tokio::spawn(async move {
                let mut left = 0;
                // One may find that the other tidied up what it was writing: it begins anew.
                for _ in 0..10 {
                    match move_all(&store, &archive).await {
                        Ok(now) => left += now,
                        Err(_) => continue,
                    }
                    let keep = Keep { read: later(), unread: None };
                    while !trim(&archive, &*store, keep).await.unwrap().done {}
                    break;
                }
                left
            })
        })
        .collect();
    let meanwhile = slow(&store, 20_000, 200).await;
    let mut left = 0;
    for archiver in archivers {
        left += archiver.await.unwrap();
    }
    println!("p98 of intake: {alone:.1?} alone, {meanwhile:.1?} while {left} orders leave");
    assert!(left <= u64::from(ORDERS));
    assert_eq!(archive.orders(date()).await.unwrap().len(), ORDERS as usize);
    let mut there = 0;
    let mut after = None;
    loop {
        let page = store.scan(after, MAX_BATCH).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.no);
        there += page.len();
        assert!(page.iter().all(|order| order.is_open()));
    }
    assert_eq!(there, 400);
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    store.close().await;
}

/// What Redis says it uses.
async fn used_memory(server: &server::RedisServer) -> u64 {
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let info: String =
        ::redis::cmd("INFO").arg("memory").query_async(&mut connection).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_has_its_memory_back() {
    const ORDERS: u32 = 2_000;
    let server = server::RedisServer::start("everysec");
    let store: Arc<dyn Store> =
        RedisStore::open(&server.url(), cell(), RedisOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path().join("archive"), cell());
    let empty = used_memory(&server).await;
    let hands = (0..8).map(|hand| {
        let store = store.clone();
        tokio::spawn(async move {
            for seq in (1..=ORDERS).filter(|seq| seq % 8 == hand) {
                over(&store, seq).await;
            }
        })
    });
    for hand in hands.collect::<Vec<_>>() {
        hand.await.unwrap();
    }
    let full = used_memory(&server).await;
    let began = hotline::clock::tick();
    assert_eq!(move_all(&store, &archive).await.unwrap(), u64::from(ORDERS));
    let orders_took = began.elapsed();
    let without_orders = used_memory(&server).await;
    let keep = Keep { read: later(), unread: None };
    while !trim(&archive, &*store, keep).await.unwrap().done {}
    let left = used_memory(&server).await;
    let bytes: u64 = archive.days().await.unwrap().iter().map(|day| day.bytes).sum();
    println!(
        "{ORDERS} orders that are over take {} KB of Redis; {} KB without the orders ({:.0?}), \
         {} KB without their events; {} KB of archive",
        (full - empty) / 1_024,
        (without_orders - empty) / 1_024,
        orders_took,
        left.saturating_sub(empty) / 1_024,
        bytes / 1_024,
    );
    assert!(without_orders - empty < (full - empty) / 2);
    // Connections and counters have their share of what is left.
    assert!(left.saturating_sub(empty) < (full - empty) / 5);
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    store.close().await;
}
