//! Pages: how many to a page, and the opaque token that asks for the next.

use super::status::Fault;
use crate::domain::{OrderNo, Timestamp};

/// A page whose size is not said.
const DEFAULT_SIZE: usize = 50;
/// The largest page; a larger one is taken as this.
const MAX_SIZE: usize = 200;

/// How many orders to a page: never an error, for a client need not know the bound.
pub(super) fn size(asked: u32) -> usize {
    match asked as usize {
        0 => DEFAULT_SIZE,
        n => n.min(MAX_SIZE),
    }
}

/// The place of the last order of a page. A page by number leaves the deadline at 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub deadline: Timestamp,
    pub no: OrderNo,
}

impl Place {
    /// In hex: deadline, number, and a checksum over them and the filter they belong to.
    pub(super) fn token(self, filter: &str) -> String {
        let (deadline, no) = (self.deadline.0 as u64, self.no.code());
        format!("{deadline:016x}{no:016x}{:08x}", check(deadline, no, filter))
    }

    /// `None` for the first page.
    pub(super) fn of(token: &str, filter: &str) -> Result<Option<Place>, Fault> {
        if token.is_empty() {
            return Ok(None);
        }
        let read = || {
            if token.len() != 40 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let deadline = u64::from_str_radix(&token[..16], 16).ok()?;
            let no = u64::from_str_radix(&token[16..32], 16).ok()?;
            let sum = u32::from_str_radix(&token[32..], 16).ok()?;
            let place =
                Place { deadline: Timestamp(deadline as i64), no: OrderNo::from_code(no).ok()? };
            (sum == check(deadline, no, filter)).then_some(place)
        };
        read().map(Some).ok_or_else(|| {
            let allowed = "the next_page_token of a page asked with the same filter, or nothing";
            Fault::field("BAD_PAGE_TOKEN", "page_token", allowed)
        })
    }
}

fn check(deadline: u64, no: u64, filter: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&deadline.to_be_bytes());
    crc.update(&no.to_be_bytes());
    crc.update(filter.as_bytes());
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_filter() {
        let date = crate::domain::Date { year: 2026, month: 11, day: 23 };
        let no = OrderNo::new("3304".parse().unwrap(), date, 7);
        let place = Place { deadline: Timestamp(-5), no };
        let token = place.token("330402/lead");
        assert_eq!(Place::of(&token, "330402/lead").unwrap(), Some(place));
        assert_eq!(Place::of("", "330402/lead").unwrap(), None);
        let mut bent = token.clone();
        bent.replace_range(20..21, if &bent[20..21] == "0" { "1" } else { "0" });
        for (token, filter) in [(&token[..], "330411/lead"), (&bent, "330402/lead"), ("x", "")] {
            assert!(Place::of(token, filter).is_err(), "{token}");
        }
    }

    #[test]
    fn sizes_are_coerced() {
        for (asked, size) in [(0, 50), (1, 1), (200, 200), (201, 200), (u32::MAX, 200)] {
            assert_eq!(super::size(asked), size);
        }
    }
}
