//! Two servers on one Redis serve one city.

use crate::redis::RedisServer;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use hotline::store::Store;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::seal::Sealer;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

async fn two() -> (RedisServer, Server, Server) {
    let redis = RedisServer::start("always");
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("contacts.key");
    Sealer::create_key_file(&key).unwrap();
    let server = async || {
        let cell = CENTRE.parse().unwrap();
        let store = RedisStore::open(&redis.url(), cell, RedisOptions::default()).await.unwrap();
        Server::sealed(store as Arc<dyn Store>, Sealer::from_key_file(&key).unwrap()).await
    };
    let (one, other) = (server().await, server().await);
    (redis, one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_files_the_other_hands_out_once() {
    let (_redis, one, other) = two().await;
    // A long poll at the one is woken by a matter filed at the other.
    let pull = pb::PullOrdersRequest {
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        ..Default::default()
    };
    let mut work = other.work();
    let waiting = tokio::spawn(async move { work.pull_orders(by(CENTRE, "handler", pull)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let first = one.filed().await;
    let woken = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    let order = woken.unwrap().into_inner().orders.remove(0).order.unwrap();
    assert_eq!(order.order_no, first.order_no);

    // The same request at both is one order; numbers are never given twice.
    let request = pb::SubmitOrderRequest {
        request_id: id(),
        submission: Some(matter()),
        skip_repeats: false,
    };
    let here = one.intake().submit_order(by(CENTRE, "agent", request.clone())).await.unwrap();
    let there = other.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
    let (here, there) = (here.into_inner().receipt, there.into_inner().receipt);
    one_is_the_other_again(&here.unwrap(), &there.unwrap());
    let mut numbers = HashSet::from([first.order_no]);
    for _ in 0..20 {
        assert!(numbers.insert(one.filed().await.order_no));
        assert!(numbers.insert(other.filed().await.order_no));
    }
    // Both come for the same tray at once: nobody is handed what the other has.
    let desk = pb::Desk::Lead;
    let (a, b, c, d) = tokio::join!(
        one.pull(CENTRE, desk),
        other.pull(CENTRE, desk),
        one.pull(CENTRE, desk),
        other.pull(CENTRE, desk)
    );
    let all: Vec<_> = [a, b, c, d].into_iter().flatten().collect();
    let apart: HashSet<_> =
        all.iter().map(|o| o.order.as_ref().unwrap().order_no.clone()).collect();
    assert_eq!((all.len(), apart.len()), (41, 41));
    one.running.stop().await;
    other.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_falls_due_happens_once_and_survives_either() {
    let (_redis, one, other) = two().await;
    let mut filed = Vec::new();
    for _ in 0..10 {
        filed.push(one.filed().await.order_no);
    }
    for server in [&one, &other] {
        server.later(Span::minutes(5));
    }
    let moved = async |server: &Server, legs: usize| {
        for no in &filed {
            while server.order(no).await.legs.len() < legs {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, moved(&other, 2)).await.expect("moved on");
    // The one that ran the timers may go: the other takes over.
    let Server { running, .. } = one;
    running.stop().await;
    other.later(Span::minutes(10));
    tokio::time::timeout(patience, moved(&other, 3)).await.expect("moved on again");
    for no in &filed {
        let order = other.order(no).await;
        assert_eq!(order.legs.len(), 3);
        let events = order.version;
        assert_eq!(events, 3, "registered, passed by twice");
    }
    let found =
        other.admin().doctor(by(CENTRE, "dispatcher", pb::DoctorRequest::default())).await.unwrap();
    let found = found.into_inner();
    assert_eq!((found.orders_checked, found.findings.len()), (10, 0), "{:?}", found.findings);
    other.running.stop().await;
}

/// Each decides upon what it knew last, which the other may have changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_does_not_know_yet_neither_refuses_nor_undoes_anything() {
    let (_redis, one, other) = two().await;
    let no = one.filed().await.order_no;
    // Passed down at the other; at the one the next unit passes it down further.
    for (server, level) in [(&other, 1), (&one, 2)] {
        let holder = other.order(&no).await.holder;
        let claimed = other.pull(&holder, pb::Desk::Lead).await.remove(0);
        let item = pb::RelayItem {
            request_id: id(),
            order_no: no.clone(),
            lease: claimed.lease,
            to_unit: String::new(),
        };
        let request = pb::RelayOrdersRequest { items: vec![item] };
        let done = server.work().relay_orders(by(&holder, "handler", request)).await.unwrap();
        let done = done.into_inner().results.remove(0).result;
        assert!(matches!(done, Some(pb::item_result::Result::Receipt(_))), "{level}: {done:?}");
    }
    // Withdrawn at the one; the other, which knows it as passed down, withdraws nothing more.
    let no = other.filed().await.order_no;
    let withdraw = |no: &str| pb::WithdrawOrderRequest { request_id: id(), order_no: no.into() };
    one.intake().withdraw_order(by(CENTRE, "agent", withdraw(&no))).await.unwrap();
    let version = one.order(&no).await.version;
    let again = other.intake().withdraw_order(by(CENTRE, "agent", withdraw(&no))).await;
    match again {
        Ok(answer) => assert_eq!(answer.into_inner().receipt.unwrap().version, version),
        Err(status) => assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status:?}"),
    }
    assert_eq!(other.order(&no).await.version, version);
    one.running.stop().await;
    other.running.stop().await;
}
