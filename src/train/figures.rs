//! How well something was read: what a confusion table says, and how much at which confidence.

/// How many of each label were read as which; the last column is "as none of them".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confusion {
    labels: usize,
    counts: Vec<usize>,
}

/// How one label was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ByLabel {
    /// How many bear it.
    pub count: usize,
    /// Of what was read as it, how much was.
    pub precision: f64,
    /// Of what was it, how much was read so.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

fn part(n: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { n as f64 / of as f64 }
}

impl Confusion {
    /// Of so many labels, with nothing read yet.
    pub fn new(labels: usize) -> Confusion {
        Confusion { labels, counts: vec![0; labels * (labels + 1)] }
    }

    /// Counts one message.
    pub fn add(&mut self, is: usize, read: Option<usize>) {
        self.counts[is * (self.labels + 1) + read.unwrap_or(self.labels)] += 1;
    }

    /// How many that are this were read as each label, and last as none.
    pub fn row(&self, is: usize) -> &[usize] {
        &self.counts[is * (self.labels + 1)..][..=self.labels]
    }

    /// How many messages there are.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How one label was read.
    pub fn by_label(&self, label: usize) -> ByLabel {
        let right = self.row(label)[label];
        let count = self.row(label).iter().sum();
        let read = (0..self.labels).map(|is| self.row(is)[label]).sum();
        let f1 = part(2 * right, count + read);
        ByLabel { count, precision: part(right, read), recall: part(right, count), f1 }
    }

    /// The part that was read right: micro-F1, where everything is read as something.
    pub fn accuracy(&self) -> f64 {
        part((0..self.labels).map(|label| self.row(label)[label]).sum(), self.total())
    }

    /// The mean of the labels' F1, over those that some message bears.
    pub fn macro_f1(&self) -> f64 {
        let borne: Vec<ByLabel> =
            (0..self.labels).map(|l| self.by_label(l)).filter(|l| l.count > 0).collect();
        borne.iter().map(|label| label.f1).sum::<f64>() / borne.len().max(1) as f64
    }
}

/// Messages with how sure their reading was, and whether it was right.
#[derive(Clone, Default, Debug)]
pub struct Sure {
    all: Vec<(f32, bool)>,
}

impl Sure {
    /// Counts one message; confidence 0 to 1.
    pub fn add(&mut self, confidence: f32, right: bool) {
        self.all.push((confidence, right));
    }

    /// What part is at this confidence and above, and what part of that is right.
    pub fn at(&self, threshold: f32) -> (f64, f64) {
        let covered: Vec<_> = self.all.iter().filter(|(c, _)| *c >= threshold).collect();
        let right = covered.iter().filter(|(_, right)| *right).count();
        (part(covered.len(), self.all.len()), part(right, covered.len()))
    }

    /// What part is right of the surest part of all messages.
    pub fn surest(&self, coverage: f64) -> f64 {
        let mut all = self.all.clone();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate((all.len() as f64 * coverage).round() as usize);
        part(all.iter().filter(|(_, right)| *right).count(), all.len())
    }

    /// The expected calibration error over ten equal steps of confidence: how far what is
    /// said is from what is right, on average.
    pub fn calibration_error(&self) -> f64 {
        let mut steps = [(0_usize, 0.0_f64, 0_usize); 10];
        for (confidence, right) in &self.all {
            let step = &mut steps[((confidence * 10.0) as usize).min(9)];
            *step = (step.0 + 1, step.1 + f64::from(*confidence), step.2 + usize::from(*right));
        }
        let off = steps.iter().map(|(_, said, right)| (said - *right as f64).abs());
        off.sum::<f64>() / self.all.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confusion_table_gives_its_figures() {
        let mut table = Confusion::new(3);
        for (is, read, n) in [(0, Some(0), 8), (0, Some(1), 2), (1, Some(1), 4), (1, None, 1)] {
            (0..n).for_each(|_| table.add(is, read));
        }
        let first = table.by_label(0);
        assert_eq!((first.count, first.precision, first.recall), (10, 1.0, 0.8));
        assert_eq!(table.by_label(1).precision, 4.0 / 6.0);
        assert_eq!(table.accuracy(), 12.0 / 15.0);
        // The third label is borne by none, and does not count.
        let expected = (2.0 * 8.0 / 18.0 + 2.0 * 4.0 / 11.0) / 2.0;
        assert!((table.macro_f1() - expected).abs() < 1e-9);
    }

    #[test]
    fn confidence_is_held_against_what_was_right() {
        let mut sure = Sure::default();
        for (confidence, right) in [(0.95, true), (0.9, true), (0.6, false), (0.3, true)] {
            sure.add(confidence, right);
        }
        assert_eq!(sure.at(0.5), (0.75, 2.0 / 3.0));
        assert_eq!(sure.surest(0.5), 1.0);
        // One step of two at 0.925, both right; 0.6 of nothing; 0.3 of all.
        let expected = (2.0 * 0.075 + 0.6 + 0.7) / 4.0;
        assert!((sure.calibration_error() - expected).abs() < 1e-6);
        assert_eq!(Sure::default().surest(0.9), 0.0);
    }
}
