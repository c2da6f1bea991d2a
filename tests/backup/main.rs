//! Backup and restore: an image taken while the store works is whole and of one moment; it
//! carries over from either store to either; and what is not whole is never served.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

#[path = "../support/cluster.rs"]
mod cluster;
mod damage;
mod live;
mod moving;
mod same;
#[path = "../support/redis.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

use hotline::domain::Timestamp;
use hotline::store::embedded::{self, Embedded};
use hotline::store::image::{self, Head, Plan, RestoreError, Summary, Tallied, Target};
use hotline::store::redis::{self as on_redis, RedisOptions, RedisStore};
use hotline::store::{Store, StoreError};
use server::RedisServer;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;

/// Where the stores of a test are.
pub struct Places {
    pub folder: tempfile::TempDir,
    redis: RedisServer,
    made: AtomicU32,
}

/// A store that can be opened, closed, and restored.
#[derive(Clone, Debug)]
pub enum Place {
    File(PathBuf),
    Redis(String),
}

impl Places {
    pub fn here() -> Places {
        Places {
            folder: tempfile::tempdir().unwrap(),
            redis: RedisServer::start("always"),
            made: AtomicU32::new(0),
        }
    }

    fn next(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// A file that is not there yet.
    pub fn file(&self) -> Place {
        Place::File(self.path("redb"))
    }

    /// A database of the server of its own.
    pub fn redis(&self) -> Place {
        Place::Redis(format!("{}/{}", self.redis.url(), self.next()))
    }

    /// A path at which there is nothing.
    pub fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{ending}", self.next()))
    }
}

impl Place {
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Place::File(path) => Embedded::open(path, support::cell())?,
            Place::Redis(url) => {
                RedisStore::open(url, support::cell(), RedisOptions::default()).await?
            }
        })
    }

    pub async fn begin(&self) -> Result<Box<dyn Target>, StoreError> {
        let cell = support::cell();
        Ok(match self {
            Place::File(path) => Box::new(embedded::restore::Restoring::begin(path, cell)?),
            Place::Redis(url) => {
                let options = RedisOptions::default();
                Box::new(on_redis::restore::Restoring::begin(url, cell, options).await?)
            }
        })
    }

    /// A store restored from a file, opened.
    pub async fn restored(&self, file: &Path) -> Arc<dyn Store> {
        self.restore(file).await.unwrap();
        self.open().await.unwrap()
    }

    pub async fn restore(&self, file: &Path) -> Result<Tallied, RestoreError> {
        let plan = Plan::read(file, |_| {})?;
        plan.apply(self.begin().await?, |_| {}).await
    }
}

/// Takes the image of a store into a file.
pub async fn backup(store: &dyn Store, file: &Path, paced: bool) -> Result<Summary, StoreError> {
    let head = Head { cell: store.cell(), began: Timestamp(0), key: None };
    let (sender, mut pieces) = mpsc::channel::<image::Piece>(2);
    let mut file = std::fs::File::create(file).unwrap();
    let writing = async {
        while let Some(piece) = pieces.recv().await {
            file.write_all(&piece.bytes).unwrap();
        }
    };
    let (taken, ()) = tokio::join!(image::take(store, head, paced, sender), writing);
    taken
}
