//! `doctor --repair`: each kind of disagreement is planted in a real Redis with its own hands,
//! found by name, left alone, mended, and never found again. The embedded store's own are with
//! its unit tests, for what they spoil is private.

use crate::commits::put;
use crate::server::RedisServer;
use crate::support::*;
use hotline::domain::*;
use hotline::store::audit::{Finding, audit, mend};
use hotline::store::redis::keys::{self, Keys, LEASED};
use hotline::store::redis::{RedisOptions, RedisStore};
use hotline::store::*;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

/// Three orders of one caller: one that somebody has under a lease, and one that is over.
struct Planted {
    redis: ::redis::Connection,
    keys: Keys,
    free: Arc<Order>,
    held: Arc<Order>,
    over: Arc<Order>,
}

impl Planted {
    fn run(&mut self, words: &[&[u8]]) {
        let mut command = ::redis::cmd(std::str::from_utf8(words[0]).unwrap());
        command.arg(&words[1..]).exec(&mut self.redis).unwrap();
    }

    /// Tray, member, score and the field of the lease of the place where an order waits.
    fn place(&self, order: &Order) -> (Vec<u8>, Vec<u8>, String, Vec<u8>) {
        let place = keys::place(order.no, &entries(order)[0]);
        let field = [&place.tray[..], &place.member].concat();
        (self.keys.tray(place.tray), place.member.to_vec(), place.score.to_string(), field)
    }

    /// Where it never waited.
    fn elsewhere(&self) -> Vec<u8> {
        self.keys.tray(keys::tray(unit("330411"), Desk::Lead))
    }
}

type Plant = fn(&mut Planted);

/// What is planted, and by which names it is found.
const ROWS: &[(&str, Plant, &[&str])] = &[
    (
        "a place is gone",
        |p| {
            let (tray, member, ..) = p.place(&p.free);
            p.run(&[b"ZREM", &tray, &member]);
        },
        &["missing_entry"],
    ),
    (
        "a place too many",
        |p| {
            let (_, member, score, _) = p.place(&p.free);
            let (tray, trays) = (p.elsewhere(), p.keys.trays());
            p.run(&[b"ZADD", &tray, score.as_bytes(), &member]);
            p.run(&[b"SADD", &trays, &tray[tray.len() - 9..]]);
        },
        &["stray_entry"],
    ),
    (
        "a place of an order that never was",
        |p| {
            let order = keys::id(number(4_000));
            let (tray, ..) = p.place(&p.free);
            p.run(&[b"ZADD", &tray, b"5", &[&order[..], &[0, 0]].concat()]);
            let due = p.keys.due();
            p.run(&[b"ZADD", &due, b"5", &order]);
        },
        &["stray_entry", "wrong_timer"],
    ),
    (
        "another deadline",
        |p| {
            let (tray, member, ..) = p.place(&p.free);
            p.run(&[b"ZADD", &tray, b"12345", &member]);
        },
        &["misplaced_entry"],
    ),
    (
        "another deadline under a lease",
        |p| {
            let (.., field) = p.place(&p.held);
            let leases = p.keys.leases();
            let record: String =
                ::redis::cmd("HGET").arg(&leases).arg(&field).query(&mut p.redis).unwrap();
            let parts: Vec<_> = record.split(' ').collect();
            let other = format!("{} 777 {}", parts[0], parts[2]);
            p.run(&[b"HSET", &leases, &field, other.as_bytes()]);
        },
        &["misplaced_entry"],
    ),
    (
        "a lease without its record",
        |p| {
            let (.., field) = p.place(&p.held);
            let leases = p.keys.leases();
            p.run(&[b"HDEL", &leases, &field]);
        },
        &["torn_lease"],
    ),
    (
        "a lease that ends at two times",
        |p| {
            let (tray, member, ..) = p.place(&p.held);
            p.run(&[b"ZADD", &tray, (LEASED + 5).to_string().as_bytes(), &member]);
        },
        &["torn_lease"],
    ),
    (
        "the record of a lease that nothing is under",
        |p| {
            let (.., score, field) = p.place(&p.free);
            let leases = p.keys.leases();
            p.run(&[b"HSET", &leases, &field, format!("9 {score} 9").as_bytes()]);
        },
        &["torn_lease"],
    ),
    (
        "the record of a lease of no place at all",
        |p| {
            let (_, member, score, _) = p.place(&p.free);
            let tray = p.elsewhere();
            let field = [&tray[tray.len() - 9..], &member].concat();
            let leases = p.keys.leases();
            p.run(&[b"HSET", &leases, &field, format!("9 {score} 9").as_bytes()]);
        },
        &["stray_entry"],
    ),
    (
        "a tray that nobody knows of",
        |p| {
            let (tray, ..) = p.place(&p.free);
            let trays = p.keys.trays();
            p.run(&[b"SREM", &trays, &tray[tray.len() - 9..]]);
        },
        // Both wait in it.
        &["missing_entry", "missing_entry"],
    ),
    (
        "no timer",
        |p| {
            let (due, id) = (p.keys.due(), keys::id(p.free.no));
            p.run(&[b"ZREM", &due, &id]);
        },
        &["wrong_timer"],
    ),
    (
        "another timer",
        |p| {
            let (due, id) = (p.keys.due(), keys::id(p.held.no));
            p.run(&[b"ZADD", &due, b"99", &id]);
        },
        &["wrong_timer"],
    ),
    (
        "in no list of all orders",
        |p| {
            let blocks = p.keys.blocks();
            p.run(&[b"ZREM", &blocks, &keys::block(p.free.no)]);
        },
        &["unlisted_order"],
    ),
    (
        "missing in the list of its caller",
        |p| {
            let callers = p.keys.callers();
            p.run(&[b"HSET", &callers, &sealed(p.free.no).phone, &keys::id(p.held.no)]);
        },
        &["caller_list"],
    ),
    (
        "in the list of another caller",
        |p| {
            let (callers, stranger) = (p.keys.callers(), sealed(number(9)).phone);
            let list = [keys::id(number(9)), keys::id(p.free.no)].concat();
            p.run(&[b"HSET", &callers, &stranger, &list]);
        },
        &["caller_list"],
    ),
    (
        "over, and in the list of its caller",
        |p| {
            let callers = p.keys.callers();
            let list = [p.over.no, p.free.no, p.held.no].map(keys::id).concat();
            p.run(&[b"HSET", &callers, &sealed(p.free.no).phone, &list]);
        },
        &["caller_list"],
    ),
    (
        "a counter",
        |p| {
            let tallies = p.keys.tallies();
            p.run(&[b"HINCRBY", &tallies, b"open", b"7"]);
        },
        &["wrong_counter"],
    ),
];

async fn city(server: &RedisServer) -> (Arc<dyn Store>, Planted) {
    let store: Arc<dyn Store> =
        RedisStore::open(&server.url(), cell(), RedisOptions::default()).await.unwrap();
    let held = put(&store, new_order(1, HEARD)).await;
    let free = put(&store, new_order(257, HEARD.plus(Span::minutes(1)))).await;
    let centre = actor(cell().centre(), Role::Dispatcher);
    let last = put(&store, new_order(513, HEARD)).await;
    let command = Command { actor: centre, action: Action::Withdraw };
    let now = HEARD.plus(Span::minutes(1));
    let over = put(&store, change(Some(last), &command, now).unwrap().unwrap()).await;
    // Somebody else's, on its way below.
    let other = put(&store, new_order(9, HEARD)).await;
    put(&store, step(&other, Action::Relay { to: None }, HEARD.plus(Span::minutes(2)))).await;
    let claimed = store.claim(&[cell().centre()], Desk::Lead, 1, LONG).await.unwrap();
    assert_eq!(claimed[0].order.no, held.no);
    assert_eq!(sealed(held.no).phone, sealed(free.no).phone);
    let redis = ::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    (store, Planted { redis, keys: Keys::of(cell()), free, held, over })
}

fn names(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_disagreement_is_found_mended_and_found_no_more() {
    let server = RedisServer::start("everysec");
    let (store, mut planted) = city(&server).await;
    assert_eq!(audit(&*store).await.unwrap(), []);
    for (what, plant, expected) in ROWS {
        plant(&mut planted);
        let found = audit(&*store).await.unwrap();
        // Counters are compared with the orders that can be found.
        let mut kinds = names(&found);
        kinds.retain(|name| *name != "wrong_counter" || expected.contains(name));
        assert_eq!(kinds, *expected, "{what}: {found:?}");
        assert!(found.iter().all(|finding| !finding.mended), "{what}");
        // Looking changed nothing.
        assert_eq!(audit(&*store).await.unwrap(), found, "{what}");
        let mended = mend(&*store).await.unwrap();
        // What is mended for one order may be right for the next.
        let (mut kinds, mut expected) = (names(&mended), expected.to_vec());
        kinds.dedup();
        expected.dedup();
        assert_eq!(kinds, expected, "{what}: {mended:?}");
        assert!(mended.iter().all(|finding| finding.mended), "{what}: {mended:?}");
        assert_eq!(audit(&*store).await.unwrap(), [], "{what}");
    }
    // The orders are where they must be, and the one lease that was torn is over.
    let claimed = store.claim(&[cell().centre()], Desk::Lead, 9, LONG).await.unwrap();
    let numbers: Vec<_> = claimed.iter().map(|claimed| claimed.order.no).collect();
    assert_eq!(numbers, [planted.held.no, planted.free.no]);
    let below = unit("330402");
    assert_eq!(store.claim(&[below], Desk::Lead, 9, LONG).await.unwrap().len(), 1);
}

/// Orders that cannot be read are named, each, and hide nothing of the others.
#[tokio::test]
async fn what_cannot_be_read_is_named_and_the_others_are_looked_at() {
    let server = RedisServer::start("everysec");
    let (store, mut planted) = city(&server).await;
    let orders = [planted.free.no, planted.over.no];
    for no in orders {
        let key = planted.keys.order(keys::id(no));
        planted.run(&[b"SETRANGE", &key, b"20", b"\xff\xff\xff"]);
    }
    let (tray, member, ..) = planted.place(&planted.held);
    planted.run(&[b"ZADD", &tray, b"12345", &member]);
    let (.., field) = planted.place(&planted.held);
    let leases = planted.keys.leases();
    planted.run(&[b"HDEL", &leases, &field]);
    let found = mend(&*store).await.unwrap();
    let damaged: Vec<_> = found.iter().filter(|f| f.name == "damaged").collect();
    assert_eq!(damaged.iter().filter_map(|f| f.order).collect::<Vec<_>>(), orders);
    assert!(damaged.iter().all(|f| !f.mended));
    let others: Vec<_> = found.iter().filter(|f| f.name != "damaged").collect();
    assert_eq!(
        others.iter().map(|f| (f.name, f.mended)).collect::<Vec<_>>(),
        [("misplaced_entry", true)]
    );
}

/// What is mended is checked in the same write: an order that is another by then, be it of the
/// same version, or has ended, is left alone.
#[tokio::test]
async fn an_order_that_is_another_by_now_is_not_mended() {
    let server = RedisServer::start("everysec");
    let (store, Planted { free, held, over, .. }) = city(&server).await;
    let other = Order { updated_at: free.updated_at.plus(Span(1)), ..Order::clone(&free) };
    let look = |order: &Arc<Order>| Look {
        no: order.no,
        order: Some(order.clone()),
        seen: entries(order),
        due: next_deadline(order).into_iter().collect(),
    };
    assert_eq!(store.reconcile(&look(&free), true).await.unwrap(), Some(Vec::new()));
    assert_eq!(store.reconcile(&look(&Arc::new(other)), true).await.unwrap(), None);
    // It was open when it was found to be missing in its caller's list.
    let open = new_order(513, HEARD).after;
    let phone = sealed(free.no).phone;
    let seen = store.of_caller(phone).await.unwrap();
    let right = [over.no, free.no, held.no];
    assert!(!store.mend_caller(phone, &seen, &right, &[open]).await.unwrap());
    assert_eq!(store.of_caller(phone).await.unwrap(), seen);
}

/// How many orders each mover has, and how often it moves each.
const ORDERS: u32 = 40;
const MOVES: i64 = 20;

/// Mended over and over while everything moves: nothing that a commit or a claim is at is taken
/// for a fault, or touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mending_under_load_touches_nothing_that_moves() {
    let server = RedisServer::start("everysec");
    let (store, _) = city(&server).await;
    let movers: Vec<_> = (1..=4).map(|mover| tokio::spawn(moves(store.clone(), mover))).collect();
    let mut mends = 0;
    while !movers.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(mend(&*store).await.unwrap(), []);
        mends += 1;
    }
    for mover in movers {
        mover.await.unwrap();
    }
    println!("mended {mends} times, and nothing was touched");
    assert!(mends > 1);
    assert_eq!(audit(&*store).await.unwrap(), []);
}

/// Files orders, moves each with a claim here and there, and withdraws it.
async fn moves(store: Arc<dyn Store>, mover: u32) {
    let centre = || actor(cell().centre(), Role::Dispatcher);
    for seq in 0..ORDERS {
        let mut order = put(&store, new_order(mover * 1_000 + seq, HEARD)).await;
        for at in 1..=MOVES {
            let short = Duration::from_millis(5);
            store.claim(&[cell().centre()], Desk::Lead, 2, short).await.unwrap();
            let action = match at {
                2 => Action::Relay { to: None },
                MOVES => Action::Withdraw,
                _ => Action::Urge,
            };
            let command = Command { actor: centre(), action };
            let now = HEARD.plus(Span::seconds(5 * at));
            order = put(&store, change(Some(order), &command, now).unwrap().unwrap()).await;
        }
    }
}
