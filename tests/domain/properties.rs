//! What holds after any sequence of commands at any times.

use crate::ledger::Ledger;
use crate::make::*;
use hotline::domain::*;
use proptest::prelude::*;

/// Something that might be done, sensible or not.
#[derive(Clone, Debug)]
enum Try {
    Do(Action),
    /// A pause until so many milliseconds from now.
    Suspend(i64),
}

const SOMEWHERE: [&str; 5] = ["330402", "330402001", "330402001004", "330411", "3304-008"];

/// Other ways than the chain: another village, another county, less deep, a department.
const WAYS: [&[&str]; 4] = [
    &["3304", "330402", "330402001", "330402001004"],
    &["3304", "330411", "330411104"],
    &["3304", "330402"],
    &["3304", "3304-008"],
];

/// The way down and back.
fn chain_moves() -> impl Strategy<Value = Action> {
    prop_oneof![
        1 => Just(accept()),
        1 => (any::<bool>(), policies()).prop_map(|(direct, policy)| {
            let Action::Accept(mut accept) = accept_to(Some(plan(&CHAIN)), direct) else {
                unreachable!()
            };
            accept.policy = policy;
            Action::Accept(accept)
        }),
        1 => Just(Action::Deliver),
        2 => (1..4_u8).prop_map(|at_most| Action::Redeliver { at_most }),
        1 => Just(Action::Release),
        4 => Just(Action::Sign),
        5 => Just(RELAY),
        2 => somewhere().prop_map(|to| Action::Relay { to: Some(to) }),
        2 => Just(RETURN),
        3 => decision().prop_map(|decision| Action::DecideReturn { decision }),
        3 => any::<bool>().prop_map(|waits| Action::Report {
            evidence: false,
            without_co_handlers: !waits,
        }),
        3 => verdict().prop_map(|verdict| Action::DecideReport { verdict }),
        1 => Just(Action::ViewContact),
        5 => Just(tick()),
    ]
}

fn somewhere() -> impl Strategy<Value = Unit> {
    (0..SOMEWHERE.len()).prop_map(|i| unit(SOMEWHERE[i]))
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Accept), Just(Verdict::Reject)]
}

fn decision() -> impl Strategy<Value = ReturnDecision> {
    prop_oneof![
        Just(ReturnDecision::Designate),
        somewhere().prop_map(|to| ReturnDecision::Transfer { to }),
    ]
}

/// What hard cases need.
fn hard_moves() -> impl Strategy<Value = Action> {
    let outcome = (0..3_usize).prop_map(|i| Outcome::ALL[i]);
    prop_oneof![
        1 => Just(Action::AskInformation),
        2 => Just(Action::Supply),
        1 => Just(accept_to(None, false)),
        1 => any::<bool>().prop_map(|direct| Action::Assign { way: way(), direct }),
        1 => somewhere().prop_map(|unit| Action::AddCoHandler { unit }),
        1 => Just(Action::Escalate),
        2 => (1..180_i64).prop_map(|m| Action::RequestExtension { by: Span::minutes(m) }),
        2 => verdict().prop_map(|verdict| Action::DecideExtension { verdict }),
        3 => verdict().prop_map(|verdict| Action::DecideSuspension { verdict }),
        2 => Just(Action::Resume),
        1 => Just(Action::Urge),
        1 => Just(Action::Supervise { card: Card::Yellow }),
        1 => Just(Action::LiftSupervision),
        2 => (outcome, policies()).prop_map(|(outcome, policy)| Action::FollowUp {
            outcome,
            policy: Box::new(policy),
        }),
        1 => Just(adopt(other(7))),
        1 => Just(Action::ChildrenTold),
        1 => Just(Action::HearResult),
        1 => somewhere().prop_map(|unit| Action::Recuse { unit }),
        2 => policies().prop_map(|policy| Action::Restamp { policy: Box::new(policy) }),
        1 => Just(correct(Urgency::Critical, Kind::Inquiry)),
        2 => corrections(),
    ]
}

/// Other limits, some of them over before they hold.
fn policies() -> impl Strategy<Value = Policy> {
    let minutes = (10..120_i64, 5..600_i64);
    minutes.prop_map(|(arrival, closure)| Policy {
        arrival: Span::minutes(arrival),
        closure: Span::minutes(closure),
        ..Policy::FOUNDING
    })
}

/// Another matter, or place, and where its rule leads.
fn corrections() -> impl Strategy<Value = Action> {
    (0..WAYS.len() + 1, 203..206_u16, policies()).prop_map(|(i, category, policy)| {
        let Action::Correct(mut correct) = correct_to(category, WAYS.get(i).copied()) else {
            unreachable!()
        };
        correct.policy = policy;
        Action::Correct(correct)
    })
}

/// What ends it one way or another.
fn last_moves() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Answer),
        Just(Action::Decline { reason: DeclineReason::Abuse }),
        Just(Action::HandOver { to: Emergency::Police }),
        Just(Action::Merge { into: other(8) }),
        Just(Action::Terminate),
        Just(Action::Withdraw),
        Just(DISPOSE),
        Just(Action::Reopened { by: other(9) }),
    ]
}

/// Who does it: mostly the centre, which may act for everybody.
fn who() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        6 => Just(Some("3304")),
        3 => Just(None),
        1 => Just(Some("330482")),
        1 => Just(Some("330411")),
    ]
}

fn tries() -> impl Strategy<Value = (Try, i64, Option<&'static str>)> {
    let what = prop_oneof![
        24 => chain_moves().prop_map(Try::Do),
        18 => hard_moves().prop_map(Try::Do),
        1 => last_moves().prop_map(Try::Do),
        2 => (-1_000..5_000_000_i64).prop_map(Try::Suspend),
    ];
    // Mostly minutes, sometimes an hour; sometimes somebody's clock runs backwards.
    let wait = prop_oneof![8 => 0..600_000i64, 1 => 0..5_000_000i64, 1 => -60_000..0i64];
    (what, wait, who())
}

/// The rules of an order at rest.
fn check(order: &Order) {
    let reworked = |at| order.rounds.iter().any(|round| round.reworked_at == at);
    let mut idle = 0;
    let mut expected_start = order.heard_at;
    for (i, leg) in order.legs.iter().enumerate() {
        if leg.started_at != expected_start {
            assert!(reworked(leg.started_at), "legs are without gap or overlap");
            idle += leg.started_at.since(expected_start).0;
        }
        let is_last = i + 1 == order.legs.len();
        assert_eq!(leg.ended.is_none(), is_last && order.is_open());
        expected_start = leg.ended.map_or(order.updated_at, |(at, _)| at);
    }
    let now = order.updated_at.plus(Span::minutes(5));
    let end = if order.is_open() { now } else { order.closure.stopped_at.unwrap() };
    let held: i64 = order.legs.iter().map(|leg| leg.held(now).0).sum();
    assert_eq!(held + idle, end.since(order.heard_at).0, "holding times sum to the elapsed time");
    let idle_of_rounds: i64 = order
        .rounds
        .iter()
        .map(|round| round.reworked_at.since(round.closure.stopped_at.unwrap()).0)
        .sum();
    assert_eq!(idle, idle_of_rounds, "nobody holds it between a closing and its rework");
    for (i, pause) in order.pauses.iter().enumerate() {
        assert!(pause.until.is_some() || i + 1 == order.pauses.len(), "one pause at a time");
        assert!(pause.until.is_none_or(|until| until >= pause.from && until <= pause.review_at));
        assert!(i == 0 || pause.from >= order.pauses[i - 1].until.unwrap(), "pauses never overlap");
    }
    let stands = matches!(order.stage, Stage::Supplement | Stage::Suspended);
    assert_eq!(order.paused().is_some(), stands, "the clocks stand in these two stages alone");
    assert!(order.rounds.len() <= usize::from(order.policy.reworks));
    assert!(order.legs.len() <= MAX_LEGS);

    let settled = |clock: &Clock| clock.breached_at.is_some() || clock.stopped_at.is_some();
    let over = !order.is_open() && order.stage != Stage::FollowUp;
    let may_be_none = over || (settled(&order.arrival) && settled(&order.closure));
    assert!(
        next_deadline(order).is_some() || may_be_none,
        "a deadline, or nothing left to wait for"
    );
    if over && !order.has_untold() {
        assert_eq!(next_deadline(order), None, "what is over never wakes anybody");
    }

    let all = entries(order);
    assert!(all.len() <= 4 + MAX_CO_HANDLERS + MAX_CHAIN);
    for (i, entry) in all.iter().enumerate() {
        let same = |e: &&Entry| e.unit == entry.unit && e.desk == entry.desk;
        assert_eq!(all.iter().filter(same).count(), 1, "entry {i} stands once");
    }
    for entry in &all {
        assert!(!order.recused.contains(&entry.unit), "{} never sees it", entry.unit);
    }
    match (order.holder(), order.stage) {
        (Some(holder), _) => {
            assert_eq!(holder, all[0].unit);
            assert!(order.closure.stopped_at.is_none());
        }
        (None, Stage::FollowUp) => {
            assert!(matches!(all[..], [Entry { desk: Desk::FollowUp, .. }]));
        }
        (None, _) => assert!(all.is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn any_life_keeps_the_rules(
        steps in prop::collection::vec(tries(), 200),
        known in any::<bool>(),
    ) {
        let mut now = HEARD;
        let mut order = new_order(known.then_some(&CHAIN[..]), now);
        let mut warned = std::collections::HashSet::new();
        let mut breached = std::collections::HashSet::new();
        let mut counted: std::collections::HashMap<Tally, i64> = Default::default();
        for (tally, n) in tallies(None, &order, &[]) {
            *counted.entry(tally).or_default() += n;
        }
        let mut facts = Facts::of(&order);
        let mut ledger = Ledger::new(&order);
        for (what, wait, who) in steps {
            now = now.plus(Span(wait)).max(HEARD);
            let by = who.map_or(order.leg().unit, unit);
            let action = match what {
                Try::Do(action) => action,
                Try::Suspend(ahead) => Action::RequestSuspension { until: now.plus(Span(ahead)) },
            };
            let rounds = order.rounds.len();
            let command = Command { actor: Actor { unit: by, ..actor("3304") }, action };
            let Ok(Decision { after, events }) = decide(Some(&order), &command, now) else {
                continue;
            };
            prop_assert_eq!(&decide(Some(&order), &command, now).unwrap().after, &after);
            if events.is_empty() {
                prop_assert_eq!(&after, &order);
            } else {
                prop_assert_eq!(after.version, order.version + 1);
                prop_assert!(after.updated_at >= order.updated_at);
            }
            prop_assert!(!order.hidden_from(by), "who is complained about can do nothing");
            ledger.book(&command.action, &events, &after);
            for kind in ClockKind::ALL {
                prop_assert_eq!(after.due(*kind), ledger.due(*kind), "{} as by hand", kind);
            }
            prop_assert!(after.rounds.starts_with(&order.rounds), "a result is kept for ever");
            for event in &events {
                match event.what {
                    What::Warned { clock, percent, .. } => {
                        prop_assert!(warned.insert((clock, percent, rounds)), "each warning once");
                    }
                    What::Breached { clock, due, .. } => {
                        prop_assert!(breached.insert((clock, rounds)), "each breach once");
                        prop_assert!(due <= event.at);
                    }
                    What::Relayed { to, late: Some(_), .. } => {
                        // Down, that is: whom it goes up to only decides who takes it.
                        let up = order.stage == Stage::ReturnReview;
                        let back = order.refused_by.contains(&to);
                        prop_assert!(up || !back, "never back by itself");
                    }
                    _ => {}
                }
            }
            for event in &events {
                facts.count(event, |_, _| {});
            }
            prop_assert_eq!(&facts, &Facts::of(&after), "events tell all that is counted by");
            for (tally, n) in tallies(Some(&order), &after, &events) {
                prop_assert!(TALLIES.contains(&tally));
                *counted.entry(tally).or_default() += n;
            }
            order = after;
            check(&order);
            // A spurious tick does nothing: all that is due has been done by one.
            let done = step(&order, "3304", tick(), now.max(order.updated_at)).after;
            let again = step(&done, "3304", tick(), now.max(done.updated_at));
            prop_assert!(again.events.is_empty());
        }
        let is = |on: bool| i64::from(on);
        prop_assert_eq!(counted.get("open").copied().unwrap_or(0), is(order.is_open()));
        for gauge in ["triage", "review", "follow_up", "supplement", "suspended", "parked", "waiting.city", "waiting.village"] {
            let value = counted.get(gauge).copied().unwrap_or(0);
            prop_assert!((0..=1).contains(&value), "{} is {}", gauge, value);
        }
    }
}

/// What happens to an order that nobody signs.
fn unsigned() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(accept()),
        Just(Action::Deliver),
        (1..4_u8).prop_map(|at_most| Action::Redeliver { at_most }),
        Just(RELAY),
        somewhere().prop_map(|to| Action::Relay { to: Some(to) }),
        Just(RETURN),
        decision().prop_map(|decision| Action::DecideReturn { decision }),
        somewhere().prop_map(|unit| Action::AddCoHandler { unit }),
        somewhere().prop_map(|unit| Action::Recuse { unit }),
        Just(Action::Supply),
        Just(Action::Urge),
        (0..WAYS.len()).prop_map(|i| correct_to(301, Some(WAYS[i]))),
        Just(tick()),
    ]
}

proptest! {
    #[test]
    fn what_nobody_signs_breaks_its_promise_at_60_minutes_exactly(
        heard_at in 0..4_000_000_000_000_i64,
        filed_after in prop_oneof![0..3_600_000_i64, 0..7 * 86_400_000_i64],
        known in any::<bool>(),
        steps in prop::collection::vec((unsigned(), 0..600_000_i64), 0..60),
    ) {
        let heard_at = Timestamp(heard_at);
        let Action::Register(mut new) = register(known.then_some(&CHAIN[..])) else { unreachable!() };
        new.heard_at = heard_at;
        let mut now = heard_at.plus(Span(filed_after));
        let command = Command { actor: actor("3304"), action: Action::Register(new) };
        let mut order = decide(None, &command, now).unwrap().after;
        let mut broken = Vec::new();
        let end = (tick(), 3_600_001);
        for (action, wait) in steps.into_iter().chain([end]) {
            now = now.plus(Span(wait));
            let Ok(decision) = try_step(&order, "3304", action, now) else { continue };
            broken.extend(decision.events.iter().filter_map(|event| match event.what {
                What::Breached { clock: ClockKind::Arrival, due, .. } => Some(due),
                _ => None,
            }));
            order = decision.after;
        }
        let limit = heard_at.plus(Span(60 * 60 * 1_000));
        prop_assert_eq!(order.arrival.breached_at, Some(limit));
        prop_assert_eq!(broken, [limit], "once");
    }
}
