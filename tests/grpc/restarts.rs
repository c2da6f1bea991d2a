//! A process goes away and another one comes, on the same store: what was begun is ended, and
//! what was stamped stays.

use crate::faulty::Faulty;
use crate::modes::{restamped, status, switch, to};
use crate::moves::Life;
use crate::redis::RedisServer;
use crate::server::*;
use hotline::catalogue::Catalogue;
use hotline::domain::Order;
use hotline::pb;
use hotline::store::embedded::Embedded;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::seal::Sealer;
use hotline::store::{MAX_BATCH, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where one process after the other keeps a city.
struct Place {
    folder: tempfile::TempDir,
    redis: Option<RedisServer>,
}

impl Place {
    /// One of each kind that outlives a process.
    fn all() -> [Place; 2] {
        [None, Some(RedisServer::start("everysec"))].map(|redis| {
            let folder = tempfile::tempdir().unwrap();
            Sealer::create_key_file(&folder.path().join("contacts.key")).unwrap();
            Place { folder, redis }
        })
    }

    async fn open(&self) -> Arc<dyn Store> {
        let cell = CENTRE.parse().unwrap();
        match &self.redis {
            None => Embedded::open(&self.folder.path().join("cell.redb"), cell).unwrap(),
            Some(redis) => {
                RedisStore::open(&redis.url(), cell, RedisOptions::default()).await.unwrap()
            }
        }
    }

    fn sealer(&self) -> Sealer {
        Sealer::from_key_file(&self.folder.path().join("contacts.key")).unwrap()
    }
}

async fn orders(store: &Arc<dyn Store>) -> Vec<Arc<Order>> {
    let mut all: Vec<Arc<Order>> = Vec::new();
    loop {
        let page = store.scan(all.last().map(|order| order.no), MAX_BATCH).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// How often each order was stamped anew, as the feed tells it from the beginning.
async fn stamps(s: &Server) -> BTreeMap<String, usize> {
    let mut stamps = BTreeMap::new();
    let mut read = pb::ReadFeedRequest { max_events: 1_000, ..Default::default() };
    loop {
        let page = s.feed().read_feed(by(CENTRE, "dispatcher", read.clone())).await.unwrap();
        let page = page.into_inner();
        for event in page.events {
            if let Some(pb::feed_event::What::Restamped(_)) = event.what {
                *stamps.entry(event.order_no).or_default() += 1;
            }
        }
        if page.next_cursor == read.cursor {
            return stamps;
        }
        read.cursor = page.next_cursor;
    }
}

/// The first process is at the second page of the orders in flight when it goes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_began_another_ends_and_no_order_is_half_stamped() {
    const ORDERS: usize = MAX_BATCH + 60;
    const STAMPED: usize = MAX_BATCH + 25;
    for place in Place::all() {
        let store = Faulty::new(place.open().await);
        let one = Server::sealed(Arc::clone(&store) as Arc<dyn Store>, place.sealer()).await;
        for _ in 0..ORDERS {
            one.filed().await;
        }
        store.faults.lock().unwrap().stamps = Some(STAMPED);
        switch(&one, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 0)).await;
        let stuck = async {
            while store.faults.lock().unwrap().unstamped == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), stuck).await.unwrap();
        one.running.stop().await;
        drop((one.store, store));

        let store = place.open().await;
        let found = orders(&store).await;
        let ordinary = found.iter().filter(|order| order.policy.id == 4).count();
        assert_eq!((found.len(), ordinary), (ORDERS, STAMPED), "it was interrupted in the middle");
        for order in &found {
            let limits = (order.arrival.limit, order.closure.limit);
            assert_eq!(
                limits,
                (order.policy.arrival, order.policy.closure),
                "half of {}",
                order.no
            );
        }
        let two = Server::sealed(store, place.sealer()).await;
        assert_eq!(restamped(&two).await, ORDERS as u64, "counted over both");
        let job = status(&two).await.restamping.unwrap();
        assert_eq!((job.looked, job.failed), (ORDERS as u64, 0));
        let stamps = stamps(&two).await;
        assert!(
            stamps.len() == ORDERS && stamps.values().all(|n| *n == 1),
            "each once: {stamps:?}"
        );
        for order in orders(&two.store).await {
            let limits = (order.arrival.limit, order.closure.limit);
            assert_eq!((order.policy.id, limits.0), (4, order.policy.arrival));
            assert_eq!(limits.1, order.policy.closure);
        }
        // And this one knows which limits are in force.
        let new = two.filed().await.order_no;
        assert_eq!(two.order(&new).await.policy_id, 4);
        two.running.stop().await;
    }
}

/// The catalogue as it is built in, but of another version and with other limits.
fn other_catalogue(folder: &Path) -> Arc<Catalogue> {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    for file in std::fs::read_dir(builtin).unwrap() {
        let file = file.unwrap();
        let mut text = std::fs::read_to_string(file.path()).unwrap();
        let was = text.clone();
        let changes: &[(&str, &str)] = match file.file_name().to_str().unwrap() {
            "catalogue.toml" => &[("\nversion = 1\n", "\nversion = 2\n")],
            "policies.toml" => &[
                ("closure = \"3h\"", "closure = \"4h\""),
                ("warn_at = [50, 75, 100]", "warn_at = [40, 80, 90]"),
            ],
            _ => &[],
        };
        for (from, to) in changes {
            text = text.replace(from, to);
            assert_ne!(text, was, "nothing to change in {file:?}");
        }
        std::fs::write(folder.join(file.file_name()), text).unwrap();
    }
    Arc::new(Catalogue::load(folder).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_catalogue_leaves_what_was_stamped() {
    let folder = tempfile::tempdir().unwrap();
    let other = other_catalogue(folder.path());
    let ways = [
        "file_vague",
        "file_vague ask",
        "file relay",
        "file go_down",
        "file go_down ask_extension extend",
        "file go_down ask_suspension suspend",
        "file go_down report",
        "file go_down report close",
        "file go_down report close dissatisfied",
        "file go_down report close satisfied",
    ];
    for place in Place::all() {
        let one = Server::sealed(place.open().await, place.sealer()).await;
        let mut before = Vec::new();
        for way in ways {
            let life = Life::new(&one);
            life.path(way).await;
            before.push(one.order(&life.no()).await);
        }
        one.running.stop().await;
        drop(one.store);

        let two = Server::by(place.open().await, place.sealer(), Arc::clone(&other)).await;
        for order in &before {
            assert_eq!(two.order(&order.order_no).await, *order, "as it was");
        }
        // What is done with it further does not bring the other limits in …
        let handling = &before[3];
        let life = Life::new(&two);
        life.no.lock().unwrap().clone_from(&handling.order_no);
        life.path("urge report reject report").await;
        let after = two.order(&life.no()).await;
        assert_eq!(after.closure, handling.closure);
        assert_eq!((after.policy_version, after.catalogue_version), (1, 1));
        // … but for a decision what it is about, and for a new order.
        life.path("correct file").await;
        let new = two.order(&life.no()).await;
        let corrected = two.order(&handling.order_no).await;
        for order in [corrected, new] {
            let limit = order.closure.unwrap().limit.unwrap();
            assert_eq!((order.policy_version, limit.seconds), (2, 4 * 3_600));
        }
        assert_eq!(stamps(&two).await.len(), 1, "nothing was but the corrected one");
        two.running.stop().await;
    }
}
