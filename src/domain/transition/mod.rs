//! Why an order moved: `decide` turns a command into the next order and its events, or
//! says why not. One file for each part of the order's way.

mod chain;
mod registering;
mod reporting;
mod ticking;

use super::actor::Actor;
use super::command::{Action, ActionName, Command};
use super::event::{Event, What};
use super::ids::Unit;
use super::order::{Duty, Ending, LEGS_RESERVED, Leg, MAX_LEGS, Order, Stage};
use super::rejection::Rejection;
use super::time::{Span, Timestamp};

pub use registering::{CLOCK_SKEW, HEARD_AT_MOST};

/// What a command comes to. No events means that nothing happened: there is nothing to commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The order as it is now.
    pub after: Order,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// What may be wanted of an order in each stage. Deliver, ViewContact and Tick are not for
/// a person to choose between and stand in no list.
pub fn allowed(stage: Stage) -> &'static [ActionName] {
    match stage {
        Stage::Triage => &[ActionName::Accept],
        Stage::Assigned => &[ActionName::Sign, ActionName::Relay, ActionName::Return],
        Stage::Handling => &[ActionName::Report],
        Stage::Review => &[ActionName::DecideReport],
        Stage::FollowUp | Stage::Archived => &[],
    }
}

/// Decides a command. Pure: the same arguments give the same answer.
///
/// An order's time never runs backwards: a `now` before its last change counts as that.
/// Whatever warning or breach fell due strictly before `now` is booked first, so that a
/// late timer never makes a late step look timely.
pub fn decide(
    before: Option<&Order>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let Some(before) = before else {
        return match &command.action {
            Action::Register(register) => registering::register(register, &command.actor, now),
            Action::Accept(_)
            | Action::Deliver
            | Action::Sign
            | Action::Relay { .. }
            | Action::Return { .. }
            | Action::Report
            | Action::DecideReport { .. }
            | Action::ViewContact
            | Action::Tick { .. } => Err(Rejection::NoSuchOrder),
        };
    };
    let mut step = Step::begin(before, &command.actor, now);
    match &command.action {
        Action::Register(_) => return Err(Rejection::NumberTaken),
        Action::Tick { fallback } => step.tick(*fallback),
        Action::Deliver => step.deliver(),
        Action::Accept(accept) => step.accept(accept)?,
        Action::Sign => step.sign()?,
        Action::Relay { to } => step.relay(*to)?,
        Action::Return { reason } => step.give_back(*reason)?,
        Action::Report => step.report()?,
        Action::DecideReport { verdict } => step.decide_report(*verdict)?,
        Action::ViewContact => step.view_contact()?,
    }
    Ok(step.finish())
}

/// One step in the making: the order as it becomes, and what happened so far.
struct Step<'a> {
    order: Order,
    actor: &'a Actor,
    now: Timestamp,
    whats: Vec<(What, Option<Actor>)>,
}

impl<'a> Step<'a> {
    fn begin(before: &Order, actor: &'a Actor, now: Timestamp) -> Step<'a> {
        let now = now.max(before.updated_at);
        Step { order: before.clone(), actor, now, whats: Vec::with_capacity(2) }
    }

    fn finish(self) -> Decision {
        let Step { mut order, actor, now, whats } = self;
        if whats.is_empty() {
            return Decision { after: order, events: Vec::new() };
        }
        order.version += 1;
        order.updated_at = now;
        let events = whats
            .into_iter()
            .map(|(what, by)| Event {
                order: order.no,
                version: order.version,
                at: now,
                actor: by.unwrap_or_else(|| actor.clone()),
                stage: order.stage,
                unit: order.leg().unit,
                category: order.reading.category,
                what,
            })
            .collect();
        Decision { after: order, events }
    }

    /// The actor did it.
    fn happened(&mut self, what: What) {
        self.whats.push((what, None));
    }

    /// The clock did it, whoever's command brought it to light.
    fn fell_due(&mut self, what: What) {
        let clock = Actor::clock(self.order.no.cell());
        self.whats.push((what, Some(clock)));
    }

    fn must_stand_in(&self, stage: Stage, action: ActionName) -> Result<(), Rejection> {
        if self.order.stage == stage {
            return Ok(());
        }
        let stage = self.order.stage;
        Err(Rejection::WrongStage { stage, action, allowed: allowed(stage) })
    }

    /// The holder itself may act, or a hall above in its name; the event says who did.
    fn must_hold(&self) -> Result<Unit, Rejection> {
        let holder = self.order.leg().unit;
        if self.actor.unit.covers(holder) {
            Ok(holder)
        } else {
            Err(Rejection::NotHolder { holder, actor: self.actor.unit })
        }
    }

    fn must_be_centre(&self) -> Result<(), Rejection> {
        let centre = self.order.no.cell().centre();
        if self.actor.unit == centre {
            Ok(())
        } else {
            Err(Rejection::NotCentre { centre, actor: self.actor.unit })
        }
    }

    /// Refuses what would lengthen the order's way once only the way down is left.
    fn must_have_room(&self) -> Result<(), Rejection> {
        let limit = MAX_LEGS - LEGS_RESERVED;
        if self.order.legs.len() < limit { Ok(()) } else { Err(Rejection::TooManyMoves { limit }) }
    }

    /// Ends the running holding and begins the next; returns how long it was held.
    fn hand_over(&mut self, ending: Ending, to: Unit, duty: Duty, stage: Stage) -> Span {
        let held = self.end_leg(ending);
        self.order.legs.push(Leg::begin(to, duty, self.now));
        self.order.stage = stage;
        held
    }

    fn end_leg(&mut self, ending: Ending) -> Span {
        let now = self.now;
        let leg = self.order.leg_mut();
        leg.ended = Some((now, ending));
        leg.held(now)
    }

    /// Numbers the paper that the caller stores with this step.
    fn take_paper(&mut self) {
        self.order.papers = self.order.papers.saturating_add(1);
    }
}
