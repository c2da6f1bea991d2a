//! The way to the server goes wrong.

use crate::figures::measured;
use crate::proxy::{Proxy, Way};
use crate::server::RedisServer;
use crate::support::number;
use crate::traffic::{Traffic, kept};
use crate::{impatient, not_done, open, order, serves_again, sound, until};
use hotline::clock::tick;
use hotline::store::redis::RedisOptions;
use hotline::store::{CommitError, Store};
use std::time::Duration;

/// A link on which nothing arrives any more and which nobody ends: it is left within a few
/// seconds, and other connections serve.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_link_is_left() {
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), RedisOptions::default()).await;
    store.commit(order(1)).await.unwrap();
    proxy.is(Way::Stuck);
    let began = tick();
    // The probes notice, whether anybody calls or not.
    until("it is noticed", || async { store.tallies().await.is_err() }).await;
    let gap = began.elapsed();
    assert!(gap < Duration::from_secs(5));
    measured("gap of service", format!("{gap:.1?} until a half-open link is left"));
    proxy.is(Way::Open);
    serves_again(&store, 2).await;
}

/// A slow link is slow, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_only_takes_longer() {
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), RedisOptions::default()).await;
    proxy.is(Way::Slow(Duration::from_millis(150)));
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(500).await;
    let ledger = traffic.stop().await;
    assert_eq!((ledger.unknown, ledger.unavailable), (0, 0));
    proxy.is(Way::Open);
    kept(&store, &ledger).await;
}

/// The connection ends in the middle of an answer, over and over: each change is settled by
/// its request id, and happens once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_cut_in_the_middle_are_settled() {
    const CUTS: usize = 40;
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 64, 1);
    for cut in 0..CUTS {
        traffic.more(50).await;
        proxy.is(Way::CutsAnswers(cut % 7));
        tokio::time::sleep(Duration::from_millis(10)).await;
        proxy.is(Way::Open);
    }
    let ledger = traffic.stop().await;
    assert_eq!(ledger.unknown, 0, "every lost answer is settled");
    kept(&store, &ledger).await;
}

/// A change whose answer was lost and that was done is answered as done.
#[tokio::test]
async fn done_and_not_answered_is_found_out() {
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), RedisOptions::default()).await;
    for seq in 1..=20 {
        proxy.is(Way::CutsAnswers(0));
        let committing = {
            let store = store.clone();
            tokio::spawn(async move { store.commit(order(seq)).await })
        };
        // It arrives and is done; its answer does not.
        tokio::time::sleep(Duration::from_millis(30)).await;
        proxy.is(Way::Open);
        match committing.await.unwrap() {
            Ok(()) => assert!(store.load(number(seq)).await.unwrap().is_some()),
            // The way was cut before it was sent.
            Err(CommitError::Unavailable(_)) => {
                assert!(store.load(number(seq)).await.unwrap().is_none());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A request lies on its way while it is asked for on another connection, and arrives
/// afterwards: the lost connection was ended at the server before, so it brings nothing.
#[tokio::test]
async fn what_lies_on_its_way_comes_to_nothing() {
    const ROUNDS: u32 = 10;
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), impatient()).await;
    let clients = || server.info("clients", "connected_clients").parse::<u32>().unwrap();
    let before = clients();
    for seq in 1..=ROUNDS {
        proxy.hold();
        // Given up after 300 ms, found not to be done, and sent again on another connection.
        store.commit(order(seq)).await.unwrap();
    }
    until("the other links left their held connections, too", || async {
        store.check().await.is_ok() && store.feed_end().await.is_ok() && clients() <= before
    })
    .await;
    proxy.let_go();
    serves_again(&store, ROUNDS + 1).await;
    let received = store.tallies().await.unwrap().into_iter().find(|(t, _)| *t == "received");
    assert_eq!(received.unwrap().1, i64::from(ROUNDS) + 1);
    sound(&store).await;
}

/// Without a request id nothing can be asked for: it stays unknown.
#[tokio::test]
async fn without_a_request_id_it_stays_unknown() {
    let server = RedisServer::start("always");
    let proxy = Proxy::to(server.port()).await;
    let store = open(&proxy.url(), RedisOptions::default()).await;
    let change = crate::support::new_order(1, crate::support::HEARD);
    proxy.is(Way::CutsAnswers(0));
    let outcome = tokio::join!(store.commit(change), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.is(Way::Open);
    });
    assert!(matches!(outcome.0, Err(CommitError::Unknown(_))), "{outcome:?}");
}

/// A server that stands still for longer than anybody waits, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_loses_nothing() {
    const STILL: Duration = Duration::from_secs(15);
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(300).await;
    server.freeze();
    tokio::time::sleep(STILL).await;
    // Refused, and nothing is sent to wait there.
    not_done(store.commit(order(900_000)).await);
    server.thaw();
    let thawed = tick();
    traffic.more(300).await;
    let ledger = traffic.stop().await;
    kept(&store, &ledger).await;
    let gap = ledger.gap_after(thawed);
    measured("gap of service", format!("{gap:.1?} after Redis stood still for {STILL:?}; 0 lost"));
}
