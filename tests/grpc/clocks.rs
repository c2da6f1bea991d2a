//! Clocks that disagree, and due entries that nothing comes of.

use crate::everywhere::everywhere;
use crate::redis::RedisServer;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use hotline::store::Store;
use hotline::store::memory::Memory;
use hotline::store::redis::{RedisOptions, RedisStore};
use std::sync::Arc;
use std::time::Duration;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "never: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_whose_clock_is_off_ticks_nothing_and_says_so() {
    let memory = Arc::new(Memory::new(CENTRE.parse().unwrap()));
    let s = Server::on(Arc::clone(&memory) as Arc<dyn Store>).await;
    let ready = async || {
        let request = HealthCheckRequest { service: String::new() };
        let answer = HealthClient::new(s.channel.clone()).check(request).await.unwrap();
        answer.into_inner().status == 1
    };
    let filed = s.filed().await.order_no;
    for ahead in [Span(1_500), Span(-1_500)] {
        let legs = s.order(&filed).await.legs.len();
        memory.set_wall_clock(ahead);
        until("it takes no work", async || !ready().await).await;
        s.later(Span::minutes(15));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(s.order(&filed).await.legs.len(), legs, "the clock moved it");
        let which = if ahead > Span::ZERO { "behind" } else { "ahead of" };
        let (off, late) = (format!("s {which} the store's"), "what fell due ");
        ails(&s, &[("clock", &off), ("timers", late)]).await;
        memory.set_wall_clock(Span(200));
        until("it takes work again", ready).await;
        until("what fell due meanwhile happens", async || s.order(&filed).await.legs.len() > legs)
            .await;
        ails(&s, &[]).await;
    }
    s.running.stop().await;
}

/// What the doctor says of the process and its store: kind, and a part of the words.
async fn ails(s: &Server, expected: &[(&str, &str)]) {
    let asked = by(CENTRE, "dispatcher", pb::DoctorRequest::default());
    let found = s.admin().doctor(asked).await.unwrap().into_inner().findings;
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (finding, (kind, part)) in found.iter().zip(expected) {
        assert!(finding.kind == *kind && finding.text.contains(part), "{finding:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_feed_that_stands_still_is_named() {
    let s = Server::on(Arc::new(Memory::new(CENTRE.parse().unwrap()))).await;
    s.filed().await;
    let read = pb::AcknowledgeFeedRequest { consumer: "copy".to_owned(), cursor: String::new() };
    s.feed().acknowledge_feed(by(CENTRE, "handler", read.clone())).await.unwrap();
    ails(&s, &[]).await;
    s.later(Span::hours(25));
    let part = "\"copy\" has said nothing for 25h and is ";
    until("what fell due happened", async || {
        let asked = by(CENTRE, "dispatcher", pb::DoctorRequest::default());
        let found = s.admin().doctor(asked).await.unwrap().into_inner().findings;
        found.iter().all(|finding| finding.kind == "feed")
    })
    .await;
    ails(&s, &[("feed", part)]).await;
    s.feed().acknowledge_feed(by(CENTRE, "handler", read)).await.unwrap();
    ails(&s, &[]).await;
    s.running.stop().await;
}

/// How often Redis was asked to run a function of ours, and to read.
fn asked(redis: &RedisServer) -> u64 {
    let info: String = redis.ask(&["INFO", "commandstats"]);
    let calls = |line: &str| {
        let ours = ["cmdstat_fcall:", "cmdstat_get:"].iter().any(|name| line.starts_with(name));
        let calls = line.split("calls=").nth(1)?.split(',').next()?;
        ours.then(|| calls.parse::<u64>().unwrap())
    };
    info.lines().filter_map(calls).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_due_entry_that_nothing_comes_of_is_no_reason_to_spin() {
    let redis = RedisServer::start("everysec");
    let options = RedisOptions::default();
    let store = RedisStore::open(&redis.url(), CENTRE.parse().unwrap(), options).await.unwrap();
    let s = Server::on(store as Arc<dyn Store>).await;
    let filed = s.filed().await.order_no;
    // As a fault would leave it: due in the index, and not so in the order.
    let () = redis.ask(&[
        "EVAL",
        "local d = '{3304}d'; redis.call('ZADD', d, 1, redis.call('ZRANGE', d, 0, 0)[1])",
        "0",
    ]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = asked(&redis);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rounds = asked(&redis) - before;
    // One look every 20 ms asks for the right to tick and for one order.
    assert!(rounds < 400, "{rounds} calls in a second");
    let found =
        s.admin().doctor(by(CENTRE, "dispatcher", pb::DoctorRequest::default())).await.unwrap();
    let found = found.into_inner().findings;
    assert!(found.len() == 1 && found[0].text.contains(&filed), "{found:?}");
    // What is really due is not held up by it for long.
    s.later(Span::minutes(5));
    until("it moved on", async || s.order(&filed).await.legs.len() == 2).await;
    s.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_run_the_timers_is_not_woken_by_every_step() {
    let redis = RedisServer::start("everysec");
    let options = RedisOptions::default();
    let store = RedisStore::open(&redis.url(), CENTRE.parse().unwrap(), options).await.unwrap();
    assert!(store.hold_timers(7, Duration::from_secs(60)).await.unwrap());
    let s = Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    let timer_calls = || {
        // Every attempt at the lease reads its key.
        let info: String = redis.ask(&["INFO", "commandstats"]);
        let get = info.lines().find(|line| line.starts_with("cmdstat_get:")).unwrap_or("calls=0,");
        get.split("calls=").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let (before, began) = (timer_calls(), hotline::clock::tick());
    for _ in 0..200 {
        s.filed().await;
    }
    let looks = timer_calls() - before;
    let sweeps = began.elapsed().as_millis() as u64 / 20;
    assert!(looks <= sweeps + 5, "{looks} looks in the time of {sweeps}");
    s.running.stop().await;
}

/// Who does not pull is named by the doctor, and it is no disagreement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_does_not_pull_is_named() {
    everywhere(async |s| {
        let named = async || {
            let asked = by(CENTRE, "dispatcher", pb::DoctorRequest::default());
            s.admin().doctor(asked).await.unwrap().into_inner().unpulled_units
        };
        let filed = [s.filed().await.order_no, s.filed().await.order_no];
        s.later(Span::minutes(4));
        assert_eq!(named().await, [], "it has time");
        // One more minute and the clock passes the centre by; the county does not come, either.
        s.later(Span::minutes(2));
        let county = &VILLAGE[..6];
        for no in &filed {
            until("the county has it", async || s.order(no).await.holder == county).await;
        }
        assert_eq!(named().await, [], "they have just come");
        s.later(Span::minutes(6));
        let found = named().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].unit.as_str(), found[0].orders), (county, 2));
        assert_eq!(found[0].name, "秀洲区社会治理中心12345指挥室");
        assert_eq!(s.pull(county, pb::Desk::Lead).await.len(), 2);
        assert_eq!(named().await, []);
    })
    .await;
}
