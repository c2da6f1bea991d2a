//! Looks once a second whether the store answers and what time it is there.

use super::is_up;
use crate::clock::{SystemClock, tick, wall_now};
use crate::dispatch::Dispatch;
use crate::domain::{Span, Timestamp};
use crate::telemetry::{Readiness, metrics};
use std::sync::Arc;
use std::time::Duration;

/// The store can be read and written.
pub(super) const STORE: &str = "store";
/// The machine's clock and the store's agree.
pub(super) const CLOCK: &str = "clock";
/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
/// A machine whose clock is further off than this runs no timers and takes no work.
const MOST_OFF: Span = Span::seconds(1);

/// Looks until it is aborted.
pub(super) async fn watch(
    dispatch: Arc<Dispatch>,
    readiness: Readiness,
    clock: Option<Arc<SystemClock>>,
) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        look(&dispatch, &readiness, clock.as_deref()).await;
    }
}

/// One look.
pub(super) async fn look(dispatch: &Dispatch, readiness: &Readiness, clock: Option<&SystemClock>) {
    let up = is_up(&**dispatch.store()).await;
    metrics::store_up(up.is_ok());
    readiness.set(STORE, up);
    // A store that does not answer says nothing about the time.
    let Ok(offset) = offset(dispatch).await else { return };
    let off = offset.map_or(Span::ZERO, |offset| Span(offset.0.abs()));
    let skewed = off > MOST_OFF;
    dispatch.set_skewed(skewed);
    readiness.set(
        CLOCK,
        match skewed {
            false => Ok(()),
            true => Err(format!("this machine's clock is {off} off the store's: set it right")),
        },
    );
    if let (Some(offset), Some(clock)) = (offset, clock) {
        clock.set_offset(offset);
    }
}

/// How far the store's clock is ahead of the machine's: the store's answer is taken to be
/// from the middle of the time it took. `None` where the store has no clock of its own.
async fn offset(dispatch: &Dispatch) -> Result<Option<Span>, crate::store::StoreError> {
    let (asked, began) = (wall_now(), tick());
    let there: Option<Timestamp> = dispatch.store().wall_clock().await?;
    let half = Span::from(began.elapsed() / 2);
    Ok(there.map(|there| there.since(asked.plus(half))))
}
