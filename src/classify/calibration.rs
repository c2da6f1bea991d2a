//! How a model's scores become likelihoods.

/// The best class is right with the logistic of slope · lead + whole · sum + offset, where its
/// lead is how far its score is before the second's, and the sum is that of all scores: where
/// every class is denied, or several are claimed, a lead says less or more. The others share
/// what is left.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Over 0.
    pub slope: f32,
    /// Of the sum; of either sign.
    pub whole: f32,
    /// What is likely where two classes are equal.
    pub offset: f32,
}

impl Calibration {
    /// How likely each class is; together 1, and the highest score is the likeliest.
    pub fn likelihood(&self, scores: &[f32]) -> Vec<f32> {
        let (best, lead) = lead(scores);
        let second = scores[best] - lead;
        let behind = |score: &f32| ((score - second) * self.slope).min(0.0).exp();
        let mut likely: Vec<f32> = scores.iter().map(behind).collect();
        // What the second has of what the best leaves: the best counts as 1 here.
        let share = 1.0 / (likely.iter().sum::<f32>() - 1.0);
        let right = self.right(lead, scores.iter().sum()).max(share / (1.0 + share));
        let left = share * (1.0 - right);
        likely.iter_mut().for_each(|p| *p *= left);
        // The second has all of that: where both are as likely, the score still decides.
        likely[best] = right.max(left.next_up());
        likely
    }

    /// How likely the best class is right.
    pub fn right(&self, lead: f32, sum: f32) -> f32 {
        1.0 / (1.0 + (-(self.slope * lead + self.whole * sum + self.offset)).exp())
    }
}

/// The place of the highest score, and how far it is before the second.
pub fn lead(scores: &[f32]) -> (usize, f32) {
    let (mut best, mut first, mut second) = (0, f32::MIN, f32::MIN);
    for (place, score) in scores.iter().enumerate() {
        if *score > first {
            (best, second, first) = (place, first, *score);
        } else {
            second = second.max(*score);
        }
    }
    (best, first - second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_greater_lead_is_likelier_right() {
        let calibration = Calibration { slope: 4.0, whole: 0.5, offset: -0.5 };
        let best = |scores: &[f32]| calibration.likelihood(scores)[1];
        assert!(best(&[-1.0, 0.5, -0.9]) > best(&[-1.0, 0.5, 0.0]));
        assert!(best(&[-1.0, 0.5, 0.0]) > best(&[-1.0, 0.5, 0.4]));
        assert_eq!(lead(&[0.25, 1.0, 0.75]), (1, 0.25));
        // Of one lead, the one by what no class is denied.
        assert!(best(&[-0.5, 0.5, 0.0]) > best(&[-1.0, 0.5, 0.0]));
    }

    proptest! {
        #[test]
        fn likelihoods_are_together_one_and_keep_the_order(
            scores in prop::collection::vec(-3.0_f32..3.0, 2..20),
            slope in 0.5_f32..64.0,
            whole in -8.0_f32..8.0,
            offset in -4.0_f32..4.0,
        ) {
            let likely = Calibration { slope, whole, offset }.likelihood(&scores);
            prop_assert!((likely.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let (best, _) = lead(&scores);
            let others = likely.iter().enumerate().filter(|(place, _)| *place != best);
            prop_assert!(others.map(|(_, p)| *p).all(|p| (0.0..likely[best]).contains(&p)));
        }
    }
}
