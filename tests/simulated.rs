//! Whole cities over a store that misbehaves, as `hotline simulate` runs them: no promise is
//! broken in any of them.

#[path = "support/figures.rs"]
mod figures;
#[path = "../benches/year/replay/mod.rs"]
#[allow(dead_code, reason = "the bench uses more of it")]
mod replay;

use figures::{how_many, measured};
use hotline::catalogue::Catalogue;
use hotline::domain::Span;
use hotline::simulation::{Many, Promise, many};
use hotline::store::memory::Memory;
use replay::{City, Plan, Shape};
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

/// Some days of the year that `cargo bench --bench year` lives through.
#[tokio::test]
async fn every_timer_of_many_days_fires_once_and_at_its_time() {
    let catalogue = Arc::new(Catalogue::builtin().expect("the catalogue"));
    let store = Arc::new(Memory::new(catalogue.cell()));
    let plan = Plan { days: 12, orders: 1_500, grain: Span::seconds(1), seed: 1 };
    let mut city = City::begin(plan, store, &catalogue, &Arc::new(Shape::real())).await;
    let mut days = 0;
    city.live(|_, _| days += 1).await;
    let totals = city.totals();
    assert!(totals.timers.is_sound(), "{totals:?} {:#?}", city.told());
    assert_eq!((days, totals.orders), (12, 1_500));
    // They did live, some were late, and what is over is gone.
    let timers = totals.timers;
    assert!(timers.fired > 500 && timers.moved > 3_000 && timers.breaches > 10, "{totals:?}");
    assert!(totals.left > 300 && totals.refused * 20 < totals.commands, "{totals:?}");
    measured("timers of many days", format!("0 lost, early, late or doubled of {}", timers.set));
}
