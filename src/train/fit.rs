//! One fitting: examples → weights → a model.

use super::Example;
use super::solver::{LANES, Lanes, Problem, solve};
use crate::classify::Model;
use crate::classify::model::{self, Weights};

/// What each row is counted with before it is seen, so that a rare one proves nothing.
const SMOOTH: f64 = 2.0;

pub(super) fn fit(labels: &[String], examples: &[&Example]) -> Model {
    let classes = labels.len();
    let (bits, _) = model::shape(classes);
    let idf = idf(examples, bits);
    let problem = Problem::new(examples, bits, &idf);
    let mut weights = vec![0.0; classes << bits];
    let mut bias = vec![0.0; classes];
    for first in (0..classes).step_by(LANES) {
        let count = (classes - first).min(LANES);
        let plain = solve(&problem, first, count, None);
        let ratios = ratios(&problem, first, count);
        let scaled = solve(&problem, first, count, Some(&ratios));
        for (row, both) in problem.rows.iter().zip(plain.weights.iter().zip(&scaled.weights)) {
            let at = *row as usize * classes + first;
            let mean = both.0.iter().zip(both.1).map(|(a, b)| (a + b) / 2.0);
            weights[at..at + count].iter_mut().zip(mean).for_each(|(w, mean)| *w = mean);
        }
        for lane in 0..count {
            bias[first + lane] = (plain.bias[lane] + scaled.bias[lane]) / 2.0;
        }
    }
    Model::new(&Weights { classes: labels.to_vec(), bias, idf, weights })
}

/// How rare each row is among the examples.
fn idf(examples: &[&Example], bits: u32) -> Vec<u8> {
    let mut with = vec![0_u32; 1 << bits];
    let mut seen_by = vec![0_u32; 1 << bits];
    for (example, number) in examples.iter().zip(1..) {
        for gram in example.runs.0.iter().chain(&example.runs.1) {
            let row = model::row(gram, bits);
            if seen_by[row] != number {
                seen_by[row] = number;
                with[row] += 1;
            }
        }
    }
    with.into_iter().map(|with| model::idf(examples.len(), with)).collect()
}

/// The square of ln(in how many of a class's messages a row stands / of all others').
fn ratios(problem: &Problem, first: usize, count: usize) -> Vec<Lanes> {
    let rows = problem.rows.len();
    let mut inside = vec![[0.0_f32; LANES]; rows];
    let mut all = vec![0.0_f32; rows];
    for (cells, label) in problem.examples() {
        let lane = label.checked_sub(first).filter(|lane| *lane < count);
        for (row, _) in cells {
            all[*row as usize] += 1.0;
            if let Some(lane) = lane {
                inside[*row as usize][lane] += 1.0;
            }
        }
    }
    let (mut sums, mut whole) = ([0.0_f64; LANES], 0.0);
    for (inside, all) in inside.iter().zip(&all).filter(|(_, all)| **all > 0.0) {
        inside.iter().zip(&mut sums).for_each(|(n, sum)| *sum += f64::from(*n) + SMOOTH);
        whole += f64::from(*all) + 2.0 * SMOOTH;
    }
    for (inside, all) in inside.iter_mut().zip(&all) {
        for (n, sum) in inside.iter_mut().zip(sums) {
            let here = (f64::from(*n) + SMOOTH) / sum;
            let elsewhere = (f64::from(*all - *n) + SMOOTH) / (whole - sum);
            let ratio = if *all > 0.0 { (here / elsewhere).ln() } else { 0.0 };
            *n = (ratio * ratio) as f32;
        }
    }
    inside
}
