//! Which fold a message is in.

use super::{Example, FOLDS};

/// A small generator with a fixed beginning: an order that is not that of the file, and the
/// same every time.
pub(super) struct Shuffle(u64);

impl Shuffle {
    pub(super) fn new() -> Shuffle {
        Shuffle(0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn mix(&mut self, places: &mut [usize]) {
        for i in (1..places.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            places.swap(i, (self.0 % (i as u64 + 1)) as usize);
        }
    }
}

/// For each example a fold; every label is spread over all folds evenly.
pub(super) fn stratified(examples: &[Example], labels: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    Shuffle::new().mix(&mut order);
    let mut count = vec![0; labels];
    let mut folds = vec![0; examples.len()];
    for i in order {
        let count = &mut count[examples[i].label];
        folds[i] = *count % FOLDS;
        *count += 1;
    }
    folds
}
