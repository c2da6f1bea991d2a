//! One order goes down all four levels and comes back.

use crate::server::*;
use hotline::domain::Span;
use hotline::pb;

#[tokio::test]
async fn an_order_goes_down_four_levels_and_is_closed() {
    let s = Server::start().await;
    let filed = s.filed().await;
    assert_eq!(filed.stage(), pb::Stage::Assigned);
    let chain = s.order(&filed.order_no).await.chain;
    assert_eq!(chain.len(), 4, "{chain:?}");
    assert_eq!(filed.holder, chain[0]);

    for (at, unit) in chain.iter().enumerate() {
        s.later(Span::minutes(1));
        let orders = s.pull(unit, pb::Desk::Lead).await;
        assert_eq!(orders.len(), 1, "in the tray of {unit}");
        let (order_no, lease) = (filed.order_no.clone(), orders[0].lease.clone());
        if at < 3 {
            let item = pb::RelayItem { request_id: id(), order_no, lease, to_unit: String::new() };
            let request = pb::RelayOrdersRequest { items: vec![item] };
            let answer = s.work().relay_orders(by(unit, "handler", request)).await.unwrap();
            let result = answer.into_inner().results.remove(0).result.unwrap();
            let pb::item_result::Result::Receipt(receipt) = result else { panic!("{result:?}") };
            assert_eq!(receipt.holder, chain[at + 1]);
        } else {
            let item = pb::SignItem { request_id: id(), order_no, lease, ..Default::default() };
            let request = pb::SignOrdersRequest { items: vec![item] };
            let answer = s.work().sign_orders(by(unit, "handler", request)).await.unwrap();
            let result = answer.into_inner().results.remove(0).result.unwrap();
            let pb::item_result::Result::Receipt(receipt) = result else { panic!("{result:?}") };
            assert_eq!(receipt.stage(), pb::Stage::Handling);
        }
    }
    let village = &chain[3];
    let report = pb::ReportOrderRequest {
        request_id: id(),
        order_no: filed.order_no.clone(),
        text: "已更换灯泡，恢复照明。".to_owned(),
        evidence: vec![pb::Evidence {
            uri: "https://files.example/a.jpg".to_owned(),
            sha256: "0f".repeat(32),
        }],
        ..Default::default()
    };
    let answer = s.work().report_order(by(village, "handler", report)).await.unwrap();
    assert_eq!(answer.into_inner().receipt.unwrap().stage(), pb::Stage::Review);

    let reviewer = &chain[2];
    let lease = s.pull(reviewer, pb::Desk::Review).await.remove(0).lease;
    let decide = pb::DecideReportRequest {
        request_id: id(),
        order_no: filed.order_no.clone(),
        lease,
        verdict: pb::Verdict::Accept.into(),
        ..Default::default()
    };
    let answer = s.command().decide_report(by(reviewer, "handler", decide)).await.unwrap();
    assert_eq!(answer.into_inner().receipt.unwrap().stage(), pb::Stage::FollowUp);

    let get = pb::GetOrderRequest { order_no: filed.order_no.clone() };
    let got = s.intake().get_order(by(CENTRE, "agent", get)).await.unwrap().into_inner();
    let order = got.order.unwrap();
    assert!(order.holder.is_empty() && order.closure.unwrap().stopped_at.is_some());
    assert_eq!(order.legs.len(), 5);
    let bodies: Vec<_> = got.papers.iter().map(|p| (p.index, p.body.as_str())).collect();
    assert_eq!(bodies[1], (1, "已更换灯泡，恢复照明。"));
    assert_eq!(got.papers[1].evidence[0].sha256, "0f".repeat(32));
    // The legs' times sum to the elapsed time.
    let held: i64 = order.legs.iter().map(|leg| leg.held.unwrap().seconds).sum();
    assert_eq!(held, 4 * 60);

    let read = pb::ReadFeedRequest::default();
    let feed = s.feed().read_feed(by(CENTRE, "dispatcher", read)).await.unwrap().into_inner();
    let names: Vec<_> = feed.events.iter().map(|e| event_name(e.what.as_ref().unwrap())).collect();
    assert_eq!(
        names,
        [
            "registered",
            "delivered",
            "relayed",
            "delivered",
            "relayed",
            "delivered",
            "relayed",
            "delivered",
            "signed",
            "reported",
            "delivered",
            "closed",
        ]
    );
    let again = pb::ReadFeedRequest { cursor: feed.next_cursor.clone(), max_events: 9 };
    let again = s.feed().read_feed(by(CENTRE, "dispatcher", again)).await.unwrap().into_inner();
    assert!(again.events.is_empty() && again.next_cursor == feed.next_cursor);

    let board = pb::GetBoardRequest {};
    let board = s.command().get_board(by(CENTRE, "dispatcher", board)).await.unwrap().into_inner();
    let tally = |name: &str| board.tallies.iter().find(|t| t.name == name).unwrap().value;
    assert_eq!((tally("received"), tally("closed"), tally("open")), (1, 1, 0));
    assert_eq!(board.waiting.len(), 4);
    s.running.stop().await;
}

#[tokio::test]
async fn what_nobody_can_place_is_accepted_by_a_person() {
    let s = Server::start().await;
    let submission = pb::Submission {
        text: "您好，我想说一件事情。".to_owned(),
        title: String::new(),
        category: String::new(),
        division: String::new(),
        ..matter()
    };
    let request = pb::SubmitOrderRequest {
        request_id: id(),
        submission: Some(submission),
        skip_repeats: false,
    };
    let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
    let filed = answer.into_inner().receipt.unwrap();
    assert_eq!(filed.stage(), pb::Stage::Triage);

    let list = pb::ListTriageRequest::default();
    let page = s.command().list_triage(by(CENTRE, "dispatcher", list)).await.unwrap().into_inner();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].excerpt, "您好，我想说一件事情。");
    let list = pb::ListTriageRequest { page_token: page.next_page_token, page_size: 0 };
    let page = s.command().list_triage(by(CENTRE, "dispatcher", list)).await.unwrap().into_inner();
    assert!(page.items.is_empty() && page.next_page_token.is_empty());

    let accept = pb::AcceptOrderRequest {
        request_id: id(),
        order_no: filed.order_no,
        category: category(),
        division: VILLAGE.to_owned(),
        ..Default::default()
    };
    let not_centre = by(COUNTY, "dispatcher", accept.clone());
    let status = s.command().accept_order(not_centre).await.unwrap_err();
    assert_eq!(told(&status).1, "NOT_CENTRE");
    let answer = s.command().accept_order(by(CENTRE, "dispatcher", accept)).await.unwrap();
    assert_eq!(answer.into_inner().receipt.unwrap().stage(), pb::Stage::Assigned);
    s.running.stop().await;
}

#[tokio::test]
async fn a_citizen_tracks_the_matter_and_the_holder_calls_back() {
    let s = Server::start().await;
    let filed = s.filed().await;
    let track = |last: &str| pb::TrackOrderRequest {
        order_no: filed.order_no.clone(),
        phone_last4: last.to_owned(),
    };
    let answer = s.intake().track_order(by(CENTRE, "agent", track("5678"))).await.unwrap();
    assert_eq!(answer.into_inner().stage(), pb::Stage::Assigned);
    let status = s.intake().track_order(by(CENTRE, "agent", track("5679"))).await.unwrap_err();
    assert_eq!(told(&status), (tonic::Code::NotFound, "ORDER_NOT_FOUND".into(), String::new()));

    let look =
        |order_no: &str| pb::GetContactRequest { request_id: id(), order_no: order_no.into() };
    let mine = by(&filed.holder, "handler", look(&filed.order_no));
    let contact = s.work().get_contact(mine).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(contact.phone, "13812345678");
    let strangers = by("330481", "handler", look(&filed.order_no));
    let status = s.work().get_contact(strangers).await.unwrap_err();
    assert_eq!(told(&status).1, "NOT_HOLDER");
    s.running.stop().await;
}
