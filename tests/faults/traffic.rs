//! Clients that file orders all the while, ask again with the same request id where there was
//! no good answer, and keep a ledger of what was acknowledged and when.

use crate::support::*;
use hotline::clock::tick;
use hotline::store::redis::RedisStore;
use hotline::store::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The pause before a client asks again.
const AGAIN: Duration = Duration::from_millis(20);
/// How often a client asks in all.
const ASKS: usize = 1_500;

/// What the clients were told.
#[derive(Default)]
pub struct Ledger {
    pub acknowledged: Vec<(u32, Instant)>,
    pub unknown: usize,
    pub unavailable: usize,
    /// How long the slowest single commit that went well took.
    pub slowest: Duration,
}

impl Ledger {
    /// Notes an answer; whether it is a good one.
    fn note(&mut self, seq: u32, outcome: Result<(), CommitError>, began: Instant) -> bool {
        match outcome {
            Ok(()) | Err(CommitError::Repeated(_)) => {
                self.slowest = self.slowest.max(began.elapsed());
                self.acknowledged.push((seq, tick()));
                return true;
            }
            Err(CommitError::Unknown(_)) => self.unknown += 1,
            Err(CommitError::Unavailable(_)) => self.unavailable += 1,
            Err(CommitError::Conflict | CommitError::LeaseStale) => {
                panic!("order {seq}: {outcome:?}")
            }
        }
        false
    }

    /// The longest time, from that moment on, in which nobody was told that anything was done.
    pub fn gap_after(&self, from: Instant) -> Duration {
        let mut times: Vec<_> =
            self.acknowledged.iter().map(|(_, at)| *at).filter(|at| *at >= from).collect();
        times.push(from);
        times.sort();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

/// Clients at work.
pub struct Traffic {
    ledger: Arc<Mutex<Ledger>>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// So many clients, with numbers from `first` on.
    pub fn start(store: &Arc<RedisStore>, clients: usize, first: u32) -> Traffic {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let over = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU32::new(first));
        let clients = (0..clients)
            .map(|_| {
                let client = client(store.clone(), next.clone(), ledger.clone(), over.clone());
                tokio::spawn(client)
            })
            .collect();
        Traffic { ledger, over, clients }
    }

    /// How many are acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.ledger.lock().unwrap().acknowledged.len()
    }

    /// Waits until so many more are acknowledged.
    pub async fn more(&self, count: usize) {
        let wanted = self.acknowledged() + count;
        crate::until("more is acknowledged", || async { self.acknowledged() >= wanted }).await;
    }

    /// Lets every client finish what it is at.
    pub async fn stop(self) -> Ledger {
        self.over.store(true, Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        std::mem::take(&mut *self.ledger.lock().unwrap())
    }
}

/// A new order whose request id is its number.
pub fn numbered(seq: u32) -> Change {
    with_id(new_order(seq, HEARD), RequestId(u128::from(seq)), [7; 16])
}

async fn client(
    store: Arc<RedisStore>,
    next: Arc<AtomicU32>,
    ledger: Arc<Mutex<Ledger>>,
    over: Arc<AtomicBool>,
) {
    while !over.load(Relaxed) {
        let seq = next.fetch_add(1, Relaxed);
        let change = numbered(seq);
        for ask in 1.. {
            assert!(ask < ASKS, "order {seq} never comes through");
            let began = tick();
            let outcome = store.commit(change.clone()).await;
            if ledger.lock().unwrap().note(seq, outcome, began) {
                break;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Which of these orders the store does not have, once a master is settled upon.
pub async fn missing(store: &RedisStore, ledger: &Ledger) -> Vec<u32> {
    let mut missing = Vec::new();
    for (seq, _) in &ledger.acknowledged {
        let mut found = store.load(number(*seq)).await;
        for _ in 0..ASKS {
            if found.is_ok() {
                break;
            }
            tokio::time::sleep(AGAIN).await;
            found = store.load(number(*seq)).await;
        }
        if found.unwrap().is_none() {
            missing.push(*seq);
        }
    }
    missing
}

/// Nothing is lost, nothing was counted twice, everything indexed is what the orders say.
pub async fn kept(store: &RedisStore, ledger: &Ledger) {
    assert_eq!(missing(store, ledger).await, [0; 0], "acknowledged and lost");
    let received = store.tallies().await.unwrap().into_iter().find(|(t, _)| *t == "received");
    assert_eq!(received.unwrap().1, ledger.acknowledged.len() as i64, "each once");
    crate::sound(store).await;
}
