//! The factories of Redis stores: a server for each test, a database of it for each store; or
//! several servers that belong together, emptied for each store.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{Factory, support};
use crate::cluster::Cluster;
use crate::sentinel::Trio;
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

/// Servers that belong together.
pub trait Many: Send + Sync {
    /// How a store is told of them.
    fn url(&self) -> String;

    /// All of them; some are replicas.
    fn nodes(&self) -> &[RedisServer];
}

impl Many for Trio {
    fn url(&self) -> String {
        Trio::url(self)
    }

    fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }
}

impl Many for Cluster {
    fn url(&self) -> String {
        Cluster::url(self)
    }

    fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }
}

/// Stores on the same servers, one after the other: each begins with empty ones.
pub struct OnMany<M>(M);

impl<M: Many> OnMany<M> {
    /// On these.
    pub fn new(many: M) -> OnMany<M> {
        OnMany(many)
    }

    async fn open(&self) -> Arc<dyn Store> {
        RedisStore::open(&self.0.url(), support::cell(), RedisOptions::default()).await.unwrap()
    }
}

#[async_trait::async_trait]
impl<M: Many> Factory for OnMany<M> {
    async fn fresh(&self) -> Arc<dyn Store> {
        for node in self.0.nodes() {
            // Replicas refuse, and are emptied by their masters.
            let _ = node.try_ask::<()>(&["FLUSHALL"]);
        }
        self.open().await
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        store.close().await;
        drop(store);
        Some(self.open().await)
    }
}
