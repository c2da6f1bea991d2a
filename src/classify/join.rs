//! How the keywords and a model come to one category.
//!
//! The model says which class a matter is of, and how likely; a class takes in one or more
//! categories of the catalogue. Within the class the keywords choose the category. Where they
//! are torn between two, up to a fifth of the confidence is taken off, and where none spoke
//! [`UNSAID`] of it is left.
//!
//! A model knows only what it was trained on. What its classes do not take in is the keywords'
//! own: where they name such a field with a confidence of [`OUTSIDE`] and more, they decide.

use super::grams::{MAX_TEXT, MAX_TITLE};
use super::model::Model;
use super::score::{Best, Scores, confidence};
use super::spans::spans;
use super::words::Words;
use super::{Evidence, Message, Speaks};
use crate::catalogue::{Catalogue, LabelError};
use crate::domain::{Category, Confidence};

/// The confidence from which keywords carry a matter out of all of the model's classes.
const OUTSIDE: u8 = 60;
/// What is left of the confidence where no keyword chose between a class's categories.
const UNSAID: f32 = 0.7;

/// Classes of a catalogue's categories.
pub struct Classes {
    /// For each category, by its place in the scores, its class.
    of: Vec<Option<usize>>,
    /// For each class, the category that takes what the keywords say nothing of.
    rest: Vec<Category>,
    /// For each class, whether it takes in more than one category.
    many: Vec<bool>,
}

impl Classes {
    pub(super) fn new(
        words: &Words,
        catalogue: &Catalogue,
        labels: &[String],
    ) -> Result<Classes, LabelError> {
        let by_category = catalogue.classes(labels)?;
        let of: Vec<_> =
            words.places.iter().map(|p| by_category.get(&p.category).copied()).collect();
        let mut rest = vec![Category::NONE; labels.len()];
        let mut sizes = vec![0; labels.len()];
        for (category, class) in &by_category {
            let takes_rest = catalogue.rest_of_field(category.field()) == *category;
            let has_rest = rest[*class].0 % 100 == 99;
            if rest[*class] == Category::NONE || (takes_rest && !has_rest) {
                rest[*class] = *category;
            }
            sizes[*class] += 1;
        }
        Ok(Classes { of, rest, many: sizes.into_iter().map(|n| n > 1).collect() })
    }

    /// What speaks for each class; and for what is in none, the field that most speaks for.
    pub(super) fn totals(&self, words: &Words, scores: &Scores) -> (Vec<u32>, Option<usize>) {
        let mut totals = vec![0; self.rest.len()];
        let mut outside: Option<usize> = None;
        for field in 0..words.fields.len() {
            let all = words.within(field);
            let mut left = scores.fields()[field];
            for place in all.clone() {
                if let Some(class) = self.of[place] {
                    totals[class] += scores.own()[place];
                }
                left -= scores.own()[place];
            }
            // What speaks for the field as a whole speaks for the class of what is left of it.
            match all.last().and_then(|rest| self.of[rest]) {
                Some(class) => totals[class] += left,
                None if outside.is_none_or(|o| scores.fields()[o] < scores.fields()[field]) => {
                    outside = Some(field);
                }
                None => {}
            }
        }
        (totals, outside.filter(|field| scores.fields()[*field] > 0))
    }

    /// The class that most speaks for, and how sure that is.
    pub(super) fn best(&self, words: &Words, scores: &Scores) -> Option<(usize, Confidence)> {
        let (totals, _) = self.totals(words, scores);
        let most = |but: Option<usize>| {
            let others = totals.iter().enumerate().filter(move |(i, _)| Some(*i) != but);
            others.max_by_key(|(i, total)| (**total, std::cmp::Reverse(*i)))
        };
        let (class, total) = most(None).filter(|(_, total)| **total > 0)?;
        let rival = most(Some(class)).map_or(0, |(_, rival)| *rival);
        Some((class, confidence(*total, rival, 0)))
    }

    /// The category of a class that the keywords choose.
    fn choose(&self, words: &Words, scores: &Scores, class: usize) -> Choice {
        let mut best = Choice { category: self.rest[class], left: 1.0, second: None };
        if !self.many[class] {
            return best;
        }
        // What speaks for the best field, and how close the next comes to it.
        let (mut most, mut close) = (0, 0.0_f32);
        let part = |score: u32, of: u32| score as f32 / of.max(1) as f32;
        for field in 0..words.fields.len() {
            let inside = || words.within(field).filter(|place| self.of[*place] == Some(class));
            let Some(last) = inside().next_back() else { continue };
            let rest = words.places[last].category;
            let outside = words.within(field).filter(|place| self.of[*place] != Some(class));
            let total = match rest.0 % 100 {
                99 => {
                    scores.fields()[field] - outside.map(|place| scores.own()[place]).sum::<u32>()
                }
                _ => inside().map(|place| scores.own()[place]).sum(),
            };
            let [leaf, second] =
                two_best(inside().map(|p| (words.places[p].category, scores.own()[p])));
            let category = leaf.map_or(rest, |(category, _)| category);
            if total <= most {
                if total > 0 && part(total, most) > close {
                    (close, best.second) = (part(total, most), Some(category));
                }
                continue;
            }
            let next = (part(most, total), (most > 0).then_some(best.category));
            best.category = category;
            (close, best.second) = match (leaf, second) {
                (Some((_, own)), Some((category, score))) if part(score, own) > next.0 => {
                    (part(score, own), Some(category))
                }
                _ => next,
            };
            most = total;
        }
        best.left = if most == 0 { UNSAID } else { 1.0 - close / 5.0 };
        best
    }
}

/// A category chosen within a class.
struct Choice {
    category: Category,
    /// What is left of the class's confidence; the rest is the second's.
    left: f32,
    second: Option<Category>,
}

/// A category and what spoke for it.
type Scored = (Category, u32);

/// The two with the highest scores above 0; the earlier where two are equal.
fn two_best(scored: impl Iterator<Item = Scored>) -> [Option<Scored>; 2] {
    let [mut first, mut second]: [Option<Scored>; 2] = [None, None];
    for scored in scored.filter(|(_, score)| *score > 0) {
        if first.is_none_or(|(_, score)| scored.1 > score) {
            (second, first) = (first, Some(scored));
        } else if second.is_none_or(|(_, score)| scored.1 > score) {
            second = Some(scored);
        }
    }
    [first, second]
}

/// A model and what its classes are in the catalogue.
pub(super) struct Trained {
    pub(super) model: Model,
    pub(super) classes: Classes,
}

impl Trained {
    /// The best category, at most so many others; and the class of the best, if it is of one.
    pub(super) fn category(
        &self,
        words: &Words,
        scores: &Scores,
        message: &Message<'_>,
        rivals: usize,
    ) -> (Best, Option<usize>) {
        let (title, text) = &message.runs;
        if title.is_empty() && text.is_empty() {
            return (scores.category(words, rivals), None);
        }
        let likely = self.model.likelihood(&self.model.scores(title, text));
        let mut order: Vec<usize> = (0..likely.len()).collect();
        order.sort_by(|a, b| likely[*b].total_cmp(&likely[*a]));
        order.truncate(rivals + 1);
        let outside = self.outside(words, scores);
        let inside = outside.map_or(1.0, |(_, c)| 1.0 - f32::from(c.percent()) / 100.0);
        let mut ranked: Vec<(Category, f32)> = Vec::with_capacity(2 * order.len());
        for class in &order {
            let choice = self.classes.choose(words, scores, *class);
            let likely = likely[*class] * inside;
            ranked.push((choice.category, likely * choice.left));
            ranked.extend(choice.second.map(|second| (second, likely * (1.0 - choice.left))));
        }
        let percent = |p: f32| Confidence::new((p * 100.0).round() as u8);
        let (category, confidence) = match outside {
            Some(outside) => outside,
            None => {
                let (category, p) = ranked.remove(0);
                (category, percent(p))
            }
        };
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        // A class may be likely and yet its category unsure: no rival is shown as surer.
        let others = ranked.into_iter().map(|(other, p)| (other, percent(p).min(confidence)));
        let rivals = others.filter(|(_, sure)| sure.percent() > 0).take(rivals).collect();
        let class = if outside.is_none() { order.first().copied() } else { None };
        (Best { category, confidence, rivals }, class)
    }

    /// The words that spoke for a class, shown as speaking for the category chosen within it.
    pub(super) fn evidence(
        &self,
        class: usize,
        category: Category,
        message: &Message<'_>,
    ) -> Vec<Evidence> {
        let speaks = Speaks::Category(category);
        let (title, text) = &message.runs;
        let of = |words, runs, limit| (words, runs, limit);
        let mut shown =
            spans(&self.model, class, of(message.title, &title[..], MAX_TITLE), speaks, true);
        shown.extend(spans(
            &self.model,
            class,
            of(message.text, &text[..], MAX_TEXT),
            speaks,
            false,
        ));
        shown
    }

    /// The category that the keywords name, where none of the model's classes takes it in and
    /// they are sure.
    fn outside(&self, words: &Words, scores: &Scores) -> Option<(Category, Confidence)> {
        let (_, field) = self.classes.totals(words, scores);
        let strongest = scores.fields().iter().max();
        let field = field.filter(|field| strongest == Some(&scores.fields()[*field]))?;
        let (category, confidence) = scores.of_field(words, field);
        let inside = self.classes.of.iter().zip(&words.places);
        let taken =
            inside.filter(|(_, place)| place.category == category).any(|(c, _)| c.is_some());
        (!taken && confidence.percent() >= OUTSIDE).then_some((category, confidence))
    }
}
