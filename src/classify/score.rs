//! How keywords become a decision. The whole formula is here.
//!
//! - A keyword that stands in a text adds its weight once to what it speaks for; half as much
//!   again for the second time, a quarter for the third and the fourth, nothing after. In the
//!   title it adds its weight twice.
//! - A field's score is what spoke for it or for any of its categories. The field with the
//!   highest score wins, and within it the category with the highest score of its own; where
//!   none has any, the category that takes the rest of the field.
//! - Confidence = 100 · t/(t+h) · t/(t+r): t is the winner's total, r its strongest rival
//!   field's, h = [`HALF`]. The first factor asks whether there is evidence at all, the second
//!   whether it speaks with one voice: two equal fields are a coin's throw. Where the category
//!   is closely run by another of its own field, up to a fifth is taken off.
//! - A kind needs [`ENOUGH_KIND`]; an urgency [`ENOUGH_URGENCY`], and what speaks for a higher
//!   one speaks for the lower too; a word late in the text speaks half as loudly for it. Else the category's own kind and urgency hold.

use super::MAX_RIVALS;
use super::words::{Found, ONE, Words};
use crate::domain::{Category, Confidence, Kind, Urgency};

/// The total at which evidence is worth half.
const HALF: u32 = 6 * ONE;
/// The least that decides a kind.
const ENOUGH_KIND: u32 = 8 * ONE;
/// The least that decides an urgency: one strong keyword.
const ENOUGH_URGENCY: u32 = 20 * ONE;

/// The best category and those beside it.
pub(super) struct Best {
    pub(super) category: Category,
    pub(super) confidence: Confidence,
    pub(super) rivals: Vec<(Category, Confidence)>,
}

/// What was added up, all in one: fields, categories, kinds, urgencies.
pub(super) struct Scores {
    slots: Vec<u32>,
    /// Where the categories begin.
    places: usize,
    /// Where the kinds begin.
    kinds: usize,
}

impl Scores {
    pub(super) fn of(words: &Words, found: &[Found]) -> Scores {
        let mut slots = vec![0_u32; words.slots()];
        for found in found {
            for vote in words.votes(found) {
                slots[vote.slot] += found.loudness(vote);
            }
        }
        let places = words.fields.len();
        let (fields, own) = slots.split_at_mut(places);
        for (place, score) in words.places.iter().zip(own) {
            fields[place.field] += *score;
        }
        Scores { slots, places, kinds: places + words.places.len() }
    }

    /// Of each field, with what speaks for its categories.
    pub(super) fn fields(&self) -> &[u32] {
        &self.slots[..self.places]
    }

    /// Of each category by itself.
    pub(super) fn own(&self) -> &[u32] {
        &self.slots[self.places..self.kinds]
    }

    fn kinds_and_urgencies(&self) -> (&[u32], &[u32]) {
        self.slots[self.kinds..].split_at(Kind::ALL.len())
    }

    /// The kind that most speaks for; earlier in this list where two are equal.
    pub(super) fn kind(&self) -> Option<Kind> {
        const BY_CLAIM: [Kind; 6] = [
            Kind::Tip,
            Kind::Complaint,
            Kind::Suggestion,
            Kind::Praise,
            Kind::Inquiry,
            Kind::Request,
        ];
        let (kinds, _) = self.kinds_and_urgencies();
        let mut best = None;
        let mut most = ENOUGH_KIND - 1;
        for kind in BY_CLAIM {
            let at = Kind::ALL.iter().position(|k| *k == kind).unwrap_or_default();
            if kinds[at] > most {
                most = kinds[at];
                best = Some(kind);
            }
        }
        best
    }

    /// The highest urgency that enough speaks for.
    pub(super) fn urgency(&self) -> Option<Urgency> {
        let (_, urgencies) = self.kinds_and_urgencies();
        let mut sum = 0;
        for (urgency, score) in Urgency::ALL.iter().zip(urgencies).rev() {
            sum += score;
            if sum >= ENOUGH_URGENCY {
                return Some(*urgency);
            }
        }
        None
    }

    /// The best category, and at most so many rivals.
    pub(super) fn category(&self, words: &Words, rivals: usize) -> Best {
        let fields = self.fields();
        // The strongest first; of two that are equal, the one that comes first.
        let mut order = [0_usize; MAX_RIVALS + 1];
        let mut count = 0;
        for (field, score) in fields.iter().enumerate().filter(|(_, score)| **score > 0) {
            let weaker = order[..count].iter().position(|other| fields[*other] < *score);
            let at = weaker.unwrap_or(count);
            if at < order.len() {
                count = order.len().min(count + 1);
                order[at..count].rotate_right(1);
                order[at] = field;
            }
        }
        let order = &order[..count];
        let mut ranked = order.iter().map(|field| {
            let rival = order.iter().find(|f| *f != field).map_or(0, |f| fields[*f]);
            let (category, close) = self.within(words, *field);
            (category, confidence(fields[*field], rival, close))
        });
        match ranked.next() {
            Some((category, confidence)) => {
                Best { category, confidence, rivals: ranked.take(rivals).collect() }
            }
            None => Best {
                category: Category::NONE,
                confidence: Confidence::default(),
                rivals: Vec::new(),
            },
        }
    }

    /// The best category of a field, and how sure it is.
    pub(super) fn of_field(&self, words: &Words, field: usize) -> (Category, Confidence) {
        let others = self.fields().iter().enumerate().filter(|(other, _)| *other != field);
        let rival = others.map(|(_, score)| *score).max().unwrap_or(0);
        let (category, close) = self.within(words, field);
        (category, confidence(self.fields()[field], rival, close))
    }

    /// The best category of a field, and how close the next is, in percent.
    fn within(&self, words: &Words, field: usize) -> (Category, u64) {
        let mut best = (Category(words.fields[field] * 100 + 99), 0);
        let mut next = 0;
        for place in words.within(field) {
            let score = self.own()[place];
            if score > best.1 {
                next = best.1;
                best = (words.places[place].category, score);
            } else {
                next = next.max(score);
            }
        }
        let close = u64::from(next) * 100 / u64::from(best.1.max(1));
        (best.0, close)
    }
}

/// See above: of the winner's total, its strongest rival's, and how close its own run is.
pub(super) fn confidence(total: u32, rival: u32, close: u64) -> Confidence {
    let (t, r, h) = (u64::from(total), u64::from(rival), u64::from(HALF));
    let percent = 100 * t * t / ((t + h) * (t + r)).max(1);
    Confidence::new((percent * (500 - close) / 500).min(100) as u8)
}
