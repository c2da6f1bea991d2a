//! Every row of the life cycle's table, over gRPC, on every store: how an order comes to
//! where it stands, the move, and where that leads or why it does not.

use crate::everywhere::everywhere;
use crate::moves::{Came, HELPER, Life};
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use pb::Stage::*;
use std::time::Duration;
use tonic::Code;

/// The way there, the move, where it leads.
const LEADS: &[(&str, &str, pb::Stage)] = &[
    ("", "file_vague", Triage),
    ("file_vague", "ask", Supplement),
    ("file_vague ask", "supply", Triage),
    ("file_inquiry", "answer", Archived),
    ("file_vague", "decline", Declined),
    ("file_critical", "hand_over", HandedOver),
    ("", "file_119", HandedOver),
    ("file_vague", "merge", Merged),
    ("file_vague ask", "merge", Merged),
    ("file_vague", "accept", Assigned),
    ("file_vague", "accept_direct", Assigned),
    ("file_vague", "accept_open", Dispatching),
    ("file_vague accept_open", "assign", Assigned),
    ("file", "relay", Assigned),
    ("file relay relay relay", "sign", Handling),
    ("file_vague accept_direct", "sign", Handling),
    ("file relay", "return", ReturnReview),
    ("file relay return", "transfer", Assigned),
    ("file relay return", "designate", Assigned),
    ("file go_down", "add_co_handler", Handling),
    ("file go_down add_co_handler co_sign co_report", "report", Review),
    ("file go_down add_co_handler", "report_alone", Review),
    ("file go_down", "escalate", Escalated),
    ("file go_down escalate", "report", Review),
    ("file go_down escalate", "relay", Assigned),
    ("file go_down", "ask_extension", ExtensionReview),
    ("file go_down ask_extension", "extend", Handling),
    ("file go_down ask_extension", "do_not_extend", Handling),
    ("file go_down", "ask_suspension", SuspensionReview),
    ("file go_down ask_suspension", "suspend", Suspended),
    ("file go_down ask_suspension", "do_not_suspend", Handling),
    ("file go_down ask_suspension suspend", "resume", Handling),
    ("file go_down", "urge", Handling),
    ("file go_down", "supervise", Handling),
    ("file go_down supervise", "lift", Handling),
    ("file go_down", "correct", Handling),
    ("file go_down", "recuse", Handling),
    ("file go_down", "terminate", Terminated),
    ("file go_down", "report", Review),
    ("file go_down report", "reject", Handling),
    ("file go_down report", "close", FollowUp),
    ("file go_down", "close_batch", FollowUp),
    ("file go_down report close", "unreached", FollowUp),
    ("file go_down report close", "satisfied", Archived),
    ("file go_down report close", "dissatisfied", Handling),
    ("file go_down report close dissatisfied report close", "satisfied", Archived),
    // The new order goes its own way; the archived one names it.
    ("file go_down report close satisfied", "reopen", Assigned),
    ("file", "withdraw", Withdrawn),
    ("file_vague ask", "withdraw", Withdrawn),
    ("file go_down report", "withdraw", Withdrawn),
];

/// The way there, the move, why it is refused.
const REFUSED: &[(&str, &str, Code, &str)] = {
    use Code::{FailedPrecondition as Cannot, InvalidArgument as Wrong};
    &[
        ("file_vague", "sign", Cannot, "WRONG_STAGE"),
        ("file_vague", "answer", Cannot, "NOT_AN_INQUIRY"),
        ("file_vague", "hand_over", Cannot, "NOT_CRITICAL"),
        ("file", "return", Cannot, "NOBODY_ABOVE"),
        ("file relay return designate", "return", Cannot, "UNIT_DESIGNATED"),
        ("file go_down add_co_handler", "report", Cannot, "CO_HANDLERS_PENDING"),
        ("file go_down add_co_handler", "add_co_handler", Cannot, "CANNOT_CO_HANDLE"),
        ("file go_down", "lift", Cannot, "NOT_SUPERVISED"),
        ("file go_down", "satisfied", Cannot, "NOT_YET_DUE"),
        ("file go_down ask_extension extend", "ask_extension", Cannot, "USED_UP"),
        ("file go_down report close satisfied reopen", "reopen", Cannot, "ALREADY_REOPENED"),
        ("file go_down report close satisfied", "reopen_with_nothing_new", Wrong, "NOTHING_NEW"),
        ("file go_down report close satisfied", "withdraw", Cannot, "WRONG_STAGE"),
        ("file_vague decline", "accept", Cannot, "WRONG_STAGE"),
    ]
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_the_table() {
    everywhere(async |s| {
        for (way, step, expected) in LEADS {
            let life = Life::new(s);
            life.path(way).await;
            let before = life.no();
            let came = life.step(step).await;
            assert_eq!(came, Ok(*expected), "`{way}`, then {step}");
            match *step {
                "reopen" => reopened(s, &before).await,
                _ => assert_eq!(life.stage().await, *expected, "`{way}`, then {step}"),
            }
        }
        for (way, step, code, reason) in REFUSED {
            let life = Life::new(s);
            life.path(way).await;
            let before = s.order(&life.no()).await;
            let came: Came = life.step(step).await;
            assert_eq!(came, Err((*code, (*reason).to_owned())), "`{way}`, then {step}");
            let after = s.order(&life.no()).await;
            assert_eq!(before.version, after.version, "`{way}`, then {step}: nothing half-done");
        }
    })
    .await;
}

/// The archived order names the one that takes it up, and the other way round.
async fn reopened(s: &Server, archived: &str) {
    let old = s.order(archived).await;
    assert_eq!(old.stage(), Archived);
    let new = s.order(&old.reopened_as).await;
    assert_eq!((new.reopens.as_str(), new.stage()), (archived, Assigned));
}

/// Waits until the server's own timers have brought an order there.
async fn comes_to(s: &Server, no: &str, stage: pb::Stage) {
    for _ in 0..500 {
        if s.order(no).await.stage() == stage {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{no} stands in {:?}, not in {stage:?}", s.order(no).await.stage());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_clock_does_by_itself() {
    everywhere(async |s| {
        let hours = |n: i64| s.later(Span::hours(n));
        let life = Life::new(s);
        // 待受理 → 待签收: nobody decided.
        life.path("file_vague").await;
        hours(1);
        comes_to(s, &life.no(), Assigned).await;
        // 挂账 → 办理中: the review date came.
        life.path("file go_down ask_suspension suspend").await;
        hours(1);
        comes_to(s, &life.no(), Handling).await;
        // 待补充 → 待受理: the citizen never said; and on to the fallback unit.
        life.path("file_vague ask").await;
        hours(25);
        comes_to(s, &life.no(), Assigned).await;
        // 待回访 → 归档: nobody called.
        life.path("file go_down report close").await;
        hours(25);
        comes_to(s, &life.no(), Archived).await;
        // The limit passed and no unit closed: the citizen is owed a call.
        life.path("file go_down").await;
        hours(4);
        let mut owed = Vec::new();
        while !owed.contains(&life.no()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let pulled = s.pull(CENTRE, pb::Desk::FollowUp).await;
            owed.extend(pulled.into_iter().filter_map(|c| c.order).map(|order| order.order_no));
        }
        life.path("dissatisfied").await;
        assert_eq!(life.stage().await, Handling, "that changes nothing but that she was told");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_callers_hear_the_result_of_one_matter() {
    everywhere(async |s| {
        let parent = Life::new(s);
        parent.path("file go_down").await;
        let mut children = Vec::new();
        for _ in 0..40 {
            let child = Life::new(s);
            child.path("file_vague").await;
            let request_id = id();
            let merge = pb::MergeOrdersRequest {
                request_id: request_id.clone(),
                order_no: child.no(),
                into: parent.no(),
            };
            let by_centre = by(CENTRE, "dispatcher", merge.clone());
            let first = s.command().merge_orders(by_centre).await.unwrap().into_inner();
            let by_centre = by(CENTRE, "dispatcher", merge);
            let again = s.command().merge_orders(by_centre).await.unwrap().into_inner();
            one_is_the_other_again(&first.receipt.unwrap(), &again.receipt.unwrap());
            children.push(child.no());
        }
        let merged = s.order(&parent.no()).await.merged_orders;
        assert_eq!(merged, children);
        // A child is not merged again, nor anything into it.
        let twice = pb::MergeOrdersRequest {
            request_id: id(),
            order_no: parent.no(),
            into: children[0].clone(),
        };
        let refused = s.command().merge_orders(by(CENTRE, "dispatcher", twice)).await;
        assert_eq!(told(&refused.unwrap_err()).1, "WRONG_STAGE");
        // However long it takes, the forty never warn.
        s.later(Span::hours(5));
        parent.path("report close").await;
        for child in &children {
            comes_to(s, child, FollowUp).await;
            let order = s.order(child).await;
            assert_eq!(order.merged_into, parent.no());
            assert!(order.closure.unwrap().breached_at.is_none());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_disposition_closes_many_each_with_its_own_follow_up() {
    everywhere(async |s| {
        let mut order_nos = Vec::new();
        for way in ["file", "file go_down", "file_vague", "file relay return", "file_vague decline"]
        {
            let life = Life::new(s);
            life.path(way).await;
            order_nos.push(life.no());
        }
        let request = pb::CloseBatchRequest {
            request_id: id(),
            order_nos: order_nos.clone(),
            text: "同一处管网已抢修完毕，恢复供水。".to_owned(),
            ..Default::default()
        };
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let asked = by(CENTRE, "dispatcher", request.clone());
            let results = s.command().close_batch(asked).await.unwrap().into_inner().results;
            assert!(results.iter().map(|item| &item.order_no).eq(&order_nos));
            kinds.push(results.into_iter().map(|item| match item.result.unwrap() {
                pb::item_result::Result::Receipt(receipt) => (receipt.stage(), String::new()),
                pb::item_result::Result::Error(error) => (Unspecified, error.reason),
            }));
        }
        let first: Vec<_> = kinds.remove(0).collect();
        assert!(first[..4].iter().all(|(stage, _)| *stage == FollowUp), "{first:?}");
        assert_eq!(first[4].1, "WRONG_STAGE", "each with its own reason why not");
        assert!(kinds.remove(0).eq(first), "asked again it is answered again");
        assert_eq!(s.pull(CENTRE, pb::Desk::FollowUp).await.len(), 4);
        let closed = s.order(&order_nos[0]).await;
        assert_eq!(closed.papers, 2, "the disposition is a paper of each");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_work_in_parallel_and_each_sees_its_own_stage() {
    everywhere(async |s| {
        let life = Life::new(s);
        life.path("file go_down add_co_handler").await;
        let seen_by = async |unit: &str| {
            let get = pb::GetOrderRequest { order_no: life.no() };
            let answer = s.intake().get_order(by(unit, "handler", get)).await.unwrap();
            answer.into_inner().order.unwrap().stage_for_actor()
        };
        assert_eq!((seen_by(CENTRE).await, seen_by(HELPER).await), (PassedOn, Assigned));
        assert_eq!(seen_by(&life.s.order(&life.no()).await.holder).await, Handling);
        // The helper comes for it at a desk of its own, and reports under that lease.
        let claimed = s.pull(HELPER, pb::Desk::CoHandler).await.remove(0);
        life.path("co_sign").await;
        assert_eq!((seen_by(CENTRE).await, seen_by(HELPER).await), (PassedOn, Handling));
        let report = |lease: &str| pb::ReportOrderRequest {
            request_id: id(),
            order_no: life.no(),
            lease: lease.to_owned(),
            text: "停水区域已送水。".to_owned(),
            ..Default::default()
        };
        let reported = report(&claimed.lease);
        s.work().report_order(by(HELPER, "handler", reported)).await.unwrap();
        let again = s.work().report_order(by(HELPER, "handler", report(&claimed.lease))).await;
        assert_eq!(again.unwrap_err().code(), Code::PermissionDenied, "it has done its part");
        life.path("report close").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_calls_again_is_offered_the_open_order() {
    everywhere(async |s| {
        let first = s.filed().await;
        let again = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(matter()),
            skip_repeats: false,
        };
        let asked = by(CENTRE, "agent", again.clone());
        let second = s.intake().submit_order(asked).await.unwrap().into_inner();
        let numbers = |repeats: &[pb::Repeat]| -> Vec<String> {
            repeats.iter().map(|repeat| repeat.order_no.clone()).collect()
        };
        assert_eq!(numbers(&second.repeats), std::slice::from_ref(&first.order_no));
        assert!(!second.repeats[0].category_name.is_empty());
        let number = second.receipt.unwrap().order_no;
        let preview = async |phone: &str, text: &str| {
            let request = pb::PreviewOrderRequest {
                text: text.to_owned(),
                phone: phone.to_owned(),
                ..Default::default()
            };
            let answer = s.intake().preview_order(by(CENTRE, "agent", request)).await.unwrap();
            numbers(&answer.into_inner().repeats)
        };
        // While nothing is known of the matter, whatever is open is shown; written otherwise,
        // it is the same phone.
        let both = [number.clone(), first.order_no.clone()];
        assert_eq!(preview("+86 138-1234-5678", "").await, both);
        assert_eq!(preview("13800000000", "").await, [""; 0]);
        assert_eq!(preview("", "").await, [""; 0]);
        assert_eq!(preview("13812345678", "公交车司机态度恶劣，投诉公交线路").await, [""; 0]);
        // What is over is not offered, and another category neither.
        let gone = Life::new(s);
        *gone.no.lock().unwrap() = first.order_no;
        gone.path("withdraw").await;
        assert_eq!(preview("13812345678", "").await, [number]);
    })
    .await;
}
