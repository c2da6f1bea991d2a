//! The remembered requests of an image: those of the steps that are in it.

use super::{Meta, Taking, steps_of};
use crate::domain::OrderNo;
use crate::store::image::{Kind, Row};
use crate::store::redis::reads::ask;
use crate::store::redis::value::{items, must, pairs};
use crate::store::{StoreError, codec};
use ::redis::cmd;
use std::collections::HashMap;

/// How many one step of the walk asks for.
const WALK: usize = 256;

impl Taking<'_> {
    /// Hands out what was remembered until the feed had come to `moment`.
    pub(super) async fn requests(&mut self, meta: &Meta, moment: u64) -> Result<(), StoreError> {
        let bucket = meta.number("bucket");
        // Orders that have moved since the moment, each with the first of those versions.
        let mut later: HashMap<OrderNo, u32> = HashMap::new();
        let mut at = moment;
        for bucket in [bucket.saturating_sub(1), bucket] {
            let mut walk = b"0".to_vec();
            loop {
                let mut call = cmd("HSCAN");
                call.arg(self.store.keys.requests(bucket)).arg(&walk).arg("COUNT").arg(WALK);
                let mut parts = items(ask(&self.store.read, &call).await?)?.into_iter();
                walk = must(&parts.next().unwrap_or_default())?.to_vec();
                let found = pairs(parts.next().unwrap_or_default())?;
                // A request is remembered in one piece with its step's events: whatever was
                // just seen of later steps, the feed tells of.
                at = self.look_past(at, &mut later).await?;
                for (id, remembered) in found {
                    let receipt = codec::decode_remembered(&remembered)?.receipt;
                    let first = later.get(&receipt.order);
                    if first.is_none_or(|first| receipt.version < *first) {
                        self.out.put(Row::new(Kind::Request, id, remembered)).await?;
                    }
                }
                if walk == b"0" {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads on in the feed, and answers how far it has come.
    async fn look_past(
        &self,
        mut at: u64,
        later: &mut HashMap<OrderNo, u32>,
    ) -> Result<u64, StoreError> {
        loop {
            let (batches, more) = self.store.batches(at).await?;
            for batch in batches {
                at = batch.sequence;
                if batch.leapt_from.is_none() {
                    for event in steps_of(&batch)? {
                        later.entry(event.order).or_insert(event.version);
                    }
                }
            }
            if !more {
                return Ok(at);
            }
        }
    }
}
