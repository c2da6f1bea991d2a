//! An image of a cell: everything it holds at one moment, in rows that no store has as its
//! own, so that what one store hands out any other can take in.
//!
//! | kind | key | value |
//! |---|---|---|
//! | `Order` | number (8) | the codec's record |
//! | `OrderAgain` | number (8) | the same, of an order that moved while the image was taken: whatever stands before it of that order does not count. Empty: the order is gone |
//! | `Contact` | number (8) | the codec's record, sealed |
//! | `Paper` | number (8), index (2) | the codec's record |
//! | `Feed` | sequence (8) | a frame for each step: length (4), how many events (4), the codec's record |
//! | `Request` | request id (16) | the codec's record of what was answered |
//! | `Indicator` | day (2), dimension (1), number (8) | what was counted there, four bytes each, without the zeros at the end |
//! | `Tally` | name | the counter (8), never zero |
//! | `Mode` | nothing | the codec's record |
//! | `Number` | day (2) | the highest number given (4) |
//! | `Consumer` | name | how far it has read: epoch (8), sequence (8), index (4); when it said so (8) |
//! | `Trimmed` | nothing | the last number of the feed that has left (8): what stands in the file up to it does not count |
//!
//! Whole numbers are big-endian. What belongs to an order follows it: its contact, then its
//! papers. The feed comes in its order; nothing else has one. Trays, deadlines and callers are
//! derived from the orders, and leases end with the store they were given in: none of that is
//! in an image. Nor is what has left the store: it lies in files of its own.
//!
//! A new kind of row is a new line of [`Kind`]; the compiler names every place that must know
//! it. A program that does not know a kind refuses the file.
//!
//! - [`out`]: how a store hands out its rows
//! - [`file`]: how rows lie in a file
//! - [`restore`]: how a file becomes a store
//! - [`leap`]: what a restored store passes over, for its original may have gone on

pub mod file;
pub mod leap;
pub mod out;
pub mod restore;

pub use file::{Head, ImageError, Summary};
pub use out::{Out, Piece, take};
pub use restore::{Plan, RestoreError, Target, Whole};

use super::{Consumer, Cursor, StoreError};
use crate::domain::{OrderNo, Timestamp};
use foldhash::fast::FixedState;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The kinds, each with its byte in the file and its name, from one list.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $byte:literal, $name:literal;)+) => {
        /// What a row is of.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind {
            $($(#[$doc])* $kind = $byte,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$kind),+];

            /// Its name, as summaries have it.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name),+ }
            }

            /// Back from its byte.
            pub fn from_byte(byte: u8) -> Option<Kind> {
                match byte { $($byte => Some(Kind::$kind),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// An order.
    Order = 1, "orders";
    /// An order that moved while the image was taken.
    OrderAgain = 2, "orders_again";
    /// An order's contact.
    Contact = 3, "contacts";
    /// A paper of an order.
    Paper = 4, "papers";
    /// A batch of the feed.
    Feed = 5, "feed";
    /// A remembered request.
    Request = 6, "requests";
    /// What was counted of something on a day.
    Indicator = 7, "indicators";
    /// A counter.
    Tally = 8, "tallies";
    /// The city's mode.
    Mode = 9, "mode";
    /// The numbers of a day.
    Number = 10, "numbers";
    /// Who reads the feed under a name.
    Consumer = 11, "consumers";
    /// What has left the feed.
    Trimmed = 12, "trimmed";
}

impl Kind {
    /// Whether a restored store has these rows to the byte.
    fn is_kept(self) -> bool {
        match self {
            Kind::Order
            | Kind::OrderAgain
            | Kind::Contact
            | Kind::Paper
            | Kind::Feed
            | Kind::Request
            | Kind::Indicator
            | Kind::Tally
            | Kind::Mode
            | Kind::Consumer
            | Kind::Trimmed => true,
            // They skip ahead.
            Kind::Number => false,
        }
    }
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What it is of.
    pub kind: Kind,
    /// Which one.
    pub key: Vec<u8>,
    /// What is kept of it.
    pub value: Vec<u8>,
}

impl Row {
    /// A row.
    pub fn new(kind: Kind, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Row {
        Row { kind, key: key.into(), value: value.into() }
    }

    /// A row of an order: its record, contact or first paper.
    pub fn of_order(kind: Kind, no: OrderNo, value: impl Into<Vec<u8>>) -> Row {
        Row::new(kind, no.code().to_be_bytes(), value)
    }

    /// A paper.
    pub fn paper(no: OrderNo, index: u16, value: impl Into<Vec<u8>>) -> Row {
        let mut key = no.code().to_be_bytes().to_vec();
        key.extend_from_slice(&index.to_be_bytes());
        Row::new(Kind::Paper, key, value)
    }

    /// How far a consumer of the feed has read.
    pub fn consumer(consumer: &Consumer) -> Row {
        let Consumer { name, cursor: Cursor { epoch, sequence, index }, at } = consumer;
        let mut value = [epoch.to_be_bytes(), sequence.to_be_bytes()].concat();
        value.extend_from_slice(&index.to_be_bytes());
        value.extend_from_slice(&at.0.to_be_bytes());
        Row::new(Kind::Consumer, name.as_bytes(), value)
    }

    /// Back from [`Row::consumer`].
    pub fn place(&self) -> Result<Consumer, StoreError> {
        let name = std::str::from_utf8(&self.key).map_err(|_| self.odd())?.to_owned();
        let value: &[u8; 28] = self.value.as_slice().try_into().map_err(|_| self.odd())?;
        let (numbers, index) = (value.as_chunks::<8>().0, &value[16..20]);
        let index = index.try_into().map_err(|_| self.odd())?;
        let at = value[20..].try_into().map_err(|_| self.odd())?;
        let cursor = Cursor {
            epoch: u64::from_be_bytes(numbers[0]),
            sequence: u64::from_be_bytes(numbers[1]),
            index: u32::from_be_bytes(index),
        };
        Ok(Consumer { name, cursor, at: Timestamp(i64::from_be_bytes(at)) })
    }

    /// What has left the feed.
    pub fn trimmed(sequence: u64) -> Row {
        Row::new(Kind::Trimmed, [], sequence.to_be_bytes())
    }

    /// The one number that is its value.
    pub fn number(&self) -> Result<u64, StoreError> {
        let value = self.value.as_slice().try_into().map_err(|_| self.odd())?;
        Ok(u64::from_be_bytes(value))
    }

    /// The order it belongs to, where it belongs to one.
    pub fn order(&self) -> Result<OrderNo, StoreError> {
        let (code, _) = self.key.split_first_chunk::<8>().ok_or_else(|| self.odd())?;
        OrderNo::from_code(u64::from_be_bytes(*code)).map_err(|_| self.odd())
    }

    /// A key of this length.
    pub fn key<const N: usize>(&self) -> Result<[u8; N], StoreError> {
        self.key.as_slice().try_into().map_err(|_| self.odd())
    }

    /// What is said of a row that is not what its kind is.
    pub fn odd(&self) -> StoreError {
        StoreError::Damaged(format!("the image's {}: a row is none", self.kind.name()))
    }

    /// About how much it takes.
    fn weight(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// At which moment an image was taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Moment {
    /// The feed's epoch.
    pub epoch: u64,
    /// The last number of the feed that was given: everything up to it is in the image, and
    /// nothing after it.
    pub sequence: u64,
    /// A number that no claim until then was above.
    pub claims: u64,
    /// When that was, by the clock on the wall.
    pub at: Timestamp,
}

/// How many rows of each kind, and a sum over what they hold that does not depend on their
/// order: two stores with the same rows have the same.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tallied {
    kinds: BTreeMap<Kind, (u64, u64)>,
    events: u64,
}

impl Tallied {
    /// Adds a row.
    pub fn add(&mut self, row: &Row) {
        let kind = if row.kind == Kind::OrderAgain { Kind::Order } else { row.kind };
        // Only ever compared within a process, so the hash need not be the same for ever.
        let hash = FixedState::with_seed(kind as u64).hash_one((&row.key, &row.value));
        let (count, sum) = self.kinds.entry(kind).or_default();
        *count += 1;
        *sum = sum.wrapping_add(hash);
        if kind == Kind::Feed {
            self.events += frames(&row.value)
                .map_or(0, |all| all.iter().map(|(count, _)| u64::from(*count)).sum());
        }
    }

    /// How many rows of a kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).map_or(0, |(count, _)| *count)
    }

    /// How many events.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The kinds in which two differ, of those that must not.
    pub fn differences(&self, other: &Tallied) -> Vec<&'static str> {
        let differ = |kind: &&Kind| kind.is_kept() && self.kinds.get(kind) != other.kinds.get(kind);
        Kind::ALL.iter().filter(differ).map(|kind| kind.name()).collect()
    }
}

/// Puts a step's events behind others of a feed row.
pub fn push_frame(value: &mut Vec<u8>, count: u32, events: &[u8]) {
    value.extend_from_slice(&(events.len() as u32).to_be_bytes());
    value.extend_from_slice(&count.to_be_bytes());
    value.extend_from_slice(events);
}

/// The steps of a feed row: how many events, and their record. `None` if it is none.
pub fn frames(value: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut rest = value;
    let mut all = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (events, after) = after.split_at_checked(length)?;
        all.push((u32::from_be_bytes([e, f, g, h]), events));
        rest = after;
    }
    rest.is_empty().then_some(all)
}

/// What was counted, without the zeros at its end.
pub fn without_zeros(counts: &[u8]) -> &[u8] {
    let (numbers, _) = counts.as_chunks::<4>();
    let used = numbers.iter().rposition(|n| *n != [0; 4]).map_or(0, |last| last + 1);
    numbers[..used].as_flattened()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_bytes_of_their_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_byte(*kind as u8), Some(*kind));
        }
        assert_eq!(Kind::from_byte(0), None);
        assert_eq!(Kind::from_byte(Kind::ALL.len() as u8 + 1), None);
    }

    #[test]
    fn frames_read_back() {
        let mut value = Vec::new();
        push_frame(&mut value, 2, b"two");
        push_frame(&mut value, 1, b"");
        assert_eq!(frames(&value), Some(vec![(2, &b"two"[..]), (1, &b""[..])]));
        for len in 1..value.len() {
            let cut = frames(&value[..len]);
            assert!(cut.is_none() || len == 11, "cut to {len}: {cut:?}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_none() {
        for (counts, kept) in
            [(&[][..], 0), (&[0; 8][..], 0), (&[0, 0, 0, 1, 0, 0, 0, 0][..], 4), (&[1; 8][..], 8)]
        {
            assert_eq!(without_zeros(counts).len(), kept, "{counts:?}");
        }
    }

    #[test]
    fn sums_depend_on_what_not_on_the_order() {
        let rows = [
            Row::new(Kind::Tally, *b"open", *b"12345678"),
            Row::new(Kind::Tally, *b"closed", *b"12345678"),
            Row::new(Kind::Number, [0, 1], [0, 0, 0, 9]),
        ];
        let sum = |rows: &mut dyn Iterator<Item = &Row>| {
            let mut tallied = Tallied::default();
            rows.for_each(|row| tallied.add(row));
            tallied
        };
        let all = sum(&mut rows.iter());
        assert_eq!(all, sum(&mut rows.iter().rev()));
        assert_eq!(all.count(Kind::Tally), 2);
        assert_eq!(all.differences(&sum(&mut rows[1..].iter())), ["tallies"]);
        assert!(all.differences(&sum(&mut rows[..2].iter())).is_empty(), "numbers skip ahead");
        let mut moved = rows.to_vec();
        moved[0].value[0] = 0;
        assert_eq!(all.differences(&sum(&mut moved.iter())), ["tallies"]);
    }
}
