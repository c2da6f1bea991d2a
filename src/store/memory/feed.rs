//! The feed: what left it takes no room, and a reader begins where it stopped.

use super::State;
use crate::domain::Event;
use crate::store::leaving::from;
use crate::store::{Cursor, StoreError};

impl State {
    /// The sequence of the last step.
    pub(super) fn steps(&self) -> u64 {
        self.trimmed + self.feed.len() as u64
    }

    pub(super) fn end(&self, epoch: u64) -> Cursor {
        let index = self.feed.back().map_or(0, |step| step.len().saturating_sub(1) as u32);
        Cursor { epoch, sequence: self.steps(), index }
    }

    pub(super) fn feed_after(
        &self,
        after: Option<Cursor>,
        max: usize,
        epoch: u64,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        let after = from(after, self.trimmed, self.end(epoch))?;
        let gone = after.sequence.saturating_sub(1).max(self.trimmed);
        let steps = (gone + 1..).zip(self.feed.range((gone - self.trimmed) as usize..));
        let events = steps.flat_map(|(sequence, step)| {
            let at = move |index| Cursor { epoch, sequence, index };
            (0..).zip(step).map(move |(index, event)| (at(index), event.clone()))
        });
        Ok(events.filter(|(cursor, _)| *cursor > after).take(max).collect())
    }
}
