//! What a person decides about an order: what it is about, where it goes, whether it is done
//! again. The limits and the way that go with that are found in the same try, and so are
//! always of the order as it stands.

use super::intake::without;
use super::links::must_allow;
use super::mode::InForce;
use super::step::With;
use super::{Dispatch, Done, Refusal, Request};
use crate::domain::{
    Accept, Action, ActionName, Actor, Category, Confidence, Correct, Division, Kind, Order,
    OrderNo, Outcome, Plan, Reading, Rejection, Timestamp, Unit, Urgency, Way,
};
use crate::route::{Route, route};

/// A person's decision about an order in triage.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// What it is about.
    pub category: Category,
    /// Where.
    pub division: Division,
    /// `None` leaves it as it was read.
    pub kind: Option<Kind>,
    /// `None` leaves it as it was read.
    pub urgency: Option<Urgency>,
    /// Which way it goes; `None` leaves that open.
    pub routing: Option<Routing>,
}

/// Which way an order goes.
#[derive(Clone, Debug)]
pub struct Routing {
    /// The units from the city down; `None` asks the catalogue.
    pub chain: Option<Vec<Unit>>,
    /// 直达: straight to the last of them, with copies to those before.
    pub direct: bool,
}

/// What was read, corrected; `None` leaves it as it is.
#[derive(Clone, Debug)]
pub struct Correction {
    /// What it is about.
    pub category: Option<Category>,
    /// Where.
    pub division: Option<Division>,
    /// What the citizen wants.
    pub kind: Option<Kind>,
    /// How soon.
    pub urgency: Option<Urgency>,
}

impl Dispatch {
    /// Takes an order out of triage, with the limits of what it was decided to be.
    pub async fn accept(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
        decision: Acceptance,
    ) -> Result<Done, Refusal> {
        let Acceptance { category, division, kind, urgency, routing } = decision;
        let certain = Confidence::new(100);
        let want = |order: &Order, in_force: InForce, _: Timestamp| {
            self.must_be_centre(actor)?;
            self.check_choices(Some(category), Some(division))?;
            let reading = Reading {
                kind: kind.unwrap_or(order.reading.kind),
                category,
                urgency: urgency.unwrap_or(order.reading.urgency),
                category_confidence: certain,
                division,
                division_confidence: certain,
            };
            let (way, direct) = match &routing {
                Some(Routing { chain, direct }) => {
                    (Some(self.way(chain.as_deref(), &reading, &order.recused)?), *direct)
                }
                None => (None, false),
            };
            let policy = self.limits_of(order, &reading, in_force.mode);
            Ok(Action::Accept(Box::new(Accept { reading, policy, way, direct })))
        };
        self.decided(no, actor, request, want).await
    }

    /// Says where an accepted order goes.
    pub async fn assign(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
        Routing { chain, direct }: Routing,
    ) -> Result<Done, Refusal> {
        let want = |order: &Order, _: InForce, _: Timestamp| {
            self.must_be_centre(actor)?;
            must_allow(order, ActionName::Assign)?;
            let way = self.way(chain.as_deref(), &order.reading, &order.recused)?;
            Ok(Action::Assign { way, direct })
        };
        self.decided(no, actor, request, want).await
    }

    /// Corrects what was read of an order; the limits and the rest of its way go with that.
    pub async fn correct(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
        correction: Correction,
    ) -> Result<Done, Refusal> {
        let Correction { category, division, kind, urgency } = correction;
        let certain = Confidence::new(100);
        let sure = |said: bool, was: Confidence| if said { certain } else { was };
        let want = |order: &Order, in_force: InForce, _: Timestamp| {
            self.check_choices(category, division)?;
            let was = &order.reading;
            let reading = Reading {
                kind: kind.unwrap_or(was.kind),
                category: category.unwrap_or(was.category),
                urgency: urgency.unwrap_or(was.urgency),
                category_confidence: sure(category.is_some(), was.category_confidence),
                division: division.unwrap_or(was.division),
                division_confidence: sure(division.is_some(), was.division_confidence),
            };
            let policy = self.limits_of(order, &reading, in_force.mode);
            // Where no rule leads a person says where it goes.
            let way = self.way(None, &reading, &order.recused).ok();
            Ok(Action::Correct(Box::new(Correct { reading, policy, way })))
        };
        self.decided(no, actor, request, want).await
    }

    /// Writes down what the citizen says of the result. What is done again has the limits that
    /// hold for what begins now.
    pub async fn follow_up(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
        outcome: Outcome,
    ) -> Result<Done, Refusal> {
        let want = |order: &Order, in_force: InForce, now: Timestamp| {
            let policy = Box::new(self.limits(&order.reading, now, in_force.mode));
            Ok(Action::FollowUp { outcome, policy })
        };
        self.decided(no, actor, request, want).await
    }

    async fn decided(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
        want: impl Fn(&Order, InForce, Timestamp) -> Result<Action, Refusal>,
    ) -> Result<Done, Refusal> {
        let with = With { request: Some(request), ..With::default() };
        self.step_by(no, actor, with, want).await.map(|(done, _)| done)
    }

    /// Whoever may not decide learns nothing of where it would go.
    pub(super) fn must_be_centre(&self, actor: &Actor) -> Result<(), Refusal> {
        let centre = self.cell().centre();
        if actor.unit == centre {
            return Ok(());
        }
        Err(Rejection::NotCentre { centre, actor: actor.unit }.into())
    }

    /// The chain a person named, or the catalogue's rule without whom the order complains about.
    fn way(
        &self,
        chain: Option<&[Unit]>,
        reading: &Reading,
        recused: &[Unit],
    ) -> Result<Way, Refusal> {
        let by = self.catalogue();
        let catalogue = by.version();
        if let Some(units) = chain {
            self.check_units("chain", units)?;
            let invalid = |why: &str| Refusal::Invalid { field: "chain", allowed: why.into() };
            let plan = Plan::new(units.to_vec()).map_err(invalid)?;
            self.check_lead("chain", plan.front_line(), reading.category)?;
            return Ok(Way { plan, catalogue, rule: 0 });
        }
        let invalid = |why: String| Refusal::Invalid {
            field: "category",
            allowed: format!("{why}; name the chain instead"),
        };
        let routed = route(&by, reading.category, reading.division);
        let routed = routed.map_err(|why| invalid(why.to_string()))?;
        let Route { plan, rule, short: _, helpers: _ } = without(routed, recused)
            .ok_or_else(|| invalid("the rule leads to a unit the order complains about".into()))?;
        Ok(Way { plan, catalogue, rule })
    }

    /// The village guard: a village leads what its duties say, and nothing else.
    pub(super) fn check_lead(
        &self,
        field: &'static str,
        unit: Unit,
        category: Category,
    ) -> Result<(), Refusal> {
        if self.catalogue().may_lead(unit, category) {
            return Ok(());
        }
        let allowed = format!(
            "a unit above village {unit}: category {category} is not among a village's duties"
        );
        Err(Refusal::Invalid { field, allowed })
    }
}
