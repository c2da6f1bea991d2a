//! Who may file now. Up to [`MAX_FILING`] do at a time; once more want to, whoever is let in
//! shall not wait long, too: fewer are let in then, as many as are filed in [`PATIENCE`], until
//! nobody had to be turned away for [`CALM`].

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most submissions that are on their way at a time; at 30,000 a second the last of them
/// waits for 35 ms.
pub const MAX_FILING: usize = 1_024;
/// However slowly they are filed, so many are let in: fewer would not fill a batch.
const FEWEST: usize = 96;
/// How long those who are let in wait for each other while others are turned away.
const PATIENCE: Duration = Duration::from_millis(10);
/// How often it is looked meanwhile how many that are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So long after the last one was turned away all are let in again; sooner than those return
/// who were told to come again.
const CALM: Duration = Duration::from_millis(500);

/// Turns to file, given out by a dispatcher.
pub(super) struct Turns {
    taken: AtomicUsize,
    /// The most that are taken now.
    most: AtomicUsize,
    /// How many are over.
    over: AtomicU64,
    crowd: Mutex<Option<Crowd>>,
}

/// More want a turn than there are.
struct Crowd {
    /// When one was last turned away.
    refused: Instant,
    /// When it was last looked, and how many turns were over then.
    looked: (Instant, u64),
}

/// A turn to file an order; over when it is dropped.
pub struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Relaxed);
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns {
            taken: AtomicUsize::new(0),
            most: AtomicUsize::new(MAX_FILING),
            over: AtomicU64::new(0),
            crowd: Mutex::new(None),
        }
    }

    /// A turn, if there is one.
    pub(super) fn take(&self, now: impl Fn() -> Instant) -> Option<Turn<'_>> {
        if !self.any(now) {
            return None;
        }
        // Who comes between the two is one too many, and no harm.
        self.taken.fetch_add(1, Relaxed);
        Some(Turn(self))
    }

    /// Whether there is one; who hears that there is none was turned away.
    pub(super) fn any(&self, now: impl Fn() -> Instant) -> bool {
        let most = self.most.load(Relaxed);
        let any = self.taken.load(Relaxed) < most;
        // Without a crowd no clock is read.
        if any && most == MAX_FILING {
            return true;
        }
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let most = match (any, &mut *crowd) {
            (true, None) => MAX_FILING,
            (true, Some(known)) if now().duration_since(known.refused) < CALM => return true,
            (true, Some(_)) => {
                *crowd = None;
                MAX_FILING
            }
            (false, None) => {
                let now = now();
                let looked = (now, self.over.load(Relaxed));
                *crowd = Some(Crowd { refused: now, looked });
                FEWEST
            }
            (false, Some(known)) => {
                known.refused = now();
                let since = known.refused.duration_since(known.looked.0);
                if since < LOOK_EVERY {
                    return false;
                }
                let over = self.over.load(Relaxed);
                let filed = over - known.looked.1;
                known.looked = (known.refused, over);
                bound(filed, since)
            }
        };
        self.most.store(most, Relaxed);
        any
    }
}

/// How many are filed in [`PATIENCE`], within the bounds.
fn bound(filed: u64, since: Duration) -> usize {
    let many = u128::from(filed) * PATIENCE.as_micros() / since.as_micros().max(1);
    usize::try_from(many).unwrap_or(MAX_FILING).clamp(FEWEST, MAX_FILING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tick;

    #[test]
    fn as_many_as_are_filed_within_the_patience() {
        for (filed, since, many) in [
            (0, Duration::ZERO, FEWEST),
            (0, LOOK_EVERY, FEWEST),
            (900, LOOK_EVERY, FEWEST),
            (2_000, LOOK_EVERY, 200),
            (2_000, LOOK_EVERY * 2, 100),
            (u64::MAX, LOOK_EVERY, MAX_FILING),
        ] {
            assert_eq!(bound(filed, since), many, "{filed} in {since:?}");
        }
    }

    #[test]
    fn a_crowd_makes_fewer_turns_until_it_is_calm() {
        let (turns, began) = (Turns::new(), tick());
        let at = |millis| move || began + Duration::from_millis(millis);
        let take = |count: usize, millis| {
            (0..count).map_while(|_| turns.take(at(millis))).collect::<Vec<_>>()
        };
        let all = take(2_000, 0);
        assert_eq!(all.len(), MAX_FILING);
        // One was turned away: of those that are over by then, a tenth may come next.
        drop(all);
        let some = take(2_000, 50);
        assert_eq!(some.len(), FEWEST);
        drop(some);
        assert_eq!(take(2_000, 99).len(), FEWEST);
        // By now 1,216 were over in 100 ms.
        let held = take(FEWEST, 100);
        assert!(turns.take(at(100)).is_none());
        drop(held);
        assert_eq!(take(2_000, 101).len(), (MAX_FILING + 2 * FEWEST) / 10);
        // Nobody was turned away since; not a moment too early.
        assert_eq!(take(2_000, 600).len(), (MAX_FILING + 2 * FEWEST) / 10);
        drop(take(1, 1_100));
        assert_eq!(take(2_000, 1_100).len(), MAX_FILING);
    }

    #[test]
    fn without_a_crowd_no_clock_is_read() {
        let turns = Turns::new();
        let never = || -> Instant { panic!("the clock is read") };
        assert!(turns.any(never));
        let taken: Vec<_> = (0..MAX_FILING).map_while(|_| turns.take(never)).collect();
        assert_eq!(taken.len(), MAX_FILING);
    }
}
