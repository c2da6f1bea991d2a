//! A master dies or hangs and another takes its place, under load.

use crate::cluster::Cluster;
use crate::figures::measured;
use crate::open;
use crate::sentinel::{NAME, Trio};
use crate::server::RedisServer;
use crate::traffic::{Ledger, Traffic, kept};
use hotline::clock::tick;
use hotline::store::Store;
use hotline::store::redis::{RedisOptions, RedisStore};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long there may be no service when a master dies or hangs.
const GOAL: Duration = Duration::from_secs(5);

/// Lets clients work, has it happen, and waits until they are served again.
async fn strike(store: &Arc<RedisStore>, happens: impl FnOnce()) -> (Ledger, Instant) {
    let traffic = Traffic::start(store, 32, 1);
    traffic.more(500).await;
    let struck = tick();
    happens();
    // Some are still answered that were done before.
    tokio::time::sleep(Duration::from_millis(500)).await;
    traffic.more(500).await;
    (traffic.stop().await, struck)
}

fn told(what: &str, ledger: &Ledger, struck: Instant) {
    let gap = ledger.gap_after(struck);
    assert!(gap < GOAL, "{what}: {gap:?}");
    let (acknowledged, unknown) = (ledger.acknowledged.len(), ledger.unknown);
    measured(
        "gap of service",
        format!("{gap:.1?}, {what}; {acknowledged} acknowledged, {unknown} told unknown"),
    );
}

/// Waiters, timers and readers go on with the new master.
async fn the_rest_goes_on(store: &RedisStore) {
    let end = store.feed_end().await.unwrap();
    store.commit(crate::order(900_001)).await.unwrap();
    store.feed_grown(end, Duration::from_secs(5)).await.unwrap();
    assert!(!store.feed(Some(end), 10).await.unwrap().is_empty());
    assert!(store.hold_timers(1, Duration::from_secs(1)).await.unwrap());
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_behind_sentinels_is_killed() {
    let mut trio = Trio::start();
    let store = open(&trio.url(), RedisOptions::default()).await;
    let (ledger, struck) = strike(&store, || trio.nodes[0].kill()).await;
    told("Sentinel, master killed", &ledger, struck);
    kept(&store, &ledger).await;
    the_rest_goes_on(&store).await;
    assert_ne!(trio.master(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_behind_sentinels_hangs_and_wakes_up() {
    let trio = Trio::start();
    let store = open(&trio.url(), RedisOptions::default()).await;
    let (mut ledger, struck) = strike(&store, || trio.nodes[0].freeze()).await;
    told("Sentinel, master hung", &ledger, struck);
    // The old one wakes up and believes for a moment that it is the master.
    let traffic = Traffic::start(&store, 32, 500_000);
    trio.nodes[0].thaw();
    trio.settled();
    traffic.more(500).await;
    ledger.acknowledged.extend(traffic.stop().await.acknowledged);
    kept(&store, &ledger).await;
    the_rest_goes_on(&store).await;
}

/// A failover that somebody asks for, under load, until the old master follows.
async fn asked_for(trio: &Trio, store: &Arc<RedisStore>) -> (Ledger, Instant) {
    asked_for_from(trio, store, 1).await
}

async fn asked_for_from(trio: &Trio, store: &Arc<RedisStore>, first: u32) -> (Ledger, Instant) {
    let traffic = Traffic::start(store, 32, first);
    traffic.more(500).await;
    let struck = tick();
    let () = trio.sentinels[0].ask(&["SENTINEL", "FAILOVER", NAME]);
    crate::until("another is the master", || async { trio.master() != 0 }).await;
    traffic.more(500).await;
    (traffic.stop().await, struck)
}

/// Sentinel does not wait for the old master, which takes changes for seconds after another was
/// promoted, and the replica that was not chosen confirms them. Nobody is told that they are
/// done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_was_asked_for() {
    let trio = Trio::start();
    let store = open(&trio.url(), RedisOptions::default()).await;
    let (ledger, struck) = asked_for(&trio, &store).await;
    told("Sentinel, failover asked for", &ledger, struck);
    kept(&store, &ledger).await;
    the_rest_goes_on(&store).await;
}

/// A process that is started when the chosen one has left its master already, and the other
/// has not, tells nobody either, and then reads where it writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_in_the_midst_of_a_failover() {
    let trio = Trio::start();
    let () = trio.sentinels[0].ask(&["SENTINEL", "FAILOVER", NAME]);
    crate::server::eventually("one has left the master", || {
        trio.nodes[0].info("replication", "connected_slaves") == "1"
    });
    let store = open(&trio.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(500).await;
    assert_ne!(trio.master(), 0);
    kept(&store, &traffic.stop().await).await;
}

/// A replica that dies or hangs is waited for once; when it is back, it counts again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_replicas_is_away() {
    let mut trio = Trio::start();
    let store = open(&trio.url(), RedisOptions::default()).await;
    let (mut ledger, struck) = strike(&store, || trio.nodes[1].kill()).await;
    told("Sentinel, a replica killed", &ledger, struck);
    trio.nodes[1].restart();
    trio.settled();
    let traffic = Traffic::start(&store, 32, 500_000);
    traffic.more(500).await;
    let struck = tick();
    trio.nodes[2].freeze();
    tokio::time::sleep(Duration::from_millis(500)).await;
    traffic.more(500).await;
    let frozen = traffic.stop().await;
    told("Sentinel, a replica hung", &frozen, struck);
    trio.nodes[2].thaw();
    trio.settled();
    ledger.acknowledged.extend(frozen.acknowledged);
    // Both are in step again: whichever is chosen has everything.
    let (after, struck) = asked_for_from(&trio, &store, 900_000).await;
    told("Sentinel, failover asked for after that", &after, struck);
    ledger.acknowledged.extend(after.acknowledged);
    kept(&store, &ledger).await;
}

/// Where every replica confirms, so does the one that is chosen: nothing at all is lost. There
/// is no service until the old master has come back as a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_was_asked_for_loses_nothing_if_all_must_confirm() {
    let trio = Trio::start();
    let options = RedisOptions { replicas_ack: Some(2), ..RedisOptions::default() };
    let store = open(&trio.url(), options).await;
    let (ledger, struck) = asked_for(&trio, &store).await;
    kept(&store, &ledger).await;
    let gap = ledger.gap_after(struck);
    measured("lost", format!("0, failover asked for, all confirm; no service for {gap:.1?}"));
}

/// With one replica each, a Cluster whose master is gone has one copy of its slots: it goes on
/// only if none need confirm.
fn with_one_copy() -> RedisOptions {
    RedisOptions { replicas_ack: Some(0), ..RedisOptions::default() }
}

/// What a failover may lose when nobody confirms: what replicas had not been sent yet.
async fn all_but_the_last(store: &RedisStore, ledger: &Ledger, struck: Instant) {
    let missing = crate::traffic::missing(store, ledger).await;
    let window = Duration::from_secs(1);
    let old = |(seq, at): &&(u32, Instant)| missing.contains(seq) && *at + window < struck;
    let old: Vec<_> = ledger.acknowledged.iter().filter(old).collect();
    assert!(old.is_empty(), "{old:?}");
    crate::sound(store).await;
    let (lost, of) = (missing.len(), ledger.acknowledged.len());
    measured(
        "lost",
        format!("{lost} of {of}, Cluster failover, nobody confirms; none older than {window:?}"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clusters_master_is_killed() {
    let mut cluster = Cluster::start();
    let store = open(&cluster.url(), with_one_copy()).await;
    let master = cluster.master();
    let (ledger, struck) = strike(&store, || cluster.nodes[master].kill()).await;
    told("Cluster, master killed", &ledger, struck);
    all_but_the_last(&store, &ledger, struck).await;
    the_rest_goes_on(&store).await;
    assert_ne!(cluster.master(), master);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clusters_master_hangs_and_wakes_up() {
    let cluster = Cluster::start();
    let store = open(&cluster.url(), with_one_copy()).await;
    let master = cluster.master();
    let node: &RedisServer = &cluster.nodes[master];
    let (ledger, struck) = strike(&store, || node.freeze()).await;
    told("Cluster, master hung", &ledger, struck);
    node.thaw();
    crate::until("it follows", || async { node.info("replication", "role") == "slave" }).await;
    all_but_the_last(&store, &ledger, struck).await;
    the_rest_goes_on(&store).await;
}

/// Where one must confirm and nobody is left to, nothing is taken until somebody is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_copy_takes_nothing_if_one_must_confirm() {
    let mut cluster = Cluster::start();
    let store = open(&cluster.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(300).await;
    let master = cluster.master();
    cluster.nodes[master].kill();
    crate::until("the other one is the master, and refuses", || async {
        let outcome = store.commit(crate::order(900_000)).await;
        matches!(outcome, Err(hotline::store::CommitError::Unavailable(why))
            if why.to_string().contains("replicas_ack"))
    })
    .await;
    cluster.nodes[master].restart();
    traffic.more(300).await;
    let ledger = traffic.stop().await;
    kept(&store, &ledger).await;
}
