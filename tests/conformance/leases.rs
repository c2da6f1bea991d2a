//! Law 5: whoever works on an order is alone with it.

use crate::Factory;
use crate::commits::put;
use crate::support::*;
use hotline::domain::*;
use hotline::store::*;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);
/// Over when a test looks again.
const SHORT: Duration = Duration::from_millis(60);

fn city() -> [Unit; 1] {
    [unit("3304")]
}

async fn claim(store: &Arc<dyn Store>, max: usize, lease: Duration) -> Vec<Claimed> {
    store.claim(&city(), Desk::Lead, max, lease).await.unwrap()
}

/// Claims until there is something, for leases that are about to run out.
async fn claim_when_free(store: &Arc<dyn Store>) -> Claimed {
    for _ in 0..1_000 {
        if let Some(claimed) = claim(store, 1, LONG).await.pop() {
            return claimed;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the lease never ran out");
}

fn under(mut change: Change, lease: Lease) -> Change {
    change.lease = Some(lease);
    change
}

fn soon() -> Timestamp {
    HEARD.plus(Span::minutes(1))
}

pub async fn two_claimers_never_get_the_same_order(factory: &impl Factory) {
    let store = factory.fresh().await;
    for seq in 1..=60 {
        put(&store, new_order(seq, HEARD)).await;
    }
    let hand = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let claimed = claim(&store, 3, LONG).await;
                if claimed.is_empty() {
                    return got;
                }
                got.extend(claimed.into_iter().map(|c| (c.order.no, c.lease.claim)));
            }
        })
    };
    let mut all = Vec::new();
    for task in (0..6).map(hand).collect::<Vec<_>>() {
        all.extend(task.await.unwrap());
    }
    let orders: HashSet<OrderNo> = all.iter().map(|(no, _)| *no).collect();
    let claims: HashSet<u64> = all.iter().map(|(_, claim)| *claim).collect();
    assert_eq!((all.len(), orders.len(), claims.len()), (60, 60, 60));
}

pub async fn claims_come_by_deadline(factory: &impl Factory) {
    let store = factory.fresh().await;
    // Written down in another order than they were heard.
    for (seq, minute) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
        put(&store, new_order(seq, HEARD.plus(Span::minutes(minute)))).await;
    }
    let first = claim(&store, 3, LONG).await;
    let numbers: Vec<u32> = first.iter().map(|c| c.order.no.seq()).collect();
    assert_eq!(numbers, [2, 4, 3]);
    let rest = claim(&store, 3, LONG).await;
    assert_eq!(rest.iter().map(|c| c.order.no.seq()).collect::<Vec<_>>(), [1]);
    assert!(claim(&store, 3, LONG).await.is_empty());
    // Held orders are still in the tray for whoever looks.
    let tray = store.tray(unit("3304"), Desk::Lead, None, 10).await.unwrap();
    assert_eq!(tray.iter().map(|(_, no)| no.seq()).collect::<Vec<_>>(), [2, 4, 3, 1]);
    // A claim over several units takes the earliest of all.
    let mut later = put(&store, new_order(5, HEARD.plus(Span::minutes(5)))).await;
    later =
        put(&store, step(&later, Action::Relay { to: None }, HEARD.plus(Span::minutes(6)))).await;
    put(&store, new_order(6, HEARD.plus(Span::minutes(40)))).await;
    let both = [unit("3304"), unit("330402")];
    let claimed = store.claim(&both, Desk::Lead, 1, LONG).await.unwrap();
    assert_eq!(claimed[0].order, later);
}

pub async fn a_tray_is_ready_while_something_in_it_is_free(factory: &impl Factory) {
    let store = factory.fresh().await;
    let trays = [("3304", Desk::Lead), ("3304", Desk::Review), ("330402", Desk::Lead)]
        .map(|(u, d)| (unit(u), d));
    assert_eq!(store.ready(&trays).await.unwrap(), [false; 3]);
    assert!(store.ready(&[]).await.unwrap().is_empty());
    put(&store, new_order(1, HEARD)).await;
    put(&store, new_order(2, HEARD)).await;
    assert_eq!(store.ready(&trays).await.unwrap(), [true, false, false]);
    let first = claim(&store, 1, LONG).await.pop().unwrap();
    assert_eq!(store.ready(&trays).await.unwrap(), [true, false, false]);
    claim(&store, 1, SHORT).await.pop().unwrap();
    // It turns ready when the lease is over, and nobody has to claim for that.
    while !store.ready(&trays).await.unwrap()[0] {
        tokio::task::yield_now().await;
    }
    claim(&store, 1, LONG).await.pop().unwrap();
    assert_eq!(store.ready(&trays).await.unwrap(), [false; 3]);
    let relayed = step(&first.order, Action::Relay { to: None }, soon());
    store.commit(under(relayed, first.lease)).await.unwrap();
    assert_eq!(store.ready(&trays).await.unwrap(), [false, false, true]);
}

pub async fn claims_grow(factory: &impl Factory) {
    let store = factory.fresh().await;
    let mut last = 0;
    for seq in 1..=5 {
        put(&store, new_order(seq, HEARD)).await;
        let claimed = claim(&store, 1, LONG).await.pop().unwrap();
        assert!(claimed.lease.claim > last);
        assert_eq!(claimed.lease.assignment, 0);
        last = claimed.lease.claim;
    }
}

pub async fn a_lease_is_good_for_its_own_order_only(factory: &impl Factory) {
    let store = factory.fresh().await;
    put(&store, new_order(1, HEARD)).await;
    put(&store, new_order(2, HEARD.plus(Span::seconds(1)))).await;
    let [a, b] = claim(&store, 2, LONG).await.try_into().unwrap();
    let relay = |order| step(order, Action::Relay { to: None }, soon());
    let crossed = store.commit(under(relay(&a.order), b.lease)).await;
    assert!(matches!(crossed, Err(CommitError::LeaseStale)));
    let invented = Lease { claim: a.lease.claim + 1_000, ..a.lease };
    let crossed = store.commit(under(relay(&a.order), invented)).await;
    assert!(matches!(crossed, Err(CommitError::LeaseStale)));
    let other = Lease { assignment: 7, ..a.lease };
    let crossed = store.commit(under(relay(&a.order), other)).await;
    assert!(matches!(crossed, Err(CommitError::LeaseStale)));
    store.commit(under(relay(&a.order), a.lease)).await.unwrap();
    // Somebody with the right to act needs no lease.
    store.commit(relay(&b.order)).await.unwrap();
}

pub async fn a_lease_that_ran_out_is_stale_and_the_order_free(factory: &impl Factory) {
    let store = factory.fresh().await;
    put(&store, new_order(1, HEARD)).await;
    let old = claim(&store, 1, SHORT).await.pop().unwrap();
    let new = claim_when_free(&store).await;
    assert_eq!(new.order, old.order);
    assert!(new.lease.claim > old.lease.claim);
    let deliver = step(&old.order, Action::Deliver, soon());
    let late = store.commit(under(deliver.clone(), old.lease)).await;
    assert!(matches!(late, Err(CommitError::LeaseStale)));
    store.commit(under(deliver, new.lease)).await.unwrap();
    // Run out, and nobody has claimed it since.
    put(&store, new_order(2, HEARD)).await;
    let last = claim(&store, 1, Duration::from_millis(1)).await.pop().unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let late = store.commit(under(step(&last.order, Action::Deliver, soon()), last.lease)).await;
    assert!(matches!(late, Err(CommitError::LeaseStale)));
}

pub async fn a_lease_lives_through_signing_and_dies_on_relay(factory: &impl Factory) {
    let store = factory.fresh().await;
    put(&store, new_order(1, HEARD)).await;
    let Claimed { order, lease } = claim(&store, 1, LONG).await.pop().unwrap();
    let order = put(&store, under(step(&order, Action::Deliver, soon()), lease)).await;
    let order = put(&store, under(step(&order, Action::Sign, soon()), lease)).await;
    assert!(claim(&store, 1, LONG).await.is_empty(), "it is still held");
    // Somebody else sends it on: the right goes with the holding.
    let order = put(&store, step(&order, Action::Relay { to: None }, soon())).await;
    let again = step(&order, Action::Relay { to: None }, soon());
    assert!(matches!(store.commit(under(again, lease)).await, Err(CommitError::LeaseStale)));
    // The unit below claims it, gives it back, and the old token is no good even then.
    let below = store.claim(&[unit("330402")], Desk::Lead, 1, LONG).await.unwrap().pop().unwrap();
    assert_eq!(below.lease.assignment, 1);
    let back = Action::Return { reason: ReturnReason::NotOurDuty };
    let order = put(&store, under(step(&below.order, back, soon()), below.lease)).await;
    let forged = Lease { assignment: 2, ..lease };
    for stale in [lease, forged, below.lease] {
        let change = under(step(&order, Action::Deliver, soon()), stale);
        assert!(matches!(store.commit(change).await, Err(CommitError::LeaseStale)));
    }
    let centre = [cell().centre()];
    assert_eq!(store.claim(&centre, Desk::Approval, 1, LONG).await.unwrap().len(), 1);
}

/// A unit that looks at what was raised to it must not keep the handler from working.
pub async fn telling_of_a_breach_holds_nobody_up(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = put(&store, new_order(1, HEARD)).await;
    let tick = Action::Tick { fallback: unit("330402") };
    let late = HEARD.plus(Span::hours(2));
    let order = put(&store, step(&first, tick, late)).await;
    let (raised_to, holder) = (order.arrival.raised_to.unwrap(), order.holder().unwrap());
    let told = store.claim(&[raised_to], Desk::Raised, 1, LONG).await.unwrap();
    let held = store.claim(&[holder], Desk::Lead, 1, LONG).await.unwrap();
    assert_eq!((told.len(), held.len()), (1, 1));
    let sign = step(&order, Action::Sign, late.plus(Span::minutes(1)));
    store.commit(under(sign, held[0].lease)).await.unwrap();
}
