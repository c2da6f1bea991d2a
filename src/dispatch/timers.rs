//! What falls due happens: sleep until the next deadline or a wake-up, then tick.
//!
//! Any number of processes may tick the same cell: a tick that finds nothing due does
//! nothing, and of two that find the same thing one loses its commit and looks again. The
//! timer lease only saves the second process the trouble.

use super::step::With;
use super::{Dispatch, Refusal};
use crate::domain::{Action, Actor, Command, OrderNo, Timestamp};
use crate::store::{MAX_BATCH, StoreError};
use crate::telemetry::metrics;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long the right to run the timers lasts; renewed three times as often.
const TIMER_LEASE: Duration = Duration::from_secs(3);

impl Dispatch {
    /// Runs until [`Dispatch::stop`].
    pub(super) async fn run_timers(self: Arc<Self>) {
        let holder = fresh_id();
        let mut stopping = self.stopping();
        let mut exported = None;
        while !*stopping.borrow() {
            let sleep = match self.round(holder, &mut exported).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::warn!(%error, "timers: the store does not answer; trying again");
                    self.settings.sweep
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.sooner.notified() => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Ticks whatever is due and says how long there is to sleep.
    async fn round(
        self: &Arc<Self>,
        holder: u64,
        exported: &mut Option<std::time::Instant>,
    ) -> Result<Duration, StoreError> {
        let sweep = self.settings.sweep;
        if self.skewed.load(Ordering::Relaxed) {
            return Ok(sweep);
        }
        // Nothing that comes up from here on may be slept over.
        self.sleeping_until.store(i64::MAX, Ordering::Relaxed);
        if !self.store.hold_timers(holder, TIMER_LEASE).await? {
            if exported.take().is_some() {
                metrics::withdraw_tallies();
            }
            return Ok(sweep);
        }
        // Whoever runs the timers also shows the cell's counters, or they would count twice.
        if exported.is_none_or(|at| at.elapsed() >= sweep) {
            metrics::export_tallies(&self.store.tallies().await?);
            *exported = Some(crate::clock::tick());
        }
        let now = self.now();
        let due = self.store.due(now, MAX_BATCH).await?;
        if !due.is_empty() {
            let moved = self.tick_all(&due).await;
            // All spurious: do not spin on them.
            return Ok(if moved { Duration::ZERO } else { sweep });
        }
        let next = self.store.next_due().await?;
        self.sleeping_until.store(next.map_or(i64::MAX, |at| at.0), Ordering::Relaxed);
        let until = next.map(|at| self.clock.really(at.since(self.now())));
        Ok(until.map_or(sweep, |until| until.min(sweep)))
    }

    /// Ticks many orders at once so that they share commits; whether any of them moved.
    async fn tick_all(self: &Arc<Self>, due: &[(Timestamp, OrderNo)]) -> bool {
        let command = Arc::new(Command {
            actor: Actor::clock(self.cell()),
            action: Action::Tick { fallback: self.catalogue.fallback() },
        });
        let mut ticks = JoinSet::new();
        for (at, no) in due.iter().copied() {
            let (this, command) = (Arc::clone(self), Arc::clone(&command));
            ticks.spawn(async move {
                let ticked = this.step(no, &command, With::default()).await;
                let late = this.clock.really(this.now().since(at));
                (at, no, late, ticked)
            });
        }
        let mut moved = false;
        while let Some(joined) = ticks.join_next().await {
            let Ok((at, no, late, ticked)) = joined else { continue };
            match ticked {
                Ok((_, after)) => {
                    if crate::domain::next_deadline(&after) != Some(at) {
                        moved = true;
                        metrics::timer_late(late);
                    }
                }
                Err(Refusal::Busy) => moved = true,
                Err(refusal) => tracing::warn!(order = %no, %refusal, "timers: tick failed"),
            }
        }
        moved
    }
}

/// Tells this process from every other.
fn fresh_id() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness all would call themselves 0 and all tick, which is only slower.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
