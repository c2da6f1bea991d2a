//! Which request ids are remembered, and in which pack of the file their answers lie.

use super::tables::{REQUESTS, request_key, unpack};
use super::{Map, unreadable};
use crate::store::{REQUEST_MEMORY, Remembered, StoreError, codec};
use redb::{Database, ReadableDatabase};
use std::collections::BTreeMap;

/// Ids are kept in buckets of time that expire whole.
const BUCKET_SECONDS: u64 = 12 * 3_600;
/// A bucket is forgotten when its last second is over the memory: so many are looked in.
pub(super) const BUCKETS: u32 = (REQUEST_MEMORY.as_secs() / BUCKET_SECONDS) as u32 + 1;
/// A bucket is split, so that a growing map never stands still for long.
const SHARDS: usize = 64;

/// The bucket of a moment of real time.
pub(super) fn bucket_of(now: crate::domain::Timestamp) -> u32 {
    (now.0.max(0) as u64 / 1_000 / BUCKET_SECONDS) as u32
}

/// A place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub(super) bucket: u32,
    pub(super) pack: u64,
    pub(super) index: u8,
}

impl Slot {
    /// The answer that lies there.
    pub(super) fn answer(self, db: &Database) -> Result<Option<Remembered>, StoreError> {
        let look = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = db.begin_read()?.open_table(REQUESTS)?;
            let value = table.get(&request_key(self.bucket, self.pack))?;
            Ok(value.map(|value| value.value().to_vec()))
        };
        let Some(value) = look().map_err(unreadable)? else { return Ok(None) };
        let damaged = || {
            StoreError::Damaged(format!(
                "requests {}/{}; restore the store from a backup",
                self.bucket, self.pack
            ))
        };
        let records = unpack(&value).ok_or_else(damaged)?;
        let record = records.get(usize::from(self.index)).and_then(|r| r.get(16..));
        codec::decode_remembered(record.ok_or_else(damaged)?).map(Some)
    }
}

/// The ids of every bucket that still counts. 32 bytes an id, the answers stay in the file.
#[derive(Default)]
pub(super) struct Requests {
    buckets: BTreeMap<u32, Vec<Map<u128, u64>>>,
}

impl Requests {
    pub(super) fn find(&self, id: u128) -> Option<Slot> {
        self.buckets.iter().rev().find_map(|(bucket, shards)| {
            let slot = shards[id as usize % SHARDS].get(&id)?;
            Some(Slot { bucket: *bucket, pack: slot >> 8, index: *slot as u8 })
        })
    }

    pub(super) fn insert(&mut self, id: u128, slot: Slot) {
        let shards = self.buckets.entry(slot.bucket);
        let shards = shards.or_insert_with(|| vec![Map::default(); SHARDS]);
        shards[id as usize % SHARDS].insert(id, slot.pack << 8 | u64::from(slot.index));
    }

    /// Forgets what is over the memory, given the bucket of now.
    pub(super) fn forget(&mut self, now: u32) {
        let oldest = now.saturating_sub(BUCKETS - 1);
        self.buckets = self.buckets.split_off(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Span, Timestamp};

    #[test]
    fn an_id_is_remembered_at_least_48_hours() {
        let now = Timestamp(1_700_000_000_000);
        for start in 0..24 {
            let then = now.plus(Span::hours(start));
            let slot = Slot { bucket: bucket_of(then), pack: 7, index: 3 };
            let mut requests = Requests::default();
            requests.insert(1, slot);
            requests.forget(bucket_of(then.plus(Span::hours(48))));
            assert_eq!(requests.find(1), Some(slot));
            requests.forget(bucket_of(then.plus(Span::hours(61))));
            assert_eq!(requests.find(1), None);
        }
    }
}
