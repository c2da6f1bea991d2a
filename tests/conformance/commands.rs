//! Commands that look random: every action there is, sensible or not.

use crate::support::*;
use hotline::domain::ActionName as Name;
use hotline::domain::*;
use std::collections::BTreeSet;

/// Something that might be done to an order, mostly by whom it may be done; rather what has
/// not been `done` before.
pub fn some_command(dice: &mut Dice, order: &Order, done: &BTreeSet<Name>) -> Command {
    let (own, any) = (own(order), likely(order));
    let fresh: Vec<Name> =
        own.iter().chain(&any).copied().filter(|name| !done.contains(name)).collect();
    let name = match dice.below(6) {
        0 => *dice.pick(Name::ALL),
        1 => *dice.pick(&any),
        2..4 if !fresh.is_empty() => *dice.pick(&fresh),
        _ => *dice.pick(&own),
    };
    let helper = order.co_handlers.last().map(|co| co.unit);
    let who = match (dice.below(8), helper) {
        (0, Some(helper)) => helper,
        (0..5, _) => order.leg().unit,
        _ => cell().centre(),
    };
    Command { actor: actor(who, Role::Handler), action: some_action(name, dice, order) }
}

/// A new order's: any matter, known or not where it belongs, with any limits.
pub fn some_register(dice: &mut Dice, no: OrderNo, now: Timestamp) -> Command {
    let way = (dice.below(2) > 0).then(|| chain(dice.below(6)));
    let mut command = register(no, now, way);
    if let Action::Register(register) = &mut command.action {
        register.reading = some_reading(dice);
        register.policy = some_policy(dice);
        let critical = register.reading.urgency == Urgency::Critical;
        register.hand_over = (critical && dice.below(4) == 0).then_some(Emergency::Fire);
    }
    command
}

/// The moves of the stage itself, those that end it less often, and what the program does when
/// an order stands so.
fn own(order: &Order) -> Vec<Name> {
    // What may be wanted of any open order comes behind the stage's own moves.
    let own = allowed(order.stage).iter().take_while(|name| **name != Name::Adopt);
    let ends = [Name::Decline, Name::Merge, Name::Terminate, Name::Dispose];
    let weighed =
        own.flat_map(|name| [*name; 4].into_iter().take(if ends.contains(name) { 1 } else { 4 }));
    let mut names: Vec<Name> = weighed.collect();
    // What only a few may.
    match (order.stage, order.reading.kind, order.reading.urgency) {
        (Stage::Triage, Kind::Inquiry, _) => names.extend([Name::Answer; 8]),
        (Stage::Triage, _, Urgency::Critical) => names.extend([Name::HandOver; 8]),
        _ => {}
    }
    if order.stage == Stage::Merged {
        names.push(Name::HearResult);
    }
    if order.has_untold() {
        names.push(Name::ChildrenTold);
    }
    if order.is_unsigned() && order.leg().delivered_at.is_some() {
        names.extend([Name::Redeliver; 4]);
    }
    names.push(Name::Tick);
    names
}

/// What may be wanted of any order that stands so.
fn likely(order: &Order) -> Vec<Name> {
    let mut names = allowed(order.stage).to_vec();
    names.push(Name::ViewContact);
    if order.is_open() {
        names.extend([Name::Deliver, Name::Restamp]);
    }
    if order.pending_co_handlers().next().is_some() {
        names.extend([Name::CoSign, Name::CoReport]);
    }
    if !order.links.children.is_empty() {
        names.push(Name::Disown);
    }
    names
}

fn some_action(name: Name, dice: &mut Dice, order: &Order) -> Action {
    let verdict = *dice.pick(Verdict::ALL);
    let somewhere = *dice.pick(&["330411", "330402", "330402001"].map(unit));
    let policy = Box::new(some_policy(dice));
    let plan = Plan::new(chain(dice.below(6))).unwrap();
    let way = Way { plan, catalogue: 1, rule: 0 };
    let direct = dice.below(4) == 0;
    let helper = order.pending_co_handlers().next().map_or(somewhere, |co| co.unit);
    match name {
        Name::Register => some_register(dice, order.no, order.updated_at).action,
        Name::Accept => Action::Accept(Box::new(Accept {
            reading: some_reading(dice),
            policy: *policy,
            way: (dice.below(3) > 0).then_some(way),
            direct,
        })),
        Name::Deliver => Action::Deliver,
        Name::Redeliver => Action::Redeliver { at_most: dice.below(2) as u8 },
        Name::Release => Action::Release,
        Name::Sign => Action::Sign,
        Name::CoSign => Action::CoSign { unit: helper },
        Name::Relay => Action::Relay { to: None },
        Name::Return => Action::Return { reason: *dice.pick(ReturnReason::ALL) },
        Name::DecideReturn => Action::DecideReturn {
            decision: match dice.below(2) {
                0 => ReturnDecision::Designate,
                _ => ReturnDecision::Transfer { to: somewhere },
            },
        },
        Name::Report => {
            Action::Report { evidence: dice.below(2) == 0, without_co_handlers: dice.below(2) == 0 }
        }
        Name::CoReport => Action::CoReport { unit: helper },
        Name::DecideReport => Action::DecideReport { verdict },
        Name::AskInformation => Action::AskInformation,
        Name::Supply => Action::Supply,
        Name::Answer => Action::Answer,
        Name::Decline => Action::Decline { reason: *dice.pick(DeclineReason::ALL) },
        Name::HandOver => Action::HandOver { to: *dice.pick(Emergency::ALL) },
        Name::Merge => Action::Merge { into: some_other(dice) },
        Name::Adopt => Action::Adopt { child: some_other(dice), recused: Vec::new() },
        Name::Disown => {
            let child = order.links.children.last().copied();
            Action::Disown { child: child.unwrap_or_else(|| some_other(dice)) }
        }
        Name::HearResult => Action::HearResult,
        Name::ChildrenTold => Action::ChildrenTold,
        Name::Assign => Action::Assign { way, direct },
        Name::AddCoHandler => Action::AddCoHandler { unit: somewhere },
        Name::Escalate => Action::Escalate,
        Name::RequestExtension => Action::RequestExtension { by: Span::minutes(40) },
        Name::DecideExtension => Action::DecideExtension { verdict },
        Name::RequestSuspension => {
            Action::RequestSuspension { until: order.updated_at.plus(Span::minutes(30)) }
        }
        Name::DecideSuspension => Action::DecideSuspension { verdict },
        Name::Resume => Action::Resume,
        Name::Urge => Action::Urge,
        Name::Supervise => Action::Supervise { card: *dice.pick(Card::ALL) },
        Name::LiftSupervision => Action::LiftSupervision,
        Name::Terminate => Action::Terminate,
        Name::Withdraw => Action::Withdraw,
        Name::FollowUp => Action::FollowUp { outcome: *dice.pick(Outcome::ALL), policy },
        Name::Reopened => Action::Reopened { by: some_other(dice) },
        Name::Recuse => Action::Recuse { unit: somewhere },
        Name::Correct => {
            let way = (dice.below(3) > 0).then_some(way);
            Action::Correct(Box::new(Correct { reading: some_reading(dice), policy: *policy, way }))
        }
        Name::Restamp => Action::Restamp { policy },
        Name::Dispose => Action::Dispose { evidence: dice.below(2) == 0 },
        Name::ViewContact => Action::ViewContact,
        Name::Tick => Action::Tick { fallback: unit("330402") },
    }
}

fn some_other(dice: &mut Dice) -> OrderNo {
    number(9_000 + dice.below(40) as u32)
}

fn some_reading(dice: &mut Dice) -> Reading {
    Reading {
        kind: *dice.pick(Kind::ALL),
        urgency: *dice.pick(Urgency::ALL),
        category: *dice.pick(&[203, 301, 901].map(Category)),
        ..reading()
    }
}

fn some_policy(dice: &mut Dice) -> Policy {
    let founding = Policy::FOUNDING;
    match dice.below(6) {
        0 => Policy { id: 2, closure: Span::minutes(90), ..founding },
        1 => Policy { id: 3, closure: Span::hours(24), follow_up: None, ..founding },
        2 => Policy { id: 4, evidence: true, ..founding },
        _ => founding,
    }
}
