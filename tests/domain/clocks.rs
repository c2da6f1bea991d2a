//! The two promises, minute by minute.

use crate::make::*;
use hotline::domain::*;

/// Ticks at every deadline until none is left or `until` has passed; what happened, when
/// (minutes after the citizen was heard), in whose hands.
fn run(mut order: Order, until: Timestamp) -> (Order, Vec<(String, i64, String)>) {
    let mut log = Vec::new();
    while let Some(due) = next_deadline(&order).filter(|due| *due <= until) {
        let decision = step(&order, "3304", tick(), due);
        assert!(!decision.events.is_empty(), "a due tick does something");
        for event in &decision.events {
            let minute = event.at.since(HEARD).0 / 60_000;
            let text = match &event.what {
                What::Warned { clock, percent, .. } => format!("{clock} {percent}%"),
                What::Breached { clock, raised_to, .. } => {
                    format!("{clock} breached, raised to {raised_to}")
                }
                other => other.name().to_owned(),
            };
            log.push((text, minute, event.unit.to_string()));
        }
        order = decision.after;
    }
    (order, log)
}

#[test]
fn an_order_nobody_touches_goes_down_by_itself_and_breaches_on_the_minute() {
    let (order, log) = run(new_order(Some(&CHAIN), HEARD), at(10_000));
    let expected = [
        ("relayed", 5, "330402"),
        ("relayed", 15, "330402001"),
        ("arrival 50%", 30, "330402001003"),
        ("relayed", 30, "330402001003"),
        ("arrival 75%", 45, "330402001003"),
        ("arrival 100%", 60, "330402001003"),
        ("arrival breached, raised to 330402001", 60, "330402001003"),
        ("closure 50%", 90, "330402001003"),
        ("closure 75%", 135, "330402001003"),
        ("closure 100%", 180, "330402001003"),
        ("closure breached, raised to 330402001", 180, "330402001003"),
    ];
    let mut got: Vec<_> = log.iter().map(|(e, m, u)| (e.as_str(), *m, u.as_str())).collect();
    got.sort_by_key(|(_, minute, _)| *minute);
    let mut expected = expected.to_vec();
    for list in [&mut got, &mut expected] {
        list.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
    }
    assert_eq!(got, expected);
    assert_eq!(next_deadline(&order), None, "nothing is left after the last breach");
    assert_eq!(order.arrival.breached_at, Some(at(60)), "60:00 exactly");
    assert_eq!(order.stage, Stage::Assigned, "the order stays with its handler");
    let held: Vec<_> = order.legs.iter().map(|l| l.held(at(180)).0 / 60_000).collect();
    assert_eq!(held, [5, 10, 15, 150], "the delay stands in each level's name");
}

#[test]
fn triage_that_nobody_decides_goes_to_the_fallback_unit() {
    let (order, log) = run(new_order(None, HEARD), at(6));
    assert_eq!(log, [("accepted".to_owned(), 5, FALLBACK.to_owned())]);
    assert_eq!((order.stage, order.holder()), (Stage::Assigned, Some(unit(FALLBACK))));
    assert_eq!(order.above(unit(FALLBACK)), Some(unit("3304")));
}

#[test]
fn the_limit_itself_is_still_in_time() {
    for (late_by, breached) in [(0, false), (1, true)] {
        let order = new_order(Some(&["3304"]), HEARD);
        let now = at(60).plus(Span(late_by));
        let decision = step(&order, "3304", Action::Sign, now);
        let after = decision.after;
        assert_eq!(after.arrival.breached_at.is_some(), breached, "{late_by} ms late");
        assert_eq!(after.arrival.stopped_at, Some(now));
        if breached {
            assert_eq!(after.arrival.breached_at, Some(at(60)), "booked to when it was due");
        }
    }
}

#[test]
fn a_step_after_the_limit_books_the_breach_even_if_no_timer_ever_ran() {
    let order = new_order(Some(&["3304", "330402"]), HEARD);
    let relayed = step(&order, "3304", RELAY, at(200));
    let names = names(&relayed);
    assert_eq!(
        names,
        [
            "warned", "warned", "warned", "breached", "warned", "warned", "warned", "breached",
            "relayed"
        ]
    );
    let What::Breached { holder, .. } = relayed.events[3].what else { panic!() };
    assert_eq!(holder, unit("3304"), "it was in the city's hands");
    assert_eq!(relayed.events[3].actor.role, Role::Clock);
    assert_eq!(relayed.events[8].actor.role, Role::Handler);
}

#[test]
fn a_level_has_one_share_whatever_comes_back() {
    let mut order = new_order(Some(&CHAIN), HEARD);
    order = step(&order, "3304", RELAY, at(1)).after;
    order = step(&order, "330402", RELAY, at(9)).after; // 8 of 10 used
    order = step(&order, "330402001", RETURN, at(10)).after;
    // The county decides within what is left of its share, or the city does.
    let over = Timer::ReviewOver(unit("3304"));
    assert_eq!(next_timer(&order), Some((at(12), over)));
    // Sent on to another town by a person: the town's share is what the first left of it.
    let decision = ReturnDecision::Transfer { to: unit("330402002") };
    order = step(&order, "330402", Action::DecideReturn { decision }, at(11)).after;
    assert_eq!(order.next_down(), None);
    assert_eq!(next_deadline(&order), Some(at(30)), "the warning, for it is the front line");
}

#[test]
fn a_pause_counts_for_the_level_that_held_the_order_then() {
    // The citizen was asked in triage and answered forty minutes later.
    let asked = order_in(Stage::Supplement);
    let pause = asked.paused().unwrap().from;
    let answered = pause.plus(Span::minutes(40));
    let mut order = step(&asked, "3304", Action::Supply, answered).after;
    assert_eq!(order.stage, Stage::Triage);
    let left = Span(Span::minutes(5).0 - pause.since(HEARD).0);
    assert_eq!(next_timer(&order), Some((answered.plus(left), Timer::TriageOver)));
    order = step(&order, "3304", accept(), answered).after;
    order = step(&order, "3304", RELAY, answered).after;
    let over = Timer::ShareOver(unit("330402001"));
    assert_eq!(next_timer(&order), Some((answered.plus(Span::minutes(10)), over)));
}

#[test]
fn whoever_signed_on_the_way_signs_again_as_the_front_line() {
    let mut order = new_order(Some(&CHAIN), HEARD);
    for (from, minute) in [("3304", 1), ("330402", 2)] {
        order = step(&order, from, RELAY, at(minute)).after;
    }
    order = step(&order, "330402001", Action::Sign, at(3)).after;
    let refused = try_step(&order, "330402001", Action::Sign, at(4)).unwrap_err();
    assert_eq!(refused.reason(), "ALREADY_SIGNED");
    for left in [Action::Recuse { unit: unit(CHAIN[3]) }, correct_to(105, Some(&CHAIN[..3]))] {
        let last = step(&order, "3304", left, at(5)).after;
        assert_eq!((last.stage, last.next_down()), (Stage::Assigned, None));
        assert!(last.is_unsigned() && !order.is_unsigned());
        let signed = step(&last, "330402001", Action::Sign, at(6)).after;
        assert_eq!((signed.stage, signed.arrival.stopped_at), (Stage::Handling, Some(at(6))));
    }
}

#[test]
fn heard_at_is_the_zero_and_is_bounded() {
    let late = |minutes| {
        let command = Command { actor: actor("3304"), action: register(Some(&CHAIN)) };
        decide(None, &command, at(minutes))
    };
    // A form filed 90 minutes after the citizen was heard has broken the first promise.
    let order = late(90).unwrap().after;
    assert_eq!((order.heard_at, order.registered_at), (HEARD, at(90)));
    let ticked = step(&order, "3304", tick(), at(90));
    assert_eq!(ticked.after.arrival.breached_at, Some(at(60)));
    // A client's clock a little ahead is taken as now; far ahead is refused.
    let ahead = late(-1).unwrap().after;
    assert_eq!(ahead.heard_at, at(-1));
    assert_eq!(late(-2).unwrap_err().reason(), "HEARD_IN_FUTURE");
    assert!(late(7 * 24 * 60).is_ok());
    assert_eq!(late(7 * 24 * 60 + 1).unwrap_err().reason(), "HEARD_TOO_LONG_AGO");
}

#[test]
fn a_closed_order_waits_only_for_its_follow_up_and_is_archived() {
    let order = order_in(Stage::FollowUp);
    let [entry] = entries(&order)[..] else { panic!("{:?}", entries(&order)) };
    assert_eq!((entry.unit, entry.desk), (unit("3304"), Desk::FollowUp));
    assert_eq!(next_deadline(&order), Some(at(7 + 24 * 60)));
    let (archived, log) = run(order, at(10_000));
    assert_eq!(log.len(), 1);
    assert!(entries(&archived).is_empty() && next_deadline(&archived).is_none());
}

#[test]
fn a_raise_ends_when_its_promise_is_at_last_kept() {
    let (order, _) = run(new_order(Some(&CHAIN), HEARD), at(61));
    let raised = |order: &Order| entries(order).iter().any(|e| e.desk == Desk::Raised);
    assert!(raised(&order));
    let signed = step(&order, CHAIN[3], Action::Sign, at(62)).after;
    assert!(!raised(&signed));
}

#[test]
fn time_never_runs_backwards() {
    let order = step(&order_in(Stage::Assigned), "3304", RELAY, at(4)).after;
    let signed = step(&order, "330402", Action::Sign, at(2)).after;
    assert_eq!(signed.updated_at, at(4));
}

#[test]
fn a_timer_that_comes_late_books_what_fell_due_to_who_held_the_order_then() {
    // Nothing ran from the first minute to the seventieth: the city sat on it all the while.
    let ticked = step(&new_order(Some(&CHAIN), HEARD), "3304", tick(), at(70));
    let breach = ticked.events.iter().find_map(|event| match event.what {
        What::Breached { holder, raised_to, due, .. } => Some((holder, raised_to, due)),
        _ => None,
    });
    assert_eq!(breach, Some((unit("3304"), unit("3304"), at(60))));
    assert_eq!(ticked.after.holder(), Some(unit("330402")), "and it moved on");
    assert_eq!(ticked.after.legs[0].held(at(70)), Span::minutes(70));
    // The county has its whole share: it had no chance to use it before.
    assert_eq!(next_deadline(&ticked.after), Some(at(80)));
}

#[test]
fn what_a_late_step_books_comes_in_order_of_due_time() {
    // Both promises alike: their points fall due in turn.
    let mut order = new_order(Some(&["3304"]), HEARD);
    order.arrival.limit = Span::hours(2);
    let signed = step(&order, "3304", Action::Sign, at(200));
    let dues: Vec<_> = signed
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Warned { due, .. } | What::Breached { due, .. } => Some(due),
            _ => None,
        })
        .collect();
    assert_eq!(dues.len(), 8);
    assert!(dues.is_sorted(), "{dues:?}");
}

#[test]
fn an_order_is_at_risk_and_overdue_to_the_millisecond() {
    let just = |minutes| at(minutes).plus(Span(1));
    let order = new_order(Some(&CHAIN), HEARD);
    for (now, expected) in [
        (HEARD, Peril::InTime),
        (at(45).minus(Span(1)), Peril::InTime),
        (at(45), Peril::AtRisk),
        (at(60), Peril::AtRisk),
        (just(60), Peril::Overdue),
        (at(999), Peril::Overdue),
    ] {
        assert_eq!(peril(&order, now), expected, "nobody ticked, {now}");
        let (ticked, _) = run(order.clone(), now);
        let expected = if now == at(60) { Peril::Overdue } else { expected };
        assert_eq!(peril(&ticked, now), expected, "every timer ran, {now}");
    }
    // Signed in time: what counts from then on is closure.
    let front = new_order(Some(&["3304"]), HEARD);
    let signed = step(&front, "3304", Action::Sign, at(50)).after;
    for (now, expected) in [
        (at(50), Peril::InTime),
        (at(135), Peril::AtRisk),
        (at(180), Peril::AtRisk),
        (just(180), Peril::Overdue),
    ] {
        assert_eq!(peril(&signed, now), expected, "signed, {now}");
    }
    // Signed late: the broken promise is done and says nothing any more.
    let late = step(&front, "3304", Action::Sign, at(70)).after;
    assert_eq!(late.arrival.breached_at, Some(at(60)));
    assert_eq!(peril(&late, at(71)), Peril::InTime);
    // What stands still gets no worse, however long.
    let asked = Action::AskInformation;
    let paused = step(&new_order(None, HEARD), "3304", asked, at(4)).after;
    assert_eq!(paused.stage, Stage::Supplement);
    assert_eq!(peril(&paused, at(1_000)), Peril::InTime);
}
