//! What grows with the number of open orders, and what does not: how many a second are filed,
//! what an order takes in the store, and what the service itself takes.

use crate::filed::{file_from, file_in, served_file};
use crate::process::Serve;
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

/// So many times it is measured at each number; the middling one counts.
const RUNS: usize = 3;
/// How long each time.
const FOR: &str = "5s";

/// Where a thing stood at each number of open orders.
struct Point {
    open: u32,
    rate: f64,
}

pub async fn on_redis(orders: &[u32], rounds: u32) {
    let redis = RedisServer::start("everysec");
    let home = crate::served_once(&redis.url()).await;
    let used = || redis.info("memory", "used_memory").parse::<f64>().unwrap();
    let (mut filed, mut points) = (0, Vec::new());
    for open in orders.iter().copied() {
        // What was filed to see how fast it goes is there, too.
        let before = used();
        let store = crate::open(&redis).await;
        file_from(&(store.clone() as Arc<dyn Store>), &home.key(), filed + 1..=open, wall_now())
            .await;
        store.close().await;
        let each = (used() - before) / f64::from(open - filed);
        filed = open;
        let own = own(&home.key(), wall_now());
        println!(
            "MEASURED Redis memory with {open} open orders: {each:.0} B each, {:.0} B beyond its \
             own text and state of {own:.0} B (goal: at most 450)",
            each - own
        );
        let mut serve = Serve::start(&home, &redis.url(), &[]).await;
        let rate = rate(&serve, rounds).await;
        println!(
            "MEASURED service on Redis with {open} open orders: {rate:.0} filed/s, RSS {:.0} MiB \
             (goal: at most 200 with a million)",
            serve.resident_mib()
        );
        serve.kill();
        points.push(Point { open, rate });
    }
    grown("Redis everysec", &points);
}

pub async fn on_redb(orders: &[u32], rounds: u32) {
    let home = served_file().await;
    let url = home.redb();
    let path = Path::new(url.strip_prefix("redb:").unwrap());
    let (mut filed, mut points) = (0, Vec::new());
    for open in orders.iter().copied() {
        file_in(&home, filed + 1..=open, wall_now()).await;
        filed = open;
        let mut serve = Serve::start(&home, &url, &[]).await;
        let rate = rate(&serve, rounds).await;
        println!(
            "MEASURED service on redb with {open} open orders: {rate:.0} filed/s, RSS {:.0} MiB, \
             the file {:.0} B an order",
            serve.resident_mib(),
            path.metadata().unwrap().len() as f64 / f64::from(open)
        );
        serve.kill();
        points.push(Point { open, rate });
    }
    grown("redb, fsync", &points);
}

fn grown(store: &str, points: &[Point]) {
    let [first, .., last] = points else { return };
    println!(
        "MEASURED growth on {store}: {:.2} times as many filed/s with {} open orders as with {} \
         (goal: at least 0.85)",
        last.rate / first.rate,
        last.open,
        first.open
    );
}

/// What `hotline bench intake` says is filed a second.
async fn rate(serve: &Serve, rounds: u32) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..RUNS.max(rounds as usize) {
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
        rates.push(said["rate"].as_f64().expect("a rate"));
    }
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// How many bytes an order itself is: its snapshot, its text and its sealed contact.
fn own(key: &Path, heard: Timestamp) -> f64 {
    let sealer = Sealer::from_key_file(key).unwrap();
    let new = with_id(new_order(1, heard), RequestId(1), [7; 16]);
    let contact = sealer.seal(new.after.no, &crate::filed::caller(1)).unwrap();
    let papers: usize = new.papers.iter().map(|(_, paper)| encode_paper(paper).len()).sum();
    (encode_order(&new.after).len() + papers + encode_contact(&contact).len()) as f64
}
