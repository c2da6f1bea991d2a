//! What a holder asks its superior for: more time, a pause, to take it over; and the pauses.
//!
//! 办理中 → 上级办理 · 办理中 ⇄ 延期审核 · 办理中 → 挂账审核 → 挂账 → 办理中

use super::Step;
use crate::domain::command::{ActionName, Verdict};
use crate::domain::event::What;
use crate::domain::order::{Asked, MAX_PAUSES, Pause};
use crate::domain::rejection::Rejection;
use crate::domain::stage::{ClockKind, Duty, Ending, Stage};
use crate::domain::time::{Span, Timestamp};

impl Step<'_> {
    /// The unit above acts itself, or sends the order down another way.
    pub(super) fn escalate(&mut self) -> Result<(), Rejection> {
        let from = self.must_hold()?;
        self.must_have_room()?;
        let to = self.order.above(from).ok_or(Rejection::NobodyAbove { unit: from })?;
        self.settle();
        self.take_paper();
        self.hand_over(Ending::Escalated, to, Duty::Lead, Stage::Escalated);
        self.happened(What::Escalated { from, to });
        Ok(())
    }

    /// Before the deadline only, as often and as long as the policy says.
    pub(super) fn request_extension(&mut self, by: Span) -> Result<(), Rejection> {
        let from = self.must_hold()?;
        self.must_have_room()?;
        self.settle();
        self.must_be_in_time()?;
        let limit = self.order.policy.extensions;
        if self.order.marks.extended >= limit {
            return Err(Rejection::UsedUp { action: ActionName::RequestExtension, limit });
        }
        let limit = self.order.policy.extension;
        if by <= Span::ZERO || by > limit {
            return Err(Rejection::OutOfBounds { field: "by", limit });
        }
        let to = self.superior();
        self.order.asked = Some(Asked::Extension(by));
        self.take_paper();
        self.hand_over(Ending::Requested, to, Duty::Approve, Stage::ExtensionReview);
        self.happened(What::ExtensionRequested { from, to, by });
        Ok(())
    }

    pub(super) fn decide_extension(&mut self, verdict: Verdict) -> Result<(), Rejection> {
        let approver = self.must_hold()?;
        self.settle();
        let granted = match (verdict, self.order.asked) {
            (Verdict::Accept, Some(Asked::Extension(by))) => {
                // What was broken meanwhile is not mended by more time.
                self.must_be_in_time()?;
                let clock = &mut self.order.closure;
                clock.limit = Span(clock.limit.0.saturating_add(by.0));
                self.order.granted = Span(self.order.granted.0.saturating_add(by.0));
                self.order.marks.extended = self.order.marks.extended.saturating_add(1);
                true
            }
            (Verdict::Accept, Some(Asked::Suspension(_)) | None) | (Verdict::Reject, _) => false,
        };
        self.order.asked = None;
        self.take_paper();
        self.back_to_handler(Ending::Decided, Stage::Handling);
        let due = self.order.due(ClockKind::Closure);
        self.happened(What::ExtensionDecided { by: approver, granted, due });
        Ok(())
    }

    pub(super) fn request_suspension(&mut self, until: Timestamp) -> Result<(), Rejection> {
        let from = self.must_hold()?;
        self.must_have_room()?;
        self.settle();
        self.must_pause_until(until)?;
        let to = self.superior();
        self.order.asked = Some(Asked::Suspension(until));
        self.take_paper();
        self.hand_over(Ending::Requested, to, Duty::Approve, Stage::SuspensionReview);
        self.happened(What::SuspensionRequested { from, to, until });
        Ok(())
    }

    pub(super) fn decide_suspension(&mut self, verdict: Verdict) -> Result<(), Rejection> {
        let approver = self.must_hold()?;
        self.settle();
        let until = match (verdict, self.order.asked) {
            (Verdict::Accept, Some(Asked::Suspension(until))) => {
                self.must_pause_until(until)?;
                Some(until)
            }
            (Verdict::Accept, Some(Asked::Extension(_)) | None) | (Verdict::Reject, _) => None,
        };
        self.order.asked = None;
        self.take_paper();
        match until {
            Some(until) => {
                self.back_to_handler(Ending::Decided, Stage::Suspended);
                self.begin_pause(until);
            }
            None => {
                self.back_to_handler(Ending::Decided, Stage::Handling);
            }
        }
        self.happened(What::SuspensionDecided { by: approver, granted: until.is_some() });
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Result<(), Rejection> {
        self.must_hold()?;
        self.go_on(false);
        Ok(())
    }

    /// The pause is over: back to where the order stood before it.
    pub(super) fn go_on(&mut self, by_clock: bool) {
        let paused = self.end_pause();
        let asked = self.order.stage == Stage::Supplement;
        self.order.stage = if asked { Stage::Triage } else { Stage::Handling };
        let what = What::Resumed { by_clock, paused };
        if by_clock { self.fell_due(what) } else { self.happened(what) }
    }

    pub(super) fn begin_pause(&mut self, review_at: Timestamp) {
        self.order.pauses.push(Pause { from: self.now, review_at, until: None });
    }

    /// Ends the pause that lasts, if one does; it lasts no longer than its review date,
    /// however late that is noticed.
    pub(super) fn end_pause(&mut self) -> Span {
        let now = self.now;
        match self.order.pauses.last_mut() {
            Some(pause) if pause.until.is_none() => {
                let until = now.min(pause.review_at);
                pause.until = Some(until);
                until.since(pause.from)
            }
            Some(_) | None => Span::ZERO,
        }
    }

    pub(super) fn must_have_a_pause_left(&self, action: ActionName) -> Result<(), Rejection> {
        if self.order.pauses.len() < MAX_PAUSES {
            Ok(())
        } else {
            Err(Rejection::UsedUp { action, limit: MAX_PAUSES as u8 })
        }
    }

    fn must_pause_until(&self, until: Timestamp) -> Result<(), Rejection> {
        self.must_have_a_pause_left(ActionName::RequestSuspension)?;
        let limit = self.order.policy.pause;
        let ahead = until.since(self.now);
        if ahead <= Span::ZERO || ahead > limit {
            return Err(Rejection::OutOfBounds { field: "until", limit });
        }
        Ok(())
    }

    fn must_be_in_time(&self) -> Result<(), Rejection> {
        match self.order.closure.breached_at {
            Some(due) => Err(Rejection::TooLate { due }),
            None if self.order.due(ClockKind::Closure) <= self.now => {
                Err(Rejection::TooLate { due: self.order.due(ClockKind::Closure) })
            }
            None => Ok(()),
        }
    }
}
