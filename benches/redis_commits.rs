//! What a step costs on Redis: steps a second with 1,024 committers on this machine, and the
//! CPU of Redis's main thread per step. `cargo bench --bench redis_commits`

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may panic")]

#[path = "../tests/support/redis.rs"]
mod server;
#[path = "../tests/support/mod.rs"]
mod support;

use hotline::clock::tick;
use hotline::domain::*;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use server::RedisServer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::*;

const COMMITTERS: u32 = 1_024;
const ORDERS: u32 = 200_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for fsync in ["everysec", "always"] {
        runtime.block_on(measure(fsync));
    }
}

async fn measure(fsync: &str) {
    let server = RedisServer::start(fsync);
    let options = RedisOptions { call_timeout: Duration::from_secs(10), ..RedisOptions::default() };
    let store = RedisStore::open(&server.url(), cell(), options).await.unwrap();
    let before = memory(&server);
    run("new orders", fsync, &server, &store, |_, seq| async move {
        let mut new = with_id(new_order(seq, HEARD), RequestId(u128::from(seq)), [7; 16]);
        std::sync::Arc::make_mut(&mut new.papers[0].1).body = "水".repeat(400);
        Some(new)
    })
    .await;
    let each = (memory(&server) - before) / u64::from(ORDERS);
    println!("{fsync:9} {each} bytes of memory per open order with 400 characters");
    run("relays", fsync, &server, &store, |store, seq| async move {
        let order = store.load(number(seq)).await.unwrap().unwrap();
        Some(step(&order, Action::Relay { to: None }, HEARD.plus(Span::seconds(9))))
    })
    .await;
    run("loads", fsync, &server, &store, |store, seq| async move {
        store.load(number(seq)).await.unwrap().unwrap();
        None
    })
    .await;
    store.close().await;
}

async fn run<F>(
    what: &str,
    fsync: &str,
    server: &RedisServer,
    store: &Arc<RedisStore>,
    make: impl Fn(Arc<RedisStore>, u32) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Option<Change>> + Send,
{
    let (cpu, own, started) = (redis_cpu(server), own_cpu(), tick());
    let next = Arc::new(AtomicU32::new(1));
    let mut committers = tokio::task::JoinSet::new();
    for _ in 0..COMMITTERS {
        let (store, next, make) = (store.clone(), next.clone(), make.clone());
        committers.spawn(async move {
            loop {
                let seq = next.fetch_add(1, Ordering::Relaxed);
                if seq > ORDERS {
                    return;
                }
                if let Some(change) = make(store.clone(), seq).await {
                    store.commit(change).await.unwrap();
                }
            }
        });
    }
    while let Some(done) = committers.join_next().await {
        done.unwrap();
    }
    let each = |seconds: f64| seconds * 1e6 / f64::from(ORDERS);
    println!(
        "{fsync:9} {what:10} {:7.0}/s   Redis {:5.1} µs   this process {:5.1} µs of CPU each",
        f64::from(ORDERS) / started.elapsed().as_secs_f64(),
        each(redis_cpu(server) - cpu),
        each(own_cpu() - own),
    );
}

fn figure(server: &RedisServer, section: &str, name: &str) -> f64 {
    let info: String = server.ask(&["INFO", section]);
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap().trim().parse().unwrap()
}

fn memory(server: &RedisServer) -> u64 {
    figure(server, "memory", "used_memory") as u64
}

/// User and system seconds of the main thread.
fn redis_cpu(server: &RedisServer) -> f64 {
    figure(server, "cpu", "used_cpu_user_main_thread")
        + figure(server, "cpu", "used_cpu_sys_main_thread")
}

/// User and system seconds of this process, the committers' own work included.
fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
