//! Laws 1, 2, 4 and 6: all or nothing, versioned, once, derived.

use crate::Factory;
use crate::support::*;
use hotline::domain::*;
use hotline::store::*;
use std::sync::Arc;
use std::time::Duration;

pub async fn put(store: &Arc<dyn Store>, change: Change) -> Arc<Order> {
    let after = change.after.clone();
    store.commit(change).await.unwrap();
    after
}

pub async fn entries_of(store: &Arc<dyn Store>, no: OrderNo) -> Vec<Entry> {
    let all = store.all_entries().await.unwrap();
    let mut entries: Vec<Entry> =
        all.into_iter().filter(|(_, n)| *n == no).map(|(e, _)| e).collect();
    entries.sort();
    entries
}

pub async fn tally(store: &Arc<dyn Store>, name: &str) -> i64 {
    let all = store.tallies().await.unwrap();
    all.into_iter().find(|(tally, _)| *tally == name).unwrap().1
}

pub async fn all_events(store: &Arc<dyn Store>) -> Vec<(Cursor, Event)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.feed(after, 7).await.unwrap();
        let Some((last, _)) = page.last() else { return all };
        after = Some(*last);
        all.extend(page);
    }
}

pub async fn a_new_order_is_there_whole(factory: &impl Factory) {
    let store = factory.fresh().await;
    assert_eq!(store.cell(), cell());
    let change = with_id(new_order(1, HEARD), fresh_id(), [1; 16]);
    let (id, remembered) = change.request.clone().unwrap();
    let (events, contact) = (change.events.clone(), change.contact.clone());
    let order = put(&store, change).await;
    assert_eq!(store.load(order.no).await.unwrap(), Some(order.clone()));
    assert_eq!(store.remembered(id).await.unwrap(), Some(remembered));
    assert_eq!(store.paper(order.no, 0).await.unwrap(), Some(words(order.no)));
    assert_eq!(store.contact(order.no).await.unwrap(), contact);
    assert_eq!(entries_of(&store, order.no).await, entries(&order));
    let due = next_deadline(&order).unwrap();
    assert_eq!(store.all_deadlines().await.unwrap(), [(due, order.no)]);
    let told: Vec<Event> = all_events(&store).await.into_iter().map(|(_, e)| e).collect();
    assert_eq!(told, events);
    assert_eq!(tally(&store, "open").await, 1);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn a_step_moves_everything_or_nothing(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = put(&store, new_order(1, HEARD)).await;
    let relay = step(&first, Action::Relay { to: None }, HEARD.plus(Span::minutes(2)));
    let second = put(&store, relay).await;
    assert_eq!(store.load(first.no).await.unwrap(), Some(second.clone()));
    assert_eq!(entries_of(&store, first.no).await, entries(&second));
    let empty = store.tray(unit("3304"), Desk::Lead, None, 10).await.unwrap();
    assert_eq!(empty, []);
    let waiting = store.tray(unit("330402"), Desk::Lead, None, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(tally(&store, "waiting.city").await, 0);
    assert_eq!(tally(&store, "waiting.county").await, 1);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn a_refused_change_leaves_nothing(factory: &impl Factory) {
    let store = factory.fresh().await;
    let order = put(&store, new_order(1, HEARD)).await;
    let before = (all_events(&store).await, store.tallies().await.unwrap());
    let mut again = with_id(new_order(1, HEARD), fresh_id(), [1; 16]);
    again.papers.push((9, words(order.no).into()));
    let id = again.request.as_ref().unwrap().0;
    assert!(matches!(store.commit(again).await, Err(CommitError::Conflict)));
    assert_eq!(store.remembered(id).await.unwrap(), None);
    assert_eq!(store.paper(order.no, 9).await.unwrap(), None);
    assert_eq!((all_events(&store).await, store.tallies().await.unwrap()), before);
    assert_eq!(store.load(order.no).await.unwrap(), Some(order));
}

pub async fn a_stale_version_is_a_conflict(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = put(&store, new_order(1, HEARD)).await;
    let now = HEARD.plus(Span::minutes(1));
    put(&store, step(&first, Action::Deliver, now)).await;
    // Decided upon the first version, which is no longer the stored one.
    let late = step(&first, Action::Relay { to: None }, now);
    assert!(matches!(store.commit(late).await, Err(CommitError::Conflict)));
    let stored = store.load(first.no).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.holder()), (2, Some(unit("3304"))));
}

pub async fn an_unknown_order_is_none_or_a_conflict(factory: &impl Factory) {
    let store = factory.fresh().await;
    let never = new_order(404, HEARD).after;
    assert_eq!(store.load(never.no).await.unwrap(), None);
    assert_eq!(store.paper(never.no, 0).await.unwrap(), None);
    assert_eq!(store.contact(never.no).await.unwrap(), None);
    assert_eq!(store.remembered(fresh_id()).await.unwrap(), None);
    let change = step(&never, Action::Deliver, HEARD.plus(Span::minutes(1)));
    assert!(matches!(store.commit(change).await, Err(CommitError::Conflict)));
    assert_eq!(store.load(never.no).await.unwrap(), None);
}

pub async fn a_request_takes_effect_once(factory: &impl Factory) {
    let store = factory.fresh().await;
    let id = fresh_id();
    let first = with_id(new_order(1, HEARD), id, [1; 16]);
    let answered = first.request.clone().unwrap().1;
    put(&store, first).await;
    // The same id for another number, as a client sends it whose answer was lost.
    let again = store.commit(with_id(new_order(2, HEARD), id, [2; 16])).await;
    let Err(CommitError::Repeated(remembered)) = again else { panic!("{again:?}") };
    assert_eq!(*remembered, answered);
    assert_eq!(store.load(number(2)).await.unwrap(), None);
    assert_eq!(tally(&store, "received").await, 1);
}

pub async fn a_request_sent_many_times_at_once_takes_effect_once(factory: &impl Factory) {
    let store = factory.fresh().await;
    let id = fresh_id();
    let send = |seq| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(with_id(new_order(seq, HEARD), id, [1; 16])).await })
    };
    let tasks: Vec<_> = (1..=40).map(send).collect();
    let mut done = Vec::new();
    let mut repeated = Vec::new();
    for (seq, task) in (1..).zip(tasks) {
        match task.await.unwrap() {
            Ok(()) => done.push(number(seq)),
            Err(CommitError::Repeated(remembered)) => repeated.push(remembered.receipt.order),
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((done.len(), repeated.len()), (1, 39));
    assert!(repeated.iter().all(|no| *no == done[0]));
    assert_eq!(tally(&store, "received").await, 1);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn a_repeated_request_is_answered_even_after_the_order_moved_on(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = put(&store, new_order(1, HEARD)).await;
    let id = fresh_id();
    let now = HEARD.plus(Span::minutes(1));
    let relay = with_id(step(&first, Action::Relay { to: None }, now), id, [3; 16]);
    let second = put(&store, relay.clone()).await;
    put(&store, step(&second, Action::Deliver, now)).await;
    // Stale by now, but it is the id that decides.
    let again = store.commit(relay).await;
    let Err(CommitError::Repeated(remembered)) = again else { panic!("{again:?}") };
    assert_eq!((remembered.receipt.version, remembered.digest), (2, [3; 16]));
}

pub async fn one_of_many_wins_each_version(factory: &impl Factory) {
    let store = factory.fresh().await;
    let first = put(&store, new_order(1, HEARD)).await;
    // Looking at the contact changes nothing but the version, so it can be done for ever.
    let look = |order: &Arc<Order>| {
        let centre =
            Command { actor: actor(unit("3304"), Role::Agent), action: Action::ViewContact };
        change(Some(order.clone()), &centre, HEARD.plus(Span::minutes(1))).unwrap().unwrap()
    };
    let hand = |_| {
        let (store, no) = (store.clone(), first.no);
        tokio::spawn(async move {
            let mut won = 0_u32;
            let mut lost = 0_u32;
            while won < 5 {
                let order = store.load(no).await.unwrap().unwrap();
                match store.commit(look(&order)).await {
                    Ok(()) => won += 1,
                    Err(CommitError::Conflict) => lost += 1,
                    Err(e) => panic!("{e}"),
                }
                assert!(lost < 10_000, "somebody must win");
            }
        })
    };
    for task in (0..8).map(hand).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let stored = store.load(first.no).await.unwrap().unwrap();
    assert_eq!(stored.version, 1 + 8 * 5);
    assert_eq!(tally(&store, "contact_viewed").await, 8 * 5);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn many_orders_at_once_all_land(factory: &impl Factory) {
    let store = factory.fresh().await;
    let send = |seq| {
        let store = store.clone();
        tokio::spawn(async move {
            let change = with_id(new_order(seq, HEARD), fresh_id(), [1; 16]);
            let (id, no) = (change.request.as_ref().unwrap().0, change.after.no);
            store.commit(change).await.unwrap();
            // What was acknowledged can be read at once.
            assert_eq!(store.load(no).await.unwrap().unwrap().version, 1);
            assert_eq!(store.remembered(id).await.unwrap().unwrap().receipt.order, no);
        })
    };
    for task in (1..=1_000).map(send).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(tally(&store, "open").await, 1_000);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn counters_count(factory: &impl Factory) {
    let store = factory.fresh().await;
    let zero = store.tallies().await.unwrap();
    assert_eq!(zero, TALLIES.iter().map(|tally| (*tally, 0)).collect::<Vec<_>>());
    let mut order = put(&store, new_order(1, HEARD)).await;
    for minute in 1..=3 {
        let now = HEARD.plus(Span::minutes(minute));
        order = put(&store, step(&order, Action::Relay { to: None }, now)).await;
    }
    order = put(&store, step(&order, Action::Sign, HEARD.plus(Span::minutes(4)))).await;
    put(&store, step(&order, REPORT, HEARD.plus(Span::minutes(9)))).await;
    for (name, n) in [
        ("received", 1),
        ("open", 1),
        ("review", 1),
        ("waiting.city", 0),
        ("waiting.village", 0),
        ("relayed.city", 1),
        ("relayed.town", 1),
        ("signed.village", 1),
        ("arrived", 1),
        ("kept.arrival.village", 1),
        ("kept.arrival.town", 0),
        ("reported", 1),
    ] {
        assert_eq!(tally(&store, name).await, n, "{name}");
    }
}

pub async fn papers_and_contacts_are_kept(factory: &impl Factory) {
    let store = factory.fresh().await;
    let no = number(1);
    let mut change = new_order(1, HEARD);
    let long = Paper {
        title: "标题".to_owned(),
        body: "很长的正文。".repeat(2_000),
        evidence: vec![
            Evidence { uri: "https://evidence.example/1.jpg".to_owned(), sha256: [1; 32] },
            Evidence { uri: String::new(), sha256: [0xff; 32] },
        ],
    };
    change.papers =
        vec![(0, long.clone().into()), (1, Paper::default().into()), (u16::MAX, words(no).into())];
    put(&store, change).await;
    assert_eq!(store.paper(no, 0).await.unwrap(), Some(long));
    assert_eq!(store.paper(no, 1).await.unwrap(), Some(Paper::default()));
    assert_eq!(store.paper(no, u16::MAX).await.unwrap(), Some(words(no)));
    assert_eq!(store.paper(no, 2).await.unwrap(), None);
    assert_eq!(store.contact(no).await.unwrap(), Some(sealed(no)));
}

/// Runs an order down the chain, through its report and past its follow-up.
pub async fn to_the_archive(store: &Arc<dyn Store>, seq: u32) -> Arc<Order> {
    let mut order = put(store, new_order(seq, HEARD)).await;
    let at = |minute| HEARD.plus(Span::minutes(minute));
    for minute in 1..=3 {
        order = put(store, step(&order, Action::Relay { to: None }, at(minute))).await;
    }
    order = put(store, step(&order, Action::Sign, at(4))).await;
    order = put(store, step(&order, REPORT, at(5))).await;
    let verdict = Action::DecideReport { verdict: Verdict::Accept };
    order = put(store, step(&order, verdict, at(6))).await;
    assert_eq!(entries_of(store, order.no).await, entries(&order));
    let tick = Action::Tick { fallback: unit("330402") };
    put(store, step(&order, tick, at(6).plus(Span::hours(25)))).await
}

pub async fn an_archived_order_waits_nowhere_and_is_still_there(factory: &impl Factory) {
    let store = factory.fresh().await;
    let order = to_the_archive(&store, 1).await;
    assert_eq!(order.stage, Stage::Archived);
    assert_eq!(store.load(order.no).await.unwrap(), Some(order.clone()));
    assert_eq!(store.all_entries().await.unwrap(), []);
    assert_eq!(store.all_deadlines().await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(store.scan(None, 10).await.unwrap(), std::slice::from_ref(&order));
    let claimed = store.claim(&[unit("3304")], Desk::FollowUp, 10, Duration::from_secs(9)).await;
    assert!(claimed.unwrap().is_empty());
    // Its number stays taken.
    let again = store.commit(new_order(1, HEARD)).await;
    assert!(matches!(again, Err(CommitError::Conflict)));
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}
