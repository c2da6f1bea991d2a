//! What can be seen of a store, to be compared with another; and what must be true of one that
//! was restored.

use crate::live::Acknowledged;
use hotline::domain::*;
use hotline::store::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Everything of a store that is carried over, as text with a name.
pub async fn seen(store: &Arc<dyn Store>, ids: &[RequestId]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut callers = BTreeSet::new();
    for order in orders(store).await {
        let no = order.no;
        all.insert(format!("order {no}"), format!("{:?}", codec::encode_order(&order)));
        for index in 0..=order.papers {
            let paper = store.paper(no, index).await.unwrap();
            all.insert(format!("paper {no} {index}"), format!("{paper:?}"));
        }
        let contact = store.contact(no).await.unwrap();
        callers.extend(contact.as_ref().map(|contact| contact.phone));
        all.insert(format!("contact {no}"), format!("{contact:?}"));
    }
    for phone in callers {
        let mut open = Vec::new();
        for no in store.of_caller(phone).await.unwrap() {
            if !store.load(no).await.unwrap().unwrap().is_over() {
                open.push(no);
            }
        }
        open.sort();
        all.insert(format!("caller {phone:?}"), format!("{open:?}"));
    }
    let mut entries = store.all_entries().await.unwrap();
    entries.sort();
    all.insert("trays".to_owned(), format!("{entries:?}"));
    let mut deadlines = store.all_deadlines().await.unwrap();
    deadlines.sort();
    all.insert("deadlines".to_owned(), format!("{deadlines:?}"));
    let far = Timestamp(i64::MAX / 4);
    let due = format!("{:?} {:?}", store.due(far, 50).await, store.next_due().await);
    all.insert("due".to_owned(), due);
    all.insert("tallies".to_owned(), format!("{:?}", store.tallies().await.unwrap()));
    all.insert("mode".to_owned(), format!("{:?}", store.mode().await.unwrap()));
    for id in ids {
        let remembered = store.remembered(*id).await.unwrap();
        all.insert(format!("request {id:?}"), format!("{remembered:?}"));
    }
    let events = feed(store).await;
    for of in Dimension::ALL {
        let days: BTreeSet<_> = events.iter().map(|(_, event)| event.at.date()).collect();
        for day in days {
            let counted = store.indicators(day, day, *of).await.unwrap();
            all.insert(format!("indicators {day} {of}"), format!("{counted:?}"));
        }
    }
    for (cursor, event) in events {
        all.insert(format!("event {cursor}"), format!("{event:?}"));
    }
    let readers = (store.feed_start().await.unwrap(), store.consumers().await.unwrap());
    all.insert("feed's readers".to_owned(), format!("{readers:?}"));
    all.insert("feed end".to_owned(), format!("{:?}", store.feed_end().await.unwrap()));
    all
}

/// Fails with the names of what differs.
#[track_caller]
pub fn same(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) {
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let differ: Vec<_> = names.into_iter().filter(|name| a.get(*name) != b.get(*name)).collect();
    let shown: Vec<_> =
        differ.iter().take(3).map(|name| (name, a.get(*name), b.get(*name))).collect();
    assert!(differ.is_empty(), "{} differ: {shown:#?}", differ.len());
}

pub async fn orders(store: &Arc<dyn Store>) -> Vec<Arc<Order>> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|order: &Arc<Order>| order.no);
        let page = store.scan(after, MAX_BATCH).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub async fn feed(store: &Arc<dyn Store>) -> Vec<(Cursor, Event)> {
    let mut all: Vec<(Cursor, Event)> = Vec::new();
    let start = store.feed_start().await.unwrap();
    loop {
        let after = all.last().map_or(start, |(cursor, _)| *cursor);
        let page = store.feed(Some(after), MAX_FEED).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// An image is of one moment: everything in it agrees with everything else, all that was
/// acknowledged before it began is in it, and every step is in it whole or not at all.
pub async fn sound(store: &Arc<dyn Store>, before: &[Acknowledged], ever: &[Acknowledged]) {
    assert_eq!(audit::audit(&**store).await.unwrap(), []);
    let mut versions = HashMap::new();
    for order in orders(store).await {
        versions.insert(order.no, order.version);
    }
    for Acknowledged { id, order, version, .. } in before {
        let there = versions.get(order).copied().unwrap_or(0);
        assert!(there >= *version, "{order}: acknowledged {version}, restored {there} ({id:?})");
    }
    let mut half = Vec::new();
    for Acknowledged { id, order, version, .. } in ever {
        let step = versions.get(order).is_some_and(|there| there >= version);
        let request = store.remembered(*id).await.unwrap();
        if step != request.is_some() {
            half.push((order, version, step));
        }
        if let Some(remembered) = request {
            assert_eq!((remembered.receipt.order, remembered.receipt.version), (*order, *version));
        }
    }
    assert!(
        half.is_empty(),
        "{} steps without their request, or it without them: {half:?}",
        half.len()
    );
    let mut told = HashMap::new();
    for (_, event) in feed(store).await {
        let last = told.entry(event.order).or_insert(0);
        assert!(event.version == *last || event.version == *last + 1, "{event:?}");
        *last = event.version;
    }
    told.remove(&OrderNo::city(store.cell()));
    assert_eq!(told, versions, "the feed tells of the orders as they are");
    counted_as_the_feed_says(store).await;
}

async fn counted_as_the_feed_says(store: &Arc<dyn Store>) {
    let mut facts: HashMap<OrderNo, Facts> = HashMap::new();
    let mut counted: BTreeMap<(Date, Marginal), Counts> = BTreeMap::new();
    for (_, event) in feed(store).await {
        let day = event.at.date();
        facts.entry(event.order).or_default().count(&event, |marginal, measure| {
            counted.entry((day, marginal)).or_default().count(measure);
        });
    }
    let days: BTreeSet<Date> = counted.keys().map(|(day, _)| *day).collect();
    for day in days {
        for of in Dimension::ALL {
            let stored = store.indicators(day, day, *of).await.unwrap();
            let here = counted.iter().filter(|((d, m), _)| *d == day && m.dimension() == *of);
            let sums: Vec<_> = here.map(|((_, marginal), counts)| (*marginal, *counts)).collect();
            assert_eq!(stored, sums, "{of} on {day}");
        }
    }
}
