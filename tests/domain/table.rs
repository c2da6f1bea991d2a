//! Stage × command, every cell.

use crate::make::*;
use hotline::domain::*;

/// What a cell of the table says.
#[derive(Clone, Copy)]
pub enum Says {
    /// Allowed, and leads to this stage.
    To(Stage),
    /// Allowed, and leaves it where it is.
    Stays,
    /// Refused with this reason.
    No(&'static str),
    /// Allowed, and nothing happens.
    Nothing,
}
use Says::{No, Nothing, Stays, To};
use Stage::*;

/// The citizen is waiting.
const OPEN: [Stage; 11] = [
    Triage,
    Supplement,
    Dispatching,
    Assigned,
    ReturnReview,
    Handling,
    Escalated,
    ExtensionReview,
    SuspensionReview,
    Suspended,
    Review,
];
/// Nobody has asked anybody to decide about it.
const UNASKED: [Stage; 7] =
    [Triage, Dispatching, Assigned, ReturnReview, Handling, Escalated, Suspended];

/// An action by the centre, and what it says in which stages; WRONG_STAGE in all others.
pub type Row = (Action, Vec<(&'static [Stage], Says)>);

/// One row per action, one cell per stage.
pub fn rows() -> Vec<Row> {
    let reason = DeclineReason::Petition;
    let (yes, no) = (Verdict::Accept, Verdict::Reject);
    let decided = |decision| Action::DecideReturn { decision };
    let other_limits = Policy { closure: Span::hours(5), ..Policy::FOUNDING };
    let over: &[Stage] = &[FollowUp, Archived, Declined, HandedOver, Merged, Terminated, Withdrawn];
    let untouched: &[Stage] =
        &[Handling, FollowUp, Archived, Declined, HandedOver, Merged, Terminated, Withdrawn];
    let undelivered: &[Stage] = &[
        Triage,
        Supplement,
        Dispatching,
        Assigned,
        ReturnReview,
        Escalated,
        ExtensionReview,
        SuspensionReview,
        Suspended,
        Review,
    ];
    let unmerged: &[Stage] = &[
        Triage,
        Supplement,
        Dispatching,
        Assigned,
        ReturnReview,
        Handling,
        Escalated,
        ExtensionReview,
        SuspensionReview,
        Suspended,
        Review,
        FollowUp,
        Archived,
        Declined,
        HandedOver,
        Terminated,
        Withdrawn,
    ];
    vec![
        (register(None), vec![(Stage::ALL, No("NUMBER_TAKEN"))]),
        (accept(), vec![(&[Triage], To(Assigned))]),
        (accept_to(None, false), vec![(&[Triage], To(Dispatching))]),
        (Action::Deliver, vec![(undelivered, Stays), (untouched, Nothing)]),
        // Handed out once: so far nothing is wrong with it.
        (Action::Redeliver { at_most: 9 }, vec![(Stage::ALL, Nothing)]),
        (Action::Release, vec![(&[Assigned], No("NOT_PARKED"))]),
        // The order is with the city, which has somebody below: it stays 待签收.
        (Action::Sign, vec![(&[Assigned], Stays)]),
        (RELAY, vec![(&[Assigned], Stays), (&[Escalated], To(Assigned))]),
        (RETURN, vec![(&[Assigned], No("NOBODY_ABOVE"))]),
        (
            decided(ReturnDecision::Transfer { to: unit("330411") }),
            vec![(&[ReturnReview], To(Assigned))],
        ),
        (decided(ReturnDecision::Designate), vec![(&[ReturnReview], To(Assigned))]),
        (REPORT, vec![(&[Handling, Escalated], To(Review))]),
        (Action::DecideReport { verdict: yes }, vec![(&[Review], To(FollowUp))]),
        (Action::DecideReport { verdict: no }, vec![(&[Review], To(Handling))]),
        (Action::AskInformation, vec![(&[Triage], To(Supplement))]),
        (Action::Supply, vec![(&[Supplement], To(Triage)), (&OPEN, Stays)]),
        (Action::Answer, vec![(&[Triage], No("NOT_AN_INQUIRY"))]),
        (Action::Decline { reason }, vec![(&[Triage, Supplement], To(Declined))]),
        (Action::HandOver { to: Emergency::Fire }, vec![(&[Triage], No("NOT_CRITICAL"))]),
        (
            Action::Merge { into: other(7) },
            vec![(&[Triage, Supplement, Dispatching, Assigned], To(Merged))],
        ),
        (adopt(other(7)), vec![(&OPEN, Stays)]),
        (Action::Disown { child: other(7) }, vec![(Stage::ALL, Nothing)]),
        (Action::CoSign { unit: unit("330482") }, vec![(&OPEN, No("NOT_CO_HANDLING"))]),
        (Action::CoReport { unit: unit("330482") }, vec![(&OPEN, No("NOT_CO_HANDLING"))]),
        (Action::HearResult, vec![(&[Merged], To(FollowUp)), (unmerged, Nothing)]),
        (Action::ChildrenTold, vec![(Stage::ALL, Nothing)]),
        (Action::Assign { way: way(), direct: false }, vec![(&[Dispatching], To(Assigned))]),
        (
            Action::AddCoHandler { unit: unit("330411") },
            vec![(&[Assigned, Handling, Escalated], Stays)],
        ),
        (Action::Escalate, vec![(&[Handling], To(Escalated)), (&[Escalated], Stays)]),
        (Action::RequestExtension { by: Span::hours(1) }, vec![(&[Handling], To(ExtensionReview))]),
        (Action::DecideExtension { verdict: yes }, vec![(&[ExtensionReview], To(Handling))]),
        (Action::RequestSuspension { until: at(30) }, vec![(&[Handling], To(SuspensionReview))]),
        (Action::DecideSuspension { verdict: yes }, vec![(&[SuspensionReview], To(Suspended))]),
        (Action::DecideSuspension { verdict: no }, vec![(&[SuspensionReview], To(Handling))]),
        (Action::Resume, vec![(&[Suspended], To(Handling))]),
        (Action::Urge, vec![(&OPEN, Stays)]),
        (Action::Supervise { card: Card::Red }, vec![(&OPEN, Stays)]),
        (Action::LiftSupervision, vec![(&OPEN, No("NOT_SUPERVISED"))]),
        (Action::Terminate, vec![(&[Handling], To(Terminated))]),
        (Action::Withdraw, vec![(&OPEN, To(Withdrawn)), (&[FollowUp, Merged], To(Withdrawn))]),
        (
            follow_up(Outcome::Satisfied),
            vec![(&[FollowUp], To(Archived)), (&OPEN, No("NOT_YET_DUE"))],
        ),
        (
            follow_up(Outcome::Dissatisfied),
            vec![(&[FollowUp], To(Handling)), (&OPEN, No("NOT_YET_DUE"))],
        ),
        (Action::Reopened { by: other(7) }, vec![(&[Archived], Stays)]),
        (Action::Recuse { unit: unit("330482") }, vec![(&OPEN, Stays)]),
        (correct(Urgency::Urgent, Kind::Request), vec![(&OPEN, Stays)]),
        (Action::Restamp { policy: Box::new(other_limits) }, vec![(&OPEN, Stays), (over, Nothing)]),
        (DISPOSE, vec![(&UNASKED, To(FollowUp))]),
        (Action::ViewContact, vec![(Stage::ALL, Stays)]),
        (tick(), vec![(Stage::ALL, Nothing)]),
    ]
}

/// What the table says of a cell.
pub fn cell_of((_, cells): &Row, stage: Stage) -> Says {
    let said = cells.iter().find(|(stages, _)| stages.contains(&stage));
    match said {
        Some((_, Stays)) => To(stage),
        Some((_, says)) => *says,
        None => No("WRONG_STAGE"),
    }
}

#[test]
fn every_cell() {
    let rows = rows();
    for name in ActionName::ALL {
        assert!(rows.iter().any(|(action, _)| action.name() == *name), "no row for {name}");
    }
    for row in &rows {
        for stage in Stage::ALL.iter().copied() {
            let order = order_in(stage);
            let action = row.0.clone();
            let what = format!("{} in {stage}", action.name());
            let now = order.updated_at.plus(Span(1));
            match (cell_of(row, stage), try_step(&order, "3304", action, now)) {
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
                (To(_) | Stays | Nothing, Err(rejection)) => {
                    panic!("{what} was refused: {rejection}")
                }
                (Stays, Ok(_)) => unreachable!("a cell names the stage it stays in"),
            }
        }
    }
}

#[test]
fn what_is_said_to_be_allowed_is_and_nothing_else() {
    // What the program does by itself, looking, and a co-handler's part stand in no list.
    let unlisted = [
        ActionName::Register,
        ActionName::Deliver,
        ActionName::Redeliver,
        ActionName::ViewContact,
        ActionName::Tick,
        ActionName::HearResult,
        ActionName::ChildrenTold,
        ActionName::Restamp,
        ActionName::Disown,
        ActionName::CoSign,
        ActionName::CoReport,
    ];
    for row in rows() {
        let name = row.0.name();
        if unlisted.contains(&name) {
            continue;
        }
        for stage in Stage::ALL.iter().copied() {
            let wrong_stage = matches!(cell_of(&row, stage), No("WRONG_STAGE"));
            assert_eq!(allowed(stage).contains(&name), !wrong_stage, "{name} in {stage}");
        }
    }
}

#[test]
fn what_is_refused_says_of_which_move_where_and_what_else_there_is() {
    for (action, _) in rows() {
        for stage in Stage::ALL.iter().copied() {
            let order = order_in(stage);
            let command = Command { actor: actor("3304"), action: action.clone() };
            let Err(refused) = decide(Some(&order), &command, order.updated_at) else { continue };
            let action = action.name();
            assert_eq!(refused.at, Some(Standing { stage: Some(stage), action }));
            // All of these moves are hopeless there, and everything else stays possible.
            let others = allowed(stage).iter().copied().filter(|name| *name != action);
            assert!(refused.allowed().into_iter().eq(others), "{action} in {stage}");
        }
    }
    // Whoever might have said it otherwise may do so; whoever decides may decide otherwise.
    let handling = order_in(Handling);
    let late = order_in(ExtensionReview);
    let accept = Action::DecideExtension { verdict: Verdict::Accept };
    let (helper, by) = (unit("330411"), Span::hours(1));
    let helped = step(&handling, CHAIN[3], Action::AddCoHandler { unit: helper }, at(6)).after;
    for (order, of, action, now, reason) in [
        (&helped, CHAIN[3], REPORT, at(7), "CO_HANDLERS_PENDING"),
        (&helped, CHAIN[3], Action::AddCoHandler { unit: helper }, at(7), "CANNOT_CO_HANDLE"),
        (&late, CHAIN[2], accept, at(181), "DEADLINE_PASSED"),
    ] {
        let command = Command { actor: actor(of), action };
        let refused = decide(Some(order), &command, now).unwrap_err();
        assert_eq!(refused.why.reason(), reason);
        assert_eq!(refused.allowed(), allowed(order.stage), "{reason}");
    }
    let command = Command { actor: actor(CHAIN[3]), action: Action::RequestExtension { by } };
    let refused = decide(Some(&handling), &command, at(181)).unwrap_err();
    assert_eq!(refused.why.reason(), "DEADLINE_PASSED");
    assert!(!refused.allowed().contains(&ActionName::RequestExtension));
    // Who may not know of the order learns nothing of where it stands.
    let recused = step(&handling, "3304", Action::Recuse { unit: helper }, at(6)).after;
    let command = Command { actor: actor("330411"), action: Action::Urge };
    assert_eq!(decide(Some(&recused), &command, at(7)).unwrap_err().at, None);
}

#[test]
fn nothing_but_register_makes_an_order() {
    for (action, _) in rows() {
        let command = Command { actor: actor("3304"), action };
        let got = decide(None, &command, HEARD);
        match command.action {
            Action::Register(_) => assert!(got.is_ok()),
            _ => assert_eq!(got.unwrap_err().why, Rejection::NoSuchOrder),
        }
    }
}

#[test]
fn only_the_holder_or_a_hall_above_it_may_act() {
    let order = step(&order_in(Assigned), "3304", RELAY, at(2)).after;
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
        order = step(&order, holder, RELAY, at(2 + i as i64)).after;
    }
    let due = order.due(ClockKind::Arrival);
    let back = step(&order, CHAIN[3], RETURN, at(9)).after;
    assert_eq!((back.holder(), back.stage), (Some(unit(CHAIN[2])), Stage::ReturnReview));
    assert_eq!(back.due(ClockKind::Arrival), due, "returning does not stop the clock");
    assert_eq!(back.marks.returned, 1);
    assert_eq!(back.next_down(), None, "the clock never sends it there again");
    let to = |to| Action::DecideReturn { decision: ReturnDecision::Transfer { to: unit(to) } };
    // Whom it was given back to may take it up: then it is the front line.
    let kept = step(&back, CHAIN[2], to(CHAIN[2]), at(10)).after;
    let signed = step(&kept, CHAIN[2], Action::Sign, at(11)).after;
    assert_eq!(signed.stage, Stage::Handling);
    // Or a person may send it to another village.
    let other = unit("330402001004");
    let sent = step(&back, CHAIN[2], to("330402001004"), at(10)).after;
    assert_eq!((sent.holder(), sent.next_down()), (Some(other), None));
    assert_eq!(sent.above(other), Some(unit(CHAIN[2])));
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
        order = step(&order, holder, RELAY, at(1 + i as i64)).after;
    }
    let order = step(&order, chain[2], Action::Sign, at(4)).after;
    assert_eq!(order.stage, Stage::Handling);
    let reported = step(&order, chain[2], REPORT, at(5)).after;
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
        order = step(&order, CHAIN[3], REPORT, now).after;
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
