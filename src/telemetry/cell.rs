//! The metrics of the whole cell, which the store keeps as tallies.

use super::metrics::Kind;

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
            "Promises broken, counted when the time passes, by promise and the level that held \
             the order then",
        ),
        cell(
            "kept",
            &["clock", "level"],
            Counter,
            "hotline_promises_kept_total",
            "Promises kept, by promise and the level that arrived or did the work",
        ),
    ]
};
