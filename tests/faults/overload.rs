//! More is filed than the hotline keeps up with.

use crate::server::RedisServer;
use crate::service::{CENTRE, Server, by, id, matter};
use crate::{open, sound};
use hotline::dispatch::MAX_FILING;
use hotline::pb;
use hotline::pb::intake_service_client::IntakeServiceClient;
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Connections, and how many submit at once on each: more than [`MAX_FILING`] together.
const CONNECTIONS: usize = 2;
const EACH: usize = 700;

/// What a call came to, and what to ask again with.
type Asked = (Result<String, Status>, Channel, pb::SubmitOrderRequest);

async fn submit(channel: Channel, request: pb::SubmitOrderRequest) -> Asked {
    let mut client = IntakeServiceClient::new(channel.clone());
    let answer = client.submit_order(by(CENTRE, "agent", request.clone())).await;
    (answer.map(|answer| answer.into_inner().receipt.unwrap().order_no), channel, request)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_at_once_and_nothing_is_lost() {
    let redis = RedisServer::start("always");
    let patient = RedisOptions { call_timeout: Duration::from_secs(30), ..Default::default() };
    let store = open(&redis.url(), patient).await;
    let s = Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    let address = format!("http://{}", s.running.grpc_address());
    redis.freeze();
    let mut calls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let channel = Channel::from_shared(address.clone()).unwrap().connect_lazy();
        for _ in 0..EACH {
            let (request_id, submission) = (id(), Some(matter()));
            let request = pb::SubmitOrderRequest { request_id, submission, skip_repeats: true };
            calls.spawn(submit(channel.clone(), request));
        }
    }
    // Nobody has been answered yet, so exactly those beyond the bound are refused.
    let mut again = Vec::new();
    while again.len() < CONNECTIONS * EACH - MAX_FILING {
        let (answer, channel, request) = calls.join_next().await.unwrap().unwrap();
        let refused = answer.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        let details = refused.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
        again.push((channel, request));
    }
    // Not even who asks is read.
    let mut nobody = IntakeServiceClient::new(again[0].0.clone());
    let refused = nobody.submit_order(pb::SubmitOrderRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    let hint = refused.get_details_retry_info().and_then(|info| info.retry_delay);
    assert_eq!(hint, Some(Duration::from_secs(1)));
    redis.thaw();
    // The others are filed, and so are those, once they come again.
    let mut filed = Vec::new();
    for (channel, request) in again {
        calls.spawn(submit(channel, request));
    }
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            (Ok(no), ..) => filed.push(no),
            (Err(refused), channel, request) => {
                let later = [Code::ResourceExhausted, Code::Unavailable];
                assert!(later.contains(&refused.code()), "{refused:?}");
                calls.spawn(submit(channel, request));
            }
        }
    }
    filed.sort();
    filed.dedup();
    assert_eq!(filed.len(), CONNECTIONS * EACH);
    let received = store.tallies().await.unwrap().into_iter().find(|(of, _)| *of == "received");
    assert_eq!(received, Some(("received", (CONNECTIONS * EACH) as i64)));
    sound(&store).await;
    s.running.stop().await;
}
