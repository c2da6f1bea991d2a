//! What grows with the number of open orders, and what does not: how many a second are filed,
//! what an order takes in the store, and what the service itself takes.

use crate::filed::{file, file_in, served_file};
use crate::process::{Home, Serve};
use crate::server::RedisServer;
use crate::support::{new_order, with_id};
use hotline::clock::wall_now;
use hotline::domain::Timestamp;
use hotline::store::codec::{encode_contact, encode_order, encode_paper};
use hotline::store::seal::Sealer;
use hotline::store::{RequestId, Store};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// So many times it is measured at each number, in turn, for the machine's speed drifts; the
/// middling one counts, and the middling of the ratios.
const RUNS: usize = 5;
/// How long each time: what is filed meanwhile is open, too.
const FOR: &str = "2s";
/// A server that takes less of a core has read what it reads after a start.
const QUIET: f64 = 0.1;

/// So many open orders, and who serves them.
struct Point {
    open: u32,
    serve: Serve,
    rates: Vec<f64>,
    _home: Home,
    _redis: Option<RedisServer>,
}

pub async fn on_redis(orders: &[u32], rounds: u32) {
    let mut points = Vec::new();
    for open in orders.iter().copied() {
        let redis = RedisServer::start("everysec");
        let home = crate::served_once(&redis.url()).await;
        let used = || redis.info("memory", "used_memory").parse::<f64>().unwrap();
        let before = used();
        let store = crate::open(&redis).await;
        file(&(store.clone() as Arc<dyn Store>), &home.key(), open, wall_now()).await;
        store.close().await;
        let each = (used() - before) / f64::from(open);
        let own = own(&home.key(), wall_now());
        println!(
            "MEASURED Redis memory with {open} open orders: {each:.0} B each, {:.0} B beyond its \
             own text and state of {own:.0} B (goal: at most 450)",
            each - own
        );
        let serve = Serve::start(&home, &redis.url(), &[]).await;
        points.push(Point { open, serve, rates: Vec::new(), _home: home, _redis: Some(redis) });
    }
    in_turn("Redis everysec", points, rounds).await;
}

pub async fn on_redb(orders: &[u32], rounds: u32) {
    let mut points = Vec::new();
    for open in orders.iter().copied() {
        let home = served_file().await;
        let url = home.redb();
        let path = Path::new(url.strip_prefix("redb:").unwrap());
        file_in(&home, 1..=open, wall_now()).await;
        let each = path.metadata().unwrap().len() as f64 / f64::from(open);
        println!("MEASURED file of redb with {open} open orders: {each:.0} B each");
        let serve = Serve::start(&home, &url, &[]).await;
        points.push(Point { open, serve, rates: Vec::new(), _home: home, _redis: None });
    }
    in_turn("redb, fsync", points, rounds).await;
}

/// Files at each number of open orders in turn, and says how many a second were.
async fn in_turn(store: &str, mut points: Vec<Point>, rounds: u32) {
    for point in &points {
        let mut taken = point.serve.cpu();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = point.serve.cpu();
            if (now - taken).as_secs_f64() < QUIET {
                break;
            }
            taken = now;
        }
    }
    for _ in 0..RUNS.max(rounds as usize) {
        for point in &mut points {
            point.rates.push(rate(&point.serve).await);
        }
    }
    for Point { open, serve, rates, .. } in &points {
        println!(
            "MEASURED service on {store} with {open} open orders: {:.0} filed/s, RSS {:.0} MiB \
             (goal on Redis: at most 200 with a million)",
            median(rates.clone()),
            serve.resident_mib()
        );
    }
    if let [first, .., last] = &points[..] {
        let ratios: Vec<f64> = last.rates.iter().zip(&first.rates).map(|(b, a)| b / a).collect();
        let (least, most) =
            ratios.iter().fold((f64::MAX, 0_f64), |(a, b), r| (a.min(*r), b.max(*r)));
        println!(
            "MEASURED growth on {store}: {:.2} times ({least:.2} to {most:.2}) as many filed/s with \
             {} open orders as with {} (goal: at least 0.85)",
            median(ratios.clone()),
            last.open,
            first.open
        );
    }
    for mut point in points {
        point.serve.kill();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What `hotline bench intake` says is filed a second.
async fn rate(serve: &Serve) -> f64 {
    let server = serve.url();
    let bench = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_hotline"))
            .args(["bench", "intake", "--rehearsal", "--for", FOR, "-o", "json"])
            .args(["--read-back", "0", "--server", &server])
            .output()
    });
    let said = bench.await.unwrap().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    said["rate"].as_f64().expect("a rate")
}

/// How many bytes an order itself is: its snapshot, its text and its sealed contact.
fn own(key: &Path, heard: Timestamp) -> f64 {
    let sealer = Sealer::from_key_file(key).unwrap();
    let new = with_id(new_order(1, heard), RequestId(1), [7; 16]);
    let contact = sealer.seal(new.after.no, &crate::filed::caller(1)).unwrap();
    let papers: usize = new.papers.iter().map(|(_, paper)| encode_paper(paper).len()).sum();
    (encode_order(&new.after).len() + papers + encode_contact(&contact).len()) as f64
}
