//! Looks once a second whether the store answers and what time it is there.

use super::is_up;
use crate::clock::{SystemClock, tick, wall_now};
use crate::dispatch::{Dispatch, MOST_OFF};
use crate::domain::{Span, Timestamp};
use crate::store::Effort;
use crate::telemetry::{Readiness, metrics};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

/// The store can be read and written.
pub(super) const STORE: &str = "store";
/// The machine's clock and the store's agree.
pub(super) const CLOCK: &str = "clock";
/// What fell due while nobody looked has been done.
pub(super) const TIMERS: &str = "timers";
/// Callers do not wait longer than this for what is overdue: it goes on beside them.
const CATCH_UP: Duration = Duration::from_secs(10);
/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
/// After how many looks the city's other processes are told again by what this one serves.
const ATTEND: usize = 5;

/// How far the store's clock is ahead of the machine's, as far as anybody can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offset(Span);

impl Offset {
    /// Nothing heard yet.
    pub(super) const UNKNOWN: Offset = Offset(Span::ZERO);

    /// What to believe after the store said `there` to a question asked at `asked` and
    /// answered `took` later. It looked at its clock at some moment between, so what was
    /// believed stands unless that is impossible: an answer that was long on its way, from a
    /// store that stood still, moves nobody's clock.
    fn heard(self, there: Timestamp, asked: Timestamp, took: Span) -> Offset {
        // Both clocks are read in whole milliseconds.
        let least = there.since(asked.plus(took)).0 - 1;
        let most = there.since(asked).0 + 1;
        Offset(Span(self.0.0.clamp(least, most.max(least))))
    }
}

/// Says so once the timers have caught up, or have taken too long for callers to wait.
pub(super) async fn catch_up(
    dispatch: Arc<Dispatch>,
    readiness: Readiness,
    done: oneshot::Sender<()>,
) {
    readiness.set(TIMERS, Err("catching up with what fell due meanwhile".to_owned()));
    if tokio::time::timeout(CATCH_UP, dispatch.caught_up()).await.is_err() {
        tracing::warn!(after = ?CATCH_UP, "timers are still overdue: work is taken beside them");
    }
    readiness.set(TIMERS, Ok(()));
    let _ = done.send(());
}

/// Looks until it is aborted.
pub(super) async fn watch(
    dispatch: Arc<Dispatch>,
    readiness: Readiness,
    clock: Option<Arc<SystemClock>>,
    mut known: Offset,
) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for looks in 0.. {
        every.tick().await;
        if looks % ATTEND == 0
            && let Err(error) = dispatch.attend().await
        {
            // The look says what is wrong with the store.
            tracing::debug!(%error, "what this process serves by cannot be written down");
        }
        known = look(&dispatch, &readiness, clock.as_deref(), known).await;
    }
}

/// One look; what is known of the store's clock after it.
pub(super) async fn look(
    dispatch: &Dispatch,
    readiness: &Readiness,
    clock: Option<&SystemClock>,
    known: Offset,
) -> Offset {
    let up = is_up(&**dispatch.store()).await;
    metrics::store_up(up.is_ok());
    let Effort { batches, steps, reconnects } = dispatch.store().effort();
    metrics::store_effort(batches, steps, reconnects);
    readiness.set(STORE, up);
    let (asked, began) = (wall_now(), tick());
    // A store that does not answer, or has no clock of its own, says nothing about the time.
    let Ok(there) = dispatch.store().wall_clock().await else { return known };
    let known = there
        .map_or(Offset::UNKNOWN, |there| known.heard(there, asked, Span::from(began.elapsed())));
    let off = Span(known.0.0.abs());
    let skewed = off > MOST_OFF;
    dispatch.set_skewed(skewed);
    readiness.set(
        CLOCK,
        match skewed {
            false => Ok(()),
            true => Err(format!("this machine's clock is {off} off the store's: set it right")),
        },
    );
    if let (Some(_), Some(clock)) = (there, clock) {
        clock.set_offset(known.0);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_otherwise_moves_the_clock() {
        let asked = Timestamp(1_000_000);
        let at = |ms| asked.plus(Span(ms));
        for (known, there, took, believed) in [
            // They agree, within the time the answer took.
            (0, 3, 4, 0),
            (40, 42, 4, 40),
            // The store stood still for four seconds, then looked at its clock and answered.
            (0, 4_000, 4_000, 0),
            (0, 0, 4_000, 0),
            // Two seconds ahead, or behind, however the answer came.
            (0, 2_002, 4, 1_997),
            (0, -1_998, 4, -1_997),
            // It was set right.
            (2_000, 2, 4, 3),
        ] {
            let after = Offset(Span(known)).heard(at(there), asked, Span(took));
            assert_eq!(after.0.0, believed, "{known} {there} {took}");
        }
    }
}
