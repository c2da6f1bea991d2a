//! The hard cases, computed by hand: pauses, more time, returns, rework, helpers, mergers.

use crate::make::*;
use hotline::domain::*;

const HOUR: Span = Span::hours(1);

fn centre(order: &Order, action: Action, minute: i64) -> Order {
    step(order, "3304", action, at(minute)).after
}

fn closed_after(order: &Order) -> Span {
    order.ran(ClockKind::Closure, order.updated_at)
}

/// From 办理中 at minute 5: suspended from `from` until `review_at`.
fn suspended(from: i64, review_at: i64) -> Order {
    let until = at(review_at);
    let asked = centre(&order_in(Stage::Handling), Action::RequestSuspension { until }, from);
    centre(&asked, Action::DecideSuspension { verdict: Verdict::Accept }, from)
}

#[test]
fn a_pause_survives_a_change_of_priority_and_is_deducted() {
    let order = suspended(20, 80);
    assert_eq!(order.due(ClockKind::Closure), at(180));
    // What is critical has 90 minutes; 20 of them had run, the rest stands.
    let order = centre(&order, correct(Urgency::Critical, Kind::Complaint), 40);
    assert_eq!((order.policy.id, order.due(ClockKind::Closure)), (CRITICAL.id, at(90)));
    let order = centre(&order, Action::Resume, 50);
    // 90 minutes and 30 of pause.
    assert_eq!(order.due(ClockKind::Closure), at(120));
    let order = centre(&order, REPORT, 100);
    for (closed, late) in [(120, None), (121, Some(at(120)))] {
        let order = centre(&order, Action::DecideReport { verdict: Verdict::Accept }, closed);
        assert_eq!(closed_after(&order), Span::minutes(closed - 30));
        assert_eq!(order.closure.breached_at, late, "closed at minute {closed}");
    }
}

#[test]
fn closing_in_a_pause_deducts_it_directly() {
    let order = centre(&suspended(20, 80), DISPOSE, 60);
    assert_eq!(order.stage, Stage::FollowUp);
    assert_eq!(closed_after(&order), Span::minutes(60 - 40));
    assert_eq!(order.pauses[0].until, Some(at(60)));
}

#[test]
fn a_pause_ends_by_itself_on_its_review_date_however_late_that_is_noticed() {
    for noticed in [80, 95] {
        let order = suspended(20, 80);
        assert_eq!(next_timer(&order), Some((at(80), Timer::PauseOver)));
        let order = centre(&order, tick(), noticed);
        assert_eq!((order.stage, order.paused()), (Stage::Handling, None));
        assert_eq!(order.due(ClockKind::Closure), at(180 + 60));
    }
}

#[test]
fn no_clock_warns_or_breaks_while_it_stands() {
    let order = suspended(20, 20 + 23 * 60);
    let ticked = step(&order, "3304", tick(), at(20 + 22 * 60));
    assert!(ticked.events.is_empty(), "{:?}", names(&ticked));
    // What waits for the citizen stands likewise, arrival and all.
    let asked = order_in(Stage::Supplement);
    assert!(step(&asked, "3304", tick(), at(500)).events.is_empty());
    let said = centre(&asked, Action::Supply, 501);
    assert_eq!((said.stage, said.due(ClockKind::Arrival)), (Stage::Triage, at(60 + 500)));
}

#[test]
fn five_returns_leave_the_deadline_and_a_sixth_is_refused() {
    let mut order = order_in(Stage::Assigned);
    let due = (order.due(ClockKind::Arrival), order.due(ClockKind::Closure));
    let mut minute = 2;
    for county in ["330402", "330411", "330421", "330424", "330481"] {
        minute += 2;
        order = match order.stage {
            Stage::ReturnReview => {
                let decision = ReturnDecision::Transfer { to: unit(county) };
                centre(&order, Action::DecideReturn { decision }, minute)
            }
            _ => centre(&order, Action::Relay { to: Some(unit(county)) }, minute),
        };
        order = step(&order, county, RETURN, at(minute + 1)).after;
        assert_eq!((order.due(ClockKind::Arrival), order.due(ClockKind::Closure)), due);
    }
    assert_eq!(order.marks.returned, 5);
    let decision = ReturnDecision::Transfer { to: unit("330482") };
    order = centre(&order, Action::DecideReturn { decision }, 20);
    let refused = try_step(&order, "330482", RETURN, at(21)).unwrap_err();
    assert_eq!(refused, Rejection::UsedUp { action: ActionName::Return, limit: 5 });
}

#[test]
fn who_was_designated_may_not_return_it_again() {
    let order = order_in(Stage::ReturnReview);
    let decision = ReturnDecision::Designate;
    let order = centre(&order, Action::DecideReturn { decision }, 5);
    assert_eq!(order.holder(), Some(unit(CHAIN[1])), "the unit that gave it back");
    let refused = try_step(&order, CHAIN[1], RETURN, at(6)).unwrap_err();
    assert_eq!(refused.reason(), "UNIT_DESIGNATED");
}

#[test]
fn a_return_that_nobody_decides_is_passed_up_and_booked_there() {
    let relayed = centre(&order_in(Stage::Assigned), RELAY, 2);
    let town = step(&relayed, CHAIN[1], RELAY, at(4)).after;
    let order = step(&town, CHAIN[2], RETURN, at(6)).after;
    // The county had 2 of its 10 minutes before: 8 are left.
    assert_eq!(next_timer(&order), Some((at(14), Timer::ReviewOver(unit("3304")))));
    let order = centre(&order, tick(), 14);
    assert_eq!((order.stage, order.holder()), (Stage::ReturnReview, Some(unit("3304"))));
}

#[test]
fn more_time_is_given_before_the_deadline_once_and_by_an_approver() {
    let asked = order_in(Stage::ExtensionReview);
    let yes = Action::DecideExtension { verdict: Verdict::Accept };
    let refused = try_step(&asked, CHAIN[3], yes.clone(), at(7)).unwrap_err();
    assert_eq!(refused.reason(), "NOT_HOLDER", "not by who asked");
    let order = step(&asked, CHAIN[2], yes.clone(), at(7)).after;
    assert_eq!((order.stage, order.due(ClockKind::Closure)), (Stage::Handling, at(240)));
    let again = Action::RequestExtension { by: HOUR };
    let refused = try_step(&order, CHAIN[3], again.clone(), at(8)).unwrap_err();
    assert_eq!(refused, Rejection::UsedUp { action: ActionName::RequestExtension, limit: 1 });
    // Decided too late, it mends nothing; asked for too late, neither.
    assert_eq!(try_step(&asked, CHAIN[2], yes, at(180)).unwrap_err().reason(), "DEADLINE_PASSED");
    let late = try_step(&order_in(Stage::Handling), CHAIN[3], again, at(181)).unwrap_err();
    assert_eq!(late, Rejection::TooLate { due: at(180) });
    for by in [Span::ZERO, Span::hours(4)] {
        let bad = Action::RequestExtension { by };
        let refused = try_step(&order_in(Stage::Handling), CHAIN[3], bad, at(8)).unwrap_err();
        assert_eq!(refused.reason(), "OUT_OF_BOUNDS", "{by}");
    }
}

#[test]
fn a_dissatisfied_citizen_has_it_done_again_on_a_new_clock() {
    let closed = order_in(Stage::FollowUp);
    let no = follow_up(Outcome::Dissatisfied);
    let order = centre(&closed, no.clone(), 600);
    assert_eq!((order.stage, order.holder()), (Stage::Handling, Some(unit(CHAIN[3]))));
    assert_eq!(order.due(ClockKind::Closure), at(600 + 180));
    assert_eq!(order.rounds.len(), 1);
    assert_eq!(order.rounds[0].closure, closed.closure, "the first result is kept");
    let order = centre(&order, REPORT, 610);
    let again = centre(&order, Action::DecideReport { verdict: Verdict::Accept }, 620);
    let third = centre(&again, no.clone(), 630);
    assert_eq!((third.stage, third.rounds.len()), (Stage::Handling, 2));
    // As often as the policy says: then the centre has the last word.
    let order = centre(&third, DISPOSE, 640);
    assert_eq!(centre(&order, no, 650).stage, Stage::Archived);
}

#[test]
fn a_citizen_who_cannot_be_reached_is_called_again() {
    let order = centre(&order_in(Stage::FollowUp), follow_up(Outcome::Unreached), 9);
    assert_eq!((order.stage, order.marks.followed_up), (Stage::FollowUp, 1));
}

#[test]
fn the_citizen_is_owed_a_call_once_the_limit_has_passed() {
    let order = centre(&order_in(Stage::Handling), tick(), 181);
    let owed = |order: &Order| entries(order).iter().any(|e| e.desk == Desk::FollowUp);
    assert!(owed(&order) && order.is_open());
    let told = centre(&order, follow_up(Outcome::Dissatisfied), 182);
    assert_eq!((told.stage, owed(&told)), (Stage::Handling, false));
}

#[test]
fn the_lead_waits_for_its_co_handlers_or_says_why_not() {
    let helper = unit("330411");
    let order = centre(&order_in(Stage::Handling), Action::AddCoHandler { unit: helper }, 6);
    assert_eq!(order.stage_for(helper), View::Stage(Stage::Assigned));
    assert_eq!(order.stage_for(unit(CHAIN[3])), View::Stage(Stage::Handling));
    let refused = try_step(&order, CHAIN[3], REPORT, at(7)).unwrap_err();
    assert_eq!(refused, Rejection::CoHandlersPending { units: vec![helper] });
    // Each signs and reports for itself; the lead's order stays where it is.
    let signed = step(&order, "330411", Action::Sign, at(8)).after;
    assert_eq!(signed.stage, Stage::Handling);
    assert_eq!(signed.stage_for(helper), View::Stage(Stage::Handling));
    let reported = step(&signed, "330411", REPORT, at(9)).after;
    assert_eq!((reported.stage, reported.papers), (Stage::Handling, order.papers + 1));
    assert_eq!(step(&reported, CHAIN[3], REPORT, at(10)).after.stage, Stage::Review);
    let why = Action::Report { evidence: false, without_co_handlers: true };
    let without = step(&order, CHAIN[3], why, at(10)).after;
    assert_eq!((without.stage, without.co_handlers.len()), (Stage::Review, 0));
}

#[test]
fn what_was_merged_never_wakes_anybody_and_its_caller_hears_the_result() {
    let child = order_in(Stage::Merged);
    assert_eq!((next_deadline(&child), entries(&child).len()), (None, 0));
    assert!(step(&child, "3304", tick(), at(10_000)).events.is_empty());
    let parent = centre(&order_in(Stage::Handling), adopt(other(8)), 6);
    let same = centre(&parent, adopt(other(8)), 6);
    assert_eq!(same.links, parent.links, "adopting twice is adopting once");
    let closed = centre(&parent, DISPOSE, 9);
    assert_eq!(next_timer(&closed), Some((at(9), Timer::TellChildren)));
    let heard = centre(&child, Action::HearResult, 9);
    assert_eq!(heard.stage, Stage::FollowUp);
    let told = centre(&closed, Action::ChildrenTold, 9);
    assert_eq!(next_deadline(&told), Some(at(9 + 24 * 60)));
    // Her matter is the other order's: dissatisfied, she ends this one all the same.
    let no = follow_up(Outcome::Dissatisfied);
    assert_eq!(centre(&heard, no, 12).stage, Stage::Archived);
    // Others wait for its result: it cannot be taken back.
    let refused = try_step(&parent, "3304", Action::Withdraw, at(9)).unwrap_err();
    assert_eq!(refused, Rejection::HasChildren { count: 1 });
}

#[test]
fn direct_dispatch_goes_to_the_front_line_with_copies_between() {
    let direct = accept_to(Some(plan(&CHAIN)), true);
    let order = centre(&order_in(Stage::Triage), direct, 1);
    assert_eq!(order.holder(), Some(unit(CHAIN[3])));
    let copies = entries(&order).into_iter().filter(|e| e.desk == Desk::Copy).map(|e| e.unit);
    assert_eq!(copies.collect::<Vec<_>>(), CHAIN[..3].iter().map(|u| unit(u)).collect::<Vec<_>>());
}

#[test]
fn a_unit_that_is_complained_about_loses_it_and_never_gets_it_back() {
    let order = centre(&order_in(Stage::Handling), Action::Recuse { unit: unit(CHAIN[3]) }, 6);
    assert_eq!((order.stage, order.holder()), (Stage::ReturnReview, Some(unit(CHAIN[2]))));
    let lost = try_step(&order, CHAIN[3], Action::Supply, at(7)).unwrap_err();
    assert_eq!(lost, Rejection::NoSuchOrder);
    let transfer = ReturnDecision::Transfer { to: unit(CHAIN[3]) };
    for (action, by) in [
        (Action::DecideReturn { decision: transfer }, CHAIN[2]),
        (Action::DecideReturn { decision: ReturnDecision::Designate }, CHAIN[2]),
    ] {
        let refused = try_step(&order, by, action, at(7)).unwrap_err();
        assert_eq!(refused, Rejection::Recused { unit: unit(CHAIN[3]) });
    }
    let never = try_step(&order, "3304", Action::Recuse { unit: unit("3304") }, at(7));
    assert_eq!(never.unwrap_err().reason(), "CANNOT_RECUSE");
    // Asked for again it is written down again, and changes nothing else.
    let again = step(&order, "3304", Action::Recuse { unit: unit(CHAIN[3]) }, at(8));
    assert_eq!(names(&again), ["recused"]);
    let Order { version, updated_at, .. } = again.after;
    assert_eq!(Order { version, updated_at, ..order }, again.after);
}

#[test]
fn other_limits_keep_what_was_given_and_blame_nobody_for_the_past() {
    let extended = step(
        &order_in(Stage::ExtensionReview),
        CHAIN[2],
        Action::DecideExtension { verdict: Verdict::Accept },
        at(7),
    )
    .after;
    let limits = |hours| Action::Restamp {
        policy: Box::new(Policy { closure: Span::hours(hours), ..Policy::FOUNDING }),
    };
    let more = centre(&extended, limits(5), 8);
    assert_eq!(more.due(ClockKind::Closure), at(6 * 60), "5 h and the hour that was given");
    let less = centre(&more, limits(1), 150);
    assert_eq!(less.due(ClockKind::Closure), at(150), "never in the past");
    assert_eq!(less.arrival.stopped_at, more.arrival.stopped_at, "what was kept stays kept");
}

#[test]
fn what_a_policy_wants_as_evidence_must_come_with_the_report() {
    let mut order = order_in(Stage::Handling);
    order.policy.evidence = true;
    assert_eq!(try_step(&order, CHAIN[3], REPORT, at(6)).unwrap_err(), Rejection::EvidenceMissing);
    let with = Action::Report { evidence: true, without_co_handlers: false };
    assert_eq!(step(&order, CHAIN[3], with, at(6)).after.stage, Stage::Review);
}

#[test]
fn an_inquiry_is_answered_at_once_and_life_and_safety_handed_over() {
    let inquiry = centre(&order_in(Stage::Triage), correct(Urgency::Normal, Kind::Inquiry), 1);
    let answered = centre(&inquiry, Action::Answer, 2);
    assert_eq!((answered.stage, answered.closure.stopped_at), (Stage::Archived, Some(at(2))));
    let critical = centre(&order_in(Stage::Triage), correct(Urgency::Critical, Kind::Request), 1);
    let over = centre(&critical, Action::HandOver { to: Emergency::Ambulance }, 1);
    assert!(over.stage == Stage::HandedOver && entries(&over).is_empty());
    // Heard as critical it is handed over as it is written down.
    let Action::Register(mut register) = register(None) else { unreachable!() };
    register.reading.urgency = Urgency::Critical;
    register.hand_over = Some(Emergency::Fire);
    let command = Command { actor: actor("3304"), action: Action::Register(register) };
    let order = decide(None, &command, HEARD).unwrap().after;
    assert!(order.stage == Stage::HandedOver && next_deadline(&order).is_none());
}
