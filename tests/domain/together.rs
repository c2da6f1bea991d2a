//! Orders and units that have to do with each other: mergers, helpers, who sees what.

use crate::make::*;
use hotline::domain::*;

const NOBODY: Policy = Policy { follow_up: None, ..Policy::FOUNDING };

fn centre(order: &Order, action: Action, minute: i64) -> Order {
    step(order, "3304", action, at(minute)).after
}

fn adopted(order: &Order, recused: &[&str]) -> Result<Order, Rejection> {
    let recused = recused.iter().map(|u| unit(u)).collect();
    let action = Action::Adopt { child: other(8), recused };
    try_step(order, "3304", action, order.updated_at.plus(Span(1))).map(|decision| decision.after)
}

#[test]
fn a_merger_and_its_end_change_two_orders() {
    let child = order_in(Stage::Triage);
    let merge = Action::Merge { into: other(8) };
    let adopt = Action::Adopt { child: child.no, recused: Vec::new() };
    assert_eq!(beside(&child, &merge), Some((other(8), adopt)));
    let complaint = centre(&child, Action::Recuse { unit: unit("330482") }, 1);
    let adopt = Action::Adopt { child: child.no, recused: vec![unit("330482")] };
    assert_eq!(beside(&complaint, &merge), Some((other(8), adopt)));
    // Taken back it leaves the other's list; any other move is its own alone.
    let merged = centre(&child, merge, 1);
    let disown = Action::Disown { child: child.no };
    assert_eq!(beside(&merged, &Action::Withdraw), Some((other(8), disown)));
    for action in [Action::Withdraw, Action::Urge, adopt_of(9)] {
        assert_eq!(beside(&child, &action), None, "{action:?}");
    }
}

fn adopt_of(seq: u32) -> Action {
    adopt(other(seq))
}

#[test]
fn who_is_complained_about_never_works_on_what_it_is_merged_into() {
    let handling = order_in(Stage::Handling);
    let helped = centre(&handling, Action::AddCoHandler { unit: unit("330411") }, 6);
    let late = centre(&handling, tick(), 181);
    let raised_to = late.closure.raised_to.unwrap().to_string();
    let direct = centre(&order_in(Stage::Triage), accept_to(Some(plan(&CHAIN)), true), 1);
    let table: [(&Order, &str, bool); 9] = [
        (&handling, CHAIN[3], false),                // holds it
        (&handling, CHAIN[1], false),                // is in its chain
        (&order_in(Stage::Review), CHAIN[3], false), // waits for a verdict
        (&helped, "330411", false),
        (&late, &raised_to, false),
        (&direct, CHAIN[2], false), // has a copy
        (&handling, "330411", true),
        (&handling, "330482", true),
        (&order_in(Stage::Triage), CHAIN[3], true),
    ];
    for (order, of, may) in table {
        match adopted(order, &[of]) {
            Ok(after) => {
                assert!(may, "{of} works on it: {:?}", order.stage);
                assert!(after.hidden_from(unit(of)) && after.links.children == [other(8)]);
            }
            Err(refused) => {
                assert!(!may, "{of}: {refused}");
                assert_eq!(refused.reason(), "CANNOT_MERGE");
            }
        }
    }
    // What it says of a merger is hidden from them at once.
    let action = Action::Adopt { child: other(8), recused: vec![unit("330482")] };
    let decision = step(&handling, "3304", action, at(7));
    assert_eq!(decision.events[0].hidden_from, [unit("330482")]);
    let many = [
        "330411", "330421", "330424", "330481", "330482", "3304-001", "3304-002", "3304-003",
        "3304-004",
    ];
    let full = adopted(&handling, &many[..8]).unwrap();
    assert_eq!(full.recused.len(), MAX_RECUSED);
    assert_eq!(adopted(&full, &many[8..]).unwrap_err().reason(), "CANNOT_MERGE");
}

#[test]
fn a_caller_who_comes_after_a_rework_hears_the_second_result() {
    let parent = centre(&order_in(Stage::Handling), adopt_of(8), 6);
    let told = centre(&centre(&parent, DISPOSE, 7), Action::ChildrenTold, 8);
    let no = follow_up(Outcome::Dissatisfied);
    let again = centre(&told, no, 9);
    assert!(again.is_open() && again.links.told);
    // Those of the first round have heard of it: nobody waits, it may be taken back.
    assert_eq!(centre(&again, Action::Withdraw, 10).stage, Stage::Withdrawn);
    let with_another = centre(&again, adopt_of(9), 10);
    let waits = try_step(&with_another, "3304", Action::Withdraw, at(11)).unwrap_err();
    assert_eq!(waits.reason(), "HAS_MERGED_ORDERS");
    let closed = centre(&with_another, DISPOSE, 12);
    assert_eq!(next_timer(&closed), Some((at(12), Timer::TellChildren)));
}

#[test]
fn a_merged_callers_result_is_owed_whatever_is_followed_up() {
    let mut child = order_in(Stage::Merged);
    child.policy = NOBODY;
    let heard = centre(&child, Action::HearResult, 9);
    assert_eq!(next_timer(&heard), Some((at(9).plus(OWED_CALL), Timer::FollowUpOver)));
    assert!(centre(&heard, tick(), 10).stage == Stage::FollowUp, "somebody is there to be called");
    // One that nobody was merged into needs no call by that policy.
    let mut single = order_in(Stage::Handling);
    single.policy = NOBODY;
    assert_eq!(centre(&single, DISPOSE, 9).stage, Stage::Archived);
}

#[test]
fn a_citizen_takes_it_back_from_wherever_it_is_not_over() {
    let parent = centre(&order_in(Stage::Handling), adopt_of(8), 6);
    let left = centre(&parent, Action::Disown { child: other(8) }, 7);
    assert_eq!(left.links.children, []);
    assert!(!step(&left, "3304", tick(), at(8)).after.has_untold());
    for stage in [Stage::Merged, Stage::FollowUp, Stage::Handling] {
        let order = order_in(stage);
        let back = step(&order, "3304", Action::Withdraw, at(20));
        let after = &back.after;
        assert_eq!((after.stage, after.links.merged_into), (Stage::Withdrawn, None), "{stage}");
        assert!(after.is_over() && entries(after).is_empty() && next_deadline(after).is_none());
        assert_eq!(names(&back), ["withdrawn"]);
        if stage != Stage::Handling {
            // Who held it when, and when its clocks stopped, stays as it was.
            assert_eq!((&after.legs, &after.closure), (&order.legs, &order.closure), "{stage}");
        }
    }
}

#[test]
fn a_helper_that_did_its_part_may_be_asked_again() {
    let help = |order: &Order, of: &str, minute| {
        try_step(order, CHAIN[3], Action::AddCoHandler { unit: unit(of) }, at(minute))
            .map(|decision| decision.after)
    };
    let order = help(&order_in(Stage::Handling), "330411", 6).unwrap();
    assert_eq!(help(&order, "330411", 7).unwrap_err().reason(), "CANNOT_CO_HANDLE");
    let order = step(&order, "330411", REPORT, at(7)).after;
    let reported = step(&order, CHAIN[3], REPORT, at(8)).after;
    let reject = Action::DecideReport { verdict: Verdict::Reject };
    let order = step(&reported, CHAIN[2], reject, at(9)).after;
    let order = help(&order, "330411", 10).unwrap();
    assert_eq!(order.co_handlers.len(), 1);
    assert_eq!(order.stage_for(unit("330411")), View::Stage(Stage::Assigned));
    let refused = try_step(&order, CHAIN[3], REPORT, at(11)).unwrap_err();
    assert_eq!(refused, Rejection::CoHandlersPending { units: vec![unit("330411")] });
    // Eight may help at a time; whoever was done first makes room.
    let all =
        ["330411", "330421", "330424", "330481", "330482", "3304-001", "3304-002", "3304-003"];
    let mut order = order;
    for of in &all[1..] {
        order = help(&order, of, 12).unwrap();
    }
    assert_eq!(help(&order, "3304-004", 13).unwrap_err().reason(), "CANNOT_CO_HANDLE");
    order = step(&order, "330482", REPORT, at(14)).after;
    order = step(&order, "330421", REPORT, at(15)).after;
    let places = |order: &Order| -> Vec<_> {
        let all = entries(order).into_iter().filter(|e| e.desk == Desk::CoHandler);
        all.map(|e| (e.unit, e.assignment)).collect()
    };
    let before = places(&order);
    order = help(&order, "3304-004", 16).unwrap();
    let units: Vec<_> = order.co_handlers.iter().map(|co| co.unit).collect();
    assert_eq!(units.len(), MAX_CO_HANDLERS);
    assert!(units.contains(&unit("330421")) && !units.contains(&unit("330482")), "{units:?}");
    assert!(before.iter().all(|place| places(&order).contains(place)), "the others stay put");
    // So they do when one is complained about, though it came before them; its place is taken by
    // whoever comes next.
    let gone = places(&order).into_iter().find(|(of, _)| *of == unit("330411")).unwrap();
    order = centre(&order, Action::Recuse { unit: unit("330411") }, 17);
    let left: Vec<_> = before.iter().filter(|(of, _)| *of != unit("330411")).collect();
    assert!(left.iter().all(|place| places(&order).contains(place)), "the others stay put");
    order = help(&order, "3304-005", 18).unwrap();
    assert!(places(&order).contains(&(unit("3304-005"), gone.1)));
    let apart: std::collections::BTreeSet<_> =
        order.co_handlers.iter().map(|co| co.place).collect();
    assert_eq!(apart.len(), MAX_CO_HANDLERS);
}

#[test]
fn a_hall_does_the_part_of_a_helper_without_a_system() {
    let order =
        centre(&order_in(Stage::Handling), Action::AddCoHandler { unit: unit("330411-012") }, 6);
    let sign = Action::CoSign { unit: unit("330411-012") };
    let report = Action::CoReport { unit: unit("330411-012") };
    for stranger in ["330421", "330411-011", CHAIN[3]] {
        let refused = try_step(&order, stranger, sign.clone(), at(7)).unwrap_err();
        assert_eq!(refused.reason(), "NOT_HOLDER", "{stranger}");
    }
    let signed = step(&order, "330411", sign.clone(), at(7)).after;
    let twice = try_step(&signed, "330411", sign, at(8)).unwrap_err();
    assert_eq!(twice.reason(), "ALREADY_SIGNED");
    let reported = step(&signed, "330411", report.clone(), at(8));
    assert_eq!(reported.events[0].what, What::CoReported { unit: unit("330411-012") });
    assert_eq!(reported.events[0].actor.unit, unit("330411"), "the record says who");
    assert_eq!((reported.after.stage, reported.after.papers), (Stage::Handling, order.papers + 1));
    let again = try_step(&reported.after, "330411", report, at(9)).unwrap_err();
    assert_eq!(again, Rejection::NotCoHandling { unit: unit("330411-012") });
    // The lead's hall, which holds the order for the lead, does a helper's part by its name.
    let beside =
        centre(&order_in(Stage::Handling), Action::AddCoHandler { unit: unit("330402-012") }, 6);
    let part = Action::CoReport { unit: unit("330402-012") };
    let done = step(&beside, "330402", part, at(7)).after;
    assert_eq!((done.stage, done.pending_co_handlers().count()), (Stage::Handling, 0));
    assert_eq!(step(&done, "330402", REPORT, at(8)).after.stage, Stage::Review);
}

#[test]
fn one_disposition_for_many_proves_what_must_be_proved() {
    let mut order = order_in(Stage::Handling);
    order.policy.evidence = true;
    let refused = try_step(&order, "3304", DISPOSE, at(6)).unwrap_err();
    assert_eq!(refused, Rejection::EvidenceMissing);
    let with = Action::Dispose { evidence: true };
    assert_eq!(centre(&order, with, 6).stage, Stage::FollowUp);
}

#[test]
fn the_centre_or_a_hall_above_urges() {
    let order = order_in(Stage::Handling);
    for (by, may) in
        [("3304", true), (CHAIN[1], true), (CHAIN[2], true), (CHAIN[3], false), ("330411", false)]
    {
        match try_step(&order, by, Action::Urge, at(6)) {
            Ok(decision) => assert!(may && decision.after.marks.urged == 1, "{by}"),
            Err(refused) => assert!(!may && refused.reason() == "NOT_ABOVE", "{by}: {refused}"),
        }
    }
}

#[test]
fn nobody_files_what_it_may_not_see() {
    let Action::Register(mut register) = register(None) else { unreachable!() };
    register.recused = vec![unit("330411")];
    let file = |by: &str| {
        let action = Action::Register(register.clone());
        decide(None, &Command { actor: actor(by), action }, HEARD)
    };
    assert!(file("3304").unwrap().after.hidden_from(unit("330411")));
    assert_eq!(file("330411").unwrap_err().why, Rejection::Recused { unit: unit("330411") });
}

/// One order as several units see it on its way.
#[test]
fn each_unit_sees_where_it_stands_for_itself() {
    use View::{PassedOn, Stage as At};
    let (assigned, handling) = (At(Stage::Assigned), At(Stage::Handling));
    let views = |order: &Order| CHAIN.map(|of| order.stage_for(unit(of)));
    let mut order = order_in(Stage::Assigned);
    assert_eq!(views(&order), [assigned; 4]);
    order = centre(&order, RELAY, 2);
    assert_eq!(views(&order), [PassedOn, assigned, assigned, assigned]);
    order = step(&order, CHAIN[1], RELAY, at(3)).after;
    // The clock passes it on, too.
    order = centre(&order, tick(), 40);
    assert_eq!(views(&order), [PassedOn, PassedOn, PassedOn, assigned]);
    order = step(&order, CHAIN[3], Action::Sign, at(41)).after;
    assert_eq!(views(&order), [PassedOn, PassedOn, PassedOn, handling]);
    let helped = centre(&order, Action::AddCoHandler { unit: unit("330411") }, 42);
    assert_eq!(helped.stage_for(unit("330411")), assigned);
    let review = step(&order, CHAIN[3], REPORT, at(42)).after;
    let in_review = At(Stage::Review);
    assert_eq!(views(&review), [PassedOn, PassedOn, in_review, in_review]);
    let reject = Action::DecideReport { verdict: Verdict::Reject };
    let rejected = step(&review, CHAIN[2], reject, at(43)).after;
    assert_eq!(views(&rejected), [PassedOn, PassedOn, PassedOn, handling]);
    let closed = centre(&order, DISPOSE, 44);
    assert_eq!(views(&closed), [At(Stage::FollowUp); 4], "closed, it is closed for all");
    // What was given back is with who decides; who returned it has not passed it on.
    let village = {
        let mut order = order_in(Stage::Assigned);
        for (i, holder) in CHAIN[..3].iter().enumerate() {
            order = step(&order, holder, RELAY, at(2 + i as i64)).after;
        }
        order
    };
    let back = step(&village, CHAIN[3], RETURN, at(6)).after;
    let in_review = At(Stage::ReturnReview);
    assert_eq!(views(&back), [PassedOn, PassedOn, in_review, in_review]);
    // Nobody decides: it goes up, and who let it lie has passed nothing down.
    let up = centre(&back, tick(), 30);
    assert_eq!(up.holder(), Some(unit(CHAIN[1])));
    assert_eq!(views(&up), [PassedOn, in_review, in_review, in_review]);
}
