//! How long the indicators of a month take for a city of 1,200 units, on both stores.
//! `cargo bench --bench indicators`

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may panic")]

#[path = "../tests/support/redis.rs"]
mod server;
#[path = "../tests/support/mod.rs"]
mod support;

use hotline::clock::tick;
use hotline::domain::*;
use hotline::store::Store;
use hotline::store::embedded::Embedded;
use hotline::store::redis::{RedisOptions, RedisStore};
use server::RedisServer;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const UNITS: u32 = 1_200;
const DAYS: u32 = 31;
const ROUNDS: usize = 21;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let redb = Embedded::open(&folder.path().join("cell.redb"), cell()).unwrap();
        measure("redb", redb).await;
        let redis = RedisServer::start("everysec");
        let options = RedisOptions { call_timeout: Duration::from_secs(10), ..Default::default() };
        let store = RedisStore::open(&redis.url(), cell(), options).await.unwrap();
        measure("redis", store).await;
    });
}

async fn measure(name: &str, store: Arc<dyn Store>) {
    for day in 0..DAYS {
        fill(&store, day).await;
    }
    let first = HEARD.date();
    let last = Date::from_days(first.to_days() + i64::from(DAYS) - 1);
    for of in Dimension::ALL {
        let mut took = Vec::with_capacity(ROUNDS);
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let began = tick();
            rows = store.indicators(first, last, *of).await.unwrap().len();
            took.push(began.elapsed());
        }
        took.sort_unstable();
        println!("{name:6} by {of:9} {rows:5} rows, median {:7.2?}", took[ROUNDS / 2]);
    }
}

/// Every unit is sent one order and signs it.
async fn fill(store: &Arc<dyn Store>, day: u32) {
    let now = HEARD.plus(Span::hours(24 * i64::from(day)));
    let mut commits = tokio::task::JoinSet::new();
    for n in 0..UNITS {
        let store = Arc::clone(store);
        commits.spawn(async move {
            let village = unit(&format!("330402{:03}{:03}", 1 + n / 900, 1 + n % 900));
            let no = OrderNo::new(cell(), now.date(), n + 1);
            let new = change(None, &register(no, now, Some(vec![village])), now);
            let new = new.unwrap().unwrap();
            let order = Arc::clone(&new.after);
            store.commit(new).await.unwrap();
            let signed = change(Some(Arc::clone(&order)), &by_holder(&order, Action::Sign), now);
            store.commit(signed.unwrap().unwrap()).await.unwrap();
        });
    }
    while let Some(done) = commits.join_next().await {
        done.unwrap();
    }
}
