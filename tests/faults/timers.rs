//! What falls due happens once, whoever ticks, and however much at once.

use crate::faulty::Faulty;
use crate::figures::{how_many, measured};
use crate::server::RedisServer;
use crate::service::{Server, catalogue, sealer};
use crate::support::{HEARD, new_order};
use crate::{open, sound, until};
use hotline::clock::{Clock, ManualClock, tick};
use hotline::dispatch::{Dispatch, Parts, Rounds, Settings};
use hotline::domain::{Span, What};
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::{MAX_BATCH, MAX_FEED, Store};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many timers fall due at once; `HOTLINE_TIMERS=1000000` makes it any number.
fn timers() -> u32 {
    let told = std::env::var("HOTLINE_TIMERS").ok().and_then(|n| n.parse().ok());
    told.unwrap_or_else(|| how_many("timers due at once", 1_000_000, 30_000))
}

/// Files so many orders that were all heard in the same second.
pub async fn filed(store: &Arc<RedisStore>, count: u32) {
    let mut tasks = JoinSet::new();
    for seq in 1..=count {
        if tasks.len() >= 512 {
            tasks.join_next().await.unwrap().unwrap();
        }
        let store = Arc::clone(store);
        let heard = HEARD.plus(Span(i64::from(seq) % 1_000));
        tasks.spawn(async move { store.commit(new_order(seq, heard)).await.unwrap() });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn tally(store: &RedisStore, name: &str) -> i64 {
    let all = store.tallies().await.unwrap();
    all.into_iter().find(|(tally, _)| *tally == name).unwrap().1
}

/// How often the clock sent each order on, by the feed.
async fn passed(store: &RedisStore) -> HashMap<hotline::domain::OrderNo, u32> {
    let (mut after, mut passed) = (None, HashMap::new());
    loop {
        let page = store.feed(after, MAX_FEED).await.unwrap();
        let Some((last, _)) = page.last() else { return passed };
        after = Some(*last);
        for (_, event) in page {
            if let What::Relayed { late: Some(late), .. } = event.what {
                assert!(late.0 >= 0, "early");
                *passed.entry(event.order).or_default() += 1;
            }
        }
    }
}

/// Two processes that both believe they run the timers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_timer_loops_do_everything_once() {
    const ORDERS: u32 = 400;
    let redis = RedisServer::start("everysec");
    let store = open(&redis.url(), RedisOptions::default()).await;
    filed(&store, ORDERS).await;
    let mut servers = Vec::new();
    for _ in 0..2 {
        let store = open(&redis.url(), RedisOptions::default()).await;
        let both = Faulty::new(store);
        both.faults.lock().unwrap().everybody_ticks = true;
        servers.push(Server::on(both).await);
    }
    // Nothing is due yet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(tally(&store, "passed_by.city").await, 0);
    // The city's share ends in the middle of the second in which they were heard, and at last
    // for all.
    for server in &servers {
        server.later(Span(5 * 60_000 + 500));
    }
    for server in &servers {
        server.later(Span::seconds(2));
    }
    until("all moved on", || async { tally(&store, "passed_by.city").await == i64::from(ORDERS) })
        .await;
    // One of them goes; the other does what is next, alone.
    servers.pop().unwrap().running.stop().await;
    let passed = passed(&store).await;
    assert_eq!(passed.len(), ORDERS as usize);
    assert!(passed.values().all(|times| *times == 1), "twice");
    servers[0].later(Span::minutes(10));
    until("all moved on again", || async {
        tally(&store, "passed_by.county").await == i64::from(ORDERS)
    })
    .await;
    sound(&store).await;
    servers.pop().unwrap().running.stop().await;
}

/// A great many fall due within one second: each takes effect once, none early, and calls are
/// answered meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_great_many_timers_due_at_once_take_effect_once() {
    let count = timers();
    let redis = RedisServer::start("everysec");
    let store = open(&redis.url(), RedisOptions::default()).await;
    filed(&store, count).await;
    let clock = Arc::new(ManualClock::at(HEARD.plus(Span::minutes(4))));
    let dispatch = Dispatch::new(Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        catalogue: Arc::clone(catalogue()),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        sealer: sealer(),
        settings: Settings::default(),
    });
    let mut rounds = Rounds::new(1);
    // A minute before, nothing is due, and nothing happens.
    dispatch.round(&mut rounds).await.unwrap();
    assert_eq!(tally(&store, "passed_by.city").await, 0, "early");
    clock.advance(Span::minutes(2));
    let began = tick();
    let mut slowest = Duration::ZERO;
    let mut next = count;
    while dispatch.round(&mut rounds).await.unwrap().is_zero() {
        next += 1;
        let asked = tick();
        store.commit(new_order(next, HEARD.plus(Span::minutes(5)))).await.unwrap();
        slowest = slowest.max(asked.elapsed());
    }
    let took = began.elapsed();
    assert_eq!(tally(&store, "passed_by.city").await, i64::from(count));
    let (mut after, mut moved) = (None, 0);
    loop {
        let page = store.scan(after, MAX_BATCH).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.no);
        moved += page.iter().filter(|order| order.legs.len() == 2).count();
        assert!(page.iter().all(|order| order.legs.len() <= 2), "twice");
    }
    assert_eq!(moved, count as usize);
    measured(
        "timers due at once",
        format!(
            "0 early, 0 doubled, 0 missed of {count}, in {took:.0?}; the slowest call between took \
             {slowest:.1?}"
        ),
    );
}
