//! Why an order moved: `decide` turns a command into the next order and its events, or
//! says why not. One file for each part of the order's way.

mod allowed;
mod asking;
mod centre;
mod chain;
mod closing;
mod correcting;
mod merging;
mod registering;
mod reporting;
mod returning;
mod ticking;

use super::actor::Actor;
use super::command::{Action, ActionName, Command, Register};
use super::event::{Event, What};
use super::ids::Unit;
use super::order::{LEGS_RESERVED, Leg, MAX_LEGS, Order, Tries};
use super::refused::Refused;
use super::rejection::Rejection;
use super::stage::{ClockKind, Duty, Ending, Stage};
use super::time::{Span, Timestamp};

pub use allowed::allowed;
pub use merging::beside;
pub use registering::{CLOCK_SKEW, HEARD_AT_MOST};

/// What a command comes to. No events means that nothing happened: there is nothing to commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The order as it is now.
    pub after: Order,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Decides a command. Pure: the same arguments give the same answer.
///
/// An order's time never runs backwards: a `now` before its last change counts as that.
/// Whatever warning or breach fell due strictly before `now` is booked first, so that a
/// late timer never makes a late step look timely.
///
/// What is refused says of which move and where, in this one place.
pub fn decide(
    before: Option<&Order>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision, Refused> {
    let refused = |why| Refused::of(before, command.action.name(), why);
    decided(before, command, now).map_err(refused)
}

/// The same of a matter that becomes an order, without a command made of it.
pub fn decide_new(matter: &Register, actor: &Actor, now: Timestamp) -> Result<Decision, Refused> {
    let refused = |why| Refused::of(None, ActionName::Register, why);
    registering::register(matter, actor, now).map_err(refused)
}

fn decided(
    before: Option<&Order>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let Some(before) = before else {
        let Action::Register(register) = &command.action else {
            return Err(Rejection::NoSuchOrder);
        };
        return registering::register(register, &command.actor, now);
    };
    // Who is complained about never learns that there is an order.
    if before.hidden_from(command.actor.unit) {
        return Err(Rejection::NoSuchOrder);
    }
    let name = command.action.name();
    let mut step = Step::begin(before, &command.actor, now);
    step.must_be_allowed(name)?;
    match &command.action {
        Action::Register(_) => return Err(Rejection::NumberTaken),
        Action::Tick { fallback } => step.tick(*fallback),
        Action::Deliver => step.deliver(),
        Action::Redeliver { at_most } => step.redeliver(*at_most),
        Action::Release => step.release()?,
        Action::ViewContact => step.view_contact()?,
        Action::AskInformation => step.ask_information()?,
        Action::Supply => step.supply()?,
        Action::Answer => step.answer()?,
        Action::Decline { reason } => step.decline(*reason)?,
        Action::HandOver { to } => step.hand_to(*to)?,
        Action::Merge { into } => step.merge(*into)?,
        Action::Adopt { child, recused } => step.adopt(*child, recused)?,
        Action::Disown { child } => step.disown(*child)?,
        Action::HearResult => step.hear_result(),
        Action::ChildrenTold => step.children_told(),
        Action::Accept(accept) => step.accept(accept)?,
        Action::Assign { way, direct } => step.assign(way, *direct)?,
        Action::Sign => step.sign()?,
        Action::CoSign { unit } => step.co_sign(*unit)?,
        Action::Relay { to } => step.relay(*to)?,
        Action::Return { reason } => step.give_back(*reason)?,
        Action::DecideReturn { decision } => step.decide_return(*decision)?,
        Action::AddCoHandler { unit } => step.add_co_handler(*unit)?,
        Action::Escalate => step.escalate()?,
        Action::RequestExtension { by } => step.request_extension(*by)?,
        Action::DecideExtension { verdict } => step.decide_extension(*verdict)?,
        Action::RequestSuspension { until } => step.request_suspension(*until)?,
        Action::DecideSuspension { verdict } => step.decide_suspension(*verdict)?,
        Action::Resume => step.resume()?,
        Action::Report { evidence, without_co_handlers } => {
            step.report(*evidence, *without_co_handlers)?;
        }
        Action::CoReport { unit } => step.co_report(*unit)?,
        Action::DecideReport { verdict } => step.decide_report(*verdict)?,
        Action::Urge => step.urge()?,
        Action::Supervise { card } => step.supervise(Some(*card))?,
        Action::LiftSupervision => step.supervise(None)?,
        Action::Terminate => step.terminate()?,
        Action::Withdraw => step.withdraw()?,
        Action::FollowUp { outcome, policy } => step.follow_up(*outcome, policy)?,
        Action::Reopened { by } => step.reopened(*by)?,
        Action::Recuse { unit } => step.recuse(*unit)?,
        Action::Correct(correct) => step.correct(correct)?,
        Action::Restamp { policy } => step.restamp(policy),
        Action::Dispose { evidence } => step.dispose(*evidence)?,
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
        if !order.is_unsigned() {
            order.tries = Tries::default();
        }
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
                hidden_from: order.recused.clone(),
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

    /// The one table of the life cycle decides: [`allowed`].
    fn must_be_allowed(&self, action: ActionName) -> Result<(), Rejection> {
        let stage = self.order.stage;
        // What the program does by itself, and looking, are no moves.
        let unlisted = matches!(
            action,
            ActionName::Register
                | ActionName::Deliver
                | ActionName::Redeliver
                | ActionName::ViewContact
                | ActionName::HearResult
                | ActionName::ChildrenTold
                | ActionName::Restamp
                | ActionName::Disown
                | ActionName::Tick
        );
        // Who helps stands elsewhere than the lead does.
        let of_a_part = matches!(action, ActionName::CoSign | ActionName::CoReport);
        let its_part =
            matches!(action, ActionName::Sign | ActionName::Report) && self.helping().is_some();
        let helps = self.order.is_open() && (of_a_part || its_part);
        if unlisted || helps || allowed(stage).contains(&action) {
            Ok(())
        } else {
            Err(Rejection::WrongStage { stage, action })
        }
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

    /// The unit above the holder may act, and the centre.
    fn must_be_above(&self) -> Result<Unit, Rejection> {
        let holder = self.order.leg().unit;
        let (actor, centre) = (self.actor.unit, self.order.no.cell().centre());
        if actor == centre || (actor != holder && actor.covers(holder)) {
            Ok(actor)
        } else {
            Err(Rejection::NotAbove { holder, actor })
        }
    }

    fn must_not_be_recused(&self, units: &[Unit]) -> Result<(), Rejection> {
        match units.iter().find(|unit| self.order.recused.contains(unit)) {
            Some(unit) => Err(Rejection::Recused { unit: *unit }),
            None => Ok(()),
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
        let held = leg.held(now);
        self.order.tries = Tries::default();
        held
    }

    /// Ends the order without a report: nobody holds it, and the clocks stop.
    fn end(&mut self, stage: Stage) {
        self.end_pause();
        self.end_leg(Ending::Ended);
        self.order.stage = stage;
        self.stop_clocks();
    }

    fn stop_clocks(&mut self) {
        let now = self.now;
        for kind in ClockKind::ALL {
            self.order.clock_mut(*kind).stopped_at.get_or_insert(now);
        }
    }

    /// The unit above the holder; a centre answers to itself.
    fn superior(&self) -> Unit {
        let centre = self.order.no.cell().centre();
        self.order.above(self.order.leg().unit).unwrap_or(centre)
    }

    /// Who handled the order last: the last lead that may still see it.
    fn handler(&self) -> Unit {
        let mut legs = self.order.legs.iter().rev();
        let lead =
            legs.find(|leg| leg.duty == Duty::Lead && !self.order.recused.contains(&leg.unit));
        lead.map_or_else(|| self.order.no.cell().centre(), |leg| leg.unit)
    }

    /// Back to who handled it. It never stopped being theirs: there is nothing to sign again.
    fn back_to_handler(&mut self, ending: Ending, stage: Stage) -> Unit {
        let handler = self.handler();
        self.hand_over(ending, handler, Duty::Lead, stage);
        let now = self.now;
        self.order.leg_mut().signed_at = Some(now);
        handler
    }

    /// Numbers the paper that the caller stores with this step.
    fn take_paper(&mut self) {
        self.order.papers = self.order.papers.saturating_add(1);
    }
}
