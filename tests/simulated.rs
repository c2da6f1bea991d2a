//! Whole cities over a store that misbehaves, as `hotline simulate` runs them: no promise is
//! broken in any of them.

#[path = "support/figures.rs"]
mod figures;

use figures::{how_many, measured};
use hotline::catalogue::Catalogue;
use hotline::simulation::{Many, Promise, many};
use std::sync::Arc;

/// As large as those of `hotline simulate` without options.
const ORDERS: u64 = 200;
const STEPS: u64 = 10_000;

#[test]
fn no_timer_is_early_doubled_or_missed_in_any_city() {
    // A release build lives through thousands.
    let told = std::env::var("HOTLINE_CITIES").ok().map(|n| n.parse().expect("a number"));
    let seeds = told.unwrap_or_else(|| how_many("simulated cities", 120, 12));
    let plan = Many { first: 1, seeds, orders: ORDERS, steps: STEPS };
    let totals = many(&plan, &Arc::new(Catalogue::builtin().expect("the catalogue")));
    if let Some(failure) = &totals.first_failure {
        panic!("{failure}");
    }
    assert_eq!((totals.sound, totals.broken.len()), (seeds, 0));
    let [early, doubled, missed, lost, twice] = [
        Promise::NoTimerEarly,
        Promise::NoTimerTwice,
        Promise::NoTimerMissed,
        Promise::NothingLost,
        Promise::NothingTwice,
    ]
    .map(|promise| totals.broken(promise));
    let sum = &totals.sum;
    // Each order has several timers, and they did fire.
    assert!(sum.timers > sum.orders && sum.orders > seeds, "{sum:?}");
    measured(
        "simulated timers",
        format!("{early} early, {doubled} doubled, {missed} missed of {}", sum.timers),
    );
    measured(
        "simulated requests",
        format!(
            "{lost} lost, {twice} doubled of {} acknowledged; {} deaths, {} failovers",
            sum.acknowledged, sum.deaths, sum.failovers
        ),
    );
}
