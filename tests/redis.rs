//! The Redis store where it differs from the others: what can happen to the server and to
//! the way there. What every store must do is in `conformance`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/redis.rs"]
mod server;
mod support;

use hotline::domain::*;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use server::RedisServer;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

/// Short, so that a test that loses its server does not wait long.
fn options() -> RedisOptions {
    RedisOptions { call_timeout: Duration::from_millis(300), ..RedisOptions::default() }
}

async fn open(server: &RedisServer) -> Arc<RedisStore> {
    RedisStore::open(&server.url(), cell(), options()).await.unwrap()
}

async fn refusal(url: &str, cell: Cell) -> StoreError {
    match RedisStore::open(url, cell, options()).await {
        Ok(_) => panic!("it opened"),
        Err(trouble) => trouble,
    }
}

/// Tries until it is so; how long is bounded by the number of tries.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn an_order_is_kept_whole() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    let new = new_order(1, HEARD);
    store.commit(new.clone()).await.unwrap();
    let no = number(1);
    assert_eq!(store.load(no).await.unwrap().as_ref(), Some(&new.after));
    assert_eq!(store.paper(no, 0).await.unwrap(), Some(words(no)));
    assert_eq!(store.contact(no).await.unwrap(), Some(sealed(no)));
    assert_eq!(store.contact(number(2)).await.unwrap(), None);
    let events: Vec<_> =
        store.feed(None, 10).await.unwrap().into_iter().map(|(_, event)| event).collect();
    assert_eq!(events, new.events);
    let place = &entries(&new.after)[0];
    let claimed =
        store.claim(&[place.unit], place.desk, 10, Duration::from_secs(60)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let tray = store.tray(place.unit, place.desk, None, 10).await.unwrap();
    assert_eq!(tray, [(*place, no)], "a leased entry keeps its place");
    assert_eq!(store.scan(None, 10).await.unwrap(), [new.after]);
    assert!(store.check().await.is_ok());
    store.close().await;
    assert!(matches!(
        store.commit(new_order(2, HEARD)).await,
        Err(CommitError::Unavailable(StoreError::Unreachable(_)))
    ));
}

#[tokio::test]
async fn a_lost_library_is_sent_again() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    let () = server.ask(&["FUNCTION", "FLUSH"]);
    store.commit(new_order(1, HEARD)).await.unwrap();
    let () = server.ask(&["FUNCTION", "FLUSH"]);
    assert_eq!(store.reserve(date(), 5, 0).await.unwrap(), 1);
}

#[tokio::test]
async fn an_emptied_server_starts_a_new_epoch() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    store.commit(new_order(1, HEARD)).await.unwrap();
    let end = store.feed_end().await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    let refused = store.commit(new_order(2, HEARD)).await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    until("a commit is taken again", || async { store.commit(new_order(2, HEARD)).await.is_ok() })
        .await;
    let feed = store.feed(Some(end), 10).await;
    assert!(matches!(feed, Err(StoreError::FeedDiverged { epoch }) if epoch != end.epoch));
    assert_eq!(store.feed(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cursor_of_a_history_that_is_gone_diverges() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    for seq in 1..=3 {
        store.commit(new_order(seq, HEARD)).await.unwrap();
    }
    let end = store.feed_end().await.unwrap();
    assert_eq!(store.feed(Some(end), 10).await.unwrap().len(), 0);
    // As if the server had lost the last step, or been put back to an older state.
    let () = server.ask(&["XDEL", "{3304}f", &format!("{}-0", end.sequence)]);
    assert!(matches!(store.feed(Some(end), 10).await, Err(StoreError::FeedDiverged { .. })));
    let further = Cursor { sequence: end.sequence + 9, ..end };
    assert!(matches!(store.feed(Some(further), 10).await, Err(StoreError::FeedDiverged { .. })));
}

#[tokio::test]
async fn a_silent_server_makes_outcomes_unknown_and_then_is_avoided() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    store.commit(new_order(1, HEARD)).await.unwrap();
    server.freeze();
    let outcome = store.commit(new_order(2, HEARD)).await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    until("commits are refused unsent", || async {
        matches!(store.commit(new_order(3, HEARD)).await, Err(CommitError::Unavailable(_)))
    })
    .await;
    server.thaw();
    until("commits are taken again", || async {
        // Order 4 may have come through in a try whose answer was lost.
        matches!(store.commit(new_order(4, HEARD)).await, Ok(()) | Err(CommitError::Conflict))
    })
    .await;
    assert!(store.load(number(4)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_demoted_master_is_left_alone_until_it_is_one_again() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    let () = server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    until("commits are refused", || async {
        matches!(store.commit(new_order(1, HEARD)).await, Err(CommitError::Unavailable(_)))
    })
    .await;
    assert!(refusal(&server.url(), cell()).await.to_string().contains("replica"));
    let () = server.ask(&["REPLICAOF", "NO", "ONE"]);
    until("commits are taken again", || async { store.commit(new_order(1, HEARD)).await.is_ok() })
        .await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let mut server = RedisServer::start("always");
    open(&server).await.close().await;
    let () = server.ask(&["HSET", "{3304}m", "cell", "3305"]);
    assert!(refusal(&server.url(), cell()).await.to_string().contains("holds cell 3305"));
    let () = server.ask(&["HSET", "{3304}m", "cell", "3304", "format", "200"]);
    let newer = refusal(&server.url(), cell()).await;
    assert!(matches!(newer, StoreError::TooNew { found: 200, .. }), "{newer:?}");
    let secret = refusal("redis://:secret@:bad", cell()).await.to_string();
    assert!(secret.contains("redis://HOST:PORT") && !secret.contains("secret"), "{secret}");
    server.kill();
    assert!(refusal(&server.url(), cell()).await.to_string().contains("no Redis answers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    const WORKERS: usize = 64;
    let mut server = RedisServer::start("always");
    let store = open(&server).await;
    let next = Arc::new(AtomicU32::new(1));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut in_doubt = 0;
    for round in 1..=5 {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (store, next, done) = (store.clone(), next.clone(), acknowledged.clone());
                tokio::spawn(async move {
                    loop {
                        let seq = next.fetch_add(1, Ordering::Relaxed);
                        match store.commit(numbered(seq)).await {
                            Ok(()) => done.lock().unwrap().push(seq),
                            Err(error) => return error,
                        }
                    }
                })
            })
            .collect();
        until("enough is acknowledged", || async {
            acknowledged.lock().unwrap().len() > round * 500
        })
        .await;
        server.kill();
        for worker in workers {
            in_doubt += usize::from(matches!(worker.await.unwrap(), CommitError::Unknown(_)));
        }
        server.restart();
        until("it is usable again", || async { store.check().await.is_ok() }).await;
    }
    let (acknowledged, next) = (acknowledged.lock().unwrap().clone(), next.load(Ordering::Relaxed));
    println!("{} acknowledged, {in_doubt} in doubt", acknowledged.len());
    for seq in &acknowledged {
        assert!(store.load(number(*seq)).await.unwrap().is_some(), "order {seq} is lost");
    }
    // Whoever got no answer asks again with the same id, and nothing happens twice.
    for seq in 1..next {
        let outcome = store.commit(numbered(seq)).await;
        let fine = matches!(outcome, Ok(()) | Err(CommitError::Repeated(_)));
        assert!(fine, "order {seq}: {outcome:?}");
    }
    for seq in 1..next {
        assert!(store.load(number(seq)).await.unwrap().is_some(), "order {seq} is not there");
    }
    let findings = hotline::store::audit::audit(&*store).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let received = store.tallies().await.unwrap().into_iter().find(|(t, _)| *t == "received");
    assert_eq!(received.unwrap().1, i64::from(next) - 1);
}

/// A new order whose request id is its number.
fn numbered(seq: u32) -> Change {
    with_id(new_order(seq, HEARD), RequestId(u128::from(seq)), [7; 16])
}

#[tokio::test]
async fn request_ids_are_remembered_into_the_next_span_and_no_further() {
    let server = RedisServer::start("always");
    let store = open(&server).await;
    let id = RequestId(42);
    store.commit(with_id(new_order(1, HEARD), id, [7; 16])).await.unwrap();
    let bucket: u64 = server.ask(&["HGET", "{3304}m", "bucket"]);
    let lives: i64 = server.ask(&["TTL", &format!("{{3304}}r{bucket}")]);
    assert!(lives >= 48 * 3_600, "{lives} s");
    let again = || store.commit(with_id(new_order(2, HEARD), id, [7; 16]));
    for (later, known) in [(0, true), (1, true), (2, false)] {
        let () = server.ask(&["HSET", "{3304}m", "bucket", &(bucket + later).to_string()]);
        assert_eq!(store.remembered(id).await.unwrap().is_some(), known, "{later} spans later");
        assert_eq!(matches!(again().await, Err(CommitError::Repeated(_))), known);
    }
}

#[tokio::test]
async fn two_processes_share_a_cell() {
    let server = RedisServer::start("always");
    let (one, two) = (open(&server).await, open(&server).await);
    one.commit(new_order(1, HEARD)).await.unwrap();
    let order = two.load(number(1)).await.unwrap().unwrap();
    let at = HEARD.plus(Span::seconds(5));
    let both = tokio::join!(
        one.commit(step(&order, Action::Relay { to: None }, at)),
        two.commit(step(&order, Action::Relay { to: None }, at))
    );
    assert!(
        matches!(both, (Ok(()), Err(CommitError::Conflict)) | (Err(CommitError::Conflict), Ok(()))),
        "{both:?}"
    );
    assert!(one.hold_timers(1, Duration::from_secs(60)).await.unwrap());
    assert!(!two.hold_timers(2, Duration::from_secs(60)).await.unwrap());
    let (a, b) =
        (one.reserve(date(), 10, 0).await.unwrap(), two.reserve(date(), 10, 0).await.unwrap());
    assert_eq!((a, b), (1, 11));
    // A waiter of one process hears of the other's commit.
    let end = two.feed_end().await.unwrap();
    let waiter = {
        let two = two.clone();
        tokio::spawn(async move { two.feed_grown(end, Duration::from_secs(30)).await })
    };
    one.commit(new_order(2, HEARD)).await.unwrap();
    waiter.await.unwrap().unwrap();
    assert!(two.feed_end().await.unwrap() > end);
}

#[tokio::test]
async fn an_open_order_takes_at_most_4_kib() {
    const ORDERS: u32 = 10_000;
    let server = RedisServer::start("everysec");
    let store = open(&server).await;
    let used = || -> u64 {
        let info: String = server.ask(&["INFO", "memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.unwrap().trim().parse().unwrap()
    };
    let before = used();
    let mut tasks = tokio::task::JoinSet::new();
    for seq in 1..=ORDERS {
        let mut change = with_id(new_order(seq, HEARD), fresh_id(), [7; 16]);
        // 400 characters, three bytes each.
        Arc::make_mut(&mut change.papers[0].1).body = "水".repeat(400);
        let store = store.clone();
        tasks.spawn(async move { store.commit(change).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    let each = (used() - before) / u64::from(ORDERS);
    println!("{each} bytes of Redis memory per open order with 400 characters");
    assert!(each <= 4_096);
}

/// Claims that come at a time go in one call; an order that cannot be read is the trouble of
/// whoever claims it.
#[tokio::test]
async fn an_order_that_cannot_be_read_holds_up_no_other_claim() {
    const EACH: u32 = 4;
    let server = RedisServer::start("always");
    let store = open(&server).await;
    let mut below = None;
    for seq in 1..=2 * EACH {
        let new = new_order(seq, HEARD);
        store.commit(new.clone()).await.unwrap();
        if seq <= EACH {
            let relayed = step(&new.after, Action::Relay { to: None }, HEARD);
            below = relayed.after.holder();
            store.commit(relayed).await.unwrap();
        }
    }
    let script = "local all = redis.call('KEYS', '{3304}o*') table.sort(all) \
                  for j = 1, tonumber(ARGV[1]) do redis.call('SETRANGE', all[j], 8, '????') end";
    let () = server.ask(&["EVAL", script, "0", &EACH.to_string()]);
    // A process that has not seen them.
    let store = open(&server).await;
    let mut claims = tokio::task::JoinSet::new();
    for unit in [below.unwrap(), cell().centre()].repeat(EACH as usize) {
        let (store, lease) = (store.clone(), Duration::from_secs(60));
        claims.spawn(async move { (unit, store.claim(&[unit], Desk::Lead, 1, lease).await) });
    }
    while let Some(claimed) = claims.join_next().await {
        match claimed.unwrap() {
            (unit, Ok(claimed)) => assert_eq!((unit, claimed.len()), (cell().centre(), 1)),
            (unit, Err(StoreError::Damaged(_))) => assert_eq!(Some(unit), below),
            (_, Err(other)) => panic!("{other}"),
        }
    }
}
