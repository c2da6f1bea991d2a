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
/// How often the calibration is made better; from the fourth time on hardly anything changes.
const NEWTON: usize = 16;
/// How far a number goes each time: where few messages tell, it would jump to and fro.
const MOST_STEP: f64 = 4.0;
/// What a number of the calibration costs, squared and halved, in messages.
const RIDGE: f64 = 0.01;
/// Within what a lead counts.
const LEAST_SLOPE: f32 = 0.5;
const MOST_SLOPE: f32 = 64.0;

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

/// The calibration at which what was right and what was wrong is likeliest: logistic
/// regression of right on lead and sum, by Newton's method.
fn calibrate(scores: &[Vec<f32>], examples: &[Example]) -> Calibration {
    let read = scores.iter().zip(examples).map(|(scores, example)| {
        let (best, lead) = lead(scores);
        ([lead, scores.iter().sum(), 1.0].map(f64::from), best == example.label)
    });
    let read: Vec<([f64; 3], bool)> = read.collect();
    let right = read.iter().filter(|(_, right)| *right).count() as f64;
    let wrong = read.len() as f64 - right;
    // Nothing is quite certain, however few there were (Platt 1999).
    let (sure, unsure) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
    let mut fitted = [0.0; 3];
    for _ in 0..NEWTON {
        // The slope of the loss, and how that changes; what nothing speaks for stays 0.
        let mut slope = fitted.map(|number| -RIDGE * number);
        let mut bend = [[RIDGE, 0.0, 0.0], [0.0, RIDGE, 0.0], [0.0, 0.0, RIDGE]];
        for (seen, right) in &read {
            let said = 1.0 / (1.0 + (-dot(seen, &fitted)).exp());
            let off = if *right { sure } else { unsure } - said;
            for (i, one) in seen.iter().enumerate() {
                slope[i] += off * one;
                let row = bend[i].iter_mut().zip(seen);
                row.for_each(|(cell, other)| *cell += said * (1.0 - said) * one * other);
            }
        }
        let step = divided(slope, &bend);
        let step = step.map(|step| step.clamp(-MOST_STEP, MOST_STEP));
        fitted.iter_mut().zip(step).for_each(|(number, step)| *number += step);
    }
    let [slope, whole, offset] = fitted.map(|number| number as f32);
    Calibration { slope: slope.clamp(LEAST_SLOPE, MOST_SLOPE), whole, offset }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What the matrix makes the vector of (Cramer's rule).
fn divided(by: [f64; 3], m: &[[f64; 3]; 3]) -> [f64; 3] {
    let cross = |a: &[f64; 3], b: &[f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    // It is symmetric: its rows are its columns.
    let [a, b, c] = m;
    let whole = dot(a, &cross(b, c));
    [cross(b, c), cross(c, a), cross(a, b)].map(|part| dot(&part, &by) / whole)
}
