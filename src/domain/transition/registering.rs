//! – → 待受理 or 待签收, and out of triage.

use super::{Decision, Step};
use crate::domain::actor::Actor;
use crate::domain::command::{Accept, ActionName, Register};
use crate::domain::event::What;
use crate::domain::matter::Confidence;
use crate::domain::order::{Clock, Duty, Ending, Leg, Marks, Order, Stage};
use crate::domain::rejection::Rejection;
use crate::domain::time::{Span, Timestamp};

/// How far ahead a client's clock may be before its word is refused; within it, `heard_at`
/// is taken as now.
pub const CLOCK_SKEW: Span = Span::minutes(1);
/// How long ago a citizen may have been heard: paper forms filed after an outage.
pub const HEARD_AT_MOST: Span = Span::hours(7 * 24);

pub(super) fn register(
    register: &Register,
    actor: &Actor,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let ahead = register.heard_at.since(now);
    if ahead > CLOCK_SKEW {
        return Err(Rejection::HeardInFuture { ahead });
    }
    let heard_at = register.heard_at.min(now);
    let ago = now.since(heard_at);
    if ago > HEARD_AT_MOST {
        return Err(Rejection::HeardTooLongAgo { ago, limit: HEARD_AT_MOST });
    }
    let centre = register.no.cell().centre();
    let (stage, leg) = match &register.plan {
        Some(plan) => (Stage::Assigned, Leg::begin(plan.units()[0], Duty::Lead, heard_at)),
        None => (Stage::Triage, Leg::begin(centre, Duty::Triage, heard_at)),
    };
    let order = Order {
        no: register.no,
        version: 0,
        stage,
        channel: register.channel,
        reading: register.reading.clone(),
        plan: register.plan.clone(),
        catalogue: register.catalogue,
        rule: register.rule,
        heard_at,
        registered_at: now,
        updated_at: now,
        policy: register.policy.clone(),
        arrival: Clock::new(register.policy.arrival),
        closure: Clock::new(register.policy.closure),
        legs: vec![leg],
        refused_by: Vec::new(),
        marks: Marks::default(),
        papers: 1,
        carried: Vec::new(),
    };
    let mut step = Step { order, actor, now, whats: Vec::with_capacity(1) };
    step.happened(What::Registered { heard_at });
    Ok(step.finish())
}

impl Step<'_> {
    /// A person at the centre says where the order belongs.
    pub(super) fn accept(&mut self, accept: &Accept) -> Result<(), Rejection> {
        self.must_stand_in(Stage::Triage, ActionName::Accept)?;
        self.must_be_centre()?;
        self.settle();
        self.order.reading = accept.reading.clone();
        // A person has decided: there is no doubt left to measure.
        self.order.reading.category_confidence = Confidence::new(100);
        self.order.reading.division_confidence = Confidence::new(100);
        self.order.plan = Some(accept.plan.clone());
        self.order.rule = accept.rule;
        self.hand_over(Ending::Passed, accept.plan.units()[0], Duty::Lead, Stage::Assigned);
        self.happened(What::Accepted { by_clock: false });
        Ok(())
    }
}
