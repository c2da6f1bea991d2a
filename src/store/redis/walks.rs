//! Walks through all that is indexed, a bounded step at a time: no answer is long, and Redis
//! works on none for long, whatever the orders have in common.

use super::RedisStore;
use super::keys;
use super::reads::ask;
use super::value::{items, must, scored, text};
use crate::domain::{Entry, OrderNo, Timestamp};
use crate::store::StoreError;
use ::redis::cmd;
use std::collections::BTreeMap;

/// How many members one step of a walk asks for.
const WALK: usize = 1_000;

impl RedisStore {
    pub(super) async fn read_all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        let trays = items(ask(&self.read, cmd("SMEMBERS").arg(self.keys.trays())).await?)?;
        let mut all = Vec::new();
        for tray in &trays {
            let tray = must(tray)?;
            let whose = keys::unit_and_desk(tray)?;
            let members = self.walk(self.keys.tray(keys::tray(whose.0, whose.1))).await?;
            let members: Vec<(Vec<u8>, i64)> = members.into_iter().collect();
            for some in members.chunks(WALK) {
                for (member, score) in self.unleased(tray, some).await? {
                    all.push(self.keys.entry(whose, member, Timestamp(score))?);
                }
            }
        }
        Ok(all)
    }

    /// The deadlines of a tray's members: that of a leased one stands in its lease's record.
    async fn unleased<'a>(
        &self,
        tray: &[u8],
        members: &'a [(Vec<u8>, i64)],
    ) -> Result<Vec<(&'a [u8], i64)>, StoreError> {
        let leased = members.iter().filter(|(_, score)| *score >= keys::LEASED);
        let leased: Vec<_> = leased.map(|(member, _)| [tray, member].concat()).collect();
        let mut records = Vec::new().into_iter();
        if !leased.is_empty() {
            let call = cmd("HMGET").arg(self.keys.leases()).arg(leased).to_owned();
            records = items(ask(&self.read, &call).await?)?.into_iter();
        }
        let mut deadlines = Vec::with_capacity(members.len());
        for (member, score) in members {
            let deadline = if *score < keys::LEASED {
                *score
            } else {
                // One that was given back just now has no record: whoever compares looks again.
                records.next().as_ref().map(text).as_deref().and_then(deadline_of).unwrap_or(0)
            };
            deadlines.push((&member[..], deadline));
        }
        Ok(deadlines)
    }

    /// All members of a sorted set with their scores, a bounded step at a time whatever their
    /// scores are. A walk may show a member twice, but misses none that is there all the while.
    async fn walk(&self, key: Vec<u8>) -> Result<BTreeMap<Vec<u8>, i64>, StoreError> {
        let mut all = BTreeMap::new();
        let mut at = b"0".to_vec();
        loop {
            let mut call = cmd("ZSCAN");
            call.arg(&key).arg(&at).arg("COUNT").arg(WALK);
            let mut parts = items(ask(&self.read, &call).await?)?.into_iter();
            at = must(&parts.next().unwrap_or_default())?.to_vec();
            all.extend(scored(parts.next().unwrap_or_default())?);
            if at == b"0" {
                return Ok(all);
            }
        }
    }

    pub(super) async fn read_all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        self.deadlines(self.walk(self.keys.due()).await?.into_iter().collect())
    }
}

/// The deadline in a lease's record: its claim, the deadline, its end.
fn deadline_of(record: &str) -> Option<i64> {
    record.split(' ').nth(1)?.parse().ok()
}
