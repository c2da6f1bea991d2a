//! Law 6 for whoever waits: deadlines, trays and scans.

use crate::Factory;
use crate::commits::{put, to_the_archive};
use crate::support::*;
use hotline::domain::*;
use hotline::store::*;
use std::time::Duration;

pub async fn deadlines_come_in_order(factory: &impl Factory) {
    let store = factory.fresh().await;
    let mut all = Vec::new();
    for (seq, minute) in [(1, 3), (2, 1), (3, 2), (4, 2)] {
        let order = put(&store, new_order(seq, HEARD.plus(Span::minutes(minute)))).await;
        all.push((next_deadline(&order).unwrap(), order.no));
    }
    all.sort();
    let last = all[3].0;
    assert_eq!(store.due(last, 10).await.unwrap(), all);
    assert_eq!(store.due(last, 2).await.unwrap(), all[..2]);
    assert_eq!(store.due(all[1].0, 10).await.unwrap(), all[..3], "equal deadlines come together");
    assert_eq!(store.due(all[0].0.minus(Span(1)), 10).await.unwrap(), []);
    let mut stored = store.all_deadlines().await.unwrap();
    stored.sort();
    assert_eq!(stored, all);
}

pub async fn the_next_deadline_follows_the_orders(factory: &impl Factory) {
    let store = factory.fresh().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    let later = put(&store, new_order(1, HEARD.plus(Span::minutes(9)))).await;
    assert_eq!(store.next_due().await.unwrap(), next_deadline(&later));
    let sooner = put(&store, new_order(2, HEARD)).await;
    assert_eq!(store.next_due().await.unwrap(), next_deadline(&sooner));
    // The share of the city is over: the order moves on, and so does its deadline.
    let now = next_deadline(&sooner).unwrap();
    let moved = put(&store, step(&sooner, Action::Tick { fallback: unit("330402") }, now)).await;
    assert_eq!(moved.holder(), Some(unit("330402")));
    let next = next_deadline(&moved).min(next_deadline(&later));
    assert_eq!(store.next_due().await.unwrap(), next);
    assert_eq!(store.due(now, 10).await.unwrap(), []);
}

pub async fn trays_turn_pages(factory: &impl Factory) {
    let store = factory.fresh().await;
    let mut all = Vec::new();
    for seq in 1..=23 {
        // Several with the same deadline: the number decides.
        let heard = HEARD.plus(Span::minutes(i64::from(seq * 7 % 5)));
        let order = put(&store, new_order(seq, heard)).await;
        all.push((entries(&order)[0], order.no));
    }
    all.sort_by_key(|(entry, no)| (entry.deadline, *no));
    for leased in [0, 6] {
        let claimed = store
            .claim(&[unit("3304")], Desk::Lead, leased, Duration::from_secs(600))
            .await
            .unwrap();
        assert_eq!(claimed.len(), leased);
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = store.tray(unit("3304"), Desk::Lead, after, 4).await.unwrap();
            let Some((entry, no)) = page.last() else { break };
            assert!(page.len() <= 4);
            after = Some((entry.deadline, *no));
            pages.extend(page);
        }
        assert_eq!(pages, all, "{leased} leased, in their places");
        let mut stored = store.all_entries().await.unwrap();
        stored.sort_by_key(|(entry, no)| (entry.deadline, *no));
        assert_eq!(stored, all, "{leased} leased");
    }
    for (other, desk) in [("3304", Desk::Triage), ("330402", Desk::Lead), ("330411", Desk::Lead)] {
        assert_eq!(store.tray(unit(other), desk, None, 9).await.unwrap(), []);
    }
    // An order that nobody could place waits at the centre's desk for that.
    let command = register(number(99), HEARD, None);
    let lost = put(&store, change(None, &command, HEARD).unwrap().unwrap()).await;
    let triage = store.tray(unit("3304"), Desk::Triage, None, 9).await.unwrap();
    assert_eq!(triage, [(entries(&lost)[0], lost.no)]);
}

pub async fn a_scan_sees_every_order_once(factory: &impl Factory) {
    let store = factory.fresh().await;
    assert!(store.scan(None, 10).await.unwrap().is_empty());
    for seq in (1..=20).rev() {
        if seq % 4 == 0 {
            to_the_archive(&store, seq).await;
        } else {
            put(&store, new_order(seq, HEARD)).await;
        }
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.no);
        for order in page {
            assert_eq!(order.stage == Stage::Archived, order.no.seq() % 4 == 0);
            seen.push(order.no.seq());
        }
    }
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    // Nobody gets more than the bound, whatever they ask for.
    assert!(store.scan(None, usize::MAX).await.unwrap().len() <= MAX_BATCH);
}
