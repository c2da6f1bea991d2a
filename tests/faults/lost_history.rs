//! A master that lacks what was acknowledged: a replica cut off and promoted. What is lost is
//! what was stated, and nothing else comes of it.

use crate::proxy::Proxy;
use crate::server::{RedisServer, eventually};
use crate::support::*;
use crate::{impatient, open, order, until};
use hotline::clock::wall_now;
use hotline::domain::{Action, Date, OrderNo, Span, entries};
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use std::sync::Arc;
use std::time::Duration;

/// Master, replica, and a way that leads to the one and then to the other.
struct Pair {
    master: RedisServer,
    replica: RedisServer,
    way: Proxy,
}

impl Pair {
    async fn start() -> Pair {
        let (master, replica) = (RedisServer::start("always"), RedisServer::start("always"));
        let () = replica.ask(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
        eventually("it follows", || replica.follows(&master));
        let way = Proxy::to(master.port()).await;
        Pair { master, replica, way }
    }

    /// From now on the replica gets nothing.
    fn cut_off(&self) {
        let offset = || self.replica.info("replication", "slave_repl_offset");
        eventually("it has everything", || {
            offset() == self.master.info("replication", "master_repl_offset")
        });
        let () = self.replica.ask(&["REPLICAOF", "NO", "ONE"]);
    }

    fn fail_over(&self) {
        self.way.lead_to(self.replica.port());
    }
}

/// What was given out before and after the cut.
struct Given {
    kept: Cursor,
    lost: Cursor,
    /// Days, and the highest number given out on each.
    numbers: [(Date, u32); 2],
    lease: Lease,
    order: OrderNo,
}

async fn give_out(pair: &Pair, store: &RedisStore) -> Given {
    for seq in 1..=20 {
        store.commit(order(seq)).await.unwrap();
    }
    let kept = store.feed_end().await.unwrap();
    assert_eq!(store.reserve(date(), 1_000, 0).await.unwrap(), 1);
    let first = store.load(number(1)).await.unwrap().unwrap();
    let place = entries(&first)[0];
    pair.cut_off();
    for seq in 21..=30 {
        store.commit(order(seq)).await.unwrap();
    }
    // More numbers of a day that was begun, and the first ones of today.
    let mut numbers = [(date(), 0), (wall_now().date(), 0)];
    for (day, highest) in &mut numbers {
        *highest = store.reserve(*day, 1_000, 0).await.unwrap() + 999;
    }
    let claimed = store.claim(&[place.unit], place.desk, 1, Duration::from_secs(60)).await.unwrap();
    let lost = store.feed_end().await.unwrap();
    Given { kept, lost, numbers, lease: claimed[0].lease, order: claimed[0].order.no }
}

async fn nothing_else_comes_of_it(store: &Arc<RedisStore>, given: Given) {
    // Exactly what the replica never had is gone.
    for seq in 1..=30 {
        let there = store.load(number(seq)).await.unwrap().is_some();
        assert_eq!(there, seq <= 20, "order {seq}");
    }
    crate::sound(store).await;
    // No number of theirs names another citizen.
    for (day, highest) in given.numbers {
        let next = store.reserve(day, 10, 0).await.unwrap();
        assert!(next > highest, "{next} of {day:?} may have been given out, up to {highest}");
    }
    // Tomorrow nobody was given any.
    let tomorrow = Date::from_days(wall_now().date().to_days() + 1);
    let first = store.reserve(tomorrow, 10, 0).await.unwrap();
    println!("tomorrow begins with {first}");
    // No lease of theirs is another's.
    let order = store.load(given.order).await.unwrap().unwrap();
    let place = entries(&order)[0];
    let claimed = store.claim(&[place.unit], place.desk, 1, Duration::from_secs(60)).await.unwrap();
    assert!(claimed[0].lease.claim > given.lease.claim);
    let mut stale = step(&order, Action::Relay { to: None }, HEARD.plus(Span::seconds(9)));
    stale.lease = Some(given.lease);
    assert!(matches!(store.commit(stale).await, Err(CommitError::LeaseStale)));
    // Many more batches than were lost: a reader of what was lost must not find its place.
    for seq in 31..=60 {
        store.commit(crate::order(seq)).await.unwrap();
    }
    let read = store.feed(Some(given.lost), 100).await;
    assert!(matches!(read, Err(StoreError::FeedDiverged { .. })), "{read:?}");
    // Whoever read only what is left reads on, and misses nothing.
    let events = store.feed(Some(given.kept), 1_000).await.unwrap();
    let mut orders: Vec<_> = events.iter().map(|(_, event)| event.order.seq()).collect();
    orders.dedup();
    assert_eq!(orders, (31..=60).collect::<Vec<_>>());
    let all = store.feed(None, 1_000).await.unwrap();
    let mut orders: Vec<_> = all.iter().map(|(_, event)| event.order.seq()).collect();
    orders.dedup();
    assert_eq!(orders, (1..=20).chain(31..=60).collect::<Vec<_>>());
    // A reader that waits is woken, one that need not is not kept awake.
    let end = store.feed_end().await.unwrap();
    assert_eq!(end, all.last().unwrap().0);
}

/// The process that saw it goes on.
#[tokio::test]
async fn a_replica_cut_off_and_promoted_is_noticed() {
    let pair = Pair::start().await;
    let store = open(&pair.way.url(), impatient()).await;
    let given = give_out(&pair, &store).await;
    pair.fail_over();
    until("it serves", || async { store.check().await.is_ok() }).await;
    nothing_else_comes_of_it(&store, given).await;
}

/// Nobody who saw it is left.
#[tokio::test]
async fn it_is_noticed_by_a_process_that_never_saw_it() {
    let pair = Pair::start().await;
    let store = open(&pair.way.url(), impatient()).await;
    let given = give_out(&pair, &store).await;
    store.close().await;
    pair.fail_over();
    let store = open(&pair.way.url(), impatient()).await;
    nothing_else_comes_of_it(&store, given).await;
}

/// Restarted over and over with nothing done between: readers are not disturbed.
#[tokio::test]
async fn restarts_disturb_no_reader() {
    let mut server = RedisServer::start("always");
    let store = open(&server.url(), impatient()).await;
    store.commit(order(1)).await.unwrap();
    let end = store.feed_end().await.unwrap();
    for _ in 0..3 {
        server.kill();
        server.restart();
        until("it serves", || async { store.check().await.is_ok() }).await;
        assert_eq!(store.feed_end().await.unwrap(), end);
        assert_eq!(store.feed(Some(end), 10).await.unwrap(), []);
        assert_eq!(server.ask::<u64>(&["XLEN", "{3304}f"]), 2, "one leap, not many");
    }
    store.commit(order(2)).await.unwrap();
    assert!(!store.feed(Some(end), 10).await.unwrap().is_empty());
}

/// Where a replica must confirm, what it has not confirmed is never called done.
#[tokio::test]
async fn an_answer_waits_for_the_replica() {
    let pair = Pair::start().await;
    let options = RedisOptions {
        replicas_ack: Some(1),
        replicas_timeout: Duration::from_millis(500),
        ..RedisOptions::default()
    };
    let store = open(&pair.way.url(), options).await;
    store.commit(order(1)).await.unwrap();
    pair.replica.freeze();
    let change = order(2);
    let outcome = store.commit(change.clone()).await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    // Asked again it is no safer: done at the master, and nowhere else.
    let outcome = store.commit(change.clone()).await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    let id = change.request.as_ref().unwrap().0;
    assert!(store.remembered(id).await.is_err(), "nobody is told that it is done");
    pair.replica.thaw();
    until("it is safe", || async {
        matches!(store.commit(change.clone()).await, Err(CommitError::Repeated(_)))
    })
    .await;
    assert!(store.remembered(id).await.unwrap().is_some());
    // No replica at all: nothing is sent.
    let () = pair.replica.ask(&["REPLICAOF", "NO", "ONE"]);
    until("the master knows", || async {
        pair.master.info("replication", "connected_slaves") == "0"
    })
    .await;
    until("it is refused unsent", || async {
        let outcome = store.commit(order(3)).await;
        matches!(outcome, Err(CommitError::Unavailable(why)) if why.to_string().contains("replicas_ack"))
    })
    .await;
}
