//! The letters records are written in: varints, zigzag, short strings, and the checksum.

use super::FORMAT;
use crate::domain::{Cell, Division, OrderNo, Span, Timestamp, Unit};
use crate::store::StoreError;

/// What a record is of; the checksum starts from it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Order = 1,
    Events = 2,
    Remembered = 3,
    Paper = 4,
    Contact = 5,
    Mode = 6,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Order => "order",
            Kind::Events => "events",
            Kind::Remembered => "remembered request",
            Kind::Paper => "paper",
            Kind::Contact => "contact",
            Kind::Mode => "mode row",
        }
    }
}

const CHECKSUM: usize = 4;

fn checksum(kind: Kind, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(kind as u32);
    hasher.update(bytes);
    hasher.finalize()
}

/// What is wrong with a record; [`In::damaged`] says of which.
pub(super) struct Bad(pub(super) &'static str);

/// A record in the making, and where it begins: something else may stand before it.
pub(super) struct Out(Vec<u8>, usize);

impl Out {
    pub(super) fn new(capacity: usize) -> Out {
        Out::behind(Vec::new(), capacity)
    }

    pub(super) fn behind(mut bytes: Vec<u8>, capacity: usize) -> Out {
        bytes.reserve(capacity);
        let start = bytes.len();
        bytes.push(FORMAT);
        Out(bytes, start)
    }

    pub(super) fn finish(mut self, kind: Kind) -> Vec<u8> {
        let sum = checksum(kind, &self.0[self.1..]);
        self.0.extend_from_slice(&sum.to_le_bytes());
        self.0
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub(super) fn signed(&mut self, n: i64) {
        self.number((n << 1 ^ n >> 63) as u64);
    }

    pub(super) fn span(&mut self, span: Span) {
        self.signed(span.0);
    }

    /// Wrapping, so that no pair of moments is beyond writing.
    pub(super) fn moment(&mut self, at: Timestamp, since: Timestamp) {
        self.signed(at.0.wrapping_sub(since.0));
    }

    pub(super) fn unit(&mut self, unit: Unit, of: Cell) {
        self.signed(unit.code() as i64 - of.centre().code() as i64);
    }

    pub(super) fn division(&mut self, division: Division, of: Cell) {
        self.signed(division.code() as i64 - of.division().code() as i64);
    }

    pub(super) fn order_no(&mut self, no: OrderNo) {
        self.raw(&no.code().to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    /// One field of `tag · length · bytes`. Most lengths take one byte; a longer one pushes
    /// the content along.
    pub(super) fn field(&mut self, tag: u8, content: impl FnOnce(&mut Out)) {
        self.0.extend_from_slice(&[tag, 0]);
        let start = self.0.len();
        content(self);
        let mut len = self.0.len() - start;
        if len < 0x80 {
            self.0[start - 1] = len as u8;
            return;
        }
        self.0[start - 1] = len as u8 | 0x80;
        len >>= 7;
        let mut at = start;
        while len >= 0x80 {
            self.0.insert(at, len as u8 | 0x80);
            len >>= 7;
            at += 1;
        }
        self.0.insert(at, len as u8);
    }
}

/// A record being read: what is left of it.
pub(super) struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    /// Checks format and checksum and stands before the content.
    pub(super) fn open(kind: Kind, bytes: &'a [u8]) -> Result<In<'a>, StoreError> {
        match bytes.first() {
            // A newer format may keep its checksum elsewhere, so this comes first.
            Some(&found) if found > FORMAT => {
                Err(StoreError::TooNew { found: u16::from(found), known: u16::from(FORMAT) })
            }
            Some(1..) if bytes.len() > CHECKSUM => {
                let (body, sum) = bytes.split_at(bytes.len() - CHECKSUM);
                if checksum(kind, body).to_le_bytes() == *sum {
                    Ok(In(&body[1..]))
                } else {
                    Err(In::damaged(kind, bytes, Bad("its checksum does not match")))
                }
            }
            Some(_) | None => Err(In::damaged(kind, bytes, Bad("it is cut short"))),
        }
    }

    /// Names the order where the record does.
    pub(super) fn damaged(kind: Kind, bytes: &[u8], bad: Bad) -> StoreError {
        let no = match kind {
            Kind::Order | Kind::Events => In(bytes.get(1..).unwrap_or_default()).order_no().ok(),
            Kind::Remembered | Kind::Paper | Kind::Contact | Kind::Mode => None,
        };
        let (what, why) = (kind.name(), bad.0);
        StoreError::Damaged(match no {
            Some(no) => format!("{what} of {no}: {why}; restore it from a backup"),
            None => format!("{what}: {why}; restore it from a backup"),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end(&self) -> Result<(), Bad> {
        if self.0.is_empty() { Ok(()) } else { Err(Bad("it has more in it than belongs there")) }
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn raw(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Bad("it ends too soon"))?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Bad("it ends too soon"))?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Bad> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Bad> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(Bad("a number in it is too large"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Bad> {
        let n = self.number()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A number that must fit what it is for.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Bad> {
        T::try_from(self.number()?).map_err(|_| Bad("a number in it is too large"))
    }

    pub(super) fn span(&mut self) -> Result<Span, Bad> {
        self.signed().map(Span)
    }

    pub(super) fn moment(&mut self, since: Timestamp) -> Result<Timestamp, Bad> {
        Ok(Timestamp(since.0.wrapping_add(self.signed()?)))
    }

    pub(super) fn unit(&mut self, of: Cell) -> Result<Unit, Bad> {
        let code = self.signed()?.checked_add(of.centre().code() as i64);
        let code = code.and_then(|code| u64::try_from(code).ok());
        code.and_then(|code| Unit::new(code).ok()).ok_or(Bad("a unit in it is none"))
    }

    pub(super) fn division(&mut self, of: Cell) -> Result<Division, Bad> {
        let code = self.signed()?.checked_add(of.division().code() as i64);
        let code = code.and_then(|code| u64::try_from(code).ok());
        code.and_then(|code| Division::new(code).ok()).ok_or(Bad("a division in it is none"))
    }

    pub(super) fn order_no(&mut self) -> Result<OrderNo, Bad> {
        let code = u64::from_be_bytes(self.array()?);
        OrderNo::from_code(code).map_err(|_| Bad("its number is none"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Bad> {
        let len = self.small()?;
        std::str::from_utf8(self.raw(len)?).map_err(|_| Bad("a text in it is not UTF-8"))
    }

    /// A byte of one of the domain's enums.
    pub(super) fn named<T>(&mut self, from_byte: fn(u8) -> Option<T>) -> Result<T, Bad> {
        from_byte(self.byte()?).ok_or(Bad("a name in it is unknown to this version"))
    }

    pub(super) fn field(&mut self) -> Result<(u8, In<'a>), Bad> {
        let tag = self.byte()?;
        let len = self.small()?;
        Ok((tag, In(self.raw(len)?)))
    }

    /// What is left, to measure a field by.
    pub(super) fn left(&self) -> &'a [u8] {
        self.0
    }
}
