//! A process whose clock is not the store's: an hour off.

use crate::proxy::{Proxy, Way};
use crate::server::RedisServer;
use crate::support::{new_order, number};
use crate::{impatient, open, until};
use hotline::clock::wall_now;
use hotline::config::{Config, StoreUrl};
use hotline::domain::Span;
use hotline::server::{Manner, start};
use hotline::store::Store;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOUR: u64 = 3_600;

async fn readyz(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let ask = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// It ticks nothing and is not ready, from its first moment on; once its clock is right it does
/// what fell due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_clock_is_an_hour_off_ticks_nothing_and_is_not_ready() {
    let redis = RedisServer::start("everysec");
    let store = open(&redis.url(), impatient()).await;
    let proxy = Proxy::to(redis.port()).await;
    proxy.is(Way::Ahead(HOUR));
    let home = tempfile::tempdir().unwrap();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config {
        store: StoreUrl::parse(&proxy.url()).unwrap(),
        listen: anywhere,
        metrics_listen: anywhere,
        key_file: home.path().join("contacts.key"),
        timer_sweep: Duration::from_millis(20),
        ..Config::default()
    };
    let running = start(config, Manner::Service).await.unwrap();
    let http = running.http_address();
    // With the city, whose share is over for long.
    let heard = wall_now().minus(Span::minutes(30));
    store.commit(new_order(1, heard)).await.unwrap();
    for _ in 0..20 {
        let answer = readyz(http).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("clock is") && answer.contains("off the store's"), "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let order = store.load(number(1)).await.unwrap().unwrap();
    assert_eq!(order.version, 1, "nothing ticked");
    proxy.is(Way::Open);
    until("it is ready", || async { readyz(http).await.starts_with("HTTP/1.1 200") }).await;
    until("what fell due happens", || async {
        store.load(number(1)).await.unwrap().unwrap().legs.len() > 1
    })
    .await;
    running.stop().await;
}
