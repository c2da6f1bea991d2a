//! Commands that look random: every action there is, sensible or not.

use crate::support::*;
use hotline::domain::ActionName as Name;
use hotline::domain::*;

/// Something that might be done to an order, mostly by whom it may be done.
pub fn some_command(dice: &mut Dice, order: &Order) -> Command {
    let name = match dice.below(4) {
        0 => *dice.pick(Name::ALL),
        _ => *dice.pick(&likely(order)),
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

/// What may be wanted of an order that stands so, its own moves more often than the rest, and
/// what the program does by itself.
fn likely(order: &Order) -> Vec<Name> {
    let allowed = allowed(order.stage);
    // What may be wanted of any open order comes behind the stage's own moves.
    let own = allowed.iter().take_while(|name| **name != Name::Adopt);
    let mut names: Vec<Name> = own.flat_map(|name| [*name; 8]).collect();
    names.extend(allowed);
    names.extend([Name::Tick; 4]);
    if order.is_open() {
        names.extend([Name::Deliver, Name::Redeliver, Name::Restamp]);
    }
    if order.is_unsigned() {
        let handed_out = order.leg().delivered_at.is_some();
        names.extend([if handed_out { Name::Redeliver } else { Name::Deliver }; 10]);
    }
    if order.is_parked() {
        names.extend([Name::Release; 24]);
    }
    if !order.links.children.is_empty() {
        names.push(Name::Disown);
    }
    if !order.co_handlers.is_empty() {
        names.extend([Name::CoSign, Name::CoReport]);
    }
    // What only a few may.
    if order.stage == Stage::Triage && order.reading.kind == Kind::Inquiry {
        names.extend([Name::Answer; 8]);
    }
    if order.stage == Stage::Triage && order.reading.urgency == Urgency::Critical {
        names.extend([Name::HandOver; 8]);
    }
    if order.has_untold() {
        names.extend([Name::ChildrenTold; 16]);
    }
    if order.stage == Stage::Merged {
        names.push(Name::HearResult);
    }
    names
}

fn some_action(name: Name, dice: &mut Dice, order: &Order) -> Action {
    let verdict = *dice.pick(Verdict::ALL);
    let somewhere = *dice.pick(&["330411", "330402", "330402001"].map(unit));
    let helper = order.co_handlers.last().map_or(somewhere, |co| co.unit);
    let policy = Box::new(some_policy(dice));
    let plan = Plan::new(chain(dice.below(6))).unwrap();
    let way = Way { plan, catalogue: 1, rule: 0 };
    let direct = dice.below(4) == 0;
    match name {
        Name::Register => some_register(dice, order.no, order.updated_at).action,
        Name::Accept => Action::Accept(Box::new(Accept {
            reading: some_reading(dice),
            policy: *policy,
            way: (dice.below(3) > 0).then_some(way),
            direct,
        })),
        Name::Deliver => Action::Deliver,
        Name::Redeliver => Action::Redeliver { at_most: 1 },
        Name::Release => Action::Release,
        Name::Sign => Action::Sign,
        Name::CoSign => Action::CoSign { unit: helper },
        Name::CoReport => Action::CoReport { unit: helper },
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
            Action::Disown { child: child.unwrap_or(some_other(dice)) }
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
