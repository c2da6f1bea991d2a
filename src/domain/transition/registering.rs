//! – → 待受理 or 待签收, and out of triage.

use super::{Decision, Step};
use crate::domain::actor::Actor;
use crate::domain::command::{Accept, Register};
use crate::domain::event::What;
use crate::domain::likeness::Likeness;
use crate::domain::matter::{Confidence, Urgency, Way};
use crate::domain::order::{Clock, Leg, Links, MAX_RECUSED, Marks, Order, Tries};
use crate::domain::rejection::Rejection;
use crate::domain::stage::{Duty, Ending, Stage};
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
    let urgency = register.reading.urgency;
    if register.hand_over.is_some() && urgency != Urgency::Critical {
        return Err(Rejection::NotCritical { urgency });
    }
    if register.recused.contains(&centre) || register.recused.len() > MAX_RECUSED {
        // Which of the two it is: the centre, or one too many.
        let own = register.recused.iter().find(|unit| **unit == centre);
        let unit = own.copied().unwrap_or(register.recused[MAX_RECUSED]);
        return Err(Rejection::CannotRecuse { unit });
    }
    // Whoever files it would know of it: against oneself one files at the centre.
    if register.recused.contains(&actor.unit) {
        return Err(Rejection::Recused { unit: actor.unit });
    }
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
        model: register.model,
        heard_at,
        registered_at: now,
        updated_at: now,
        policy: register.policy.clone(),
        arrival: Clock::new(register.policy.arrival),
        closure: Clock::new(register.policy.closure),
        granted: Span::ZERO,
        legs: vec![leg],
        tries: Tries::default(),
        refused_by: Vec::new(),
        marks: Marks::default(),
        recused: register.recused.clone(),
        direct: false,
        designated: None,
        asked: None,
        pauses: Vec::new(),
        rounds: Vec::new(),
        co_handlers: Vec::new(),
        overdue_told: false,
        links: Links { reopens: register.reopens, ..Links::default() },
        report: None,
        papers: 1,
        carried: Vec::new(),
    };
    let mut step = Step { order, actor, now, whats: Vec::with_capacity(1) };
    if let Some(plan) = &register.plan {
        step.must_not_be_recused(plan.units())?;
    }
    let division = register.reading.division;
    let like = register.hash.map(|hash| Likeness { hash, division });
    step.happened(What::Registered { heard_at, like });
    if let Some(to) = register.hand_over {
        step.end(Stage::HandedOver);
        step.happened(What::HandedOver { to });
    }
    Ok(step.finish())
}

impl Step<'_> {
    /// A person at the centre says what the order is about, which decides its limits, and
    /// where it belongs.
    pub(super) fn accept(&mut self, accept: &Accept) -> Result<(), Rejection> {
        self.must_be_centre()?;
        if let Some(way) = &accept.way {
            self.must_not_be_recused(way.plan.units())?;
        }
        self.settle();
        self.order.reading = accept.reading.clone();
        // A person has decided: there is no doubt left to measure.
        self.order.reading.category_confidence = Confidence::new(100);
        self.order.reading.division_confidence = Confidence::new(100);
        self.happened(What::Accepted { by_clock: false });
        self.stamp(&accept.policy);
        match &accept.way {
            Some(way) => self.send(way, accept.direct),
            None => self.order.stage = Stage::Dispatching,
        }
        Ok(())
    }

    /// 待派遣 → 待签收.
    pub(super) fn assign(&mut self, way: &Way, direct: bool) -> Result<(), Rejection> {
        self.must_be_centre()?;
        self.must_not_be_recused(way.plan.units())?;
        self.settle();
        self.send(way, direct);
        self.happened(What::Dispatched { to: self.order.leg().unit });
        Ok(())
    }

    /// 直达 goes straight to the front line, with copies to the levels between.
    fn send(&mut self, way: &Way, direct: bool) {
        self.take_way(way);
        self.order.direct = direct;
        let first = if direct { way.plan.front_line() } else { way.plan.units()[0] };
        self.hand_over(Ending::Passed, first, Duty::Lead, Stage::Assigned);
    }
}
