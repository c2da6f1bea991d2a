//! Who waits for which unit. A wake-up is a hint: the waiter looks again, and everybody
//! looks once a second anyway.

use super::Dispatch;
use crate::domain::{Event, Unit};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The longest a waiter or the feed's reader sleeps without looking.
pub(super) const SWEEP: Duration = Duration::from_secs(1);
/// How many events the reader of hints takes at once.
const HINTS: usize = 1_000;

#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<Unit, Arc<Notify>>>);

impl Waiters {
    /// The bell of a unit. One that waits for a whole subtree waits at its hall.
    pub(super) fn bell(&self, unit: Unit) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(unit).or_default())
    }

    /// Rings at a unit and at every hall above it: who waits for a subtree hears of it too.
    fn ring(&self, unit: Unit) {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Some(unit);
        while let Some(unit) = next {
            if let Some(bell) = bells.get(&unit) {
                if Arc::strong_count(bell) > 1 {
                    bell.notify_waiters();
                } else {
                    // Nobody waits here any more.
                    bells.remove(&unit);
                }
            }
            next = unit.superior();
        }
    }

    fn is_empty(&self) -> bool {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|_, bell| Arc::strong_count(bell) > 1);
        bells.is_empty()
    }

    fn hear(&self, event: &Event) {
        self.ring(event.unit);
    }
}

impl Dispatch {
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
            if self.waiters.is_empty() {
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
