//! Answers are cut off on both ways, between client and service and between service and Redis,
//! and clients ask again with the same request id until they are told.

use crate::figures::{how_many, measured};
use crate::proxy::{Proxy, Way};
use crate::server::RedisServer;
use crate::service::{CENTRE, Server, by, id, matter};
use crate::{open, sound};
use hotline::pb;
use hotline::pb::intake_service_client::IntakeServiceClient;
use hotline::store::redis::RedisOptions;
use hotline::store::{MAX_BATCH, Store};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

/// Connections, and how many clients share each.
const WAYS: usize = 4;
const CLIENTS: usize = 64;
/// How long answers arrive, and how long they are cut.
const OPEN: Duration = Duration::from_millis(5);
const CUT: Duration = Duration::from_millis(3);
/// The way to Redis is cut once while the ways of clients are cut so often.
const REDIS_EVERY: usize = 64;
/// How often a client asks in all.
const ASKS: usize = 1_000;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Submissions of which an answer was lost, so that they were sent again.
    retried: AtomicU64,
    /// Those that had been done when they came again.
    done_before: AtomicU64,
}

/// Submits until it is told what came of it; which order.
async fn submit(channel: Channel, phone: u64, seen: &Seen) -> String {
    let mut submission = matter();
    submission.contact.as_mut().unwrap().phone = format!("138{phone:08}");
    let request = pb::SubmitOrderRequest {
        request_id: id(),
        submission: Some(submission),
        skip_repeats: true,
    };
    let mut client = IntakeServiceClient::new(channel);
    for ask in 1..ASKS {
        let refused = match client.submit_order(by(CENTRE, "agent", request.clone())).await {
            Ok(answer) => {
                let receipt = answer.into_inner().receipt.unwrap();
                seen.retried.fetch_add(u64::from(ask > 1), Relaxed);
                seen.done_before.fetch_add(u64::from(receipt.replayed), Relaxed);
                return receipt.order_no;
            }
            Err(refused) => refused,
        };
        // No answer, or that the store did not answer; nothing else.
        let lost = [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled];
        assert!(lost.contains(&refused.code()), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("never answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_submit_takes_effect_once() {
    let wanted = how_many("retried submits", 100_000, 2_000);
    let redis = RedisServer::start("always");
    let to_redis = Proxy::to(redis.port()).await;
    let store = open(&to_redis.url(), RedisOptions::default()).await;
    let s = Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    let seen = Arc::new(Seen::default());
    let phones = Arc::new(AtomicU64::new(0));
    let (mut ways, mut clients) = (Vec::new(), JoinSet::new());
    for _ in 0..WAYS {
        let way = Proxy::to(s.running.grpc_address().port()).await;
        let address = way.url().replace("redis:", "http:");
        let channel = Channel::from_shared(address).unwrap().connect_lazy();
        for _ in 0..CLIENTS {
            let (channel, seen, phones) = (channel.clone(), seen.clone(), phones.clone());
            clients.spawn(async move {
                let mut orders = Vec::new();
                while seen.retried.load(Relaxed) < wanted {
                    let phone = phones.fetch_add(1, Relaxed);
                    orders.push(submit(channel.clone(), phone, &seen).await);
                }
                orders
            });
        }
        ways.push(way);
    }
    for cut in 0.. {
        if seen.retried.load(Relaxed) >= wanted {
            break;
        }
        // Here and there more of an answer arrives.
        let here = &ways[cut % WAYS];
        here.is(Way::CutsAnswers(cut % 97));
        if cut % REDIS_EVERY == 0 {
            to_redis.is(Way::CutsAnswers(cut % 7));
        }
        tokio::time::sleep(CUT).await;
        here.is(Way::Open);
        to_redis.is(Way::Open);
        tokio::time::sleep(OPEN).await;
    }
    let orders = clients.join_all().await.concat();
    let named: HashSet<_> = orders.iter().collect();
    assert_eq!(named.len(), orders.len(), "two submissions were told of one order");
    s.running.stop().await;
    // Counted on a way of its own, by somebody patient: there are many.
    let options = RedisOptions { call_timeout: Duration::from_secs(30), ..Default::default() };
    let store = open(&redis.url(), options).await;
    let (mut after, mut there) = (None, 0);
    loop {
        let page = store.scan(after, MAX_BATCH).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.no);
        there += page.len();
    }
    assert_eq!(there, orders.len(), "an order nobody was told of, or one that is not there");
    sound(&store).await;
    let (retried, before) = (seen.retried.load(Relaxed), seen.done_before.load(Relaxed));
    assert!(before > retried / 10, "hardly any had been done: {before} of {retried}");
    measured(
        "duplicates",
        format!("0 in {retried} retried submits with cut replies, {before} of them done before"),
    );
}
