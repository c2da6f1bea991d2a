//! Many callers, one matter: 待受理 → 已并单, and the result told to each.
//!
//! Two orders change in two steps, the child first: whoever merged it asks again if the second
//! did not follow, and both are idempotent.

use super::Step;
use crate::domain::event::What;
use crate::domain::order::MAX_CHILDREN;
use crate::domain::order_no::OrderNo;
use crate::domain::rejection::Rejection;
use crate::domain::stage::Stage;

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

    pub(super) fn adopt(&mut self, child: OrderNo) -> Result<(), Rejection> {
        self.must_be_centre()?;
        if child == self.order.no {
            return Err(Rejection::CannotMerge { why: "an order is not merged into itself" });
        }
        if self.order.links.children.contains(&child) {
            return Ok(());
        }
        if self.order.links.children.len() >= MAX_CHILDREN {
            return Err(Rejection::CannotMerge { why: "64 orders are merged into it already" });
        }
        self.settle();
        self.order.links.children.push(child);
        // Whoever has heard a result before, this caller has not.
        self.order.links.told = false;
        self.happened(What::Adopted { child });
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
