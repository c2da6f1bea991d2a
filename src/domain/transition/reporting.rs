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
        if let Some(unit) = self.helping() {
            return self.co_report(unit);
        }
        let unit = self.must_hold()?;
        self.must_have_room_for_review()?;
        self.must_be_proved(evidence)?;
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
    pub(super) fn dispose(&mut self, evidence: bool) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.must_be_proved(evidence)?;
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

    /// Who has done its part may be asked again, once more is to be done; its place, or the one
    /// of who was done first, is taken anew, so that the others keep theirs.
    pub(super) fn add_co_handler(&mut self, unit: Unit) -> Result<(), Rejection> {
        let holder = self.must_hold()?;
        self.must_not_be_recused(&[unit])?;
        let all = &self.order.co_handlers;
        let known = all.iter().position(|co| co.unit == unit);
        let at = known.or_else(|| {
            let done = all.iter().enumerate().filter(|(_, co)| co.reported_at.is_some());
            let first_done = done.min_by_key(|(_, co)| co.reported_at).map(|(at, _)| at);
            if all.len() < MAX_CO_HANDLERS { Some(all.len()) } else { first_done }
        });
        let helps = known.is_some_and(|at| all[at].reported_at.is_none());
        let Some(at) = at.filter(|_| unit != holder && !helps) else {
            return Err(Rejection::CannotCoHandle { unit });
        };
        let free = (0..).find(|place| all.iter().all(|co| co.place != *place));
        let place = all.get(at).map(|co| co.place).or(free).unwrap_or_default();
        self.settle();
        let added_at = self.now;
        let new = CoHandler { unit, place, added_at, signed_at: None, reported_at: None };
        match self.order.co_handlers.get_mut(at) {
            Some(done) => *done = new,
            None => self.order.co_handlers.push(new),
        }
        self.happened(What::CoHandlerAdded { unit });
        Ok(())
    }

    /// The actor's unit, if it helps and it is not the holder's side that acts.
    pub(super) fn helping(&self) -> Option<Unit> {
        let actor = self.actor.unit;
        let helps = self.order.is_open()
            && !actor.covers(self.order.leg().unit)
            && self.order.pending_co_handlers().any(|co| co.unit == actor);
        helps.then_some(actor)
    }

    /// The part of a co-handler that is still to be done: by itself, or by a hall above in its
    /// name, where it has no system of its own.
    fn part_of(&mut self, unit: Unit) -> Result<&mut CoHandler, Rejection> {
        let actor = self.actor.unit;
        if !actor.covers(unit) {
            return Err(Rejection::NotHolder { holder: unit, actor });
        }
        let mut parts = self.order.co_handlers.iter_mut();
        let part = parts.find(|co| co.unit == unit && co.reported_at.is_none());
        part.ok_or(Rejection::NotCoHandling { unit })
    }

    pub(super) fn co_sign(&mut self, unit: Unit) -> Result<(), Rejection> {
        if let Some(at) = self.part_of(unit)?.signed_at {
            return Err(Rejection::AlreadySigned { unit, at });
        }
        self.settle();
        self.part_of(unit)?.signed_at = Some(self.now);
        self.happened(What::CoSigned { unit });
        Ok(())
    }

    pub(super) fn co_report(&mut self, unit: Unit) -> Result<(), Rejection> {
        self.part_of(unit)?;
        self.settle();
        self.take_paper();
        let now = self.now;
        let part = self.part_of(unit)?;
        part.signed_at.get_or_insert(now);
        part.reported_at = Some(now);
        self.happened(What::CoReported { unit });
        Ok(())
    }

    /// What the policy wants proved comes with evidence, whoever closes it and however.
    fn must_be_proved(&self, evidence: bool) -> Result<(), Rejection> {
        if self.order.policy.evidence && !evidence {
            Err(Rejection::EvidenceMissing)
        } else {
            Ok(())
        }
    }

    /// A report is part of the way down and out, so it may use the reserve.
    fn must_have_room_for_review(&self) -> Result<(), Rejection> {
        let limit = MAX_LEGS;
        if self.order.legs.len() < limit { Ok(()) } else { Err(Rejection::TooManyMoves { limit }) }
    }
}
