//! What is looked at and prepared on every fresh connection: that it is a Redis we can use,
//! a master, with our library, and with our cell in a format we read.

use super::keys::Keys;
use super::link::{Fresh, Greeting};
use super::trouble::Fault;
use super::value::{integer, items, text};
use crate::store::{StoreError, codec};
use ::redis::cmd;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The library's name; its functions' names begin with it. A library that answers otherwise
/// or writes otherwise gets another name, so that two versions can serve one cell.
pub const LIBRARY: &str = "hotline_v3";
/// The library itself.
pub const SOURCE: &str = concat!(
    include_str!("lua/commit.lua"),
    include_str!("lua/trays.lua"),
    include_str!("lua/cell.lua")
);
/// Functions came with it.
const OLDEST: (u32, u32) = (7, 0);

/// What greeting found out about the cell; shared by all links of a store.
pub struct Opening {
    keys: Keys,
    /// The epoch of the data that is there.
    pub epoch: AtomicU64,
    /// The 48 hours of request ids that were current when last heard of.
    pub bucket: AtomicU64,
    warned: AtomicBool,
}

impl Opening {
    /// Nothing known yet.
    pub fn new(keys: Keys) -> Arc<Opening> {
        Arc::new(Opening {
            keys,
            epoch: AtomicU64::new(0),
            bucket: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        })
    }

    async fn meet(&self, fresh: &mut Fresh) -> Result<(), StoreError> {
        let meta = self.keys.meta();
        let first = getrandom::u32().map_err(|_| {
            StoreError::Unreachable("the system gives no random numbers".to_owned())
        })?;
        let mut open = cmd("FCALL");
        open.arg(format!("{LIBRARY}_open")).arg(1).arg(meta);
        open.arg(codec::FORMAT).arg(self.keys.cell().to_string());
        // Never 0, so that an epoch is never taken for the lack of one.
        open.arg(first.max(1));
        let answer = items(fresh.ask(&open).await?)?;
        let [format, cell, epoch, bucket] = &answer[..] else {
            return Err(StoreError::Damaged("the cell's meta record".to_owned()));
        };
        let found: u16 = number(format, "format")?;
        let known = u16::from(codec::FORMAT);
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        let (cell, ours) = (text(cell), self.keys.cell());
        if cell != ours.to_string() {
            return Err(StoreError::Unreachable(format!(
                "the store holds cell {cell}, not {ours}: correct the URL or the cell"
            )));
        }
        let epoch = number(epoch, "epoch")?;
        let before = self.epoch.swap(epoch, Relaxed);
        if before != 0 && before != epoch {
            tracing::error!(before, epoch, "the cell's data was replaced or lost: a new epoch");
        }
        self.bucket.fetch_max(number(bucket, "bucket")?, Relaxed);
        Ok(())
    }

    /// Says aloud, once, what an operator must know of how safe the data is.
    async fn warn(&self, fresh: &mut Fresh) {
        if self.warned.swap(true, Relaxed) {
            return;
        }
        let at = fresh.address().to_owned();
        match setting(fresh, "appendonly").await.as_deref() {
            Some("yes") => match setting(fresh, "appendfsync").await.as_deref() {
                Some("always") => {}
                Some("everysec") => tracing::warn!(
                    redis = at,
                    "appendfsync is everysec: when the machine dies, the last second or more of \
                     acknowledged changes is lost; set it to always to lose none"
                ),
                _ => tracing::warn!(
                    redis = at,
                    "appendfsync is neither always nor everysec: when the machine dies, half a \
                     minute or more of acknowledged changes is lost; set it to always"
                ),
            },
            Some(_) => tracing::warn!(
                redis = at,
                "the append-only file is OFF: everything since the last dump is lost when Redis \
                 dies; set appendonly yes and appendfsync always"
            ),
            None => tracing::warn!(
                redis = at,
                "cannot read Redis's settings: make sure of appendonly yes, appendfsync always \
                 and maxmemory-policy noeviction"
            ),
        }
        if let Some(policy) = setting(fresh, "maxmemory-policy").await
            && policy != "noeviction"
        {
            tracing::warn!(
                redis = at,
                policy,
                "maxmemory-policy is not noeviction: Redis may throw orders away; set it to \
                 noeviction"
            );
        }
    }
}

#[async_trait]
impl Greeting for Opening {
    async fn greet(&self, fresh: &mut Fresh) -> Result<(), StoreError> {
        version(fresh).await?;
        let role = items(fresh.ask(&cmd("ROLE")).await?)?;
        if role.first().map(text).as_deref() != Some("master") {
            return Err(StoreError::Unreachable(format!(
                "Redis at {} is a replica: point the store's URL to the master",
                fresh.address()
            )));
        }
        load_library(fresh).await?;
        self.meet(fresh).await?;
        self.warn(fresh).await;
        Ok(())
    }
}

async fn version(fresh: &mut Fresh) -> Result<(), StoreError> {
    let info = text(&fresh.ask(cmd("INFO").arg("server")).await?);
    let version = info.lines().find_map(|l| l.strip_prefix("redis_version:")).unwrap_or("").trim();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < OLDEST {
        return Err(StoreError::Unreachable(format!(
            "Redis at {} has version {version}: Hotline needs {}.{} or later",
            fresh.address(),
            OLDEST.0,
            OLDEST.1
        )));
    }
    Ok(())
}

/// Sends the library unless the very same is there: within one name it may still have been
/// corrected.
async fn load_library(fresh: &mut Fresh) -> Result<(), StoreError> {
    let mut list = cmd("FUNCTION");
    list.arg("LIST").arg("LIBRARYNAME").arg(LIBRARY).arg("WITHCODE");
    let there = fresh.ask(&list).await?;
    if !holds(&there, SOURCE.as_bytes()) {
        fresh.ask(&loading()).await?;
    }
    Ok(())
}

/// The command that loads the library.
pub fn loading() -> ::redis::Cmd {
    let mut load = cmd("FUNCTION");
    load.arg("LOAD").arg("REPLACE").arg(SOURCE);
    load
}

fn holds(value: &::redis::Value, wanted: &[u8]) -> bool {
    match value {
        ::redis::Value::BulkString(bytes) => bytes == wanted,
        ::redis::Value::Array(all) => all.iter().any(|one| holds(one, wanted)),
        _ => false,
    }
}

async fn setting(fresh: &mut Fresh, name: &str) -> Option<String> {
    let answer: Result<_, Fault> = fresh.ask(cmd("CONFIG").arg("GET").arg(name)).await;
    items(answer.ok()?).ok()?.get(1).map(text)
}

fn number<N: TryFrom<i64>>(value: &::redis::Value, what: &str) -> Result<N, StoreError> {
    integer(value)
        .and_then(|n| N::try_from(n).ok())
        .ok_or_else(|| StoreError::Damaged(format!("the cell's {what} is no number")))
}
