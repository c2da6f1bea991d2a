//! Orders that have to do with each other: merged, reopened.
//!
//! Both change in one step: a caller's order and the one it is merged into, an archived order and
//! the one that takes it up.

use super::intake::Submission;
use super::step::{Decided, With};
use super::{Dispatch, Done, Refusal, Request};
use crate::domain::{
    Action, ActionName, Actor, Category, Command, Order, OrderNo, Refused, Rejection, Stage,
    Timestamp, allowed, decide, normal_phone,
};
use crate::store::Paper;
use std::sync::Arc;

/// An open order that a caller has called about.
#[derive(Clone, Debug)]
pub struct Called {
    /// The order that is worked.
    pub order: Arc<Order>,
    /// What the caller's own words were read as.
    pub said: Category,
}

impl Called {
    /// Whether it may be what the caller calls about now. Whose category is not known yet may
    /// be about anything.
    pub fn is_about(&self, category: Category) -> bool {
        category == Category::NONE
            || self.said == category
            || self.order.reading.category == category
    }
}

impl Dispatch {
    /// Lets the caller of a merged order hear the result, if the other order still has one;
    /// whether there is nothing more to tell. A child that is read as it was before it was
    /// merged is told the next time.
    async fn tell(&self, child: OrderNo, parent: OrderNo) -> Result<bool, Refusal> {
        let Some(before) = self.look_up(child).await? else { return Ok(false) };
        if before.links.merged_into != Some(parent) {
            return Ok(before.is_over());
        }
        if self.order(parent).await?.is_open() {
            return Ok(false);
        }
        let command = Command { actor: Actor::clock(self.cell()), action: Action::HearResult };
        let (_, after) = self.step(child, &command, With::default()).await?;
        Ok(after.links.merged_into == Some(parent) && after.stage != Stage::Merged)
    }

    /// Every caller of an order that has ended hears of it; then the order is done with. If it
    /// is taken up meanwhile, perhaps with another caller, it is not: it ends again.
    pub(super) async fn tell_children(&self, parent: &Order) -> Result<(), Refusal> {
        let mut told = true;
        for child in &parent.links.children {
            told &= self.tell(*child, parent.no).await?;
        }
        if !told {
            return Ok(());
        }
        let command = Command { actor: Actor::clock(self.cell()), action: Action::ChildrenTold };
        let with = With { as_of: Some(parent.version), ..With::default() };
        self.step(parent.no, &command, with).await.map(|_| ())
    }

    /// Files a new order that takes up an archived one, which names it: there is one at most.
    pub async fn reopen(
        &self,
        of: OrderNo,
        actor: &Actor,
        request: Request,
        matter: Submission,
    ) -> Result<Done, Refusal> {
        self.once(Some(request), actor, self.taken_up(of, actor, request, matter)).await
    }

    async fn taken_up(
        &self,
        of: OrderNo,
        actor: &Actor,
        request: Request,
        mut matter: Submission,
    ) -> Result<Done, Refusal> {
        if let Some(done) = self.recall(Some(request), actor).await? {
            return Ok(done);
        }
        let old = self.seen(of, actor).await?;
        self.must_be_centre(actor)?;
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
        if let Some(by) = old.links.reopened_as {
            let why = Rejection::AlreadyReopened { by };
            return Err(Refused::of(Some(&old), ActionName::Reopened, why).into());
        }
        self.register(actor, request, matter, Some(of)).await
    }

    /// An archived order names the one that takes it up; the moment at which both change.
    pub(super) async fn names(
        &self,
        of: OrderNo,
        actor: &Actor,
        by: OrderNo,
    ) -> Result<(Timestamp, Option<Decided>), Refusal> {
        let before = self.order(of).await?;
        let now = self.now().max(before.updated_at);
        let command = Command { actor: actor.clone(), action: Action::Reopened { by } };
        let decision = decide(Some(&before), &command, now)?;
        Ok((now, Some(Decided { before: Some(before), decision })))
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

    /// The orders of a caller that are not over and that the actor may see, newest first; the
    /// one that a merged one was merged into stands in its place.
    pub async fn of_caller(&self, actor: &Actor, phone: &str) -> Result<Vec<Called>, Refusal> {
        let Some(phone) = normal_phone(phone) else { return Ok(Vec::new()) };
        let mut called: Vec<Called> = Vec::new();
        let numbers = self.store.of_caller(self.sealer.phone_digest(phone.digits())).await?;
        if numbers.is_empty() {
            return Ok(called);
        }
        for own in self.store.load_each(&numbers).await?.into_iter().flatten() {
            let order = match own.links.merged_into {
                Some(parent) if own.stage == Stage::Merged => self.order(parent).await?,
                Some(_) | None => Arc::clone(&own),
            };
            let hidden = [&own, &order].iter().any(|order| order.hidden_from(actor.unit));
            if !hidden && order.is_open() && !called.iter().any(|c| c.order.no == order.no) {
                called.push(Called { order, said: own.reading.category });
            }
        }
        Ok(called)
    }

    /// An order, for whoever may know of it.
    pub async fn seen(&self, no: OrderNo, actor: &Actor) -> Result<Arc<Order>, Refusal> {
        let order = self.order(no).await?;
        if order.hidden_from(actor.unit) { Err(Rejection::NoSuchOrder.into()) } else { Ok(order) }
    }
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
