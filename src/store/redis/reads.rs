//! Everything but committing and the feed: what is read, and the small things that are
//! claimed or reserved.

use super::RedisStore;
use super::batch::replaced;
use super::claims::MAX_TRAYS;
use super::greeting::{Opening, loading};
use super::keys::{self, Keys};
use super::link::Link;
use super::replicas::Replicas;
use super::step::{VERSION, split_intake};
use super::trouble::Fault;
use super::value::{bytes, integer, items, must, must_integer, scored, text};
use crate::domain::{Date, Desk, Entry, Order, OrderNo, Timestamp, Unit};
use crate::store::{
    MAX_BATCH, MAX_DUE, Paper, Remembered, RequestId, SealedContact, StoreError, codec,
};
use ::redis::{Cmd, Value, cmd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often a read is begun again because the bucket of request ids had changed.
const ATTEMPTS: usize = 3;

/// Asks, and if the server lacks our library loads it and asks again.
pub(super) async fn ask(link: &Link, command: &Cmd) -> Result<Value, Fault> {
    match link.call(command).await {
        Err(Fault::NoLibrary) => {
            link.call(&loading()).await?;
            link.call(command).await
        }
        other => other,
    }
}

/// The same of a function that looks at the epoch; what it says behind `ok`.
pub(super) async fn ask_of_epoch(link: &Link, command: &Cmd) -> Result<Vec<Value>, StoreError> {
    let mut parts = items(ask(link, command).await?)?;
    match parts.first().map(text).as_deref() {
        Some("ok") => Ok(parts.split_off(1)),
        _ => Err(replaced(link)),
    }
}

pub(super) fn function(call: &str, name: &str, keys: &[Vec<u8>]) -> Cmd {
    let mut command = cmd(call);
    command.arg(name).arg(keys.len()).arg(keys);
    command
}

/// What was answered to a request id, as it is stored: whether replicas have it does not
/// matter, or it and all that was written before must be confirmed by them.
pub(super) async fn remembered(
    link: &Link,
    replicas: Option<&Replicas>,
    opening: &Opening,
    keys: &Keys,
    id: &[u8; 16],
) -> Result<Option<Vec<u8>>, Fault> {
    for _ in 0..ATTEMPTS {
        let bucket = opening.bucket.load(Relaxed);
        let all = [keys.meta(), keys.requests(bucket), keys.requests(bucket.saturating_sub(1))];
        let mut call = function("FCALL_RO", "hotline_v5_remembered", &all);
        call.arg(bucket).arg(&id[..]);
        let answer = match replicas {
            None => ask(link, &call).await?,
            Some(replicas) => {
                let (answer, safe) = replicas.confirmed(link, &call).await?;
                safe.map_err(Fault::Unknown)?;
                answer
            }
        };
        let parts = items(answer).map_err(Fault::Unknown)?;
        if parts.first().map(text).as_deref() == Some("ok") {
            return Ok(parts.get(1).and_then(bytes).map(<[u8]>::to_vec));
        }
        let current = parts.get(1).map_or(Ok(0), must_integer).map_err(Fault::Unknown)?;
        opening.bucket.store(current.unsigned_abs(), Relaxed);
    }
    let jumps = "Redis's clock jumps: set it right".to_owned();
    Err(Fault::Unknown(StoreError::Unreachable(jumps)))
}

/// An order as its string has it.
pub(super) fn decode(value: &[u8]) -> Result<Arc<Order>, StoreError> {
    let record = value.get(VERSION..).unwrap_or_default();
    codec::decode_order(record).map(Arc::new)
}

impl RedisStore {
    pub(super) fn epoch(&self) -> u64 {
        self.opening.epoch.load(Relaxed)
    }

    async fn get(&self, key: Vec<u8>) -> Result<Value, StoreError> {
        Ok(ask(&self.read, cmd("GET").arg(key)).await?)
    }

    /// An order of another cell is not here, though its id within the cell may be.
    fn is_ours(&self, no: OrderNo) -> bool {
        no.cell() == self.keys.cell()
    }

    pub(super) async fn read_order(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        if !self.is_ours(no) {
            return Ok(None);
        }
        let value = self.orders.ask(self.keys.order(keys::id(no))).await?;
        bytes(&value).map(decode).transpose()
    }

    pub(super) async fn reserve_numbers(
        &self,
        date: Date,
        count: u32,
        above: u32,
    ) -> Result<u32, StoreError> {
        let day = OrderNo::new(self.keys.cell(), date, 0).day();
        let mut call =
            function("FCALL", "hotline_v5_reserve", &[self.keys.numbers(), self.keys.meta()]);
        call.arg(day).arg(count.max(1)).arg(above);
        let first = integer(&ask(&self.write, &call).await?);
        first.and_then(|first| u32::try_from(first).ok()).ok_or_else(|| {
            StoreError::Unreachable("the numbers of this date are used up".to_owned())
        })
    }

    pub(super) async fn read_remembered(
        &self,
        id: RequestId,
    ) -> Result<Option<Remembered>, StoreError> {
        let id = keys::request(id);
        let (opening, keys) = (&self.opening, &self.keys);
        if remembered(&self.read, None, opening, keys, &id).await?.is_none() {
            return Ok(None);
        }
        // Whoever is told of it takes it for safe: it must be so where it is found.
        let found = remembered(&self.write, Some(&self.replicas), opening, keys, &id).await?;
        found.as_deref().map(codec::decode_remembered).transpose()
    }

    pub(super) async fn read_ready(&self, trays: &[(Unit, Desk)]) -> Result<Vec<bool>, StoreError> {
        let mut ready = Vec::with_capacity(trays.len());
        for trays in trays.chunks(MAX_TRAYS) {
            let each = trays.iter().map(|(unit, desk)| self.keys.tray(keys::tray(*unit, *desk)));
            let call = function("FCALL_RO", "hotline_v5_ready", &each.collect::<Vec<_>>());
            let answer = ask(&self.read, &call).await?;
            let letters = must(&answer)?;
            if letters.len() != trays.len() {
                return Err(StoreError::Damaged("what waits in the trays".to_owned()));
            }
            ready.extend(letters.iter().map(|letter| *letter == b'1'));
        }
        Ok(ready)
    }

    pub(super) async fn read_orders(
        &self,
        all: &[OrderNo],
    ) -> Result<Vec<Option<Arc<Order>>>, StoreError> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = cmd("MGET");
        for no in all {
            call.arg(self.keys.order(keys::id(*no)));
        }
        let values = items(ask(&self.read, &call).await?)?;
        values.iter().map(|value| bytes(value).map(decode).transpose()).collect()
    }

    pub(super) fn deadlines(
        &self,
        members: Vec<(Vec<u8>, i64)>,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        let read = |(id, score): (Vec<u8>, i64)| Ok((Timestamp(score), self.keys.order_no(&id)?));
        members.into_iter().map(read).collect()
    }

    pub(super) async fn read_due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        let mut call = cmd("ZRANGE");
        call.arg(self.keys.due()).arg("-inf").arg(keys::score(now)).arg("BYSCORE");
        call.arg("LIMIT").arg(0).arg(max.min(MAX_DUE)).arg("WITHSCORES");
        self.deadlines(scored(ask(&self.read, &call).await?)?)
    }

    pub(super) async fn read_next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut call = cmd("ZRANGE");
        call.arg(self.keys.due()).arg(0).arg(0).arg("WITHSCORES");
        let first = scored(ask(&self.read, &call).await?)?;
        Ok(first.first().map(|(_, score)| Timestamp(*score)))
    }

    pub(super) async fn read_tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        let max = max.min(MAX_BATCH);
        if max == 0 {
            return Ok(Vec::new());
        }
        let all = [self.keys.tray(keys::tray(unit, desk)), self.keys.leases()];
        let mut call = function("FCALL_RO", "hotline_v5_tray", &all);
        call.arg(max);
        if let Some((deadline, no)) = after {
            call.arg(keys::score(deadline)).arg(&keys::id(no)[..]);
        }
        let members = scored(ask(&self.read, &call).await?)?;
        let entry = |(member, score): (Vec<u8>, i64)| {
            self.keys.entry((unit, desk), &member, Timestamp(score))
        };
        members.into_iter().map(entry).collect()
    }

    pub(super) async fn read_paper(
        &self,
        no: OrderNo,
        index: u16,
    ) -> Result<Option<Paper>, StoreError> {
        if !self.is_ours(no) {
            return Ok(None);
        }
        let id = keys::id(no);
        if index == 0 {
            let intake = self.get(self.keys.intake(id)).await?;
            let paper = bytes(&intake).map(|value| split(value, no)).transpose()?;
            if let Some((paper, _)) = paper.filter(|(paper, _)| !paper.is_empty()) {
                return codec::decode_paper(paper).map(Some);
            }
        }
        let value = self.get(self.keys.paper(id, index)).await?;
        bytes(&value).map(codec::decode_paper).transpose()
    }

    pub(super) async fn read_contact(
        &self,
        no: OrderNo,
    ) -> Result<Option<SealedContact>, StoreError> {
        if !self.is_ours(no) {
            return Ok(None);
        }
        let intake = self.get(self.keys.intake(keys::id(no))).await?;
        let Some(value) = bytes(&intake) else { return Ok(None) };
        let (_, contact) = split(value, no)?;
        if contact.is_empty() { Ok(None) } else { codec::decode_contact(contact).map(Some) }
    }

    pub(super) async fn hold_timer_lease(
        &self,
        holder: u64,
        for_: Duration,
    ) -> Result<bool, StoreError> {
        let mut call = function("FCALL", "hotline_v5_hold_timers", &[self.keys.timers()]);
        call.arg(holder).arg(for_.as_millis().clamp(1, u128::from(u32::MAX)) as u64);
        Ok(must_integer(&ask(&self.write, &call).await?)? == 1)
    }

    pub(super) async fn read_clock(&self) -> Result<Timestamp, StoreError> {
        let time = items(ask(&self.read, &cmd("TIME")).await?)?;
        let [seconds, micros] = &time[..] else {
            return Err(StoreError::Damaged("Redis's time".to_owned()));
        };
        Ok(Timestamp(must_integer(seconds)? * 1_000 + must_integer(micros)? / 1_000))
    }

    /// Reads and writes, so that a full disk, a replica and a lost cell are noticed.
    pub(super) async fn try_out(&self) -> Result<(), StoreError> {
        let epoch = ask(&self.read, cmd("HGET").arg(self.keys.meta()).arg("epoch")).await?;
        if integer(&epoch).map(i64::unsigned_abs) != Some(self.epoch()) {
            return Err(replaced(&self.write));
        }
        let mut write = cmd("HSET");
        write.arg(self.keys.meta()).arg("checked").arg(1);
        ask(&self.write, &write).await?;
        Ok(())
    }
}

fn split(value: &[u8], no: OrderNo) -> Result<(&[u8], &[u8]), StoreError> {
    split_intake(value).ok_or_else(|| StoreError::Damaged(format!("what came in with {no}")))
}
