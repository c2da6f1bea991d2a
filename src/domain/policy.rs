//! The limits an order lives under: how long to the front line, to the end, and at each level.

use super::time::Span;

/// The limits of one catalogue version, stamped on an order by value when it is registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The catalogue version the limits were taken from.
    pub version: u32,
    /// From heard to the front line.
    pub arrival: Span,
    /// From heard to closed with a report.
    pub closure: Span,
    /// Each level's share of the arrival limit: city, county, town, village.
    pub shares: [Span; 4],
    /// From closed until the citizen has been asked.
    pub follow_up: Span,
}

impl Policy {
    /// Whether the limits can be kept at all; else what is wrong, and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let limits = [self.arrival, self.closure, self.follow_up];
        if limits.iter().chain(&self.shares).any(|span| span.0 <= 0) {
            return Err("every limit and share must be longer than nothing".into());
        }
        let sum = Span(self.shares.iter().map(|span| span.0).sum());
        if sum > self.arrival {
            return Err(format!(
                "the shares add up to {sum}: no more than arrival = {} is allowed",
                self.arrival
            ));
        }
        if self.arrival > self.closure {
            return Err(format!(
                "arrival = {} is longer than closure = {}: it must not be",
                self.arrival, self.closure
            ));
        }
        Ok(())
    }
}
