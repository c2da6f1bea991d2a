//! Orders to test with.

use hotline::domain::*;

pub const HEARD: Timestamp = Timestamp(1_647_218_400_000);

pub fn unit(text: &str) -> Unit {
    text.parse().unwrap()
}

pub fn cell() -> Cell {
    "3304".parse().unwrap()
}

/// 市→县→镇→村
pub const CHAIN: [&str; 4] = ["3304", "330402", "330402001", "330402001003"];
pub const FALLBACK: &str = "3304-099";

pub fn plan(chain: &[&str]) -> Plan {
    Plan::new(chain.iter().map(|u| unit(u)).collect()).unwrap()
}

pub fn actor(of: &str) -> Actor {
    Actor { staff: "t001".into(), unit: unit(of), role: Role::Handler }
}

pub fn register(chain: Option<&[&str]>) -> Action {
    Action::Register(Box::new(Register {
        no: OrderNo::new(cell(), HEARD.date(), 42),
        channel: Channel::Phone,
        heard_at: HEARD,
        reading: Reading {
            kind: Kind::Request,
            category: Category(203),
            urgency: Urgency::Normal,
            category_confidence: Confidence::new(80),
            division: "330402001003".parse().unwrap(),
            division_confidence: Confidence::new(90),
        },
        plan: chain.map(plan),
        policy: Policy::FOUNDING,
        catalogue: 1,
        rule: 7,
    }))
}

pub fn accept() -> Action {
    let Action::Register(r) = register(None) else { unreachable!() };
    Action::Accept(Box::new(Accept { reading: r.reading, plan: plan(&CHAIN), rule: 7 }))
}

pub fn tick() -> Action {
    Action::Tick { fallback: unit(FALLBACK) }
}

pub fn at(minutes: i64) -> Timestamp {
    HEARD.plus(Span::minutes(minutes))
}

pub fn step(order: &Order, of: &str, action: Action, now: Timestamp) -> Decision {
    try_step(order, of, action, now).unwrap()
}

pub fn try_step(
    order: &Order,
    of: &str,
    action: Action,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    decide(Some(order), &Command { actor: actor(of), action }, now)
}

pub fn new_order(chain: Option<&[&str]>, now: Timestamp) -> Order {
    let command = Command { actor: actor("3304"), action: register(chain) };
    decide(None, &command, now).unwrap().after
}

/// An order in the stage, reached the ordinary way, a minute a step.
pub fn order_in(stage: Stage) -> Order {
    let triage = new_order(None, HEARD);
    if stage == Stage::Triage {
        return triage;
    }
    let mut order = step(&triage, "3304", accept(), at(1)).after;
    if stage == Stage::Assigned {
        return order;
    }
    for (i, holder) in CHAIN[..3].iter().enumerate() {
        order = step(&order, holder, Action::Relay { to: None }, at(2 + i as i64)).after;
    }
    order = step(&order, CHAIN[3], Action::Sign, at(5)).after;
    if stage == Stage::Handling {
        return order;
    }
    order = step(&order, CHAIN[3], Action::Report, at(6)).after;
    if stage == Stage::Review {
        return order;
    }
    let verdict = Verdict::Accept;
    order = step(&order, CHAIN[2], Action::DecideReport { verdict }, at(7)).after;
    if stage == Stage::FollowUp {
        return order;
    }
    step(&order, "3304", tick(), at(8 + 24 * 60)).after
}

pub fn names(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|e| e.what.name()).collect()
}
