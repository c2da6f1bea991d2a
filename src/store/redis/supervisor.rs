//! Looks after a link's connection: tries it out, builds another one, ends what was lost.

use super::link::{Live, Shared, State};
use super::trouble::{Diagnosis, Remedy, broken, replica};
use super::wire::{Ask, Following, Fresh, Role, Wire, silent};
use crate::clock::tick;
use crate::store::StoreError;
use ::redis::{Value, cmd};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How often a connection is tried out, and how soon an answer must come.
const PROBE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(1));
/// How often it is tried out while something is missing.
const PROBE_SOON: Duration = Duration::from_millis(50);
/// How often it is asked where the master is while one answers: a master that was replaced in
/// peace goes on for seconds, and what it takes then is lost.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The first and the longest pause between attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));
/// Of how many lost connections it is remembered that they may still bring something.
const UNBURIED: usize = 64;

impl Shared {
    /// Whether the server still answers, and still as a master.
    async fn probe(&self, live: &Live) {
        let patience = self.patience.call.min(PROBE.1) + self.patience.held;
        let role = cmd("ROLE");
        match timeout(patience, live.wire.send(&Ask::One(&role))).await {
            Err(_) => self.unanswered(live, &silent(live.wire.address(), patience)),
            Ok(Ok(answers)) => {
                self.timeouts.store(0, Relaxed);
                match Role::read(answers.first().unwrap_or(&Value::Nil)) {
                    Role::Master(Following { replicas, .. }) => {
                        live.replicas.store(replicas.len() as u32, Relaxed);
                    }
                    Role::Replica => {
                        let trouble = StoreError::Unreachable(replica(live.wire.address()));
                        self.abandon(live, trouble, false);
                    }
                    Role::Unsaid => {}
                }
            }
            Ok(Err(Diagnosis { fault, remedy })) => {
                self.timeouts.store(0, Relaxed);
                match remedy {
                    Remedy::Rebuild | Remedy::Elsewhere => {
                        self.take_down(live.generation, fault.into());
                    }
                    Remedy::Tell | Remedy::Later | Remedy::Aside(_) => {}
                }
            }
        }
    }

    /// Leaves a server that another has replaced, whatever it says itself.
    async fn look_for_another(&self, live: &Live) {
        let address = live.wire.address();
        if self.masters.is_elsewhere(address, self.patience.connect).await {
            let trouble = format!("another Redis has taken the place of the one at {address}");
            self.abandon(live, StoreError::Unreachable(trouble), false);
        }
    }

    /// Connects to the master, greets it, and ends what is left of earlier connections.
    pub(super) async fn connect(&self, generation: u64) -> Result<Live, StoreError> {
        let patience = self.patience.connect;
        let wire = Wire::connect(self.masters.clone(), patience, generation).await?;
        let fresh = Fresh::meet(&wire, patience).await?;
        self.greeting.greet(&fresh).await?;
        let alone = self.bury(&fresh).await;
        let replicas = match &fresh.role {
            Role::Master(Following { replicas, .. }) => replicas.len() as u32,
            Role::Replica => 0,
            Role::Unsaid => u32::MAX,
        };
        let identity = fresh.identity.clone();
        let (replicas, dead) = (AtomicU32::new(replicas), watch::Sender::new(false));
        Ok(Live { wire, generation, identity, alone, replicas, dead })
    }

    /// Ends our lost connections at the server's side, so that nothing of what they brought is
    /// done from now on; whether that is certain. Those to another process do not count: it
    /// has ended, or is the master no longer, and what it still does is not in the history
    /// that is served from here.
    async fn bury(&self, fresh: &Fresh<'_>) -> bool {
        let lost = self.unburied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut left, mut alone) = (Vec::new(), true);
        for lost in lost {
            if lost.run != fresh.identity.run {
                left.push(lost);
            } else if lost.client == 0 || !fresh.end(lost.client).await {
                alone = false;
                left.push(lost);
            }
        }
        // So many masters ago there is nothing left to fear.
        let excess = left.len().saturating_sub(UNBURIED);
        left.drain(..excess);
        *self.unburied.lock().unwrap_or_else(PoisonError::into_inner) = left;
        alone && !fresh.identity.run.is_empty()
    }
}

/// Runs until the link is closed.
pub(super) async fn supervise(shared: Arc<Shared>) {
    let mut alarm = shared.alarm.subscribe();
    let mut asked = tick();
    loop {
        let state = shared.state.borrow().clone();
        match state {
            State::Closed => return,
            State::Up(live) => {
                let missing = live.replicas.load(Relaxed) == 0 && shared.masters.has_replicas();
                let hurry = missing || shared.timeouts.load(Relaxed) > 0;
                tokio::select! {
                    () = shared.broken.notified() => {}
                    () = async {
                        let soon = if hurry { PROBE_SOON } else { PROBE.0 };
                        let _ = timeout(soon, shared.look.notified()).await;
                        shared.probe(&live).await;
                        if asked.elapsed() >= ASK_EVERY {
                            asked = tick();
                            shared.look_for_another(&live).await;
                        }
                    } => {}
                    _ = alarm.changed() => {
                        if *alarm.borrow_and_update() == live.wire.address() {
                            let trouble = broken(live.wire.address());
                            shared.take_down(live.generation, trouble);
                        }
                    }
                }
            }
            State::Down { since, last, .. } => {
                rebuild(&shared, since, last + 1).await;
                // What the others said until now is what this connection was built for.
                alarm.mark_unchanged();
            }
        }
    }
}

async fn rebuild(shared: &Shared, since: Instant, generation: u64) {
    let mut pause = PAUSE.0;
    loop {
        match shared.connect(generation).await {
            Ok(live) => {
                shared.timeouts.store(0, Relaxed);
                tracing::info!(redis = live.wire.address(), "connected again");
                shared.state.send_replace(State::Up(Arc::new(live)));
                return;
            }
            Err(trouble) => {
                let last = generation - 1;
                shared.state.send_replace(State::Down { trouble, since, last });
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}
