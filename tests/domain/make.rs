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

/// The chain, as the catalogue's rule gives it.
pub fn way() -> Way {
    Way { plan: plan(&CHAIN), catalogue: 1, rule: 7 }
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
        hand_over: None,
        recused: Vec::new(),
        reopens: None,
        policy: Policy::FOUNDING,
        catalogue: 1,
        rule: 7,
        model: None,
        hash: None,
    }))
}

pub fn reading() -> Reading {
    let Action::Register(register) = register(None) else { unreachable!() };
    register.reading
}

pub fn accept() -> Action {
    accept_to(Some(plan(&CHAIN)), false)
}

pub fn accept_to(plan: Option<Plan>, direct: bool) -> Action {
    let way = plan.map(|plan| Way { plan, catalogue: 1, rule: 7 });
    Action::Accept(Box::new(Accept { reading: reading(), policy: Policy::FOUNDING, way, direct }))
}

/// What is critical has an hour and a half.
pub const CRITICAL: Policy = Policy { id: 9, closure: Span::minutes(90), ..Policy::FOUNDING };

/// Corrected to this; what is critical has other limits.
pub fn correct(urgency: Urgency, kind: Kind) -> Action {
    let policy = match urgency {
        Urgency::Critical => CRITICAL,
        Urgency::Normal | Urgency::Urgent => Policy::FOUNDING,
    };
    let way = Some(way());
    let reading = Reading { urgency, kind, ..reading() };
    Action::Correct(Box::new(Correct { reading, policy, way }))
}

/// Corrected to another matter, whose rule leads this way.
pub fn correct_to(category: u16, chain: Option<&[&str]>) -> Action {
    let way = chain.map(|chain| Way { plan: plan(chain), catalogue: 2, rule: 11 });
    let reading = Reading { category: Category(category), ..reading() };
    Action::Correct(Box::new(Correct { reading, policy: Policy::FOUNDING, way }))
}

/// What the citizen says; what is done again has the same limits.
pub fn follow_up(outcome: Outcome) -> Action {
    Action::FollowUp { outcome, policy: Box::new(Policy::FOUNDING) }
}

pub const REPORT: Action = Action::Report { evidence: false, without_co_handlers: false };
pub const DISPOSE: Action = Action::Dispose { evidence: false };
pub const RETURN: Action = Action::Return { reason: ReturnReason::NotOurDuty };
pub const RELAY: Action = Action::Relay { to: None };

/// Another order.
pub fn other(seq: u32) -> OrderNo {
    OrderNo::new(cell(), HEARD.date(), seq)
}

/// Another order, which complains about nobody, is worked in this one, too.
pub fn adopt(child: OrderNo) -> Action {
    Action::Adopt { child, recused: Vec::new() }
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
    decide(Some(order), &Command { actor: actor(of), action }, now).map_err(|refused| refused.why)
}

pub fn new_order(chain: Option<&[&str]>, now: Timestamp) -> Order {
    let command = Command { actor: actor("3304"), action: register(chain) };
    decide(None, &command, now).unwrap().after
}

/// An order in the stage, reached the ordinary way, a minute a step.
pub fn order_in(stage: Stage) -> Order {
    use Stage::*;
    let triage = |action: Action, minute| step(&order_in(Triage), "3304", action, at(minute)).after;
    let handling =
        |action: Action, minute| step(&order_in(Handling), CHAIN[3], action, at(minute)).after;
    let (accepted, reason) = (Verdict::Accept, DeclineReason::Petition);
    match stage {
        Triage => new_order(None, HEARD),
        Supplement => triage(Action::AskInformation, 1),
        Dispatching => triage(accept_to(None, false), 1),
        Declined => triage(Action::Decline { reason }, 1),
        HandedOver => {
            let urgent = triage(correct(Urgency::Critical, Kind::Request), 1);
            step(&urgent, "3304", Action::HandOver { to: Emergency::Fire }, at(2)).after
        }
        Merged => triage(Action::Merge { into: other(7) }, 1),
        Withdrawn => triage(Action::Withdraw, 1),
        Assigned => triage(accept(), 1),
        ReturnReview => {
            let relayed = step(&order_in(Assigned), "3304", RELAY, at(2)).after;
            step(&relayed, CHAIN[1], RETURN, at(3)).after
        }
        Handling => {
            let mut order = order_in(Assigned);
            for (i, holder) in CHAIN[..3].iter().enumerate() {
                order = step(&order, holder, RELAY, at(2 + i as i64)).after;
            }
            step(&order, CHAIN[3], Action::Sign, at(5)).after
        }
        Escalated => handling(Action::Escalate, 6),
        ExtensionReview => handling(Action::RequestExtension { by: Span::hours(1) }, 6),
        SuspensionReview => handling(Action::RequestSuspension { until: at(66) }, 6),
        Suspended => {
            let asked = order_in(SuspensionReview);
            step(&asked, CHAIN[2], Action::DecideSuspension { verdict: accepted }, at(7)).after
        }
        Terminated => step(&order_in(Handling), "3304", Action::Terminate, at(6)).after,
        Review => handling(REPORT, 6),
        FollowUp => {
            let decided = Action::DecideReport { verdict: accepted };
            step(&order_in(Review), CHAIN[2], decided, at(7)).after
        }
        Archived => step(&order_in(FollowUp), "3304", tick(), at(8 + 24 * 60)).after,
    }
}

pub fn names(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|e| e.what.name()).collect()
}
