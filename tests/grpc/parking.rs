//! An order that kills whoever pulls it: parked in view, and lost to nobody.

use crate::everywhere::{on_every_store, sound};
use crate::faulty::Faulty;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use hotline::store::Store;
use hotline::store::memory::Memory;
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;

const DELIVERIES: u8 = 2;
/// The shortest there is.
const LEASE: Duration = Duration::from_secs(1);

async fn pull(s: &Server, wait: Duration) -> Vec<pb::ClaimedOrder> {
    let request = pb::PullOrdersRequest {
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        lease: LEASE.try_into().ok(),
        wait: wait.try_into().ok(),
        ..Default::default()
    };
    let answer = s.work().pull_orders(by(CENTRE, "handler", request)).await;
    answer.unwrap().into_inner().orders
}

async fn tray(s: &Server, desk: pb::Desk) -> Vec<String> {
    let request =
        pb::ListOrdersRequest { unit: CENTRE.to_owned(), desk: desk.into(), ..Default::default() };
    let answer = s.intake().list_orders(by(CENTRE, "dispatcher", request)).await.unwrap();
    answer.into_inner().orders.into_iter().map(|order| order.order_no).collect()
}

async fn release(s: &Server, no: &str, request_id: &str) -> Result<pb::Receipt, tonic::Status> {
    let request =
        pb::ReleaseOrderRequest { request_id: request_id.to_owned(), order_no: no.to_owned() };
    let answer = s.command().release_order(by(CENTRE, "dispatcher", request)).await?;
    Ok(answer.into_inner().receipt.unwrap())
}

async fn tally(s: &Server, name: &str) -> i64 {
    let all = s.store.tallies().await.unwrap();
    all.into_iter().find(|(tally, _)| *tally == name).unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kills_its_pullers_is_parked_in_view_and_released_by_a_person() {
    on_every_store(async |store| {
        let s = &Server::parking(store, DELIVERIES).await;
        let no = s.filed().await.order_no;
        let mut last = pull(s, Duration::ZERO).await.pop().unwrap();
        for _ in 1..DELIVERIES {
            // Whoever had it died with it; the next gets it, and dies as well.
            last = pull(s, 3 * LEASE).await.pop().unwrap();
        }
        let order = last.order.unwrap();
        assert_eq!((order.order_no, order.deliveries), (no.clone(), DELIVERIES.into()));
        // It is handed out no more.
        assert!(pull(s, 2 * LEASE).await.is_empty(), "parked");
        assert!(tray(s, pb::Desk::Lead).await.is_empty());
        assert_eq!(tray(s, pb::Desk::Parked).await, [&*no]);
        assert_eq!((tally(s, "parked").await, tally(s, "parkings").await), (1, 1));
        let parked = s.order(&no).await;
        assert!(parked.parked_at.is_some());
        assert_eq!(parked.next_deadline, order.next_deadline, "its clocks run on");
        // A look into the tray gives no right to it.
        let looked = s.pull(CENTRE, pb::Desk::Parked).await.pop().unwrap();
        let item = pb::SignItem {
            request_id: id(),
            order_no: no.clone(),
            lease: looked.lease.clone(),
            ..Default::default()
        };
        let request = pb::SignOrdersRequest { items: vec![item] };
        let answer = s.work().sign_orders(by(CENTRE, "handler", request)).await.unwrap();
        match answer.into_inner().results.pop().unwrap().result.unwrap() {
            pb::item_result::Result::Error(e) => assert_eq!(e.reason, "LEASE_STALE"),
            other => panic!("{other:?}"),
        }
        // Once, however often it is asked for.
        let request_id = id();
        let receipt = release(s, &no, &request_id).await.unwrap();
        one_is_the_other_again(&receipt, &release(s, &no, &request_id).await.unwrap());
        let refused = release(s, &no, &id()).await.unwrap_err();
        assert_eq!(told(&refused).1, "NOT_PARKED");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(tally(s, "parked").await, 0);
        let again = pull(s, Duration::ZERO).await.pop().unwrap().order.unwrap();
        assert_eq!((again.order_no, again.deliveries), (no.clone(), 1));
        assert_eq!(again.parked_at, None);
        // Parked once more, it moves on by itself when the share ends.
        for _ in 0..DELIVERIES {
            pull(s, 2 * LEASE).await;
        }
        assert_eq!(tray(s, pb::Desk::Parked).await, [&*no]);
        s.later(Span::minutes(10));
        for _ in 0..500 {
            if s.order(&no).await.holder != CENTRE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let passed = s.order(&no).await;
        assert_eq!((passed.legs.len(), passed.parked_at), (2, None));
        assert!(tray(s, pb::Desk::Parked).await.is_empty());
        sound(s).await;
    })
    .await;
}

/// What cannot be read must not keep its neighbours from whoever pulls, nor have them counted
/// as handed out to nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_that_cannot_be_handed_out_is_left_out() {
    let store = Faulty::new(Arc::new(Memory::new(CENTRE.parse().unwrap())));
    let s = &Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    let (damaged, whole) = (s.filed().await.order_no, s.filed().await.order_no);
    store.faults.lock().unwrap().damaged.push(damaged.parse().unwrap());
    let pulled = pull(s, Duration::ZERO).await;
    let pulled: Vec<_> = pulled.into_iter().map(|claimed| claimed.order.unwrap()).collect();
    assert_eq!(pulled.len(), 1);
    assert_eq!((&pulled[0].order_no, pulled[0].deliveries), (&whole, 1));
}
