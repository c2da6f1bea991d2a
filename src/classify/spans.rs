//! The words of a text that a model went by.

use super::grams::{self, Gram};
use super::model::Model;
use super::{Evidence, Speaks};

/// The most words of a field that are shown.
const MAX_SPANS: usize = 4;
/// The longest that one is, in characters.
const MAX_SPAN: usize = 8;
/// A character belongs to a word if it speaks this part as loudly as the loudest.
const LOUD: f32 = 0.4;

/// The words of a folded field that spoke loudest for a class: what each run of characters
/// adds to its score is shared among the run's characters, and loud neighbours are one word.
pub(super) fn spans(
    model: &Model,
    class: usize,
    (text, found, limit): (&str, &[Gram], usize),
    speaks: Speaks,
    in_title: bool,
) -> Vec<Evidence> {
    let share = model.share(found);
    // By the byte at which a character begins.
    let mut loud = vec![0.0_f32; text.len()];
    grams::each(text, limit, |hash, order, at| {
        let chars = text[at.clone()].chars().count().max(1) as f32;
        let each = share(hash, order, class) / chars;
        text[at.clone()].char_indices().for_each(|(i, _)| loud[at.start + i] += each);
    });
    let least = loud.iter().copied().fold(0.0, f32::max) * LOUD;
    let mut words: Vec<(f32, usize, usize)> = Vec::new();
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let weight = loud[at];
        if weight <= least || weight <= 0.0 || !c.is_alphanumeric() {
            length = 0;
            continue;
        }
        match words.last_mut().filter(|_| (1..MAX_SPAN).contains(&length)) {
            Some((sum, _, end)) => (*sum, *end) = (*sum + weight, at + c.len_utf8()),
            None => {
                words.push((weight, at, at + c.len_utf8()));
                length = 0;
            }
        }
        length += 1;
    }
    words.retain(|(_, start, end)| text[*start..*end].chars().nth(1).is_some());
    words.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut shown: Vec<Evidence> = Vec::with_capacity(MAX_SPANS);
    for (sum, start, end) in words {
        let keyword = &text[start..end];
        if shown.len() < MAX_SPANS && shown.iter().all(|e| e.keyword != keyword) {
            // In the keywords' measure: a whole score is worth as much as the loudest of them.
            let weight = (sum * 100.0).round().clamp(1.0, 100.0) as u16;
            shown.push(Evidence { keyword: keyword.to_owned(), speaks, weight, in_title });
        }
    }
    shown
}
