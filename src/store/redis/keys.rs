//! Every key of a cell, and what it is. All carry the cell's hash tag, so that a step stays
//! in one slot of a cluster. Names are short and binary, for there are millions of them.
//!
//! | key | type | what it is |
//! |---|---|---|
//! | `{3304}m` | hash | `format`, `cell`, `epoch` (random, made once), `sequence` of the feed, `bucket` of request ids, `claim`, `history` of the data and how often it changed (`losses`), `mode` and its `mode_version`, `mode_revision`, the last number of the feed that was `trimmed` |
//! | `{3304}o` id | string | an order: version (4 bytes, big-endian), then the codec's record |
//! | `{3304}p` id | string | paper 0 and the contact: length (4 bytes), paper, contact |
//! | `{3304}p` id index | string | a later paper |
//! | `{3304}b` | zset, all at 0 | blocks of 256 numbers in which there are orders: day, number ÷ 256 |
//! | `{3304}t` tray | zset | a unit's desk: id and assignment, at their deadline; leased ones at [`LEASED`] + end of the lease |
//! | `{3304}T` | set | the trays that ever held something |
//! | `{3304}l` | hash | tray and member of a leased entry → `claim deadline end-of-lease` |
//! | `{3304}d` | zset | every order with a deadline, at it |
//! | `{3304}c` | hash | the counters, by name |
//! | `{3304}i` day dimension | hash | unit, level or category → what was counted there, four bytes each |
//! | `{3304}k` | hash | digest of a phone → the caller's orders that are not over, 6 bytes each, newest first, at most 64 |
//! | `{3304}r` n | hash | request ids of the n-th 48 hours → what was answered; expires whole |
//! | `{3304}f` | stream | one entry per batch, `sequence-0`, one field: `e` frames of events, or `l` what it follows, where numbers leapt |
//! | `{3304}n` | hash | day → highest number reserved; day `l` → `losses` at that time |
//! | `{3304}h` | string | who runs the timers; expires |
//! | `{3304}s` | hash | process that serves → `when version catalogue model`, `-` where it has no model; expires |
//! | `{3304}g` | hash | consumer of the feed → `epoch sequence index when` it has read |
//!
//! An id is day (2 bytes) and sequence (4), a tray is unit (8) and desk (1), a member is id
//! and assignment (2), all big-endian so that bytes sort as numbers do.

use crate::domain::{Cell, Desk, Dimension, Entry, OrderNo, Timestamp, Unit};
use crate::store::{RequestId, StoreError};

/// Leased entries stand at this score and above, waiting ones below: deadlines are
/// milliseconds, and this is the year 33658.
pub const LEASED: i64 = 1_000_000_000_000_000;
/// How many numbers share a block of the index that `scan` walks.
pub const BLOCK: u32 = 256;

/// An order within its cell.
pub type Id = [u8; 6];
/// A unit's desk.
pub type Tray = [u8; 9];
/// An order and which of its holdings, in a tray.
pub type Member = [u8; 8];

/// The keys of one cell.
#[derive(Clone, Debug)]
pub struct Keys {
    cell: Cell,
    tag: [u8; 6],
}

/// What is written of an entry: where, what, and at which score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which zset.
    pub tray: Tray,
    /// What stands in it.
    pub member: Member,
    /// At which score while nobody has it under a lease.
    pub score: i64,
}

impl Place {
    /// Where its lease stands in the hash of leases.
    pub fn lease_field(&self) -> [u8; 17] {
        const TRAY: usize = size_of::<Tray>();
        let mut field = [0; 17];
        field[..TRAY].copy_from_slice(&self.tray);
        field[TRAY..].copy_from_slice(&self.member);
        field
    }
}

impl Keys {
    /// The keys of `cell`.
    pub fn of(cell: Cell) -> Keys {
        let mut tag = *b"{0000}";
        tag[1..5].copy_from_slice(&cell.to_string().as_bytes()[..4]);
        Keys { cell, tag }
    }

    /// Whose keys they are.
    pub fn cell(&self) -> Cell {
        self.cell
    }

    fn key(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.tag.len() + 1 + rest.len());
        key.extend_from_slice(&self.tag);
        key.push(kind);
        key.extend_from_slice(rest);
        key
    }

    /// Format, cell, epoch and the cell's three counters.
    pub fn meta(&self) -> Vec<u8> {
        self.key(b'm', &[])
    }

    /// An order.
    pub fn order(&self, id: Id) -> Vec<u8> {
        self.key(b'o', &id)
    }

    /// What came in with an order: its first paper and its contact.
    pub fn intake(&self, id: Id) -> Vec<u8> {
        self.key(b'p', &id)
    }

    /// A later paper of an order.
    pub fn paper(&self, id: Id, index: u16) -> Vec<u8> {
        let mut rest = [0; 8];
        rest[..6].copy_from_slice(&id);
        rest[6..].copy_from_slice(&index.to_be_bytes());
        self.key(b'p', &rest)
    }

    /// The blocks of numbers in which there are orders.
    pub fn blocks(&self) -> Vec<u8> {
        self.key(b'b', &[])
    }

    /// One tray.
    pub fn tray(&self, tray: Tray) -> Vec<u8> {
        self.key(b't', &tray)
    }

    /// Which trays there are.
    pub fn trays(&self) -> Vec<u8> {
        self.key(b'T', &[])
    }

    /// Every lease.
    pub fn leases(&self) -> Vec<u8> {
        self.key(b'l', &[])
    }

    /// Every deadline.
    pub fn due(&self) -> Vec<u8> {
        self.key(b'd', &[])
    }

    /// The counters.
    pub fn tallies(&self) -> Vec<u8> {
        self.key(b'c', &[])
    }

    /// What was counted on a day, in one dimension.
    pub fn indicators(&self, day: u16, of: Dimension) -> Vec<u8> {
        let [high, low] = day.to_be_bytes();
        self.key(b'i', &[high, low, of.byte()])
    }

    /// Who called about which orders.
    pub fn callers(&self) -> Vec<u8> {
        self.key(b'k', &[])
    }

    /// The request ids of one span of 48 hours.
    pub fn requests(&self, bucket: u64) -> Vec<u8> {
        self.key(b'r', bucket.to_string().as_bytes())
    }

    /// The feed.
    pub fn feed(&self) -> Vec<u8> {
        self.key(b'f', &[])
    }

    /// Who reads the feed under a name.
    pub fn consumers(&self) -> Vec<u8> {
        self.key(b'g', &[])
    }

    /// The numbers reserved.
    pub fn numbers(&self) -> Vec<u8> {
        self.key(b'n', &[])
    }

    /// Who runs the timers.
    pub fn timers(&self) -> Vec<u8> {
        self.key(b'h', &[])
    }

    /// Who serves, and by what.
    pub fn present(&self) -> Vec<u8> {
        self.key(b's', &[])
    }

    /// The order an id names.
    pub fn order_no(&self, id: &[u8]) -> Result<OrderNo, StoreError> {
        let code = match id {
            [a, b, c, d, e, f, ..] => u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]),
            _ => return Err(StoreError::Damaged("an order's id is too short".to_owned())),
        };
        OrderNo::from_code(u64::from(self.cell.code()) << 48 | code)
            .map_err(|_| StoreError::Damaged("an order's id names no order".to_owned()))
    }

    /// The entry a member of a tray stands for.
    pub fn entry(
        &self,
        (unit, desk): (Unit, Desk),
        member: &[u8],
        deadline: Timestamp,
    ) -> Result<(Entry, OrderNo), StoreError> {
        let no = self.order_no(member)?;
        let assignment = match member {
            [_, _, _, _, _, _, high, low] => u16::from_be_bytes([*high, *low]),
            _ => return Err(StoreError::Damaged("a tray's member has the wrong size".to_owned())),
        };
        Ok((Entry { unit, desk, assignment, deadline }, no))
    }
}

/// The order as its keys name it.
pub fn id(no: OrderNo) -> Id {
    let [_, _, id @ ..] = no.code().to_be_bytes();
    id
}

/// The block of numbers an order is in.
pub fn block(no: OrderNo) -> [u8; 5] {
    let day = no.day().to_be_bytes();
    let [_, a, b, c] = (no.seq() / BLOCK).to_be_bytes();
    [day[0], day[1], a, b, c]
}

/// The tray of a unit's desk.
pub fn tray(unit: Unit, desk: Desk) -> Tray {
    let mut tray = [desk.byte(); 9];
    tray[..8].copy_from_slice(&unit.code().to_be_bytes());
    tray
}

/// Back from the tray.
pub fn unit_and_desk(tray: &[u8]) -> Result<(Unit, Desk), StoreError> {
    let bad = || StoreError::Damaged("a tray names no unit's desk".to_owned());
    let (unit, desk) = tray.split_first_chunk::<8>().ok_or_else(bad)?;
    let unit = Unit::new(u64::from_be_bytes(*unit)).map_err(|_| bad())?;
    match desk {
        [desk] => Ok((unit, Desk::from_byte(*desk).ok_or_else(bad)?)),
        _ => Err(bad()),
    }
}

/// Where an entry stands.
pub fn place(no: OrderNo, entry: &Entry) -> Place {
    let mut member = [0; 8];
    member[..6].copy_from_slice(&id(no));
    member[6..].copy_from_slice(&entry.assignment.to_be_bytes());
    Place { tray: tray(entry.unit, entry.desk), member, score: score(entry.deadline) }
}

/// A deadline as a score. Doubles are exact here.
pub fn score(deadline: Timestamp) -> i64 {
    deadline.0.clamp(-LEASED, LEASED - 1)
}

/// A request id as its bucket has it.
pub fn request(id: RequestId) -> [u8; 16] {
    id.0.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Date;

    #[test]
    fn keys_read_back() {
        let cell: Cell = "3304".parse().unwrap();
        let keys = Keys::of(cell);
        let no = OrderNo::new(cell, Date { year: 2026, month: 11, day: 23 }, 70_000);
        assert_eq!(keys.order_no(&id(no)).unwrap(), no);
        assert!(keys.order(id(no)).starts_with(b"{3304}o"));
        let unit: Unit = "330402-012".parse().unwrap();
        let entry = Entry { unit, desk: Desk::Review, assignment: 7, deadline: Timestamp(5) };
        let place = place(no, &entry);
        let whose = unit_and_desk(&place.tray).unwrap();
        assert_eq!(keys.entry(whose, &place.member, Timestamp(5)).unwrap(), (entry, no));
        assert_eq!(block(no)[2..], [0, 1, 17]);
    }
}
