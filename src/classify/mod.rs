//! Citizen's words → kind, category and urgency, with the evidence shown. Pure.
//!
//! [`Classifier`] is the only door. Weighted keywords of the catalogue work on the first day;
//! a [`Model`] that a centre trained on its own history says which class a matter is of, and
//! the keywords choose the category within it. Kind and urgency are the keywords' alone.

pub mod calibration;
mod denial;
pub mod grams;
mod join;
pub mod model;
mod score;
mod spans;
#[cfg(test)]
mod tests;
mod words;

pub use crate::catalogue::Speaks;
pub use join::Classes;
pub use model::{Model, ModelError};

use crate::catalogue::{Catalogue, LabelError, fold::fold};
use crate::domain::{Category, Confidence, Kind, ModelVersion, Urgency};
use grams::{Gram, MAX_TEXT, MAX_TITLE, grams};
use join::Trained;
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
    /// What it is about; [`Category::NONE`] when nothing spoke.
    pub category: Category,
    /// How sure the category is.
    pub category_confidence: Confidence,
    /// How soon.
    pub urgency: Urgency,
    /// What spoke for the above, loudest first, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// The next best categories with their confidence, at most [`MAX_RIVALS`].
    pub rivals: Vec<(Category, Confidence)>,
    /// The model that had a say; `None` when the keywords were alone.
    pub model: Option<ModelVersion>,
}

/// A word that spoke.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// A keyword as the catalogue has it, or words of the text that the model went by.
    pub keyword: String,
    /// What it spoke for.
    pub speaks: Speaks,
    /// How loudly it spoke here, in the weights of the catalogue.
    pub weight: u16,
    /// Whether it stood in the title.
    pub in_title: bool,
}

/// A text's title and body as they are read: folded, and as runs where there is a model.
struct Message<'a> {
    title: &'a str,
    text: &'a str,
    runs: (Vec<Gram>, Vec<Gram>),
}

/// Weighs the keywords of a catalogue, and what a model says. Built once and shared.
pub struct Classifier {
    words: Words,
    trained: Option<Trained>,
}

impl Classifier {
    /// Compiles the keywords.
    pub fn new(catalogue: &Catalogue) -> Classifier {
        Classifier { words: Words::new(catalogue), trained: None }
    }

    /// The same with a model, whose classes must be labels of the catalogue.
    pub fn with_model(catalogue: &Catalogue, model: Model) -> Result<Classifier, LabelError> {
        let words = Words::new(catalogue);
        let classes = Classes::new(&words, catalogue, model.classes())?;
        Ok(Classifier { words, trained: Some(Trained { model, classes }) })
    }

    /// The model that has a say.
    pub fn model(&self) -> Option<&Model> {
        self.trained.as_ref().map(|trained| &trained.model)
    }

    /// What labels take in of the catalogue, for [`Classifier::class_by_keywords`].
    pub fn classes(&self, catalogue: &Catalogue, of: &[String]) -> Result<Classes, LabelError> {
        Classes::new(&self.words, catalogue, of)
    }

    /// Reads a title and a text, each in one pass. Empty texts are allowed and say nothing.
    pub fn classify(&self, title: &str, text: &str) -> Classification {
        self.read(title, text, true)
    }

    /// The same without evidence and rivals, for who does not look at them.
    pub fn decide(&self, title: &str, text: &str) -> Classification {
        self.read(title, text, false)
    }

    /// How likely the model holds each of its classes to be; nothing where there is no model.
    pub fn likelihood(&self, title: &str, text: &str) -> Vec<f32> {
        let Some(trained) = &self.trained else { return Vec::new() };
        let (title, text) = (grams(&fold(title), MAX_TITLE), grams(&fold(text), MAX_TEXT));
        trained.model.likelihood(&trained.model.scores(&title, &text))
    }

    /// Which of these classes the keywords alone choose, and how sure they are; `None` when
    /// none of them spoke for any.
    pub fn class_by_keywords(
        &self,
        classes: &Classes,
        title: &str,
        text: &str,
    ) -> Option<(usize, Confidence)> {
        let found = self.words.find(&fold(title), &fold(text));
        classes.best(&self.words, &Scores::of(&self.words, &found))
    }

    fn read(&self, title: &str, text: &str, with_evidence: bool) -> Classification {
        let (title, text) = (fold(title), fold(text));
        let runs = match self.trained {
            Some(_) => (grams(&title, MAX_TITLE), grams(&text, MAX_TEXT)),
            None => (Vec::new(), Vec::new()),
        };
        let message = Message { title: &title, text: &text, runs };
        let found = self.words.find(&title, &text);
        let scores = Scores::of(&self.words, &found);
        let rivals = if with_evidence { MAX_RIVALS } else { 0 };
        let (best, class) = match &self.trained {
            Some(trained) => trained.category(&self.words, &scores, &message, rivals),
            None => (scores.category(&self.words, rivals), None),
        };
        let default = self.words.defaults(best.category);
        let kind = scores.kind().or(default.kind).unwrap_or(Kind::Request);
        let urgency = scores.urgency().max(default.urgency).unwrap_or(Urgency::Normal);
        let mut evidence = Vec::new();
        if with_evidence {
            if let (Some(trained), Some(class)) = (&self.trained, class) {
                evidence = trained.evidence(class, best.category, &message);
            }
            evidence.extend(self.words.evidence(&found, best.category, kind, urgency));
            evidence.sort_by_key(|e| std::cmp::Reverse(e.weight));
            evidence.truncate(MAX_EVIDENCE);
        }
        Classification {
            kind,
            category: best.category,
            category_confidence: best.confidence,
            urgency,
            evidence,
            rivals: best.rivals,
            model: self.model().map(Model::version),
        }
    }
}
