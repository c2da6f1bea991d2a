//! Once, and only by right: request ids, leases, stages.

use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use std::time::Duration;
use tonic::Code;

fn submit(request_id: &str, submission: pb::Submission) -> pb::SubmitOrderRequest {
    pb::SubmitOrderRequest {
        request_id: request_id.to_owned(),
        submission: Some(submission),
        skip_repeats: false,
    }
}

#[tokio::test]
async fn the_same_request_gives_the_same_answer() {
    let s = Server::start().await;
    let id = id();
    let first = s.intake().submit_order(by(CENTRE, "agent", submit(&id, matter()))).await.unwrap();
    s.later(Span::minutes(2));
    // Another clerk of the same unit, later.
    let mut again = by(CENTRE, "agent", submit(&id, matter()));
    again.metadata_mut().insert("hotline-staff", "t-9".parse().unwrap());
    let second = s.intake().submit_order(again).await.unwrap();
    let (first, second) = (first.into_inner().receipt, second.into_inner().receipt);
    one_is_the_other_again(&first.unwrap(), &second.unwrap());

    let other = pb::Submission { text: "另一件事".to_owned(), ..matter() };
    for (unit, submission) in [(CENTRE, other), (COUNTY, matter())] {
        let request = by(unit, "agent", submit(&id, submission));
        let status = s.intake().submit_order(request).await.unwrap_err();
        let expected = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned(), String::new());
        assert_eq!(told(&status), expected, "{unit}");
    }
    let all = pb::ListOrdersRequest::default();
    let all = s.intake().list_orders(by(CENTRE, "agent", all)).await.unwrap().into_inner();
    assert_eq!(all.orders.len(), 1);
    s.running.stop().await;
}

#[tokio::test]
async fn one_id_for_two_items_of_a_bulk_call_takes_effect_once() {
    let s = Server::start().await;
    let filed = s.filed().await;
    let item = |request_id: &str, order_no: &str| pb::RelayItem {
        request_id: request_id.to_owned(),
        order_no: order_no.to_owned(),
        ..Default::default()
    };
    let same = id();
    let items = vec![
        item(&same, &filed.order_no),
        item(&same, &filed.order_no),
        item("x", &filed.order_no),
        item(&id(), "3304-220314-99999-0"),
    ];
    let request = by(&filed.holder, "handler", pb::RelayOrdersRequest { items });
    let results = s.work().relay_orders(request).await.unwrap().into_inner().results;
    use pb::item_result::Result as R;
    let (Some(R::Receipt(a)), Some(R::Receipt(b))) = (&results[0].result, &results[1].result)
    else {
        panic!("{results:?}")
    };
    one_is_the_other_again(a, b);
    let Some(R::Error(bad_id)) = &results[2].result else { panic!("{results:?}") };
    assert_eq!(
        (bad_id.reason.as_str(), bad_id.fields[0].field.as_str()),
        ("INVALID_REQUEST_ID", "request_id")
    );
    assert!(!bad_id.message_zh.is_empty());
    let Some(R::Error(bad_no)) = &results[3].result else { panic!("{results:?}") };
    assert!(["INVALID_ORDER_NO", "ORDER_NOT_FOUND"].contains(&bad_no.reason.as_str()));
    assert_eq!(results[3].order_no, "3304-220314-99999-0");
    assert_eq!(s.order(&filed.order_no).await.legs.len(), 2);
    s.running.stop().await;
}

#[tokio::test]
async fn a_lease_dies_with_its_holding() {
    let s = Server::start().await;
    let filed = s.filed().await;
    let lease = s.pull(&filed.holder, pb::Desk::Lead).await.remove(0).lease;
    assert!(s.pull(&filed.holder, pb::Desk::Lead).await.is_empty(), "leased is not handed out");
    let relay = |lease: &str| {
        let item = pb::RelayItem {
            request_id: id(),
            order_no: filed.order_no.clone(),
            lease: lease.to_owned(),
            to_unit: String::new(),
        };
        by(CENTRE, "handler", pb::RelayOrdersRequest { items: vec![item] })
    };
    let done = s.work().relay_orders(relay(&lease)).await.unwrap().into_inner();
    assert!(matches!(done.results[0].result, Some(pb::item_result::Result::Receipt(_))));
    let stale = s.work().relay_orders(relay(&lease)).await.unwrap().into_inner();
    let Some(pb::item_result::Result::Error(error)) = &stale.results[0].result else {
        panic!("{stale:?}")
    };
    assert_eq!((error.code, error.reason.as_str()), (Code::Aborted as i32, "LEASE_STALE"));
    s.running.stop().await;
}

#[tokio::test]
async fn a_stage_that_does_not_allow_it_says_what_is_allowed() {
    let s = Server::start().await;
    let filed = s.filed().await;
    let report = pb::ReportOrderRequest {
        request_id: id(),
        order_no: filed.order_no.clone(),
        text: "已办".to_owned(),
        ..Default::default()
    };
    let status = s.work().report_order(by(CENTRE, "handler", report)).await.unwrap_err();
    assert_eq!(told(&status).0, Code::FailedPrecondition);
    assert_eq!(told(&status).1, "WRONG_STAGE");
    use tonic_types::StatusExt;
    let info = status.get_error_details().error_info().unwrap().clone();
    let allowed = &info.metadata["allowed"];
    assert!(allowed.starts_with("sign,relay,return,") && !allowed.contains("report"), "{allowed}");
    assert_eq!((&*info.metadata["stage"], &*info.metadata["action"]), ("assigned", "report"));
    // What is refused for another reason says the same of itself, also within a bulk call.
    let relay = pb::RelayItem {
        request_id: id(),
        order_no: filed.order_no.clone(),
        to_unit: CENTRE.to_owned(),
        ..Default::default()
    };
    let request = pb::RelayOrdersRequest { items: vec![relay] };
    let results = s.work().relay_orders(by(CENTRE, "handler", request)).await.unwrap();
    let status = crate::moves::only(results.into_inner().results).unwrap_err();
    assert_eq!(told(&status), (Code::FailedPrecondition, "NOT_BELOW".into(), "to_unit".into()));
    let zh = status.get_error_details().localized_message().unwrap().message.clone();
    let stage = hotline::domain::Stage::Assigned;
    let now: Vec<_> = hotline::domain::allowed(stage).iter().map(|action| action.zh()).collect();
    let end = format!("之下。工单待签收，不能下派；目前可以：{}。", now.join("、"));
    assert!(zh.ends_with(&end), "{zh}");
    s.running.stop().await;
}

#[tokio::test]
async fn a_deadline_that_passes_leaves_nothing_half_done() {
    let s = Server::start().await;
    let mut unanswered = 0;
    for n in 0..200_u64 {
        let mut request = by(CENTRE, "agent", submit(&id(), matter()));
        request.set_timeout(Duration::from_micros(20 + n * 10));
        if s.intake().submit_order(request).await.is_err() {
            unanswered += 1;
        }
    }
    assert!(unanswered > 0, "no deadline passed");
    let doctor = pb::DoctorRequest::default();
    let found = s.admin().doctor(by(CENTRE, "dispatcher", doctor)).await.unwrap().into_inner();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    // Every order that is there is whole: in one tray, with its paper.
    let all = pb::ListOrdersRequest { page_size: 200, ..Default::default() };
    let all = s.intake().list_orders(by(CENTRE, "agent", all)).await.unwrap().into_inner();
    let tray = pb::ListOrdersRequest {
        page_size: 200,
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        ..Default::default()
    };
    let tray = s.intake().list_orders(by(CENTRE, "agent", tray)).await.unwrap().into_inner();
    assert_eq!(all.orders.len(), tray.orders.len());
    assert!(all.orders.len() >= 200 - unanswered);
    s.running.stop().await;
}

#[tokio::test]
async fn a_form_filed_at_the_last_moment_is_answered_the_same_a_minute_later() {
    let s = Server::start().await;
    let week = NOW.minus(Span::hours(7 * 24));
    let heard_at = prost_types::Timestamp { seconds: week.0 / 1_000, nanos: 0 };
    let matter = pb::Submission { heard_at: Some(heard_at), ..matter() };
    let request =
        pb::SubmitOrderRequest { request_id: id(), submission: Some(matter), skip_repeats: false };
    let submit = async || {
        let answer = s.intake().submit_order(by(CENTRE, "agent", request.clone())).await;
        answer.map(|answer| answer.into_inner().receipt.unwrap())
    };
    let first = submit().await.unwrap();
    s.later(Span::minutes(1));
    one_is_the_other_again(&first, &submit().await.unwrap());
    s.running.stop().await;
}
