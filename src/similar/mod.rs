//! Which matters are alike. Pure.
//!
//! - [`hash`]: a citizen's words → 64 bits that are near where the wording is
//! - [`index`]: the open orders by those bits, so that near ones are found without comparing all
//! - [`bursts`]: many alike in one town within a short time
//!
//! The bits alone find the same words told twice, and little else: people tell of one matter in
//! words of their own. So what is near is weighed together with category and place
//! ([`Matter::score`]); how well, `tests/similar.rs` measures.

pub mod bursts;
pub mod hash;
pub mod index;

pub use bursts::{Burst, Bursts, Rule};
pub use hash::simhash;
pub use index::Index;

use crate::domain::{Category, Division, Level, SimHash};

/// The least score that makes two matters alike.
pub const ALIKE: u8 = 60;
/// What one differing bit takes off a full score.
const PER_BIT: i32 = 3;
/// What the same category, or the same town, adds, and another takes off.
const AGREES: i32 = 10;
/// Of more bits than these nothing else makes two alike.
const MOST_BITS: u32 = ((100 + 2 * AGREES - ALIKE as i32) / PER_BIT) as u32;

/// What two orders are compared by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Matter {
    /// Of its words.
    pub hash: SimHash,
    /// Where it is, as far as that is known.
    pub division: Division,
    /// What it is about; [`Category::NONE`] where nobody knows yet.
    pub category: Category,
}

impl Matter {
    /// How alike two are, from 0 to 100: 3 less for every bit that differs, 10 more or less for
    /// category and for town. Where either is not known it says nothing. With everything the
    /// same 20 bits may differ for [`ALIKE`], with nothing known 13, with nothing the same 6.
    pub fn score(&self, other: &Matter) -> u8 {
        let bits = self.hash.distance(other.hash) as i32;
        let agrees = |known: bool, same: bool| match (known, same) {
            (false, _) => 0,
            (true, true) => AGREES,
            (true, false) => -AGREES,
        };
        let known = self.category != Category::NONE && other.category != Category::NONE;
        let category = agrees(known, self.category == other.category);
        let place = match (town(self.division), town(other.division)) {
            (Some(a), Some(b)) => agrees(true, a == b),
            // A county, or only the city: it may be there.
            (Some(_) | None, _) => {
                let apart = !self.division.contains(other.division)
                    && !other.division.contains(self.division);
                agrees(apart, false)
            }
        };
        (100 - PER_BIT * bits + category + place).clamp(0, 100) as u8
    }

    /// Whether two are alike.
    pub fn is_like(&self, other: &Matter) -> bool {
        self.hash.distance(other.hash) <= MOST_BITS && self.score(other) >= ALIKE
    }
}

/// The town a place lies in; `None` for what is wider.
pub fn town(division: Division) -> Option<Division> {
    match division.level() {
        Level::City | Level::County => None,
        Level::Town => Some(division),
        Level::Village => division.parent().filter(|place| place.level() == Level::Town),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matter(bits: u32, division: &str, category: u16) -> Matter {
        let hash = SimHash(!(u64::MAX << bits));
        Matter { hash, division: division.parse().unwrap(), category: Category(category) }
    }

    #[test]
    fn the_words_count_and_category_and_town_with_them() {
        let it = matter(0, "330402001003", 1901);
        for (bits, division, category, score) in [
            (0, "330402001003", 1901, 100),
            (20, "330402001009", 1901, 60),
            (21, "330402001003", 1901, 57),
            // Another category, another town, both.
            (13, "330402001003", 701, 61),
            (13, "330402002001", 1901, 61),
            (6, "330402002001", 701, 62),
            (7, "330481", 701, 59),
            // Not known is not another.
            (16, "330402001", 0, 62),
            (13, "330402", 0, 61),
            (13, "3304", 0, 61),
            (63, "330481", 701, 0),
        ] {
            let other = matter(bits, division, category);
            assert_eq!(it.score(&other), score, "{bits} {division} {category}");
            assert_eq!(other.score(&it), score, "{bits} {division} {category}");
            assert_eq!(it.is_like(&other), score >= ALIKE);
        }
    }
}
