//! Support vector machines with squared hinge, by dual coordinate descent (Hsieh et al. 2008),
//! for eight classes side by side: a message's cells are read once for all of them, and the
//! processor adds eight numbers at a time.

use super::Example;
use super::folds::Shuffle;
use crate::classify::model::values;

/// Classes solved side by side.
pub(super) const LANES: usize = 8;
/// A number for each of them.
pub(super) type Lanes = [f32; LANES];

/// What a message on the wrong side costs; as many times more as its class is rarer than the
/// mean.
const COST: f32 = 0.7;
/// How often all messages are gone through; more did not read better.
const PASSES: usize = 8;
/// A step smaller than this is not taken.
const LEAST_STEP: f32 = 1e-6;

/// Messages as cells: row and value. Rows are numbered anew, what is in most messages first:
/// a few thousand rows are most of the cells, and stay near the processor.
pub(super) struct Problem {
    cells: Vec<(u32, f32)>,
    /// Where each message's cells end.
    ends: Vec<usize>,
    labels: Vec<usize>,
    classes: usize,
    /// For each new number, the row's own.
    pub(super) rows: Vec<u32>,
}

impl Problem {
    pub(super) fn new(examples: &[&Example], bits: u32, idf: &[u8]) -> Problem {
        // The rarer, the larger the idf.
        let mut rows: Vec<u32> = (0..1 << bits).collect();
        rows.sort_by_key(|row| (idf[*row as usize], *row));
        let mut number = vec![0; rows.len()];
        rows.iter().zip(0..).for_each(|(row, new)| number[*row as usize] = new);
        let size = examples.iter().map(|e| e.runs.0.len() + e.runs.1.len()).sum();
        let mut cells: Vec<(u32, f32)> = Vec::with_capacity(size);
        let mut ends = Vec::with_capacity(examples.len());
        let mut own: Vec<(u32, f32)> = Vec::new();
        for example in examples {
            own.clear();
            for grams in [&example.runs.0, &example.runs.1] {
                values(grams, bits, |row| idf[row], |row, value| own.push((number[row], value)));
            }
            own.sort_by_key(|(row, _)| *row);
            let start = cells.len();
            for (row, value) in &own {
                match cells[start..].last_mut().filter(|(last, _)| last == row) {
                    Some((_, sum)) => *sum += value,
                    None => cells.push((*row, *value)),
                }
            }
            ends.push(cells.len());
        }
        let labels: Vec<usize> = examples.iter().map(|e| e.label).collect();
        let classes = labels.iter().max().map_or(0, |last| last + 1);
        Problem { cells, ends, labels, classes, rows }
    }

    fn cells(&self, example: usize) -> &[(u32, f32)] {
        let start = example.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[example]]
    }

    /// Every message's cells and label.
    pub(super) fn examples(&self) -> impl Iterator<Item = (&[(u32, f32)], usize)> {
        self.labels.iter().enumerate().map(|(i, label)| (self.cells(i), *label))
    }

    /// What a message costs its own class, of each class.
    fn costs(&self) -> Vec<f32> {
        let mut count = vec![0_usize; self.classes];
        self.labels.iter().for_each(|label| count[*label] += 1);
        let mean = self.labels.len() as f32 / self.classes as f32;
        count.into_iter().map(|n| COST * mean / n.max(1) as f32).collect()
    }
}

/// What was solved, by the problem's own numbers of the rows.
pub(super) struct Solved {
    pub(super) weights: Vec<Lanes>,
    pub(super) bias: Lanes,
}

/// Sets `count` classes from `first` on each against all others. Where there are ratios, each
/// value is scaled by its ratio's root.
pub(super) fn solve(
    problem: &Problem,
    first: usize,
    count: usize,
    ratios: Option<&[Lanes]>,
) -> Solved {
    let costs = problem.costs();
    let mut weights = vec![[0.0_f32; LANES]; problem.rows.len()];
    let mut bias = [0.0_f32; LANES];
    let mut duals = vec![[0.0_f32; LANES]; problem.labels.len()];
    let lengths: Vec<Lanes> = (0..duals.len()).map(|i| length(problem.cells(i), ratios)).collect();
    let mut order: Vec<usize> = (0..duals.len()).collect();
    let mut shuffle = Shuffle::new();
    for _ in 0..PASSES {
        shuffle.mix(&mut order);
        for &i in &order {
            let cells = problem.cells(i);
            let mut scores = bias;
            for (row, value) in cells {
                let weights = &weights[*row as usize];
                scores.iter_mut().zip(weights).for_each(|(score, w)| *score += w * value);
            }
            let mut steps = [0.0_f32; LANES];
            let label = problem.labels[i];
            for lane in 0..count {
                let own = label == first + lane;
                let (side, cost) = if own { (1.0, costs[label]) } else { (-1.0, COST) };
                let soft = 0.5 / cost;
                let dual = duals[i][lane];
                let slope = side * scores[lane] - 1.0 + dual * soft;
                let moved = (dual - slope / (lengths[i][lane] + soft)).max(0.0);
                if (moved - dual).abs() > LEAST_STEP {
                    steps[lane] = (moved - dual) * side;
                    duals[i][lane] = moved;
                }
            }
            if steps != [0.0; LANES] {
                step(&mut weights, cells, &steps, ratios);
                bias.iter_mut().zip(steps).for_each(|(bias, step)| *bias += step);
            }
        }
    }
    Solved { weights, bias }
}

fn step(weights: &mut [Lanes], cells: &[(u32, f32)], steps: &Lanes, ratios: Option<&[Lanes]>) {
    match ratios {
        None => {
            for (row, value) in cells {
                let weights = &mut weights[*row as usize];
                weights.iter_mut().zip(steps).for_each(|(w, step)| *w += step * value);
            }
        }
        Some(ratios) => {
            for (row, value) in cells {
                let (weights, ratios) = (&mut weights[*row as usize], &ratios[*row as usize]);
                for ((w, step), ratio) in weights.iter_mut().zip(steps).zip(ratios) {
                    *w += step * value * ratio;
                }
            }
        }
    }
}

/// A message's square length, with the bias's.
fn length(cells: &[(u32, f32)], ratios: Option<&[Lanes]>) -> Lanes {
    let mut length = [1.0; LANES];
    for (row, value) in cells {
        let ratio = ratios.map_or([1.0; LANES], |ratios| ratios[*row as usize]);
        length.iter_mut().zip(ratio).for_each(|(sum, ratio)| *sum += value * value * ratio);
    }
    length
}
