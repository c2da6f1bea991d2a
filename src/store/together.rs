//! Which steps may be written in one piece.

use super::{Change, CommitError, MAX_TOGETHER, StoreError};

/// Whether steps may be written together; the first of them is answered for all.
pub(crate) fn check_together(changes: &[Change]) -> Result<(), CommitError> {
    let day = |change: &Change| change.events.first().map(|event| event.at.date());
    let apart = |at: usize| changes[..at].iter().all(|c| c.after.no != changes[at].after.no);
    let sound = (1..=MAX_TOGETHER).contains(&changes.len())
        && changes[1..].iter().all(|c| c.request.is_none() && c.lease.is_none())
        && changes.iter().all(|c| day(c) == day(&changes[0]))
        && (1..changes.len()).all(apart);
    if sound {
        return Ok(());
    }
    let why = format!(
        "what is written together is 1 to {MAX_TOGETHER} orders on one day, each once, the first \
         alone with a request id or a lease"
    );
    Err(CommitError::Unavailable(StoreError::Unreachable(why)))
}
