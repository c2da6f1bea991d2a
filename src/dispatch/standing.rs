//! How the open orders stand, level by level and county by county, for the metrics.
//!
//! What is at risk changes with the hour, so no counter can be kept of it: whoever runs the
//! timers goes through the orders, a page at a time, and rests [`REST`] times as long as each page
//! took. So it never takes more than a thirty-third of a core, nor of Redis, and never holds more
//! than a page: ten thousand open orders are counted within seconds, a million within minutes.

use super::Dispatch;
use crate::domain::{Division, Level, Unit, peril};
use crate::store::{Load, MAX_BATCH, StoreError};
use crate::telemetry::standing::{self, Place, Standing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long after it has counted everything it begins anew, at least.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// For how many times as long as it worked it rests.
const REST: u32 = 32;
/// Rests shorter than this are added up.
const SHORTEST: Duration = Duration::from_millis(5);

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
        while !*stopping.borrow() {
            let count = async {
                if self.leads.load(Ordering::Relaxed)
                    && let Err(error) = self.show_standing().await
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

    async fn show_standing(&self) -> Result<(), StoreError> {
        let began = crate::clock::tick();
        let found = self.standing().await?;
        let Load { leases, timers } = self.store.load_now().await?;
        standing::export(&found, leases, timers, began.elapsed());
        Ok(())
    }

    /// The open orders of every level of every county, found by going through the orders by number
    /// once, each as it stood when its page was read.
    pub async fn standing(&self) -> Result<BTreeMap<Place, Standing>, StoreError> {
        let (mut found, mut owed, mut after) = (self.every_place(), Owed::default(), None);
        loop {
            let began = crate::clock::tick();
            let page = self.store.scan(after, MAX_BATCH).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.no);
            let now = self.now();
            for order in &page {
                if let Some(holder) = order.holder() {
                    let age = now.since(order.heard_at);
                    found.entry(place(holder)).or_default().count(peril(order, now), age);
                }
            }
            owed.rest(began.elapsed()).await;
        }
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
