//! What is in the file: the tables, their keys, and how small records share one value.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | a name | format, cell, epoch, claims, tallies, mode; `feed`: after which number it goes on, and its `leaps`; `number` + day → highest number given; `trimmed`: the last batch of the feed that left; `consumer` + name → how far it has read |
//! | `orders` | number | snapshot of an order that is not archived |
//! | `archived` | number | snapshot of one that is, so that opening need not read it |
//! | `papers` | number, index | paper |
//! | `contacts` | number | sealed contact |
//! | `requests` | bucket of time, pack | pack of (request id, what was answered) |
//! | `feed` | sequence | pack of (events of one step) |
//! | `indicators` | day, dimension, number | what was counted there, four bytes each |
//!
//! Keys are big-endian, so that they sort as their numbers do and what is new is appended.
//! Requests and events of a batch share values (a *pack*): one insert in place of dozens,
//! and request ids, which are random, never scatter over a tree.

use crate::domain::OrderNo;
use redb::TableDefinition;

/// The layout of the file. A higher one is of a newer program.
pub(super) const FORMAT: u16 = 1;

pub(super) type ByNo = TableDefinition<'static, &'static [u8; 8], &'static [u8]>;

pub(super) const META: TableDefinition<&[u8], &[u8]> = TableDefinition::new("meta");
pub(super) const ORDERS: ByNo = TableDefinition::new("orders");
pub(super) const ARCHIVED: ByNo = TableDefinition::new("archived");
pub(super) const PAPERS: TableDefinition<&[u8; 10], &[u8]> = TableDefinition::new("papers");
pub(super) const CONTACTS: ByNo = TableDefinition::new("contacts");
pub(super) const REQUESTS: TableDefinition<&[u8; 12], &[u8]> = TableDefinition::new("requests");
pub(super) const FEED: ByNo = TableDefinition::new("feed");
pub(super) const INDICATORS: TableDefinition<&[u8; 11], &[u8]> = TableDefinition::new("indicators");

/// Two bytes: the layout of the file.
pub(super) const META_FORMAT: &[u8] = b"format";
/// Two bytes: the city.
pub(super) const META_CELL: &[u8] = b"cell";
/// Eight bytes: the feed's epoch.
pub(super) const META_EPOCH: &[u8] = b"epoch";
/// Eight bytes: where the claims of the last opening began.
pub(super) const META_CLAIMS: &[u8] = b"claims";
/// Every counter that is not zero: length of the name, the name, eight bytes.
pub(super) const META_TALLIES: &[u8] = b"tallies";
/// The city's mode row.
pub(super) const META_MODE: &[u8] = b"mode";
/// Eight bytes: the batch of the feed with the last announcement.
pub(super) const META_ANNOUNCED: &[u8] = b"announced";
/// Eight bytes: the last batch of the feed that left.
pub(super) const META_TRIMMED: &[u8] = b"trimmed";
/// Before the name of a consumer: epoch, sequence, index, and when it said so.
pub(super) const META_CONSUMER: &[u8] = b"consumer";
/// Eight bytes: after which number the feed goes on at least.
pub(super) const META_FEED: &[u8] = b"feed";
/// Sixteen bytes each: where the feed leapt, from and to.
pub(super) const META_LEAPS: &[u8] = b"leaps";
/// Before two bytes of day: four bytes, the highest number given.
pub(super) const META_NUMBER: &[u8] = b"number";

pub(super) fn order_key(no: OrderNo) -> [u8; 8] {
    no.code().to_be_bytes()
}

pub(super) fn paper_key(no: OrderNo, index: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..8].copy_from_slice(&order_key(no));
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Where a marginal is counted on a day.
pub(super) fn indicator_key(day: u16, dimension: u8, code: u64) -> [u8; 11] {
    let mut key = [0; 11];
    key[..2].copy_from_slice(&day.to_be_bytes());
    key[2] = dimension;
    key[3..].copy_from_slice(&code.to_be_bytes());
    key
}

pub(super) fn number_key(day: u16) -> Vec<u8> {
    [META_NUMBER, &day.to_be_bytes()].concat()
}

pub(super) fn request_key(bucket: u32, pack: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&bucket.to_be_bytes());
    key[4..].copy_from_slice(&pack.to_be_bytes());
    key
}

pub(super) fn split_request_key(key: &[u8; 12]) -> (u32, u64) {
    let (mut bucket, mut pack) = ([0; 4], [0; 8]);
    bucket.copy_from_slice(&key[..4]);
    pack.copy_from_slice(&key[4..]);
    (u32::from_be_bytes(bucket), u64::from_be_bytes(pack))
}

/// A pack is closed at this size: with its key it stays within a page of the file.
pub(super) const PACK_BYTES: usize = 3_500;
/// And at this many records, so that the place in it fits a byte.
pub(super) const PACK_MOST: usize = 128;

/// Small records in one value: `length · bytes` each, and a checksum over all.
#[derive(Default)]
pub(super) struct Pack {
    bytes: Vec<u8>,
    len: usize,
}

impl Pack {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a record of this size belongs into the next pack. One that is larger than a
    /// pack has one of its own.
    pub(super) fn is_full_for(&self, size: usize) -> bool {
        self.len == PACK_MOST || (self.len > 0 && self.bytes.len() + size + 8 > PACK_BYTES)
    }

    pub(super) fn push(&mut self, head: &[u8], tail: &[u8]) {
        let len = (head.len() + tail.len()) as u32;
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(tail);
        self.len += 1;
    }

    /// The value to write; the pack is empty again.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let sum = crc32fast::hash(&self.bytes);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
        self.len = 0;
        std::mem::take(&mut self.bytes)
    }
}

/// The records of a pack; `None` if it is not what was written.
pub(super) fn unpack(value: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut rest, sum) = value.split_last_chunk::<4>()?;
    if crc32fast::hash(rest).to_le_bytes() != *sum {
        return None;
    }
    let mut records = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let (record, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        records.push(record);
        rest = after;
    }
    rest.is_empty().then_some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_unpack() {
        let mut pack = Pack::default();
        pack.push(b"id", b"record");
        pack.push(b"", b"");
        let value = pack.take();
        assert!(pack.is_empty());
        assert_eq!(unpack(&value), Some(vec![&b"idrecord"[..], &b""[..]]));
        for len in 0..value.len() {
            assert_eq!(unpack(&value[..len]), None, "cut to {len}");
        }
        for at in 0..value.len() {
            let mut other = value.clone();
            other[at] ^= 1;
            assert_eq!(unpack(&other), None, "byte {at}");
        }
    }

    #[test]
    fn a_record_larger_than_a_pack_has_its_own() {
        let mut pack = Pack::default();
        assert!(!pack.is_full_for(PACK_BYTES * 2));
        pack.push(b"", &[0; PACK_BYTES * 2]);
        assert!(pack.is_full_for(1));
        assert_eq!(unpack(&pack.take()).map(|records| records.len()), Some(1));
    }
}
