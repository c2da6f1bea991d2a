//! Stage × command, every cell.

use crate::make::*;
use hotline::domain::*;

/// What a cell of the table says.
#[derive(Clone, Copy)]
enum Says {
    /// Allowed, and leads to this stage.
    To(Stage),
    /// Refused with this reason.
    No(&'static str),
    /// Allowed, and nothing happens.
    Nothing,
}
use Says::{No, Nothing, To};
use Stage::*;

const STAGES: [Stage; 6] = [Triage, Assigned, Handling, Review, FollowUp, Archived];
const WRONG: Says = No("WRONG_STAGE");

/// One row per action, one cell per stage, done by the holder (the centre where nobody holds).
fn rows() -> Vec<(Action, [Says; 6])> {
    let returning = Action::Return { reason: ReturnReason::NotOurDuty };
    let verdict = |verdict| Action::DecideReport { verdict };
    vec![
        (register(None), [No("NUMBER_TAKEN"); 6]),
        (accept(), [To(Assigned), WRONG, WRONG, WRONG, WRONG, WRONG]),
        (Action::Deliver, [To(Triage), To(Assigned), Nothing, To(Review), Nothing, Nothing]),
        // The order is with the city, which has somebody below: it stays 待签收.
        (Action::Sign, [WRONG, To(Assigned), WRONG, WRONG, WRONG, WRONG]),
        (Action::Relay { to: None }, [WRONG, To(Assigned), WRONG, WRONG, WRONG, WRONG]),
        (returning, [WRONG, No("NOBODY_ABOVE"), WRONG, WRONG, WRONG, WRONG]),
        (Action::Report, [WRONG, WRONG, To(Review), WRONG, WRONG, WRONG]),
        (verdict(Verdict::Accept), [WRONG, WRONG, WRONG, To(FollowUp), WRONG, WRONG]),
        (verdict(Verdict::Reject), [WRONG, WRONG, WRONG, To(Handling), WRONG, WRONG]),
        (
            Action::ViewContact,
            [To(Triage), To(Assigned), To(Handling), To(Review), To(FollowUp), To(Archived)],
        ),
        (tick(), [Nothing; 6]),
    ]
}

#[test]
fn every_cell() {
    let rows = rows();
    for name in ActionName::ALL {
        assert!(rows.iter().any(|(action, _)| action.name() == *name), "no row for {name}");
    }
    assert_eq!(STAGES.len(), Stage::ALL.len());
    for (action, cells) in rows {
        for (stage, cell) in STAGES.into_iter().zip(cells) {
            let order = order_in(stage);
            let by = match (&action, order.holder()) {
                (Action::ViewContact, _) | (_, None) => "3304".to_owned(),
                (_, Some(holder)) => holder.to_string(),
            };
            let now = order.updated_at.plus(Span(1));
            let got = try_step(&order, &by, action.clone(), now);
            let what = format!("{} in {stage}", action.name());
            match (cell, got) {
                (To(to), Ok(decision)) => {
                    assert_eq!(decision.after.stage, to, "{what}");
                    assert_eq!(decision.after.version, order.version + 1, "{what}");
                    assert!(!decision.events.is_empty(), "{what}");
                }
                (Nothing, Ok(decision)) => {
                    assert!(decision.events.is_empty(), "{what}");
                    assert_eq!(decision.after, order, "{what}");
                }
                (No(reason), Err(rejection)) => {
                    assert_eq!(rejection.reason(), reason, "{what}");
                    assert!(!rejection.to_string().is_empty());
                }
                (No(_), Ok(_)) => panic!("{what} was allowed"),
                (To(_) | Nothing, Err(rejection)) => panic!("{what} was refused: {rejection}"),
            }
        }
    }
}

#[test]
fn what_is_said_to_be_allowed_is() {
    for (action, cells) in rows() {
        for (stage, cell) in STAGES.into_iter().zip(cells) {
            let listed = allowed(stage).contains(&action.name());
            let wrong_stage = matches!(cell, No("WRONG_STAGE"));
            assert!(!(listed && wrong_stage), "{} in {stage}", action.name());
        }
    }
}

#[test]
fn nothing_but_register_makes_an_order() {
    for (action, _) in rows() {
        let command = Command { actor: actor("3304"), action };
        let got = decide(None, &command, HEARD);
        match command.action {
            Action::Register(_) => assert!(got.is_ok()),
            _ => assert_eq!(got.unwrap_err(), Rejection::NoSuchOrder),
        }
    }
}

#[test]
fn only_the_holder_or_a_hall_above_it_may_act() {
    let order = step(&order_in(Assigned), "3304", Action::Relay { to: None }, at(2)).after;
    let table = [
        ("330402", true, "the holder"),
        ("3304", true, "the hall above"),
        ("3304-008", false, "a department above"),
        ("330411", false, "the county beside"),
        ("330402001", false, "the unit below"),
    ];
    for (by, may, who) in table {
        let got = try_step(&order, by, Action::Sign, at(3));
        assert_eq!(got.is_ok(), may, "{who}");
        if let Err(rejection) = got {
            assert_eq!(rejection.reason(), "NOT_HOLDER", "{who}");
        }
    }
    let triage = order_in(Triage);
    assert_eq!(try_step(&triage, "330402", accept(), at(1)).unwrap_err().reason(), "NOT_CENTRE");
}

#[test]
fn relay_goes_down_and_only_down() {
    let order = order_in(Assigned); // with the city
    let table = [
        (Some("330402001"), Ok("330402001")), // past a level, within the plan
        (Some("330411"), Ok("330411")),       // another county
        (Some("3304-008"), Ok("3304-008")),   // a department beside the hall
        (Some("3304"), Err("NOT_BELOW")),     // itself
        (Some("440100"), Err("NOT_BELOW")),   // another city
        (None, Ok("330402")),
    ];
    for (to, expected) in table {
        let got = try_step(&order, "3304", Action::Relay { to: to.map(unit) }, at(2));
        match (got, expected) {
            (Ok(decision), Ok(to)) => {
                assert_eq!(decision.after.holder(), Some(unit(to)));
                let [What::Relayed { from, held, late: None, .. }] =
                    decision.events.iter().map(|e| e.what.clone()).collect::<Vec<_>>()[..]
                else {
                    panic!("{:?}", decision.events)
                };
                // The second leg began when the order was accepted, a minute after it was heard.
                assert_eq!((from, held), (unit("3304"), Span::minutes(1)));
            }
            (Err(rejection), Err(reason)) => assert_eq!(rejection.reason(), reason, "{to:?}"),
            (got, expected) => panic!("{to:?}: {got:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_return_goes_up_runs_on_and_is_remembered() {
    let mut order = order_in(Assigned);
    for (i, holder) in CHAIN[..3].iter().enumerate() {
        order = step(&order, holder, Action::Relay { to: None }, at(2 + i as i64)).after;
    }
    let due = order.due(ClockKind::Arrival);
    let reason = ReturnReason::NotOurDuty;
    let back = step(&order, CHAIN[3], Action::Return { reason }, at(9)).after;
    assert_eq!(back.holder(), Some(unit(CHAIN[2])));
    assert_eq!(back.stage, Stage::Assigned);
    assert_eq!(back.due(ClockKind::Arrival), due, "returning does not stop the clock");
    assert_eq!(back.marks.returned, 1);
    assert_eq!(back.next_down(), None, "the clock never sends it there again");
    // Whom it was given back to may take it up: then it is the front line.
    let signed = step(&back, CHAIN[2], Action::Sign, at(10)).after;
    assert_eq!(signed.stage, Stage::Handling);
    // Or a person may send it to another village.
    let other = unit("330402001004");
    let relayed = step(&back, CHAIN[2], Action::Relay { to: Some(other) }, at(10)).after;
    assert_eq!((relayed.holder(), relayed.next_down()), (Some(other), None));
    assert_eq!(relayed.above(other), Some(unit(CHAIN[2])));
}

#[test]
fn signing_twice_says_who_and_when() {
    let order = step(&order_in(Assigned), "3304", Action::Sign, at(2)).after;
    let rejection = try_step(&order, "3304", Action::Sign, at(3)).unwrap_err();
    assert_eq!(rejection, Rejection::AlreadySigned { unit: unit("3304"), at: at(2) });
}

#[test]
fn a_city_without_counties_has_a_shorter_chain() {
    let chain = ["4419", "441900003", "441900003005"];
    let mut order = new_order(Some(&chain), HEARD);
    for (i, holder) in chain[..2].iter().enumerate() {
        order = step(&order, holder, Action::Relay { to: None }, at(1 + i as i64)).after;
    }
    let order = step(&order, chain[2], Action::Sign, at(4)).after;
    assert_eq!(order.stage, Stage::Handling);
    let reported = step(&order, chain[2], Action::Report, at(5)).after;
    assert_eq!(reported.holder(), Some(unit("441900003")));
}

#[test]
fn who_may_see_whom_to_call() {
    let assigned = order_in(Assigned);
    let handling = order_in(Handling);
    let archived = order_in(Archived);
    let table = [
        (&assigned, "3304", true, "the centre always"),
        (&handling, CHAIN[3], true, "the front line that holds it"),
        (&handling, "330411", false, "a stranger"),
        (&handling, "3304-008", false, "a department of the city"),
        (&archived, CHAIN[3], false, "nobody below the centre once it is over"),
    ];
    for (order, by, may, who) in table {
        let got = try_step(order, by, Action::ViewContact, at(3_000));
        assert_eq!(got.is_ok(), may, "{who}: {got:?}");
    }
}

#[test]
fn endless_to_and_fro_ends() {
    let mut order = order_in(Handling);
    let mut now = order.updated_at;
    let reject = Action::DecideReport { verdict: Verdict::Reject };
    let refused = loop {
        now = now.plus(Span(1));
        order = step(&order, CHAIN[3], Action::Report, now).after;
        match try_step(&order, CHAIN[2], reject.clone(), now) {
            Ok(decision) => order = decision.after,
            Err(rejection) => break rejection,
        }
    };
    assert_eq!(refused.reason(), "TOO_MANY_MOVES");
    assert!(order.legs.len() <= MAX_LEGS);
    let verdict = Verdict::Accept;
    let closed = step(&order, CHAIN[2], Action::DecideReport { verdict }, now).after;
    assert_eq!(closed.stage, Stage::FollowUp, "it can still be closed");
}
