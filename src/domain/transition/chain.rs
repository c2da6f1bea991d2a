//! Down the chain and back up: 待签收 → 待签收 below, → 办理中, → 待签收 above.

use super::Step;
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::matter::Plan;
use crate::domain::order::Tries;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{Duty, Ending, Stage};

impl Step<'_> {
    /// The order came before somebody's eyes. Later deliveries change nothing.
    pub(super) fn deliver(&mut self) {
        if !self.order.is_open() || self.order.leg().delivered_at.is_some() {
            return;
        }
        let unit = self.order.leg().unit;
        self.order.leg_mut().delivered_at = Some(self.now);
        if self.order.is_unsigned() {
            self.order.tries.deliveries = 1;
        }
        self.happened(What::Delivered { unit });
    }

    /// Handed out once more. Who claims an order and never signs may have a reason that the
    /// next one shares: after so many it is kept for a person to look at. Its clocks run on.
    pub(super) fn redeliver(&mut self, at_most: u8) {
        let leg = self.order.leg();
        if !self.order.is_unsigned() || leg.delivered_at.is_none() || self.order.is_parked() {
            return;
        }
        let (unit, deliveries) = (leg.unit, self.order.tries.deliveries);
        if deliveries >= at_most {
            self.order.tries.parked_at = Some(self.now);
            self.happened(What::Parked { unit, deliveries });
        } else {
            self.order.tries.deliveries += 1;
            self.happened(What::Redelivered { unit, deliveries: deliveries + 1 });
        }
    }

    /// Somebody looked at what is parked: it is handed out again, as if for the first time.
    pub(super) fn release(&mut self) -> Result<(), Rejection> {
        let unit = self.must_hold()?;
        if !self.order.is_parked() {
            return Err(Rejection::NotParked);
        }
        self.settle();
        self.order.tries = Tries::default();
        self.happened(What::Released { unit });
        Ok(())
    }

    /// The unit has taken the order. At the front line the first promise is kept, and the
    /// people who can act begin; a unit with somebody below has only said that it saw it. Where
    /// a correction or a recusal left nobody below it, it signs once more, as the front line.
    pub(super) fn sign(&mut self) -> Result<(), Rejection> {
        if let Some(unit) = self.helping() {
            return self.co_sign(unit);
        }
        let unit = self.must_hold()?;
        let is_front_line = self.order.next_down().is_none();
        if let Some(at) = self.order.leg().signed_at
            && !is_front_line
        {
            return Err(Rejection::AlreadySigned { unit, at });
        }
        self.settle();
        let now = self.now;
        let leg = self.order.leg_mut();
        leg.signed_at = Some(now);
        // Whoever signs has seen it, however it reached them.
        leg.delivered_at.get_or_insert(now);
        let arrived_after = is_front_line.then(|| now.since(self.order.heard_at));
        if is_front_line {
            self.order.stage = Stage::Handling;
            // After a return the order may arrive twice; the promise was kept the first time.
            self.order.arrival.stopped_at.get_or_insert(now);
        }
        self.happened(What::Signed { unit, arrived_after });
        Ok(())
    }

    pub(super) fn relay(&mut self, to: Option<Unit>) -> Result<(), Rejection> {
        let unit = self.must_hold()?;
        let to = match to {
            Some(to) if to != unit && lies_below(unit, to) => to,
            Some(to) => return Err(Rejection::NotBelow { unit, to }),
            None => self.order.next_down().ok_or(Rejection::NobodyBelow { unit })?,
        };
        self.must_not_be_recused(&[to])?;
        self.settle();
        self.lead_through(unit, to)?;
        let held = self.hand_over(Ending::Passed, to, Duty::Lead, Stage::Assigned);
        self.happened(What::Relayed { from: unit, to, held, late: None });
        Ok(())
    }

    /// Makes `to` follow `unit` in the plan: as planned, or as the new front line.
    pub(super) fn lead_through(&mut self, unit: Unit, to: Unit) -> Result<(), Rejection> {
        let chain = self.order.plan.as_ref().map_or(&[][..], Plan::units);
        if chain.contains(&to) {
            return Ok(());
        }
        let kept = chain.iter().position(|u| *u == unit).map_or(0, |at| at + 1);
        let mut chain = chain[..kept].to_vec();
        chain.push(to);
        let plan = Plan::new(chain).map_err(|_| Rejection::NotBelow { unit, to })?;
        self.order.plan = Some(plan);
        Ok(())
    }

    /// The front line that holds the order may see whom to call back, and so may the centre.
    pub(super) fn view_contact(&mut self) -> Result<(), Rejection> {
        let centre = self.order.no.cell().centre();
        let unit = self.actor.unit;
        if unit != centre {
            if !self.order.is_open() {
                return Err(Rejection::NotCentre { centre, actor: unit });
            }
            self.must_hold()?;
            let acts = self.order.stage != Stage::Assigned || self.order.next_down().is_none();
            if !acts {
                return Err(Rejection::NotCentre { centre, actor: unit });
            }
        }
        self.settle();
        self.happened(What::ContactViewed { unit });
        Ok(())
    }
}

/// Whether `to` can be sent down to from `unit`: a lower place within its division, or from
/// a hall to a department beside it.
pub(super) fn lies_below(unit: Unit, to: Unit) -> bool {
    let beside = unit.division() == to.division();
    unit.division().contains(to.division())
        && (!beside || (unit.office_number() == 0 && to.office_number() != 0))
}
