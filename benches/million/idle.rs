//! What a service takes of the processor while everybody waits and nothing comes.

use crate::process::Serve;
use crate::server::RedisServer;
use hotline::catalogue::Catalogue;
use hotline::clock::tick;
use hotline::pb;
use hotline::pb::work_order_service_client::WorkOrderServiceClient;
use prost_types::Duration as Span;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::Channel;

/// How many wait, each for a unit of its own, and how many of them share a connection.
const PULLERS: usize = 1_300;
const SHARED: usize = 100;
/// They are watched so long, once all of them wait.
const SETTLED: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_secs(20);

pub async fn measure() {
    let redis = RedisServer::start("everysec");
    let home = crate::served_once(&redis.url()).await;
    watch("Redis", &home, &redis.url()).await;
    let home = crate::process::Home::new();
    watch("redb", &home, &home.redb()).await;
}

async fn watch(store: &str, home: &crate::process::Home, url: &str) {
    let catalogue = Catalogue::builtin().unwrap();
    let units: Vec<String> = catalogue.units().map(|row| row.unit.to_string()).collect();
    for streams in [false, true] {
        let mut serve = Serve::start(home, url, &[]).await;
        let alone = watched(&serve).await;
        let mut waiting = JoinSet::new();
        for some in units.iter().cycle().take(PULLERS).collect::<Vec<_>>().chunks(SHARED) {
            let channel = serve.channel_of_patience().await;
            for unit in some {
                let (channel, unit) = (channel.clone(), (*unit).clone());
                waiting.spawn(async move {
                    match streams {
                        true => stream(channel, &unit).await,
                        false => poll(channel, &unit).await,
                    }
                });
            }
        }
        tokio::time::sleep(SETTLED).await;
        let cores = watched(&serve).await;
        assert!(waiting.try_join_next().is_none(), "somebody waits no longer");
        let how = if streams { "on streams" } else { "in long polls" };
        println!(
            "MEASURED idle on {store}: {PULLERS} pullers wait {how}: {:.1} % of a core (goal: at \
             most 2), {:.1} % with nobody; RSS {:.0} MiB",
            cores * 100.0,
            alone * 100.0,
            serve.resident_mib()
        );
        waiting.abort_all();
        serve.kill();
    }
}

/// Which part of a core it takes.
async fn watched(serve: &Serve) -> f64 {
    let (before, began) = (serve.cpu(), tick());
    tokio::time::sleep(WATCHED).await;
    (serve.cpu() - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

async fn poll(channel: Channel, unit: &str) {
    let mut client = WorkOrderServiceClient::new(channel);
    loop {
        let request = pb::PullOrdersRequest {
            unit: unit.to_owned(),
            desk: pb::Desk::Lead.into(),
            wait: Some(Span { seconds: 30, nanos: 0 }),
            ..Default::default()
        };
        let pulled = client.pull_orders(by(unit, request)).await.unwrap().into_inner();
        assert!(pulled.orders.is_empty());
    }
}

async fn stream(channel: Channel, unit: &str) {
    let request = pb::StreamOrdersRequest {
        unit: unit.to_owned(),
        desk: pb::Desk::Lead.into(),
        ..Default::default()
    };
    let mut client = WorkOrderServiceClient::new(channel);
    let mut orders = client.stream_orders(by(unit, request)).await.unwrap().into_inner();
    let order = orders.message().await.unwrap();
    assert!(order.is_none(), "nothing was filed, and yet here is {order:?}");
}

fn by<T>(unit: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (key, value) in
        [("hotline-staff", "b001"), ("hotline-unit", unit), ("hotline-role", "handler")]
    {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    request
}
