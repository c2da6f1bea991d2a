//! From one store to another and back, under load.

use crate::cluster::Cluster;
use crate::live::{Work, p99};
use crate::same::{feed, same, seen, sound};
use crate::support::*;
use crate::{Place, Places, backup};
use hotline::domain::*;
use hotline::store::image::Kind;
use hotline::store::memory::Memory;
use hotline::store::*;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_file_to_redis_and_back_under_load() {
    let places = Places::here();
    there_and_back(&places, places.file(), places.redis(), places.file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_redis_to_a_file_and_back_under_load() {
    let places = Places::here();
    there_and_back(&places, places.redis(), places.file(), places.redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_cluster_and_back_under_load() {
    let places = Places::here();
    let cluster = Cluster::start();
    let middle = Place::Redis(cluster.url());
    there_and_back(&places, places.file(), middle, places.file()).await;
}

/// Backs the first up while it works, restores it as the second, works on there and does the
/// same again to the third.
async fn there_and_back(places: &Places, first: Place, second: Place, third: Place) {
    let mut now = HEARD;
    let mut from = first.open().await.unwrap();
    let mut ever = Vec::new();
    for place in [second, third] {
        let work = Work::start(from.clone(), now);
        work.until(1_200).await;
        let before = work.ledger();
        let file = places.path("backup");
        let summary = backup(&*from, &file, true).await.unwrap();
        let during = work.ledger()[before.len()..].to_vec();
        work.until(before.len() + during.len() + 300).await;
        let (acknowledged, at) = work.stop().await;
        ever.extend(acknowledged);
        from.close().await;
        drop(from);

        let to = place.restored(&file).await;
        sound(&to, &before, &ever).await;
        let restored = feed(&to).await;
        assert_eq!(restored.len() as u64, summary.tallied.events());
        // Numbers are beyond all that the other gave, even after the image was taken.
        let highest = ever.iter().map(|a| a.order).max().unwrap();
        let given = to.reserve(highest.date(), 1, 0).await.unwrap();
        assert!(given > highest.seq(), "{given} after {highest}");
        println!(
            "{place:?}: {} orders, {} events of {} steps in all, {} bytes; a step took {:?} (p99) \
             before and {:?} during the backup",
            summary.tallied.count(Kind::Order),
            restored.len(),
            ever.len(),
            summary.bytes,
            p99(&before),
            p99(if during.is_empty() { &before } else { &during }),
        );
        (from, now) = (to, at);
    }
    assert_eq!(audit::audit(&*from).await.unwrap(), []);
    from.close().await;
}

/// A store that stands still is carried over to the byte: whatever can be seen of one can be
/// seen of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_can_be_seen_of_one_can_be_seen_of_the_other() {
    let places = Places::here();
    let mut from = places.file().open().await.unwrap();
    let work = Work::start(from.clone(), HEARD);
    work.until(600).await;
    let (ledger, now) = work.stop().await;
    for seq in 8_001..=8_020 {
        from.commit(new_order(seq, now)).await.unwrap();
    }
    let row = ModeRow {
        revision: 1,
        mode: Mode::Wartime,
        version: 1,
        since: now,
        request: fresh_id(),
        restamping: Some(Restamping { looked: 3, ..Restamping::default() }),
    };
    from.set_mode(&row, None).await.unwrap();
    // Two read the feed under a name, and what both have read has left.
    let (events, end) = (feed(&from).await, from.feed_end().await.unwrap());
    let half = events[events.len() / 2].0;
    for (name, cursor) in [("copy", half), ("数据平台", end)] {
        let consumer = Consumer { name: name.to_owned(), cursor, at: now };
        assert!(from.acknowledge(&consumer).await.unwrap());
    }
    assert!(from.trim_feed(half, &from.consumers().await.unwrap()).await.unwrap());
    assert!(feed(&from).await.len() < events.len());
    let ids: Vec<_> = ledger.iter().map(|a| a.id).collect();
    let before = seen(&from, &ids).await;
    let claimed = from.claim(&[unit("3304")], Desk::Lead, 1, LONG).await.unwrap();
    let mut claims: Vec<_> = claimed.iter().map(|claimed| claimed.lease.claim).collect();
    let some = ledger[0].clone();
    for place in [places.redis(), places.redis(), places.file(), places.file()] {
        let file = places.path("backup");
        backup(&*from, &file, false).await.unwrap();
        from.close().await;
        let to = place.restored(&file).await;
        same(&before, &seen(&to, &ids).await);
        assert_eq!(audit::audit(&*to).await.unwrap(), []);
        // The same again is answered as before, with the same order.
        let again = with_id(new_order(9_000, now), some.id, [7; 16]);
        match to.commit(again).await {
            Err(CommitError::Repeated(then)) => assert_eq!(then.receipt.order, some.order),
            other => panic!("{other:?}"),
        }
        // A lease that was given there holds nothing here; the order can be had again, and
        // claims only ever grow.
        let new = to.claim(&[unit("3304")], Desk::Lead, 3, LONG).await.unwrap();
        assert!(!new.is_empty());
        for claimed in new {
            assert!(claims.iter().all(|old| *old < claimed.lease.claim), "{claimed:?} {claims:?}");
            claims.push(claimed.lease.claim);
        }
        from = to;
    }
    from.close().await;
}

/// The simplest store hands out what any other does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_memory_can_be_kept() {
    let places = Places::here();
    let from: Arc<dyn Store> = Arc::new(Memory::new(cell()));
    let work = Work::start(from.clone(), HEARD);
    work.until(600).await;
    let (ledger, _) = work.stop().await;
    let ids: Vec<_> = ledger.iter().map(|a| a.id).collect();
    let before = seen(&from, &ids).await;
    for place in [places.file(), places.redis()] {
        let file = places.path("backup");
        backup(&*from, &file, false).await.unwrap();
        let to = place.restored(&file).await;
        same(&before, &seen(&to, &ids).await);
        sound(&to, &ledger, &ledger).await;
        to.close().await;
    }
}

/// Readers of the feed go on where they are, and only those who read what the image does not
/// have are told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_go_on_or_are_told() {
    let places = Places::here();
    for (first, second) in [(places.file(), places.redis()), (places.redis(), places.file())] {
        let from = first.open().await.unwrap();
        for seq in 1..=5 {
            from.commit(new_order(seq, HEARD)).await.unwrap();
        }
        let file = places.path("backup");
        backup(&*from, &file, false).await.unwrap();
        let end = from.feed_end().await.unwrap();
        // The original goes on, and somebody reads it.
        from.commit(new_order(6, HEARD)).await.unwrap();
        let lost = from.feed_end().await.unwrap();
        from.close().await;

        let to = second.restored(&file).await;
        assert_eq!(to.feed_end().await.unwrap(), end);
        assert_eq!(to.feed(Some(end), 10).await.unwrap(), []);
        let diverged = |answer| matches!(answer, Err(StoreError::FeedDiverged { .. }));
        assert!(diverged(to.feed(Some(lost), 10).await), "{lost} on {second:?}");
        to.commit(new_order(7, HEARD)).await.unwrap();
        let news = to.feed(Some(end), 10).await.unwrap();
        assert_eq!(news[0].1.order, number(7));
        assert_eq!(feed(&to).await.len(), 5 + news.len());
        assert!(diverged(to.feed(Some(lost), 10).await), "still");
        to.close().await;
        // Restored once more from the same file, it goes on elsewhere.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let other = places.file().restored(&file).await;
        other.commit(new_order(8, HEARD)).await.unwrap();
        assert!(diverged(other.feed(Some(news[0].0), 10).await));
        other.close().await;
    }
}
