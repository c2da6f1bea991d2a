//! How the open orders stand, counted now and then by whoever runs the timers.
//!
//! A place is a level of a county, never a town or village: what a village has is seen where its
//! name is, in its own queue.

use super::exporter::installed;
use super::metrics::{CellMetric, Kind};
use crate::domain::{Cell, Division, Level, Peril, Span, Unit};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::Duration;

/// A level of a county; the city's own has none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The level.
    pub level: Level,
    /// The county.
    pub county: Option<Division>,
}

/// The open orders of a place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Standing {
    /// How many.
    pub held: u64,
    /// Those of them that are at risk.
    pub at_risk: u64,
    /// Those with a promise broken and still to be done.
    pub overdue: u64,
    /// Those on which something fell due a while ago and has not happened.
    pub stuck: u64,
    /// Units there before which one has stood for a while, and which have not fetched it.
    pub unpulled: u64,
    /// How long ago the longest waiting citizen was heard.
    pub oldest: Span,
}

impl Standing {
    /// Counts one whose citizen was heard so long ago.
    pub fn count(&mut self, peril: Peril, age: Span) {
        self.held += 1;
        match peril {
            Peril::InTime => {}
            Peril::AtRisk => self.at_risk += 1,
            Peril::Overdue => self.overdue += 1,
        }
        self.oldest = self.oldest.max(age);
    }
}

/// What was found by going through the orders once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Count {
    /// By place; one where nothing stands says so.
    pub places: BTreeMap<Place, Standing>,
    /// How many orders have stood for a while before each unit that has not fetched them.
    pub unpulled: BTreeMap<Unit, u64>,
}

/// What a gauge says of a place.
type Value = fn(&Standing) -> f64;

const PLACE: &[&str] = &["level", "county"];

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> CellMetric {
    CellMetric { tally: "", labels, name, kind: Kind::Gauge, help }
}

const HELD: CellMetric = gauge(
    "hotline_orders_held",
    PLACE,
    "Open orders before the units of this level and county, whatever they do with them",
);
const AT_RISK: CellMetric = gauge(
    "hotline_orders_at_risk",
    PLACE,
    "Of those held, with 75 % of a promise's time gone and none broken that is still to be done",
);
const OVERDUE: CellMetric = gauge(
    "hotline_orders_overdue",
    PLACE,
    "Of those held, with a promise broken and still to be done",
);
const STUCK: CellMetric = gauge(
    "hotline_orders_stuck",
    PLACE,
    "Of those held, with something that fell due over a minute ago and has not happened",
);
const UNPULLED: CellMetric = gauge(
    "hotline_units_unpulled",
    PLACE,
    "Units with a system before which an order has stood for over five minutes unfetched; the log \
     names them",
);
const OLDEST: CellMetric = gauge(
    "hotline_orders_oldest_seconds",
    PLACE,
    "Order time since the longest waiting citizen of those held was heard; 0 if none is held",
);
const LEASES: CellMetric = gauge(
    "hotline_leases",
    &[],
    "Orders out under a lease; one that ran out counts until its unit next pulls",
);
const TIMERS: CellMetric =
    gauge("hotline_timers_pending", &[], "Orders on which something will fall due");
const COUNTED: CellMetric = gauge(
    "hotline_standing_seconds",
    &[],
    "Real time it took to count what is held, at risk and overdue: how far apart the counts may be",
);

/// Every metric that is counted now and then.
pub const STANDING_METRICS: &[CellMetric] =
    &[HELD, AT_RISK, OVERDUE, STUCK, UNPULLED, OLDEST, LEASES, TIMERS, COUNTED];

/// Shows what was counted, if this process shows the cell's counters.
pub fn export(found: &BTreeMap<Place, Standing>, leases: u64, timers: u64, took: Duration) {
    if let Some(exporter) = installed() {
        exporter.export_standing(|cell| render(cell, found, leases, timers, took));
    }
}

fn render(
    cell: Cell,
    found: &BTreeMap<Place, Standing>,
    leases: u64,
    timers: u64,
    took: Duration,
) -> String {
    let mut text = String::with_capacity(256 * (found.len() + 8));
    let by_place: [(&CellMetric, Value); 6] = [
        (&HELD, |of| of.held as f64),
        (&AT_RISK, |of| of.at_risk as f64),
        (&OVERDUE, |of| of.overdue as f64),
        (&STUCK, |of| of.stuck as f64),
        (&UNPULLED, |of| of.unpulled as f64),
        (&OLDEST, |of| of.oldest.to_std().as_secs_f64()),
    ];
    for (metric, value) in by_place {
        head(&mut text, metric.name, "gauge", metric.help);
        for (Place { level, county }, standing) in found {
            let county = county.map(|county| county.code() / 1_000_000);
            let county = county.map(|code| code.to_string()).unwrap_or_default();
            let labels = format!(",level=\"{}\",county=\"{county}\"", level.name());
            line(&mut text, metric.name, cell, &labels, value(standing));
        }
    }
    for (metric, value) in
        [(&LEASES, leases as f64), (&TIMERS, timers as f64), (&COUNTED, took.as_secs_f64())]
    {
        head(&mut text, metric.name, "gauge", metric.help);
        line(&mut text, metric.name, cell, "", value);
    }
    text
}

/// What Prometheus reads before the lines of a metric.
pub(super) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One line. `labels` are those besides the cell, each behind a comma.
pub(super) fn line(text: &mut String, name: &str, cell: Cell, labels: &str, value: impl Display) {
    let _ = writeln!(text, "{name}{{cell=\"{cell}\"{labels}}} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_lines_and_an_empty_one_says_zero() {
        let nanhu = Some("330402".parse().unwrap());
        let mut found = BTreeMap::new();
        found.insert(Place { level: Level::City, county: None }, Standing::default());
        let town = found.entry(Place { level: Level::Town, county: nanhu }).or_default();
        for (peril, minutes) in
            [(Peril::InTime, 1), (Peril::AtRisk, 50), (Peril::Overdue, 90), (Peril::Overdue, 61)]
        {
            town.count(peril, Span::minutes(minutes));
        }
        (town.stuck, town.unpulled) = (6, 2);
        let text = render("3304".parse().unwrap(), &found, 3, 4, Duration::from_millis(500));
        for line in [
            "hotline_orders_held{cell=\"3304\",level=\"city\",county=\"\"} 0",
            "hotline_orders_oldest_seconds{cell=\"3304\",level=\"city\",county=\"\"} 0",
            "hotline_orders_held{cell=\"3304\",level=\"town\",county=\"330402\"} 4",
            "hotline_orders_at_risk{cell=\"3304\",level=\"town\",county=\"330402\"} 1",
            "hotline_orders_overdue{cell=\"3304\",level=\"town\",county=\"330402\"} 2",
            "hotline_orders_stuck{cell=\"3304\",level=\"town\",county=\"330402\"} 6",
            "hotline_units_unpulled{cell=\"3304\",level=\"town\",county=\"330402\"} 2",
            "hotline_orders_oldest_seconds{cell=\"3304\",level=\"town\",county=\"330402\"} 5400",
            "# TYPE hotline_leases gauge",
            "hotline_leases{cell=\"3304\"} 3",
            "hotline_timers_pending{cell=\"3304\"} 4",
            "hotline_standing_seconds{cell=\"3304\"} 0.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
        }
    }
}
