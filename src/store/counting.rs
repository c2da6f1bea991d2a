//! What is counted per day: how the stores write it down and sum it up.

use crate::domain::{Counts, Date, Marginal};
use std::collections::BTreeMap;

/// The day that the stores count something on, as a number.
pub(super) fn day_of(date: Date) -> u16 {
    // Days after 2000-01-01, as order numbers count them.
    (date.to_days() - Date { year: 2000, month: 1, day: 1 }.to_days()).clamp(0, 65_535) as u16
}

/// Sums up what was counted on several days.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<Marginal, Counts>);

impl Sums {
    pub(super) fn add(&mut self, marginal: Marginal, counts: &Counts) {
        self.0.entry(marginal).or_default().add(counts);
    }

    pub(super) fn done(self) -> Vec<(Marginal, Counts)> {
        self.0.into_iter().collect()
    }
}

/// Counts as four bytes each, big-endian; what a newer version counts besides is left alone.
pub(super) fn read_counts(bytes: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let (numbers, _) = bytes.as_chunks::<4>();
    for (n, bytes) in counts.0.iter_mut().zip(numbers) {
        *n = u32::from_be_bytes(*bytes);
    }
    counts
}
