//! What was read wrongly is put right, and the limits and the rest of the way with it; other
//! limits for an order in flight.

use super::Step;
use crate::domain::command::Correct;
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::matter::{Plan, Way};
use crate::domain::order::Clock;
use crate::domain::policy::Policy;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{ClockKind, Duty, Ending, Stage};
use crate::domain::time::Span;

impl Step<'_> {
    pub(super) fn correct(&mut self, correct: &Correct) -> Result<(), Rejection> {
        self.must_be_centre()?;
        if let Some(way) = &correct.way {
            self.must_not_be_recused(way.plan.units())?;
        }
        self.settle();
        let before = std::mem::replace(&mut self.order.reading, correct.reading.clone());
        let after = &self.order.reading;
        let elsewhere = (before.category, before.division) != (after.category, after.division);
        self.happened(What::Corrected);
        self.stamp(&correct.policy);
        if elsewhere {
            self.go_on_by(correct.way.as_ref());
        }
        Ok(())
    }

    /// The part of the way not yet gone is the corrected one. A unit that is not on it and has
    /// yet to act hands the order to the nearest one above that is; who acts already goes on,
    /// and the order goes no further down by itself.
    fn go_on_by(&mut self, way: Option<&Way>) {
        let Some(plan) = self.order.plan.clone() else { return };
        let mut at = match self.order.leg().duty {
            Duty::Triage | Duty::Lead | Duty::Returned => self.order.leg().unit,
            Duty::Review | Duty::Approve => self.handler(),
        };
        if let Some(to) = way.and_then(|way| self.back_to(&way.plan, at)) {
            let (duty, stage) = (self.order.leg().duty, self.order.stage);
            let held = self.hand_over(Ending::Transferred, to, duty, stage);
            self.happened(What::Relayed { from: at, to, held, late: None });
            at = to;
        }
        match way {
            Some(way) if way.plan.units().contains(&at) => self.take_way(way),
            Some(_) | None => self.order.plan = Some(plan.down_to(at)),
        }
    }

    /// The nearest unit above `at` on the way; `None` when the order stays where it is.
    fn back_to(&self, way: &Plan, at: Unit) -> Option<Unit> {
        let waits = matches!(self.order.stage, Stage::Assigned | Stage::ReturnReview);
        if !waits || way.units().contains(&at) || self.must_have_room().is_err() {
            return None;
        }
        let mut above = self.order.above(at);
        while let Some(unit) = above.filter(|unit| !way.units().contains(unit)) {
            above = unit.superior();
        }
        above
    }

    /// The order goes that way from now on.
    pub(super) fn take_way(&mut self, way: &Way) {
        self.order.plan = Some(way.plan.clone());
        self.order.catalogue = way.catalogue;
        self.order.rule = way.rule;
    }

    /// Other limits, for an order in flight.
    pub(super) fn restamp(&mut self, policy: &Policy) {
        if self.order.is_open() && self.order.policy != *policy {
            self.settle();
            self.stamp(policy);
        }
    }

    /// A promise kept or broken stays so; one that runs has the new limit, more time and
    /// pauses kept. A limit that would have passed already passes now: nobody is blamed for
    /// a time in which it did not hold.
    pub(super) fn stamp(&mut self, policy: &Policy) {
        if self.order.policy == *policy {
            return;
        }
        for kind in ClockKind::ALL {
            let ran = self.order.ran(*kind, self.now);
            let granted = match kind {
                ClockKind::Arrival => Span::ZERO,
                ClockKind::Closure => self.order.granted,
            };
            let clock: &mut Clock = self.order.clock_mut(*kind);
            if clock.stopped_at.is_none() && clock.breached_at.is_none() {
                clock.limit = Span(policy.limit(*kind).0.saturating_add(granted.0)).max(ran);
            }
        }
        self.order.policy = policy.clone();
        let (arrival_due, closure_due) =
            (self.order.due(ClockKind::Arrival), self.order.due(ClockKind::Closure));
        self.happened(What::Restamped { arrival_due, closure_due });
    }
}
