//! Real processes, real kills: whatever is killed, nothing acknowledged is lost and nothing
//! takes effect twice. A client keeps a ledger of what it was answered; after every kill the
//! store is compared with it, and the server's own doctor looks at every order.
//!
//! `HOTLINE_KILLS=500` sets how often each is killed.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../support/figures.rs"]
mod figures;
mod ledger;
mod load;
#[allow(dead_code, reason = "the benches use more of it")]
mod process;
#[path = "../support/redis.rs"]
mod redis;

use figures::{how_many, measured};
use ledger::Ledger;
use load::Load;
use process::{Home, Serve};
use redis::RedisServer;
use std::sync::Arc;
use std::time::Duration;

/// How often each is killed.
fn kills() -> u32 {
    let told = std::env::var("HOTLINE_KILLS").ok().and_then(|n| n.parse().ok());
    told.unwrap_or_else(|| how_many("kills", 30, 6))
}

/// A random moment: somewhere in the work, sometimes right at its start.
fn moment() -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u64;
    Duration::from_millis(20 + random % 380)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_killed_on_embedded() {
    let home = Home::new();
    let store = home.redb();
    kill_the_service(&home, &store, kills()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_killed_on_redis() {
    let redis = RedisServer::start("always");
    let home = Home::new();
    kill_the_service(&home, &redis.url(), kills()).await;
}

async fn kill_the_service(home: &Home, store: &str, kills: u32) {
    let ledger = Arc::new(Ledger::default());
    for round in 0..kills {
        let mut serve = Serve::start(home, store, &[]).await;
        let load = Load::start(serve.channel().await, Arc::clone(&ledger));
        tokio::time::sleep(moment()).await;
        serve.kill();
        load.stop().await;

        let mut serve = Serve::start(home, store, &[]).await;
        let channel = serve.channel().await;
        ledger.settle(&channel).await;
        let problems = ledger.compare(&channel).await;
        assert!(problems.is_empty(), "round {round}: {problems:#?}");
        serve.kill();
    }
    let store = store_name(store);
    measured("lost", format!("0 in {kills} kills of the service on {store}: {}", ledger.summary()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_under_the_service() {
    let mut redis = RedisServer::start("always");
    let home = Home::new();
    let ledger = Arc::new(Ledger::default());
    let mut serve = Serve::start(&home, &redis.url(), &[]).await;
    let kills = kills();
    for round in 0..kills {
        let channel = serve.channel().await;
        let load = Load::start(channel.clone(), Arc::clone(&ledger));
        tokio::time::sleep(moment()).await;
        redis.kill();
        tokio::time::sleep(moment() / 4).await;
        redis.restart();
        // The same service finds its way back by itself.
        serve.until_ready().await;
        load.stop().await;
        ledger.settle(&channel).await;
        let problems = ledger.compare(&channel).await;
        assert!(problems.is_empty(), "round {round}: {problems:#?}");
    }
    serve.kill();
    measured("lost", format!("0 in {kills} kills of Redis, always: {}", ledger.summary()));
}

/// The checker is checked: one commit acknowledged and not written must not go unseen.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dropped_commit_is_found() {
    let redis = RedisServer::start("always");
    let home = Home::new();
    for store in [home.redb(), redis.url()] {
        let ledger = Arc::new(Ledger::default());
        let drop_one = [("HOTLINE_FAULT_DROP_COMMIT", "40")];
        let mut serve = Serve::start(&home, &store, &drop_one).await;
        let load = Load::start(serve.channel().await, Arc::clone(&ledger));
        ledger.until_acknowledged(120).await;
        load.stop().await;
        ledger.settle(&serve.channel().await).await;
        let problems = ledger.compare(&serve.channel().await).await;
        serve.kill();
        assert!(!problems.is_empty(), "a dropped commit on {} went unseen", store_name(&store));
    }
}

fn store_name(url: &str) -> &str {
    url.split(':').next().unwrap_or(url)
}
