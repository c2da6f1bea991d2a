//! What the clock does by itself, in order of due time; a spurious tick does nothing.

use super::Step;
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::matter::Plan;
use crate::domain::order::Order;
use crate::domain::sla::{Timer, clock_timer, next_timer};
use crate::domain::stage::{ClockKind, Duty, Ending, Stage};
use crate::domain::time::Timestamp;

impl Step<'_> {
    /// Does all that is due at `now`. Ends because every timer either moves the order down a
    /// finite chain or is given once.
    pub(super) fn tick(&mut self, fallback: Unit) {
        while let Some((due, timer)) = next_timer(&self.order).filter(|(due, _)| *due <= self.now) {
            // The others have to be told first: whoever ticks does that.
            if timer == Timer::TellChildren {
                return;
            }
            self.fire(due, timer, fallback);
        }
    }

    /// Books what fell due on the clocks strictly before this step, so that a step at the
    /// very limit is still in time and a late one is not. Moves nothing.
    pub(super) fn settle(&mut self) {
        // A clock's own timers go nowhere, least of all to the fallback unit.
        let nowhere = self.order.no.cell().centre();
        let next = |order: &Order| {
            let timers = ClockKind::ALL.iter().filter_map(|kind| clock_timer(order, *kind));
            timers.min_by_key(|(due, _)| *due)
        };
        while let Some((due, timer)) = next(&self.order).filter(|(due, _)| *due < self.now) {
            self.fire(due, timer, nowhere);
        }
    }

    fn fire(&mut self, due: Timestamp, timer: Timer, fallback: Unit) {
        let holder = self.order.leg().unit;
        match timer {
            Timer::Warn(clock, percent) => {
                self.order.clock_mut(clock).warned += 1;
                let holder = self.held_by(due);
                self.fell_due(What::Warned { clock, percent, holder, due });
            }
            Timer::Breach(clock) => self.breach(clock, self.held_by(due), due),
            Timer::TriageOver => self.fall_back(fallback),
            Timer::ShareOver(to) => {
                let late = self.now.since(due);
                let held = self.hand_over(Ending::PassedBy, to, Duty::Lead, Stage::Assigned);
                self.fell_due(What::Relayed { from: holder, to, held, late: Some(late) });
            }
            Timer::ReviewOver(to) => {
                let late = self.now.since(due);
                let held =
                    self.hand_over(Ending::PassedBy, to, Duty::Returned, Stage::ReturnReview);
                self.fell_due(What::Relayed { from: holder, to, held, late: Some(late) });
            }
            Timer::PauseOver => self.go_on(true),
            Timer::TellChildren => {}
            Timer::FollowUpOver => {
                self.order.stage = Stage::Archived;
                self.fell_due(What::Archived);
            }
        }
    }

    /// In whose hands the order was at a moment: a timer that comes late does not book what
    /// fell due to a unit that had not seen the order then.
    fn held_by(&self, due: Timestamp) -> Unit {
        let legs = &self.order.legs;
        let then = legs.iter().rev().find(|leg| leg.started_at <= due);
        then.unwrap_or(&legs[0]).unit
    }

    /// The order stays with its handler; the unit one level up is told.
    fn breach(&mut self, kind: ClockKind, holder: Unit, due: Timestamp) {
        let centre = self.order.no.cell().centre();
        let raised_to = self.order.above(holder).unwrap_or(centre);
        let clock = self.order.clock_mut(kind);
        clock.breached_at = Some(due);
        clock.raised_to = Some(raised_to);
        self.fell_due(What::Breached { clock: kind, holder, raised_to, due });
    }

    /// Nobody decided in the city's share: the catalogue's fallback unit takes it.
    fn fall_back(&mut self, to: Unit) {
        let centre = self.order.no.cell().centre();
        let to = if self.order.recused.contains(&to) { centre } else { to };
        self.order.plan = Plan::new(vec![to]).ok();
        self.hand_over(Ending::PassedBy, to, Duty::Lead, Stage::Assigned);
        self.fell_due(What::Accepted { by_clock: true });
    }
}
