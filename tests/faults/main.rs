//! What breaks, and what is left of it: real redis-server processes that are killed, stopped,
//! demoted, filled up and cut off, each row a test that starts what it needs. Of every row it
//! is asked: was anything lost that was acknowledged, did anything happen twice, and how long
//! was there no service.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod append_only;
mod cities;
mod clocks;
mod deployed;
mod disk;
mod failover;
mod ledger;
mod lost_history;
mod migration;
mod overload;
#[path = "../cli/program.rs"]
mod program;
mod readers;
mod refused;
mod retries;
#[path = "../support/server.rs"]
mod service;
mod timers;
mod torn;
mod traffic;
mod ways;

#[path = "../support/cluster.rs"]
mod cluster;
#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/sentinel.rs"]
mod sentinel;
#[path = "../support/redis.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::{Change, CommitError, Store, StoreError};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use support::{HEARD, cell, fresh_id, new_order, with_id};

/// Short, so that a test that loses its server does not wait long.
fn impatient() -> RedisOptions {
    RedisOptions { call_timeout: Duration::from_millis(300), ..RedisOptions::default() }
}

async fn open(url: &str, options: RedisOptions) -> Arc<RedisStore> {
    RedisStore::open(url, cell(), options).await.unwrap()
}

async fn refusal(url: &str, options: RedisOptions) -> String {
    match RedisStore::open(url, cell(), options).await {
        Ok(_) => panic!("it opened"),
        Err(trouble) => trouble.to_string(),
    }
}

/// A new order with a request id of its own.
fn order(seq: u32) -> Change {
    with_id(new_order(seq, HEARD), fresh_id(), [7; 16])
}

/// Looks until it is so; how long is bounded by the number of looks.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

/// Waits until changes are taken again, and commits one.
async fn serves_again(store: &RedisStore, seq: u32) {
    let change = order(seq);
    until("changes are taken again", || async {
        matches!(store.commit(change.clone()).await, Ok(()) | Err(CommitError::Repeated(_)))
    })
    .await;
}

/// Why nothing was done; panics if something was, or may have been.
fn not_done(outcome: Result<(), CommitError>) -> StoreError {
    match outcome {
        Err(CommitError::Unavailable(trouble)) => trouble,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Everything that is indexed is what the orders say.
async fn sound(store: &RedisStore) {
    let findings = hotline::store::audit::audit(store).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}
