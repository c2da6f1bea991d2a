//! The order: what it is, where it stands, who held it how long.

use super::ids::{Level, Unit};
use super::matter::{Channel, Plan, Reading};
use super::named::named;
use super::order_no::OrderNo;
use super::policy::Policy;
use super::time::{Span, Timestamp};

named! {
    /// Where an order stands. The diagram is in [`crate::domain`].
    Stage {
        /// 待受理: nobody could tell where it belongs; a person at the centre decides.
        Triage = 1 "triage" "待受理",
        /// 待签收: before a unit of the chain that must sign it or send it on.
        Assigned = 2 "assigned" "待签收",
        /// 办理中: the front line has signed and acts.
        Handling = 3 "handling" "办理中",
        /// 待审核: reported; the unit above decides whether that is enough.
        Review = 4 "review" "待审核",
        /// 待回访: closed; the citizen is asked.
        FollowUp = 5 "follow_up" "待回访",
        /// 归档: over.
        Archived = 6 "archived" "归档",
    }
}

named! {
    /// Which of the two promises.
    ClockKind {
        /// At the front line in time.
        Arrival = 1 "arrival" "到达",
        /// Closed with a report in time.
        Closure = 2 "closure" "办结",
    }
}

named! {
    /// What a holder of the order was to do with it.
    Duty {
        /// To decide where it belongs.
        Triage = 1 "triage" "受理",
        /// To act, or to pass it to those who can.
        Lead = 2 "lead" "主办",
        /// To decide about a report.
        Review = 3 "review" "审核",
    }
}

named! {
    /// How a holding ended.
    Ending {
        /// Passed on by a person.
        Passed = 1 "passed" "下派",
        /// Passed by: its share was used up and the clock moved the order on.
        PassedBy = 2 "passed_by" "超时下派",
        /// Given back.
        Returned = 3 "returned" "退单",
        /// Reported upwards.
        Reported = 4 "reported" "反馈",
        /// The report was not enough.
        Rejected = 5 "rejected" "驳回",
        /// Closed.
        Closed = 6 "closed" "办结",
    }
}

/// One holding: from when the order came before a unit until it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Who held it.
    pub unit: Unit,
    /// To do what.
    pub duty: Duty,
    /// When it came. The first leg starts when the citizen was heard.
    pub started_at: Timestamp,
    /// When it was first handed to somebody of the unit.
    pub delivered_at: Option<Timestamp>,
    /// When the unit signed.
    pub signed_at: Option<Timestamp>,
    /// When it left and how; `None` for the one that holds it now.
    pub ended: Option<(Timestamp, Ending)>,
}

impl Leg {
    pub(crate) fn begin(unit: Unit, duty: Duty, at: Timestamp) -> Leg {
        Leg { unit, duty, started_at: at, delivered_at: None, signed_at: None, ended: None }
    }

    /// How long the unit has held, or held, the order.
    pub fn held(&self, now: Timestamp) -> Span {
        self.ended.map_or(now, |(at, _)| at).since(self.started_at)
    }
}

/// One promise: its limit counts from when the citizen was heard. It stops once, or never.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The limit, stamped at Register.
    pub limit: Span,
    /// How many of [`Policy::warn_at`] have been given.
    pub warned: u8,
    /// When the limit passed unkept: the moment it was due, not the moment it was noticed.
    pub breached_at: Option<Timestamp>,
    /// When the promise was kept or, after a breach, at last done.
    pub stopped_at: Option<Timestamp>,
    /// The unit a breach was raised to; it is told until the clock stops.
    pub raised_to: Option<Unit>,
}

impl Clock {
    pub(crate) fn new(limit: Span) -> Clock {
        Clock { limit, warned: 0, breached_at: None, stopped_at: None, raised_to: None }
    }
}

/// What is counted about an order's troubles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// How often a unit gave it back.
    pub returned: u8,
    /// How often a report was not enough.
    pub rejected: u8,
}

/// A work order. Citizen text, contact and what people write are records of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its number.
    pub no: OrderNo,
    /// How many steps it has gone; the first is 1.
    pub version: u32,
    /// Where it stands.
    pub stage: Stage,
    /// How it came in.
    pub channel: Channel,
    /// What was read out of the citizen's words, last by whom it concerns.
    pub reading: Reading,
    /// Its chain; `None` only in triage.
    pub plan: Option<Plan>,
    /// The version of the catalogue that routed it.
    pub catalogue: u32,
    /// The rule of that catalogue that routed it; 0 when a person did.
    pub rule: u16,
    /// The zero of both clocks: when the citizen was heard.
    pub heard_at: Timestamp,
    /// When it was written down.
    pub registered_at: Timestamp,
    /// When it last changed; its time never runs backwards.
    pub updated_at: Timestamp,
    /// The limits, stamped at Register.
    pub policy: Policy,
    /// At the front line in time.
    pub arrival: Clock,
    /// Closed in time.
    pub closure: Clock,
    /// Every holding, oldest first; never empty. At most [`MAX_LEGS`].
    pub legs: Vec<Leg>,
    /// Units that gave the order back: the clock never sends it there again.
    pub refused_by: Vec<Unit>,
    /// What is counted.
    pub marks: Marks,
    /// How many papers (citizen's text, reports, reasons) belong to it.
    pub papers: u16,
    /// Fields written by a newer version, carried through unread.
    pub carried: Vec<u8>,
}

/// The most holdings an order can have.
pub const MAX_LEGS: usize = 64;
/// From here on nothing may lengthen the order's way: it can only go down and be closed.
pub const LEGS_RESERVED: usize = 16;

impl Order {
    /// The holding that is running, or for a closed order the last one.
    pub fn leg(&self) -> &Leg {
        &self.legs[self.legs.len() - 1]
    }

    pub(crate) fn leg_mut(&mut self) -> &mut Leg {
        let last = self.legs.len() - 1;
        &mut self.legs[last]
    }

    /// The unit that must move next; `None` once the order is closed.
    pub fn holder(&self) -> Option<Unit> {
        match self.stage {
            Stage::Triage | Stage::Assigned | Stage::Handling | Stage::Review => {
                Some(self.leg().unit)
            }
            Stage::FollowUp | Stage::Archived => None,
        }
    }

    /// Whether the citizen is still waiting.
    pub fn is_open(&self) -> bool {
        self.holder().is_some()
    }

    /// The level of the running or last holding.
    pub fn level(&self) -> Level {
        self.leg().unit.level()
    }

    /// The unit the order goes to next by itself: the next of its chain, unless that one
    /// gave it back. A unit without one is the front line, for now or for good.
    pub fn next_down(&self) -> Option<Unit> {
        let next = self.plan.as_ref()?.after(self.leg().unit)?;
        (!self.refused_by.contains(&next)).then_some(next)
    }

    /// The unit above a holder: the one before it in the chain, else its superior.
    pub fn above(&self, unit: Unit) -> Option<Unit> {
        let chain = self.plan.as_ref().map_or(&[][..], Plan::units);
        match chain.iter().position(|u| *u == unit) {
            Some(0) | None => unit.superior(),
            Some(at) => Some(chain[at - 1]),
        }
    }

    /// One of the two clocks.
    pub fn clock(&self, kind: ClockKind) -> &Clock {
        match kind {
            ClockKind::Arrival => &self.arrival,
            ClockKind::Closure => &self.closure,
        }
    }

    pub(crate) fn clock_mut(&mut self, kind: ClockKind) -> &mut Clock {
        match kind {
            ClockKind::Arrival => &mut self.arrival,
            ClockKind::Closure => &mut self.closure,
        }
    }

    /// When a promise falls due.
    pub fn due(&self, kind: ClockKind) -> Timestamp {
        self.heard_at.plus(self.clock(kind).limit)
    }
}
