//! The order: what it is, where it stands, who held it how long.

use super::ids::{Level, Unit};
use super::matter::{Channel, ModelVersion, Plan, Reading};
use super::order_no::OrderNo;
use super::policy::Policy;
use super::stage::{Card, ClockKind, Duty, Ending, Stage};
use super::time::{Span, Timestamp};

/// A stretch in which the clocks stand still: the pause ledger's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// Since when.
    pub from: Timestamp,
    /// When it is over at the latest: the order goes on by itself.
    pub review_at: Timestamp,
    /// When it ended; `None` while it lasts.
    pub until: Option<Timestamp>,
}

/// A closing that the citizen did not accept: kept for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// The closure clock as it was.
    pub closure: Clock,
    /// The number of its report among the papers.
    pub report: u16,
    /// When the order was taken up again: the zero of the new closure clock.
    pub reworked_at: Timestamp,
}

/// A unit that helps the lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoHandler {
    /// Which.
    pub unit: Unit,
    /// Its part's number, no other's of the order: stays though others go. At most
    /// [`MAX_CO_HANDLERS`] - 1.
    pub place: u8,
    /// Since when.
    pub added_at: Timestamp,
    /// When it signed.
    pub signed_at: Option<Timestamp>,
    /// When it reported.
    pub reported_at: Option<Timestamp>,
}

/// What a holder asked its superior for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// So much more time.
    Extension(Span),
    /// A pause until then.
    Suspension(Timestamp),
}

/// Other orders it has to do with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Links {
    /// The order that is worked in its place.
    pub merged_into: Option<OrderNo>,
    /// The orders that were merged into it. At most [`MAX_CHILDREN`].
    pub children: Vec<OrderNo>,
    /// The children have been told the result.
    pub told: bool,
    /// The archived order it takes up again.
    pub reopens: Option<OrderNo>,
    /// The order that took it up again.
    pub reopened_as: Option<OrderNo>,
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
    /// The limit: the policy's, with what was granted, and never in the past when stamped.
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

/// How often the holding that runs was handed out unsigned: something may be wrong with the
/// order that nobody survives looking at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tries {
    /// How often, since it came or was released.
    pub deliveries: u8,
    /// Since when it is parked: no longer handed out, but listed until somebody looks.
    pub parked_at: Option<Timestamp>,
}

/// What is counted about an order's troubles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// How often a unit gave it back.
    pub returned: u8,
    /// How often a report was not enough.
    pub rejected: u8,
    /// How often the citizen urged.
    pub urged: u8,
    /// How often the deadline was extended.
    pub extended: u8,
    /// How often the citizen was called after closing, in vain or not.
    pub followed_up: u8,
    /// How it is supervised.
    pub card: Option<Card>,
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
    /// Its chain; `None` until somebody knows where it goes.
    pub plan: Option<Plan>,
    /// The version of the catalogue that routed it.
    pub catalogue: u32,
    /// The rule of that catalogue that routed it; 0 when a person did.
    pub rule: u16,
    /// The trained model that had a say in its first reading; `None` when keywords were alone.
    pub model: Option<ModelVersion>,
    /// The zero of both clocks: when the citizen was heard.
    pub heard_at: Timestamp,
    /// When it was written down.
    pub registered_at: Timestamp,
    /// When it last changed; its time never runs backwards.
    pub updated_at: Timestamp,
    /// The limits it was last stamped with.
    pub policy: Policy,
    /// At the front line in time.
    pub arrival: Clock,
    /// Closed in time.
    pub closure: Clock,
    /// How much more time the closure clock that runs was granted.
    pub granted: Span,
    /// Every holding, oldest first; never empty. At most [`MAX_LEGS`].
    pub legs: Vec<Leg>,
    /// How often the holding that runs was handed out.
    pub tries: Tries,
    /// Units that gave the order back: the clock never sends it there again.
    pub refused_by: Vec<Unit>,
    /// What is counted.
    pub marks: Marks,
    /// Units it complains about: they never see it. At most [`MAX_RECUSED`].
    pub recused: Vec<Unit>,
    /// Went straight to the front line; the levels between have copies.
    pub direct: bool,
    /// The unit that was told to keep it: its next return is refused.
    pub designated: Option<Unit>,
    /// What is being decided in 延期审核 and 挂账审核.
    pub asked: Option<Asked>,
    /// The pause ledger, oldest first. At most [`MAX_PAUSES`].
    pub pauses: Vec<Pause>,
    /// Closings that did not last, oldest first; at most `policy.reworks`.
    pub rounds: Vec<Round>,
    /// Units that help the lead. At most [`MAX_CO_HANDLERS`].
    pub co_handlers: Vec<CoHandler>,
    /// The citizen was called about the broken promise of this round.
    pub overdue_told: bool,
    /// Other orders it has to do with.
    pub links: Links,
    /// The number of the last report, or disposition, among the papers.
    pub report: Option<u16>,
    /// How many papers (citizen's text, reports, reasons) belong to it.
    pub papers: u16,
    /// Fields written by a newer version, carried through unread.
    pub carried: Vec<u8>,
}

/// The most holdings an order can have.
pub const MAX_LEGS: usize = 64;
/// From here on nothing may lengthen the order's way: it can only go down and be closed.
pub const LEGS_RESERVED: usize = 16;
/// The most orders that can be merged into one.
pub const MAX_CHILDREN: usize = 64;
/// The most units that may not see an order.
pub const MAX_RECUSED: usize = 8;
/// The most pauses an order can have.
pub const MAX_PAUSES: usize = 16;
/// The most units that can help the lead.
pub const MAX_CO_HANDLERS: usize = 8;

impl Order {
    /// The holding that is running, or for a closed order the last one.
    pub fn leg(&self) -> &Leg {
        &self.legs[self.legs.len() - 1]
    }

    pub(crate) fn leg_mut(&mut self) -> &mut Leg {
        let last = self.legs.len() - 1;
        &mut self.legs[last]
    }

    /// The unit that must move next; `None` once nobody must.
    pub fn holder(&self) -> Option<Unit> {
        match self.stage {
            Stage::Triage
            | Stage::Supplement
            | Stage::Dispatching
            | Stage::Assigned
            | Stage::ReturnReview
            | Stage::Handling
            | Stage::Escalated
            | Stage::ExtensionReview
            | Stage::SuspensionReview
            | Stage::Suspended
            | Stage::Review => Some(self.leg().unit),
            Stage::FollowUp
            | Stage::Archived
            | Stage::Declined
            | Stage::HandedOver
            | Stage::Merged
            | Stage::Terminated
            | Stage::Withdrawn => None,
        }
    }

    /// Whether nothing will ever fall due on it again.
    pub fn is_over(&self) -> bool {
        match self.stage {
            Stage::Archived
            | Stage::Declined
            | Stage::HandedOver
            | Stage::Terminated
            | Stage::Withdrawn => !self.has_untold(),
            Stage::Triage
            | Stage::Supplement
            | Stage::Dispatching
            | Stage::Assigned
            | Stage::ReturnReview
            | Stage::Handling
            | Stage::Escalated
            | Stage::ExtensionReview
            | Stage::SuspensionReview
            | Stage::Suspended
            | Stage::Review
            | Stage::FollowUp
            | Stage::Merged => false,
        }
    }

    /// Whether it has a result that the callers of merged orders have not heard.
    pub fn has_untold(&self) -> bool {
        !self.is_open() && !self.links.told && !self.links.children.is_empty()
    }

    /// Whether a unit may know of the order at all.
    pub fn hidden_from(&self, unit: Unit) -> bool {
        self.recused.contains(&unit)
    }

    /// The co-handlers that have still to report.
    pub fn pending_co_handlers(&self) -> impl Iterator<Item = &CoHandler> {
        self.co_handlers.iter().filter(|co| co.reported_at.is_none())
    }

    /// Who reported it last.
    pub fn reporter(&self) -> Option<Unit> {
        let mut legs = self.legs.iter().rev();
        let reported = legs.find(|leg| leg.ended.is_some_and(|(_, how)| how == Ending::Reported));
        reported.map(|leg| leg.unit)
    }

    /// Who got copies of an order that went straight to the front line.
    pub fn copied(&self) -> &[Unit] {
        match &self.plan {
            Some(plan) if self.direct && self.is_open() => {
                &plan.units()[..plan.units().len().saturating_sub(1)]
            }
            Some(_) | None => &[],
        }
    }

    /// Whether it is before a unit that must sign it and has not: not at all, or not since it
    /// became the front line.
    pub fn is_unsigned(&self) -> bool {
        let signed = self.leg().signed_at.is_some() && self.next_down().is_some();
        self.stage == Stage::Assigned && !signed
    }

    /// Whether it is no longer handed out.
    pub fn is_parked(&self) -> bool {
        self.tries.parked_at.is_some()
    }

    /// The pause that lasts.
    pub fn paused(&self) -> Option<&Pause> {
        self.pauses.last().filter(|pause| pause.until.is_none())
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
    /// gave it back or is complained about. A unit without one is the front line, for now or
    /// for good.
    pub fn next_down(&self) -> Option<Unit> {
        let next = self.plan.as_ref()?.after(self.leg().unit)?;
        (!self.refused_by.contains(&next) && !self.recused.contains(&next)).then_some(next)
    }

    /// The unit above a holder: the one before it in the chain, else its superior; never one
    /// that is complained about.
    pub fn above(&self, unit: Unit) -> Option<Unit> {
        let chain = self.plan.as_ref().map_or(&[][..], Plan::units);
        let mut next = match chain.iter().position(|u| *u == unit) {
            Some(0) | None => unit.superior(),
            Some(at) => Some(chain[at - 1]),
        };
        while let Some(unit) = next.filter(|unit| self.recused.contains(unit)) {
            next = unit.superior();
        }
        next
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

    /// From when a promise counts: when the citizen was heard; after a rework, from then.
    pub fn zero(&self, kind: ClockKind) -> Timestamp {
        match (kind, self.rounds.last()) {
            (ClockKind::Closure, Some(round)) => round.reworked_at,
            (ClockKind::Closure, None) | (ClockKind::Arrival, _) => self.heard_at,
        }
    }

    /// The pauses in which a clock stands, or stood, still. What paused after the promise was
    /// kept or broken is none of its business.
    pub fn counted_pauses(&self, kind: ClockKind) -> impl Iterator<Item = &Pause> {
        let (zero, clock) = (self.zero(kind), self.clock(kind));
        let over = |at: Timestamp| {
            clock.stopped_at.is_some_and(|end| at >= end)
                || clock.breached_at.is_some_and(|end| at >= end)
        };
        self.pauses.iter().filter(move |pause| pause.from >= zero && !over(pause.from))
    }

    /// How long a clock has stood still; a pause that lasts counts up to `now`.
    pub fn stood(&self, kind: ClockKind, now: Timestamp) -> Span {
        let of = self.counted_pauses(kind);
        Span(of.map(|p| p.until.unwrap_or(now.max(p.from)).since(p.from).0).sum())
    }

    /// How long a clock has run, pauses deducted.
    pub fn ran(&self, kind: ClockKind, now: Timestamp) -> Span {
        let end = self.clock(kind).stopped_at.unwrap_or(now);
        Span(end.since(self.zero(kind)).0 - self.stood(kind, end).0)
    }

    /// When a hundredth of a promise's limit falls due, if no pause lasts or comes.
    pub fn due_at(&self, kind: ClockKind, percent: u8) -> Timestamp {
        let from = self.paused().map_or(self.updated_at, |pause| pause.from);
        let limit = self.clock(kind).limit.percent(percent);
        self.zero(kind).plus(limit).plus(self.stood(kind, from))
    }

    /// When a promise falls due, if no pause lasts or comes.
    pub fn due(&self, kind: ClockKind) -> Timestamp {
        self.due_at(kind, 100)
    }
}
