//! How long a service that was killed takes to be ready with all that is open.

use crate::filed::{file_in, served_file};
use crate::process::{Home, Serve};
use crate::server::RedisServer;
use hotline::clock::{tick, wall_now};

const RESTARTS: usize = 3;

pub async fn on_redb(orders: u32) {
    let home = served_file().await;
    file_in(&home, 1..=orders, wall_now()).await;
    for _ in 0..RESTARTS {
        ready("redb", &home, &home.redb(), orders).await;
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
