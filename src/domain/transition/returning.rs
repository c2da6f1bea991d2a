//! 待签收 → 退单审核 → another unit, or the same one for good. The clocks run on.

use super::Step;
use super::chain::lies_below;
use crate::domain::command::{ActionName, ReturnDecision, ReturnReason};
use crate::domain::event::What;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{Duty, Ending, Stage};

impl Step<'_> {
    /// To the level above, which decides who takes it; the time stays with who held it.
    pub(super) fn give_back(&mut self, reason: ReturnReason) -> Result<(), Rejection> {
        let unit = self.must_hold()?;
        self.must_have_room()?;
        let above = self.order.above(unit).ok_or(Rejection::NobodyAbove { unit })?;
        if self.order.designated == Some(unit) {
            return Err(Rejection::Designated { unit });
        }
        let limit = self.order.policy.returns;
        if self.order.marks.returned >= limit {
            return Err(Rejection::UsedUp { action: ActionName::Return, limit });
        }
        self.settle();
        if !self.order.refused_by.contains(&unit) {
            self.order.refused_by.push(unit);
        }
        self.order.marks.returned = self.order.marks.returned.saturating_add(1);
        self.take_paper();
        let held = self.hand_over(Ending::Returned, above, Duty::Returned, Stage::ReturnReview);
        self.happened(What::Returned { from: unit, to: above, held, reason });
        Ok(())
    }

    pub(super) fn decide_return(&mut self, decision: ReturnDecision) -> Result<(), Rejection> {
        let by = self.must_hold()?;
        // Who gave it back, or lost it: the last lead.
        let lead = self.order.legs.iter().rev().find(|leg| leg.duty == Duty::Lead);
        let returner = lead.map_or(by, |leg| leg.unit);
        let (to, ending) = match decision {
            ReturnDecision::Transfer { to } => {
                self.must_not_be_recused(&[to])?;
                if to == returner || !(to == by || lies_below(by, to)) {
                    return Err(Rejection::NotBelow { unit: by, to });
                }
                (to, Ending::Transferred)
            }
            ReturnDecision::Designate => {
                self.must_not_be_recused(&[returner])?;
                (returner, Ending::Designated)
            }
        };
        self.settle();
        // Whom a person sends it to is no longer one that the clock avoids.
        self.order.refused_by.retain(|unit| *unit != to);
        let designated = ending == Ending::Designated;
        self.order.designated = designated.then_some(to);
        if to != by {
            self.lead_through(by, to)?;
        }
        self.hand_over(ending, to, Duty::Lead, Stage::Assigned);
        self.happened(What::ReturnDecided { by, to, designated });
        Ok(())
    }
}
