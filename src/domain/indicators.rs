//! What a hotline is judged by, counted from events: per unit, level and category, and day.
//!
//! Every count is of an event that the step itself records, so that whoever reads the feed
//! from its beginning with [`Facts`] of each order gets the same numbers.

use super::command::Outcome;
use super::event::{Event, What};
use super::ids::{Level, Unit};
use super::matter::Category;
use super::named::named;
use super::order::Order;
use super::stage::{ClockKind, Duty, Stage};
use std::collections::BTreeSet;

named! {
    /// What is counted.
    Measure {
        /// Orders that came to a unit, or to a level, to be worked or passed on: each once,
        /// however often it comes back. By category: orders written down.
        Received = 1 "received" "受理",
        /// Orders that came to the front line.
        Arrived = 2 "arrived" "到达",
        /// Of those, in time.
        ArrivedOnTime = 3 "arrived_on_time" "按时签收",
        /// Arrival promises that came due: kept in time, or broken.
        ArrivalDue = 4 "arrival_due" "应签收",
        /// Orders given back.
        Returned = 5 "returned" "退单",
        /// Orders closed.
        Closed = 6 "closed" "办结",
        /// Of those, in time.
        ClosedOnTime = 7 "closed_on_time" "按时办结",
        /// Closure promises that came due: kept in time, or broken.
        ClosureDue = 8 "closure_due" "应办结",
        /// Orders done again.
        Reworked = 9 "reworked" "重办",
        /// Matters that came again: merged into another, or taken up after archiving.
        Repeated = 10 "repeated" "重复",
        /// What citizens said of a result, each time they were reached about one.
        FollowedUp = 11 "followed_up" "回访",
        /// Of those, about the first result.
        FollowedUpFirst = 12 "followed_up_first" "首次回访",
        /// Citizens who were satisfied in the end.
        Satisfied = 13 "satisfied" "最终满意",
        /// Of those, with the first result.
        SatisfiedFirst = 14 "satisfied_first" "首次满意",
        /// Citizens with whose word the matter ended: one that is done again is not judged yet.
        FollowedUpFinal = 15 "followed_up_final" "最终回访",
    }
}

named! {
    /// What counts are kept by.
    Dimension {
        /// By the unit that did it.
        Unit = 1 "unit" "单位",
        /// By that unit's level.
        Level = 2 "level" "层级",
        /// By what the order is about.
        Category = 3 "category" "类别",
    }
}

/// One place of a dimension.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Marginal {
    /// A unit.
    Unit(Unit),
    /// A level.
    Level(Level),
    /// A category.
    Category(Category),
}

impl Marginal {
    /// Of which dimension it is.
    pub fn dimension(self) -> Dimension {
        match self {
            Marginal::Unit(_) => Dimension::Unit,
            Marginal::Level(_) => Dimension::Level,
            Marginal::Category(_) => Dimension::Category,
        }
    }

    /// Its number in its dimension, for the stores.
    pub fn code(self) -> u64 {
        match self {
            Marginal::Unit(unit) => unit.code(),
            Marginal::Level(level) => level.index() as u64,
            Marginal::Category(category) => u64::from(category.0),
        }
    }

    /// Back from the number; `None` for one that names nothing.
    pub fn from_code(dimension: Dimension, code: u64) -> Option<Marginal> {
        match dimension {
            Dimension::Unit => Unit::new(code).ok().map(Marginal::Unit),
            Dimension::Level => {
                let level = Level::ALL.get(usize::try_from(code).ok()?);
                level.copied().map(Marginal::Level)
            }
            Dimension::Category => {
                u16::try_from(code).ok().map(|c| Marginal::Category(Category(c)))
            }
        }
    }
}

/// How many measures there are.
pub const MEASURES: usize = Measure::ALL.len();

/// How often each measure was counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts(pub [u32; MEASURES]);

impl Counts {
    /// One of them.
    pub fn of(&self, measure: Measure) -> u32 {
        self.0[usize::from(measure.byte()) - 1]
    }

    /// Counts once more.
    pub fn count(&mut self, measure: Measure) {
        let n = &mut self.0[usize::from(measure.byte()) - 1];
        *n = n.saturating_add(1);
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Counts) {
        for (n, more) in self.0.iter_mut().zip(other.0) {
            *n = n.saturating_add(more);
        }
    }
}

/// What an order's earlier events say about the next one's worth.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// Whom it came to, to be worked or passed on; sorted.
    received: Vec<Unit>,
    arrived: bool,
    arrival_broken: bool,
    closure_broken: bool,
    reporter: Option<Unit>,
}

impl Facts {
    /// As an order shows them.
    pub fn of(order: &Order) -> Facts {
        let works = |duty| match duty {
            Duty::Triage | Duty::Lead => true,
            Duty::Returned | Duty::Review | Duty::Approve => false,
        };
        let holders = order.legs.iter().filter(|leg| works(leg.duty)).map(|leg| leg.unit);
        let received: BTreeSet<Unit> = holders.collect();
        Facts {
            received: received.into_iter().collect(),
            arrived: order.arrival.stopped_at.is_some(),
            arrival_broken: order.arrival.breached_at.is_some(),
            closure_broken: order.closure.breached_at.is_some(),
            reporter: order.reporter(),
        }
    }

    /// An order counts for a unit it never came to before, and for a level none of whose units
    /// had it.
    fn receive(&mut self, unit: Unit, add: &mut impl FnMut(Marginal, Measure)) {
        let Err(place) = self.received.binary_search(&unit) else { return };
        add(Marginal::Unit(unit), Measure::Received);
        if self.received.iter().all(|other| other.level() != unit.level()) {
            add(Marginal::Level(unit.level()), Measure::Received);
        }
        self.received.insert(place, unit);
    }

    /// Counts an event, then takes it in.
    pub fn count(&mut self, event: &Event, mut add: impl FnMut(Marginal, Measure)) {
        let category = event.category;
        if let Some(unit) = comes_to(event) {
            self.receive(unit, &mut add);
        }
        if matches!(event.what, What::Registered { .. }) {
            add(Marginal::Category(category), Measure::Received);
        }
        let mut add = |unit: Unit, measure| {
            add(Marginal::Unit(unit), measure);
            add(Marginal::Level(unit.level()), measure);
            add(Marginal::Category(category), measure);
        };
        match &event.what {
            What::Signed { unit, arrived_after: Some(_) } if !self.arrived => {
                self.arrived = true;
                add(*unit, Measure::Arrived);
                if !self.arrival_broken {
                    add(*unit, Measure::ArrivedOnTime);
                    add(*unit, Measure::ArrivalDue);
                }
            }
            What::Breached { clock: ClockKind::Arrival, holder, .. } => {
                self.arrival_broken = true;
                add(*holder, Measure::ArrivalDue);
            }
            What::Breached { clock: ClockKind::Closure, holder, .. } => {
                self.closure_broken = true;
                add(*holder, Measure::ClosureDue);
            }
            What::Returned { from, .. } => add(*from, Measure::Returned),
            What::Reported { from, .. } => self.reporter = Some(*from),
            What::Closed { by, .. } => {
                self.arrived = true;
                // The unit that did the work, not the one that approved of it.
                let unit = self.reporter.unwrap_or(*by);
                add(unit, Measure::Closed);
                if !self.closure_broken {
                    add(unit, Measure::ClosedOnTime);
                    add(unit, Measure::ClosureDue);
                }
            }
            What::Reworked { to, .. } => {
                self.closure_broken = false;
                add(*to, Measure::Reworked);
            }
            What::Merged { .. } => {
                self.arrived = true;
                add(event.unit, Measure::Repeated);
            }
            What::Reopened { .. } => add(event.unit, Measure::Repeated),
            What::FollowedUp { outcome, round: Some(round) } => {
                let unit = self.reporter.unwrap_or(event.unit);
                let first = *round == 0;
                match outcome {
                    Outcome::Unreached => return,
                    Outcome::Dissatisfied => {}
                    Outcome::Satisfied => {
                        add(unit, Measure::Satisfied);
                        if first {
                            add(unit, Measure::SatisfiedFirst);
                        }
                    }
                }
                add(unit, Measure::FollowedUp);
                if first {
                    add(unit, Measure::FollowedUpFirst);
                }
                // Else it is done again, and the citizen asked again.
                if event.stage == Stage::Archived {
                    add(unit, Measure::FollowedUpFinal);
                }
            }
            What::Declined { .. }
            | What::HandedOver { .. }
            | What::Terminated
            | What::Withdrawn => self.arrived = true,
            What::Registered { .. }
            | What::Signed { .. }
            | What::Accepted { .. }
            | What::Delivered { .. }
            | What::Redelivered { .. }
            | What::Parked { .. }
            | What::Released { .. }
            | What::Relayed { .. }
            | What::ReportRejected { .. }
            | What::Warned { .. }
            | What::ContactViewed { .. }
            | What::Archived
            | What::InformationAsked { .. }
            | What::InformationSupplied
            | What::Answered
            | What::Adopted { .. }
            | What::Disowned { .. }
            | What::ResultHeard { .. }
            | What::ChildrenTold { .. }
            | What::Dispatched { .. }
            | What::ReturnDecided { .. }
            | What::CoHandlerAdded { .. }
            | What::CoSigned { .. }
            | What::CoReported { .. }
            | What::Escalated { .. }
            | What::ExtensionRequested { .. }
            | What::ExtensionDecided { .. }
            | What::SuspensionRequested { .. }
            | What::SuspensionDecided { .. }
            | What::Resumed { .. }
            | What::Urged
            | What::Supervised { .. }
            | What::FollowedUp { round: None, .. }
            | What::Recused { .. }
            | What::Corrected
            | What::ModeSwitched { .. }
            | What::Burst { .. }
            | What::Restamped { .. } => {}
        }
    }
}

/// Whom the order is with, to be worked or passed on, when this has happened. Who decides about
/// it is not sent it; one step of the clock may pass on what it has only just brought.
fn comes_to(event: &Event) -> Option<Unit> {
    if matches!(event.what, What::Registered { .. }) {
        return Some(event.unit);
    }
    let to = if let What::Relayed { to, .. } = event.what { to } else { event.unit };
    match event.stage {
        Stage::Triage
        | Stage::Supplement
        | Stage::Dispatching
        | Stage::Assigned
        | Stage::Handling
        | Stage::Escalated
        | Stage::Suspended => Some(to),
        Stage::ReturnReview
        | Stage::ExtensionReview
        | Stage::SuspensionReview
        | Stage::Review
        | Stage::FollowUp
        | Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Merged
        | Stage::Terminated
        | Stage::Withdrawn => None,
    }
}

/// What a step counts: each pair once, on the day of its events.
pub fn indicators(
    before: Option<&Order>,
    events: &[Event],
    mut add: impl FnMut(Marginal, Measure),
) {
    let mut facts = before.map(Facts::of).unwrap_or_default();
    for event in events {
        facts.count(event, &mut add);
    }
}
