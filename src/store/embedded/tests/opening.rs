//! Every reason not to open a file, and what is said about it.

use super::super::tables::*;
use super::super::{Embedded, requests};
use super::{cell, new_order, number};
use crate::clock::wall_now;
use crate::store::{RequestId, Store, StoreError, audit};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;

fn refusal(path: &Path) -> String {
    match Embedded::open(path, cell()) {
        Ok(_) => panic!("it opened"),
        Err(e) => e.to_string(),
    }
}

/// Changes a closed file by hand.
fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let db = Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

#[test]
fn a_file_that_is_not_ours_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let says = |path: &Path, words: &str| {
        let said = refusal(path);
        assert!(said.contains(words), "{said}");
    };
    says(&folder.path().join("no/such/folder/cell.redb"), "make it first");
    says(folder.path(), "is a folder");
    let text = folder.path().join("text");
    std::fs::write(&text, "something else entirely ".repeat(1_000)).unwrap();
    says(&text, "not a hotline store");
    let other = folder.path().join("other.redb");
    tamper(&other, |txn| {
        txn.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
    });
    says(&other, "of another program");

    let open = Embedded::open(&path, cell()).unwrap();
    says(&path, "another hotline has");
    drop(open);
    let wrong = Embedded::open(&path, "3301".parse().unwrap());
    let said = wrong.err().unwrap().to_string();
    assert!(said.contains("holds the cell 3304, not 3301"), "{said}");
    tamper(&path, |txn| {
        let mut meta = txn.open_table(META).unwrap();
        meta.insert(META_FORMAT, (FORMAT + 1).to_be_bytes().as_slice()).unwrap();
    });
    let newer = Embedded::open(&path, cell()).err().unwrap();
    assert!(matches!(newer, StoreError::TooNew { .. }), "{newer}");
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    Embedded::open(&path, cell()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_damaged_order_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let store = Embedded::open(&path, cell()).unwrap();
    store.commit(new_order(7)).await.unwrap();
    drop(store);
    tamper(&path, |txn| {
        let mut orders = txn.open_table(ORDERS).unwrap();
        let key = order_key(number(7));
        let mut bytes = orders.get(&key).unwrap().unwrap().value().to_vec();
        bytes[20] ^= 1;
        orders.insert(&key, bytes.as_slice()).unwrap();
    });
    let said = refusal(&path);
    assert!(said.contains(&number(7).to_string()) && said.contains("backup"), "{said}");
}

#[tokio::test]
async fn requests_over_their_memory_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let store = Embedded::open(&path, cell()).unwrap();
    store.commit(new_order(1)).await.unwrap();
    drop(store);
    // As if it had been long ago.
    tamper(&path, |txn| {
        let mut table = txn.open_table(REQUESTS).unwrap();
        let now = requests::bucket_of(wall_now());
        for pack in 0..3 {
            let value = table.get(&request_key(now, 0)).unwrap().unwrap().value().to_vec();
            let old = request_key(now - requests::BUCKETS, pack);
            table.insert(&old, value.as_slice()).unwrap();
        }
        table.remove(&request_key(now, 0)).unwrap();
    });
    let store = Embedded::open(&path, cell()).unwrap();
    assert_eq!(store.remembered(RequestId(1)).await.unwrap(), None);
    store.commit(new_order(2)).await.unwrap();
    assert!(store.remembered(RequestId(2)).await.unwrap().is_some());
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
    drop(store);
    let db = Database::create(&path).unwrap();
    let table = db.begin_read().unwrap().open_table(REQUESTS).unwrap();
    let left = table.range::<&[u8; 12]>(..).unwrap().count();
    assert_eq!(left, 1);
}

/// The audit itself is checked: it finds what is broken on purpose.
#[tokio::test]
async fn the_audit_finds_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let store = Embedded::open(&path, cell()).unwrap();
    for seq in 1..=3 {
        store.commit(new_order(seq)).await.unwrap();
    }
    drop(store);
    tamper(&path, |txn| {
        txn.open_table(PAPERS).unwrap().remove(&paper_key(number(1), 0)).unwrap();
        txn.open_table(CONTACTS).unwrap().remove(&order_key(number(2))).unwrap();
        // With its snapshot gone, a whole order is: the counters and the feed remember it.
        txn.open_table(ORDERS).unwrap().remove(&order_key(number(3))).unwrap();
    });
    let store = Embedded::open(&path, cell()).unwrap();
    let found = audit::audit(&*store).await.unwrap();
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    let said = shown.join("\n");
    let lost = format!("order {}: the feed tells of it, but it does not exist", number(3));
    for words in [
        format!("order {}: lacks paper 0", number(1)),
        format!("order {}: lacks its contact", number(2)),
        lost,
        "the counter open says 3, but 2 orders do".to_owned(),
    ] {
        assert!(said.contains(&words), "{words} is not in\n{said}");
    }
}

/// However many contacts of orders that are over lie between them, each open order is its own
/// caller's again, and waits where it waited.
#[tokio::test]
async fn each_open_order_is_found_with_its_caller() {
    const FILED: u32 = 60;
    const OPEN: [u32; 6] = [2, 3, 8, 40, 41, 60];
    const WITHOUT_CONTACT: u32 = 41;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.redb");
    let store = Embedded::open(&path, cell()).unwrap();
    for seq in 1..=FILED {
        let mut change = new_order(seq);
        change.contact.as_mut().unwrap().phone = [seq as u8; 16];
        store.commit(change).await.unwrap();
    }
    let entries = store.all_entries().await.unwrap();
    let deadlines = store.all_deadlines().await.unwrap();
    store.close().await;
    drop(store);
    tamper(&path, |txn| {
        let mut orders = txn.open_table(ORDERS).unwrap();
        for seq in (1..=FILED).filter(|seq| !OPEN.contains(seq)) {
            orders.remove(&order_key(number(seq))).unwrap();
        }
        let mut contacts = txn.open_table(CONTACTS).unwrap();
        contacts.remove(&order_key(number(WITHOUT_CONTACT))).unwrap();
    });
    let store = Embedded::open(&path, cell()).unwrap();
    for seq in 1..=FILED {
        let theirs = OPEN.contains(&seq) && seq != WITHOUT_CONTACT;
        let found = store.of_caller([seq as u8; 16]).await.unwrap();
        assert_eq!(found, if theirs { vec![number(seq)] } else { Vec::new() }, "order {seq}");
    }
    let is_open = |no: &crate::domain::OrderNo| OPEN.contains(&no.seq());
    let mut left: Vec<_> = entries.into_iter().filter(|(_, no)| is_open(no)).collect();
    let mut found = store.all_entries().await.unwrap();
    left.sort_by_key(|(_, no)| *no);
    found.sort_by_key(|(_, no)| *no);
    assert_eq!(found, left);
    let left: Vec<_> = deadlines.into_iter().filter(|(_, no)| is_open(no)).collect();
    assert_eq!(store.all_deadlines().await.unwrap(), left);
    for seq in 1..=FILED {
        let id = RequestId(u128::from(seq));
        assert!(store.remembered(id).await.unwrap().is_some(), "request {seq}");
    }
}
