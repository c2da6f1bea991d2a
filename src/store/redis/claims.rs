//! Claims, and letting go what was claimed. Claims that come at a time go in one call, and its
//! answer holds the orders as they are at that moment.

use super::RedisStore;
use super::greeting::Opening;
use super::keys::{self, Keys};
use super::lately::Lately;
use super::link::Link;
use super::reads::{ask_of_epoch, decode, function};
use super::step::VERSION;
use super::together::Kind;
use super::value::{bytes, items, must, must_integer};
use crate::domain::{Desk, Entry, Order, OrderNo, Timestamp, Unit, entries};
use crate::store::{Claimed, Lease, MAX_BATCH, StoreError};
use ::redis::Value;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The most trays one call looks through. Of a claim of more, the earliest of the first so many
/// trays come before the earliest of the next.
pub(super) const MAX_TRAYS: usize = 2_048;

/// What one claims.
pub(super) struct Wanted {
    /// Whose trays.
    units: Vec<Unit>,
    /// Which of each unit's.
    desk: Desk,
    /// At most how many.
    max: usize,
    /// For how long.
    lease: Duration,
}

/// Who claims for all.
pub(super) struct Claims {
    pub(super) keys: Keys,
    pub(super) opening: Arc<Opening>,
    pub(super) write: Arc<Link>,
    pub(super) lately: Arc<Lately>,
}

#[async_trait]
impl Kind for Claims {
    type Ask = Wanted;
    /// An order that cannot be read is its claimer's trouble, and no other's.
    type Answer = Result<Vec<Claimed>, StoreError>;

    fn fit(&self, waiting: &mut dyn Iterator<Item = &Wanted>) -> usize {
        let (mut trays, mut orders) = (0, 0);
        let fits = waiting.take_while(|wanted| {
            let first = trays == 0;
            trays += wanted.units.len();
            orders += wanted.max;
            first || (trays <= MAX_TRAYS && orders <= MAX_BATCH)
        });
        fits.count()
    }

    async fn call(&self, asked: Vec<Wanted>) -> Result<Vec<Self::Answer>, StoreError> {
        let connection = self.write.connection();
        let mut all = vec![self.keys.meta(), self.keys.leases()];
        for Wanted { units, desk, .. } in &asked {
            all.extend(units.iter().map(|unit| self.keys.tray(keys::tray(*unit, *desk))));
        }
        let mut call = function("FCALL", "hotline_v5_claim", &all);
        call.arg(self.opening.epoch.load(Relaxed));
        for Wanted { units, max, lease, .. } in &asked {
            call.arg(units.len()).arg(*max);
            call.arg(lease.as_millis().min(u128::from(u32::MAX)) as u64);
        }
        let parts = ask_of_epoch(&self.write, &call).await?;
        // Where another connection brought the answer, nothing from before belongs to it.
        let connection = connection.filter(|asked| self.write.connection() == Some(*asked));
        let each = asked.iter().zip(parts);
        Ok(each.map(|(wanted, claimed)| self.claimed(wanted, claimed, connection)).collect())
    }
}

impl Claims {
    fn claimed(
        &self,
        Wanted { units, desk, .. }: &Wanted,
        answer: Value,
        connection: Option<u64>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let parts = items(answer)?;
        let mut all = Vec::with_capacity(parts.len() / 4);
        for part in parts.chunks_exact(4) {
            let at = usize::try_from(must_integer(&part[0])? - 1).unwrap_or(usize::MAX);
            let unit = units.get(at).copied().ok_or_else(|| {
                StoreError::Damaged("a claim names a tray that was not asked".to_owned())
            })?;
            let (entry, no) = self.keys.entry((unit, *desk), must(&part[1])?, Timestamp(0))?;
            let claim = must_integer(&part[2])?.unsigned_abs();
            let lease = Lease { order: no, assignment: entry.assignment, claim };
            // A tray that does not follow from its orders is mended, and nothing of it given out.
            let Some(value) = bytes(&part[3]) else { continue };
            let order = self.order(no, value, connection)?;
            let waits =
                |e: &Entry| e.unit == unit && e.desk == *desk && e.assignment == entry.assignment;
            if entries(&order).iter().any(waits) {
                all.push(Claimed { order, lease });
            }
        }
        Ok(all)
    }

    /// An order as it stands there; one that is known in that version need not be read.
    fn order(
        &self,
        no: OrderNo,
        value: &[u8],
        connection: Option<u64>,
    ) -> Result<Arc<Order>, StoreError> {
        let version = value.first_chunk::<VERSION>().map(|version| u32::from_be_bytes(*version));
        let known = self.lately.of(no, connection).filter(|known| Some(known.version) == version);
        if let Some(known) = known {
            return Ok(known);
        }
        let order = decode(value)?;
        self.lately.saw(&order, connection);
        Ok(order)
    }
}

impl RedisStore {
    pub(super) async fn claim_entries(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        let max = max.min(MAX_BATCH);
        let mut claimed = Vec::new();
        for units in units.chunks(MAX_TRAYS) {
            if claimed.len() < max {
                let max = max - claimed.len();
                let wanted = Wanted { units: units.to_vec(), desk, max, lease };
                claimed.extend(self.claims.ask(wanted).await??);
            }
        }
        Ok(claimed)
    }

    pub(super) async fn release_entries(
        &self,
        claims: &[(Entry, Lease)],
    ) -> Result<(), StoreError> {
        for claims in claims.chunks(MAX_TRAYS) {
            let places: Vec<_> = claims.iter().map(|(e, l)| keys::place(l.order, e)).collect();
            let mut all = Vec::with_capacity(places.len() + 2);
            all.extend([self.keys.meta(), self.keys.leases()]);
            all.extend(places.iter().map(|place| self.keys.tray(place.tray)));
            let mut call = function("FCALL", "hotline_v5_release", &all);
            call.arg(self.epoch());
            for (place, (_, lease)) in places.iter().zip(claims) {
                call.arg(&place.member[..]).arg(lease.claim);
            }
            ask_of_epoch(&self.write, &call).await?;
        }
        Ok(())
    }
}
