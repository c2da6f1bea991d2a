//! The number a citizen reads over the phone.

use super::ids::{BadName, Cell, Division};
use super::time::Date;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The number of an order: city, date, sequence and a check digit, short enough to read
/// over the phone: `3304-261123-00042-5`. It tells which cell holds the order. The check
/// digit is Damm's (any one wrong digit and any two swapped neighbours are caught).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNo {
    cell: Cell,
    /// Days after 2000-01-01, so that six digits of date name it.
    day: u16,
    seq: u32,
}

const DAY_2000: i64 = 10_957;
const ORDER_NO: BadName = BadName {
    what: "an order number",
    allowed: "city, date, sequence and check digit, for example 3304-261123-00042-5",
};

impl OrderNo {
    /// The `seq`-th order (from 1) that a cell registered on a date of this century.
    pub fn new(cell: Cell, date: Date, seq: u32) -> OrderNo {
        let day = (date.to_days() - DAY_2000).clamp(0, 36_524) as u16;
        OrderNo { cell, day, seq }
    }

    /// No order, but the city itself: what happens to it stands in the feed, too.
    pub fn city(cell: Cell) -> OrderNo {
        OrderNo { cell, day: 0, seq: 0 }
    }

    /// Whether it is the city itself.
    pub fn is_city(self) -> bool {
        self.day == 0 && self.seq == 0
    }

    /// The cell that holds the order.
    pub fn cell(self) -> Cell {
        self.cell
    }

    /// The date it was registered.
    pub fn date(self) -> Date {
        Date::from_days(i64::from(self.day) + DAY_2000)
    }

    /// Days after 2000-01-01 of the date it was registered.
    pub fn day(self) -> u16 {
        self.day
    }

    /// Its place in that day's sequence, from 1.
    pub fn seq(self) -> u32 {
        self.seq
    }

    /// As one number that sorts by cell, day and sequence.
    pub fn code(self) -> u64 {
        u64::from(self.cell.code()) << 48 | u64::from(self.day) << 32 | u64::from(self.seq)
    }

    /// Back from [`OrderNo::code`].
    pub fn from_code(code: u64) -> Result<OrderNo, BadName> {
        let cell = Division::new((code >> 48) * 100_000_000).map(Cell::of).map_err(|_| ORDER_NO)?;
        Ok(OrderNo { cell, day: (code >> 32) as u16, seq: code as u32 })
    }
}

/// H. M. Damm's totally anti-symmetric quasigroup of order 10 (2004).
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The check digit of what came before and of these digits, dashes left out.
fn damm(before: u8, digits: &str) -> u8 {
    let digits = digits.bytes().filter(u8::is_ascii_digit);
    digits.fold(before, |acc, b| DAMM[acc as usize][(b - b'0') as usize])
}

/// Passes on what is written, and knows its check digit.
struct Checked<W>(W, u8);

impl<W: fmt::Write> fmt::Write for Checked<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.1 = damm(self.1, text);
        self.0.write_str(text)
    }
}

impl fmt::Display for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date();
        let mut out = Checked(f, 0);
        write!(out, "{}-{:02}{month:02}{day:02}-{:05}", self.cell, year % 100, self.seq)?;
        let Checked(f, check) = out;
        write!(f, "-{check}")
    }
}

impl fmt::Debug for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for OrderNo {
    type Err = BadName;
    /// Reads it with dashes, spaces or neither.
    fn from_str(s: &str) -> Result<OrderNo, BadName> {
        let digits: String = s.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        if !plain || !(16..=21).contains(&digits.len()) || damm(0, &digits) != 0 {
            return Err(ORDER_NO);
        }
        let number = |range: std::ops::Range<usize>| digits[range].parse::<u32>();
        let part = |range| number(range).map_err(|_| ORDER_NO);
        let date = Date { year: 2000 + part(4..6)? as i32, month: part(6..8)?, day: part(8..10)? };
        let cell: Cell = digits[..4].parse().map_err(|_| ORDER_NO)?;
        let seq = part(10..digits.len() - 1)?;
        // One number, one spelling: leading zeros beyond five digits are somebody's mistake.
        let padded = digits.len() > 16 && digits[10..].starts_with('0');
        if !date.is_real() || seq == 0 || padded {
            return Err(ORDER_NO);
        }
        Ok(OrderNo::new(cell, date, seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_catch_one_wrong_digit_and_two_swapped() {
        let no = OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 11, day: 23 }, 42);
        let text = no.to_string();
        assert_eq!(text.parse::<OrderNo>().unwrap(), no);
        assert_eq!(text.replace('-', " ").parse::<OrderNo>().unwrap(), no);
        assert_eq!(OrderNo::from_code(no.code()).unwrap(), no);
        let digits: Vec<char> = text.replace('-', "").chars().collect();
        for i in 0..digits.len() {
            for wrong in '0'..='9' {
                let mut other = digits.clone();
                other[i] = wrong;
                let read = other.iter().collect::<String>().parse::<OrderNo>();
                assert_eq!(read.is_ok(), wrong == digits[i], "digit {i} as {wrong}");
            }
            if i > 0 && digits[i] != digits[i - 1] {
                let mut other = digits.clone();
                other.swap(i, i - 1);
                assert!(other.iter().collect::<String>().parse::<OrderNo>().is_err());
            }
        }
    }

    #[test]
    fn order_numbers_grow_past_five_digits() {
        let date = Date { year: 2026, month: 2, day: 28 };
        for seq in [1, 99_999, 100_000, u32::MAX] {
            let no = OrderNo::new("3304".parse().unwrap(), date, seq);
            assert_eq!(no.to_string().parse::<OrderNo>().unwrap(), no);
        }
    }
}
