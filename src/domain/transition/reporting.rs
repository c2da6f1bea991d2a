//! 办理中 → 待审核 → closed or back; and those who help.

use super::Step;
use crate::domain::command::Verdict;
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::order::{CoHandler, MAX_CO_HANDLERS, MAX_LEGS};
use crate::domain::rejection::Rejection;
use crate::domain::stage::{Duty, Ending, Stage};

impl Step<'_> {
    /// The front line says what it did. The closure clock runs until the unit above agrees,
    /// and the wait for that is booked to the unit above.
    pub(super) fn report(
        &mut self,
        evidence: bool,
        without_co_handlers: bool,
    ) -> Result<(), Rejection> {
        if let Some(at) = self.co_handler() {
            return self.co_report(at);
        }
        let unit = self.must_hold()?;
        self.must_have_room_for_review()?;
        if self.order.policy.evidence && !evidence {
            return Err(Rejection::EvidenceMissing);
        }
        let units: Vec<Unit> = self.order.pending_co_handlers().map(|co| co.unit).collect();
        if !units.is_empty() && !without_co_handlers {
            return Err(Rejection::CoHandlersPending { units });
        }
        self.settle();
        self.order.co_handlers.retain(|co| co.reported_at.is_some());
        let reviewer = self.superior();
        self.take_report();
        self.hand_over(Ending::Reported, reviewer, Duty::Review, Stage::Review);
        self.happened(What::Reported { from: unit, to: reviewer });
        Ok(())
    }

    pub(super) fn decide_report(&mut self, verdict: Verdict) -> Result<(), Rejection> {
        let reviewer = self.must_hold()?;
        match verdict {
            Verdict::Accept => {
                self.settle();
                self.close(reviewer);
            }
            Verdict::Reject => {
                self.must_have_room()?;
                self.settle();
                self.order.marks.rejected = self.order.marks.rejected.saturating_add(1);
                self.take_paper();
                let handler = self.back_to_handler(Ending::Rejected, Stage::Handling);
                self.happened(What::ReportRejected { by: reviewer, to: handler });
            }
        }
        Ok(())
    }

    /// One disposition for many similar orders: the centre closes this one by it, wherever
    /// it stands.
    pub(super) fn dispose(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.settle();
        self.take_report();
        self.close(self.actor.unit);
        Ok(())
    }

    /// Numbers the paper that says what was done; others may follow it before the closing.
    fn take_report(&mut self) {
        self.order.report = Some(self.order.papers);
        self.take_paper();
    }

    /// Closure stops; arrival, if the order never came so far, stops with it.
    fn close(&mut self, by: Unit) {
        self.end_pause();
        self.end_leg(Ending::Closed);
        self.order.asked = None;
        self.order.stage = Stage::FollowUp;
        self.stop_clocks();
        let (now, heard_at) = (self.now, self.order.heard_at);
        self.happened(What::Closed { by, after: now.since(heard_at) });
        if self.order.policy.follow_up.is_none() && self.order.links.children.is_empty() {
            self.order.stage = Stage::Archived;
            self.happened(What::Archived);
        }
    }

    pub(super) fn add_co_handler(&mut self, unit: Unit) -> Result<(), Rejection> {
        let holder = self.must_hold()?;
        self.must_not_be_recused(&[unit])?;
        let helps = self.order.co_handlers.iter().any(|co| co.unit == unit);
        if unit == holder || helps || self.order.co_handlers.len() >= MAX_CO_HANDLERS {
            return Err(Rejection::CannotCoHandle { unit });
        }
        self.settle();
        let (added_at, signed_at, reported_at) = (self.now, None, None);
        self.order.co_handlers.push(CoHandler { unit, added_at, signed_at, reported_at });
        self.happened(What::CoHandlerAdded { unit });
        Ok(())
    }

    /// Which pending co-handler the actor is, if it is not the holder's side that acts.
    pub(super) fn co_handler(&self) -> Option<usize> {
        let actor = self.actor.unit;
        if !self.order.is_open() || actor.covers(self.order.leg().unit) {
            return None;
        }
        self.order.co_handlers.iter().position(|co| co.unit == actor && co.reported_at.is_none())
    }

    pub(super) fn co_sign(&mut self, at: usize) -> Result<(), Rejection> {
        let CoHandler { unit, signed_at, .. } = self.order.co_handlers[at];
        if let Some(at) = signed_at {
            return Err(Rejection::AlreadySigned { unit, at });
        }
        self.settle();
        self.order.co_handlers[at].signed_at = Some(self.now);
        self.happened(What::CoSigned { unit });
        Ok(())
    }

    fn co_report(&mut self, at: usize) -> Result<(), Rejection> {
        self.settle();
        self.take_paper();
        let now = self.now;
        let co = &mut self.order.co_handlers[at];
        co.signed_at.get_or_insert(now);
        co.reported_at = Some(now);
        let unit = co.unit;
        self.happened(What::CoReported { unit });
        Ok(())
    }

    /// A report is part of the way down and out, so it may use the reserve.
    fn must_have_room_for_review(&self) -> Result<(), Rejection> {
        let limit = MAX_LEGS;
        if self.order.legs.len() < limit { Ok(()) } else { Err(Rejection::TooManyMoves { limit }) }
    }
}
