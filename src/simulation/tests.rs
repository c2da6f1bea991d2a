//! The simulation finds nothing where nothing is wrong, and everything that is.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;

/// Within so many seeds each mutant is caught; most are within the first.
const SEEDS: u64 = 64;

static CATALOGUE: LazyLock<Arc<Catalogue>> =
    LazyLock::new(|| Arc::new(Catalogue::builtin().unwrap()));

/// A city small enough for a debug build.
fn small(seed: u64, mutant: Option<Mutant>) -> Plan {
    Plan { seed, orders: 60, steps: 2_500, mutant }
}

#[test]
fn no_promise_is_broken() {
    let mut sum = Summary::default();
    for seed in 1..=24 {
        let summary = run(&small(seed, None), &CATALOGUE).unwrap_or_else(|f| panic!("{f}"));
        assert!(summary.orders > 30 && summary.timers > summary.orders, "{summary:?}");
        sum.add(&summary);
    }
    println!("{sum:?}");
    // What was to be tried was tried.
    let Summary {
        repeated,
        settled,
        deaths,
        failovers,
        lost_where_allowed,
        archived,
        bursts,
        trimmed,
        ..
    } = sum;
    for (what, often) in [
        ("repeated", repeated),
        ("settled", settled),
        ("deaths", deaths),
        ("failovers", failovers),
        ("lost where allowed", lost_where_allowed),
        ("archived", archived),
        ("bursts", bursts),
        ("trimmed", trimmed),
    ] {
        assert!(often > 24, "{what}: {often}");
    }
}

#[test]
fn the_same_seed_has_the_same_trace_and_another_has_not() {
    let traces: Vec<u64> = (1..=4)
        .map(|seed| {
            let first = run(&small(seed, None), &CATALOGUE).unwrap();
            let again = run(&small(seed, None), &CATALOGUE).unwrap();
            assert_eq!(first, again);
            first.trace
        })
        .collect();
    assert!((1..4).all(|at| !traces[..at].contains(&traces[at])), "{traces:x?}");
}

/// A simulation that finds nothing proves nothing.
#[test]
fn every_mutant_is_caught() {
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    let hunt = || {
        while let Some(mutant) = Mutant::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let caught =
                (1..=SEEDS).find_map(|seed| run(&small(seed, Some(*mutant)), &CATALOGUE).err());
            match caught {
                Some(failure) => {
                    println!("{mutant:?}: seed {}, {}", failure.plan.seed, failure.wrong)
                }
                None => survivors.lock().unwrap().push(*mutant),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(hunt);
        scope.spawn(hunt);
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.is_empty(), "not caught in {SEEDS} seeds: {survivors:?}");
}

#[test]
fn a_failure_says_how_to_see_it_again() {
    let plan = small(1, Some(Mutant::AckUnwritten));
    let first = run(&plan, &CATALOGUE).unwrap_err();
    let again = run(&plan, &CATALOGUE).unwrap_err();
    assert_eq!(first.to_string(), again.to_string());
    assert_eq!(first.wrong.promise, Promise::NothingLost);
    let command = "again: hotline simulate --seeds 1 --seed 1 --orders 60 --steps 2500";
    assert!(first.to_string().ends_with(command), "{first}");
}

#[test]
fn many_cities_add_up() {
    let plan = Many { first: 5, seeds: 3, orders: 20, steps: 300 };
    let totals = many(&plan, &CATALOGUE);
    assert!(totals.first_failure.is_none() && totals.broken.is_empty());
    let alone = (5..8)
        .map(|seed| run(&Plan { seed, orders: 20, steps: 300, mutant: None }, &CATALOGUE).unwrap());
    let mut sum = Summary::default();
    alone.for_each(|summary| sum.add(&summary));
    assert_eq!((totals.sound, totals.sum), (3, sum));
}
