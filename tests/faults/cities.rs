//! Many cities on one Redis Cluster: each keeps to one slot, whatever it does, and together
//! they use every master.

use crate::cluster::Cluster;
use crate::figures::measured;
use crate::server::RedisServer;
use crate::support::*;
use hotline::domain::*;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;

/// The eleven cities of Zhejiang, and Shanghai.
const CITIES: [&str; 12] = [
    "3301", "3302", "3303", "3304", "3305", "3306", "3307", "3308", "3309", "3310", "3311", "3101",
];
const ORDERS: u32 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_city_keeps_to_one_slot_and_every_master_has_cities() {
    let cluster = Cluster::start();
    let masters = &cluster.nodes[..3];
    let mut living = JoinSet::new();
    for city in CITIES {
        let url = cluster.url();
        living.spawn(async move {
            let options = RedisOptions::default();
            let store = RedisStore::open(&url, city.parse().unwrap(), options).await.unwrap();
            live(&*store).await;
            store.close().await;
        });
    }
    living.join_all().await;
    // Where everything is, by the masters' own word.
    let mut homes: BTreeMap<String, BTreeSet<(usize, u32)>> = BTreeMap::new();
    let mut keys = [0; 3];
    for (nth, master) in masters.iter().enumerate() {
        let all: Vec<Vec<u8>> = master.ask(&["KEYS", "*"]);
        keys[nth] = all.len();
        for key in all {
            let tag = String::from_utf8(key[..6].to_vec()).expect("a hash tag");
            let city = tag.strip_prefix('{').and_then(|tag| tag.strip_suffix('}'));
            let slot = slot_of(master, &key);
            homes.entry(city.expect("a hash tag").to_owned()).or_default().insert((nth, slot));
        }
    }
    assert_eq!(homes.keys().map(String::as_str).collect::<BTreeSet<_>>(), CITIES.into());
    let apart = homes.iter().find(|(_, homes)| homes.len() > 1);
    assert_eq!(apart, None, "in more than one slot");
    let cities = [0, 1, 2].map(|nth| homes.values().flatten().filter(|home| home.0 == nth).count());
    assert!(cities.iter().all(|n| *n > 0), "masters without a city: {cities:?}");
    // Nothing ever asked for keys of two slots.
    for master in masters {
        let errors: String = master.ask(&["INFO", "errorstats"]);
        assert!(!errors.contains("CROSSSLOT"), "{errors}");
    }
    measured(
        "cities over a Cluster of three masters",
        format!("{cities:?} of 12 cities, {keys:?} keys; each city in one slot, no CROSSSLOT"),
    );
}

/// Everything a store can do that writes.
async fn live(store: &dyn Store) {
    let cell = store.cell();
    let first = store.reserve(date(), ORDERS, 0).await.unwrap();
    let mut orders = Vec::new();
    for seq in first..first + ORDERS {
        let new = with_id(new(cell, seq), RequestId(u128::from(seq)), [7; 16]);
        orders.push(new.after.clone());
        store.commit(new).await.unwrap();
    }
    let centre = [cell.centre()];
    let claimed = store.claim(&centre, Desk::Lead, 10, Duration::from_secs(60)).await.unwrap();
    assert_eq!(claimed.len(), 10);
    let held = claimed[9].clone();
    let entry = entries(&held.order).into_iter().next().unwrap();
    store.release(&[(entry, held.lease)]).await.unwrap();
    let later = HEARD.plus(Span::minutes(1));
    for claimed in &claimed[..5] {
        let mut relay = step(&claimed.order, Action::Relay { to: None }, later);
        relay.lease = Some(claimed.lease);
        store.commit(relay).await.unwrap();
    }
    let two = orders.iter().filter(|o| !claimed.iter().any(|c| c.order.no == o.no));
    let both = two.take(2).map(|o| step(o, Action::Relay { to: None }, later));
    store.commit_together(both.collect()).await.unwrap();
    assert_eq!(store.due(later.plus(Span::hours(5)), 256).await.unwrap().len(), ORDERS as usize);
    assert!(store.hold_timers(1, Duration::from_secs(60)).await.unwrap());
    let read = store.feed(None, 1_000).await.unwrap();
    let cursor = read.last().unwrap().0;
    let consumer = Consumer { name: "copy".to_owned(), cursor, at: later };
    assert!(store.acknowledge(&consumer).await.unwrap());
    let withdrawn = &claimed[9].order;
    let leave = Command { actor: actor(cell.centre(), Role::Agent), action: Action::Withdraw };
    let over = change(Some(withdrawn.clone()), &leave, later).unwrap().unwrap();
    let after = over.after.clone();
    store.commit(over).await.unwrap();
    let contact = store.contact(after.no).await.unwrap().unwrap();
    let leaving = Leaving { order: after, caller: Some(contact.phone) };
    assert_eq!(store.dismiss(&[leaving]).await.unwrap(), 1);
    let known = store.consumers().await.unwrap();
    assert!(store.trim_feed(cursor, &known).await.unwrap());
    assert_eq!(store.scan(None, 256).await.unwrap().len(), ORDERS as usize - 1);
}

/// An order of a city on a way of its own.
fn new(cell: Cell, seq: u32) -> Change {
    let way = ["", "02", "02001", "02001001"].map(|below| unit(&format!("{cell}{below}")));
    let no = OrderNo::new(cell, date(), seq);
    let mut command = register(no, HEARD, Some(way.to_vec()));
    command.actor = actor(cell.centre(), Role::Agent);
    change(None, &command, HEARD.plus(Span::seconds(1))).unwrap().unwrap()
}

fn slot_of(node: &RedisServer, key: &[u8]) -> u32 {
    let key = String::from_utf8_lossy(key);
    // What is in braces alone decides.
    node.ask(&["CLUSTER", "KEYSLOT", &key[..6]])
}
