//! What the feed tells: exactly what happened, in its order, and of each burst once.

use super::state::State;
use super::wrong::{Promise, Wrong, must};
use crate::domain::{Event, OrderNo};
use crate::store::Change;
use std::collections::HashMap;
use std::sync::Arc;

/// Something that the feed must tell of.
pub(super) enum Told {
    /// A step of an order.
    Step(Arc<Change>),
    /// What happened to the city.
    City(Event),
}

/// The feed, as far as it was looked at.
#[derive(Default)]
pub(super) struct Telling {
    read: usize,
    /// Which orders were named in which burst, counted from the beginning.
    named: HashMap<OrderNo, u64>,
    /// How many bursts were told of.
    pub(super) bursts: u64,
}

impl Telling {
    /// An order makes one burst, whoever comes to it.
    pub(super) fn announced(&mut self, event: &Event) -> Result<(), Wrong> {
        self.bursts += 1;
        for no in event.what.others() {
            let again = self.named.insert(*no, self.bursts);
            must(again.is_none(), Promise::NothingTwice, || {
                format!("{no} made burst {} and had made {again:?}", self.bursts)
            })?;
        }
        Ok(())
    }

    /// The feed grew by exactly what happened, in its order.
    pub(super) fn compare(&mut self, told: &[Told], state: &State) -> Result<(), Wrong> {
        let new = state.feed.get(self.read..).unwrap_or_default();
        must(new.len() == told.len(), Promise::OneFeed, || {
            format!("{} steps happened, and the feed tells of {}", told.len(), new.len())
        })?;
        for (new, told) in new.iter().zip(told) {
            let same = match told {
                Told::Step(change) => new[..] == change.events[..],
                Told::City(event) => new[..] == [event.clone()],
            };
            must(same, Promise::OneFeed, || {
                format!("the feed tells of {:?} in another's place", new.first().map(|e| e.order))
            })?;
        }
        self.read = state.feed.len();
        Ok(())
    }
}
