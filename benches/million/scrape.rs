//! What a scrape of /metrics takes and weighs while so many orders are open, and how long the
//! walk over them takes whose counts it shows.

use crate::filed::{file, file_in, served_file};
use crate::http::get;
use crate::process::{Home, Serve};
use crate::server::{RedisServer, free_port};
use hotline::clock::{tick, wall_now};
use hotline::domain::Span;
use hotline::store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SCRAPES: usize = 20;
/// Between them: each meets the walk, and what else the service does, elsewhere.
const APART: Duration = Duration::from_millis(250);
/// All were heard so long from now, so that no timer falls due meanwhile.
const AHEAD: Span = Span::hours(2);
/// How long one walk over a million may take.
const PATIENCE: Duration = Duration::from_secs(3_600);
const LOOK: Duration = Duration::from_millis(500);

pub async fn on_redis(orders: u32) {
    let redis = RedisServer::start("everysec");
    let home = crate::served_once(&redis.url()).await;
    let store = crate::open(&redis).await;
    let heard = wall_now().plus(AHEAD);
    file(&(store.clone() as Arc<dyn Store>), &home.key(), orders, heard).await;
    store.close().await;
    measure("Redis", &home, &redis.url(), orders).await;
}

pub async fn on_redb(orders: u32) {
    let home = served_file().await;
    file_in(&home, 1..=orders, wall_now().plus(AHEAD)).await;
    measure("redb", &home, &home.redb(), orders).await;
}

async fn measure(what: &str, home: &Home, url: &str, orders: u32) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let settings =
        [("HOTLINE_METRICS_LISTEN", listen.as_str()), ("HOTLINE_ALLOW_CLOCK_BEHIND", "true")];
    let mut serve = Serve::start(home, url, &settings).await;
    let (began, before) = (tick(), serve.cpu());
    let text = walked(port, began).await;
    assert_eq!(sum(&text, "hotline_orders_held{"), f64::from(orders), "not all were counted");
    let (walk, cpu) = (sum(&text, "hotline_standing_seconds{"), serve.cpu() - before);
    println!(
        "MEASURED standing on {what} with {orders} open orders: one walk over all of them takes \
         {walk:.1} s, {:.1} s of the service's processor time until then",
        cpu.as_secs_f64()
    );
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..SCRAPES {
        tokio::time::sleep(APART).await;
        let (scraped, took) = scrape(port).await;
        times.push(took);
        bytes = bytes.max(scraped.len());
    }
    let (median, p99) = (crate::percentile(&mut times, 50.0), crate::percentile(&mut times, 99.0));
    println!(
        "MEASURED /metrics on {what} with {orders} open orders: median {:.1} ms, p99 {:.1} ms of \
         {SCRAPES} scrapes (goal: under 20), {bytes} bytes (goal: under 1048576)",
        median.as_secs_f64() * 1e3,
        p99.as_secs_f64() * 1e3
    );
    serve.kill();
}

async fn scrape(port: u16) -> (String, Duration) {
    let asked = tokio::task::spawn_blocking(move || {
        let began = tick();
        (get(port, "/metrics").unwrap(), began.elapsed())
    });
    asked.await.unwrap()
}

/// The metrics, once all orders have been counted for the first time.
async fn walked(port: u16, began: Instant) -> String {
    loop {
        let (text, _) = scrape(port).await;
        if text.contains("\nhotline_standing_seconds{") {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "nothing was counted within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Of all lines that begin so.
fn sum(text: &str, begins: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(begins));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
