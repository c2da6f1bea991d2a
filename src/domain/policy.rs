//! The limits an order is stamped with, by value, when it is registered.

use super::ids::Level;
use super::time::Span;

/// The promises and how the hour is shared out. Data of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The catalogue's number for this set of limits.
    pub version: u32,
    /// From when the citizen was heard until the front line has signed.
    pub arrival: Span,
    /// From when the citizen was heard until the order is closed.
    pub closure: Span,
    /// How long each level may hold the order before it moves on without it, city to village.
    pub shares: [Span; 4],
    /// How long a closed order waits for its follow-up call before it is archived.
    pub follow_up: Span,
}

impl Policy {
    /// The founding case: 1 hour to the front line, 3 hours to the report.
    pub const FOUNDING: Policy = Policy {
        version: 1,
        arrival: Span::hours(1),
        closure: Span::hours(3),
        shares: [Span::minutes(5), Span::minutes(10), Span::minutes(15), Span::minutes(30)],
        follow_up: Span::hours(24),
    };

    /// The share of one level.
    pub fn share(&self, level: Level) -> Span {
        self.shares[level.index()]
    }

    /// Whether the limits can be kept at all; the error says what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let spans =
            [("arrival", self.arrival), ("closure", self.closure), ("follow_up", self.follow_up)];
        for (name, span) in spans {
            if span <= Span::ZERO {
                return Err(format!("{name} is {span}; it must be longer than nothing"));
            }
        }
        for level in Level::ALL {
            if self.share(level) <= Span::ZERO {
                let share = self.share(level);
                return Err(format!(
                    "the share of the {} is {share}; it must be longer than nothing",
                    level.name()
                ));
            }
        }
        let sum = Span(self.shares.iter().fold(0, |sum, share| share.0.saturating_add(sum)));
        if sum > self.arrival {
            return Err(format!(
                "the shares add up to {sum}, more than arrival = {}",
                self.arrival
            ));
        }
        if self.arrival > self.closure {
            return Err(format!(
                "arrival = {} is longer than closure = {}",
                self.arrival, self.closure
            ));
        }
        Ok(())
    }
}
