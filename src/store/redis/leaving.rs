//! What leaves, what comes back, and who reads.

use super::RedisStore;
use super::keys::{self, block};
use super::pages::numbers_of;
use super::reads::{ask, ask_of_epoch, function};
use super::step::{VERSION, intake_of};
use super::value::{bytes, items, must, must_integer, pairs};
use crate::domain::Timestamp;
use crate::store::{Consumer, Cursor, Leaving, MAX_CONSUMERS, Shedding, StoreError, Whole, codec};
use ::redis::{Value, cmd};
use async_trait::async_trait;
use std::collections::BTreeSet;

/// Lua passes at most 8,000 arguments at once; a call names no more keys than this.
const MAX_KEYS: usize = 4_000;

impl RedisStore {
    /// The orders that are stored just as they are kept elsewhere, with their values.
    async fn unchanged<'a>(
        &self,
        leaving: &'a [Leaving],
    ) -> Result<Vec<(&'a Leaving, Vec<u8>)>, StoreError> {
        let mut call = cmd("MGET");
        for Leaving { order, caller: _ } in leaving {
            call.arg(self.keys.order(keys::id(order.no)));
        }
        let values = items(ask(&self.write, &call).await?)?;
        let mut same = Vec::with_capacity(leaving.len());
        for (one, value) in leaving.iter().zip(&values) {
            let Some(value) = bytes(value).filter(|_| one.order.is_over()) else { continue };
            if codec::decode_order(value.get(VERSION..).unwrap_or_default())? == *one.order {
                same.push((one, value.to_vec()));
            }
        }
        Ok(same)
    }

    async fn dismiss_some(&self, some: &[(&Leaving, Vec<u8>)]) -> Result<u64, StoreError> {
        let mut all = vec![self.keys.meta(), self.keys.callers()];
        for (Leaving { order, caller: _ }, _) in some {
            let id = keys::id(order.no);
            all.extend([self.keys.order(id), self.keys.intake(id)]);
            all.extend((1..order.papers).map(|index| self.keys.paper(id, index)));
        }
        let mut call = function("FCALL", "hotline_v5_dismiss", &all);
        call.arg(self.epoch());
        for (one, value) in some {
            call.arg(&value[..]).arg(keys_of(one));
            call.arg(one.caller.as_ref().map_or(&[][..], |caller| &caller[..]));
        }
        let left = ask_of_epoch(&self.write, &call).await?;
        let left = left.first().map_or(Ok(0), must_integer)?;
        Ok(left.unsigned_abs())
    }

    async fn drop_blocks(&self, some: &[(&Leaving, Vec<u8>)]) -> Result<(), StoreError> {
        let blocks: BTreeSet<_> = some.iter().map(|(one, _)| block(one.order.no)).collect();
        for block in blocks {
            let mut all = vec![self.keys.blocks()];
            let numbers = numbers_of(self.keys.cell(), &block)?;
            all.extend(numbers.into_iter().map(|no| self.keys.order(keys::id(no))));
            let mut call = function("FCALL", "hotline_v5_drop_block", &all);
            call.arg(&block[..]);
            ask_of_epoch(&self.write, &call).await?;
        }
        Ok(())
    }
}

/// How many keys an order has: itself, what came in with it, its later papers.
fn keys_of(one: &Leaving) -> usize {
    2 + usize::from(one.order.papers).saturating_sub(1)
}

#[async_trait]
impl Shedding for RedisStore {
    async fn dismiss(&self, leaving: &[Leaving]) -> Result<u64, StoreError> {
        if leaving.is_empty() {
            return Ok(0);
        }
        let unchanged = self.unchanged(leaving).await?;
        let mut left = 0;
        let mut rest = &unchanged[..];
        while !rest.is_empty() {
            let mut count = 0;
            let fits = rest.iter().take_while(|(one, _)| {
                count += keys_of(one);
                count <= MAX_KEYS
            });
            // One that has more keys than that goes alone.
            let (some, later) = rest.split_at(fits.count().max(1));
            left += self.dismiss_some(some).await?;
            rest = later;
        }
        self.drop_blocks(&unchanged).await?;
        Ok(left)
    }

    async fn readmit(&self, whole: &Whole) -> Result<(), StoreError> {
        let Whole { order, papers, contact } = whole;
        let id = keys::id(order.no);
        let first = papers.iter().find(|(index, _)| *index == 0);
        let intake = intake_of(first.map(|(_, paper)| &**paper), contact.as_ref());
        let later: Vec<_> = papers.iter().filter(|(index, _)| *index != 0).collect();
        let mut all = vec![self.keys.meta(), self.keys.blocks(), self.keys.order(id)];
        all.push(self.keys.intake(id));
        all.extend(later.iter().map(|(index, _)| self.keys.paper(id, *index)));
        let mut call = function("FCALL", "hotline_v5_readmit", &all);
        call.arg(self.epoch()).arg(&block(order.no)[..]);
        call.arg([&order.version.to_be_bytes()[..], &codec::encode_order(order)].concat());
        call.arg(intake);
        for (_, paper) in later {
            call.arg(codec::encode_paper(paper));
        }
        ask_of_epoch(&self.write, &call).await.map(|_| ())
    }

    async fn feed_start(&self) -> Result<Cursor, StoreError> {
        super::feed::start(&self.read, &self.keys, self.epoch()).await
    }

    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Result<bool, StoreError> {
        if first.epoch != self.epoch() {
            return Ok(false);
        }
        let all = [self.keys.meta(), self.keys.feed(), self.keys.consumers()];
        let mut call = function("FCALL", "hotline_v5_trim", &all);
        call.arg(first.epoch).arg(first.sequence);
        for Consumer { name, cursor: Cursor { epoch, sequence, index }, at: _ } in known {
            call.arg(name).arg(*epoch).arg(*sequence).arg(*index);
        }
        let done = ask_of_epoch(&self.write, &call).await?;
        Ok(done.first().map_or(Ok(1), must_integer)? == 1)
    }

    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        let all = ask(&self.read, cmd("HGETALL").arg(self.keys.consumers())).await?;
        let read = |(name, place): (Vec<u8>, Vec<u8>)| {
            let place = String::from_utf8_lossy(&place).into_owned();
            let mut numbers = place.split(' ');
            let mut number = || numbers.next().and_then(|n| n.parse::<u64>().ok());
            let cursor = (|| {
                let (epoch, sequence) = (number()?, number()?);
                Some(Cursor { epoch, sequence, index: u32::try_from(number()?).ok()? })
            })();
            let at = number().and_then(|at| i64::try_from(at).ok()).map(Timestamp);
            let odd = || StoreError::Damaged("the place of a consumer of the feed".to_owned());
            let (cursor, at) = cursor.zip(at).ok_or_else(odd)?;
            Ok(Consumer { name: String::from_utf8_lossy(&name).into_owned(), cursor, at })
        };
        let consumers: Result<Vec<_>, StoreError> = pairs(all)?.into_iter().map(read).collect();
        let mut consumers = consumers?;
        consumers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(consumers)
    }

    async fn acknowledge(&self, consumer: &Consumer) -> Result<bool, StoreError> {
        let Consumer { name, cursor, at } = consumer;
        let mut call = function("FCALL", "hotline_v5_acknowledge", &[self.keys.consumers()]);
        call.arg(MAX_CONSUMERS).arg(name).arg(cursor.epoch).arg(cursor.sequence);
        call.arg(cursor.index).arg(at.0.max(0));
        let parts = items(ask(&self.write, &call).await?)?;
        Ok(must(parts.first().unwrap_or(&Value::Nil))? == b"ok")
    }

    async fn forget_consumer(&self, name: &str) -> Result<bool, StoreError> {
        let mut call = cmd("HDEL");
        call.arg(self.keys.consumers()).arg(name);
        Ok(must_integer(&ask(&self.write, &call).await?)? == 1)
    }
}
