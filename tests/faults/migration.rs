//! The cell's slot moves to another master while it is worked with.

use crate::cluster::Cluster;
use crate::open;
use crate::traffic::{Traffic, kept};
use hotline::clock::tick;
use hotline::store::Store;
use hotline::store::redis::RedisOptions;
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
    println!("the slowest change took {:?}, and nobody was refused", ledger.slowest);
    assert_eq!((ledger.unknown, ledger.unavailable), (0, 0), "nobody hears of it");
    kept(&store, &ledger).await;
    assert_eq!(cluster.master(), to);
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
