//! What is looked at and prepared on every fresh connection: that it is a Redis we can use,
//! a master, safe enough, with our library, and with our cell in a format we read.
//!
//! **Lost history.** Replicas follow with a delay, and `everysec` may lose a second: a master
//! that was restarted or took another's place may lack what was acknowledged, and nobody can
//! tell. Redis names the history of its data (`master_replid`) and takes a new name whenever
//! that may have happened; the cell remembers the name. Where it is another one, or the feed
//! ends before what this process has seen of it, the cell *leaps* before anything is written:
//! the feed goes on at a number that was never given, order numbers and claims skip ahead.
//! So a lost number names no other citizen, a lost lease is no other's, and a reader of the
//! feed that has read what was lost is told that it has diverged, and only that one.

use super::keys::Keys;
use super::link::Greeting;
use super::torn;
use super::trouble::{anothers, replica};
use super::value::{integer, items, text};
use super::wire::{Fresh, Role};
use crate::store::image::restore::{UNFINISHED, unfinished};
use crate::store::{StoreError, codec};
use ::redis::cmd;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The library's name; its functions' names begin with it. A library that answers otherwise
/// or writes otherwise gets another name, so that two versions can serve one cell.
pub const LIBRARY: &str = "hotline_v5";
/// The library itself.
pub const SOURCE: &str = concat!(
    include_str!("lua/commit.lua"),
    include_str!("lua/trays.lua"),
    include_str!("lua/reconcile.lua"),
    include_str!("lua/cell.lua"),
    include_str!("lua/leaving.lua"),
    include_str!("lua/image.lua")
);
/// Functions came with it.
const OLDEST: (u32, u32) = (7, 0);

/// What greeting found out about the cell; shared by all links of a store.
pub struct Opening {
    keys: Keys,
    /// Serve even from a Redis that may throw orders away.
    allow_unsafe: bool,
    /// Whether this is who restores the cell, and so may open one that is not whole.
    restoring: bool,
    /// The epoch of the data that is there.
    pub epoch: AtomicU64,
    /// The 48 hours of request ids that were current when last heard of.
    pub bucket: AtomicU64,
    /// The highest number of the feed that this process has seen.
    pub seen: AtomicU64,
    /// A connection was good enough once: from then on what is unsafe is said, not refused.
    started: AtomicBool,
    /// About whom an operator was told.
    told: Mutex<String>,
}

impl Opening {
    /// Nothing known yet.
    pub fn new(keys: Keys, allow_unsafe: bool, restoring: bool) -> Arc<Opening> {
        Arc::new(Opening {
            keys,
            allow_unsafe,
            restoring,
            epoch: AtomicU64::new(0),
            bucket: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            started: AtomicBool::new(false),
            told: Mutex::new(String::new()),
        })
    }

    /// Whether to serve even from a Redis that may throw orders away.
    pub fn allow_unsafe(&self) -> bool {
        self.allow_unsafe
    }

    /// The feed has come so far.
    pub fn saw(&self, sequence: u64) {
        self.seen.fetch_max(sequence, Relaxed);
    }

    async fn meet(&self, fresh: &Fresh<'_>) -> Result<(), StoreError> {
        let first = getrandom::u32().map_err(|_| {
            StoreError::Unreachable("the system gives no random numbers".to_owned())
        })?;
        let mut open = cmd("FCALL");
        open.arg(format!("{LIBRARY}_open")).arg(3);
        open.arg(self.keys.meta()).arg(self.keys.numbers()).arg(self.keys.feed());
        open.arg(codec::FORMAT).arg(self.keys.cell().to_string());
        // Never 0, so that an epoch is never taken for the lack of one.
        open.arg(first.max(1)).arg(fresh.said("master_replid:"));
        let before = self.epoch.load(Relaxed);
        open.arg(before).arg(self.seen.load(Relaxed));
        let answer = items(fresh.ask(&open).await?)?;
        let [format, cell, epoch, bucket, sequence, leapt] = &answer[..] else {
            return Err(StoreError::Damaged("the cell's meta record".to_owned()));
        };
        let found: u16 = number(format, "format")?;
        let known = u16::from(codec::FORMAT);
        if found == UNFINISHED {
            return if self.restoring { Ok(()) } else { Err(unfinished()) };
        }
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
        let sequence = number(sequence, "sequence")?;
        if before != epoch {
            self.seen.store(sequence, Relaxed);
            self.epoch.store(epoch, Relaxed);
        }
        if before != 0 && before != epoch {
            tracing::error!(before, epoch, "the cell's data was replaced or lost: a new epoch");
        }
        self.saw(sequence);
        match text(leapt).as_str() {
            "lost" => tracing::error!(
                redis = fresh.address(),
                "acknowledged changes are LOST: Redis is back at an older state than this \
                 process has seen; numbers skip ahead, readers of what was lost are told"
            ),
            "unsure" => tracing::warn!(
                redis = fresh.address(),
                "Redis was restarted or another took its place: numbers skip ahead, in case \
                 something was lost"
            ),
            _ => {}
        }
        self.bucket.fetch_max(number(bucket, "bucket")?, Relaxed);
        Ok(())
    }

    /// Refuses to make a city where somebody else's keys lie. What a step writes comes after the
    /// city's meta record, so it is looked for before that.
    async fn find_strangers(&self, fresh: &Fresh<'_>) -> Result<(), StoreError> {
        let keys = &self.keys;
        let mut theirs = cmd("EXISTS");
        for key in [keys.due(), keys.trays(), keys.leases(), keys.tallies(), keys.blocks()] {
            theirs.arg(key);
        }
        theirs.arg(keys.callers()).arg(keys.feed());
        let count = async |asked| Ok::<_, StoreError>(integer(&fresh.ask(asked).await?));
        if self.restoring || count(&theirs).await? == Some(0) {
            return Ok(());
        }
        match count(cmd("EXISTS").arg(keys.meta())).await? {
            Some(0) => Err(anothers(fresh.address())),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a Redis that would lose orders, unless told; says what an operator must know of
    /// how safe the data is.
    async fn weigh(&self, fresh: &Fresh<'_>) -> Result<(), StoreError> {
        let at = fresh.address();
        let aof = fresh.said("aof_enabled:");
        let unsafe_because = dangers(aof, fresh.said("maxmemory_policy:"));
        if !unsafe_because.is_empty() && !self.started.load(Relaxed) && !self.allow_unsafe {
            return Err(StoreError::Unreachable(format!(
                "Redis at {at} may lose orders: {}. If that is meant, set redis_allow_unsafe = true",
                unsafe_because.join("; ")
            )));
        }
        if std::mem::replace(
            &mut *self.told.lock().unwrap_or_else(PoisonError::into_inner),
            at.to_owned(),
        ) == at
        {
            return Ok(());
        }
        for why in &unsafe_because {
            tracing::error!(redis = at, "Redis may lose orders: {why}");
        }
        if aof == "1" {
            match fresh.setting("appendfsync").await.as_deref() {
                Some("always") => {}
                Some("everysec") => tracing::warn!(
                    redis = at,
                    "appendfsync is everysec: when the machine dies, the last second or more of \
                     acknowledged changes is lost; set it to always to lose none"
                ),
                Some(_) => tracing::warn!(
                    redis = at,
                    "appendfsync is neither always nor everysec: when the machine dies, half a \
                     minute or more of acknowledged changes is lost; set it to always"
                ),
                None => tracing::warn!(
                    redis = at,
                    "cannot read Redis's settings: make sure of appendfsync always"
                ),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Greeting for Opening {
    async fn greet(&self, fresh: &Fresh<'_>) -> Result<(), StoreError> {
        new_enough(fresh.said("redis_version:"), fresh.address())?;
        if matches!(fresh.role, Role::Replica) {
            return Err(StoreError::Unreachable(replica(fresh.address())));
        }
        self.weigh(fresh).await?;
        torn::mend(fresh, &self.keys).await?;
        load_library(fresh).await?;
        self.find_strangers(fresh).await?;
        self.meet(fresh).await?;
        self.started.store(true, Relaxed);
        Ok(())
    }
}

/// What makes a Redis lose orders by its settings, and what to set instead.
pub(super) fn dangers(aof: &str, policy: &str) -> Vec<String> {
    let mut found = Vec::new();
    if aof == "0" {
        found.push(
            "its append-only file is off, so everything since the last dump is gone when it \
             ends: set appendonly yes and appendfsync always"
                .to_owned(),
        );
    }
    if !matches!(policy, "" | "noeviction") {
        found.push(format!(
            "its maxmemory-policy is {policy}, so it throws orders and request ids away when \
             memory is short: set maxmemory-policy noeviction"
        ));
    }
    found
}

fn new_enough(version: &str, address: &str) -> Result<(), StoreError> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < OLDEST {
        return Err(StoreError::Unreachable(format!(
            "Redis at {address} has version {version}: Hotline needs {}.{} or later",
            OLDEST.0, OLDEST.1
        )));
    }
    Ok(())
}

/// Sends the library unless the very same is there: within one name it may still have been
/// corrected.
async fn load_library(fresh: &Fresh<'_>) -> Result<(), StoreError> {
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

fn number<N: TryFrom<i64>>(value: &::redis::Value, what: &str) -> Result<N, StoreError> {
    integer(value)
        .and_then(|n| N::try_from(n).ok())
        .ok_or_else(|| StoreError::Damaged(format!("the cell's {what} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_came_with_7_0() {
        for (version, fine) in
            [("7.0.15", true), ("8.2.0", true), ("6.2.14", false), ("", false), ("5", false)]
        {
            assert_eq!(new_enough(version, "db:6379").is_ok(), fine, "{version}");
        }
        let said = new_enough("6.2.14", "db:6379").unwrap_err().to_string();
        assert!(said.contains("6.2.14") && said.contains("7.0 or later"), "{said}");
    }

    #[test]
    fn what_loses_orders_is_named_with_what_to_set() {
        for (aof, policy, said) in [
            ("1", "noeviction", &[][..]),
            ("0", "noeviction", &["appendonly yes"]),
            ("1", "volatile-ttl", &["volatile-ttl"]),
            ("0", "allkeys-lru", &["appendonly yes", "allkeys-lru"]),
            ("", "", &[]),
        ] {
            let found = dangers(aof, policy);
            assert_eq!(found.len(), said.len(), "{found:?}");
            assert!(found.iter().zip(said).all(|(is, said)| is.contains(said)), "{found:?}");
        }
    }
}
