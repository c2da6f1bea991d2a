//! Citizen's words → kind, category and urgency, with the evidence shown. Pure.
//!
//! [`Classifier`] is the only door: how the score comes about is nobody else's business, so
//! that a trained model can take the place of weighted keywords.

mod score;
#[cfg(test)]
mod tests;
mod words;

pub use crate::catalogue::Speaks;

use crate::catalogue::{Catalogue, fold::fold};
use crate::domain::{Category, Confidence, Kind, Urgency};
use score::Scores;
use words::Words;

/// The most evidence one classification shows.
pub const MAX_EVIDENCE: usize = 12;
/// The most other categories one classification names.
pub const MAX_RIVALS: usize = 3;

/// What was read out of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classification {
    /// What the citizen wants.
    pub kind: Kind,
    /// What it is about; [`Category::NONE`] when no keyword spoke.
    pub category: Category,
    /// How sure the category is.
    pub category_confidence: Confidence,
    /// How soon.
    pub urgency: Urgency,
    /// What spoke for the above, loudest first, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// The next best categories with their confidence, at most [`MAX_RIVALS`].
    pub rivals: Vec<(Category, Confidence)>,
}

/// A keyword that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The keyword as the catalogue has it.
    pub keyword: String,
    /// What it spoke for.
    pub speaks: Speaks,
    /// How loudly it spoke here, in the weights of the catalogue.
    pub weight: u16,
    /// Whether it stood in the title.
    pub in_title: bool,
}

/// Weighs the keywords of a catalogue. Built once per catalogue and shared.
pub struct Classifier {
    words: Words,
}

impl Classifier {
    /// Compiles the keywords.
    pub fn new(catalogue: &Catalogue) -> Classifier {
        Classifier { words: Words::new(catalogue) }
    }

    /// Reads a title and a text, each in one pass. Empty texts are allowed and say nothing.
    pub fn classify(&self, title: &str, text: &str) -> Classification {
        self.read(title, text, true)
    }

    /// The same without evidence and rivals, for who does not look at them.
    pub fn decide(&self, title: &str, text: &str) -> Classification {
        self.read(title, text, false)
    }

    fn read(&self, title: &str, text: &str, with_evidence: bool) -> Classification {
        let found = self.words.find(&fold(title), &fold(text));
        let scores = Scores::of(&self.words, &found);
        let rivals = if with_evidence { MAX_RIVALS } else { 0 };
        let best = scores.category(&self.words, rivals);
        let default = self.words.defaults(best.category);
        let kind = scores.kind().or(default.kind).unwrap_or(Kind::Request);
        let urgency = scores.urgency().max(default.urgency).unwrap_or(Urgency::Normal);
        Classification {
            kind,
            category: best.category,
            category_confidence: best.confidence,
            urgency,
            evidence: match with_evidence {
                true => self.words.evidence(&found, best.category, kind, urgency),
                false => Vec::new(),
            },
            rivals: best.rivals,
        }
    }
}
