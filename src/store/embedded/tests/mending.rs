//! `doctor --repair`: each kind of disagreement that this store can have, planted in its memory
//! or in its file, found by name, left alone, mended, and never found again.

use super::super::hot::Hot;
use super::super::tables::{ARCHIVED, META, META_TALLIES, ORDERS, order_key};
use super::super::{Embedded, opening::write_tallies};
use super::{HEARD, cell, new_order, number};
use crate::domain::*;
use crate::store::audit::{audit, mend};
use crate::store::{Change, Store, codec};
use redb::{Database, ReadableTable};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn names(findings: &[crate::store::audit::Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.name).collect()
}

type Spoil = fn(&mut Hot);

fn place(hot: &Hot, seq: u32) -> (Unit, Desk, Timestamp) {
    let order = codec::decode_order(&hot.orders[&number(seq)].snapshot).unwrap();
    let entry = entries(&order)[0];
    (entry.unit, entry.desk, entry.deadline)
}

const IN_MEMORY: &[(&str, Spoil, &[&str])] = &[
    (
        "a place is gone",
        |hot| {
            let (unit, desk, at) = place(hot, 1);
            hot.trays.get_mut(&(unit, desk)).unwrap().remove((at, number(1)));
        },
        &["missing_entry"],
    ),
    (
        "a place too many",
        |hot| {
            let tray = hot.trays.entry((cell().centre(), Desk::Review)).or_default();
            tray.insert((HEARD, number(1)), 3, None);
        },
        &["stray_entry"],
    ),
    (
        "another deadline",
        |hot| {
            let (unit, desk, at) = place(hot, 1);
            let tray = hot.trays.get_mut(&(unit, desk)).unwrap();
            tray.remove((at, number(1)));
            tray.insert((HEARD, number(1)), 0, None);
        },
        &["missing_entry", "stray_entry"],
    ),
    (
        "a place of an order that never was",
        |hot| {
            let tray = hot.trays.entry((cell().centre(), Desk::Lead)).or_default();
            tray.insert((HEARD, number(40)), 0, None);
            hot.deadlines.insert((HEARD, number(40)));
        },
        &["stray_entry", "wrong_timer"],
    ),
    (
        "held and free at once",
        |hot| {
            let (unit, desk, at) = place(hot, 2);
            let tray = hot.trays.get_mut(&(unit, desk)).unwrap();
            assert!(tray.remove((at, number(2))).is_none(), "it is free");
            let now = crate::clock::tick();
            tray.insert((at, number(2)), 0, None);
            while tray.claim_first(77, now + Duration::from_secs(600)).unwrap().0.1 != number(2) {}
            tray.insert((at, number(2)), 0, None);
        },
        &["torn_lease"],
    ),
    ("no timer", |hot| hot.deadlines.retain(|(_, no)| *no != number(1)), &["wrong_timer"]),
    (
        "a timer too many",
        |hot| {
            hot.deadlines.insert((HEARD, number(2)));
        },
        &["wrong_timer"],
    ),
    ("missing in the list of its caller", |hot| hot.callers.clear(), &["caller_list"; 2]),
    ("a counter", |hot| hot.tallies[9] += 3, &["wrong_counter"]),
];

#[tokio::test]
async fn what_is_wrong_in_memory_is_found_mended_and_found_no_more() {
    assert_eq!(TALLIES[9], "open");
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("cell.redb"), cell()).unwrap();
    for seq in 1..=2 {
        store.commit(new_order(seq)).await.unwrap();
    }
    assert_eq!(audit(&*store).await.unwrap(), []);
    for (what, spoil, expected) in IN_MEMORY {
        spoil(&mut store.shared.write());
        let found = audit(&*store).await.unwrap();
        assert_eq!(names(&found), *expected, "{what}: {found:?}");
        assert_eq!(audit(&*store).await.unwrap(), found, "{what}: looking changed nothing");
        let mended = mend(&*store).await.unwrap();
        assert_eq!(names(&mended), *expected, "{what}");
        assert!(mended.iter().all(|finding| finding.mended), "{what}: {mended:?}");
        assert_eq!(audit(&*store).await.unwrap(), [], "{what}");
    }
    let caller = new_order(1).contact.unwrap().phone;
    assert_eq!(store.of_caller(caller).await.unwrap(), [number(2), number(1)]);
}

fn spoil_file(path: &Path, spoil: impl Fn(&redb::WriteTransaction)) {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    spoil(&txn);
    txn.commit().unwrap();
}

/// The order over, or one step further.
fn then(before: &Arc<Order>, action: Action) -> Change {
    let actor = Actor { staff: Arc::from("1"), unit: cell().centre(), role: Role::Dispatcher };
    let command = Command { actor, action };
    let Decision { after, events } =
        decide(Some(before), &command, HEARD.plus(Span::minutes(1))).unwrap();
    let (before, after) = (Some(before.clone()), Arc::new(after));
    let (papers, contact, request) = (Vec::new(), None, None);
    Change { before, after, events, papers, contact, request, lease: None, mode: None }
}

type SpoilFile = fn(&redb::WriteTransaction);

/// Order 1 waits, order 2 is over.
const IN_THE_FILE: &[(&str, SpoilFile, &[&str])] = &[
    (
        "an open order filed among those that are over",
        |txn| {
            let key = order_key(number(1));
            let mut orders = txn.open_table(ORDERS).unwrap();
            let bytes = orders.remove(&key).unwrap().unwrap().value().to_vec();
            txn.open_table(ARCHIVED).unwrap().insert(&key, bytes.as_slice()).unwrap();
        },
        &["caller_list", "misfiled_order", "missing_entry", "wrong_timer"],
    ),
    (
        "an order that is over filed among the open ones",
        |txn| {
            let key = order_key(number(2));
            let mut archived = txn.open_table(ARCHIVED).unwrap();
            let bytes = archived.remove(&key).unwrap().unwrap().value().to_vec();
            txn.open_table(ORDERS).unwrap().insert(&key, bytes.as_slice()).unwrap();
        },
        &["caller_list", "misfiled_order"],
    ),
    (
        "an order filed twice",
        |txn| {
            let key = order_key(number(1));
            let orders = txn.open_table(ORDERS).unwrap();
            let bytes = orders.get(&key).unwrap().unwrap().value().to_vec();
            txn.open_table(ARCHIVED).unwrap().insert(&key, bytes.as_slice()).unwrap();
        },
        &["misfiled_order"],
    ),
    (
        "counters",
        |txn| {
            let mut tallies = [0; TALLIES.len()];
            tallies[9] = 40;
            let bytes = write_tallies(&tallies);
            txn.open_table(META).unwrap().insert(META_TALLIES, bytes.as_slice()).unwrap();
        },
        &["wrong_counter", "wrong_counter"],
    ),
];

#[tokio::test]
async fn what_is_wrong_in_the_file_is_found_mended_and_found_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let store = Embedded::open(&path, cell()).unwrap();
    for seq in 1..=2 {
        store.commit(new_order(seq)).await.unwrap();
    }
    let second = store.load(number(2)).await.unwrap().unwrap();
    store.commit(then(&second, Action::Withdraw)).await.unwrap();
    assert_eq!(audit(&*store).await.unwrap(), []);
    drop(store);
    for (what, spoil, expected) in IN_THE_FILE {
        spoil_file(&path, spoil);
        let store = Embedded::open(&path, cell()).unwrap();
        let found = audit(&*store).await.unwrap();
        assert_eq!(names(&found), *expected, "{what}: {found:?}");
        let mended = mend(&*store).await.unwrap();
        assert!(mended.iter().any(|finding| finding.mended), "{what}: {mended:?}");
        assert_eq!(audit(&*store).await.unwrap(), [], "{what}");
        drop(store);
        // And so it stays.
        let store = Embedded::open(&path, cell()).unwrap();
        assert_eq!(audit(&*store).await.unwrap(), [], "{what}, opened again");
        let first = store.load(number(1)).await.unwrap().unwrap();
        assert!(first.is_open(), "{what}");
        drop(store);
    }
    // What was mended can be worked with.
    let store = Embedded::open(&path, cell()).unwrap();
    let first = store.load(number(1)).await.unwrap().unwrap();
    store.commit(then(&first, Action::Withdraw)).await.unwrap();
    assert_eq!(audit(&*store).await.unwrap(), []);
}
