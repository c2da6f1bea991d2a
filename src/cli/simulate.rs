//! `hotline simulate`: the dispatcher over a store that misbehaves, as often as one likes.

use super::failure::Failure;
use super::output::{OutputArgs, sheet};
use crate::catalogue::Catalogue;
use crate::clock::tick;
use crate::simulation::{Many, Promise, Totals, many};
use clap::Args;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Runs simulated cities, each decided by its seed: several processes with clocks that are
/// off, over a store that loses answers, lags, fails over. After every step all promises are
/// checked; the first that is broken is shown with the command that repeats it. Needs no
/// server and touches nothing. Exit code 1 if any promise was broken.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline simulate --seeds 1000\n  hotline simulate --seeds 1 --seed 42 --orders 200 --steps 10000 -o json"
)]
pub(super) struct SimulateArgs {
    /// How many cities.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The seed of the first; the others follow it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many orders each files at most.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    orders: u64,
    /// How many steps each goes on before everything is let come to its end.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    steps: u64,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SimulateArgs) -> Result<(), Failure> {
    let catalogue = Catalogue::builtin().map_err(|e| Failure::said(e.to_string()))?;
    let SimulateArgs { seeds, seed: first, orders, steps, output } = args;
    let plan = Many { first, seeds, orders, steps };
    let began = tick();
    // Cities have runtimes of their own.
    let lived = tokio::task::spawn_blocking(move || many(&plan, &Arc::new(catalogue)));
    let totals = lived.await.map_err(|e| Failure::said(e.to_string()))?;
    let took = began.elapsed().as_secs_f64();
    output.print(|| document(&totals, seeds, took), || screen(&totals, seeds, took))?;
    match totals.first_failure {
        None => Ok(()),
        Some(failure) => Err(Failure::said(failure.to_string())),
    }
}

fn document(totals: &Totals, seeds: u64, took: f64) -> Value {
    let sum = &totals.sum;
    let broken: Map<String, Value> =
        totals.broken.iter().map(|(promise, n)| (promise.name().to_owned(), json!(n))).collect();
    json!({
        "seeds": seeds,
        "sound": totals.sound,
        "broken": broken,
        "steps": sum.steps,
        "orders": sum.orders,
        "changes": sum.changes,
        "timers": {
            "fired": sum.timers,
            "early": totals.broken(Promise::NoTimerEarly),
            "doubled": totals.broken(Promise::NoTimerTwice),
            "missed": totals.broken(Promise::NoTimerMissed),
        },
        "requests": {
            "acknowledged": sum.acknowledged,
            "repeated": sum.repeated,
            "settled": sum.settled,
            "lost": totals.broken(Promise::NothingLost),
            "lost_where_allowed": sum.lost_where_allowed,
            "duplicates": totals.broken(Promise::NothingTwice),
        },
        "deaths": sum.deaths,
        "failovers": sum.failovers,
        "archived": sum.archived,
        "bursts": sum.bursts,
        "trimmed": sum.trimmed,
        "trace": format!("{:016x}", sum.trace),
        "seconds": took,
    })
}

fn screen(totals: &Totals, seeds: u64, took: f64) -> String {
    let sum = &totals.sum;
    let of = |promise| totals.broken(promise);
    let broken = totals.broken.iter().map(|(promise, n)| format!("{} {n}", promise.name()));
    let broken = broken.collect::<Vec<_>>().join(" · ");
    sheet(vec![
        ("种子 seeds", format!("{seeds}，无误 sound {}", totals.sound)),
        ("违反 broken", if broken.is_empty() { "-".to_owned() } else { broken }),
        ("步数 steps", sum.steps.to_string()),
        (
            "工单 orders",
            format!("{}，变更 changes {}，类案 bursts {}", sum.orders, sum.changes, sum.bursts),
        ),
        (
            "定时 timers",
            format!(
                "{}，提前 early {} · 重复 doubled {} · 遗漏 missed {}",
                sum.timers,
                of(Promise::NoTimerEarly),
                of(Promise::NoTimerTwice),
                of(Promise::NoTimerMissed),
            ),
        ),
        (
            "请求 requests",
            format!(
                "确认 acknowledged {} · 重发 repeated {} · 问清 settled {}",
                sum.acknowledged, sum.repeated, sum.settled,
            ),
        ),
        (
            "丢失 lost",
            format!(
                "{}，容许范围内 where allowed {}，重复生效 duplicates {}",
                of(Promise::NothingLost),
                sum.lost_where_allowed,
                of(Promise::NothingTwice),
            ),
        ),
        (
            "故障 faults",
            format!("进程 deaths {} · 主从切换 failovers {}", sum.deaths, sum.failovers),
        ),
        ("轨迹 trace", format!("{:016x}，{took:.1}s", sum.trace)),
    ])
}
