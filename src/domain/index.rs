//! What a store must index, derived from the order so that it cannot disagree with it.

use super::event::{Event, What};
use super::ids::{Level, Unit};
use super::named::named;
use super::order::Order;
use super::sla::next_deadline;
use super::stage::{ClockKind, Stage};
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
        /// To be helped with.
        CoHandler = 6 "co_handler" "协办",
        /// To be decided: a return, more time, a pause.
        Approval = 7 "approval" "审批",
        /// To be known of: it went straight to the front line.
        Copy = 8 "copy" "抄送",
        /// To be known of: nobody is handed it any more, for it was never signed.
        Parked = 9 "parked" "滞留",
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
/// The assignments of co-handlers begin here: the place of each is added.
pub const CO_HOLDING: u16 = 0x8000;

/// Everywhere the order waits; no unit's tray twice. At most 1 place to act (or 3 to be known of
/// when it is parked), 2 to be told of
/// broken promises, 1 to call the citizen, [`super::MAX_CO_HANDLERS`] to help and
/// [`super::MAX_CHAIN`] - 1 copies.
pub fn entries(order: &Order) -> Vec<Entry> {
    let assignment = (order.legs.len() - 1) as u16;
    let centre = order.no.cell().centre();
    let entry = |unit, desk, deadline| Entry { unit, desk, assignment, deadline };
    let (desk, deadline) = match order.stage {
        Stage::Triage | Stage::Dispatching => (Desk::Triage, stake(order)),
        Stage::Supplement => (Desk::Triage, next_deadline(order).unwrap_or(order.updated_at)),
        Stage::Suspended => (Desk::Lead, next_deadline(order).unwrap_or(order.updated_at)),
        Stage::Assigned | Stage::Handling | Stage::Escalated => (Desk::Lead, stake(order)),
        Stage::ReturnReview | Stage::ExtensionReview | Stage::SuspensionReview => {
            (Desk::Approval, stake(order))
        }
        Stage::Review => (Desk::Review, stake(order)),
        Stage::FollowUp => {
            let due = next_deadline(order).unwrap_or(order.updated_at);
            return vec![entry(centre, Desk::FollowUp, due)];
        }
        Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Merged
        | Stage::Terminated
        | Stage::Withdrawn => return Vec::new(),
    };
    let mut all = Vec::with_capacity(3);
    let told = |unit, desk, deadline| Entry { unit, desk, assignment: NO_HOLDING, deadline };
    if order.is_parked() {
        // Before nobody's hands, and before everybody's eyes.
        let holder = order.leg().unit;
        for unit in [Some(holder), order.above(holder), Some(centre)].into_iter().flatten() {
            if !all.iter().any(|e: &Entry| e.unit == unit) {
                all.push(told(unit, Desk::Parked, deadline));
            }
        }
    } else {
        all.push(entry(order.leg().unit, desk, deadline));
    }
    for kind in ClockKind::ALL {
        let clock = order.clock(*kind);
        if let (Some(unit), None) = (clock.raised_to, clock.stopped_at)
            && !all.iter().any(|e| e.unit == unit && e.desk == Desk::Raised)
        {
            // Told once per promise, not once per move.
            all.push(told(unit, Desk::Raised, order.due(*kind)));
        }
    }
    // The citizen is owed a call once the limit has passed, closed or not.
    if order.closure.breached_at.is_some() && !order.overdue_told {
        all.push(told(centre, Desk::FollowUp, order.due(ClockKind::Closure)));
    }
    for co in order.pending_co_handlers() {
        let (desk, assignment) = (Desk::CoHandler, CO_HOLDING + u16::from(co.place));
        let deadline = order.due(ClockKind::Closure);
        all.push(Entry { unit: co.unit, desk, assignment, deadline });
    }
    for unit in order.copied() {
        all.push(told(*unit, Desk::Copy, order.due(ClockKind::Closure)));
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

/// A counter of a cell, by its stable name. There are at most 128.
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
    "supplement",
    "suspended",
    "answered",
    "declined",
    "handed_over",
    "merged",
    "transferred",
    "designated",
    "escalated",
    "extended",
    "urged",
    "supervised",
    "terminated",
    "withdrawn",
    "followed_up",
    "reworked",
    "reopened",
    "restamped",
    "redelivered",
    "parkings",
    "parked",
    "kept.arrival.city",
    "kept.arrival.county",
    "kept.arrival.town",
    "kept.arrival.village",
    "kept.closure.city",
    "kept.closure.county",
    "kept.closure.town",
    "kept.closure.village",
];

/// Those of them that say how many orders stand somewhere, and so follow from the orders.
pub const GAUGES: &[Tally] = &[
    "open",
    "triage",
    "review",
    "follow_up",
    "supplement",
    "suspended",
    "parked",
    "waiting.city",
    "waiting.county",
    "waiting.town",
    "waiting.village",
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
    // One that was given back arrives once more; its promise was kept or broken the first time.
    let arrives = before.is_none_or(|before| before.arrival.stopped_at.is_none());
    for event in events {
        happening(&event.what, after, arrives, |tally| add(tally, 1));
    }
    sums.retain(|(_, n)| *n != 0);
    sums
}

/// The gauges an order stands in.
fn standing(order: &Order, mut count: impl FnMut(Tally)) {
    if order.is_open() {
        count("open");
    }
    if order.is_parked() {
        count("parked");
    }
    match order.stage {
        Stage::Triage | Stage::Dispatching => count("triage"),
        Stage::Supplement => count("supplement"),
        Stage::Suspended => count("suspended"),
        Stage::Assigned | Stage::Handling | Stage::Escalated => count(by_level(
            ["waiting.city", "waiting.county", "waiting.town", "waiting.village"],
            order.level(),
        )),
        Stage::Review | Stage::ReturnReview | Stage::ExtensionReview | Stage::SuspensionReview => {
            count("review")
        }
        Stage::FollowUp => count("follow_up"),
        Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Merged
        | Stage::Terminated
        | Stage::Withdrawn => {}
    }
}

/// The counter of promises that were kept.
const fn kept(clock: ClockKind, level: Level) -> Tally {
    let names = match clock {
        ClockKind::Arrival => [
            "kept.arrival.city",
            "kept.arrival.county",
            "kept.arrival.town",
            "kept.arrival.village",
        ],
        ClockKind::Closure => [
            "kept.closure.city",
            "kept.closure.county",
            "kept.closure.town",
            "kept.closure.village",
        ],
    };
    by_level(names, level)
}

/// The counters an event moves.
fn happening(what: &What, after: &Order, arrives: bool, mut count: impl FnMut(Tally)) {
    match what {
        What::Registered { .. } => count("received"),
        What::Accepted { .. } => count("accepted"),
        What::Delivered { .. } => {}
        What::Redelivered { .. } => count("redelivered"),
        What::Parked { .. } => count("parkings"),
        What::Signed { unit, arrived_after } => {
            count(by_level(
                ["signed.city", "signed.county", "signed.town", "signed.village"],
                unit.level(),
            ));
            if arrived_after.is_some() {
                let late = after.arrival.breached_at.is_some();
                count(if late { "arrived_late" } else { "arrived" });
                if arrives && !late {
                    count(kept(ClockKind::Arrival, unit.level()));
                }
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
        What::Closed { by, .. } => {
            count("closed");
            match after.closure.breached_at {
                Some(_) => count("closed_late"),
                // Of the unit that did the work, not of the one that approved of it.
                None => {
                    let unit = after.reporter().unwrap_or(*by);
                    count(kept(ClockKind::Closure, unit.level()));
                }
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
        What::Answered => count("answered"),
        What::Declined { .. } => count("declined"),
        What::HandedOver { .. } => count("handed_over"),
        What::Merged { .. } => count("merged"),
        What::ReturnDecided { designated: false, .. } => count("transferred"),
        What::ReturnDecided { designated: true, .. } => count("designated"),
        What::Escalated { .. } => count("escalated"),
        What::ExtensionDecided { granted: true, .. } => count("extended"),
        What::Urged => count("urged"),
        What::Supervised { card: Some(_) } => count("supervised"),
        What::Terminated => count("terminated"),
        What::Withdrawn => count("withdrawn"),
        What::FollowedUp { .. } => count("followed_up"),
        What::Reworked { .. } => count("reworked"),
        What::Reopened { .. } => count("reopened"),
        What::Restamped { .. } => count("restamped"),
        What::InformationAsked { .. }
        | What::InformationSupplied
        | What::Adopted { .. }
        | What::Disowned { .. }
        | What::ResultHeard { .. }
        | What::ChildrenTold { .. }
        | What::Dispatched { .. }
        | What::CoHandlerAdded { .. }
        | What::CoSigned { .. }
        | What::CoReported { .. }
        | What::ExtensionRequested { .. }
        | What::ExtensionDecided { granted: false, .. }
        | What::SuspensionRequested { .. }
        | What::SuspensionDecided { .. }
        | What::Resumed { .. }
        | What::Supervised { card: None }
        | What::Released { .. }
        | What::Recused { .. }
        | What::ModeSwitched { .. }
        | What::Burst { .. }
        | What::Corrected => {}
    }
}
