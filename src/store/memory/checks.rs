//! Whether a step may be written.

use super::State;
use crate::store::{Change, CommitError};

impl State {
    pub(super) fn check(&self, change: &Change) -> Result<(), CommitError> {
        let no = change.after.no;
        if let Some((id, _)) = &change.request
            && let Some(remembered) = self.requests.get(*id)
        {
            return Err(CommitError::Repeated(Box::new(remembered.clone())));
        }
        let stored = self.orders.get(&no).map(|order| order.version);
        if stored != change.before.as_ref().map(|order| order.version) {
            return Err(CommitError::Conflict);
        }
        let version = self.mode.as_ref().map_or(0, |row| row.version);
        if change.mode.is_some_and(|mode| mode != version) {
            return Err(CommitError::Conflict);
        }
        if let Some(lease) = change.lease
            && !self.leases.holds(lease, no)
        {
            return Err(CommitError::LeaseStale);
        }
        Ok(())
    }
}
