//! What a store must index, derived from the order so that it cannot disagree with it.

use super::event::{Event, What};
use super::ids::{Level, Unit};
use super::named::named;
use super::order::{ClockKind, Order, Stage};
use super::sla::next_deadline;
use super::time::Timestamp;

named! {
    /// In which tray of a unit an order waits.
    Desk {
        /// To be accepted.
        Triage = 1 "triage" "受理",
        /// To be signed, passed on or worked.
        Lead = 2 "lead" "主办",
        /// To have its report decided.
        Review = 3 "review" "审核",
        /// To have its citizen called.
        FollowUp = 4 "follow_up" "回访",
        /// To be known of: a promise was broken one level down.
        Raised = 5 "raised" "督办",
    }
}

/// One place where an order waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// At whose door.
    pub unit: Unit,
    /// In which tray.
    pub desk: Desk,
    /// Which of the order's holdings: a lease dies with it.
    pub assignment: u16,
    /// What the tray is sorted by: the promise at stake.
    pub deadline: Timestamp,
}

/// The assignment of an entry that is of none of the order's holdings: who is told of a broken
/// promise holds nothing, and a lease on being told gives no right to the order itself.
pub const NO_HOLDING: u16 = u16::MAX;

/// Everywhere the order waits: at most three places, no unit's tray twice.
pub fn entries(order: &Order) -> Vec<Entry> {
    let assignment = (order.legs.len() - 1) as u16;
    let entry = |unit, desk, deadline| Entry { unit, desk, assignment, deadline };
    let (desk, unit) = match order.stage {
        Stage::Triage => (Desk::Triage, order.leg().unit),
        Stage::Assigned | Stage::Handling => (Desk::Lead, order.leg().unit),
        Stage::Review => (Desk::Review, order.leg().unit),
        Stage::FollowUp => {
            let due = next_deadline(order).unwrap_or(order.updated_at);
            return vec![entry(order.no.cell().centre(), Desk::FollowUp, due)];
        }
        Stage::Archived => return Vec::new(),
    };
    let mut all = Vec::with_capacity(3);
    all.push(entry(unit, desk, stake(order)));
    for kind in ClockKind::ALL {
        let clock = order.clock(*kind);
        if let (Some(unit), None) = (clock.raised_to, clock.stopped_at)
            && !all.iter().any(|e| e.unit == unit && e.desk == Desk::Raised)
        {
            // Told once per promise, not once per move.
            let deadline = order.due(*kind);
            all.push(Entry { unit, desk: Desk::Raised, assignment: NO_HOLDING, deadline });
        }
    }
    all
}

/// The promise at stake: arrival until it is kept, then closure.
pub fn stake(order: &Order) -> Timestamp {
    match order.arrival.stopped_at {
        None => order.due(ClockKind::Arrival),
        Some(_) => order.due(ClockKind::Closure),
    }
}

/// A counter of a cell, by its stable name. There are at most 64.
pub type Tally = &'static str;

/// Every counter, so that a drained one reports zero instead of vanishing.
pub const TALLIES: &[Tally] = &[
    "received",
    "accepted",
    "closed",
    "closed_late",
    "archived",
    "returned",
    "reported",
    "report_rejected",
    "contact_viewed",
    "open",
    "waiting.city",
    "waiting.county",
    "waiting.town",
    "waiting.village",
    "triage",
    "review",
    "follow_up",
    "relayed.city",
    "relayed.county",
    "relayed.town",
    "relayed.village",
    "passed_by.city",
    "passed_by.county",
    "passed_by.town",
    "passed_by.village",
    "signed.city",
    "signed.county",
    "signed.town",
    "signed.village",
    "arrived",
    "arrived_late",
    "warned.arrival",
    "warned.closure",
    "breached.arrival.city",
    "breached.arrival.county",
    "breached.arrival.town",
    "breached.arrival.village",
    "breached.closure.city",
    "breached.closure.county",
    "breached.closure.town",
    "breached.closure.village",
];

const fn by_level(names: [Tally; 4], level: Level) -> Tally {
    names[level as usize]
}

/// What a step adds to the counters: what happened, and where the order no longer or newly waits.
pub fn tallies(before: Option<&Order>, after: &Order, events: &[Event]) -> Vec<(Tally, i64)> {
    let mut sums: Vec<(Tally, i64)> = Vec::with_capacity(8);
    let mut add = |tally: Tally, n: i64| match sums.iter_mut().find(|(t, _)| *t == tally) {
        Some((_, sum)) => *sum += n,
        None => sums.push((tally, n)),
    };
    if let Some(before) = before {
        standing(before, |tally| add(tally, -1));
    }
    standing(after, |tally| add(tally, 1));
    for event in events {
        happening(&event.what, after, |tally| add(tally, 1));
    }
    sums.retain(|(_, n)| *n != 0);
    sums
}

/// The gauges an order stands in.
fn standing(order: &Order, mut count: impl FnMut(Tally)) {
    if order.is_open() {
        count("open");
    }
    match order.stage {
        Stage::Triage => count("triage"),
        Stage::Assigned | Stage::Handling => count(by_level(
            ["waiting.city", "waiting.county", "waiting.town", "waiting.village"],
            order.level(),
        )),
        Stage::Review => count("review"),
        Stage::FollowUp => count("follow_up"),
        Stage::Archived => {}
    }
}

/// The counters an event moves.
fn happening(what: &What, after: &Order, mut count: impl FnMut(Tally)) {
    match what {
        What::Registered { .. } => count("received"),
        What::Accepted { .. } => count("accepted"),
        What::Delivered { .. } => {}
        What::Signed { unit, arrived_after } => {
            count(by_level(
                ["signed.city", "signed.county", "signed.town", "signed.village"],
                unit.level(),
            ));
            if arrived_after.is_some() {
                count(if after.arrival.breached_at.is_some() { "arrived_late" } else { "arrived" });
            }
        }
        What::Relayed { from, late, .. } => count(match late {
            None => by_level(
                ["relayed.city", "relayed.county", "relayed.town", "relayed.village"],
                from.level(),
            ),
            Some(_) => by_level(
                ["passed_by.city", "passed_by.county", "passed_by.town", "passed_by.village"],
                from.level(),
            ),
        }),
        What::Returned { .. } => count("returned"),
        What::Reported { .. } => count("reported"),
        What::ReportRejected { .. } => count("report_rejected"),
        What::Closed { .. } => {
            count("closed");
            if after.closure.breached_at.is_some() {
                count("closed_late");
            }
        }
        What::Warned { clock: ClockKind::Arrival, .. } => count("warned.arrival"),
        What::Warned { clock: ClockKind::Closure, .. } => count("warned.closure"),
        What::Breached { clock, holder, .. } => count(match clock {
            ClockKind::Arrival => by_level(
                [
                    "breached.arrival.city",
                    "breached.arrival.county",
                    "breached.arrival.town",
                    "breached.arrival.village",
                ],
                holder.level(),
            ),
            ClockKind::Closure => by_level(
                [
                    "breached.closure.city",
                    "breached.closure.county",
                    "breached.closure.town",
                    "breached.closure.village",
                ],
                holder.level(),
            ),
        }),
        What::ContactViewed { .. } => count("contact_viewed"),
        What::Archived => count("archived"),
    }
}
