//! Which requests are remembered: all of them, or those of the last days of the orders' time.

use crate::domain::{Span, Timestamp};
use crate::store::{REQUEST_MEMORY, Remembered, RequestId};
use std::collections::HashMap;

/// Where old ones are forgotten, there are two stretches of time, each as long as a request is
/// remembered at least: with the third the first is forgotten.
#[derive(Default)]
pub(super) struct Requests {
    before: HashMap<RequestId, Remembered>,
    now: HashMap<RequestId, Remembered>,
    since: Option<Timestamp>,
    forgets: bool,
}

impl Requests {
    pub(super) fn forget_old_ones(&mut self) {
        self.forgets = true;
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Remembered> {
        self.now.get(&id).or_else(|| self.before.get(&id))
    }

    pub(super) fn insert(&mut self, id: RequestId, answered: Remembered) {
        let at = answered.receipt.at;
        let since = *self.since.get_or_insert(at);
        if self.forgets && at >= since.plus(Span::from(REQUEST_MEMORY)) {
            self.before = std::mem::take(&mut self.now);
            self.since = Some(at);
        }
        self.now.insert(id, answered);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RequestId, &Remembered)> {
        self.before.iter().chain(&self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Category, Date, OrderNo, Stage};
    use crate::store::Receipt;

    fn answered(at: Timestamp) -> Remembered {
        let cell = "3304".parse().unwrap();
        let receipt = Receipt {
            order: OrderNo::new(cell, Date { year: 2026, month: 11, day: 23 }, 1),
            version: 1,
            stage: Stage::Assigned,
            holder: None,
            category: Category::NONE,
            division: "330402".parse().unwrap(),
            arrival_due: at,
            closure_due: at,
            at,
        };
        Remembered { digest: [7; 16], receipt }
    }

    #[test]
    fn a_request_is_remembered_48_hours_and_not_for_ever() {
        let (mut requests, start) = (Requests::default(), Timestamp(1_700_000_000_000));
        requests.forget_old_ones();
        for hour in 0..400 {
            let at = start.plus(Span::hours(hour));
            requests.insert(RequestId(hour as u128), answered(at));
            let oldest = (hour - 48).max(0) as u128;
            assert!((oldest..=hour as u128).all(|id| requests.get(RequestId(id)).is_some()));
            assert!(requests.iter().count() <= 96);
        }
    }
}
