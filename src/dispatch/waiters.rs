//! Who waits for which tray. A wake-up is a hint: the waiter looks again. Twice a second one look
//! for all of them finds what nobody rings for: what was held under a lease that ran out.

use super::Dispatch;
use crate::domain::{Desk, Event, Unit, What};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The longest the feed's reader sleeps without looking.
pub(super) const SWEEP: Duration = Duration::from_secs(1);
/// How often it is looked for those who wait: what was held under a lease that ran out is handed
/// out again within a second.
const LOOK: Duration = Duration::from_millis(500);
/// How many events the reader of hints takes at once.
const HINTS: usize = 1_000;

/// One who waits at a unit, or at a hall for all below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub desk: Desk,
    pub subtree: bool,
}

impl Place {
    /// Whether what happened to an order can have brought it here. An order is in the lead's tray
    /// of the unit that holds it; other desks hear of it from below, too.
    fn concerns(self, at: Unit, event: &Event) -> bool {
        at == event.unit || self.subtree || self.desk != Desk::Lead
    }
}

type Bells = HashMap<Unit, Vec<(Place, Arc<Notify>)>>;

#[derive(Default)]
pub(super) struct Waiters(Mutex<Bells>);

impl Waiters {
    /// The bell of a place.
    pub(super) fn bell(&self, unit: Unit, place: Place) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = bells.entry(unit).or_default();
        if let Some((_, bell)) = here.iter().find(|(other, _)| *other == place) {
            return Arc::clone(bell);
        }
        let bell = Arc::default();
        here.push((place, Arc::clone(&bell)));
        bell
    }

    /// The bells at which somebody waits.
    fn heard(&self) -> MutexGuard<'_, Bells> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|_, here| {
            here.retain(|(_, bell)| Arc::strong_count(bell) > 1);
            !here.is_empty()
        });
        bells
    }

    fn waiting(&self) -> Vec<(Unit, Place, Arc<Notify>)> {
        let bells = self.heard();
        let each = bells.iter().flat_map(|(unit, here)| {
            here.iter().map(|(place, bell)| (*unit, *place, Arc::clone(bell)))
        });
        each.collect()
    }

    /// Rings at the unit that holds an order, and at every hall above it, for whom it concerns.
    fn hear(&self, event: &Event) {
        // What a puller does to what it has brings nothing into a tray.
        if let What::Delivered { .. } | What::Redelivered { .. } | What::Signed { .. } = event.what
        {
            return;
        }
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Some(event.unit);
        while let Some(unit) = next {
            let here = bells.get(&unit).into_iter().flatten();
            let concerned = here.filter(|(place, _)| place.concerns(unit, event));
            concerned.for_each(|(_, bell)| bell.notify_waiters());
            next = unit.superior();
        }
    }
}

impl Dispatch {
    /// Looks for everybody who waits, and rings where there is something.
    pub(super) async fn run_looks(self: Arc<Self>) {
        let mut stopping = self.stopping();
        while !*stopping.borrow() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stopping.changed() => continue,
            }
            let waiting = self.waiters.waiting();
            if waiting.is_empty() {
                continue;
            }
            let each: Vec<_> = waiting.iter().map(|(unit, at, _)| self.trays(*unit, *at)).collect();
            let all: Vec<_> =
                each.iter().flatten().copied().collect::<HashSet<_>>().into_iter().collect();
            let ready: Option<HashSet<_>> = match self.store.ready(&all).await {
                Ok(ready) => {
                    Some(all.into_iter().zip(ready).filter_map(|(t, r)| r.then_some(t)).collect())
                }
                // Each hears it from the store himself.
                Err(_) => None,
            };
            for ((_, _, bell), trays) in waiting.iter().zip(&each) {
                if ready.as_ref().is_none_or(|ready| trays.iter().any(|tray| ready.contains(tray)))
                {
                    bell.notify_waiters();
                }
            }
        }
    }

    /// The trays that one waits at.
    fn trays(&self, unit: Unit, Place { desk, subtree }: Place) -> Vec<(Unit, Desk)> {
        if !subtree {
            return vec![(unit, desk)];
        }
        let catalogue = self.catalogue();
        let below = catalogue.units().map(|row| row.unit).filter(|below| unit.covers(*below));
        below.map(|unit| (unit, desk)).collect()
    }

    /// Reads the feed from now on and rings for every event, whichever process wrote it.
    pub(super) async fn run_hints(self: Arc<Self>) {
        let mut stopping = self.stopping();
        let mut cursor = None;
        while !*stopping.borrow() {
            let Some(after) = cursor else {
                cursor = self.store.feed_end().await.ok();
                if cursor.is_none() {
                    tokio::time::sleep(SWEEP).await;
                }
                continue;
            };
            tokio::select! {
                grown = self.store.feed_grown(after, SWEEP) => {
                    if grown.is_err() {
                        tokio::time::sleep(SWEEP).await;
                        continue;
                    }
                }
                _ = stopping.changed() => continue,
            }
            if self.waiters.heard().is_empty() {
                // Nobody to wake: whoever comes looks for itself before it waits.
                cursor = None;
                continue;
            }
            match self.store.feed(Some(after), HINTS).await {
                Ok(events) => {
                    for (_, event) in &events {
                        self.waiters.hear(event);
                    }
                    if let Some((last, _)) = events.last() {
                        cursor = Some(*last);
                    }
                }
                // A new epoch: hints of the old one are worth nothing.
                Err(_) => cursor = None,
            }
        }
    }
}
