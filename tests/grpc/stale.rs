//! Pullers that were thought dead come back, all at once, with rights that others have by now.

use crate::everywhere::everywhere;
use crate::figures::{how_many, measured};
use crate::server::*;
use crate::support::new_order;
use hotline::domain::{OrderNo, Timestamp};
use hotline::pb;
use hotline::pb::item_result::Result as Answer;
use hotline::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The most that one call pulls or signs.
const PAGE: usize = 256;
const SOON: i64 = 3;
const LONG: i64 = 600;

/// Pulls under leases of so many seconds until every order was had.
async fn pull_all(s: &Server, count: usize, seconds: i64) -> BTreeMap<String, String> {
    let mut had = BTreeMap::new();
    while had.len() < count {
        let request = pb::PullOrdersRequest {
            unit: CENTRE.to_owned(),
            desk: pb::Desk::Lead.into(),
            max_orders: PAGE as u32,
            lease: Some(prost_types::Duration { seconds, nanos: 0 }),
            wait: Some(prost_types::Duration { seconds: 2 * SOON, nanos: 0 }),
            ..Default::default()
        };
        let pulled = s.work().pull_orders(by(CENTRE, "handler", request)).await.unwrap();
        for claimed in pulled.into_inner().orders {
            had.insert(claimed.order.unwrap().order_no, claimed.lease);
        }
    }
    had
}

async fn sign_all(s: &Server, rights: &BTreeMap<String, String>) -> Vec<Answer> {
    let sign = |(no, lease): (&String, &String)| pb::SignItem {
        request_id: id(),
        order_no: no.clone(),
        lease: lease.clone(),
        ..Default::default()
    };
    let items: Vec<_> = rights.iter().map(sign).collect();
    let mut answers = Vec::new();
    for items in items.chunks(PAGE) {
        let request = pb::SignOrdersRequest { items: items.to_vec() };
        let signed = s.work().sign_orders(by(CENTRE, "handler", request)).await.unwrap();
        answers.extend(signed.into_inner().results.into_iter().map(|r| r.result.unwrap()));
    }
    answers
}

async fn relay_all(s: &Server, rights: &BTreeMap<String, String>) -> Vec<Answer> {
    let relay = |(no, lease): (&String, &String)| pb::RelayItem {
        request_id: id(),
        order_no: no.clone(),
        lease: lease.clone(),
        ..Default::default()
    };
    let items: Vec<_> = rights.iter().map(relay).collect();
    let mut answers = Vec::new();
    for items in items.chunks(PAGE) {
        let request = pb::RelayOrdersRequest { items: items.to_vec() };
        let relayed = s.work().relay_orders(by(CENTRE, "handler", request)).await.unwrap();
        answers.extend(relayed.into_inner().results.into_iter().map(|r| r.result.unwrap()));
    }
    answers
}

async fn versions(s: &Server, orders: &BTreeMap<String, String>) -> Vec<u32> {
    let numbers: Vec<OrderNo> = orders.keys().map(|no| no.parse().unwrap()).collect();
    let loaded = s.store.load_each(&numbers).await.unwrap();
    loaded.into_iter().map(|order| order.unwrap().version).collect()
}

async fn filed(store: &Arc<dyn Store>, count: usize, heard: Timestamp) {
    let mut filing = JoinSet::new();
    for seq in 1..=count {
        let store = Arc::clone(store);
        filing.spawn(async move { store.commit(new_order(seq as u32, heard)).await.unwrap() });
    }
    filing.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_stale_rights_none_changes_anything() {
    let count = how_many("orders whose dead pullers come back", 5_000, 500);
    everywhere(async |s| {
        filed(&s.store, count, NOW).await;
        let dead = pull_all(s, count, SOON).await;
        let held = pull_all(s, count, LONG).await;
        let before = versions(s, &held).await;
        let mut acks = sign_all(s, &dead).await;
        acks.extend(relay_all(s, &dead).await);
        let refused = |ack: &&Answer| matches!(ack, Answer::Error(e) if e.reason == "LEASE_STALE");
        let refused = acks.iter().filter(refused).count();
        assert_eq!((acks.len(), refused), (2 * count, 2 * count));
        assert!(versions(s, &held).await == before, "something changed");
        // Whoever has them signs them.
        let signed = sign_all(s, &held).await;
        assert!(signed.iter().all(|ack| matches!(ack, Answer::Receipt(_))));
        measured("stale acks", format!("{refused} of {} refused, 0 took effect", acks.len()));
    })
    .await;
}
