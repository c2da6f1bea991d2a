//! Every metric's name, unit and meaning, and the plain functions that feed them; those of the
//! whole cell are listed in [`super::cell`].
//!
//! The cell's own counters come from the store, where every process of the cell writes
//! them in the same commit as the order: they survive restarts and are exported by the one
//! process that holds the timer lease ([`export_tallies`]). What only a process can know
//! (how long, how often, how late) is its own. Before [`super::Exporter::install`] every
//! function here does nothing.

pub use super::cell::{CELL_METRICS, CellMetric};
use super::exporter::{Exporter, installed};
use crate::domain::{Level, Span, Tally};
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
    ORDER_HELD = "hotline_order_held_seconds" Kind::Histogram(PROMISE_EDGES), Seconds:
        "Order time from when an order came before a unit until it left it, by the unit's level";
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
    COMMIT_BATCHES = "hotline_commit_batches_total" Kind::Counter, Count:
        "Batches of steps that this process's store wrote";
    COMMIT_STEPS = "hotline_commit_batched_steps_total" Kind::Counter, Count:
        "Steps in those batches";
    STORE_RECONNECTS = "hotline_store_reconnects_total" Kind::Counter, Count:
        "Connections to Redis built again after one was lost; 0 with redb";
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

/// A unit of this level let an order go that it had held so long.
pub fn held(level: Level, time: Span) {
    with(|exporter| exporter.handles().order_held[level.index()].record(time.to_std()));
}

/// How many batches of how many steps this process's store wrote, and how often it connected
/// anew, since it was opened.
pub fn store_effort(batches: u64, steps: u64, reconnects: u64) {
    with(|exporter| {
        let handles = exporter.handles();
        handles.commit_batches.absolute(batches);
        handles.commit_steps.absolute(steps);
        handles.store_reconnects.absolute(reconnects);
    });
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
