//! Many cities, one after another, on every core.

use super::wrong::Promise;
use super::{Failure, Plan, Summary, run};
use crate::catalogue::Catalogue;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Which cities.
#[derive(Clone, Debug)]
pub struct Many {
    /// The first seed; the others follow it.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// How many orders each files at most.
    pub orders: u64,
    /// How many steps each goes on before its weather clears.
    pub steps: u64,
}

/// What happened in all of them.
#[derive(Debug, Default)]
pub struct Totals {
    /// Cities in which nothing was wrong.
    pub sound: u64,
    /// Added up over those.
    pub sum: Summary,
    /// In how many of the others which promise was broken.
    pub broken: BTreeMap<Promise, u64>,
    /// The failure with the smallest seed.
    pub first_failure: Option<Box<Failure>>,
}

impl Totals {
    /// In how many cities a promise was broken.
    pub fn broken(&self, promise: Promise) -> u64 {
        self.broken.get(&promise).copied().unwrap_or(0)
    }

    fn add(&mut self, came: Result<Summary, Box<Failure>>) {
        match came {
            Ok(summary) => {
                self.sound += 1;
                self.sum.add(&summary);
            }
            Err(failure) => {
                *self.broken.entry(failure.wrong.promise).or_default() += 1;
                let seed = failure.plan.seed;
                if self.first_failure.as_ref().is_none_or(|first| seed < first.plan.seed) {
                    self.first_failure = Some(failure);
                }
            }
        }
    }
}

impl Summary {
    pub(super) fn add(&mut self, other: &Summary) {
        self.steps += other.steps;
        self.orders += other.orders;
        self.changes += other.changes;
        self.timers += other.timers;
        self.acknowledged += other.acknowledged;
        self.repeated += other.repeated;
        self.settled += other.settled;
        self.lost_where_allowed += other.lost_where_allowed;
        self.deaths += other.deaths;
        self.failovers += other.failovers;
        self.archived += other.archived;
        self.bursts += other.bursts;
        self.trimmed += other.trimmed;
        // Whichever ends first: the same cities give the same number.
        self.trace ^= other.trace;
    }
}

/// Lets them all live. Blocks until the last has ended.
pub fn many(plan: &Many, catalogue: &Arc<Catalogue>) -> Totals {
    let next = AtomicU64::new(0);
    let totals = Mutex::new(Totals::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= plan.seeds {
                        return;
                    }
                    let Many { first, orders, steps, .. } = *plan;
                    let seed = first.wrapping_add(nth);
                    let came = run(&Plan { seed, orders, steps, mutant: None }, catalogue);
                    totals.lock().unwrap_or_else(PoisonError::into_inner).add(came);
                }
            });
        }
    });
    totals.into_inner().unwrap_or_else(PoisonError::into_inner)
}
