//! The life of an order over gRPC, on every store: every row of its table, what the clock does
//! by itself, and what many orders have to do with each other.

mod clocks;
mod guards;
mod rows;
mod table;

use crate::everywhere::everywhere;
use crate::moves::{HELPER, Life};
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use pb::Stage::*;
use std::time::Duration;
use tonic::Code;

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
