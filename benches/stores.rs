//! What a store costs: a snapshot written and read, and commit, claim and due of each store on
//! the same 20,000 open orders. `cargo bench --bench stores` (needs redis-server)

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may panic")]

#[path = "../tests/support/redis.rs"]
mod server;
#[path = "../tests/support/mod.rs"]
mod support;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use futures_util::future::try_join_all;
use hotline::clock::tick;
use hotline::domain::*;
use hotline::store::codec::{decode_order, encode_order};
use hotline::store::embedded::Embedded;
use hotline::store::memory::Memory;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use server::RedisServer;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::*;
use tokio::runtime::Runtime;

/// Open orders before anything is measured.
const OPEN: u32 = 20_000;
/// How many commits are on their way at a time: what a busy second hands a store together.
const TOGETHER: u32 = 64;
/// How many orders a pull takes.
const PULLED: usize = 10;
/// How many deadlines the timers look at.
const LOOKED_AT: usize = 256;

fn snapshot(c: &mut Criterion) {
    let assigned = new_order(1, HEARD).after;
    let relay = |order: &Arc<Order>, seconds| {
        step(order, Action::Relay { to: None }, HEARD.plus(Span::seconds(seconds))).after
    };
    let down = (1..=3).fold(Arc::clone(&assigned), |order, n| relay(&order, n * 60));
    let mut group = c.benchmark_group("snapshot");
    for (name, order) in [("new", assigned), ("at the front line", down)] {
        let bytes = encode_order(&order);
        println!("{name}: {} bytes", bytes.len());
        group.bench_function(format!("encode, {name}"), |b| {
            b.iter(|| encode_order(black_box(&order)));
        });
        group.bench_function(format!("decode, {name}"), |b| {
            b.iter(|| decode_order(black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

fn stores(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let home = tempfile::tempdir().unwrap();
    measure(c, &runtime, "memory", &(Arc::new(Memory::new(cell())) as Arc<dyn Store>));
    let _in = runtime.enter();
    let redb = Embedded::open(&home.path().join("orders.redb"), cell()).unwrap();
    measure(c, &runtime, "redb", &(redb as Arc<dyn Store>));
    for fsync in ["everysec", "always"] {
        let server = RedisServer::start(fsync);
        let options = RedisOptions::default();
        let store = runtime.block_on(RedisStore::open(&server.url(), cell(), options)).unwrap();
        measure(c, &runtime, &format!("redis {fsync}"), &(store as Arc<dyn Store>));
    }
}

/// The same workload, whichever store it is.
fn measure(c: &mut Criterion, runtime: &Runtime, name: &str, store: &Arc<dyn Store>) {
    let next = AtomicU32::new(1);
    let batch = || -> Vec<Change> {
        let first = next.fetch_add(TOGETHER, Ordering::Relaxed);
        let new = |seq| with_id(new_order(seq, HEARD), fresh_id(), [7; 16]);
        (first..first + TOGETHER).map(new).collect()
    };
    let commit = async |changes: Vec<Change>| {
        try_join_all(changes.into_iter().map(|change| store.commit(change))).await.unwrap();
    };
    while next.load(Ordering::Relaxed) <= OPEN {
        runtime.block_on(commit(batch()));
    }
    let mut group = c.benchmark_group(name);
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    // Claim and due first: what is committed afterwards would be in their way.
    group.throughput(Throughput::Elements(PULLED as u64));
    claim(&mut group, runtime, &**store);
    group.throughput(Throughput::Elements(LOOKED_AT as u64));
    let far = HEARD.plus(Span::hours(24));
    group.bench_function(format!("due, {LOOKED_AT}"), |b| {
        b.iter(|| {
            let due = runtime.block_on(store.due(far, LOOKED_AT)).unwrap();
            assert_eq!(due.len(), LOOKED_AT);
        });
    });
    group.throughput(Throughput::Elements(u64::from(TOGETHER)));
    group.bench_function(format!("commit, {TOGETHER} at a time"), |b| {
        b.iter_batched(batch, |changes| runtime.block_on(commit(changes)), BatchSize::SmallInput);
    });
    group.finish();
    runtime.block_on(store.close());
}

/// Claims alone; they are let go between, or the tray would run out.
fn claim(group: &mut BenchmarkGroup<WallTime>, runtime: &Runtime, store: &dyn Store) {
    let city = [cell().centre()];
    group.bench_function(format!("claim, {PULLED} of {OPEN}"), |b| {
        b.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let began = tick();
                let lease = Duration::from_secs(60);
                let claimed = runtime.block_on(store.claim(&city, Desk::Lead, PULLED, lease));
                took += began.elapsed();
                let held: Vec<_> = claimed.unwrap().iter().map(place).collect();
                assert_eq!(held.len(), PULLED);
                runtime.block_on(store.release(&held)).unwrap();
            }
            took
        });
    });
}

fn place(claimed: &Claimed) -> (Entry, Lease) {
    let held = |entry: &Entry| entry.assignment == claimed.lease.assignment;
    let entry = entries(&claimed.order).into_iter().find(held).unwrap();
    (entry, claimed.lease)
}

criterion_group!(benches, snapshot, stores);
criterion_main!(benches);
