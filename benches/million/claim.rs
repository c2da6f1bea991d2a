//! Claiming from one tray in which everything waits.

use crate::memory::DUE;
use crate::percentile;
use crate::process::{Home, Serve};
use crate::server::RedisServer;
use crate::support::cell;
use hotline::clock::tick;
use hotline::domain::Desk;
use hotline::pb;
use hotline::pb::work_order_service_client::WorkOrderServiceClient;
use hotline::store::Store;
use hotline::store::redis::RedisStore;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Request;

/// How many come for orders at a time, how often each, and for how many.
const PULLERS: usize = 4;
const PULLS: usize = 1_000;
const MOST: u32 = 10;
/// Longer than the measurement.
const LEASE: Duration = Duration::from_secs(600);

pub async fn measure(redis: &RedisServer, home: &Home, store: &Arc<RedisStore>) {
    // What is new waits with the city, all of it.
    let waiting: u64 = redis.ask(&["ZCARD", DUE]);
    for fsync in ["everysec", "always"] {
        let () = redis.ask(&["CONFIG", "SET", "appendfsync", fsync]);
        let store = store.clone();
        let times = pulled(move || {
            let store = store.clone();
            async move {
                let centre = [cell().centre()];
                let claimed = store.claim(&centre, Desk::Lead, MOST as usize, LEASE).await;
                claimed.unwrap().len()
            }
        });
        told(&format!("claims, {fsync}"), waiting, times.await);
    }
    let mut serve = Serve::start(home, &redis.url(), &[]).await;
    let client = WorkOrderServiceClient::new(serve.channel().await);
    let times = pulled(move || {
        let mut client = client.clone();
        async move {
            let mut request = Request::new(pb::PullOrdersRequest {
                unit: "3304".to_owned(),
                desk: pb::Desk::Lead.into(),
                max_orders: MOST,
                lease: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
                ..Default::default()
            });
            for (key, value) in [("staff", "b001"), ("unit", "3304"), ("role", "handler")] {
                let key: tonic::metadata::AsciiMetadataKey =
                    format!("hotline-{key}").parse().unwrap();
                request.metadata_mut().insert(key, value.parse().unwrap());
            }
            client.pull_orders(request).await.unwrap().into_inner().orders.len()
        }
    });
    told("PullOrders, always, deliveries recorded", waiting, times.await);
    serve.kill();
}

async fn pulled<F>(pull: impl Fn() -> F + Clone + Send + 'static) -> Vec<Duration>
where
    F: Future<Output = usize> + Send,
{
    let mut pullers = JoinSet::new();
    for _ in 0..PULLERS {
        let pull = pull.clone();
        pullers.spawn(async move {
            let mut times = Vec::with_capacity(PULLS);
            for _ in 0..PULLS {
                let began = tick();
                let orders = pull().await;
                times.push(began.elapsed());
                assert_eq!(orders, MOST as usize);
            }
            times
        });
    }
    pullers.join_all().await.concat()
}

fn told(what: &str, waiting: u64, mut times: Vec<Duration>) {
    let (half, p99) = (percentile(&mut times, 50.0), percentile(&mut times, 99.0));
    println!(
        "MEASURED {what}: {MOST} orders of {waiting} in one tray, {PULLERS} at a time: half within \
         {half:.1?}, 99 % within {p99:.1?} (goal: under 5 ms)"
    );
}
