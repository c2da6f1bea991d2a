//! Law 7: one feed.

use crate::Factory;
use crate::commits::{all_events, put};
use crate::support::*;
use hotline::domain::*;
use hotline::store::*;
use std::collections::HashMap;
use std::time::Duration;

pub async fn every_event_comes_once_and_in_order(factory: &impl Factory) {
    let store = factory.fresh().await;
    assert!(store.feed(None, 10).await.unwrap().is_empty());
    let hand = |hand: u32| {
        let store = store.clone();
        tokio::spawn(async move {
            for seq in hand * 10 + 1..=hand * 10 + 10 {
                let mut order = put(&store, new_order(seq, HEARD)).await;
                for hour in 1..=4 {
                    // Several events in one step.
                    let tick = Action::Tick { fallback: unit("330402") };
                    let change = change_if(&order, tick, HEARD.plus(Span::hours(hour)));
                    let Some(change) = change else { continue };
                    order = put(&store, change).await;
                }
            }
        })
    };
    for task in (0..6).map(hand).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let all = all_events(&store).await;
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "cursors rise");
    assert_eq!(store.feed_end().await.unwrap(), all.last().unwrap().0);
    let mut versions: HashMap<OrderNo, u32> = HashMap::new();
    for (_, event) in &all {
        let last = versions.entry(event.order).or_default();
        assert!(event.version == *last || event.version == *last + 1);
        *last = event.version;
    }
    assert_eq!(versions.len(), 60);
    // Another reader, with other pages, sees the same.
    assert_eq!(store.feed(None, MAX_FEED).await.unwrap(), all[..all.len().min(MAX_FEED)]);
}

fn change_if(order: &std::sync::Arc<Order>, action: Action, now: Timestamp) -> Option<Change> {
    change(Some(order.clone()), &by_holder(order, action), now).unwrap()
}

pub async fn a_reader_goes_on_where_it_stopped(factory: &impl Factory) {
    let store = factory.fresh().await;
    let start = store.feed_end().await.unwrap();
    let order = put(&store, new_order(1, HEARD)).await;
    let tick = Action::Tick { fallback: unit("330402") };
    put(&store, step(&order, tick, HEARD.plus(Span::hours(9)))).await;
    let all = all_events(&store).await;
    assert!(all.len() > 5, "one step of many events");
    assert_eq!(store.feed(Some(start), 100).await.unwrap(), all);
    for (i, (cursor, _)) in all.iter().enumerate() {
        let rest = store.feed(Some(*cursor), 100).await.unwrap();
        assert_eq!(rest, all[i + 1..], "after {cursor}");
    }
    let end = store.feed_end().await.unwrap();
    assert_eq!(store.feed(Some(end), 100).await.unwrap(), []);
    put(&store, new_order(2, HEARD)).await;
    let new = store.feed(Some(end), 100).await.unwrap();
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].1.order, number(2));
}

pub async fn a_cursor_of_another_epoch_has_diverged(factory: &impl Factory) {
    let store = factory.fresh().await;
    put(&store, new_order(1, HEARD)).await;
    let end = store.feed_end().await.unwrap();
    let other = Cursor { epoch: end.epoch + 1, ..end };
    let ahead = Cursor { sequence: end.sequence + 1_000, ..end };
    for cursor in [other, ahead] {
        match store.feed(Some(cursor), 10).await {
            Err(StoreError::FeedDiverged { epoch }) => assert_eq!(epoch, end.epoch),
            answer => panic!("{answer:?}"),
        }
    }
}

pub async fn whoever_waits_is_woken(factory: &impl Factory) {
    let store = factory.fresh().await;
    let end = store.feed_end().await.unwrap();
    let start = hotline::clock::tick();
    store.feed_grown(end, Duration::from_millis(20)).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "it waits no longer than asked");
    let waiting = {
        let store = store.clone();
        // A wake-up is a hint: it may come early, so whoever waits looks and waits again.
        tokio::spawn(async move {
            loop {
                store.feed_grown(end, Duration::from_secs(600)).await.unwrap();
                let page = store.feed(Some(end), 10).await.unwrap();
                if !page.is_empty() {
                    return page;
                }
            }
        })
    };
    put(&store, new_order(1, HEARD)).await;
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(woken.len(), 1);
    // Something is there already: no waiting at all.
    let long = Duration::from_secs(600);
    tokio::time::timeout(Duration::from_secs(20), store.feed_grown(end, long))
        .await
        .unwrap()
        .unwrap();
}

/// What happened to a town.
fn burst(n: u32) -> Event {
    Event {
        order: OrderNo::city(cell()),
        version: 0,
        at: HEARD,
        actor: Actor::clock(cell()),
        stage: Stage::Archived,
        unit: cell().centre(),
        category: Category(203),
        hidden_from: Vec::new(),
        what: What::Burst {
            town: "330402001".parse().unwrap(),
            orders: vec![number(n), number(n + 1)],
            since: HEARD,
        },
    }
}

pub async fn nothing_is_announced_twice(factory: &impl Factory) {
    let store = factory.fresh().await;
    let start = store.feed_end().await.unwrap();
    put(&store, new_order(1, HEARD)).await;
    // Many come to the same at once, having read the same: one tells.
    let tell = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.announce(start, &burst(1)).await })
    };
    let (mut told, mut late) = (0, 0);
    for task in (0..8).map(tell).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(()) => told += 1,
            Err(CommitError::Conflict) => late += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((told, late), (1, 7));
    let all = all_events(&store).await;
    let (cursor, last) = all.last().unwrap();
    assert_eq!((all.len(), last), (2, &burst(1)));
    // Steps of orders are no announcements: who knows of the last may tell of the next.
    put(&store, new_order(2, HEARD)).await;
    assert!(matches!(store.announce(all[0].0, &burst(2)).await, Err(CommitError::Conflict)));
    store.announce(*cursor, &burst(2)).await.unwrap();
    assert!(matches!(store.announce(*cursor, &burst(3)).await, Err(CommitError::Conflict)));
    assert_eq!(all_events(&store).await.last().unwrap().1, burst(2));
    let elsewhere = Cursor { epoch: cursor.epoch + 1, ..store.feed_end().await.unwrap() };
    assert!(matches!(store.announce(elsewhere, &burst(3)).await, Err(CommitError::Conflict)));
    // And when the process has ended, too.
    let Some(store) = factory.reopen(store).await else { return };
    assert!(matches!(store.announce(*cursor, &burst(3)).await, Err(CommitError::Conflict)));
    let end = store.feed_end().await.unwrap();
    store.announce(end, &burst(3)).await.unwrap();
    assert_eq!(all_events(&store).await.last().unwrap().1, burst(3));
    assert!(store.feed_end().await.unwrap() > end);
}
