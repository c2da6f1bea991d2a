//! The open orders by their bits.
//!
//! The 64 bits are cut into four bands of 16. A search looks into every bucket whose band
//! differs from its own in at most two bits: whatever differs in at most 11 bits altogether is
//! found for sure, and of what differs in 14 some 98 in 100, while one order in a hundred is
//! looked at (`tests/similar.rs` measures both). An order stands in four chains, linked both
//! ways, newest first; with its place in the map it takes [`MOST_BYTES`] at most.

use super::{ALIKE, Matter};
use crate::domain::OrderNo;
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// The most orders kept; the oldest make room, so that the index never takes more than
/// 128 MiB ([`MOST_BYTES`] each).
pub const MOST_ORDERS: usize = 1 << 20;
/// The most bytes that an order takes: its slot, with room to grow, and its place in the map.
pub const MOST_BYTES: usize = 128;
/// The most orders that one search looks at, the likeliest and the newest first.
pub const MOST_LOOKED: usize = 1 << 14;

const BANDS: usize = 4;
const BAND_BITS: usize = 16;
/// How many bits of a band may differ.
const FLIPS: u32 = 2;
const NONE: u32 = u32::MAX;

/// One order: a cache line.
struct Slot {
    matter: Matter,
    no: OrderNo,
    /// Closed orders are passed over: they may be taken up again.
    open: bool,
    next: [u32; BANDS],
    prev: [u32; BANDS],
}

/// An order that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its number.
    pub no: OrderNo,
    /// How alike it is: [`Matter::score`], as far as the index knows.
    pub score: u8,
}

/// The open orders of a city, found by likeness.
pub struct Index {
    most: usize,
    slots: Vec<Slot>,
    /// Slots that nothing stands in.
    free: Vec<u32>,
    places: HashMap<OrderNo, u32, FixedState>,
    /// Where each bucket's chain begins, band by band.
    heads: Vec<u32>,
    /// The slot that makes room next: they were filled in this order.
    oldest: u32,
    /// What a band may differ by, fewest bits first.
    flips: Vec<u16>,
}

impl Index {
    /// Nothing yet, and never more than `most` orders.
    pub fn new(most: usize) -> Index {
        let mut flips: Vec<u16> = (0..=u16::MAX).filter(|f| f.count_ones() <= FLIPS).collect();
        flips.sort_by_key(|flip| flip.count_ones());
        Index {
            most: most.clamp(1, MOST_ORDERS),
            slots: Vec::new(),
            free: Vec::new(),
            places: HashMap::with_hasher(FixedState::default()),
            heads: vec![NONE; BANDS << BAND_BITS],
            oldest: 0,
            flips,
        }
    }

    /// How many orders are in it.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What its orders take, in bytes; the heads of the chains (1 MiB) not counted.
    pub fn bytes(&self) -> usize {
        // The map's own: a byte beside each place, at most 7 of 8 filled.
        let places = (self.places.capacity() * 8 / 7).next_power_of_two();
        self.slots.capacity() * size_of::<Slot>()
            + places * (size_of::<(OrderNo, u32)>() + 1)
            + self.free.capacity() * size_of::<u32>()
    }

    /// Puts an open order in, or what is known of it anew.
    pub fn insert(&mut self, no: OrderNo, matter: Matter) {
        self.remove(no);
        if self.len() >= self.most {
            self.make_room();
        }
        let links = [NONE; BANDS];
        let slot = Slot { matter, no, open: true, next: links, prev: links };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                if self.slots.len() == self.slots.capacity() {
                    // Doubling would take what the bound does not allow.
                    self.slots.reserve_exact((self.slots.len() / 8).max(64));
                }
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        self.places.insert(no, at);
        for band in 0..BANDS {
            let head = bucket(&matter, band, 0);
            let first = std::mem::replace(&mut self.heads[head], at);
            self.slots[at as usize].next[band] = first;
            if first != NONE {
                self.slots[first as usize].prev[band] = at;
            }
        }
    }

    /// Whether an order is not in it and nothing would have to make room for it.
    pub fn lacks(&self, no: OrderNo) -> bool {
        self.len() < self.most && !self.places.contains_key(&no)
    }

    /// What an order is about now, and whether it is open; one that is not in it stays out.
    pub fn update(&mut self, no: OrderNo, category: crate::domain::Category, open: bool) {
        if let Some(at) = self.places.get(&no) {
            let slot = &mut self.slots[*at as usize];
            (slot.matter.category, slot.open) = (category, open);
        }
    }

    /// Takes an order out.
    pub fn remove(&mut self, no: OrderNo) {
        let Some(at) = self.places.remove(&no) else { return };
        for band in 0..BANDS {
            let slot = &self.slots[at as usize];
            let (next, prev) = (slot.next[band], slot.prev[band]);
            let head = bucket(&slot.matter, band, 0);
            match prev {
                NONE => self.heads[head] = next,
                prev => self.slots[prev as usize].next[band] = next,
            }
            if next != NONE {
                self.slots[next as usize].prev[band] = prev;
            }
        }
        self.free.push(at);
    }

    /// Takes out the order that came first, about.
    fn make_room(&mut self) {
        for _ in 0..self.slots.len() {
            let at = self.oldest;
            self.oldest = (at + 1) % self.slots.len() as u32;
            let no = self.slots[at as usize].no;
            if self.places.get(&no) == Some(&at) {
                self.remove(no);
                return;
            }
        }
    }

    /// The open orders most like a matter, at most `most`, the likest first and of equals the
    /// newest.
    pub fn search(&self, matter: &Matter, most: usize) -> Vec<Found> {
        let mut best: Vec<Found> = Vec::with_capacity(most + 1);
        let mut looked = 0;
        for flip in &self.flips {
            for band in 0..BANDS {
                let mut at = self.heads[bucket(matter, band, *flip)];
                while at != NONE {
                    let slot = &self.slots[at as usize];
                    at = slot.next[band];
                    looked += 1;
                    if looked > MOST_LOOKED || full(&best, most) {
                        return best;
                    }
                    if slot.open && is_first(matter, slot, band, flip.count_ones()) {
                        keep(&mut best, most, slot, matter.score(&slot.matter));
                    }
                }
            }
        }
        best
    }
}

/// Nothing better can be found.
fn full(best: &[Found], most: usize) -> bool {
    best.len() == most && best.last().is_none_or(|last| last.score == 100)
}

fn keep(best: &mut Vec<Found>, most: usize, slot: &Slot, score: u8) {
    if score < ALIKE {
        return;
    }
    let after = |other: &Found| (other.score, other.no) > (score, slot.no);
    let place = best.partition_point(after);
    if place < most {
        best.insert(place, Found { no: slot.no, score });
        best.truncate(most);
    }
}

/// Whether an order is met in this band for the first time: the search goes by bits that
/// differ, and then by bands.
fn is_first(matter: &Matter, slot: &Slot, band: usize, flipped: u32) -> bool {
    let differs = matter.hash.0 ^ slot.matter.hash.0;
    (0..BANDS).all(|other| {
        let bits = part(differs, other).count_ones();
        other == band || (bits, other) > (flipped, band)
    })
}

fn part(bits: u64, band: usize) -> u16 {
    (bits >> (band * BAND_BITS)) as u16
}

fn bucket(matter: &Matter, band: usize, flip: u16) -> usize {
    band << BAND_BITS | usize::from(part(matter.hash.0, band) ^ flip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Category, Date, SimHash};

    fn no(seq: u32) -> OrderNo {
        OrderNo::new("3304".parse().unwrap(), Date { year: 2026, month: 11, day: 28 }, seq)
    }

    fn matter(hash: u64) -> Matter {
        let division = "330402001003".parse().unwrap();
        Matter { hash: SimHash(hash), division, category: Category(1901) }
    }

    /// Numbers that look random and are always the same.
    fn noise(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed), |x| {
            let x = x ^ x << 13;
            let x = x ^ x >> 7;
            Some(x ^ x << 17)
        })
        .skip(1)
    }

    #[test]
    fn whatever_differs_in_11_bits_is_found_once_and_goes_when_it_leaves() {
        let mut index = Index::new(MOST_ORDERS);
        let mut numbers = noise(9);
        for (i, hash) in numbers.by_ref().take(5_000).enumerate() {
            index.insert(no(i as u32 + 1), matter(hash));
        }
        let hash = 0x0123_4567_89ab_cdef;
        index.insert(no(9_999), matter(hash));
        for _ in 0..500 {
            let mut near = hash;
            while (near ^ hash).count_ones() < 11 {
                near ^= 1 << (numbers.next().unwrap() % 64);
            }
            let found = index.search(&matter(near), 8);
            let ours: Vec<_> = found.iter().filter(|found| found.no == no(9_999)).collect();
            assert_eq!(ours, [&Found { no: no(9_999), score: 87 }]);
        }
        // Closed it is passed over, open again it is found, over it is gone.
        index.update(no(9_999), Category(1901), false);
        assert!(index.search(&matter(hash), 8).iter().all(|found| found.no != no(9_999)));
        index.update(no(9_999), Category(701), true);
        assert_eq!(index.search(&matter(hash ^ 7), 1), [Found { no: no(9_999), score: 91 }]);
        index.remove(no(9_999));
        index.update(no(9_999), Category(701), true);
        assert!(index.search(&matter(hash), 8).iter().all(|found| found.no != no(9_999)));
        assert_eq!(index.len(), 5_000);
    }

    /// Against comparing with every order, through many changes.
    #[test]
    fn what_it_finds_is_what_comparing_all_finds() {
        let mut index = Index::new(MOST_ORDERS);
        let mut all: std::collections::BTreeMap<OrderNo, Matter> = Default::default();
        // Few bits move, so that chains are long and much is near.
        for (i, x) in noise(4).take(20_000).enumerate() {
            let number = no(x as u32 % 700 + 1);
            let it = matter(x >> 7 & 0x0103_0011_0201_0013);
            match i % 4 {
                0 => {
                    index.remove(number);
                    all.remove(&number);
                }
                _ => {
                    index.insert(number, it);
                    all.insert(number, it);
                }
            }
            if i % 500 == 0 {
                let mut near: Vec<_> = all
                    .iter()
                    .map(|(no, other)| Found { no: *no, score: it.score(other) })
                    .filter(|found| found.score >= ALIKE)
                    .collect();
                near.sort_by_key(|found| std::cmp::Reverse((found.score, found.no)));
                assert_eq!(index.search(&it, usize::MAX >> 40), near);
            }
        }
        assert_eq!(index.len(), all.len());
    }

    #[test]
    fn it_is_bounded_in_orders_in_bytes_and_in_looking() {
        let most = 10_000;
        let mut index = Index::new(most);
        // The same words again and again: one chain, the worst there is.
        for seq in 1..=3 * most as u32 {
            index.insert(no(seq), matter(5));
        }
        assert_eq!(index.len(), most);
        let found = index.search(&matter(5), 3);
        assert_eq!(
            found.iter().map(|found| found.no.seq()).collect::<Vec<_>>(),
            [30_000, 29_999, 29_998]
        );
        assert!(index.search(&matter(5), most).len() <= most);
        // The oldest made room.
        assert!(!index.places.contains_key(&no(20_000)) && index.places.contains_key(&no(20_001)));
        let each = index.bytes() / most;
        println!("an order in the index takes {each} bytes");
        assert!(each <= MOST_BYTES, "{each}");
        for seq in 1..=3 * most as u32 {
            index.remove(no(seq));
        }
        assert!(index.is_empty() && index.heads.iter().all(|head| *head == NONE));
    }
}
