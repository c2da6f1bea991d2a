//! A puller that dies with its leases: the next gets the orders within lease + 1 s, by the real
//! clock, and the dead one's rights are worth nothing.

use crate::everywhere::everywhere;
use crate::figures::measured;
use crate::server::*;
use hotline::clock::tick;
use hotline::pb;
use std::time::Duration;
use tonic::transport::Channel;

const LEASE: Duration = Duration::from_secs(2);
/// How much later it may be.
const GRACE: Duration = Duration::from_secs(1);
const ORDERS: usize = 5;

fn pulls(wait: Duration) -> pb::PullOrdersRequest {
    pb::PullOrdersRequest {
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        lease: LEASE.try_into().ok(),
        wait: wait.try_into().ok(),
        ..Default::default()
    }
}

async fn another(s: &Server) -> Channel {
    let address = format!("http://{}", s.running.grpc_address());
    Channel::from_shared(address).unwrap().connect().await.unwrap()
}

async fn sign(s: &Server, claimed: &pb::ClaimedOrder) -> Result<pb::Receipt, String> {
    let order_no = claimed.order.as_ref().unwrap().order_no.clone();
    let item = pb::SignItem {
        request_id: id(),
        order_no,
        lease: claimed.lease.clone(),
        ..Default::default()
    };
    let request = pb::SignOrdersRequest { items: vec![item] };
    let answer = s.work().sign_orders(by(CENTRE, "handler", request)).await.unwrap();
    match answer.into_inner().results.pop().unwrap().result.unwrap() {
        pb::item_result::Result::Receipt(receipt) => Ok(receipt),
        pb::item_result::Result::Error(e) => Err(e.reason),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_puller_held_is_handed_out_within_a_second_of_its_lease() {
    everywhere(async |s| {
        for _ in 0..ORDERS {
            s.filed().await;
        }
        // It dies with its connection and says nothing to anybody.
        let dying = another(s).await;
        let mut work = pb::work_order_service_client::WorkOrderServiceClient::new(dying);
        let claimed = tick();
        let request = by(CENTRE, "handler", pulls(Duration::ZERO));
        let dead = work.pull_orders(request).await.unwrap().into_inner().orders;
        drop(work);
        assert_eq!(dead.len(), ORDERS);
        // The next one waits already.
        let mut got: Vec<pb::ClaimedOrder> = Vec::new();
        while got.len() < ORDERS {
            let request = by(CENTRE, "handler", pulls(2 * LEASE));
            let next = s.work().pull_orders(request).await.unwrap().into_inner().orders;
            assert!(!next.is_empty(), "{} came back", got.len());
            got.extend(next);
        }
        let after = claimed.elapsed();
        assert!(after >= LEASE, "nobody had them twice at a time");
        assert!(after <= LEASE + GRACE, "{after:?}");
        let late = after - LEASE;
        measured("redelivery", format!("{late:.1?} after the end of a dead puller's lease"));
        let key = |c: &pb::ClaimedOrder| c.order.as_ref().unwrap().order_no.clone();
        got.sort_by_key(key);
        for (old, new) in dead.iter().zip(&got) {
            let no = key(old);
            assert_eq!(key(new), no);
            assert_eq!(new.order.as_ref().unwrap().deliveries, 2);
            // The dead one comes back and is told so; nothing has changed.
            let before = s.order(&no).await;
            assert_eq!(sign(s, old).await.unwrap_err(), "LEASE_STALE");
            assert_eq!(s.order(&no).await, pb::Order { legs: s.order(&no).await.legs, ..before });
            sign(s, new).await.unwrap();
            assert_eq!(sign(s, old).await.unwrap_err(), "ALREADY_SIGNED");
        }
    })
    .await;
}

/// A stream that is cut, the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cut_stream_held_is_handed_out_within_a_second_of_its_lease() {
    everywhere(async |s| {
        let no = s.filed().await.order_no;
        let dying = another(s).await;
        let mut work = pb::work_order_service_client::WorkOrderServiceClient::new(dying);
        let request = pb::StreamOrdersRequest {
            unit: CENTRE.to_owned(),
            desk: pb::Desk::Lead.into(),
            lease: LEASE.try_into().ok(),
            ..Default::default()
        };
        let claimed = tick();
        let mut stream =
            work.stream_orders(by(CENTRE, "handler", request)).await.unwrap().into_inner();
        let dead = stream.message().await.unwrap().unwrap().order.unwrap();
        drop((stream, work));
        let request = by(CENTRE, "handler", pulls(2 * LEASE));
        let new = s.work().pull_orders(request).await.unwrap().into_inner().orders.pop().unwrap();
        let after = claimed.elapsed();
        assert!((LEASE..=LEASE + GRACE).contains(&after), "{after:?}");
        assert_eq!(new.order.as_ref().unwrap().order_no, no);
        assert_eq!(sign(s, &dead).await.unwrap_err(), "LEASE_STALE");
        sign(s, &new).await.unwrap();
    })
    .await;
}
