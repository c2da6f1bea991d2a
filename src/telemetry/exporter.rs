//! Renders the metrics for Prometheus.
//!
//! Two recorders: one lives as long as the process and holds what it measures itself; the
//! other holds the cell's counters and is built anew each time they are read from the
//! store, so that losing the timer lease makes them vanish here instead of going stale, and
//! with them what was counted of the open orders, which is text already.

use super::metrics::*;
use super::process;
use crate::domain::{Cell, Level, TALLIES, Tally};
use metrics::{Counter, Gauge, Histogram, Label, Recorder, with_local_recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// The most methods told apart; our services have fewer, and a stranger's paths do not count.
const MAX_METHODS: usize = 128;
/// How often samples are folded into their histograms; between scrapes they use memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// What a call to a method we do not have is booked to.
const UNKNOWN_METHOD: &str = "unknown";

/// The gRPC codes by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const CODE_UNKNOWN: usize = 2;
const CODE_UNIMPLEMENTED: usize = 12;

static INSTALLED: OnceLock<Exporter> = OnceLock::new();

/// The exporter of this process, if one was installed.
pub(super) fn installed() -> Option<&'static Exporter> {
    INSTALLED.get()
}

/// What this process measures itself, ready to be fed without a lookup.
pub(super) struct Handles {
    pub(super) order_arrival: Histogram,
    pub(super) order_closure: Histogram,
    pub(super) order_held: [Histogram; 4],
    pub(super) timer_lateness: Histogram,
    pub(super) timer_holder: Gauge,
    pub(super) commit: Histogram,
    pub(super) commit_conflicts: Counter,
    pub(super) commit_unknown: Counter,
    pub(super) commit_batches: Counter,
    pub(super) commit_steps: Counter,
    pub(super) store_reconnects: Counter,
    pub(super) bursts: Counter,
    pub(super) archive_orders: Counter,
    pub(super) archive_events: Counter,
    pub(super) archive_bytes: Counter,
    pub(super) archive_failures: Counter,
    pub(super) store_up: Gauge,
    pub(super) ready: Gauge,
}

/// What is shown of the cell: its counters, and how its orders stand, once that is known.
struct Shown {
    tallies: PrometheusHandle,
    standing: String,
}

struct Method {
    time: Histogram,
    codes: [OnceLock<Counter>; CODES.len()],
}

/// Holds the metrics of a process and renders them.
pub struct Exporter {
    cell: Cell,
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    handles: Handles,
    methods: RwLock<HashMap<Box<str>, Method>>,
    shown: Mutex<Option<Shown>>,
}

impl Exporter {
    /// The exporter of this process, made on the first call. A process serves one cell.
    pub fn install(cell: Cell) -> Result<&'static Exporter, BuildError> {
        if let Some(exporter) = installed() {
            return Ok(exporter);
        }
        let exporter = Exporter::new(cell)?;
        Ok(INSTALLED.get_or_init(|| exporter))
    }

    fn new(cell: Cell) -> Result<Exporter, BuildError> {
        let mut builder = builder(cell);
        for metric in METRICS {
            if let Kind::Histogram(edges) = metric.kind {
                // Without edges the exporter would render a summary.
                let named = Matcher::Full(metric.name.to_owned());
                builder = builder.set_buckets_for_metric(named, edges)?;
            }
        }
        let recorder = builder.build_recorder();
        let handles = with_local_recorder(&recorder, || {
            for metric in METRICS {
                describe(metric.name, metric.kind, metric.unit, metric.help);
            }
            metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            Handles {
                order_arrival: metrics::histogram!(ORDER_ARRIVAL),
                order_closure: metrics::histogram!(ORDER_CLOSURE),
                order_held: std::array::from_fn(
                    |at| metrics::histogram!(ORDER_HELD, "level" => Level::ALL[at].name()),
                ),
                timer_lateness: metrics::histogram!(TIMER_LATENESS),
                timer_holder: metrics::gauge!(TIMER_HOLDER),
                commit: metrics::histogram!(COMMIT),
                commit_conflicts: metrics::counter!(COMMIT_CONFLICTS),
                commit_unknown: metrics::counter!(COMMIT_UNKNOWN),
                commit_batches: metrics::counter!(COMMIT_BATCHES),
                commit_steps: metrics::counter!(COMMIT_STEPS),
                store_reconnects: metrics::counter!(STORE_RECONNECTS),
                bursts: metrics::counter!(BURSTS),
                archive_orders: metrics::counter!(ARCHIVE_ORDERS),
                archive_events: metrics::counter!(ARCHIVE_EVENTS),
                archive_bytes: metrics::counter!(ARCHIVE_BYTES),
                archive_failures: metrics::counter!(ARCHIVE_FAILURES),
                store_up: metrics::gauge!(STORE_UP),
                ready: metrics::gauge!(READY),
            }
        });
        Ok(Exporter {
            cell,
            handle: recorder.handle(),
            recorder,
            handles,
            methods: RwLock::default(),
            shown: Mutex::default(),
        })
    }

    pub(super) fn handles(&self) -> &Handles {
        &self.handles
    }

    /// The text Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        if let Some(shown) = self.shown().as_ref() {
            text.push_str(&shown.tallies.render());
            text.push_str(&shown.standing);
        }
        text.push_str(&process::render(self.cell));
        text
    }

    pub(super) fn export_tallies(&self, tallies: &[(Tally, i64)]) {
        let recorder = builder(self.cell).build_recorder();
        with_local_recorder(&recorder, || {
            for metric in CELL_METRICS {
                describe(metric.name, metric.kind, metrics::Unit::Count, metric.help);
            }
            // Those at zero included: a drained queue reports zero, it does not vanish.
            for tally in TALLIES {
                let value = tallies.iter().find(|(t, _)| t == tally).map_or(0, |(_, n)| *n);
                set_tally(tally, value);
            }
        });
        let tallies = recorder.handle();
        let mut shown = self.shown();
        match shown.as_mut() {
            Some(shown) => shown.tallies = tallies,
            None => *shown = Some(Shown { tallies, standing: String::new() }),
        }
    }

    /// Shows how the orders stand as long as the cell's counters are shown: by then another
    /// process may run the timers.
    pub(super) fn export_standing(&self, render: impl FnOnce(Cell) -> String) {
        if let Some(shown) = self.shown().as_mut() {
            shown.standing = render(self.cell);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn withdraw_tallies(&self) {
        *self.shown() = None;
    }

    pub(super) fn rpc_done(&self, path: &str, code: i32, took: Duration) {
        let code = usize::try_from(code).ok().filter(|c| *c < CODES.len()).unwrap_or(CODE_UNKNOWN);
        // A stranger may name any path; only those we have become labels.
        let path = if code == CODE_UNIMPLEMENTED { UNKNOWN_METHOD } else { path };
        let methods = self.methods.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(method) = methods.get(path) {
            return self.book(path, method, code, took);
        }
        drop(methods);
        let mut methods = self.methods.write().unwrap_or_else(PoisonError::into_inner);
        let path = if methods.len() < MAX_METHODS { path } else { UNKNOWN_METHOD };
        let method = methods.entry(path.into()).or_insert_with(|| {
            let time = with_local_recorder(
                &self.recorder,
                || metrics::histogram!(RPC_TIME, "method" => short(path)),
            );
            Method { time, codes: Default::default() }
        });
        self.book(path, method, code, took);
    }

    fn book(&self, path: &str, method: &Method, code: usize, took: Duration) {
        method.time.record(took);
        let counter = method.codes[code].get_or_init(|| {
            with_local_recorder(
                &self.recorder,
                || metrics::counter!(RPCS, "method" => short(path), "code" => CODES[code]),
            )
        });
        counter.increment(1);
    }
}

/// `Service/Method` of `/package.v1.Service/Method`.
fn short(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let Some((service, method)) = path.split_once('/') else { return path.to_owned() };
    format!("{}/{method}", service.rsplit('.').next().unwrap_or(service))
}

fn builder(cell: Cell) -> PrometheusBuilder {
    PrometheusBuilder::new().add_global_label("cell", cell.to_string())
}

fn describe(name: &'static str, kind: Kind, unit: metrics::Unit, help: &'static str) {
    match kind {
        Kind::Counter => metrics::describe_counter!(name, unit, help),
        Kind::Gauge => metrics::describe_gauge!(name, unit, help),
        Kind::Histogram(_) => metrics::describe_histogram!(name, unit, help),
    }
}

/// `breached.arrival.city` is `hotline_breaches_total{clock="arrival",level="city"}`.
fn set_tally(tally: Tally, value: i64) {
    let mut parts = tally.split('.');
    let head = parts.next().unwrap_or_default();
    let Some(metric) = CELL_METRICS.iter().find(|m| m.tally == head) else { return };
    let labels: Vec<Label> =
        metric.labels.iter().zip(parts).map(|(k, v)| Label::new(*k, v)).collect();
    let key = metrics::Key::from_parts(metric.name, labels);
    let about = metrics::Metadata::new(module_path!(), metrics::Level::INFO, None);
    metrics::with_recorder(|recorder: &dyn Recorder| match metric.kind {
        Kind::Counter => {
            recorder.register_counter(&key, &about).absolute(u64::try_from(value).unwrap_or(0));
        }
        Kind::Gauge => recorder.register_gauge(&key, &about).set(value as f64),
        Kind::Histogram(_) => {}
    });
}

/// Folds samples into histograms for ever; a task of its own.
pub async fn upkeep(exporter: &'static Exporter) {
    let mut every = tokio::time::interval(UPKEEP);
    loop {
        every.tick().await;
        exporter.handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    fn exporter() -> Exporter {
        Exporter::new("3304".parse().unwrap()).unwrap()
    }

    #[test]
    fn everything_reports_zero_before_anything_happened() {
        let exporter = exporter();
        exporter.export_tallies(&[]);
        let text = exporter.render();
        for line in [
            "hotline_orders_received_total{cell=\"3304\"} 0",
            "hotline_orders_waiting{cell=\"3304\",level=\"village\"} 0",
            "hotline_breaches_total{cell=\"3304\",clock=\"closure\",level=\"town\"} 0",
            "hotline_commit_conflicts_total{cell=\"3304\"} 0",
            "hotline_commit_seconds_count{cell=\"3304\"} 0",
            "# TYPE hotline_order_arrival_seconds histogram",
        ] {
            assert!(text.contains(line), "{line} is missing from\n{text}");
        }
        assert!(!text.contains("quantile"), "a summary:\n{text}");
    }

    #[test]
    fn the_cells_counters_come_and_go_with_the_lease() {
        let exporter = exporter();
        exporter.export_tallies(&[("open", 7), ("breached.arrival.town", 2)]);
        let text = exporter.render();
        assert!(text.contains("hotline_orders_open{cell=\"3304\"} 7"), "{text}");
        let breach = "hotline_breaches_total{cell=\"3304\",clock=\"arrival\",level=\"town\"} 2";
        assert!(text.contains(breach), "{text}");
        exporter.export_tallies(&[("open", 3)]);
        assert!(exporter.render().contains("hotline_orders_open{cell=\"3304\"} 3"));
        exporter.export_standing(|cell| format!("hotline_leases{{cell=\"{cell}\"}} 1\n"));
        exporter.export_tallies(&[("open", 2)]);
        assert!(exporter.render().contains("hotline_leases{cell=\"3304\"} 1\n"));
        exporter.withdraw_tallies();
        // What was counted meanwhile is shown by whoever runs the timers now.
        exporter.export_standing(|_| "hotline_leases 1\n".to_owned());
        let text = exporter.render();
        assert!(!text.contains("hotline_orders_open") && !text.contains("hotline_leases"));
    }

    #[test]
    fn a_promise_kept_to_the_second_counts_as_kept() {
        let exporter = exporter();
        exporter.handles().order_arrival.record(Span::hours(1).to_std());
        exporter.handles().order_arrival.record(Span(3_600_001).to_std());
        exporter.handles().order_closure.record(Span::hours(3).to_std());
        let text = exporter.render();
        for line in [
            "hotline_order_arrival_seconds_bucket{cell=\"3304\",le=\"3600\"} 1",
            "hotline_order_arrival_seconds_bucket{cell=\"3304\",le=\"5400\"} 2",
            "hotline_order_closure_seconds_bucket{cell=\"3304\",le=\"10800\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing from\n{text}");
        }
    }

    #[test]
    fn strangers_paths_become_no_labels() {
        let exporter = exporter();
        exporter.rpc_done("/hotline.v1.IntakeService/SubmitOrder", 0, Duration::from_millis(1));
        for i in 0..1_000 {
            exporter.rpc_done(&format!("/x/{i}"), 12, Duration::ZERO);
        }
        let text = exporter.render();
        let known = "method=\"IntakeService/SubmitOrder\",code=\"OK\"} 1";
        assert!(text.contains(known), "{text}");
        assert!(text.contains("method=\"unknown\",code=\"UNIMPLEMENTED\"} 1000"), "{text}");
        for i in 0..1_000 {
            exporter.rpc_done(&format!("/y/{i}"), 0, Duration::ZERO);
        }
        let kept = exporter.methods.read().unwrap().len();
        assert!(kept <= MAX_METHODS + 1, "{kept}");
    }
}
