//! The factory of Redis stores: a server for each test, a database of it for each store.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{Factory, support};
use crate::server::RedisServer;
use hotline::store::Store;
use hotline::store::redis::{RedisOptions, RedisStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Stores on a server of their own.
pub struct OnRedis {
    server: RedisServer,
    made: AtomicU32,
}

impl OnRedis {
    /// Starts the server, its append-only file flushed with every write.
    pub fn new() -> OnRedis {
        OnRedis { server: RedisServer::start("always"), made: AtomicU32::new(0) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let url = format!("{}/{}", self.server.url(), self.made.load(Ordering::Relaxed));
        RedisStore::open(&url, support::cell(), RedisOptions::default()).await.unwrap()
    }
}

#[async_trait::async_trait]
impl Factory for OnRedis {
    async fn fresh(&self) -> Arc<dyn Store> {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.open().await
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        store.close().await;
        drop(store);
        Some(self.open().await)
    }
}
