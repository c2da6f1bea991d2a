//! Which limits and which way an order has once somebody has decided anew: at acceptance, by
//! correction, by a switch of the mode and back, and when it is done again.

use crate::make::*;
use hotline::domain::*;

fn centre(order: &Order, action: Action, minute: i64) -> Order {
    step(order, "3304", action, at(minute)).after
}

fn closure(hours: i64) -> Policy {
    Policy { id: 4, closure: Span::hours(hours), ..Policy::FOUNDING }
}

fn restamp(policy: Policy) -> Action {
    Action::Restamp { policy: Box::new(policy) }
}

fn chain_of(order: &Order) -> Vec<String> {
    order.plan.as_ref().map_or(&[][..], Plan::units).iter().map(Unit::to_string).collect()
}

#[test]
fn an_order_has_the_limits_of_what_it_was_decided_to_be() {
    let mut accept = Accept {
        reading: Reading { urgency: Urgency::Critical, ..reading() },
        policy: Policy { version: 3, ..CRITICAL },
        way: Some(Way { plan: plan(&CHAIN), catalogue: 3, rule: 21 }),
        direct: false,
    };
    let order = order_in(Stage::Triage);
    let accepted = step(&order, "3304", Action::Accept(Box::new(accept.clone())), at(2));
    assert_eq!(names(&accepted), ["accepted", "restamped"]);
    let order = accepted.after;
    assert_eq!(order.policy, accept.policy);
    assert_eq!(order.due(ClockKind::Closure), at(90), "from when the citizen was heard");
    assert_eq!((order.catalogue, order.rule), (3, 21), "the catalogue that routed it, and how");
    // Decided to be what it was taken for, it keeps what it has.
    let same = step(&order_in(Stage::Triage), "3304", super::make::accept(), at(2));
    assert_eq!(names(&same), ["accepted"]);
    // Where it goes may be said later, by a later catalogue.
    accept.way = None;
    let open = centre(&order_in(Stage::Triage), Action::Accept(Box::new(accept)), 2);
    assert_eq!((open.catalogue, open.due(ClockKind::Closure)), (1, at(90)));
    let way = Way { plan: plan(&CHAIN), catalogue: 4, rule: 22 };
    let sent = centre(&open, Action::Assign { way, direct: false }, 3);
    assert_eq!((sent.catalogue, sent.rule), (4, 22));
    assert_eq!(sent.due(ClockKind::Closure), at(90), "on its way it keeps its limits");
}

/// 办理中 on five days, with an hour more, suspended a day after it was heard.
fn paused_on_five_days() -> (Order, Timestamp) {
    let day = 24 * 60;
    let order = centre(&order_in(Stage::Handling), restamp(closure(120)), 6);
    let order = centre(&order, Action::RequestExtension { by: Span::hours(1) }, 7);
    let yes = Verdict::Accept;
    let order = centre(&order, Action::DecideExtension { verdict: yes }, 8);
    let due = at(5 * day + 60);
    assert_eq!(order.due(ClockKind::Closure), due);
    let until = at(2 * day);
    let order = centre(&order, Action::RequestSuspension { until }, day);
    (centre(&order, Action::DecideSuspension { verdict: yes }, day), due)
}

#[test]
fn a_switch_taken_back_gives_exactly_the_deadlines_from_before() {
    let day = 24 * 60;
    let (order, due) = paused_on_five_days();
    let war = centre(&order, restamp(Policy::FOUNDING), day + 60);
    // 3 hours and the one that was granted are long over: the limit is what has run.
    assert_eq!(war.due(ClockKind::Closure), at(day));
    let back = centre(&war, restamp(closure(120)), day + 120);
    assert_eq!(back.due(ClockKind::Closure), due, "no hour more, no hour less");
    let again = centre(
        &centre(&back, restamp(Policy::FOUNDING), day + 180),
        restamp(closure(120)),
        day + 240,
    );
    assert_eq!(again.due(ClockKind::Closure), due, "however often");
    // And the pause is added to the millisecond.
    let resumed = centre(&again, Action::Resume, day + 300);
    assert_eq!(resumed.due(ClockKind::Closure), due.plus(Span::minutes(300)));
}

#[test]
fn more_time_than_a_shortened_limit_is_kept_when_it_is_long_again() {
    let order = centre(&order_in(Stage::Handling), restamp(closure(120)), 6);
    // A limit that is over would be due at once; more time is asked for before that is noticed.
    let until = at(300);
    let order = centre(&order, Action::RequestSuspension { until }, 240);
    let order = centre(&order, Action::DecideSuspension { verdict: Verdict::Accept }, 240);
    let war = centre(&order, restamp(Policy::FOUNDING), 250);
    assert_eq!(war.due(ClockKind::Closure), at(240));
    let back = centre(&war, restamp(closure(120)), 260);
    let back = centre(&back, Action::Resume, 260);
    let asked = centre(&back, Action::RequestExtension { by: Span::hours(2) }, 261);
    let given = centre(&asked, Action::DecideExtension { verdict: Verdict::Accept }, 262);
    let due = at(120 * 60 + 20 + 120);
    assert_eq!((given.due(ClockKind::Closure), given.granted), (due, Span::hours(2)));
    let other = centre(&given, restamp(closure(48)), 263);
    assert_eq!(other.due(ClockKind::Closure), at(48 * 60 + 20 + 120));
}

#[test]
fn what_is_done_again_has_the_limits_of_what_begins_now() {
    let yes = Action::DecideExtension { verdict: Verdict::Accept };
    let extended = step(&order_in(Stage::ExtensionReview), CHAIN[2], yes, at(7)).after;
    let order =
        centre(&centre(&extended, REPORT, 8), Action::DecideReport { verdict: Verdict::Accept }, 9);
    let policy = Box::new(closure(50));
    let no = Action::FollowUp { outcome: Outcome::Dissatisfied, policy };
    let reworked = step(&order, "3304", no, at(600));
    assert_eq!(names(&reworked), ["followed_up", "reworked", "restamped"]);
    let order = reworked.after;
    assert_eq!(order.policy, closure(50));
    assert_eq!(order.due(ClockKind::Closure), at(600 + 50 * 60));
    assert_eq!(order.granted, Span::ZERO, "more time was granted to the first clock");
    assert_eq!(order.rounds[0].closure.limit, Span::hours(4), "which is kept as it was");
    // Satisfied, nothing begins.
    let policy = Box::new(closure(50));
    let content = Action::FollowUp { outcome: Outcome::Satisfied, policy };
    let archived = centre(&order_in(Stage::FollowUp), content, 600);
    assert_eq!((archived.stage, archived.policy), (Stage::Archived, Policy::FOUNDING));
}

#[test]
fn a_result_that_is_kept_is_the_report_whatever_was_said_after_it() {
    let accept = Action::DecideReport { verdict: Verdict::Accept };
    let dissatisfied = follow_up(Outcome::Dissatisfied);
    // The citizen says more while the report is being decided about.
    let report = order_in(Stage::Handling).papers;
    let order = centre(&order_in(Stage::Review), Action::Supply, 7);
    let order = centre(&centre(&order, accept.clone(), 8), dissatisfied.clone(), 9);
    assert_eq!(order.rounds[0].report, report);
    assert_eq!(order.papers, report + 2);
    // A second report, rejected, and a third: the one that was agreed to.
    let order = centre(&order, REPORT, 10);
    let order = centre(&order, Action::DecideReport { verdict: Verdict::Reject }, 11);
    let third = order.papers;
    let order = centre(&centre(&order, REPORT, 12), Action::Supply, 13);
    let order = centre(&centre(&order, accept, 14), dissatisfied.clone(), 15);
    assert_eq!(order.rounds[1].report, third);
    // A disposition is a result, too; a helper's report is not.
    let helped =
        centre(&order_in(Stage::Handling), Action::AddCoHandler { unit: unit("330411") }, 6);
    let disposed = centre(&helped, DISPOSE, 7);
    let again = centre(&disposed, dissatisfied, 8);
    assert_eq!(again.rounds[0].report, helped.papers);
    let helper = step(&helped, "330411", REPORT, at(7)).after;
    assert_eq!((helper.report, helper.papers), (None, helped.papers + 1));
}

/// Relayed down to the `n`-th unit of the chain, which has yet to sign.
fn before(n: usize) -> Order {
    let mut order = order_in(Stage::Assigned);
    for (i, holder) in CHAIN[..n].iter().enumerate() {
        order = step(&order, holder, RELAY, at(2 + i as i64)).after;
    }
    order
}

const BESIDE: [&str; 3] = ["3304", "330402", "330402-012"];
const ELSEWHERE: [&str; 3] = ["3304", "330411", "330411104"];
const SHORTER: [&str; 3] = ["3304", "330402", "330402001"];

#[test]
fn a_corrected_order_goes_the_corrected_way() {
    for (n, way, holder, next) in [
        // On the new way it stays where it is and goes on that way.
        (0, &BESIDE[..], "3304", Some("330402")),
        (1, &BESIDE[..], "330402", Some("330402-012")),
        (1, &ELSEWHERE[..], "3304", Some("330411")),
        (2, &SHORTER[..], "330402001", None),
        // Beside it, it goes back to where that way goes on.
        (2, &BESIDE[..], "330402", Some("330402-012")),
        (3, &BESIDE[..], "330402", Some("330402-012")),
        (3, &SHORTER[..], "330402001", None),
        (3, &ELSEWHERE[..], "3304", Some("330411")),
    ] {
        let order = before(n);
        let what = format!("{} corrected to {way:?}", CHAIN[n]);
        let decision = step(&order, "3304", correct_to(301, Some(way)), at(6));
        let after = &decision.after;
        assert_eq!((after.stage, after.holder()), (Stage::Assigned, Some(unit(holder))), "{what}");
        assert_eq!(after.next_down(), next.map(unit), "{what}");
        assert_eq!((after.catalogue, after.rule), (2, 11), "{what}");
        assert_eq!(after.due(ClockKind::Closure), order.due(ClockKind::Closure), "{what}");
        let moved = holder != CHAIN[n];
        assert_eq!(
            names(&decision),
            if moved { vec!["corrected", "relayed"] } else { vec!["corrected"] }
        );
        assert_eq!(after.marks.returned, 0, "nobody gave it back");
        // Left alone it never comes before the village.
        let mut order = decision.after;
        while let Some(due) = next_deadline(&order) {
            order = step(&order, "3304", tick(), due).after;
            assert_ne!(order.holder(), Some(unit(CHAIN[3])), "{what}");
        }
    }
}

#[test]
fn who_acts_already_keeps_a_corrected_order() {
    for (stage, holder) in [
        (Stage::Handling, CHAIN[3]),
        (Stage::Escalated, CHAIN[2]),
        (Stage::Review, CHAIN[2]),
        (Stage::Suspended, CHAIN[3]),
    ] {
        let order = order_in(stage);
        let after = centre(&order, correct_to(301, Some(&ELSEWHERE)), 8);
        assert_eq!((after.stage, after.holder()), (stage, Some(unit(holder))));
        let handler = if stage == Stage::Escalated { CHAIN[2] } else { CHAIN[3] };
        assert_eq!(after.plan.unwrap().front_line(), unit(handler), "{stage}: no further down");
        assert_eq!(after.rule, order.rule, "the way so far is the old one");
    }
    // What was escalated can be sent down the corrected way from there.
    let escalated = order_in(Stage::Escalated);
    let labour = format!("{}-009", CHAIN[2]);
    let way = [CHAIN[0], CHAIN[1], CHAIN[2], &labour];
    let after = centre(&escalated, correct_to(301, Some(&way)), 8);
    assert_eq!(step(&after, CHAIN[2], RELAY, at(9)).after.holder(), Some(unit(&labour)));
}

#[test]
fn who_decides_about_a_return_is_on_the_corrected_way() {
    let returned = step(&before(3), CHAIN[3], RETURN, at(7)).after;
    assert_eq!(returned.holder(), Some(unit(CHAIN[2])));
    let after = centre(&returned, correct_to(301, Some(&ELSEWHERE)), 8);
    assert_eq!((after.stage, after.holder()), (Stage::ReturnReview, Some(unit("3304"))));
    let decision = ReturnDecision::Transfer { to: unit("330411") };
    let sent = centre(&after, Action::DecideReturn { decision }, 9);
    assert_eq!(sent.next_down(), Some(unit("330411104")));
}

#[test]
fn what_is_corrected_keeps_its_way_where_that_is_not_what_changed_or_no_rule_leads() {
    let order = before(1);
    let urgent = centre(&order, correct(Urgency::Critical, Kind::Complaint), 6);
    assert_eq!((chain_of(&urgent), urgent.rule), (chain_of(&order), order.rule));
    let nowhere = centre(&order, correct_to(301, None), 6);
    assert_eq!((nowhere.holder(), nowhere.next_down()), (Some(unit(CHAIN[1])), None));
    assert_eq!(chain_of(&nowhere), CHAIN[..2], "a person says how it goes on");
    let triage = centre(&order_in(Stage::Triage), correct_to(301, Some(&ELSEWHERE)), 1);
    assert_eq!((triage.stage, triage.plan), (Stage::Triage, None));
}
