//! `cargo bench --bench million`: what a city's hotline is like with a million open orders, and
//! with a hundred thousand timers due in one second. Real `hotline serve` processes on a real
//! redis-server with `appendfsync always`, and on redb. Prints figures, and asserts what must
//! be right whatever the speed. Options:
//! `cargo bench --bench million -- --only memory,claim,restart,burst --orders 1000000 --timers 100000 --rounds 3`
//! What grows with the open orders, and what waiting pullers cost:
//! `cargo bench --bench million -- --only growth,idle --orders 10000,100000,1000000`
//! What a scrape takes with that many open: `cargo bench --bench million -- --only scrape`

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may panic")]

mod burst;
mod claim;
mod filed;
mod growth;
mod idle;
mod intake;
mod memory;
mod restart;
mod scrape;

#[path = "../../tests/dashboards/http.rs"]
#[allow(dead_code, reason = "the bench uses its part")]
mod http;
#[path = "../../tests/crash/process.rs"]
#[allow(dead_code, reason = "the bench uses its part")]
mod process;
#[path = "../../tests/support/redis.rs"]
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;

use hotline::clock::wall_now;
use hotline::store::Store;
use hotline::store::redis::{RedisOptions, RedisStore};
use process::{Home, Serve};
use server::RedisServer;
use std::sync::Arc;
use std::time::Duration;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Options {
    only: Vec<String>,
    /// Open orders, ascending; what is measured at one number alone is at the last.
    orders: Vec<u32>,
    timers: u32,
    rounds: u32,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let options = read(&args);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&options));
}

fn read(args: &[String]) -> Options {
    let only = ["memory", "claim", "restart", "burst"].map(str::to_owned).to_vec();
    let mut options = Options { only, orders: vec![1_000_000], timers: 100_000, rounds: 3 };
    for pair in args.chunks(2) {
        let [key, value] = pair else { panic!("{pair:?}: every option has a value") };
        match key.as_str() {
            "--only" => options.only = value.split(',').map(str::to_owned).collect(),
            "--orders" => options.orders = numbers(value),
            "--timers" => options.timers = value.parse().expect("--timers N"),
            "--rounds" => options.rounds = value.parse().expect("--rounds N"),
            _ => panic!("{key}: allowed are --only, --orders, --timers, --rounds"),
        }
    }
    options
}

fn numbers(list: &str) -> Vec<u32> {
    list.split(',').map(|n| n.parse().expect("--orders N,N")).collect()
}

async fn measure(options: &Options) {
    let wanted = |what: &str| options.only.iter().any(|only| only == what);
    let orders = *options.orders.last().expect("--orders N");
    if wanted("growth") {
        growth::on_redb(&options.orders, options.rounds).await;
        growth::on_redis(&options.orders, options.rounds).await;
    }
    if wanted("idle") {
        idle::measure().await;
    }
    if wanted("memory") || wanted("claim") || wanted("restart") {
        let mut redis = RedisServer::start("always");
        let home = served_once(&redis.url()).await;
        let store = open(&redis).await;
        // Filed quickly, and measured with every answer on disk.
        let () = redis.ask(&["CONFIG", "SET", "appendfsync", "no"]);
        filed::file(&(store.clone() as Arc<dyn Store>), &home.key(), orders, wall_now()).await;
        let () = redis.ask(&["CONFIG", "SET", "appendfsync", "always"]);
        if wanted("memory") {
            memory::measure(&redis);
        }
        if wanted("claim") {
            claim::measure(&redis, &home, &store).await;
        }
        store.close().await;
        if wanted("restart") {
            restart::on_redis(&mut redis, &home, orders).await;
        }
    }
    if wanted("restart") {
        restart::on_redb(orders).await;
    }
    if wanted("scrape") {
        scrape::on_redb(orders).await;
        scrape::on_redis(orders).await;
    }
    if wanted("burst") {
        burst::measure(options.timers, options.rounds).await;
    }
}

/// Where a service has made the store's key.
async fn served_once(store: &str) -> Home {
    let home = Home::new();
    Serve::start(&home, store, &[]).await.kill();
    home
}

async fn open(redis: &RedisServer) -> Arc<RedisStore> {
    let options = RedisOptions { call_timeout: Duration::from_secs(10), ..RedisOptions::default() };
    RedisStore::open(&redis.url(), support::cell(), options).await.unwrap()
}

/// The slowest but so many in a hundred.
fn percentile(times: &mut [Duration], percent: f64) -> Duration {
    times.sort_unstable();
    let at = (times.len() as f64 * percent / 100.0) as usize;
    times.get(at).or(times.last()).copied().unwrap_or_default()
}
