//! Mending: the comparison itself is `lua/reconcile.lua`; here it is asked and read.

use super::RedisStore;
use super::batch::replaced;
use super::keys::{self, Place};
use super::reads::{ask, function};
use super::step::VERSION;
use super::value::{bytes, integer, items, must, must_integer, pairs, text};
use crate::domain::{Entry, Order, OrderNo, Tally, Timestamp};
use crate::store::{Cursor, Look, MAX_OF_CALLER, Mismatch, Reconcile, StoreError, codec};
use ::redis::cmd;
use async_trait::async_trait;
use std::sync::Arc;

/// How many leases one step of a walk through all of them asks for.
const WALK: usize = 1_000;
/// The bytes of a tray in the field of a lease.
const TRAY: usize = size_of::<keys::Tray>();

#[async_trait]
impl Reconcile for RedisStore {
    /// Every place with a lease, for a lease may be all that is there.
    async fn hints(&self) -> Result<Vec<(OrderNo, Option<Entry>)>, StoreError> {
        let mut hints = Vec::new();
        let mut at = b"0".to_vec();
        loop {
            let mut call = cmd("HSCAN");
            call.arg(self.keys.leases()).arg(&at).arg("COUNT").arg(WALK);
            let mut parts = items(ask(&self.read, &call).await?)?.into_iter();
            at = must(&parts.next().unwrap_or_default())?.to_vec();
            for (field, _) in pairs(parts.next().unwrap_or_default())? {
                let (tray, member) = field.split_at_checked(TRAY).ok_or_else(torn)?;
                let whose = keys::unit_and_desk(tray)?;
                let (entry, no) = self.keys.entry(whose, member, Timestamp(0))?;
                hints.push((no, Some(entry)));
            }
            if at == b"0" {
                return Ok(hints);
            }
        }
    }

    async fn reconcile(
        &self,
        look: &Look,
        mend: bool,
    ) -> Result<Option<Vec<Mismatch>>, StoreError> {
        let (no, id) = (look.no, keys::id(look.no));
        let value = match &look.order {
            None => Vec::new(),
            Some(order) => match self.values(std::slice::from_ref(order)).await? {
                Some(values) => values.concat(),
                None => return Ok(None),
            },
        };
        let right = look.right();
        let places: Vec<Place> = right.iter().map(|entry| keys::place(no, entry)).collect();
        let mut strays: Vec<(Place, Entry)> = Vec::new();
        for entry in &look.seen {
            let place = keys::place(no, entry);
            let same = |other: &Place| other.tray == place.tray && other.member == place.member;
            if !places.iter().any(same) && !strays.iter().any(|(other, _)| same(other)) {
                strays.push((place, *entry));
            }
        }
        let mut all = vec![self.keys.meta(), self.keys.order(id), self.keys.due()];
        all.extend([self.keys.leases(), self.keys.trays(), self.keys.blocks()]);
        let trays = places.iter().chain(strays.iter().map(|(place, _)| place));
        all.extend(trays.map(|place| self.keys.tray(place.tray)));
        let mut call = function("FCALL", "hotline_v5_reconcile", &all);
        call.arg(self.epoch()).arg(u8::from(mend));
        call.arg(value).arg(&id[..]).arg(&keys::block(no)[..]);
        call.arg(look.timer().map_or_else(String::new, |at| keys::score(at).to_string()));
        call.arg(places.len());
        for place in &places {
            call.arg(&place.member[..]).arg(place.score);
        }
        for (place, _) in &strays {
            call.arg(&place.member[..]);
        }
        let answer = items(ask(&self.write, &call).await?)?;
        match answer.first().map(text).as_deref() {
            Some("ok") => {}
            Some("moved") => return Ok(None),
            _ => return Err(replaced(&self.write)),
        }
        let strays: Vec<Entry> = strays.into_iter().map(|(_, entry)| entry).collect();
        let found = answer[1..].iter().map(|found| read(&text(found), look, &right, &strays));
        found.collect::<Result<Vec<_>, _>>().map(Some)
    }

    async fn mend_caller(
        &self,
        phone: [u8; 16],
        seen: &[OrderNo],
        orders: &[OrderNo],
        added: &[Arc<Order>],
    ) -> Result<bool, StoreError> {
        let Some(values) = self.values(added).await? else { return Ok(false) };
        let list = |orders: &[OrderNo]| -> Vec<u8> {
            orders.iter().take(MAX_OF_CALLER).flat_map(|no| keys::id(*no)).collect()
        };
        let mut all = vec![self.keys.meta(), self.keys.callers()];
        all.extend(added.iter().map(|order| self.keys.order(keys::id(order.no))));
        let mut call = function("FCALL", "hotline_v5_mend_caller", &all);
        call.arg(self.epoch()).arg(&phone[..]).arg(list(seen)).arg(list(orders)).arg(values);
        Ok(must_integer(&ask(&self.write, &call).await?)? == 1)
    }

    async fn mark(&self) -> Result<Cursor, StoreError> {
        let mut call = cmd("HGET");
        call.arg(self.keys.meta()).arg("sequence");
        let sequence = integer(&ask(&self.read, &call).await?).unwrap_or(0).unsigned_abs();
        Ok(Cursor { epoch: self.epoch(), sequence, index: 0 })
    }

    async fn mend_tallies(
        &self,
        since: Cursor,
        right: &[(Tally, i64)],
    ) -> Result<bool, StoreError> {
        let all = [self.keys.meta(), self.keys.tallies()];
        let mut call = function("FCALL", "hotline_v5_mend_tallies", &all);
        call.arg(since.epoch).arg(since.sequence);
        for (tally, value) in right {
            call.arg(*tally).arg(*value);
        }
        Ok(must_integer(&ask(&self.write, &call).await?)? == 1)
    }
}

impl RedisStore {
    /// How the orders are stored, if every one still is as it is known.
    async fn values(&self, orders: &[Arc<Order>]) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let mut values = Vec::with_capacity(orders.len());
        for order in orders {
            let mut get = cmd("GET");
            let value = ask(&self.write, get.arg(self.keys.order(keys::id(order.no)))).await?;
            let Some(value) = bytes(&value) else { return Ok(None) };
            if codec::decode_order(value.get(VERSION..).unwrap_or_default())? != **order {
                return Ok(None);
            }
            values.push(value.to_vec());
        }
        Ok(Some(values))
    }
}

fn torn() -> StoreError {
    StoreError::Damaged("what was found beside an order".to_owned())
}

/// One finding, as the library says it: a letter, which place, what is stored.
fn read(
    found: &str,
    look: &Look,
    right: &[Entry],
    strays: &[Entry],
) -> Result<Mismatch, StoreError> {
    let mut parts = found.split(' ');
    let letter = parts.next().unwrap_or_default();
    let place: usize = parts.next().and_then(|n| n.parse().ok()).ok_or_else(torn)?;
    let stored = parts.next().and_then(|n| n.parse().ok()).map(Timestamp);
    let of = |entries: &[Entry]| entries.get(place.wrapping_sub(1)).copied().ok_or_else(torn);
    Ok(match letter {
        // A tray that nobody knows of is as good as one that it is not in.
        "m" | "k" => Mismatch::Missing(of(right)?),
        "d" => Mismatch::Misplaced(of(right)?, stored.ok_or_else(torn)?),
        "t" => Mismatch::Torn(of(right)?),
        "s" => Mismatch::Stray(of(strays)?),
        "w" => Mismatch::Timer(stored, look.timer()),
        "u" => Mismatch::Unlisted,
        _ => return Err(torn()),
    })
}
