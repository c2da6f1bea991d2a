//! How the open orders stand, level by level and county by county, for the metrics.
//!
//! What is at risk changes with the hour, so no counter can be kept of it: whoever runs the
//! timers goes through the orders, a page at a time, and rests [`REST`] times as long as each page
//! took. So it never takes more than a thirty-third of a core, nor of Redis, and never holds more
//! than a page: ten thousand open orders are counted within seconds, a million within minutes.

use super::Dispatch;
use crate::catalogue::UnitChannel;
use crate::domain::{Division, Level, Order, Stage, Timestamp, Unit, next_deadline, peril};
use crate::store::{Load, MAX_BATCH, StoreError};
use crate::telemetry::standing::{self, Count, Place, Standing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long after it has counted everything it begins anew, at least.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// For how many times as long as it worked it rests.
const REST: u32 = 32;
/// Rests shorter than this are added up.
const SHORTEST: Duration = Duration::from_millis(5);

/// What fell due so long ago, of real time, and has not happened is stuck, not late.
const STUCK: Duration = Duration::from_secs(60);
/// A system that has not fetched an order for so long, of real time, does not pull; one that
/// waits for it has it within milliseconds.
const UNPULLED: Duration = Duration::from_secs(300);
/// How long a unit that was told of is not told of again.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);
/// The most units a line of the log names.
const NAMES: usize = 8;

/// Work that was not rested for yet.
#[derive(Default)]
struct Owed(Duration);

impl Owed {
    async fn rest(&mut self, worked: Duration) {
        self.0 += worked;
        if self.0 * REST >= SHORTEST {
            tokio::time::sleep(std::mem::take(&mut self.0) * REST).await;
        }
    }
}

impl Dispatch {
    /// Runs until [`Dispatch::stop`].
    pub(super) async fn run_standing(self: Arc<Self>) {
        let mut stopping = self.stopping();
        let mut told = BTreeMap::new();
        while !*stopping.borrow() {
            let count = async {
                if self.leads.load(Ordering::Relaxed)
                    && let Err(error) = self.show_standing(&mut told).await
                {
                    tracing::warn!(%error, "how the orders stand cannot be counted; trying again");
                }
                tokio::time::sleep(COUNT_EVERY).await;
            };
            tokio::select! {
                () = count => {}
                _ = stopping.changed() => {}
            }
        }
    }

    async fn show_standing(&self, told: &mut BTreeMap<Unit, Instant>) -> Result<(), StoreError> {
        let began = crate::clock::tick();
        let found = self.standing().await?;
        let Load { leases, timers } = self.store.load_now().await?;
        standing::export(&found.places, leases, timers, began.elapsed());
        // Told once, though every order that passes such a unit by brings it up again.
        told.retain(|_, at| at.elapsed() < TOLD_AGAIN);
        let new: Vec<_> =
            found.unpulled.iter().filter(|(unit, _)| !told.contains_key(unit)).collect();
        if !new.is_empty() {
            let names = new.iter().take(NAMES).map(|(unit, n)| format!("{unit} ({n})"));
            tracing::warn!(
                units = new.len(),
                "nobody pulls: orders have stood for over five minutes before {}{}",
                names.collect::<Vec<_>>().join(", "),
                if new.len() > NAMES { ", …" } else { "" }
            );
        }
        told.extend(new.into_iter().map(|(unit, _)| (*unit, began)));
        Ok(())
    }

    /// The open orders of every level of every county, found by going through the orders by number
    /// once, each as it stood when its page was read.
    pub async fn standing(&self) -> Result<Count, StoreError> {
        let mut found = Count { places: self.every_place(), ..Count::default() };
        let (mut owed, mut after) = (Owed::default(), None);
        loop {
            let began = crate::clock::tick();
            let page = self.store.scan(after, MAX_BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.no);
            self.look_at(&page, &mut found);
            owed.rest(began.elapsed()).await;
        }
        for unit in found.unpulled.keys() {
            found.places.entry(place(*unit)).or_default().unpulled += 1;
        }
        Ok(found)
    }

    /// Counts a page of orders where they stand.
    fn look_at(&self, page: &[Arc<Order>], found: &mut Count) {
        let now = self.now();
        for order in page {
            let Some(unit) = order.holder() else { continue };
            let standing = found.places.entry(place(unit)).or_default();
            standing.count(peril(order, now), now.since(order.heard_at));
            standing.stuck += u64::from(self.is_stuck(order, now));
            if self.is_unpulled(order, now) {
                *found.unpulled.entry(unit).or_default() += 1;
            }
        }
    }

    /// Whether something fell due on it long ago and has not happened.
    fn is_stuck(&self, order: &Order, now: Timestamp) -> bool {
        next_deadline(order).is_some_and(|at| self.clock.really(now.since(at)) > STUCK)
    }

    /// Whether it stands before a unit with a system that should long have fetched it.
    pub(super) fn is_unpulled(&self, order: &Order, now: Timestamp) -> bool {
        let leg = order.leg();
        // What was kept while the server was away came later than it was heard.
        let since = leg.started_at.max(order.registered_at);
        order.stage == Stage::Assigned
            && leg.delivered_at.is_none()
            && leg.signed_at.is_none()
            && self.clock.really(now.since(since)) > UNPULLED
            && self.catalogue().unit(leg.unit).is_some_and(|u| u.channel == UnitChannel::System)
    }

    /// Every level of every county that has a unit, with nothing there.
    fn every_place(&self) -> BTreeMap<Place, Standing> {
        let catalogue = self.catalogue();
        catalogue.units().map(|row| (place(row.unit), Standing::default())).collect()
    }
}

/// The level of a unit and the county it lies in.
fn place(unit: Unit) -> Place {
    Place { level: unit.level(), county: county(unit.division()) }
}

fn county(division: Division) -> Option<Division> {
    match division.level() {
        Level::City => None,
        Level::County => Some(division),
        Level::Town | Level::Village => division.parent().and_then(county),
    }
}
