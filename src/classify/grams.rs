//! A text as the model sees it: its runs of one, two and three characters, each once with how
//! often it stands there.
//!
//! Letters are small, a run of digits is one digit, and a run of anything else (punctuation,
//! spaces, pictures) is one break. The beginning and the end are characters, too: what stands
//! there says more.

use std::ops::Range;

/// How long the runs are: 1 to so many characters.
pub const ORDERS: usize = 3;
/// The most characters of a title that are read, and of a text: what a matter is about is said
/// by then, and no message takes longer than that.
pub const MAX_TITLE: usize = 120;
/// See [`MAX_TITLE`].
pub const MAX_TEXT: usize = 1200;

/// Runs that are told apart: twice what the longest text has, so that a free place is near.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 13;

const BEGIN: u32 = 1;
const END: u32 = 2;
const BREAK: u32 = 3;

/// A run of characters, by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gram {
    /// The upper bits choose the row of a model.
    pub hash: u32,
    /// Its length less one.
    pub order: u8,
    /// How often it stands in the text, at most 255.
    pub times: u8,
}

/// A text's runs in the order in which they first stand there, at most `limit` characters of
/// it. The text is folded.
pub fn grams(text: &str, limit: usize) -> Vec<Gram> {
    let mut slots = [0_u16; SLOTS];
    let mut grams: Vec<Gram> = Vec::with_capacity(ORDERS * (text.len() / 3).min(limit) + 8);
    each(text, limit, |hash, order, _| {
        let mut at = (hash >> (32 - SLOT_BITS)) as usize;
        loop {
            match slots[at] {
                0 => {
                    grams.push(Gram { hash, order, times: 1 });
                    slots[at] = grams.len() as u16;
                    return;
                }
                place => {
                    let gram = &mut grams[usize::from(place) - 1];
                    if (gram.hash, gram.order) == (hash, order) {
                        gram.times = gram.times.saturating_add(1);
                        return;
                    }
                }
            }
            at = (at + 1) % SLOTS;
        }
    });
    grams
}

/// Calls `see` with every run: its hash, its order, and where in the text it stands, in bytes.
pub(super) fn each(text: &str, limit: usize, mut see: impl FnMut(u32, u8, Range<usize>)) {
    // The two characters before, and where they begin.
    let mut last = [(0, 0), (BEGIN, 0)];
    let mut next = |c: u32, start: usize, end: usize| {
        let [(a, a_start), (b, b_start)] = last;
        if c > BREAK {
            see(hash(0, 0, c), 0, start..end);
        }
        see(hash(0, b, c), 1, b_start..end);
        if a != 0 {
            see(hash(a, b, c), 2, a_start..end);
        }
        last = [(b, b_start), (c, start)];
    };
    let mut before = BEGIN;
    let mut read = 0;
    for (at, c) in text.char_indices().take(limit) {
        let seen = seen(c);
        // A run of digits or of breaks is one; a text does not begin with a break.
        let joined = match seen {
            BREAK => before == BREAK || before == BEGIN,
            _ => seen == u32::from(b'0') && before == seen,
        };
        if !joined {
            next(seen, at, at + c.len_utf8());
            read = at + c.len_utf8();
            before = seen;
        }
    }
    if before != BEGIN {
        next(END, read, read);
    }
}

/// A character as the model sees it.
fn seen(c: char) -> u32 {
    match c {
        '\u{3400}'..='\u{9fff}' => c as u32,
        '0'..='9' => u32::from(b'0'),
        'A'..='Z' | 'a'..='z' => u32::from(c.to_ascii_lowercase()),
        '\0'..='\u{7f}' => BREAK,
        _ if c.is_alphanumeric() => c as u32,
        _ => BREAK,
    }
}

/// Of up to three characters, which together are the whole key: no two runs share it.
fn hash(a: u32, b: u32, c: u32) -> u32 {
    let key = u64::from(a) << 42 | u64::from(b) << 21 | u64::from(c);
    // Of a product, the upper bits have gathered from all that were multiplied.
    ((key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        grams(a, MAX_TEXT) == grams(b, MAX_TEXT)
    }

    #[test]
    fn every_run_is_there_once_with_its_count() {
        let found = grams("停水停水", MAX_TEXT);
        let of = |order: u8| found.iter().filter(move |g| g.order == order);
        // 停 水; ^停 停水 水停 水$; ^停水 停水停 水停水 停水$
        assert_eq!([0, 1, 2].map(|order| of(order).count()), [2, 4, 4]);
        assert_eq!(of(0).map(|g| g.times).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(of(1).map(|g| g.times).max(), Some(2));
    }

    #[test]
    fn what_says_nothing_is_not_told_apart() {
        assert!(same("停水3天，急！！！", "停水15天。急~"));
        assert!(same("ETC坏了", "etc坏了"));
        assert!(same("……停水", "停水"));
        assert!(!same("停水", "水停"));
        for nothing in ["", "。", " \u{1f600}\u{1f600} "] {
            assert!(grams(nothing, MAX_TEXT).is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn a_long_text_is_read_up_to_its_limit() {
        let long: String =
            (0..100_000_u32).filter_map(|i| char::from_u32(0x4e00 + i % 20_000)).collect();
        let cut: String = long.chars().take(MAX_TEXT).collect();
        let found = grams(&long, MAX_TEXT);
        assert!(found.len() <= ORDERS * (MAX_TEXT + 1));
        assert_eq!(found, grams(&cut, MAX_TEXT));
    }
}
