//! Orders that have to do with each other: merged, reopened.
//!
//! No store writes two orders in one step. Each pair of steps is in an order in which the first
//! alone does no harm, and asking again with the same request id does what is missing.

use super::intake::{Reopening, Submission};
use super::{Dispatch, Done, Refusal, Request};
use crate::domain::{
    Action, ActionName, Actor, Category, MAX_CHILDREN, Order, OrderNo, Refused, Rejection, Unit,
    allowed, normal_phone,
};
use crate::store::Paper;
use std::sync::Arc;

impl Dispatch {
    /// Lets `child` be worked in the place of `into`. The one that goes on takes it up first:
    /// a child that is then not merged is simply worked by itself.
    pub async fn merge(
        &self,
        child: OrderNo,
        into: OrderNo,
        actor: &Actor,
        request: Request,
    ) -> Result<Done, Refusal> {
        let merged = async {
            if let Some(done) = self.recall(Some(request)).await? {
                return Ok(done);
            }
            // First, so that nobody is told of the child whom it complains about.
            for unit in self.check_merge(child, into, actor).await? {
                self.act(into, actor, None, None, Action::Recuse { unit }, None).await?;
            }
            self.act(into, actor, None, None, Action::Adopt { child }, None).await?;
            self.act(child, actor, Some(request), None, Action::Merge { into }, None).await
        };
        let done = self.once(Some(request), merged).await?;
        // It may have ended, and told its callers, between the two steps.
        if self.order(into).await?.links.told {
            self.tell(child, into).await?;
        }
        Ok(done)
    }

    /// All that can be known before either is changed. Returns the units that may see the
    /// second no more, for the first complains about them.
    async fn check_merge(
        &self,
        child: OrderNo,
        into: OrderNo,
        actor: &Actor,
    ) -> Result<Vec<Unit>, Refusal> {
        let (child, into) = (self.seen(child, actor).await?, self.seen(into, actor).await?);
        let centre = self.cell().centre();
        if actor.unit != centre {
            return Err(Rejection::NotCentre { centre, actor: actor.unit }.into());
        }
        must_allow(&child, ActionName::Merge)?;
        must_allow(&into, ActionName::Adopt)?;
        let why = if child.no == into.no {
            "an order is not merged into itself"
        } else if !child.links.children.is_empty() {
            "others are merged into the first one"
        } else if into.links.children.len() >= MAX_CHILDREN {
            "64 orders are merged into it already"
        } else if child.recused.iter().any(|unit| works_on(&into, *unit)) {
            "a unit that the first one complains about works on the other"
        } else {
            let recused = child.recused.iter().copied();
            return Ok(recused.filter(|unit| !into.recused.contains(unit)).collect());
        };
        let why = Rejection::CannotMerge { why };
        Err(Refused::of(Some(&child), ActionName::Merge, why).into())
    }

    /// Lets the caller of a merged order hear the result.
    pub(super) async fn tell(&self, child: OrderNo, parent: OrderNo) -> Result<(), Refusal> {
        let merged = match self.store.load(child).await? {
            Some(child) => child.links.merged_into == Some(parent),
            None => false,
        };
        if merged {
            let clock = Actor::clock(self.cell());
            self.act(child, &clock, None, None, Action::HearResult, None).await?;
        }
        Ok(())
    }

    /// Every caller of an order that has ended hears of it; then the order is done with. One
    /// that is merged this very moment either sees that they were told, and hears of it by
    /// itself, or is found by looking again.
    pub(super) async fn tell_children(&self, parent: &Order) -> Result<(), Refusal> {
        let clock = Actor::clock(self.cell());
        for child in &parent.links.children {
            self.tell(*child, parent.no).await?;
        }
        self.act(parent.no, &clock, None, None, Action::ChildrenTold, None).await?;
        for child in &parent.links.children {
            self.tell(*child, parent.no).await?;
        }
        Ok(())
    }

    /// Files a new order that takes up an archived one. The archived order names the number
    /// first, so that there is one at most; whoever asks while that number is still free has it.
    pub async fn reopen(
        &self,
        of: OrderNo,
        actor: &Actor,
        request: Request,
        matter: Submission,
    ) -> Result<Done, Refusal> {
        self.once(Some(request), self.taken_up(of, actor, request, matter)).await
    }

    async fn taken_up(
        &self,
        of: OrderNo,
        actor: &Actor,
        request: Request,
        mut matter: Submission,
    ) -> Result<Done, Refusal> {
        if let Some(done) = self.recall(Some(request)).await? {
            return Ok(done);
        }
        let old = self.seen(of, actor).await?;
        must_allow(&old, ActionName::Reopened)?;
        self.check_choices(matter.category, matter.division)?;
        self.check_units("recused_units", &matter.recused)?;
        self.check_new(&old, &matter).await?;
        matter.category =
            matter.category.or(Some(old.reading.category).filter(|c| *c != Category::NONE));
        matter.division = matter.division.or(Some(old.reading.division));
        let kept = old.recused.iter().filter(|unit| !matter.recused.contains(unit));
        let kept: Vec<_> = kept.copied().collect();
        matter.recused.extend(kept);
        let no = match old.links.reopened_as {
            Some(no) if self.store.load(no).await?.is_none() => no,
            Some(by) => {
                let why = Rejection::AlreadyReopened { by };
                return Err(Refused::of(Some(&old), ActionName::Reopened, why).into());
            }
            None => {
                let date = self.now().date();
                let by = self.numbers.next(&*self.store, self.cell(), date).await?;
                self.act(of, actor, None, None, Action::Reopened { by }, None).await?;
                by
            }
        };
        self.register(actor, request, matter, Some(Reopening { of, no })).await
    }

    /// What was said before is no new fact.
    async fn check_new(&self, old: &Order, matter: &Submission) -> Result<(), Refusal> {
        let same = |a: &str, b: &str| a.split_whitespace().eq(b.split_whitespace());
        match self.paper(old.no, 0).await? {
            Some(Paper { body, .. }) if same(&body, &matter.text) => {
                let allowed = "new facts: the archived order has these words already".to_owned();
                Err(Refusal::Invalid { field: "text", allowed })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The open orders of a caller about one category, newest first: the same matter again?
    /// Whose category is not known yet is shown every open order.
    pub async fn repeats(
        &self,
        actor: &Actor,
        phone: &str,
        category: Category,
    ) -> Result<Vec<Arc<Order>>, Refusal> {
        let Some(phone) = normal_phone(phone).filter(|phone| !phone.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut repeats = Vec::new();
        for no in self.store.of_caller(self.sealer.phone_digest(&phone)).await? {
            let Some(order) = self.store.load(no).await? else { continue };
            let same = category == Category::NONE || order.reading.category == category;
            if same && order.is_open() && !order.hidden_from(actor.unit) {
                repeats.push(order);
            }
        }
        Ok(repeats)
    }

    /// An order, for whoever may know of it.
    pub async fn seen(&self, no: OrderNo, actor: &Actor) -> Result<Arc<Order>, Refusal> {
        let order = self.order(no).await?;
        if order.hidden_from(actor.unit) { Err(Rejection::NoSuchOrder.into()) } else { Ok(order) }
    }
}

/// Whether a unit has the order, had it, helps with it, or is on its way.
fn works_on(order: &Order, unit: Unit) -> bool {
    order.legs.iter().any(|leg| leg.unit == unit)
        || order.co_handlers.iter().any(|co| co.unit == unit)
        || order.plan.as_ref().is_some_and(|plan| plan.units().contains(&unit))
}

/// Before anything else is asked: whether the order's stage knows the move at all.
pub(super) fn must_allow(order: &Order, action: ActionName) -> Result<(), Refused> {
    let stage = order.stage;
    if allowed(stage).contains(&action) {
        Ok(())
    } else {
        Err(Refused::of(Some(order), action, Rejection::WrongStage { stage, action }))
    }
}
