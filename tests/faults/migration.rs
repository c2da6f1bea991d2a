//! The cell's slot moves to another master while it is worked with.

use crate::cluster::Cluster;
use crate::figures::measured;
use crate::open;
use crate::support::*;
use crate::traffic::{Traffic, kept};
use hotline::clock::tick;
use hotline::domain::*;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use std::sync::Arc;
use std::time::Duration;

/// How many keys move at once.
const KEYS: &str = "50";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_moves_under_load_and_nobody_hears_of_it() {
    let cluster = Cluster::start();
    let store = open(&cluster.url(), RedisOptions::default()).await;
    let traffic = Traffic::start(&store, 16, 1);
    traffic.more(300).await;
    let reader = {
        let store = store.clone();
        tokio::spawn(async move {
            // What is read meanwhile is there all the while.
            for _ in 0..300 {
                assert!(store.load(crate::support::number(1)).await.unwrap().is_some());
                assert!(store.next_due().await.unwrap().is_some());
                // Whoever comes for orders gets some or none, and no error.
                let centre = [cell().centre()];
                store.claim(&centre, Desk::Lead, 2, Duration::from_millis(1)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let from = cluster.master();
    let to = (from + 1) % 3;
    let began = tick();
    tokio::task::block_in_place(|| move_slot(&cluster, from, to));
    println!("the slot moved in {:?}", began.elapsed());
    traffic.more(300).await;
    reader.await.unwrap();
    let ledger = traffic.stop().await;
    assert_eq!((ledger.unknown, ledger.unavailable), (0, 0), "nobody hears of it");
    kept(&store, &ledger).await;
    assert_eq!(cluster.master(), to);
    let slowest = ledger.slowest;
    measured("gap of service", format!("0 refused, a slot moved; the slowest took {slowest:.1?}"));
    leaving(&store).await;
}

/// What leaves a Cluster, and who reads: all of it in the cell's slot.
async fn leaving(store: &Arc<RedisStore>) {
    let start = store.feed_start().await.unwrap();
    let consumer = Consumer { name: "copy".to_owned(), cursor: start, at: HEARD };
    assert!(store.acknowledge(&consumer).await.unwrap());
    assert_eq!(store.consumers().await.unwrap(), [consumer]);
    let known = store.consumers().await.unwrap();
    let end = store.feed_end().await.unwrap();
    assert!(store.trim_feed(end, &known).await.unwrap());
    assert!(store.feed_start().await.unwrap() > start);
    let new = new_order(70_000, HEARD);
    let filed = new.after.clone();
    store.commit(new).await.unwrap();
    let command = Command { actor: actor(cell().centre(), Role::Agent), action: Action::Withdraw };
    let now = HEARD.plus(Span::minutes(5));
    let change = change(Some(filed), &command, now).unwrap().unwrap();
    let over = change.after.clone();
    store.commit(change).await.unwrap();
    let whole = Whole::of(&**store, over.clone()).await.unwrap();
    assert_eq!(store.dismiss(&[Leaving::of(&whole)]).await.unwrap(), 1);
    assert_eq!(store.load(over.no).await.unwrap(), None);
    store.readmit(&whole).await.unwrap();
    assert_eq!(Whole::of(&**store, over).await.unwrap(), whole);
}

fn move_slot(cluster: &Cluster, from: usize, to: usize) {
    let slot = cluster.slot();
    let (source, target) = (&cluster.nodes[from], &cluster.nodes[to]);
    let ids: Vec<String> = [source, target].map(|node| node.ask(&["CLUSTER", "MYID"])).into();
    let () = target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    let () = source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    let port = target.port().to_string();
    loop {
        let keys: Vec<Vec<u8>> = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, KEYS]);
        if keys.is_empty() {
            break;
        }
        source.migrate(&port, &keys);
    }
    for node in [target, source] {
        let () = node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]);
    }
}
