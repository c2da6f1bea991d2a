//! Every metric's name, unit and meaning, and the plain functions that feed them.
//!
//! The cell's own counters come from the store, where every process of the cell writes
//! them in the same commit as the order: they survive restarts and are exported by the one
//! process that holds the timer lease ([`export_tallies`]). What only a process can know
//! (how long, how often, how late) is its own. Before [`super::Exporter::install`] every
//! function here does nothing.

use super::exporter::{Exporter, installed};
use crate::domain::{Span, Tally};
use metrics::Unit;
use std::time::Duration;

/// How a metric counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, with these upper edges.
    Histogram(&'static [f64]),
}

/// One metric of this process.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// In what.
    pub unit: Unit,
    /// What it means.
    pub help: &'static str,
}

/// One metric of the whole cell, kept by the store as tallies.
#[derive(Clone, Copy, Debug)]
pub struct CellMetric {
    /// The tally's name up to its first dot; what follows are the labels' values.
    pub tally: &'static str,
    /// The labels' names, one for each part after the tally's first dot.
    pub labels: &'static [&'static str],
    /// Its name.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
}

/// Order time, in seconds: the two promises, 1 h and 3 h, are edges exactly.
const PROMISE_EDGES: &[f64] = &[
    60., 300., 600., 900., 1_200., 1_800., 2_700., 3_600., 5_400., 7_200., 9_000., 10_800.,
    14_400., 21_600., 43_200., 86_400.,
];
const LATENESS_EDGES: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 60.];
const LATENCY_EDGES: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.,
    2., 5., 30.,
];

/// Declares metrics of this process: the constants and [`METRICS`], the list of them all.
macro_rules! metrics {
    ($($const:ident = $name:literal $kind:expr, $unit:ident: $help:literal;)+) => {
        $(#[doc = $help] pub const $const: &str = $name;)+

        /// Every metric of this process.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $name, kind: $kind, unit: Unit::$unit, help: $help },)+];
    };
}

metrics! {
    ORDER_ARRIVAL = "hotline_order_arrival_seconds" Kind::Histogram(PROMISE_EDGES), Seconds:
        "Order time from when the citizen was heard until the front line signed";
    ORDER_CLOSURE = "hotline_order_closure_seconds" Kind::Histogram(PROMISE_EDGES), Seconds:
        "Order time from when the citizen was heard until the order was closed";
    TIMER_LATENESS = "hotline_timer_lateness_seconds" Kind::Histogram(LATENESS_EDGES), Seconds:
        "Real time between when a timer was due and when its step was committed";
    TIMER_HOLDER = "hotline_timer_holder" Kind::Gauge, Count:
        "1 in the process that runs the cell's timers and exports its counters, else 0";
    COMMIT = "hotline_commit_seconds" Kind::Histogram(LATENCY_EDGES), Seconds:
        "Time a commit took, from handing it to the store until it was safe";
    COMMIT_CONFLICTS = "hotline_commit_conflicts_total" Kind::Counter, Count:
        "Commits refused because the order had changed, and decided again";
    COMMIT_UNKNOWN = "hotline_commit_unknown_total" Kind::Counter, Count:
        "Commits whose answer never came";
    ARCHIVE_ORDERS = "hotline_archive_orders_total" Kind::Counter, Count:
        "Orders that left the store for the archive";
    ARCHIVE_EVENTS = "hotline_archive_events_total" Kind::Counter, Count:
        "Events that left the feed for the archive";
    ARCHIVE_BYTES = "hotline_archive_bytes_total" Kind::Counter, Bytes:
        "Bytes of the archive's files that this process wrote";
    ARCHIVE_FAILURES = "hotline_archive_failures_total" Kind::Counter, Count:
        "Times nothing could leave the store; the log says why";
    BURSTS = "hotline_bursts_total" Kind::Counter, Count:
        "Bursts of similar orders that this process alerted";
    RPCS = "hotline_rpcs_total" Kind::Counter, Count:
        "Calls answered, by method and gRPC code";
    RPC_TIME = "hotline_rpc_seconds" Kind::Histogram(LATENCY_EDGES), Seconds:
        "Time from a call's arrival until its answer began, by method";
    STORE_UP = "hotline_store_up" Kind::Gauge, Count:
        "1 if the store could be read and written when it was last looked at, else 0";
    READY = "hotline_ready" Kind::Gauge, Count:
        "1 if this process takes work, else 0; /readyz says why not";
    BUILD_INFO = "hotline_build_info" Kind::Gauge, Count:
        "Always 1; the label tells the version";
}

const fn cell(
    tally: &'static str,
    labels: &'static [&'static str],
    kind: Kind,
    name: &'static str,
    help: &'static str,
) -> CellMetric {
    CellMetric { tally, labels, name, kind, help }
}

/// Every metric of the cell.
pub const CELL_METRICS: &[CellMetric] = {
    use Kind::{Counter, Gauge};
    const LEVEL: &[&str] = &["level"];
    &[
        cell("received", &[], Counter, "hotline_orders_received_total", "Orders written down"),
        cell("accepted", &[], Counter, "hotline_orders_accepted_total", "Orders out of triage"),
        cell("arrived", &[], Counter, "hotline_orders_arrived_total", "At the front in time"),
        cell(
            "arrived_late",
            &[],
            Counter,
            "hotline_orders_arrived_late_total",
            "At the front line after the arrival promise was broken",
        ),
        cell("reported", &[], Counter, "hotline_orders_reported_total", "Reports handed in"),
        cell(
            "report_rejected",
            &[],
            Counter,
            "hotline_reports_rejected_total",
            "Reports that were not enough",
        ),
        cell("closed", &[], Counter, "hotline_orders_closed_total", "Orders closed"),
        cell(
            "closed_late",
            &[],
            Counter,
            "hotline_orders_closed_late_total",
            "Orders closed after the closure promise was broken",
        ),
        cell("archived", &[], Counter, "hotline_orders_archived_total", "Orders over"),
        cell("returned", &[], Counter, "hotline_orders_returned_total", "Orders given back"),
        cell(
            "contact_viewed",
            &[],
            Counter,
            "hotline_contacts_viewed_total",
            "Looks at whom to call back",
        ),
        cell("open", &[], Gauge, "hotline_orders_open", "Orders whose citizen still waits"),
        cell(
            "waiting",
            LEVEL,
            Gauge,
            "hotline_orders_waiting",
            "Orders before a unit of this level, to be signed or worked",
        ),
        cell("triage", &[], Gauge, "hotline_orders_in_triage", "Orders waiting to be accepted"),
        cell("review", &[], Gauge, "hotline_orders_in_review", "Orders whose report waits"),
        cell(
            "follow_up",
            &[],
            Gauge,
            "hotline_orders_in_follow_up",
            "Closed orders whose citizen is to be called",
        ),
        cell(
            "supplement",
            &[],
            Gauge,
            "hotline_orders_in_supplement",
            "Orders waiting for what the citizen was asked",
        ),
        cell(
            "suspended",
            &[],
            Gauge,
            "hotline_orders_suspended",
            "Orders whose clocks stand because nothing can be done",
        ),
        cell(
            "answered",
            &[],
            Counter,
            "hotline_orders_answered_total",
            "Inquiries answered at once",
        ),
        cell(
            "declined",
            &[],
            Counter,
            "hotline_orders_declined_total",
            "Matters that were not the hotline's",
        ),
        cell(
            "handed_over",
            &[],
            Counter,
            "hotline_orders_handed_over_total",
            "Matters of life and safety handed over",
        ),
        cell(
            "merged",
            &[],
            Counter,
            "hotline_orders_merged_total",
            "Orders worked in another's place",
        ),
        cell(
            "transferred",
            &[],
            Counter,
            "hotline_returns_transferred_total",
            "Returns given to another unit",
        ),
        cell(
            "designated",
            &[],
            Counter,
            "hotline_returns_designated_total",
            "Returns given back for good",
        ),
        cell(
            "escalated",
            &[],
            Counter,
            "hotline_orders_escalated_total",
            "Orders taken up by the unit above",
        ),
        cell("extended", &[], Counter, "hotline_extensions_total", "Deadlines extended"),
        cell("urged", &[], Counter, "hotline_orders_urged_total", "Times a citizen urged"),
        cell(
            "supervised",
            &[],
            Counter,
            "hotline_orders_supervised_total",
            "Times an order was put under supervision",
        ),
        cell(
            "terminated",
            &[],
            Counter,
            "hotline_orders_terminated_total",
            "Orders ended without a result",
        ),
        cell(
            "withdrawn",
            &[],
            Counter,
            "hotline_orders_withdrawn_total",
            "Orders taken back by the citizen",
        ),
        cell(
            "followed_up",
            &[],
            Counter,
            "hotline_follow_ups_total",
            "Calls to citizens about a result",
        ),
        cell("reworked", &[], Counter, "hotline_orders_reworked_total", "Orders done again"),
        cell(
            "reopened",
            &[],
            Counter,
            "hotline_orders_reopened_total",
            "Archived orders taken up again",
        ),
        cell(
            "restamped",
            &[],
            Counter,
            "hotline_orders_restamped_total",
            "Orders stamped with other limits",
        ),
        cell(
            "redelivered",
            &[],
            Counter,
            "hotline_orders_redelivered_total",
            "Times an order was handed out again unsigned",
        ),
        cell(
            "parkings",
            &[],
            Counter,
            "hotline_orders_parked_total",
            "Times an order was parked: handed out too often and never signed",
        ),
        cell(
            "parked",
            &[],
            Gauge,
            "hotline_orders_parked",
            "Orders parked for a person to look at",
        ),
        cell("signed", LEVEL, Counter, "hotline_orders_signed_total", "Orders signed"),
        cell(
            "relayed",
            LEVEL,
            Counter,
            "hotline_orders_relayed_total",
            "Orders sent down by a person of this level",
        ),
        cell(
            "passed_by",
            LEVEL,
            Counter,
            "hotline_orders_passed_by_total",
            "Orders the clock sent on because this level used up its share",
        ),
        cell(
            "warned",
            &["clock"],
            Counter,
            "hotline_warnings_total",
            "Warning points passed, by promise",
        ),
        cell(
            "breached",
            &["clock", "level"],
            Counter,
            "hotline_breaches_total",
            "Promises broken, by promise and the level that held the order",
        ),
    ]
};

/// Shows the cell's counters as the store has them; called by whoever holds the timer
/// lease, about once a second. Tallies this version does not know are left out.
pub fn export_tallies(tallies: &[(Tally, i64)]) {
    if let Some(exporter) = installed() {
        exporter.export_tallies(tallies);
        exporter.handles().timer_holder.set(1.0);
    }
}

/// Shows the cell's counters no longer: another process holds the timer lease, and two
/// copies of one gauge would add up.
pub fn withdraw_tallies() {
    if let Some(exporter) = installed() {
        exporter.withdraw_tallies();
        exporter.handles().timer_holder.set(0.0);
    }
}

/// The front line signed, this long after the citizen was heard.
pub fn arrived(after: Span) {
    with(|exporter| exporter.handles().order_arrival.record(after.to_std()));
}

/// The order was closed, this long after the citizen was heard.
pub fn closed(after: Span) {
    with(|exporter| exporter.handles().order_closure.record(after.to_std()));
}

/// A timer's step was committed this much real time after it was due.
pub fn timer_late(by: Duration) {
    with(|exporter| exporter.handles().timer_lateness.record(by));
}

/// A commit was safe after this long.
pub fn commit_took(time: Duration) {
    with(|exporter| exporter.handles().commit.record(time));
}

/// A commit met a newer version of its order.
pub fn commit_conflicted() {
    with(|exporter| exporter.handles().commit_conflicts.increment(1));
}

/// A commit's answer never came.
pub fn commit_unknown() {
    with(|exporter| exporter.handles().commit_unknown.increment(1));
}

/// A call was answered: its path (`/package.Service/Method`), its gRPC code, its time.
pub fn rpc_done(path: &str, code: i32, took: Duration) {
    with(|exporter| exporter.rpc_done(path, code, took));
}

/// Whether the store could be read and written just now.
pub fn store_up(up: bool) {
    with(|exporter| exporter.handles().store_up.set(f64::from(u8::from(up))));
}

/// Whether this process takes work.
pub(super) fn ready(ready: bool) {
    with(|exporter| exporter.handles().ready.set(f64::from(u8::from(ready))));
}

pub(super) fn with(feed: impl FnOnce(&Exporter)) {
    if let Some(exporter) = installed() {
        feed(exporter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TALLIES;

    #[test]
    fn every_tally_has_its_metric() {
        for tally in TALLIES {
            let mut parts = tally.split('.');
            let head = parts.next().unwrap();
            let metric = CELL_METRICS.iter().find(|m| m.tally == head);
            let metric = metric.unwrap_or_else(|| panic!("{tally} has no metric"));
            assert_eq!(parts.count(), metric.labels.len(), "{tally}");
        }
        for metric in CELL_METRICS {
            let head = |t: &&Tally| t.split('.').next() == Some(metric.tally);
            assert!(TALLIES.iter().any(|t| head(&t)), "{} has no tally", metric.name);
        }
    }

    #[test]
    fn names_say_what_they_count() {
        let names = METRICS.iter().map(|m| (m.name, m.kind, m.help));
        let all: Vec<_> =
            names.chain(CELL_METRICS.iter().map(|m| (m.name, m.kind, m.help))).collect();
        for (i, (name, kind, help)) in all.iter().enumerate() {
            assert!(name.starts_with("hotline_") && !help.is_empty(), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(all[..i].iter().all(|(other, _, _)| other != name), "{name} twice");
        }
    }

    #[test]
    fn the_promises_are_edges() {
        assert!(PROMISE_EDGES.contains(&3_600.) && PROMISE_EDGES.contains(&10_800.));
        for edges in [PROMISE_EDGES, LATENESS_EDGES, LATENCY_EDGES] {
            assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
