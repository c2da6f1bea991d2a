//! What Redis refuses is not done, and says so; nothing is half-written.

use crate::server::RedisServer;
use crate::service::{CENTRE, Server, by, id, matter, told};
use crate::support::{number, step};
use crate::traffic::{Traffic, kept};
use crate::{impatient, not_done, open, order, refusal, serves_again, sound, until};
use hotline::domain::{Action, Span};
use hotline::pb;
use hotline::store::redis::RedisOptions;
use hotline::store::{CommitError, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tonic::Code;

/// A start is refused where orders would be lost by the server's settings, and says what to
/// set; told so, it serves all the same.
#[tokio::test]
async fn an_unsafe_redis_is_refused_at_the_start() {
    for (args, said) in [
        (&["--appendonly", "no"][..], "appendonly yes"),
        (
            &["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"],
            "maxmemory-policy noeviction",
        ),
        (
            &["--appendonly", "yes", "--maxmemory-policy", "volatile-ttl"],
            "maxmemory-policy noeviction",
        ),
    ] {
        let server = RedisServer::with(args);
        let why = refusal(&server.url(), RedisOptions::default()).await;
        assert!(why.contains(said) && why.contains("redis_allow_unsafe"), "{why}");
        assert_eq!(server.ask::<u64>(&["DBSIZE"]), 0, "nothing is written");
        let told = RedisOptions { allow_unsafe: true, ..RedisOptions::default() };
        open(&server.url(), told).await.commit(order(1)).await.unwrap();
    }
}

/// Memory is used up: the reason says so, over the wire, too; reads go on, and so does
/// everything once there is room.
#[tokio::test]
async fn memory_used_up_is_resource_exhausted() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    store.commit(order(1)).await.unwrap();
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let trouble = not_done(store.commit(order(2)).await);
    assert!(matches!(trouble, StoreError::Full(_)), "{trouble:?}");
    assert!(store.load(number(1)).await.unwrap().is_some());
    assert!(store.remembered(crate::support::fresh_id()).await.unwrap().is_none());
    assert!(store.load(number(2)).await.unwrap().is_none());
    sound(&store).await;

    let () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let api = Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    api.filed().await;
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let request =
        pb::SubmitOrderRequest { request_id: id(), submission: Some(matter()), skip_repeats: true };
    let again = request.clone();
    let status = api.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap_err();
    let (code, reason, _) = told(&status);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "STORE_FULL"));
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let answer = api.intake().submit_order(by(CENTRE, "agent", again)).await.unwrap();
    assert!(!answer.into_inner().receipt.unwrap().replayed, "nothing had been done");
    sound(&store).await;
    api.running.stop().await;
}

/// Fewer replicas than `min-replicas-to-write`.
#[tokio::test]
async fn too_few_replicas_for_the_server() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let trouble = not_done(store.commit(order(1)).await).to_string();
    assert!(trouble.contains("min-replicas-to-write"), "{trouble}");
    assert!(store.load(number(1)).await.unwrap().is_none());
    let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    serves_again(&store, 1).await;
}

/// The disk cannot be written: here a dump that failed, for its folder is gone.
#[tokio::test]
async fn a_disk_that_cannot_be_written() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    store.commit(order(1)).await.unwrap();
    let () = server.ask(&["CONFIG", "SET", "save", "3600 1"]);
    // One child at a time: the append-only file is rewritten when the server is first met.
    until("its child is done", || async {
        server.info("persistence", "aof_rewrite_in_progress") == "0"
    })
    .await;
    std::fs::remove_dir_all(server.folder()).unwrap();
    let () = server.ask(&["BGSAVE"]);
    until("the dump fails", || async {
        server.info("persistence", "rdb_last_bgsave_status") == "err"
    })
    .await;
    let trouble = not_done(store.commit(order(2)).await).to_string();
    assert!(trouble.contains("cannot write to its disk"), "{trouble}");
    assert!(store.load(number(2)).await.unwrap().is_none());
    let () = server.ask(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    serves_again(&store, 2).await;
}

/// Somebody's script does not end.
#[tokio::test]
async fn a_script_that_holds_everybody_up() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let () = server.ask(&["CONFIG", "SET", "busy-reply-threshold", "50"]);
    let url = server.url();
    let script = std::thread::spawn(move || {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_connection().unwrap();
        let spin = redis::cmd("EVAL").arg("while true do end").arg(0).exec(&mut connection);
        assert!(spin.is_err(), "it was killed");
    });
    until("it is busy", || async {
        server.try_ask::<String>(&["GET", "x"]).is_err_and(|e| e.code() == Some("BUSY"))
    })
    .await;
    let trouble = not_done(store.commit(order(1)).await).to_string();
    assert!(trouble.contains("SCRIPT KILL"), "{trouble}");
    let () = server.ask(&["SCRIPT", "KILL"]);
    script.join().unwrap();
    serves_again(&store, 1).await;
    sound(&store).await;
}

/// It is loading its data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_still_loading() {
    let mut server = RedisServer::start("always");
    let store = open(&server.url(), impatient()).await;
    let traffic = Traffic::start(&store, 32, 1);
    traffic.more(3_000).await;
    let mut ledger = traffic.stop().await;
    server.kill();
    // Half a millisecond for every command of the append-only file; it looks up every 1,024.
    server.relaunch_with(&["--key-load-delay", "500"]);
    let loading = AtomicBool::new(false);
    let next = ledger.acknowledged.len() as u32 + 1_000;
    let change = order(next);
    until("it is loaded", || async {
        match store.commit(change.clone()).await {
            Ok(()) => true,
            Err(CommitError::Repeated(_)) => true,
            Err(refused) => {
                let refused = refused.to_string();
                loading.fetch_or(refused.contains("still loading"), Ordering::Relaxed);
                false
            }
        }
    })
    .await;
    assert!(loading.into_inner(), "it was seen loading");
    ledger.acknowledged.push((next, hotline::clock::tick()));
    kept(&store, &ledger).await;
}

/// It becomes a replica and a master again, with changes on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_demoted_and_promoted_under_load() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    for _ in 0..3 {
        traffic.more(100).await;
        // Of a master that does not exist: the data stays.
        let () = server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let () = server.ask(&["REPLICAOF", "NO", "ONE"]);
    }
    traffic.more(100).await;
    let ledger = traffic.stop().await;
    assert_eq!(ledger.unknown, 0, "what a replica refuses is not done");
    kept(&store, &ledger).await;
}

/// The functions are flushed, over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_flushed_under_load() {
    let server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 32, 1);
    for _ in 0..20 {
        traffic.more(30).await;
        let () = server.ask(&["FUNCTION", "FLUSH"]);
    }
    let ledger = traffic.stop().await;
    assert_eq!((ledger.unknown, ledger.unavailable), (0, 0), "nobody noticed");
    kept(&store, &ledger).await;
    // What is done besides, too.
    let order = store.load(number(1)).await.unwrap().unwrap();
    let () = server.ask(&["FUNCTION", "FLUSH"]);
    let later = order.updated_at.plus(Span::seconds(5));
    store.commit(step(&order, Action::Relay { to: None }, later)).await.unwrap();
}
