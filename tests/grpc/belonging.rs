//! Orders that belong together, units that help, callers who call again: over gRPC.

use crate::everywhere::everywhere;
use crate::moves::{HELPER, Life, only};
use crate::server::*;
use hotline::domain::Span;
use hotline::pb::{self, Stage};
use std::time::Duration;
use tonic::{Code, Status};

/// A life of an order that is there already.
fn life_of<'a>(s: &'a Server, no: &str) -> Life<'a> {
    let life = Life::new(s);
    no.clone_into(&mut life.no.lock().unwrap());
    life
}

async fn merge(s: &Server, no: &str, into: &str) -> Result<pb::Receipt, Status> {
    let (request_id, order_no, into) = (id(), no.to_owned(), into.to_owned());
    let request = pb::MergeOrdersRequest { request_id, order_no, into };
    let answer = s.command().merge_orders(by(CENTRE, "dispatcher", request)).await?;
    Ok(answer.into_inner().receipt.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_merged_order_back_leaves_the_others_list() {
    everywhere(async |s| {
        let into = s.filed().await.order_no;
        let children = [s.filed().await.order_no, s.filed().await.order_no];
        for child in &children {
            assert_eq!(merge(s, child, &into).await.unwrap().stage(), Stage::Merged);
        }
        life_of(s, &children[0]).path("withdraw").await;
        let left = s.order(&children[0]).await;
        assert_eq!((left.stage(), left.merged_into.as_str()), (Stage::Withdrawn, ""));
        assert_eq!(s.order(&into).await.merged_orders, children[1..]);
        // The other one waits still; once it has left, too, nobody does.
        let refused = life_of(s, &into).step("withdraw").await.unwrap_err();
        assert_eq!(refused.1, "HAS_MERGED_ORDERS");
        life_of(s, &children[1]).path("withdraw").await;
        life_of(s, &into).path("withdraw").await;
        // A citizen may take back what waits to be followed up.
        let closed = Life::new(s);
        closed.path("file close_batch withdraw").await;
        assert_eq!(closed.stage().await, Stage::Withdrawn);
        assert!(s.pull(CENTRE, pb::Desk::FollowUp).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merger_is_whole_or_has_not_happened() {
    everywhere(async |s| {
        let into = Life::new(s);
        into.path("file close_batch").await;
        let child = s.filed().await;
        let refused = merge(s, &child.order_no, &into.no()).await.unwrap_err();
        assert_eq!(told(&refused).1, "WRONG_STAGE", "the other one is closed");
        assert_eq!(s.order(&child.order_no).await.version, child.version, "this one is as it was");
        // Nor is one merged into what a unit works on that it complains about; where nobody does,
        // that unit sees neither from then on.
        let parent = s.filed().await.order_no;
        let village = s.order(&parent).await.chain[3].clone();
        let recuse = pb::RecuseUnitRequest {
            request_id: id(),
            order_no: child.order_no.clone(),
            unit: village.clone(),
        };
        s.command().recuse_unit(by(CENTRE, "dispatcher", recuse)).await.unwrap();
        let refused = merge(s, &child.order_no, &parent).await.unwrap_err();
        assert_eq!(told(&refused).1, "CANNOT_MERGE");
        assert!(s.order(&parent).await.merged_orders.is_empty());
        let vague = Life::new(s);
        vague.path("file_vague").await;
        merge(s, &child.order_no, &vague.no()).await.unwrap();
        assert_eq!(s.order(&vague.no()).await.recused_units, [village]);
        // While both are moved about, they agree with each other at every end.
        for round in 0..20_u64 {
            let (child, into) = (s.filed().await.order_no, s.filed().await.order_no);
            let meanwhile = async {
                tokio::time::sleep(Duration::from_micros(150 * round)).await;
                let (one, other) = (life_of(s, &child), life_of(s, &into));
                let _ = tokio::join!(one.step("close_batch"), other.step("relay"));
            };
            let (merged, ()) = tokio::join!(merge(s, &child, &into), meanwhile);
            let (child, parent) = (s.order(&child).await, s.order(&into).await);
            assert_eq!(child.merged_into == into, merged.is_ok(), "{child:?}");
            assert_eq!(parent.merged_orders.contains(&child.order_no), merged.is_ok());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_merged_into_what_is_done_again_hears_the_second_result() {
    everywhere(async |s| {
        let into = Life::new(s);
        into.path("file go_down").await;
        let told_of = async |child: &str| {
            let heard = async {
                while s.order(child).await.stage() == Stage::Merged {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), heard)
                .await
                .expect("the result is heard");
        };
        let first = s.filed().await.order_no;
        merge(s, &first, &into.no()).await.unwrap();
        into.path("report close").await;
        told_of(&first).await;
        into.path("dissatisfied").await;
        let second = s.filed().await.order_no;
        merge(s, &second, &into.no()).await.unwrap();
        // The timers have looked, and there is nothing to tell yet.
        s.later(Span::minutes(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(s.order(&second).await.stage(), Stage::Merged);
        into.path("report close").await;
        told_of(&second).await;
        into.path("satisfied").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_offered_what_is_open_however_much_is_over() {
    everywhere(async |s| {
        let submit = async |category: &str, skip_repeats| {
            let submission = Some(pb::Submission { category: category.to_owned(), ..matter() });
            let request = pb::SubmitOrderRequest { request_id: id(), submission, skip_repeats };
            let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
            let pb::SubmitOrderResponse { receipt, repeats } = answer.into_inner();
            (receipt.unwrap().order_no, repeats)
        };
        let preview = async |category: &str, text: &str| {
            let request = pb::PreviewOrderRequest {
                text: text.to_owned(),
                phone: "138 1234 5678".to_owned(),
                category: category.to_owned(),
                ..Default::default()
            };
            s.intake().preview_order(by(CENTRE, "agent", request)).await.map(|a| a.into_inner())
        };
        let numbers = |repeats: &[pb::Repeat]| -> Vec<String> {
            repeats.iter().map(|repeat| repeat.order_no.clone()).collect()
        };
        let own = category();
        let (open, repeats) = submit(&own, false).await;
        assert_eq!(repeats, [], "a first call");
        for _ in 0..12 {
            let (over, _) = submit(&own, false).await;
            life_of(s, &over).path("withdraw").await;
        }
        let (second, repeats) = submit(&own, false).await;
        assert_eq!(numbers(&repeats), std::slice::from_ref(&open), "offered unasked");
        assert_eq!(submit(&own, true).await.1, [], "unless it is not to be looked for");
        // The agent's category counts, not what the text would be read as.
        let bus = "公交车司机态度恶劣，投诉公交线路";
        let read = preview("", bus).await.unwrap();
        assert_eq!(read.repeats, []);
        let chosen = preview(&own, bus).await.unwrap();
        let reading = chosen.reading.clone().unwrap();
        assert_eq!((reading.category.as_str(), reading.category_confidence), (own.as_str(), 100));
        assert_eq!(numbers(&chosen.repeats)[1..], [second.clone(), open.clone()]);
        let other = read.reading.unwrap().category;
        assert_ne!(other, own);
        assert_eq!(submit(&other, false).await.1, [], "of another category there is none");
        let refused = preview("9999", bus).await.unwrap_err();
        assert_eq!(
            told(&refused),
            (Code::InvalidArgument, "UNKNOWN_CATEGORY".into(), "category".into())
        );
        // What was merged is worked elsewhere: that is what a third call may be merged into.
        let mut elsewhere = matter();
        elsewhere.contact.as_mut().unwrap().phone = "13900000000".to_owned();
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(elsewhere),
            skip_repeats: true,
        };
        let filed = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
        let into = filed.into_inner().receipt.unwrap().order_no;
        merge(s, &second, &into).await.unwrap();
        merge(s, &open, &into).await.unwrap();
        let offered = numbers(&preview(&own, "").await.unwrap().repeats);
        assert!(offered.contains(&into), "{offered:?}");
        assert!(!offered.contains(&open) && !offered.contains(&second), "{offered:?}");
        assert_eq!(offered.iter().filter(|no| **no == into).count(), 1, "once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_works_for_a_helper_without_a_system_and_asks_it_again() {
    everywhere(async |s| {
        let life = Life::new(s);
        life.path("file add_co_handler").await;
        // It comes for what waits at the helper's desk; that lease is for the helper's part.
        let lease = s.pull(HELPER, pb::Desk::CoHandler).await.remove(0).lease;
        let sign = async |unit: &str, co_handler: &str, lease: &str| {
            let item = pb::SignItem {
                request_id: id(),
                order_no: life.no(),
                lease: lease.to_owned(),
                co_handler: co_handler.to_owned(),
            };
            let request = pb::SignOrdersRequest { items: vec![item] };
            let answer = s.work().sign_orders(by(unit, "handler", request)).await.unwrap();
            only(answer.into_inner().results).map(drop)
        };
        let report = async |unit: &str, co_handler: &str, lease: &str| {
            let request = pb::ReportOrderRequest {
                request_id: id(),
                order_no: life.no(),
                lease: lease.to_owned(),
                text: "停水区域已送水。".to_owned(),
                co_handler: co_handler.to_owned(),
                ..Default::default()
            };
            s.work().report_order(by(unit, "handler", request)).await.map(drop)
        };
        let stranger = sign(COUNTY, HELPER, "").await.unwrap_err();
        assert_eq!(stranger.code(), Code::PermissionDenied);
        sign(CENTRE, "", &lease).await.unwrap();
        let co = s.order(&life.no()).await.co_handlers.remove(0);
        assert!(co.signed_at.is_some() && co.reported_at.is_none());
        // Under it the order itself is not moved.
        let item = pb::RelayItem {
            request_id: id(),
            order_no: life.no(),
            lease: lease.clone(),
            ..Default::default()
        };
        let request = pb::RelayOrdersRequest { items: vec![item] };
        let answer = s.work().relay_orders(by(CENTRE, "handler", request)).await.unwrap();
        assert_eq!(told(&only(answer.into_inner().results).unwrap_err()).1, "LEASE_STALE");
        life.path("go_down").await;
        report(CENTRE, "", &lease).await.unwrap();
        assert_eq!(life.stage().await, Stage::Handling);
        let done = report(CENTRE, HELPER, "").await.unwrap_err();
        assert_eq!(told(&done).1, "NOT_CO_HANDLING");
        // More is to be done: the same helper is asked again, and named without a lease.
        life.path("report reject add_co_handler").await;
        assert_eq!(life.step("report").await.unwrap_err().1, "CO_HANDLERS_PENDING");
        report(CENTRE, HELPER, "").await.unwrap();
        life.path("report close dissatisfied add_co_handler co_report report close").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_proves_what_must_be_proved() {
    everywhere(async |s| {
        let to_ordinary = pb::SwitchModeRequest {
            request_id: id(),
            mode: pb::Mode::Ordinary.into(),
            in_flight: pb::InFlight::Keep.into(),
            version: 0,
        };
        s.admin().switch_mode(by(CENTRE, "dispatcher", to_ordinary)).await.unwrap();
        let file = async |kind: pb::Kind| {
            let submission = Some(pb::Submission { kind: kind.into(), ..matter() });
            let request =
                pb::SubmitOrderRequest { request_id: id(), submission, skip_repeats: true };
            let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
            answer.into_inner().receipt.unwrap().order_no
        };
        // A report of wrongdoing is to be proved; a request for help need not be.
        let (tip, request) = (file(pb::Kind::Tip).await, file(pb::Kind::Request).await);
        let close = async |evidence: Vec<pb::Evidence>| {
            let request = pb::CloseBatchRequest {
                request_id: id(),
                order_nos: vec![tip.clone(), request.clone()],
                text: "已查实处理。".to_owned(),
                evidence,
            };
            let answer = s.command().close_batch(by(CENTRE, "dispatcher", request)).await.unwrap();
            let results = answer.into_inner().results.into_iter();
            results.map(|item| only(vec![item]).map(|r| r.unwrap().stage())).collect::<Vec<_>>()
        };
        let results = close(Vec::new()).await;
        let refused = results[0].as_ref().unwrap_err();
        assert_eq!(
            told(refused),
            (Code::InvalidArgument, "EVIDENCE_MISSING".into(), "evidence".into())
        );
        assert_eq!(*results[1].as_ref().unwrap(), Stage::FollowUp);
        let proof =
            pb::Evidence { uri: "https://files.example/1.jpg".into(), sha256: "0".repeat(64) };
        assert_eq!(*close(vec![proof.clone()]).await[0].as_ref().unwrap(), Stage::FollowUp);
        let get = pb::GetOrderRequest { order_no: tip.clone() };
        let papers =
            s.intake().get_order(by(CENTRE, "agent", get)).await.unwrap().into_inner().papers;
        assert_eq!(papers.last().unwrap().evidence, [proof], "it is kept with the order");
    })
    .await;
}
