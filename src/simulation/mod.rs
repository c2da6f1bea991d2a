//! A city in a box: the real shell over a store that misbehaves, by a seed.
//!
//! Several processes of one city, each the real [`crate::dispatch::Dispatch`] with a clock of
//! its own that is a little off or wildly, share one simulated store (`world`, `state`,
//! `door`). Citizens, agents and units (`crowd`) ask them for things (`call`) and ask
//! again, at once or much later. Every call to the store waits until the simulation lets it
//! arrive; the `weather` of the seed decides what becomes of it: done, done unheard of, not
//! done, done later, in conflict, shown the past. Processes die in the middle of it, the
//! store fails over to a replica that lags, the city is switched from one mode to the other.
//!
//! After every step an `auditor`, who counts by hand, compares what happened with what the
//! store holds, and a `ledger` compares what clients were told with what happened. At the
//! end (`rest`) the weather clears, and everything must be there.
//!
//! There is no other thread, no real time and no other chance than the seed's in what
//! happens: the same seed gives the same trace. A simulation that finds nothing proves
//! nothing, so there are `mutant`s that it must find.

mod asking;
mod auditor;
mod call;
mod city;
mod crowd;
mod dice;
mod door;
mod leaving;
mod ledger;
mod many;
mod misfortune;
mod mutant;
mod process;
mod rest;
mod shelf;
mod state;
mod telling;
#[cfg(test)]
mod tests;
mod timers;
mod trace;
mod weather;
mod world;
mod wrong;

pub use many::{Many, Totals, many};
pub use mutant::Mutant;
pub use wrong::{Promise, Wrong};

use crate::catalogue::Catalogue;
use crate::domain::Timestamp;
use city::City;
use std::fmt;
use std::sync::Arc;

/// Which city.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that happens.
    pub seed: u64,
    /// How many orders are filed at most.
    pub orders: u64,
    /// How many steps it goes on before the weather clears.
    pub steps: u64,
    /// What is done wrong in it, to be found.
    pub mutant: Option<Mutant>,
}

/// What happened in a city in which nothing was wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Steps of the simulation, the end included.
    pub steps: u64,
    /// Orders registered.
    pub orders: u64,
    /// Changes that took effect.
    pub changes: u64,
    /// Timers that fired: none early, none twice, none missed.
    pub timers: u64,
    /// Requests acknowledged.
    pub acknowledged: u64,
    /// Attempts of requests that had been sent before.
    pub repeated: u64,
    /// Outcomes that nobody knew and that asking again settled.
    pub settled: u64,
    /// Acknowledged requests that a failover lost, where the store is set to be faster than
    /// safe; each was listed.
    pub lost_where_allowed: u64,
    /// Processes that died in the middle of their calls.
    pub deaths: u64,
    /// Failovers of the store.
    pub failovers: u64,
    /// Orders that left for the archive, each as often as it did.
    pub archived: u64,
    /// Bursts of similar orders that were told of.
    pub bursts: u64,
    /// Events that left the feed.
    pub trimmed: u64,
    /// Of everything that happened, in its order.
    pub trace: u64,
}

/// A broken promise, with all it takes to see it again.
#[derive(Debug)]
pub struct Failure {
    /// In which city.
    pub plan: Plan,
    /// What.
    pub wrong: Wrong,
    /// In which step.
    pub step: u64,
    /// When, by the true time.
    pub at: Timestamp,
    /// The last lines of its trace.
    pub last: Vec<String>,
    /// Of all lines.
    pub trace: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { plan, wrong, step, at, last, trace } = self;
        writeln!(f, "{wrong}")?;
        writeln!(f, "seed {}, step {step}, {at}, trace {trace:016x}; before it:", plan.seed)?;
        for line in last {
            writeln!(f, "  {line}")?;
        }
        let Plan { seed, orders, steps, .. } = plan;
        write!(
            f,
            "again: hotline simulate --seeds 1 --seed {seed} --orders {orders} --steps {steps}"
        )
    }
}

impl std::error::Error for Failure {}

/// Lets a city live from its beginning to its end.
pub fn run(plan: &Plan, catalogue: &Arc<Catalogue>) -> Result<Summary, Box<Failure>> {
    let begins = |wrong: Wrong| {
        let (step, at, last, trace) = (0, Timestamp(0), Vec::new(), 0);
        Box::new(Failure { plan: plan.clone(), wrong, step, at, last, trace })
    };
    // One thread, without timers and without I/O. It comes back to the city itself only when
    // no task can go on.
    let runtime = tokio::runtime::Builder::new_current_thread().event_interval(u32::MAX).build();
    let runtime =
        runtime.map_err(|e| begins(Wrong { promise: Promise::Answered, what: e.to_string() }))?;
    runtime.block_on(async {
        let mut city = City::new(plan.clone(), catalogue).map_err(begins)?;
        match city.run().await {
            Ok(()) => Ok(city.summary()),
            Err(wrong) => {
                let (step, at, last) = city.whereabouts();
                let trace = city.summary().trace;
                Err(Box::new(Failure { plan: plan.clone(), wrong, step, at, last, trace }))
            }
        }
    })
}
