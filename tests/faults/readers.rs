//! Who reads the feed more slowly than it grows.

use crate::figures::measured;
use crate::server::RedisServer;
use crate::service::{CENTRE, Server, by, told};
use crate::timers::filed;
use crate::{open, sound};
use hotline::pb;
use hotline::pb::feed_service_client::FeedServiceClient;
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;

/// More than any buffer on the way holds.
const EVENTS: usize = 20_000;
/// What a reader's side takes unread, in bytes.
const WINDOW: u32 = 65_535;

/// Nobody waits for ever for a reader that takes nothing: it is cut, told so, and goes on from
/// its cursor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_watcher_is_cut_at_its_bound_and_goes_on() {
    let redis = RedisServer::start("everysec");
    let store = open(&redis.url(), RedisOptions::default()).await;
    filed(&store, EVENTS as u32).await;
    let s = Server::patient(Arc::clone(&store) as Arc<dyn Store>, Duration::from_secs(1)).await;
    // A reader with little room of its own.
    let address = format!("http://{}", s.running.grpc_address());
    let small = Channel::from_shared(address).unwrap().initial_stream_window_size(WINDOW);
    let feed = FeedServiceClient::new(small.connect().await.unwrap());
    let watch = async |cursor| {
        let watch = pb::WatchFeedRequest { cursor, from_end: false };
        feed.clone().watch_feed(by(CENTRE, "dispatcher", watch)).await.unwrap().into_inner()
    };
    let mut slow = watch(String::new()).await;
    // It takes nothing for longer than anybody waits.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (mut seen, mut cursor) = (0, String::new());
    let cut = loop {
        match slow.next().await.expect("it is told before it ends") {
            Ok(batch) => {
                seen += batch.events.len();
                cursor = batch.next_cursor;
                assert!(seen < EVENTS / 2, "{seen} were held for it");
            }
            Err(status) => break status,
        }
    };
    assert_eq!(told(&cut), (Code::ResourceExhausted, "SLOW_READER".into(), String::new()));
    measured("slow reader", format!("cut after {seen} of {EVENTS} events"));
    // Nothing is missed.
    let mut again = watch(cursor).await;
    while seen < EVENTS {
        seen += again.next().await.unwrap().unwrap().events.len();
    }
    assert_eq!(seen, EVENTS);
    sound(&store).await;
    s.running.stop().await;
}
