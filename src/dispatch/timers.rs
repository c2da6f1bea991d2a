//! What falls due happens: sleep until the next deadline or a wake-up, then tick.
//!
//! Any number of processes may tick the same cell: a tick that finds nothing due does
//! nothing, and of two that find the same thing one loses its commit and looks again. The
//! timer lease only saves the second process the trouble.

use super::step::With;
use super::{Dispatch, Done, Refusal};
use crate::domain::{Action, Actor, Command, Order, OrderNo, Timestamp};
use crate::store::{MAX_BATCH, StoreError};
use crate::telemetry::metrics;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long the right to run the timers lasts; renewed three times as often.
const TIMER_LEASE: Duration = Duration::from_secs(3);

/// After so many rounds without a step of a caller there are none about.
const QUIET: usize = 32;
/// How many orders are ticked at a time while callers are served. Their steps share the store's
/// batches with those of callers, whose answers wait for the whole batch.
const HANDFUL: usize = 16;
/// And how long the timers rest after each handful then: however much falls due at once, callers
/// hardly notice, and some 1,500 a second are done all the same.
const REST: Duration = Duration::from_millis(8);

/// Nobody is woken by a new deadline.
const UNDISTURBED: i64 = i64::MIN;
/// Any new deadline wakes.
const LISTENING: i64 = i64::MAX;

/// What one round of the timers leaves to the next.
pub struct Rounds {
    /// Which process it is.
    holder: u64,
    /// When the mode in force was last looked at.
    looked: Option<std::time::Instant>,
    /// When the counters were last shown.
    exported: Option<std::time::Instant>,
    /// What was due and ticked last.
    ticked: Vec<(Timestamp, OrderNo)>,
    /// None of them moved, so that what is due behind them must be looked for.
    held_up: bool,
    /// How many steps of callers there had been by then, and for how many rounds none came.
    served: u64,
    quiet: usize,
}

impl Rounds {
    /// Before the first round. `holder` tells this process from every other.
    pub fn new(holder: u64) -> Rounds {
        Rounds {
            holder,
            looked: None,
            exported: None,
            ticked: Vec::new(),
            held_up: false,
            served: 0,
            quiet: QUIET,
        }
    }
}

impl Dispatch {
    /// Runs until [`Dispatch::stop`].
    pub(super) async fn run_timers(self: Arc<Self>) {
        let mut stopping = self.stopping();
        let mut rounds = Rounds::new(fresh_id());
        while !*stopping.borrow() {
            let sleep = match self.round(&mut rounds).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::warn!(%error, "timers: the store does not answer; trying again");
                    self.settings.sweep
                }
            };
            // What was said of new deadlines during the round is no reason to rest less.
            let listens = self.sleeping_until.load(Ordering::Relaxed) != UNDISTURBED;
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.sooner.notified(), if listens => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Ticks whatever is due and says how long there is to sleep. [`Dispatch::run`] sleeps so
    /// long; the simulation, which has a time of its own, calls this when that says so.
    pub async fn round(self: &Arc<Self>, rounds: &mut Rounds) -> Result<Duration, StoreError> {
        let sweep = self.settings.sweep;
        let sleep_towards = |at| self.sleeping_until.store(at, Ordering::Relaxed);
        self.leads.store(false, Ordering::Relaxed);
        // Who may not tick is not woken by every commit of the process, either.
        sleep_towards(UNDISTURBED);
        // Another process may have switched it.
        if rounds.looked.is_none_or(|at| at.elapsed() >= sweep) {
            rounds.looked = Some(crate::clock::tick());
            if let Err(refusal) = self.look_at_mode().await {
                tracing::warn!(%refusal, "timers: the city's mode cannot be read");
            }
        }
        if self.skewed.load(Ordering::Relaxed) {
            return Ok(sweep);
        }
        if !self.store.hold_timers(rounds.holder, TIMER_LEASE).await? {
            if rounds.exported.take().is_some() {
                metrics::withdraw_tallies();
            }
            self.caught_up.send_replace(true);
            return Ok(sweep);
        }
        self.leads.store(true, Ordering::Relaxed);
        // Nothing that comes up from here on may be slept over.
        sleep_towards(LISTENING);
        // Whoever runs the timers also shows the cell's counters, or they would count twice.
        if rounds.exported.is_none_or(|at| at.elapsed() >= sweep) {
            metrics::export_tallies(&self.store.tallies().await?);
            rounds.exported = Some(crate::clock::tick());
        }
        let restamping = self.restamp_page().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "stamping orders anew: tried again");
            false
        });
        let now = self.now();
        let served = self.served.load(Ordering::Relaxed);
        let came = std::mem::replace(&mut rounds.served, served) != served;
        rounds.quiet = if came { 0 } else { rounds.quiet.saturating_add(1) };
        let beside_callers = rounds.quiet < QUIET;
        let most = if beside_callers && !rounds.held_up { HANDFUL } else { MAX_BATCH };
        let due = self.store.due(now, most).await?;
        if due.is_empty() {
            rounds.ticked.clear();
            self.caught_up.send_replace(true);
            if restamping {
                return Ok(Duration::ZERO);
            }
            let next = self.store.next_due().await?;
            sleep_towards(next.map_or(LISTENING, |at| at.0));
            let until = next.map(|at| self.clock.really(at.since(self.now())));
            return Ok(until.map_or(sweep, |until| until.min(sweep)));
        }
        let moved = self.tick_all(&due).await;
        // What is still due although it was just ticked is due in the store alone, or cannot
        // be read: looking again at once would be spinning.
        let stuck = due == rounds.ticked;
        rounds.ticked = due;
        rounds.held_up = !moved || stuck;
        if rounds.held_up {
            // No waiting makes it better; the doctor and the metrics tell of it.
            self.caught_up.send_replace(true);
        }
        if !rounds.held_up && !beside_callers {
            return Ok(Duration::ZERO);
        }
        sleep_towards(UNDISTURBED);
        Ok(if rounds.held_up { sweep } else { REST })
    }

    /// Ticks many orders at once so that they share commits; whether any of them moved.
    async fn tick_all(self: &Arc<Self>, due: &[(Timestamp, OrderNo)]) -> bool {
        let command = Arc::new(Command {
            actor: Actor::clock(self.cell()),
            action: Action::Tick { fallback: self.catalogue().fallback() },
        });
        let mut ticks = JoinSet::new();
        for (at, no) in due.iter().copied() {
            let (this, command) = (Arc::clone(self), Arc::clone(&command));
            ticks.spawn(async move {
                let ticked = this.tick(no, &command).await;
                (at, no, this.now(), ticked)
            });
        }
        let mut moved = false;
        while let Some(joined) = ticks.join_next().await {
            let Ok((at, no, done, ticked)) = joined else { continue };
            match ticked {
                Ok((_, after)) => {
                    if crate::domain::next_deadline(&after) != Some(at) {
                        moved = true;
                        // What was written down when it was overdue already is not late by that.
                        let due = at.max(after.registered_at);
                        metrics::timer_late(self.clock.really(done.since(due)));
                    }
                }
                Err(Refusal::Busy) => moved = true,
                Err(refusal) => tracing::warn!(order = %no, %refusal, "timers: tick failed"),
            }
        }
        moved
    }

    /// Does what is due on one order, and lets those hear of it whose orders hang on it.
    async fn tick(&self, no: OrderNo, command: &Command) -> Result<(Done, Arc<Order>), Refusal> {
        let (done, after) = self.step(no, command, With::default()).await?;
        if !after.has_untold() {
            return Ok((done, after));
        }
        self.tell_children(&after).await?;
        Ok((done, self.order(no).await?))
    }
}

/// Tells this process from every other.
fn fresh_id() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness all would call themselves 0 and all tick, which is only slower.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
