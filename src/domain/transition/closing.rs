//! 待回访 → 归档 or 重办, and what comes after: the citizen has the last word.

use super::Step;
use crate::domain::command::Outcome;
use crate::domain::event::What;
use crate::domain::order::{Clock, Leg, Round};
use crate::domain::order_no::OrderNo;
use crate::domain::policy::Policy;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{ClockKind, Duty, Stage};
use crate::domain::time::Span;

impl Step<'_> {
    /// After closing, or, when the limit passed without, to tell the citizen so.
    pub(super) fn follow_up(&mut self, outcome: Outcome, again: &Policy) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.settle();
        self.order.marks.followed_up = self.order.marks.followed_up.saturating_add(1);
        if self.order.stage != Stage::FollowUp {
            if self.order.closure.breached_at.is_none() {
                return Err(Rejection::NotYetDue { due: self.order.due(ClockKind::Closure) });
            }
            if outcome != Outcome::Unreached {
                self.order.overdue_told = true;
            }
            self.happened(What::FollowedUp { outcome, round: None });
            return Ok(());
        }
        let round = self.order.rounds.len() as u8;
        self.happened(What::FollowedUp { outcome, round: Some(round) });
        match outcome {
            Outcome::Unreached => {}
            Outcome::Satisfied => self.archive(),
            Outcome::Dissatisfied if self.may_rework() => self.rework(again),
            Outcome::Dissatisfied => self.archive(),
        }
        Ok(())
    }

    /// A merged order's matter is another order's: that one is done again, not this.
    fn may_rework(&self) -> bool {
        self.order.rounds.len() < usize::from(self.order.policy.reworks)
            && self.must_have_room().is_ok()
            && self.order.links.merged_into.is_none()
    }

    /// 重办: a new clock, with the limit that holds for what begins now; the first result is
    /// kept for ever.
    fn rework(&mut self, again: &Policy) {
        let (now, to) = (self.now, self.handler());
        let limit = self.order.policy.closure;
        let closure = std::mem::replace(&mut self.order.closure, Clock::new(limit));
        self.order.granted = Span::ZERO;
        // Written before reports were remembered: the last paper then.
        let report = self.order.report.take().unwrap_or(self.order.papers.saturating_sub(1));
        self.order.rounds.push(Round { closure, report, reworked_at: now });
        self.order.overdue_told = false;
        let mut leg = Leg::begin(to, Duty::Lead, now);
        leg.signed_at = Some(now);
        self.order.legs.push(leg);
        self.order.stage = Stage::Handling;
        self.happened(What::Reworked { to, round: self.order.rounds.len() as u8 });
        self.stamp(again);
    }

    fn archive(&mut self) {
        self.order.stage = Stage::Archived;
        self.happened(What::Archived);
    }

    /// The archived order says which one takes it up again; it is not changed otherwise.
    pub(super) fn reopened(&mut self, by: OrderNo) -> Result<(), Rejection> {
        self.must_be_centre()?;
        match self.order.links.reopened_as {
            Some(as_before) if as_before == by => Ok(()),
            Some(by) => Err(Rejection::AlreadyReopened { by }),
            None => {
                self.order.links.reopened_as = Some(by);
                self.happened(What::Reopened { by });
                Ok(())
            }
        }
    }
}
