//! What a matter is like: enough to find others like it, and not a word of it.

use super::ids::Division;

/// 64 bits taken of a text so that texts that share most of their wording differ in few of
/// them (Charikar's SimHash, of character pairs). Two texts of nothing in common differ in
/// about half.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SimHash(pub u64);

impl SimHash {
    /// In how many of the 64 bits two differ.
    pub fn distance(self, other: SimHash) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// What the feed tells of a new order so that others like it are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Likeness {
    /// Of the citizen's title and words.
    pub hash: SimHash,
    /// Where it was read to be.
    pub division: Division,
}
