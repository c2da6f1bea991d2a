//! What happened: recorded with the step, read by boards, copies and metrics.

use super::actor::Actor;
use super::command::ReturnReason;
use super::ids::{Level, Unit};
use super::matter::Category;
use super::order::{ClockKind, Stage};
use super::order_no::OrderNo;
use super::time::{Span, Timestamp};

/// One thing that happened to one order. Holds no word of the citizen's and no contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// To which order.
    pub order: OrderNo,
    /// In which of its steps.
    pub version: u32,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Where the order stood after the step.
    pub stage: Stage,
    /// Who held it after the step (for a closed order: last).
    pub unit: Unit,
    /// What it is about, after the step.
    pub category: Category,
    /// What happened.
    pub what: What,
}

/// What can have happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Written down.
    Registered {
        /// The zero of both clocks.
        heard_at: Timestamp,
    },
    /// Taken out of triage, by a person or by the fallback rule.
    Accepted {
        /// The fallback rule did it.
        by_clock: bool,
    },
    /// Handed to somebody of the unit for the first time.
    Delivered {
        /// To which unit.
        unit: Unit,
    },
    /// Taken by a unit.
    Signed {
        /// By which unit.
        unit: Unit,
        /// It is the front line: arrival stopped, this long after the citizen was heard.
        arrived_after: Option<Span>,
    },
    /// Sent down.
    Relayed {
        /// Who held it.
        from: Unit,
        /// Who holds it now.
        to: Unit,
        /// How long it was held there.
        held: Span,
        /// The share was used up and the clock sent it, this long after it was due.
        late: Option<Span>,
    },
    /// Given back.
    Returned {
        /// Who held it.
        from: Unit,
        /// Who holds it now.
        to: Unit,
        /// How long it was held there.
        held: Span,
        /// Why.
        reason: ReturnReason,
    },
    /// Reported by the front line.
    Reported {
        /// Who says so.
        from: Unit,
        /// Who decides whether that is enough.
        to: Unit,
    },
    /// The report was not enough.
    ReportRejected {
        /// Who said so.
        by: Unit,
        /// Who goes on.
        to: Unit,
    },
    /// Closed.
    Closed {
        /// Who closed it.
        by: Unit,
        /// How long after the citizen was heard.
        after: Span,
    },
    /// A warning point passed.
    Warned {
        /// Of which clock.
        clock: ClockKind,
        /// In hundredths of the limit.
        percent: u8,
        /// Whose hands it was in.
        holder: Unit,
        /// When the point was.
        due: Timestamp,
    },
    /// A promise was broken.
    Breached {
        /// Which one.
        clock: ClockKind,
        /// In whose hands.
        holder: Unit,
        /// Who is told, one level up.
        raised_to: Unit,
        /// When the limit was.
        due: Timestamp,
    },
    /// Somebody looked at whom to call back.
    ContactViewed {
        /// For which unit.
        unit: Unit,
    },
    /// Over.
    Archived,
}

impl What {
    /// The event's name in the feed, in logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            What::Registered { .. } => "registered",
            What::Accepted { .. } => "accepted",
            What::Delivered { .. } => "delivered",
            What::Signed { .. } => "signed",
            What::Relayed { .. } => "relayed",
            What::Returned { .. } => "returned",
            What::Reported { .. } => "reported",
            What::ReportRejected { .. } => "report_rejected",
            What::Closed { .. } => "closed",
            What::Warned { .. } => "warned",
            What::Breached { .. } => "breached",
            What::ContactViewed { .. } => "contact_viewed",
            What::Archived => "archived",
        }
    }

    /// The level it is booked to, where it is booked to one.
    pub fn level(&self) -> Option<Level> {
        match self {
            What::Delivered { unit } | What::Signed { unit, .. } | What::ContactViewed { unit } => {
                Some(unit.level())
            }
            What::Relayed { from, .. }
            | What::Returned { from, .. }
            | What::Reported { from, .. } => Some(from.level()),
            What::ReportRejected { by, .. } | What::Closed { by, .. } => Some(by.level()),
            What::Warned { holder, .. } | What::Breached { holder, .. } => Some(holder.level()),
            What::Registered { .. } | What::Accepted { .. } | What::Archived => None,
        }
    }
}
