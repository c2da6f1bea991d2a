//! Work that goes on while an image is taken, and a ledger of it.

use crate::support::*;
use hotline::clock::tick;
use hotline::domain::*;
use hotline::store::*;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

const HANDS: u64 = 24;
/// How long a hand rests after a step: they are people, and the machine is small.
const REST: Duration = Duration::from_millis(4);
/// Steps a hand takes before it lets go of an order.
const STEPS: u32 = 6;
/// How many numbers are reserved at a time.
const BLOCK: u32 = 100;

/// One acknowledged step.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub id: RequestId,
    pub order: OrderNo,
    pub version: u32,
    /// How long the answer took.
    pub took: Duration,
}

/// What 99 of 100 answers took at most.
pub fn p99(of: &[Acknowledged]) -> Duration {
    let mut all: Vec<_> = of.iter().map(|a| a.took).collect();
    all.sort();
    all[all.len() * 99 / 100]
}

/// Many hands at work on one store.
pub struct Work {
    shared: Arc<Shared>,
    hands: JoinSet<()>,
}

struct Shared {
    store: Arc<dyn Store>,
    stop: AtomicBool,
    numbers: tokio::sync::Mutex<std::ops::Range<u32>>,
    now: AtomicI64,
    ledger: Mutex<Vec<Acknowledged>>,
}

impl Work {
    /// Order time begins at `now`.
    pub fn start(store: Arc<dyn Store>, now: Timestamp) -> Work {
        let shared = Arc::new(Shared {
            store,
            stop: AtomicBool::new(false),
            numbers: tokio::sync::Mutex::new(0..0),
            now: AtomicI64::new(now.0),
            ledger: Mutex::default(),
        });
        let mut hands = JoinSet::new();
        for seed in 1..=HANDS {
            hands.spawn(shared.clone().work(seed));
        }
        Work { shared, hands }
    }

    /// What was acknowledged until now.
    pub fn ledger(&self) -> Vec<Acknowledged> {
        self.shared.ledger.lock().unwrap().clone()
    }

    /// Waits until so much was acknowledged.
    pub async fn until(&self, acknowledged: usize) {
        while self.shared.ledger.lock().unwrap().len() < acknowledged {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it, and says when it ended by order time.
    pub async fn stop(self) -> (Vec<Acknowledged>, Timestamp) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.hands.join_all().await;
        let now = Timestamp(self.shared.now.load(Ordering::Relaxed));
        (self.shared.ledger.lock().unwrap().clone(), now)
    }
}

impl Shared {
    async fn work(self: Arc<Self>, seed: u64) {
        let mut dice = Dice::new(seed);
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.now();
            let Ok(seq) = self.number().await else { return };
            let new = new_order(seq, now);
            let mut order = new.after.clone();
            if !self.commit(new).await {
                return;
            }
            for _ in 0..STEPS {
                let Some(change) = self.some_step(&mut dice, &order) else { continue };
                let after = change.after.clone();
                if !self.commit(change).await {
                    return;
                }
                order = after;
            }
        }
    }

    /// A number that nobody was given.
    async fn number(&self) -> Result<u32, StoreError> {
        let mut numbers = self.numbers.lock().await;
        if numbers.is_empty() {
            let first = self.store.reserve(date(), BLOCK, 0).await?;
            *numbers = first..first + BLOCK;
        }
        Ok(numbers.next().unwrap())
    }

    /// Order time goes on with every step, and over midnight now and then.
    fn now(&self) -> Timestamp {
        Timestamp(self.now.fetch_add(2_000, Ordering::Relaxed))
    }

    fn some_step(&self, dice: &mut Dice, order: &Arc<Order>) -> Option<Change> {
        let verdict = *dice.pick(Verdict::ALL);
        let action = match order.stage {
            Stage::Assigned if dice.below(3) > 0 => Action::Relay { to: None },
            Stage::Assigned => Action::Sign,
            Stage::Handling => REPORT,
            Stage::Review => Action::DecideReport { verdict },
            Stage::FollowUp => Action::FollowUp {
                outcome: *dice.pick(Outcome::ALL),
                policy: Box::new(Policy::FOUNDING),
            },
            _ => Action::Tick { fallback: unit("330402") },
        };
        let command = by_holder(order, action);
        change(Some(order.clone()), &command, self.now()).ok().flatten()
    }

    /// Whether it was done; `false` when the store is gone.
    async fn commit(&self, change: Change) -> bool {
        let id = fresh_id();
        let (order, version) = (change.after.no, change.after.version);
        let began = tick();
        match self.store.commit(with_id(change, id, [7; 16])).await {
            Ok(()) => {
                let took = began.elapsed();
                self.ledger.lock().unwrap().push(Acknowledged { id, order, version, took });
                tokio::time::sleep(REST).await;
                true
            }
            Err(CommitError::Unavailable(_) | CommitError::Unknown(_)) => false,
            Err(e) => panic!("{order} version {version}: {e}"),
        }
    }
}
