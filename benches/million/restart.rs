//! How long a service that was killed takes to be ready with all that is open.

use crate::filed::file;
use crate::process::{Home, Serve};
use crate::server::RedisServer;
use crate::support::cell;
use hotline::clock::{tick, wall_now};
use hotline::store::Store;
use hotline::store::embedded::Embedded;
use std::path::Path;
use std::sync::Arc;

const RESTARTS: usize = 3;

pub async fn on_redb(orders: u32) {
    let home = Home::new();
    let url = home.redb();
    Serve::start(&home, &url, &[]).await.kill();
    let path = Path::new(url.strip_prefix("redb:").unwrap());
    let store = Embedded::open(path, cell()).unwrap() as Arc<dyn Store>;
    file(&store, &home.key(), orders, wall_now()).await;
    store.close().await;
    drop(store);
    for _ in 0..RESTARTS {
        ready("redb", &home, &url, orders).await;
    }
}

pub async fn on_redis(redis: &mut RedisServer, home: &Home, orders: u32) {
    for _ in 0..RESTARTS {
        ready("Redis", home, &redis.url(), orders).await;
    }
    redis.kill();
    let began = tick();
    redis.restart();
    println!("(Redis itself took {:.1} s to load)", began.elapsed().as_secs_f64());
    ready("Redis that was killed, too", home, &redis.url(), orders).await;
}

/// Starts it, and kills it.
async fn ready(what: &str, home: &Home, url: &str, orders: u32) {
    let began = tick();
    let mut serve = Serve::start(home, url, &[]).await;
    let took = began.elapsed();
    serve.kill();
    println!(
        "MEASURED restart on {what} with {orders} open orders: ready in {:.2} s (goal: under 3)",
        took.as_secs_f64()
    );
}
