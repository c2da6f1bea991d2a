//! The keywords, and which of them stand in a text.

use super::denial::is_denied;
use super::{Evidence, MAX_EVIDENCE};
use crate::catalogue::{Catalogue, Speaks, finder::Finder};
use crate::domain::{Category, Kind, Urgency};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// A keyword's strength is counted in sixteenths of its weight.
pub(super) const ONE: u32 = 16;
/// How loudly a word speaks that stands n times in the text: each repeat says less.
const REPEATS: [u32; 5] = [0, ONE, ONE * 3 / 2, ONE * 7 / 4, ONE * 2];
/// How loudly a word speaks that stands in the title, where a citizen says what it is about.
const TITLE: u32 = ONE * 2;

/// A citizen in need says so at once: up to here, in bytes, a word of the text is early. Later
/// it is more often told of than happening, and speaks half as loudly for an urgency.
const EARLY: usize = 360;

/// The bits of a word's count.
const TIMES: u8 = 0x1f;
/// It was said at least once without being denied.
const IS_SO: u8 = 0x20;
const IS_EARLY: u8 = 0x40;
const IN_TITLE: u8 = 0x80;

/// What a keyword speaks for, by its place in the scores.
#[derive(Clone, Copy)]
pub(super) struct Vote {
    pub(super) slot: usize,
    weight: u16,
    speaks: Speaks,
}

struct Word {
    text: String,
    /// Where its votes are.
    votes: Range<usize>,
    /// One of them is for an urgency.
    alarms: bool,
}

/// The kind and urgency a category has where the words do not say otherwise.
#[derive(Clone, Copy, Default)]
pub(super) struct Defaults {
    pub(super) kind: Option<Kind>,
    pub(super) urgency: Option<Urgency>,
}

/// A category's place: its own score and its field's.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) category: Category,
    pub(super) field: usize,
    defaults: Defaults,
}

/// A word that was found and how strongly, in sixteenths of its weight.
#[derive(Default)]
pub(super) struct Found {
    word: usize,
    strength: u32,
    early: bool,
    is_so: bool,
    in_title: bool,
}

impl Found {
    /// How loudly the word speaks for something, in sixteenths.
    pub(super) fn loudness(&self, vote: &Vote) -> u32 {
        let full = self.strength * u32::from(vote.weight);
        match vote.speaks {
            Speaks::Urgency(_) if !self.is_so => 0,
            Speaks::Urgency(_) if !self.early => full / 2,
            Speaks::Urgency(_) | Speaks::Category(_) | Speaks::Field(_) | Speaks::Kind(_) => full,
        }
    }
}

pub(super) struct Words {
    finder: Finder,
    words: Vec<Word>,
    /// Of one word after the other.
    votes: Vec<Vote>,
    /// The fields, in the order of their slots, which come first.
    pub(super) fields: Vec<u16>,
    /// The categories, in the order of their slots, which follow the fields'.
    pub(super) places: Vec<Place>,
    /// Of each field, the places of its categories.
    within: Vec<Range<usize>>,
}

impl Words {
    pub(super) fn new(catalogue: &Catalogue) -> Words {
        let mut fields: Vec<u16> = catalogue.categories().map(|row| row.category.field()).collect();
        fields.dedup();
        let field_of = |number: u16| fields.binary_search(&number).ok();
        let mut places = Vec::new();
        for row in catalogue.categories() {
            let Some(field) = field_of(row.category.field()) else { continue };
            let defaults = Defaults { kind: row.kind, urgency: row.urgency };
            places.push(Place { category: row.category, field, defaults });
        }
        let slot = |speaks: Speaks| match speaks {
            Speaks::Field(field) => field_of(field),
            Speaks::Category(category) => {
                let at = places.binary_search_by_key(&category, |place| place.category).ok();
                at.map(|i| fields.len() + i)
            }
            Speaks::Kind(kind) => {
                let at = Kind::ALL.iter().position(|k| *k == kind);
                at.map(|i| fields.len() + places.len() + i)
            }
            Speaks::Urgency(urgency) => {
                let at = Urgency::ALL.iter().position(|u| *u == urgency);
                at.map(|i| fields.len() + places.len() + Kind::ALL.len() + i)
            }
        };
        let mut votes_of: BTreeMap<&str, Vec<Vote>> = BTreeMap::new();
        for keyword in catalogue.keywords() {
            let Some(slot) = slot(keyword.speaks) else { continue };
            let vote = Vote { slot, weight: keyword.weight, speaks: keyword.speaks };
            votes_of.entry(&keyword.text).or_default().push(vote);
        }
        let mut words: Vec<Word> = Vec::with_capacity(votes_of.len());
        let mut votes = Vec::new();
        for (text, of_word) in votes_of {
            let first = votes.len();
            votes.extend(of_word);
            let alarms = votes[first..].iter().any(|v| matches!(v.speaks, Speaks::Urgency(_)));
            words.push(Word { text: text.to_owned(), votes: first..votes.len(), alarms });
        }
        let first = |field: usize| places.partition_point(|place: &Place| place.field < field);
        let within = (0..fields.len()).map(|field| first(field)..first(field + 1)).collect();
        Words { finder: finder(&words), words, votes, fields, places, within }
    }

    /// How many scores there are.
    pub(super) fn slots(&self) -> usize {
        self.fields.len() + self.places.len() + Kind::ALL.len() + Urgency::ALL.len()
    }

    /// The places of a field's categories, the one that takes the rest last.
    pub(super) fn within(&self, field: usize) -> Range<usize> {
        self.within[field].clone()
    }

    pub(super) fn votes(&self, found: &Found) -> &[Vote] {
        &self.votes[self.words[found.word].votes.clone()]
    }

    pub(super) fn defaults(&self, category: Category) -> Defaults {
        let at = self.places.binary_search_by_key(&category, |place| place.category);
        at.map(|i| self.places[i].defaults).unwrap_or_default()
    }

    /// Every keyword that stands in the title or the text, also one within another.
    pub(super) fn find(&self, title: &str, text: &str) -> Vec<Found> {
        // Per word: how often it stands in the text, and whether early or in the title.
        let mut counts = vec![0_u8; self.words.len()];
        let mut found: Vec<Found> = Vec::with_capacity(64);
        for hit in self.finder.find(title) {
            let word = hit.value as usize;
            if counts[word] == 0 {
                found.push(Found { word, ..Found::default() });
            }
            counts[word] |= IN_TITLE | IS_EARLY | self.said_so(word, &title[..hit.start]);
        }
        for hit in self.finder.find(text) {
            let word = hit.value as usize;
            if counts[word] == 0 {
                found.push(Found { word, ..Found::default() });
            }
            counts[word] |= self.said_so(word, &text[..hit.start]);
            if counts[word] & TIMES < 4 {
                counts[word] += 1;
            }
            if hit.start < EARLY {
                counts[word] |= IS_EARLY;
            }
        }
        for found in &mut found {
            let counted = counts[found.word];
            found.in_title = counted & IN_TITLE != 0;
            let title = if found.in_title { TITLE } else { 0 };
            found.strength = title + REPEATS[usize::from(counted & TIMES)];
            (found.early, found.is_so) = (counted & IS_EARLY != 0, counted & IS_SO != 0);
        }
        found
    }

    /// Whether a word that stands after this is meant; asked only where it would alarm.
    fn said_so(&self, word: usize, before: &str) -> u8 {
        if self.words[word].alarms && is_denied(before) { 0 } else { IS_SO }
    }

    /// The words that spoke for what was decided, loudest first.
    pub(super) fn evidence(
        &self,
        found: &[Found],
        category: Category,
        kind: Kind,
        urgency: Urgency,
    ) -> Vec<Evidence> {
        let spoke = |speaks: Speaks| match speaks {
            Speaks::Category(c) => c == category,
            Speaks::Field(field) => field == category.field(),
            Speaks::Kind(k) => k == kind,
            Speaks::Urgency(u) => u == urgency,
        };
        let mut loudest: Vec<(u32, &Found, &Vote)> = Vec::with_capacity(32);
        for found in found {
            for vote in self.votes(found).iter().filter(|vote| spoke(vote.speaks)) {
                let weight = found.loudness(vote) / ONE;
                if weight > 0 {
                    loudest.push((weight, found, vote));
                }
            }
        }
        loudest.sort_by(|a, b| {
            b.0.cmp(&a.0).then(a.1.word.cmp(&b.1.word)).then(a.2.slot.cmp(&b.2.slot))
        });
        let shown = loudest.into_iter().take(MAX_EVIDENCE);
        shown
            .map(|(weight, found, vote)| Evidence {
                keyword: self.words[found.word].text.clone(),
                speaks: vote.speaks,
                weight: weight as u16,
                in_title: found.in_title,
            })
            .collect()
    }
}

/// Latin letters are matched in the case of the catalogue, all small and all large.
fn finder(words: &[Word]) -> Finder {
    let mut phrases: HashMap<String, u32> = HashMap::new();
    for (i, word) in words.iter().enumerate() {
        for form in [word.text.to_ascii_lowercase(), word.text.to_ascii_uppercase()] {
            phrases.entry(form).or_insert(i as u32);
        }
        phrases.insert(word.text.clone(), i as u32);
    }
    Finder::new(phrases)
}
