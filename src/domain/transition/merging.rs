//! Many callers, one matter: 待受理 → 已并单, and the result told to each.
//!
//! Both orders change in one step, all or nothing: [`beside`] says which other one, and how.

use super::Step;
use crate::domain::command::Action;
use crate::domain::event::What;
use crate::domain::ids::Unit;
use crate::domain::order::{MAX_CHILDREN, MAX_RECUSED, Order};
use crate::domain::order_no::OrderNo;
use crate::domain::rejection::Rejection;
use crate::domain::stage::{ClockKind, Stage};

/// The other order that an action on this one changes in the same step, and what becomes of it.
pub fn beside(order: &Order, action: &Action) -> Option<(OrderNo, Action)> {
    if let Action::Merge { into } = action {
        let adopt = Action::Adopt { child: order.no, recused: order.recused.clone() };
        return Some((*into, adopt));
    }
    // Who takes a merged order back waits no longer for the other one's result.
    let merged = matches!(action, Action::Withdraw) && order.stage == Stage::Merged;
    let parent = order.links.merged_into.filter(|_| merged)?;
    Some((parent, Action::Disown { child: order.no }))
}

impl Step<'_> {
    /// The child's clocks stop: it never warns or escalates again.
    pub(super) fn merge(&mut self, into: OrderNo) -> Result<(), Rejection> {
        self.must_be_centre()?;
        if into == self.order.no {
            return Err(Rejection::CannotMerge { why: "an order is not merged into itself" });
        }
        if !self.order.links.children.is_empty() {
            return Err(Rejection::CannotMerge { why: "others are merged into the first one" });
        }
        self.settle();
        self.order.links.merged_into = Some(into);
        self.end(Stage::Merged);
        self.happened(What::Merged { into });
        Ok(())
    }

    /// Another caller waits for the result, whoever has heard one before.
    pub(super) fn adopt(&mut self, child: OrderNo, recused: &[Unit]) -> Result<(), Rejection> {
        self.must_be_centre()?;
        let children = &self.order.links.children;
        let known = children.contains(&child);
        if !known && children.len() >= MAX_CHILDREN {
            return Err(Rejection::CannotMerge { why: "64 orders are merged into it already" });
        }
        let mut kept_from = self.order.recused.clone();
        for unit in recused {
            if self.works_on(*unit) {
                let why = "a unit that the first one complains about works on the other";
                return Err(Rejection::CannotMerge { why });
            }
            if !kept_from.contains(unit) {
                kept_from.push(*unit);
            }
        }
        if kept_from.len() > MAX_RECUSED {
            let why = "they complain about more than 8 units together";
            return Err(Rejection::CannotMerge { why });
        }
        self.settle();
        self.order.recused = kept_from;
        if !known {
            self.order.links.children.push(child);
        }
        // Whoever has heard a result before, this caller has not.
        self.order.links.told = false;
        self.happened(What::Adopted { child });
        Ok(())
    }

    /// Whether a unit has the order, had it, helps with it, is told of it or is on its way.
    fn works_on(&self, unit: Unit) -> bool {
        let order = &self.order;
        order.legs.iter().any(|leg| leg.unit == unit)
            || order.co_handlers.iter().any(|co| co.unit == unit)
            || order.plan.as_ref().is_some_and(|plan| plan.units().contains(&unit))
            || ClockKind::ALL.iter().any(|kind| order.clock(*kind).raised_to == Some(unit))
    }

    pub(super) fn disown(&mut self, child: OrderNo) -> Result<(), Rejection> {
        self.must_be_centre()?;
        let children = &mut self.order.links.children;
        if let Some(at) = children.iter().position(|other| *other == child) {
            children.remove(at);
            self.settle();
            self.happened(What::Disowned { child });
        }
        Ok(())
    }

    /// 已并单 → 待回访: there is something to tell this caller, too.
    pub(super) fn hear_result(&mut self) {
        if let (Stage::Merged, Some(of)) = (self.order.stage, self.order.links.merged_into) {
            self.order.stage = Stage::FollowUp;
            self.happened(What::ResultHeard { of });
        }
    }

    pub(super) fn children_told(&mut self) {
        if self.order.has_untold() {
            self.order.links.told = true;
            let count = self.order.links.children.len() as u8;
            self.happened(What::ChildrenTold { count });
        }
    }
}
