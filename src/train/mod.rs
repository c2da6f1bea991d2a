//! Labelled messages → a [`Model`], and how well it reads what it has not seen. Pure computing:
//! the same messages give the same bytes, by however many threads.
//!
//! Twice over, each class is set against all others by a support vector machine: once on the
//! runs' values, once on values scaled by how much more often a run stands in the class than
//! elsewhere (naive Bayes). The model is the mean of both. Before that, the same is done on
//! all but one fold of the messages, and the model reads that fold: what comes out is the
//! cross-validated figure, and the scores to which the confidence is fitted.

pub mod feedback;
pub mod figures;
mod fit;
mod folds;
mod solver;
#[cfg(test)]
mod tests;

use crate::catalogue::fold::fold;
use crate::classify::Model;
use crate::classify::calibration::{Calibration, lead};
use crate::classify::grams::{Gram, MAX_TEXT, MAX_TITLE, grams};
use crate::classify::model::MAX_CLASSES;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most messages one training takes: some 10 KiB of memory each, and as much again for
/// each thread.
pub const MAX_EXAMPLES: usize = 100_000;
/// A label with fewer messages than this is left out: nothing could be learnt of it.
pub const MIN_EXAMPLES: usize = 5;
/// How many folds cross-validation has.
pub const FOLDS: usize = 5;

/// A labelled message, as runs.
pub struct Example {
    runs: (Vec<Gram>, Vec<Gram>),
    /// The place of its label among the labels.
    pub label: usize,
}

impl Example {
    /// Of a title, a text and the place of its label.
    pub fn new(title: &str, text: &str, label: usize) -> Example {
        let runs = (grams(&fold(title), MAX_TITLE), grams(&fold(text), MAX_TEXT));
        Example { runs, label }
    }
}

/// What came of a training.
pub struct Trained {
    /// The model.
    pub model: Model,
    /// For each fold, a model that has not seen it.
    pub folds: Vec<Model>,
    /// For each example its fold.
    pub fold_of: Vec<usize>,
    /// For each example, how likely a model that had not seen it held each class to be.
    pub crossed: Vec<Vec<f32>>,
}

/// Why there is nothing to learn.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrainError {
    /// No two classes to tell apart.
    #[error(
        "{found} labels have {MIN_EXAMPLES} messages and more: 2 to {MAX_CLASSES} labels are \
         allowed"
    )]
    Classes {
        /// How many labels there are with enough messages.
        found: usize,
    },
    /// Too many messages.
    #[error("{found} messages: at most {MAX_EXAMPLES} are allowed")]
    Examples {
        /// How many there are.
        found: usize,
    },
}

/// Trains on examples whose labels are places in `labels`, each with at least
/// [`MIN_EXAMPLES`]. `done` is told how many of `FOLDS + 1` fittings are over.
pub fn train(
    labels: &[String],
    examples: &[Example],
    threads: usize,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Trained, TrainError> {
    if !(2..=MAX_CLASSES).contains(&labels.len()) {
        return Err(TrainError::Classes { found: labels.len() });
    }
    if examples.len() > MAX_EXAMPLES {
        return Err(TrainError::Examples { found: examples.len() });
    }
    let fold_of = folds::stratified(examples, labels.len());
    // The models by the fold that they have not seen; the last has seen all.
    let models: Mutex<Vec<(usize, Model)>> = Mutex::new(Vec::with_capacity(FOLDS + 1));
    let (next, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let fold = next.fetch_add(1, Ordering::Relaxed);
            if fold > FOLDS {
                return;
            }
            let seen: Vec<&Example> = examples
                .iter()
                .zip(&fold_of)
                .filter(|(_, f)| **f != fold)
                .map(|(e, _)| e)
                .collect();
            let model = fit::fit(labels, &seen);
            if let Ok(mut models) = models.lock() {
                models.push((fold, model));
            }
            done(over.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    std::thread::scope(|scope| {
        (1..threads.clamp(1, FOLDS + 1)).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    let mut models = models.into_inner().unwrap_or_default();
    models.sort_by_key(|(fold, _)| *fold);
    let score = |(example, fold): (&Example, &usize)| {
        models[*fold].1.scores(&example.runs.0, &example.runs.1)
    };
    let scores: Vec<Vec<f32>> = examples.iter().zip(&fold_of).map(score).collect();
    let calibration = calibrate(&scores, examples);
    let crossed = scores.iter().map(|scores| calibration.likelihood(scores)).collect();
    let mut folds: Vec<Model> =
        models.into_iter().map(|(_, model)| model.calibrated(calibration)).collect();
    match folds.pop() {
        Some(model) => Ok(Trained { model, folds, fold_of, crossed }),
        None => Err(TrainError::Examples { found: examples.len() }),
    }
}

/// The calibration at which what was right and what was wrong is likeliest.
fn calibrate(scores: &[Vec<f32>], examples: &[Example]) -> Calibration {
    let read = scores.iter().zip(examples).map(|(scores, example)| {
        let (best, lead) = lead(scores);
        (lead, best == example.label)
    });
    let read: Vec<(f32, bool)> = read.collect();
    let right = read.iter().filter(|(_, right)| *right).count() as f64;
    let wrong = read.len() as f64 - right;
    // Nothing is quite certain, however few there were (Platt 1999).
    let (sure, unsure) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
    let loss = |slope: f32, offset: f32| -> f64 {
        let calibration = Calibration { slope, offset };
        let each = read.iter().map(|(lead, right)| {
            let likely = f64::from(calibration.right(*lead)).clamp(1e-9, 1.0 - 1e-9);
            let target = if *right { sure } else { unsure };
            -target * likely.ln() - (1.0 - target) * (1.0 - likely).ln()
        });
        each.sum()
    };
    let offset_at = |slope| valley(-4.0, 4.0, |offset| loss(slope, offset));
    let slope = valley(0.5, 64.0, |slope| loss(slope, offset_at(slope)));
    Calibration { slope, offset: offset_at(slope) }
}

/// Where a function with one valley is lowest: the third where it cannot be is left out again
/// and again.
fn valley(mut low: f32, mut high: f32, f: impl Fn(f32) -> f64) -> f32 {
    for _ in 0..20 {
        let third = (high - low) / 3.0;
        match f(low + third) < f(high - third) {
            true => high -= third,
            false => low += third,
        }
    }
    low.midpoint(high)
}
