//! The wall: what an operator watches. One picture of the hotline, drawn in a terminal by
//! `top` and `dev`, as text or as SVG.

mod draw;
mod picture;
#[cfg(test)]
mod tests;

pub(super) use draw::{Drawn, Lang, Live};
pub(super) use picture::{svg, text};

use super::show;
use crate::domain::{Level, Timestamp};
use crate::pb::{
    GetBoardResponse, GetIndicatorsResponse, Indicators, ListAtRiskResponse, ModeStatus,
};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How many orders at risk are asked for; that many may be more.
pub(super) const AT_RISK: usize = 64;

/// What the hotline answers at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) board: GetBoardResponse,
    pub(super) risks: ListAtRiskResponse,
    /// By unit, today.
    pub(super) today: GetIndicatorsResponse,
    pub(super) mode: ModeStatus,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    at: Option<Timestamp>,
    tallies: HashMap<String, i64>,
    risks: ListAtRiskResponse,
    counties: Vec<County>,
    mode: ModeStatus,
    /// Orders received and closed a second, real time, since the look before; none before two.
    rates: Option<(f64, f64)>,
}

/// One county, with all below it, today.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct County {
    name: String,
    received: u32,
    arrived_on_time: u32,
    arrival_due: u32,
    closed_on_time: u32,
    closure_due: u32,
    returned: u32,
}

impl Wall {
    /// From a look, and the one before with the real time between.
    pub(super) fn of(look: &Look, before: Option<(&Look, Duration)>) -> Wall {
        let tallies = tallies(look);
        let rates = before.map(|(before, passed)| {
            let before = self::tallies(before);
            let rate = |name: &str| {
                let of = |tallies: &HashMap<String, i64>| tallies.get(name).copied().unwrap_or(0);
                (of(&tallies) - of(&before)) as f64 / passed.as_secs_f64().max(0.001)
            };
            (rate("received"), rate("closed"))
        });
        Wall {
            at: show::moment(&look.board.at),
            risks: look.risks.clone(),
            counties: counties(&look.today.rows),
            mode: look.mode,
            tallies,
            rates,
        }
    }

    fn get(&self, name: &str) -> i64 {
        self.tallies.get(name).copied().unwrap_or(0)
    }

    /// How many rows the longest list has.
    pub(super) fn longest(&self) -> usize {
        self.risks.orders.len().max(self.counties.len())
    }

    fn level(&self, what: &str, level: Level) -> i64 {
        self.get(&format!("{what}.{}", level.name()))
    }

    fn sum(&self, what: &str) -> i64 {
        Level::ALL.iter().map(|level| self.level(what, *level)).sum()
    }
}

fn tallies(look: &Look) -> HashMap<String, i64> {
    look.board.tallies.iter().map(|tally| (tally.name.clone(), tally.value)).collect()
}

/// Adds up each county's units; the city's own stand for no county. A unit's code begins with
/// its county's six digits.
fn counties(rows: &[Indicators]) -> Vec<County> {
    let mut all: BTreeMap<&str, County> = BTreeMap::new();
    for row in rows {
        let Some(code) = row.key.get(..6).filter(|code| code.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        let county =
            all.entry(code).or_insert_with(|| County { name: code.into(), ..County::default() });
        if row.key == code {
            county.name.clone_from(&row.place);
            county.received = row.received;
        }
        county.arrived_on_time += row.arrived_on_time;
        county.arrival_due += row.arrival_due;
        county.closed_on_time += row.closed_on_time;
        county.closure_due += row.closure_due;
        county.returned += row.returned;
    }
    all.into_values().collect()
}
