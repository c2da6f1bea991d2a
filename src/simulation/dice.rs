//! Numbers that look random and are the same every time (SplitMix64).

/// The only source of chance of a simulated city.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The same seed throws the same.
    pub(super) fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed);
        // Neighbouring seeds have nothing in common after this.
        dice.0 = dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`; 0 when there is nothing below.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next().checked_rem(n).unwrap_or(0)
    }

    /// A place in a list of so many.
    pub(super) fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Whether it happens, in so many of a thousand cases.
    pub(super) fn happens(&mut self, per_mille: u64) -> bool {
        // Thrown even where it never happens: one rate does not shift what comes after it.
        self.below(1_000) < per_mille
    }

    /// One of them; `None` of none.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.place(all.len());
        all.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_does_not() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            (0..64).map(|_| dice.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        assert_eq!(Dice::new(1).below(0), 0);
        assert!(!Dice::new(1).happens(0) && Dice::new(1).happens(1_000));
    }
}
