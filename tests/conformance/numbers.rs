//! Law 8, and the right to run the timers.

use crate::Factory;
use crate::support::*;
use hotline::domain::*;
use std::collections::HashSet;
use std::time::Duration;

pub async fn numbers_are_never_given_twice(factory: &impl Factory) {
    let store = factory.fresh().await;
    let hand = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut got = Vec::new();
            for count in 1..=20 {
                let first = store.reserve(date(), count, 0).await.unwrap();
                assert!(first >= 1);
                got.extend(first..first + count);
            }
            got
        })
    };
    let mut all = Vec::new();
    for task in (0..5).map(hand).collect::<Vec<_>>() {
        all.extend(task.await.unwrap());
    }
    let distinct: HashSet<u32> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (5 * 210, 5 * 210));
    let tomorrow = Date { day: date().day + 1, ..date() };
    assert_eq!(store.reserve(tomorrow, 5, 0).await.unwrap(), 1, "every date has its own row");
}

pub async fn numbers_given_before_are_never_given_again(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = store.reserve(date(), 100, 0).await.unwrap();
    // This process was given more than the store knows of, as after a restore.
    let above = store.reserve(date(), 1, first + 5_000).await.unwrap();
    assert!(above > first + 5_000);
    let mut last = store.reserve(date(), 10, 0).await.unwrap();
    assert!(last > above);
    let Some(store) = factory.reopen(store).await else { return };
    for _ in 0..3 {
        let next = store.reserve(date(), 10, 0).await.unwrap();
        assert!(next >= last + 10, "{next} after {last} and nine more");
        last = next;
    }
}

pub async fn one_holder_runs_the_timers(factory: &impl Factory) {
    let store = factory.fresh().await;
    let long = Duration::from_secs(600);
    assert!(store.hold_timers(1, Duration::from_millis(200)).await.unwrap());
    assert!(store.hold_timers(1, Duration::from_millis(200)).await.unwrap(), "it renews");
    let mut tries = 0;
    while !store.hold_timers(2, long).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        tries += 1;
        assert!(tries < 1_000, "it never ran out");
    }
    assert!(!store.hold_timers(1, long).await.unwrap());
    assert!(store.hold_timers(2, long).await.unwrap());
}
