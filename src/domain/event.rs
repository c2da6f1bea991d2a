//! What happened: recorded with the step, read by boards, copies and metrics.

mod name;

use super::actor::Actor;
use super::command::{DeclineReason, Emergency, Outcome, ReturnReason};
use super::ids::{Division, Level, Unit};
use super::likeness::Likeness;
use super::matter::Category;
use super::order_no::OrderNo;
use super::policy::Mode;
use super::stage::{Card, ClockKind, Stage};
use super::time::{Span, Timestamp};

/// One thing that happened to one order, or to the city itself ([`OrderNo::city`]; then stage
/// and category say nothing). Holds no word of the citizen's and no contact.
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
    /// Units that must not see it: the order complains about them.
    pub hidden_from: Vec<Unit>,
    /// What happened.
    pub what: What,
}

/// The most orders that one burst names.
pub const MAX_BURST: usize = 16;

/// What can have happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Written down.
    Registered {
        /// The zero of both clocks.
        heard_at: Timestamp,
        /// What it is like; `None` where too little was said to tell.
        like: Option<Likeness>,
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
    /// Handed out again: the lease before ran out, and nobody had signed.
    Redelivered {
        /// To which unit.
        unit: Unit,
        /// How often by now.
        deliveries: u8,
    },
    /// Handed out too often and never signed: no longer handed out, but listed.
    Parked {
        /// With which unit.
        unit: Unit,
        /// How often it was handed out.
        deliveries: u8,
    },
    /// Parked no more: handed out again.
    Released {
        /// With which unit.
        unit: Unit,
    },
    /// Taken by a unit.
    Signed {
        /// By which unit.
        unit: Unit,
        /// It is the front line: arrival stopped, this long after the citizen was heard.
        arrived_after: Option<Span>,
    },
    /// Sent down, or back to the unit from which the corrected way goes on.
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
    /// The citizen was asked for what is missing; the clocks pause.
    InformationAsked {
        /// Until when, at the latest.
        until: Timestamp,
    },
    /// The citizen said more.
    InformationSupplied,
    /// An inquiry was answered at once.
    Answered,
    /// Not accepted.
    Declined {
        /// Why.
        reason: DeclineReason,
    },
    /// Handed over: life and safety.
    HandedOver {
        /// To whom.
        to: Emergency,
    },
    /// Another order is worked in its place.
    Merged {
        /// Which.
        into: OrderNo,
    },
    /// It is worked in the place of another, too.
    Adopted {
        /// Which.
        child: OrderNo,
    },
    /// It is no longer worked in the place of another.
    Disowned {
        /// Which.
        child: OrderNo,
    },
    /// The order it was merged into has a result: its caller can hear it.
    ResultHeard {
        /// Which order.
        of: OrderNo,
    },
    /// The callers of the orders merged into it can hear the result.
    ChildrenTold {
        /// How many.
        count: u8,
    },
    /// Sent on its way after it was accepted without a chain.
    Dispatched {
        /// To whom.
        to: Unit,
    },
    /// It was decided who takes what was given back.
    ReturnDecided {
        /// Who decided.
        by: Unit,
        /// Who takes it.
        to: Unit,
        /// The unit that had given it back has to keep it.
        designated: bool,
    },
    /// A unit helps the lead.
    CoHandlerAdded {
        /// Which.
        unit: Unit,
    },
    /// A co-handler has signed.
    CoSigned {
        /// Which.
        unit: Unit,
    },
    /// A co-handler has reported.
    CoReported {
        /// Which.
        unit: Unit,
    },
    /// The unit above acts.
    Escalated {
        /// Who held it.
        from: Unit,
        /// Who acts now.
        to: Unit,
    },
    /// More time was asked for.
    ExtensionRequested {
        /// By whom.
        from: Unit,
        /// Who decides.
        to: Unit,
        /// How much.
        by: Span,
    },
    /// It was decided about more time.
    ExtensionDecided {
        /// By whom.
        by: Unit,
        /// Whether it is given.
        granted: bool,
        /// When closure falls due now.
        due: Timestamp,
    },
    /// A pause was asked for.
    SuspensionRequested {
        /// By whom.
        from: Unit,
        /// Who decides.
        to: Unit,
        /// Until when.
        until: Timestamp,
    },
    /// It was decided about a pause.
    SuspensionDecided {
        /// By whom.
        by: Unit,
        /// Whether it is given.
        granted: bool,
    },
    /// A pause ended.
    Resumed {
        /// Its time was up; nobody ended it.
        by_clock: bool,
        /// How long the clocks stood.
        paused: Span,
    },
    /// The citizen asked where it stays.
    Urged,
    /// It is watched more sharply, or no more.
    Supervised {
        /// How sharply; `None` when it was lifted.
        card: Option<Card>,
    },
    /// Ended without a result.
    Terminated,
    /// Taken back by the citizen.
    Withdrawn,
    /// The citizen was asked what they say of it.
    FollowedUp {
        /// What they say.
        outcome: Outcome,
        /// Which closing it was about: 0 is the first. `None`: it was not closed in time, and
        /// the citizen was told so.
        round: Option<u8>,
    },
    /// It is done again.
    Reworked {
        /// Who does it.
        to: Unit,
        /// Which round begins: 1 is the first rework.
        round: u8,
    },
    /// Another order takes it up again.
    Reopened {
        /// Which.
        by: OrderNo,
    },
    /// It is kept from a unit it complains about.
    Recused {
        /// Which.
        unit: Unit,
    },
    /// What was read was corrected.
    Corrected,
    /// The city's policies are others from now on.
    ModeSwitched {
        /// Which.
        mode: Mode,
        /// Orders in flight are stamped with the new limits, one by one.
        restamp: bool,
    },
    /// Many orders of one town were alike within a short time.
    Burst {
        /// Which town.
        town: Division,
        /// Those that made it one, at most [`MAX_BURST`], in the order they came.
        orders: Vec<OrderNo>,
        /// When the first of them was written down.
        since: Timestamp,
    },
    /// It was stamped with other limits.
    Restamped {
        /// When arrival falls due now.
        arrival_due: Timestamp,
        /// When closure falls due now.
        closure_due: Timestamp,
    },
}

impl What {
    /// The other orders that it names.
    pub fn others(&self) -> &[OrderNo] {
        if let What::Merged { into: other }
        | What::Adopted { child: other }
        | What::Disowned { child: other }
        | What::ResultHeard { of: other }
        | What::Reopened { by: other } = self
        {
            std::slice::from_ref(other)
        } else if let What::Burst { orders, .. } = self {
            orders
        } else {
            &[]
        }
    }

    /// The level it is booked to, where it is booked to one.
    pub fn level(&self) -> Option<Level> {
        match self {
            What::Delivered { unit }
            | What::Redelivered { unit, .. }
            | What::Parked { unit, .. }
            | What::Released { unit }
            | What::Signed { unit, .. }
            | What::ContactViewed { unit }
            | What::CoHandlerAdded { unit }
            | What::CoSigned { unit }
            | What::CoReported { unit }
            | What::Recused { unit } => Some(unit.level()),
            What::Relayed { from, .. }
            | What::Returned { from, .. }
            | What::Reported { from, .. }
            | What::Escalated { from, .. }
            | What::ExtensionRequested { from, .. }
            | What::SuspensionRequested { from, .. } => Some(from.level()),
            What::ReportRejected { by, .. }
            | What::Closed { by, .. }
            | What::ReturnDecided { by, .. }
            | What::ExtensionDecided { by, .. }
            | What::SuspensionDecided { by, .. } => Some(by.level()),
            What::Dispatched { to } | What::Reworked { to, .. } => Some(to.level()),
            What::Warned { holder, .. } | What::Breached { holder, .. } => Some(holder.level()),
            What::Registered { .. }
            | What::Accepted { .. }
            | What::Archived
            | What::InformationAsked { .. }
            | What::InformationSupplied
            | What::Answered
            | What::Declined { .. }
            | What::HandedOver { .. }
            | What::Merged { .. }
            | What::Adopted { .. }
            | What::Disowned { .. }
            | What::ResultHeard { .. }
            | What::ChildrenTold { .. }
            | What::Resumed { .. }
            | What::Urged
            | What::Supervised { .. }
            | What::Terminated
            | What::Withdrawn
            | What::FollowedUp { .. }
            | What::Reopened { .. }
            | What::Corrected
            | What::ModeSwitched { .. }
            | What::Burst { .. }
            | What::Restamped { .. } => None,
        }
    }
}
