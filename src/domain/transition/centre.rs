//! What the centre does: ask, answer, decline, hand over, watch, recuse, end.

use super::Step;
use crate::domain::command::{ActionName, DeclineReason, Emergency};
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::matter::{Kind, Plan, Urgency};
use crate::domain::order::MAX_RECUSED;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{Card, ClockKind, Duty, Ending, Stage};

impl Step<'_> {
    /// 待受理 → 待补充. The centre still holds the order; the clocks pause.
    pub(super) fn ask_information(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.must_have_a_pause_left(ActionName::AskInformation)?;
        self.settle();
        self.take_paper();
        let until = self.now.plus(self.order.policy.pause);
        self.begin_pause(until);
        self.order.stage = Stage::Supplement;
        self.happened(What::InformationAsked { until });
        Ok(())
    }

    /// The citizen says more: in 待补充 the order goes on, elsewhere it is only written down.
    pub(super) fn supply(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.settle();
        self.take_paper();
        self.happened(What::InformationSupplied);
        if self.order.stage == Stage::Supplement {
            self.go_on(false);
        }
        Ok(())
    }

    /// 待受理 → 归档: inquiries only. Both promises are kept by the answer.
    pub(super) fn answer(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        let kind = self.order.reading.kind;
        if kind != Kind::Inquiry {
            return Err(Rejection::NotAnInquiry { kind });
        }
        self.settle();
        self.take_paper();
        let (now, heard_at) = (self.now, self.order.heard_at);
        let by = self.order.leg().unit;
        self.end(Stage::Archived);
        self.happened(What::Answered);
        self.happened(What::Closed { by, after: now.since(heard_at) });
        self.happened(What::Archived);
        Ok(())
    }

    /// → 不予受理: the paper says which channel is the right one.
    pub(super) fn decline(&mut self, reason: DeclineReason) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.must_have_no_children()?;
        self.settle();
        self.take_paper();
        self.end(Stage::Declined);
        self.happened(What::Declined { reason });
        Ok(())
    }

    /// → 已转接: life and safety.
    pub(super) fn hand_to(&mut self, to: Emergency) -> Result<(), Rejection> {
        self.must_be_centre()?;
        let urgency = self.order.reading.urgency;
        if urgency != Urgency::Critical {
            return Err(Rejection::NotCritical { urgency });
        }
        self.settle();
        self.end(Stage::HandedOver);
        self.happened(What::HandedOver { to });
        Ok(())
    }

    /// The clocks are not touched. Nobody urges itself, or a neighbour.
    pub(super) fn urge(&mut self) -> Result<(), Rejection> {
        self.must_be_above()?;
        self.settle();
        self.order.marks.urged = self.order.marks.urged.saturating_add(1);
        self.happened(What::Urged);
        Ok(())
    }

    /// The clocks are not touched.
    pub(super) fn supervise(&mut self, card: Option<Card>) -> Result<(), Rejection> {
        self.must_be_above()?;
        if card.is_none() && self.order.marks.card.is_none() {
            return Err(Rejection::NotSupervised);
        }
        self.settle();
        self.order.marks.card = card;
        self.happened(What::Supervised { card });
        Ok(())
    }

    /// 办理中 → 终止, with a written review.
    pub(super) fn terminate(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.settle();
        self.take_paper();
        self.end(Stage::Terminated);
        self.happened(What::Terminated);
        Ok(())
    }

    /// From wherever it is not over; not while other callers wait for its result. Nobody holds
    /// what is closed or merged, and its clocks have stopped.
    pub(super) fn withdraw(&mut self) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.must_have_no_children()?;
        self.settle();
        if self.order.is_open() {
            self.end(Stage::Withdrawn);
        }
        if self.order.stage == Stage::Merged {
            self.order.links.merged_into = None;
        }
        self.order.stage = Stage::Withdrawn;
        self.happened(What::Withdrawn);
        Ok(())
    }

    /// From now on the unit never sees the order. What it holds goes to the unit above, which
    /// decides who takes it.
    pub(super) fn recuse(&mut self, unit: Unit) -> Result<(), Rejection> {
        self.must_be_centre()?;
        let centre = self.order.no.cell().centre();
        if self.order.recused.contains(&unit) {
            // Asked for again: written down, so that every acknowledged wish has an effect
            // that its request id is remembered by.
            self.settle();
            self.happened(What::Recused { unit });
            return Ok(());
        }
        if unit == centre || self.order.recused.len() >= MAX_RECUSED {
            return Err(Rejection::CannotRecuse { unit });
        }
        // Whom it would go back to holds it no less.
        let waits = match self.order.leg().duty {
            Duty::Approve | Duty::Review => self.handler() == unit,
            Duty::Triage | Duty::Lead | Duty::Returned => false,
        };
        let holds = self.order.leg().unit == unit || waits;
        if holds {
            self.must_have_room()?;
        }
        self.settle();
        let above = self.order.above(unit).unwrap_or(centre);
        self.order.recused.push(unit);
        self.order.co_handlers.retain(|co| co.unit != unit);
        if let Some(plan) = &self.order.plan {
            let left = plan.units().iter().copied().filter(|u| *u != unit).collect();
            self.order.plan = Plan::new(left).ok();
        }
        for kind in ClockKind::ALL {
            let clock = self.order.clock_mut(*kind);
            if clock.raised_to == Some(unit) {
                clock.raised_to = Some(above);
            }
        }
        if holds {
            self.end_pause();
            self.order.asked = None;
            let to = if self.order.recused.contains(&above) { centre } else { above };
            self.hand_over(Ending::Returned, to, Duty::Returned, Stage::ReturnReview);
        }
        self.happened(What::Recused { unit });
        Ok(())
    }

    fn must_have_no_children(&self) -> Result<(), Rejection> {
        let count = self.order.links.children.len();
        if count == 0 || self.order.links.told {
            Ok(())
        } else {
            Err(Rejection::HasChildren { count })
        }
    }
}
