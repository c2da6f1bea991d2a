//! 办理中 → 待审核 → closed or back.

use super::Step;
use crate::domain::command::{ActionName, Verdict};
use crate::domain::event::What;
use crate::domain::order::{Duty, Ending, Stage};
use crate::domain::rejection::Rejection;

impl Step<'_> {
    /// The front line says what it did. The closure clock runs until the unit above agrees,
    /// and the wait for that is booked to the unit above.
    pub(super) fn report(&mut self) -> Result<(), Rejection> {
        self.must_stand_in(Stage::Handling, ActionName::Report)?;
        let unit = self.must_hold()?;
        self.must_have_room_for_review()?;
        self.settle();
        // A centre that handled an order itself decides about its own report.
        let reviewer = self.order.above(unit).unwrap_or_else(|| self.order.no.cell().centre());
        self.take_paper();
        self.hand_over(Ending::Reported, reviewer, Duty::Review, Stage::Review);
        self.happened(What::Reported { from: unit, to: reviewer });
        Ok(())
    }

    pub(super) fn decide_report(&mut self, verdict: Verdict) -> Result<(), Rejection> {
        self.must_stand_in(Stage::Review, ActionName::DecideReport)?;
        let reviewer = self.must_hold()?;
        match verdict {
            Verdict::Accept => {
                self.settle();
                self.end_leg(Ending::Closed);
                let (now, heard_at) = (self.now, self.order.heard_at);
                self.order.stage = Stage::FollowUp;
                self.order.closure.stopped_at = Some(now);
                self.happened(What::Closed { by: reviewer, after: now.since(heard_at) });
            }
            Verdict::Reject => {
                self.must_have_room()?;
                self.settle();
                let handler = self.handler();
                self.order.marks.rejected = self.order.marks.rejected.saturating_add(1);
                self.take_paper();
                self.hand_over(Ending::Rejected, handler, Duty::Lead, Stage::Handling);
                let now = self.now;
                // It never stopped being theirs: there is nothing to sign again.
                self.order.leg_mut().signed_at = Some(now);
                self.happened(What::ReportRejected { by: reviewer, to: handler });
            }
        }
        Ok(())
    }

    /// Who reported what is under review: the last lead.
    fn handler(&self) -> crate::domain::ids::Unit {
        let lead = self.order.legs.iter().rev().find(|leg| leg.duty == Duty::Lead);
        lead.map_or_else(|| self.order.no.cell().centre(), |leg| leg.unit)
    }

    /// A report is part of the way down and out, so it may use the reserve.
    fn must_have_room_for_review(&self) -> Result<(), Rejection> {
        let limit = crate::domain::order::MAX_LEGS;
        if self.order.legs.len() < limit { Ok(()) } else { Err(Rejection::TooManyMoves { limit }) }
    }
}
