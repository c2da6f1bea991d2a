//! A great many timers due in one second, with callers at a steady pace before and meanwhile.

use crate::filed::file;
use crate::intake::Intake;
use crate::process::Serve;
use crate::server::RedisServer;
use crate::support::HEARD;
use hotline::clock::wall_now;
use hotline::domain::{OrderNo, Policy, Span, Timestamp, What};
use hotline::store::redis::RedisStore;
use hotline::store::{MAX_FEED, Store};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long callers are watched before the timers fall due; the first of it warms up.
const BEFORE: Span = Span::seconds(15);
const WARM: Span = Span::seconds(5);
/// Filing so many orders takes a second or less.
const FILED_PER_SECOND: i64 = 10_000;

pub async fn measure(timers: u32, rounds: u32) {
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        ratios.push(round(timers).await);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "MEASURED intake beside {timers} timers due in one second: p99 times {:.2} (median of \
         {rounds} rounds; goal: under 1.20)",
        ratios[ratios.len() / 2]
    );
}

async fn round(timers: u32) -> f64 {
    let redis = RedisServer::start("always");
    let home = crate::served_once(&redis.url()).await;
    let store = crate::open(&redis).await;
    let filing = Span::seconds(i64::from(timers) / FILED_PER_SECOND + 5);
    let due = wall_now().plus(filing).plus(WARM).plus(BEFORE);
    // The city's share of the hour ends then.
    let heard = due.minus(Policy::FOUNDING.shares[0]);
    file(&(store.clone() as Arc<dyn Store>), &home.key(), timers, heard).await;
    let mut serve = Serve::start(&home, &redis.url(), &[]).await;
    let intake = Intake::start(serve.channel().await);
    assert!(wall_now() < due.minus(BEFORE), "filing took too long");
    wait_until(due).await;
    while passed_by(&store).await < i64::from(timers) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answers = intake.stop().await;
    let effects = Effects::read(&store).await;
    serve.kill();
    assert_eq!((effects.orders, effects.doubled), (timers as usize, 0), "each once");
    assert_eq!(effects.early, 0, "early");
    let (asked, half, calm) = answers.within(due.minus(BEFORE), due);
    let (asked_meanwhile, half_meanwhile, busy) = answers.within(due, effects.last);
    let ratio = busy.as_secs_f64() / calm.as_secs_f64();
    println!(
        "{timers} timers due in one second: each once, 0 early, all within {:.1} s; SubmitOrder \
         before: half within {half:.1?}, 99 % within {calm:.1?} (of {asked}); meanwhile: \
         {half_meanwhile:.1?}, {busy:.1?} (of {asked_meanwhile}); p99 times {ratio:.2}; \
         {} answered in all",
        effects.last.since(due).0 as f64 / 1e3,
        answers.count()
    );
    ratio
}

async fn wait_until(at: Timestamp) {
    let left = at.since(wall_now()).0.max(0);
    tokio::time::sleep(Duration::from_millis(left as u64)).await;
}

async fn passed_by(store: &RedisStore) -> i64 {
    let all = store.tallies().await.unwrap();
    all.into_iter().find(|(tally, _)| *tally == "passed_by.city").map_or(0, |(_, n)| n)
}

/// What the feed says the timers did.
struct Effects {
    orders: usize,
    doubled: usize,
    early: usize,
    last: Timestamp,
}

impl Effects {
    async fn read(store: &RedisStore) -> Effects {
        let (mut after, mut passed) = (None, HashMap::<OrderNo, u32>::new());
        let (mut early, mut last) = (0, HEARD);
        loop {
            let page = store.feed(after, MAX_FEED).await.unwrap();
            let Some((end, _)) = page.last() else { break };
            after = Some(*end);
            for (_, event) in page {
                if let What::Relayed { late: Some(late), .. } = event.what {
                    *passed.entry(event.order).or_default() += 1;
                    early += usize::from(late.0 < 0);
                    last = last.max(event.at);
                }
            }
        }
        let doubled = passed.values().filter(|times| **times > 1).count();
        Effects { orders: passed.len(), doubled, early, last }
    }
}
