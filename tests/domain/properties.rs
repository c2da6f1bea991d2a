//! What holds after any sequence of commands at any times.

use crate::make::*;
use hotline::domain::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Try {
    Accept,
    Deliver,
    Sign,
    Relay(Option<&'static str>),
    Return,
    Report,
    Decide(Verdict),
    View,
    Tick,
}

const SOMEWHERE: [&str; 5] = ["330402", "330402001", "330402001004", "330411", "3304-008"];

fn tries() -> impl Strategy<Value = (Try, i64, bool)> {
    let what = prop_oneof![
        1 => Just(Try::Accept),
        1 => Just(Try::Deliver),
        3 => Just(Try::Sign),
        4 => Just(Try::Relay(None)),
        2 => (0..SOMEWHERE.len()).prop_map(|i| Try::Relay(Some(SOMEWHERE[i]))),
        2 => Just(Try::Return),
        3 => Just(Try::Report),
        1 => Just(Try::Decide(Verdict::Accept)),
        2 => Just(Try::Decide(Verdict::Reject)),
        1 => Just(Try::View),
        4 => Just(Try::Tick),
    ];
    // Mostly minutes, sometimes an hour; sometimes somebody's clock runs backwards.
    let wait = prop_oneof![8 => 0..600_000i64, 1 => 0..5_000_000i64, 1 => -60_000..0i64];
    (what, wait, prop::bool::weighted(0.9))
}

fn action(what: &Try) -> Action {
    match what {
        Try::Accept => accept(),
        Try::Deliver => Action::Deliver,
        Try::Sign => Action::Sign,
        Try::Relay(to) => Action::Relay { to: to.map(unit) },
        Try::Return => Action::Return { reason: ReturnReason::TooLittleKnown },
        Try::Report => Action::Report,
        Try::Decide(verdict) => Action::DecideReport { verdict: *verdict },
        Try::View => Action::ViewContact,
        Try::Tick => tick(),
    }
}

/// The rules of an order at rest.
fn check(order: &Order) {
    let mut expected_start = order.heard_at;
    for (i, leg) in order.legs.iter().enumerate() {
        assert_eq!(leg.started_at, expected_start, "legs are without gap or overlap");
        let is_last = i + 1 == order.legs.len();
        assert_eq!(leg.ended.is_none(), is_last && order.is_open());
        expected_start = leg.ended.map_or(order.updated_at, |(at, _)| at);
    }
    let now = order.updated_at.plus(Span::minutes(5));
    let end = if order.is_open() { now } else { order.closure.stopped_at.unwrap() };
    let held: i64 = order.legs.iter().map(|leg| leg.held(now).0).sum();
    assert_eq!(held, end.since(order.heard_at).0, "holding times sum to the elapsed time");
    assert!(order.legs.len() <= MAX_LEGS);

    let last_breach = order.arrival.breached_at.is_some() || order.arrival.stopped_at.is_some();
    let may_be_none =
        order.stage == Stage::Archived || (last_breach && order.closure.breached_at.is_some());
    assert!(
        next_deadline(order).is_some() || may_be_none,
        "a deadline, or nothing left to wait for"
    );

    let all = entries(order);
    assert!(all.len() <= 3);
    for (i, entry) in all.iter().enumerate() {
        let same = |e: &&Entry| e.unit == entry.unit && e.desk == entry.desk;
        assert_eq!(all.iter().filter(same).count(), 1, "entry {i} stands once");
    }
    match order.stage {
        Stage::Triage | Stage::Assigned | Stage::Handling | Stage::Review => {
            assert_eq!(order.holder(), Some(all[0].unit));
            assert!(order.closure.stopped_at.is_none());
        }
        Stage::FollowUp => assert!(matches!(all[..], [Entry { desk: Desk::FollowUp, .. }])),
        Stage::Archived => assert!(all.is_empty()),
    }
    assert_eq!(order.plan.is_none(), order.stage == Stage::Triage);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_life_keeps_the_rules(
        steps in prop::collection::vec(tries(), 1..200),
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
        for (what, wait, by_holder) in steps {
            now = now.plus(Span(wait)).max(HEARD);
            let by = if by_holder { order.leg().unit } else { unit("330482") };
            let command = Command { actor: Actor { unit: by, ..actor("3304") }, action: action(&what) };
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
            prop_assert_eq!(after.due(ClockKind::Arrival), order.due(ClockKind::Arrival));
            prop_assert_eq!(after.due(ClockKind::Closure), order.due(ClockKind::Closure));
            for event in &events {
                match event.what {
                    What::Warned { clock, percent, .. } => {
                        prop_assert!(warned.insert((clock, percent)), "each warning once");
                    }
                    What::Breached { clock, due, .. } => {
                        prop_assert!(breached.insert(clock), "each breach once");
                        prop_assert_eq!(due, after.due(clock));
                    }
                    What::Relayed { to, late: Some(_), .. } => {
                        prop_assert!(!order.refused_by.contains(&to), "never back by itself");
                    }
                    _ => {}
                }
            }
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
        prop_assert_eq!(counted["open"], is(order.is_open()));
        for gauge in ["triage", "review", "follow_up", "waiting.city", "waiting.village"] {
            let value = counted.get(gauge).copied().unwrap_or(0);
            prop_assert!((0..=1).contains(&value), "{} is {}", gauge, value);
        }
    }
}
