//! Handed out again and again and never signed: kept for a person to look at, and nothing of it
//! is lost meanwhile.

use crate::make::*;
use hotline::domain::*;

const AT_MOST: u8 = 3;
const AGAIN: Action = Action::Redeliver { at_most: AT_MOST };

/// With the town, which has been handed it so often; all within two minutes.
fn handed_out(times: u8) -> Order {
    let mut order = new_order(Some(&CHAIN), HEARD);
    for holder in &CHAIN[..2] {
        order = step(&order, holder, RELAY, at(1)).after;
    }
    for nth in 0..times {
        let action = if nth == 0 { Action::Deliver } else { AGAIN };
        order = step(&order, CHAIN[2], action, at(2)).after;
        assert_eq!((order.tries.deliveries, order.is_parked()), (nth + 1, false));
    }
    order
}

fn parked() -> Order {
    step(&handed_out(AT_MOST), CHAIN[2], AGAIN, at(3)).after
}

fn names(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|event| event.what.name()).collect()
}

fn trays(order: &Order) -> Vec<(String, Desk)> {
    entries(order).iter().map(|e| (e.unit.to_string(), e.desk)).collect()
}

#[test]
fn it_is_parked_after_so_many_and_seen_by_those_who_can_help() {
    let before = handed_out(AT_MOST);
    assert_eq!(trays(&before), [(CHAIN[2].to_owned(), Desk::Lead)]);
    let decision = step(&before, CHAIN[2], AGAIN, at(3));
    assert_eq!(names(&decision), ["parked"]);
    let What::Parked { unit: with, deliveries } = decision.events[0].what else { unreachable!() };
    assert_eq!((with, deliveries), (unit(CHAIN[2]), AT_MOST));
    let order = decision.after;
    assert_eq!(order.tries.parked_at, Some(at(3)));
    // With the town itself, the county above it, and the centre; in no tray that is handed out.
    let expected = [CHAIN[2], CHAIN[1], CHAIN[0]].map(|unit| (unit.to_owned(), Desk::Parked));
    assert_eq!(trays(&order), expected);
    let gives_no_right = entries(&order).iter().all(|entry| entry.assignment == NO_HOLDING);
    assert!(gives_no_right);
    // Again changes nothing.
    let again = step(&order, CHAIN[2], AGAIN, at(4));
    assert_eq!((again.events.len(), again.after), (0, order));
}

#[test]
fn nobody_is_told_twice_when_the_centre_holds_it() {
    let mut order = new_order(Some(&CHAIN), HEARD);
    order = step(&order, CHAIN[0], Action::Deliver, at(1)).after;
    for _ in 0..AT_MOST {
        order = step(&order, CHAIN[0], AGAIN, at(1)).after;
    }
    assert_eq!(trays(&order), [(CHAIN[0].to_owned(), Desk::Parked)]);
}

#[test]
fn its_clocks_and_timers_run_on() {
    let (free, parked) = (handed_out(1), parked());
    assert_eq!(next_deadline(&free), next_deadline(&parked));
    // The town's share ends: the village is handed it as if nothing had been.
    let due = next_deadline(&parked).unwrap();
    let passed = step(&parked, CHAIN[2], tick(), due).after;
    assert_eq!((passed.holder(), passed.is_parked()), (Some(unit(CHAIN[3])), false));
    assert_eq!(trays(&passed)[0], (CHAIN[3].to_owned(), Desk::Lead));
    // At the front line nobody is below: it breaches, and the unit above is told.
    let mut last = passed;
    for nth in 0..=AT_MOST {
        let action = if nth == 0 { Action::Deliver } else { AGAIN };
        last = step(&last, CHAIN[3], action, due).after;
    }
    assert!(last.is_parked());
    let late = step(&last, CHAIN[3], tick(), last.due(ClockKind::Arrival)).after;
    assert!(late.is_parked() && late.arrival.breached_at.is_some());
    let told = trays(&late);
    assert!(told.contains(&(CHAIN[2].to_owned(), Desk::Raised)), "{told:?}");
    assert!(told.contains(&(CHAIN[3].to_owned(), Desk::Parked)), "{told:?}");
}

#[test]
fn a_person_releases_it() {
    let order = parked();
    let table = [
        (CHAIN[2], Ok(()), "the holder"),
        (CHAIN[1], Ok(()), "the hall above"),
        (CHAIN[0], Ok(()), "the centre"),
        (CHAIN[3], Err("NOT_HOLDER"), "the unit below"),
        ("330411", Err("NOT_HOLDER"), "the county beside"),
    ];
    for (by, expected, who) in table {
        let got = try_step(&order, by, Action::Release, at(5));
        match (got, expected) {
            (Ok(decision), Ok(())) => {
                assert_eq!(names(&decision), ["released"], "{who}");
                let free = decision.after;
                assert_eq!(trays(&free), [(CHAIN[2].to_owned(), Desk::Lead)], "{who}");
                // It is handed out as often again.
                let mut next = free;
                for nth in 1..=AT_MOST {
                    next = step(&next, CHAIN[2], AGAIN, at(6)).after;
                    assert_eq!((next.tries.deliveries, next.is_parked()), (nth, false));
                }
                assert!(step(&next, CHAIN[2], AGAIN, at(6)).after.is_parked());
                let twice = try_step(&next, by, Action::Release, at(7)).unwrap_err();
                assert_eq!(twice.reason(), "NOT_PARKED", "{who}");
            }
            (Err(rejection), Err(reason)) => assert_eq!(rejection.reason(), reason, "{who}"),
            (got, _) => panic!("{who}: {got:?}"),
        }
    }
}

#[test]
fn whoever_takes_it_in_hand_ends_it() {
    for (by, action) in [
        (CHAIN[2], Action::Sign),
        (CHAIN[2], RELAY),
        (CHAIN[2], RETURN),
        ("3304", Action::Recuse { unit: unit(CHAIN[2]) }),
        ("3304", Action::Withdraw),
    ] {
        let name = action.name();
        let after = step(&parked(), by, action, at(5)).after;
        assert!(!after.is_parked(), "{name}");
        assert!(trays(&after).iter().all(|(_, desk)| *desk != Desk::Parked), "{name}");
    }
    // What was signed is fetched as often as they like.
    let signed = step(&handed_out(1), CHAIN[2], Action::Sign, at(5)).after;
    for _ in 0..10 {
        assert!(step(&signed, CHAIN[2], AGAIN, at(6)).events.is_empty());
    }
}

#[test]
fn the_counters_follow() {
    let count = |before: &Order, decision: &Decision, tally| {
        let all = tallies(Some(before), &decision.after, &decision.events);
        all.iter().find(|(t, _)| *t == tally).map_or(0, |(_, n)| *n)
    };
    let before = handed_out(AT_MOST);
    let parks = step(&before, CHAIN[2], AGAIN, at(3));
    assert_eq!((count(&before, &parks, "parked"), count(&before, &parks, "parkings")), (1, 1));
    let frees = step(&parks.after, CHAIN[2], Action::Release, at(4));
    assert_eq!(count(&parks.after, &frees, "parked"), -1);
    let again = step(&handed_out(1), CHAIN[2], AGAIN, at(3));
    assert_eq!(count(&handed_out(1), &again, "redelivered"), 1);
}
