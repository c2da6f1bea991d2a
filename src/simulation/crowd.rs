//! The people: citizens who call, agents, dispatchers and units, and what they come up with.

use super::call::Call;
use super::dice::Dice;
use crate::catalogue::Catalogue;
use crate::dispatch::{Acceptance, Correction, Lease, Routing, Submission};
use crate::domain::{
    Action, ActionName, Actor, Card, Category, Channel, Contact, DeclineReason, Division,
    Emergency, Kind, Level, Order, OrderNo, Outcome, Redacted, ReturnDecision, ReturnReason, Role,
    Span, Timestamp, Unit, Urgency, Verdict, allowed,
};
use std::sync::Arc;

/// Everybody.
pub(super) struct Crowd {
    catalogue: Arc<Catalogue>,
    categories: Vec<Category>,
    /// A few villages, so that their units meet.
    villages: Vec<Division>,
    /// Units that are complained about.
    accused: Vec<Unit>,
}

/// How many villages there are, and how many units are complained about.
const VILLAGES: usize = 12;
const ACCUSED: usize = 6;

/// An actor of a unit.
pub(super) fn of_unit(unit: Unit, role: Role) -> Actor {
    Actor { staff: Arc::from("0117"), unit, role }
}

impl Crowd {
    pub(super) fn new(catalogue: Arc<Catalogue>, dice: &mut Dice) -> Crowd {
        let all: Vec<Division> = catalogue.divisions().map(|row| row.division).collect();
        let villages: Vec<Division> =
            all.into_iter().filter(|division| division.level() == Level::Village).collect();
        let from = dice.place(villages.len().saturating_sub(VILLAGES));
        let villages = villages[from..].iter().copied().take(VILLAGES).collect::<Vec<_>>();
        let halls = villages.iter().map(|village| Unit::hall(*village));
        let halls = halls.flat_map(|hall| [Some(hall), hall.superior()].into_iter().flatten());
        let accused = halls.take(ACCUSED).collect();
        let categories = catalogue.categories().map(|row| row.category).collect();
        Crowd { catalogue, categories, villages, accused }
    }

    pub(super) fn centre(&self) -> Unit {
        self.catalogue.cell().centre()
    }

    /// A unit that complaints are about.
    pub(super) fn accused(&self, dice: &mut Dice) -> Unit {
        dice.pick(&self.accused).copied().unwrap_or_else(|| self.centre())
    }

    fn place(&self, dice: &mut Dice) -> Option<Division> {
        dice.pick(&self.villages).copied()
    }

    fn category(&self, dice: &mut Dice) -> Option<Category> {
        dice.pick(&self.categories).copied()
    }

    /// What a citizen says, `nth` of all.
    pub(super) fn matter(&self, nth: u64, now: Timestamp, dice: &mut Dice) -> Submission {
        let heard = [Span::ZERO, Span::seconds(30), Span::minutes(20), Span::hours(2)];
        let ago = dice.pick(&heard).copied().unwrap_or_default();
        let critical = dice.happens(60);
        let phone = format!("138{:08}", dice.below(40));
        let known = dice.happens(800);
        Submission {
            channel: Channel::Phone,
            heard_at: dice.happens(500).then(|| now.minus(ago)),
            title: "小区路灯不亮".to_owned(),
            text: format!("第{nth}位来电人：门口的路灯三天不亮了，请派人来修。"),
            contact: Contact {
                name: Redacted::new("王阿姨".to_owned()),
                phone: Redacted::new(phone),
                address: Redacted::new(String::new()),
            },
            kind: dice.pick(Kind::ALL).copied(),
            category: if known { self.category(dice) } else { None },
            urgency: Some(if critical { Urgency::Critical } else { Urgency::Normal }),
            division: if dice.happens(850) { self.place(dice) } else { None },
            hand_over: (critical && dice.happens(300)).then_some(Emergency::Fire),
            recused: if dice.happens(150) { vec![self.accused(dice)] } else { Vec::new() },
        }
    }

    /// Somebody does something about an order: mostly what its stage allows, mostly by whom
    /// it concerns.
    pub(super) fn move_of(
        &self,
        order: &Order,
        now: Timestamp,
        other: Option<OrderNo>,
        dice: &mut Dice,
    ) -> Option<(Actor, Call)> {
        if dice.happens(40) {
            let actor = of_unit(order.leg().unit, Role::Handler);
            return Some((actor, Call::LookAtContact(order.no)));
        }
        if dice.happens(100)
            && let Some(helper) = order.pending_co_handlers().next()
        {
            return Some(self.help(order.no, helper.unit, dice));
        }
        let name = *dice.pick(allowed(order.stage))?;
        // What ends an order is rare, or none would grow old.
        if ends(name) && !dice.happens(120) {
            return None;
        }
        let unit = match dice.below(20) {
            0..9 => order.leg().unit,
            9..18 => self.centre(),
            _ => self.accused(dice),
        };
        let role = if unit == self.centre() { Role::Dispatcher } else { Role::Handler };
        let call = self.call(name, order, now, other, dice)?;
        Some((of_unit(unit, role), call))
    }

    fn call(
        &self,
        name: ActionName,
        order: &Order,
        now: Timestamp,
        other: Option<OrderNo>,
        dice: &mut Dice,
    ) -> Option<Call> {
        let no = order.no;
        let action = match name {
            ActionName::Accept => {
                let direct = dice.happens(200);
                let routing = dice.happens(800).then_some(Routing { chain: None, direct });
                let (category, division) = (self.category(dice)?, self.place(dice)?);
                let acceptance =
                    Acceptance { category, division, kind: None, urgency: None, routing };
                return Some(Call::Accept(no, acceptance));
            }
            ActionName::Assign => {
                let routing = Routing { chain: None, direct: dice.happens(200) };
                return Some(Call::Assign(no, routing));
            }
            ActionName::Correct => {
                let urgency = dice.pick(Urgency::ALL).copied();
                let category = if dice.happens(500) { self.category(dice) } else { None };
                let correction = Correction { category, division: None, kind: None, urgency };
                return Some(Call::Correct(no, correction));
            }
            ActionName::Reopened => {
                return Some(Call::Reopen(no, self.matter(dice.below(1 << 40), now, dice)));
            }
            ActionName::Adopt
            | ActionName::Disown
            | ActionName::CoSign
            | ActionName::CoReport
            | ActionName::Register
            | ActionName::Deliver
            | ActionName::Redeliver
            | ActionName::ViewContact
            | ActionName::Tick
            | ActionName::HearResult
            | ActionName::ChildrenTold
            | ActionName::Restamp => return None,
            ActionName::Sign => Action::Sign,
            ActionName::Relay => Action::Relay { to: None },
            ActionName::Return => Action::Return { reason: ReturnReason::NotOurDuty },
            ActionName::DecideReturn => {
                let below: Vec<Unit> = self.catalogue.children(order.leg().unit).collect();
                let to = if dice.happens(600) { dice.pick(&below).copied() } else { None };
                let decision =
                    to.map_or(ReturnDecision::Designate, |to| ReturnDecision::Transfer { to });
                Action::DecideReturn { decision }
            }
            ActionName::Report => {
                let without_co_handlers = dice.happens(500);
                Action::Report { evidence: true, without_co_handlers }
            }
            ActionName::DecideReport => Action::DecideReport { verdict: verdict(dice) },
            ActionName::AskInformation => Action::AskInformation,
            ActionName::Supply => Action::Supply,
            ActionName::Answer => Action::Answer,
            ActionName::Decline => Action::Decline { reason: DeclineReason::NothingNew },
            ActionName::Merge => Action::Merge { into: other? },
            ActionName::HandOver => Action::HandOver { to: Emergency::Police },
            ActionName::AddCoHandler => {
                Action::AddCoHandler { unit: Unit::hall(self.place(dice)?).superior()? }
            }
            ActionName::Escalate => Action::Escalate,
            ActionName::RequestExtension => Action::RequestExtension { by: Span::minutes(90) },
            ActionName::DecideExtension => Action::DecideExtension { verdict: verdict(dice) },
            ActionName::RequestSuspension => {
                let ahead = Span::minutes(dice.below(600) as i64);
                Action::RequestSuspension { until: now.plus(ahead) }
            }
            ActionName::DecideSuspension => Action::DecideSuspension { verdict: verdict(dice) },
            ActionName::Resume => Action::Resume,
            ActionName::Urge => Action::Urge,
            ActionName::Supervise => Action::Supervise { card: *dice.pick(Card::ALL)? },
            ActionName::LiftSupervision => Action::LiftSupervision,
            ActionName::Terminate => Action::Terminate,
            ActionName::Withdraw => Action::Withdraw,
            ActionName::FollowUp => {
                return Some(Call::FollowUp(no, *dice.pick(Outcome::ALL)?));
            }
            ActionName::Recuse => Action::Recuse { unit: self.accused(dice) },
            ActionName::Release => Action::Release,
            ActionName::Dispose => Action::Dispose { evidence: dice.happens(900) },
        };
        Some(Call::Act { no, action, lease: None })
    }

    /// A co-handler does its part, or a hall above in its name.
    fn help(&self, no: OrderNo, unit: Unit, dice: &mut Dice) -> (Actor, Call) {
        let above = if dice.happens(500) { unit.superior() } else { None };
        let actor = of_unit(above.unwrap_or(unit), Role::Handler);
        let action =
            if dice.happens(400) { Action::CoSign { unit } } else { Action::CoReport { unit } };
        (actor, Call::Act { no, action, lease: None })
    }

    /// What a unit does with an order it has under a lease: mostly its work.
    pub(super) fn work_on(&self, order: &Order, lease: Lease, dice: &mut Dice) -> Call {
        let action = match dice.below(8) {
            0..3 => Action::Sign,
            3..5 => Action::Relay { to: None },
            5 => Action::Return { reason: ReturnReason::WrongPlace },
            _ => Action::Report { evidence: true, without_co_handlers: true },
        };
        Call::Act { no: order.no, action, lease: Some(lease) }
    }
}

fn verdict(dice: &mut Dice) -> Verdict {
    if dice.happens(700) { Verdict::Accept } else { Verdict::Reject }
}

fn ends(name: ActionName) -> bool {
    matches!(
        name,
        ActionName::Withdraw
            | ActionName::Terminate
            | ActionName::Dispose
            | ActionName::Decline
            | ActionName::HandOver
            | ActionName::Answer
            | ActionName::Merge
    )
}
