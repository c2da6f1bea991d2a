//! What is left in the append-only file after a crash: cut anywhere, changed anywhere.

use crate::figures::{how_many, measured};
use crate::server::RedisServer;
use crate::support::number;
use crate::traffic::{Traffic, missing};
use crate::{impatient, open, order, serves_again, sound, until};
use hotline::clock::tick;
use hotline::domain::{Order, OrderNo};
use hotline::store::audit::audit;
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::{Store, StoreError, codec};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many orders are filed, one after the other, and at how many places the file is cut.
const ORDERS: u32 = 40;
const CUTS: usize = 64;
/// The cuts lie within the last so many orders.
const LAST: usize = 8;
/// How many servers are started at a time.
const AT_ONCE: usize = 8;

/// The file that grows.
fn growing(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder.join("appendonlydir")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    files.find(|file| file.to_str().unwrap().ends_with(".incr.aof")).unwrap()
}

/// A server on a copy of this one's files, of which one is other than it was.
fn on_a_copy(of: &Path, bytes: &[u8]) -> RedisServer {
    RedisServer::in_folder(|folder| {
        std::fs::create_dir(folder.join("appendonlydir")).unwrap();
        for file in std::fs::read_dir(of.join("appendonlydir")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join("appendonlydir").join(file.file_name()))
                .unwrap();
        }
        std::fs::write(growing(folder), bytes).unwrap();
        ["--appendonly", "yes", "--appendfsync", "always"].map(ToOwned::to_owned).into()
    })
}

/// Files orders one after the other; where the file ended after each.
async fn filed(server: &RedisServer) -> Vec<u64> {
    let store = open(&server.url(), RedisOptions::default()).await;
    let mut ends = Vec::new();
    for seq in 1..=ORDERS {
        store.commit(order(seq)).await.unwrap();
        ends.push(std::fs::metadata(growing(server.folder())).unwrap().len());
    }
    ends
}

/// Wherever the file is cut, an order is there whole or not at all: there if it had been
/// acknowledged by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_anywhere_it_holds_whole_orders_and_all_that_were_acknowledged() {
    let mut server = RedisServer::start("always");
    let ends = filed(&server).await;
    server.kill();
    let whole = std::fs::read(growing(server.folder())).unwrap();
    let from = ends[ends.len() - 1 - LAST];
    let span = whole.len() as u64 - from;
    let cuts: Vec<u64> = (0..CUTS as u64).map(|i| from + i * span / CUTS as u64).collect();
    for cuts in cuts.chunks(AT_ONCE) {
        let looks: Vec<_> = cuts
            .iter()
            .map(|cut| {
                let expected = ends.iter().filter(|end| **end <= *cut).count();
                let copy = on_a_copy(server.folder(), &whole[..*cut as usize]);
                tokio::spawn(look(copy, *cut, expected as u32))
            })
            .collect();
        for look in looks {
            look.await.unwrap();
        }
    }
    measured(
        "half-done",
        format!("0 orders in {CUTS} cuts of the append-only file's last {span} bytes, 0 lost"),
    );
}

async fn look(server: RedisServer, cut: u64, expected: u32) {
    let store = open(&server.url(), RedisOptions::default()).await;
    for seq in 1..=ORDERS {
        let there = store.load(number(seq)).await.unwrap().is_some();
        assert_eq!(there, seq <= expected, "order {seq}, cut at {cut}");
    }
    sound(&store).await;
    store.commit(order(ORDERS + 1)).await.unwrap();
}

type Read = fn(&StoreError) -> bool;

/// Redis loads a file in which a digit is another one, and says nothing. We do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_digit_is_noticed() {
    let mut server = RedisServer::start("always");
    let store = open(&server.url(), RedisOptions::default()).await;
    let change = order(1);
    store.commit(change.clone()).await.unwrap();
    store.commit(order(2)).await.unwrap();
    store.close().await;
    server.kill();
    let whole = std::fs::read(growing(server.folder())).unwrap();
    let remembered = change.request.as_ref().unwrap();
    let records = [
        ("the order", codec::encode_order(&change.after)),
        ("its events", codec::encode_events(&change.events)),
        ("the citizen's words", codec::encode_paper(&change.papers[0].1)),
        ("the contact", codec::encode_contact(change.contact.as_ref().unwrap())),
        ("what was answered", codec::encode_remembered(&remembered.1)),
    ];
    let flipped = records.len();
    for (what, record) in records {
        let at = whole.windows(record.len()).position(|window| window == record).unwrap();
        let mut other = whole.clone();
        other[at + record.len() / 2] ^= 1;
        let copy = on_a_copy(server.folder(), &other);
        let store = open(&copy.url(), impatient()).await;
        let no = number(1);
        let said = match what {
            "the order" => store.load(no).await.map(drop),
            "its events" => store.feed(None, 10).await.map(drop),
            "the citizen's words" => store.paper(no, 0).await.map(drop),
            "the contact" => store.contact(no).await.map(drop),
            _ => store.remembered(remembered.0).await.map(drop),
        };
        let is_damage: Read = |e| matches!(e, StoreError::Damaged(_));
        let said = said.unwrap_err();
        assert!(is_damage(&said), "{what}: {said:?}");
        println!("{what}: {said}");
        // What is beside it can be read.
        let second: Option<OrderNo> =
            store.load(number(2)).await.unwrap().map(|o: std::sync::Arc<Order>| o.no);
        assert_eq!(second, Some(number(2)));
        assert!(
            what == "what was answered" || !is_clean(&store).await,
            "{what}: the doctor says so"
        );
    }
    measured(
        "flipped digits",
        format!("{flipped} of {flipped} noticed, one in each kind of record"),
    );
}

async fn is_clean(store: &RedisStore) -> bool {
    audit(store).await.is_ok_and(|findings| findings.is_empty())
}

/// Killed with `everysec`: what is lost is at most what the setting allows, and the rest is
/// sound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_everysec_at_most_two_seconds_are_lost() {
    const WINDOW: Duration = Duration::from_secs(2);
    let kills = how_many("kills with everysec", 20, 3);
    let mut server = RedisServer::start("everysec");
    let store = open(&server.url(), impatient()).await;
    let (mut acknowledged, mut lost) = (0, 0);
    for round in 0..kills {
        let traffic = Traffic::start(&store, 32, 1 + round as u32 * 100_000);
        traffic.more(1_000).await;
        let killed = tick();
        server.kill();
        server.restart();
        until("it serves", || async { store.check().await.is_ok() }).await;
        let ledger = traffic.stop().await;
        let gone = missing(&store, &ledger).await;
        let old =
            |(seq, at): &&(u32, std::time::Instant)| gone.contains(seq) && *at + WINDOW < killed;
        assert_eq!(ledger.acknowledged.iter().filter(old).count(), 0, "older than {WINDOW:?}");
        acknowledged += ledger.acknowledged.len();
        lost += gone.len();
    }
    measured(
        "lost",
        format!(
            "{lost} of {acknowledged} in {kills} kills of Redis, everysec, none older than {WINDOW:?}"
        ),
    );
    serves_again(&store, 900_000).await;
    sound(&store).await;
}
