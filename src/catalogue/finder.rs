//! Many phrases looked for in one text at once.
//!
//! Nearly every pair of neighbouring characters of a text begins no phrase, and one bit says
//! so; all the bits together stay in the processor's nearest cache. Only where the bit is set
//! are the phrases that begin so compared, and these lie side by side: what is looked at is
//! cold, for a hundred other things happen between two texts.

use std::collections::BTreeMap;

/// Bits of a pair's hash: 32,768 bits are 4 KiB, and some thousand phrases set one in twenty.
const HASH_BITS: u32 = 15;
/// A phrase's length is kept in a byte.
const MAX_PHRASE: usize = u8::MAX as usize;

/// Phrases of two characters and more, each with what it means to whoever looks for it.
pub struct Finder {
    /// Whether a phrase begins with a pair of characters of this hash.
    begins: Box<[u64]>,
    /// A pair's hash, and where its phrases lie; 0 is nowhere. At most half full: whoever finds
    /// a place taken looks at the next.
    slots: Box<[(u32, u32)]>,
    /// Phrases that begin alike, the shorter first: length, value, text of each; then a zero.
    phrases: Vec<u8>,
}

/// A phrase that stands in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// What was said of the phrase.
    pub value: u32,
}

impl Finder {
    /// Of phrases and their values. A phrase of fewer than two characters or of more than 255
    /// bytes is never found; one that is there twice is found twice.
    pub fn new<S: AsRef<str>>(phrases: impl IntoIterator<Item = (S, u32)>) -> Finder {
        let mut alike: BTreeMap<u32, Vec<(S, u32)>> = BTreeMap::new();
        for (phrase, value) in phrases {
            let mut chars = phrase.as_ref().chars();
            if let (Some(first), Some(second)) = (chars.next(), chars.next())
                && phrase.as_ref().len() <= MAX_PHRASE
            {
                alike.entry(hash(first, second)).or_default().push((phrase, value));
            }
        }
        let mut finder = Finder {
            begins: vec![0; 1 << (HASH_BITS - 6)].into_boxed_slice(),
            slots: vec![(0, 0); (2 * alike.len() + 1).next_power_of_two()].into_boxed_slice(),
            phrases: vec![0],
        };
        for (hash, mut alike) in alike {
            let (word, bit) = bit(hash);
            finder.begins[word] |= bit;
            let (at, _) = finder.slot(hash);
            finder.slots[at] = (hash, finder.phrases.len() as u32);
            alike.sort_by_key(|(phrase, _)| phrase.as_ref().len());
            for (phrase, value) in alike {
                let phrase = phrase.as_ref().as_bytes();
                finder.phrases.push(phrase.len() as u8);
                finder.phrases.extend(value.to_le_bytes());
                finder.phrases.extend(phrase);
            }
            finder.phrases.push(0);
        }
        finder
    }

    /// Every phrase that stands in the text, also one within another, in the order in which
    /// they begin, a shorter before a longer.
    pub fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Hit> + 'a {
        let mut chars = text.char_indices();
        let mut last = chars.next();
        let begins = chars.filter_map(move |(at, next)| {
            let (start, first) = last.replace((at, next))?;
            let hash = hash(first, next);
            let (word, bit) = bit(hash);
            (self.begins[word] & bit != 0).then(|| (start, self.slot(hash).1 as usize))
        });
        begins.flat_map(move |(start, at)| {
            let rest = &text.as_bytes()[start..];
            let alike = Alike(&self.phrases[at..]).filter(|(phrase, _)| rest.starts_with(phrase));
            alike.map(move |(phrase, value)| Hit { start, end: start + phrase.len(), value })
        })
    }

    /// The slot of a pair, or the free one that it would have; and where its phrases lie.
    fn slot(&self, hash: u32) -> (usize, u32) {
        let mut at = hash as usize % self.slots.len();
        loop {
            let (found, phrases) = self.slots[at];
            if phrases == 0 || found == hash {
                return (at, phrases);
            }
            at = (at + 1) % self.slots.len();
        }
    }
}

/// The phrases from here on that begin alike.
struct Alike<'a>(&'a [u8]);

impl<'a> Iterator for Alike<'a> {
    type Item = (&'a [u8], u32);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.0.split_first().filter(|(len, _)| **len > 0)?;
        let (value, rest) = rest.split_first_chunk()?;
        let (phrase, rest) = rest.split_at_checked(usize::from(*len))?;
        self.0 = rest;
        Some((phrase, u32::from_le_bytes(*value)))
    }
}

/// Of a pair of characters. Two pairs that have one hash share their phrases, which are
/// compared whole.
fn hash(first: char, second: char) -> u32 {
    let pair = u64::from(u32::from(first)) << 32 | u64::from(u32::from(second));
    // Of a product, the upper bits have gathered from all that were multiplied.
    ((pair ^ pair >> 17).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Where the bit of a pair lies.
fn bit(hash: u32) -> (usize, u64) {
    let hash = hash >> (32 - HASH_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn phrases_within_and_across_each_other_are_found() {
        let finder = Finder::new([("停水", 1), ("停水了", 2), ("水了吗", 3), ("了", 4), ("", 5)]);
        let found: Vec<_> = finder.find("停停水了吗").map(|h| (h.start, h.end, h.value)).collect();
        assert_eq!(found, [(3, 9, 1), (3, 12, 2), (6, 15, 3)]);
        for text in ["", "停", "停电"] {
            assert_eq!(finder.find(text).count(), 0, "{text}");
        }
    }

    proptest! {
        /// What a search for each phrase by itself finds, no more and no less.
        #[test]
        fn finds_what_a_plain_search_finds(
            phrases in prop::collection::btree_set("[ab水]{2,4}|[\u{1f600}é停]{2,3}", 1..12),
            text in "[abc水停é\u{1f600}]{0,40}",
        ) {
            let finder = Finder::new(phrases.iter().map(|p| (p.as_str(), 0)));
            let mut found: Vec<_> = finder.find(&text).map(|h| (h.start, h.end)).collect();
            let mut expected = Vec::new();
            for (start, _) in text.char_indices() {
                for phrase in &phrases {
                    if text[start..].starts_with(phrase.as_str()) {
                        expected.push((start, start + phrase.len()));
                    }
                }
            }
            let in_order = found.is_sorted();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
            prop_assert!(in_order);
        }
    }
}
