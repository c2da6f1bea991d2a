//! A unit that is complained about never sees the order, whichever way it looks.

use crate::everywhere::everywhere;
use crate::moves::Life;
use crate::server::*;
use hotline::pb;
use std::collections::BTreeSet;
use std::time::Duration;

const DESKS: [pb::Desk; 8] = [
    pb::Desk::Triage,
    pb::Desk::Lead,
    pb::Desk::Review,
    pb::Desk::FollowUp,
    pb::Desk::Raised,
    pb::Desk::CoHandler,
    pb::Desk::Approval,
    pb::Desk::Copy,
];

/// Every order number that a unit is shown by any read there is.
async fn shown_to(s: &Server, unit: &str, all: &[String]) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for no in all {
        let get = pb::GetOrderRequest { order_no: no.clone() };
        if s.intake().get_order(by(unit, "handler", get)).await.is_ok() {
            shown.insert(no.clone());
        }
        let track = pb::TrackOrderRequest { order_no: no.clone(), phone_last4: "5678".into() };
        if s.intake().track_order(by(unit, "handler", track)).await.is_ok() {
            shown.insert(no.clone());
        }
        let look = pb::GetContactRequest { request_id: id(), order_no: no.clone() };
        match s.work().get_contact(by(unit, "handler", look)).await {
            Ok(_) => drop(shown.insert(no.clone())),
            // Who may know that there is an order is told that it is not theirs.
            Err(status) if told(&status).1 != "ORDER_NOT_FOUND" => drop(shown.insert(no.clone())),
            Err(_) => {}
        }
    }
    let mut list = pb::ListOrdersRequest::default();
    loop {
        let page = s.intake().list_orders(by(unit, "handler", list.clone())).await.unwrap();
        let page = page.into_inner();
        shown.extend(page.orders.into_iter().map(|order| order.order_no));
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() {
            break;
        }
    }
    let triage = pb::ListTriageRequest::default();
    let triage = s.command().list_triage(by(unit, "handler", triage)).await.unwrap().into_inner();
    shown.extend(triage.items.into_iter().filter_map(|item| item.order).map(|o| o.order_no));
    for desk in DESKS {
        for tray in [unit, CENTRE, COUNTY] {
            let list = pb::ListOrdersRequest {
                unit: tray.to_owned(),
                desk: desk.into(),
                ..Default::default()
            };
            let page = s.intake().list_orders(by(unit, "handler", list)).await.unwrap();
            shown.extend(page.into_inner().orders.into_iter().map(|order| order.order_no));
        }
        // Everything below it, under a lease that is over at once.
        let pull = pb::PullOrdersRequest {
            unit: unit.to_owned(),
            include_subtree: true,
            desk: desk.into(),
            max_orders: 256,
            lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let pulled = s.work().pull_orders(by(unit, "handler", pull)).await.unwrap().into_inner();
        shown.extend(pulled.orders.into_iter().filter_map(|c| c.order).map(|o| o.order_no));
    }
    let mut read = pb::ReadFeedRequest { max_events: 1_000, ..Default::default() };
    loop {
        let page = s.feed().read_feed(by(unit, "handler", read.clone())).await.unwrap();
        let page = page.into_inner();
        shown.extend(page.events.into_iter().map(|event| event.order_no));
        if page.next_cursor == read.cursor {
            break;
        }
        read.cursor = page.next_cursor;
    }
    let watch = pb::WatchFeedRequest::default();
    let mut feed = s.feed().watch_feed(by(unit, "handler", watch)).await.unwrap().into_inner();
    let wait = Duration::from_millis(100);
    while let Ok(Ok(Some(answer))) = tokio::time::timeout(wait, feed.message()).await {
        shown.extend(answer.events.into_iter().map(|event| event.order_no));
    }
    for mode in [pb::Mode::Ordinary, pb::Mode::Wartime] {
        let request =
            pb::PreviewModeRequest { mode: mode.into(), page_size: 200, ..Default::default() };
        let page = s.admin().preview_mode(by(unit, "handler", request)).await.unwrap();
        shown.extend(page.into_inner().changes.into_iter().map(|change| change.order_no));
    }
    shown
}

/// Files a matter that complains about units from the first moment.
async fn file_against(s: &Server, units: &[String]) -> String {
    let submission = pb::Submission { recused_units: units.to_vec(), ..matter() };
    let request = pb::SubmitOrderRequest {
        request_id: id(),
        submission: Some(submission),
        find_repeats: false,
    };
    let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
    answer.into_inner().receipt.unwrap().order_no
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_shows_it_to_whom_it_complains_about() {
    everywhere(async |s| {
        let probe = s.filed().await;
        let chain = s.order(&probe.order_no).await.chain;
        let village = chain[3].clone();
        let mut hidden: Vec<(String, Vec<String>)> = Vec::new();
        // Against each unit of the chain below the centre, and against several.
        for units in [&chain[1..2], &chain[2..3], &chain[3..4], &chain[1..4]] {
            hidden.push((file_against(s, units).await, units.to_vec()));
        }
        // Once it is on its way, wherever it stands.
        for way in [
            "file",
            "file relay relay relay",
            "file go_down",
            "file go_down report",
            "file go_down ask_extension",
            "file go_down ask_suspension suspend",
        ] {
            let life = Life::new(s);
            life.path(way).await;
            let recuse = pb::RecuseUnitRequest {
                request_id: id(),
                order_no: life.no(),
                unit: village.clone(),
            };
            s.command().recuse_unit(by(CENTRE, "dispatcher", recuse)).await.unwrap();
            assert_ne!(s.order(&life.no()).await.holder, village, "`{way}`");
            hidden.push((life.no(), vec![village.clone()]));
        }
        let all: Vec<String> = hidden.iter().map(|(no, _)| no.clone()).collect();
        for unit in &chain[1..] {
            let shown = shown_to(s, unit, &all).await;
            for (no, recused) in &hidden {
                if recused.contains(unit) {
                    assert!(!shown.contains(no), "{unit} sees {no}");
                }
            }
            assert!(shown.contains(&probe.order_no), "{unit} sees what it may");
        }
        // And no command leads there.
        let to_county = pb::RelayItem {
            request_id: id(),
            order_no: hidden[0].0.clone(),
            to_unit: chain[1].clone(),
            ..Default::default()
        };
        let request = pb::RelayOrdersRequest { items: vec![to_county] };
        let answer = s.work().relay_orders(by(CENTRE, "handler", request)).await.unwrap();
        let refused = crate::moves::only(answer.into_inner().results).unwrap_err();
        assert_eq!(told(&refused).1, "UNIT_RECUSED");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merger_shows_nothing_to_whom_one_of_them_complains_about() {
    everywhere(async |s| {
        let parent = s.filed().await;
        let village = s.order(&parent.order_no).await.chain[3].clone();
        let child = file_against(s, std::slice::from_ref(&village)).await;
        let merge = |into: &str| pb::MergeOrdersRequest {
            request_id: id(),
            order_no: child.clone(),
            into: into.to_owned(),
        };
        // The village is on the way of the one, and is not told of the other.
        let request = by(CENTRE, "dispatcher", merge(&parent.order_no));
        let refused = s.command().merge_orders(request).await.unwrap_err();
        assert_eq!(told(&refused).1, "CANNOT_MERGE");
        assert!(s.order(&parent.order_no).await.merged_orders.is_empty());
        // Nobody works on this one yet: from now on the village never will.
        let vague = Life::new(s);
        vague.path("file_vague").await;
        let merged = s.command().merge_orders(by(CENTRE, "dispatcher", merge(&vague.no()))).await;
        merged.unwrap();
        let all = [child.clone(), vague.no()];
        let shown = shown_to(s, &village, &all).await;
        assert!(all.iter().all(|no| !shown.contains(no)), "{shown:?}");
    })
    .await;
}
