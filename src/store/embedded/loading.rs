//! Reading what must be in memory: every open order and everything indexed of it, whose it is,
//! and the request ids that still count.
//!
//! With a million open orders that is what an opening takes its time for. So the three are read
//! at once, each in a transaction of its own, for nobody writes yet; and what is sorted is
//! sorted once and built whole.

use super::Map;
use super::hot::{Caller, Hot, Kept};
use super::opening::damaged;
use super::requests::{BUCKETS, Requests, Slot, bucket_of};
use super::tables::*;
use super::tray::{Place, Tray};
use crate::clock::wall_now;
use crate::domain::{Desk, Entry, OrderNo, Unit, entries, next_deadline};
use crate::store::{StoreError, codec};
use redb::{Database, ReadableDatabase, ReadableTable};
use std::panic::resume_unwind;
use std::thread;

/// How many contacts of orders that are over are passed by before the next is looked up: most
/// orders that stand side by side in the file are open together, or over together.
const PASSED: usize = 8;

/// Reads them. Returns the number of the next pack of requests.
pub(super) fn load(db: &Database, hot: &mut Hot) -> Result<u64, StoreError> {
    let (orders, callers, requests) = thread::scope(|scope| {
        let callers = scope.spawn(|| load_callers(db));
        let requests = scope.spawn(|| load_requests(db));
        let orders = load_orders(db);
        let joined = (callers.join(), requests.join());
        let callers = joined.0.unwrap_or_else(|panic| resume_unwind(panic));
        let requests = joined.1.unwrap_or_else(|panic| resume_unwind(panic));
        (orders, callers, requests)
    });
    let (orders, callers, (requests, next_pack)) = (orders?, callers?, requests?);
    let Orders { kept, trays, deadlines } = orders;
    let Callers { of_each, orders_of } = callers;
    thread::scope(|scope| {
        scope.spawn(|| {
            let sorted = trays.into_iter().map(|(whose, places)| (whose, Tray::of(places)));
            hot.trays = sorted.collect();
            hot.deadlines = deadlines.into_iter().collect();
        });
        let kept = kept.into_iter().zip(of_each);
        hot.orders = kept.map(|((no, kept), caller)| (no, Kept { caller, ..kept })).collect();
    });
    hot.callers = orders_of;
    hot.requests = requests;
    hot.archive_end = archive_end(db)?;
    Ok(next_pack)
}

/// The open orders, ascending, and what is indexed of them.
#[derive(Default)]
struct Orders {
    kept: Vec<(OrderNo, Kept)>,
    trays: Map<(Unit, Desk), Vec<(Place, u16)>>,
    deadlines: Vec<Place>,
}

fn load_orders(db: &Database) -> Result<Orders, StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    let orders = read.open_table(ORDERS).map_err(damaged)?;
    let mut found = Orders::default();
    for row in orders.range::<&[u8; 8]>(..).map_err(damaged)? {
        let (_, value) = row.map_err(damaged)?;
        let order = codec::decode_order(value.value())?;
        let no = order.no;
        for Entry { unit, desk, assignment, deadline } in entries(&order) {
            let tray = found.trays.entry((unit, desk)).or_default();
            tray.push(((deadline, no), assignment));
        }
        found.deadlines.extend(next_deadline(&order).map(|deadline| (deadline, no)));
        let (version, snapshot) = (order.version, value.value().into());
        found.kept.push((no, Kept { version, snapshot, caller: None }));
    }
    Ok(found)
}

/// Whose each open order is, in the order of the orders, and which are each caller's.
#[derive(Default)]
struct Callers {
    of_each: Vec<Option<Caller>>,
    orders_of: Map<Caller, Vec<OrderNo>>,
}

fn load_callers(db: &Database) -> Result<Callers, StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    let orders = read.open_table(ORDERS).map_err(damaged)?;
    let contacts = read.open_table(CONTACTS).map_err(damaged)?;
    let mut ahead = contacts.range::<&[u8; 8]>(..).map_err(damaged)?;
    let mut at = ahead.next().transpose().map_err(damaged)?;
    let mut callers = Callers::default();
    for row in orders.range::<&[u8; 8]>(..).map_err(damaged)? {
        let (key, _) = row.map_err(damaged)?;
        let mut passed = 0;
        while at.as_ref().is_some_and(|(at, _)| at.value() < key.value()) {
            if passed == PASSED {
                ahead = contacts.range::<&[u8; 8]>(key.value()..).map_err(damaged)?;
            }
            passed += 1;
            at = ahead.next().transpose().map_err(damaged)?;
        }
        let contact = at.as_ref().filter(|(at, _)| at.value() == key.value());
        // A contact that cannot be read is for whoever asks for it to find.
        let contact = contact.and_then(|(_, value)| codec::decode_contact(value.value()).ok());
        let caller = contact.map(|contact| contact.phone);
        callers.of_each.push(caller);
        if let (Some(caller), Some(no)) = (caller, order_no(key.value())) {
            callers.orders_of.entry(caller).or_default().push(no);
        }
    }
    Ok(callers)
}

/// And the number of the next pack.
fn load_requests(db: &Database) -> Result<(Requests, u64), StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    let table = read.open_table(REQUESTS).map_err(damaged)?;
    let oldest = bucket_of(wall_now()).saturating_sub(BUCKETS - 1);
    let (mut requests, mut next) = (Requests::default(), 0);
    for row in table.range::<&[u8; 12]>(&request_key(oldest, 0)..).map_err(damaged)? {
        let (key, value) = row.map_err(damaged)?;
        let (bucket, pack) = split_request_key(key.value());
        next = next.max(pack + 1);
        let records = unpack(value.value()).ok_or_else(|| {
            StoreError::Damaged(format!("requests {bucket}/{pack}; restore a backup"))
        })?;
        for (index, record) in records.iter().enumerate() {
            if let Some((id, _)) = record.split_first_chunk() {
                let slot = Slot { bucket, pack, index: index as u8 };
                requests.insert(u128::from_be_bytes(*id), slot);
            }
        }
    }
    Ok((requests, next))
}

/// The highest number that was ever archived.
fn archive_end(db: &Database) -> Result<Option<OrderNo>, StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    let archived = read.open_table(ARCHIVED).map_err(damaged)?;
    let last = archived.last().map_err(damaged)?;
    Ok(last.and_then(|(key, _)| order_no(key.value())))
}

/// The order that a key names.
fn order_no(key: &[u8; 8]) -> Option<OrderNo> {
    OrderNo::from_code(u64::from_be_bytes(*key)).ok()
}
