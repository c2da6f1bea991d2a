//! Who may file now. Up to [`MAX_FILING`] do at a time; once more want to, whoever is let in
//! shall not wait long, too: then only [`FEWEST`] do, and more only as far as more are filed for
//! it, until hardly anybody is turned away any more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most submissions that are on their way at a time; at 30,000 a second the last of them
/// waits for 35 ms.
pub const MAX_FILING: usize = 1_024;
/// The fewest that are let in: at 10,000 a second the last of them waits for 10 ms.
const FEWEST: usize = 96;
/// How often it is looked, in a crowd, what came of those who were let in.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After so many looks twice as many are tried.
const TRY_EVERY: u32 = 10;
/// A crowd of which nobody had to be turned away for so long is over: those who were told to come
/// again find all turns free.
const CALM: Duration = Duration::from_millis(200);
/// While no more than one is turned away for so many that are filed, more are let in.
const HARDLY: u64 = 16;

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
    /// When it was last looked, how many turns were over then, and how many were turned away
    /// since.
    looked: Instant,
    over: u64,
    refusals: u64,
    trial: Trial,
}

/// What the next look is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trial {
    /// As many are let in as ever.
    None,
    /// So many looks since the last try, and the most a second that were over at any.
    Resting(u32, u64),
    /// Twice as many are let in as when so many a second were over.
    Doubled(u64),
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
        while self.any(&now) {
            let most = self.most.load(Relaxed);
            let more = |taken| (taken < most).then_some(taken + 1);
            if self.taken.fetch_update(Relaxed, Relaxed, more).is_ok() {
                return Some(Turn(self));
            }
        }
        None
    }

    /// Whether there is one; who hears that there is none was turned away.
    pub(super) fn any(&self, now: impl Fn() -> Instant) -> bool {
        let is_any = || self.taken.load(Relaxed) < self.most.load(Relaxed);
        // Without a crowd no clock is read.
        if is_any() && self.most.load(Relaxed) == MAX_FILING {
            return true;
        }
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have seen the crowd's end meanwhile.
        match (is_any(), &mut *crowd) {
            (true, None) => true,
            (true, Some(known)) => {
                if now().duration_since(known.refused) >= CALM {
                    *crowd = None;
                    self.most.store(MAX_FILING, Relaxed);
                }
                true
            }
            (false, None) => {
                *crowd = Some(Crowd::begins(now(), self.over.load(Relaxed)));
                false
            }
            (false, Some(known)) => {
                let (now, over) = (now(), self.over.load(Relaxed));
                let pause = now.duration_since(known.refused);
                known.refused = now;
                known.refusals += 1;
                if pause >= CALM {
                    // All that was known is of another crowd.
                    *known = Crowd::begins(now, over);
                    self.most.store(MAX_FILING, Relaxed);
                } else if now.duration_since(known.looked) >= LOOK_EVERY {
                    self.most.store(known.look(now, over, self.most.load(Relaxed)), Relaxed);
                }
                is_any()
            }
        }
    }
}

impl Crowd {
    fn begins(now: Instant, over: u64) -> Crowd {
        Crowd { refused: now, looked: now, over, refusals: 1, trial: Trial::None }
    }

    /// How many are let in from now on.
    fn look(&mut self, now: Instant, over: u64, most: usize) -> usize {
        let (filed, since) = (over - self.over, now.duration_since(self.looked));
        let rate = (u128::from(filed) * 1_000_000 / since.as_micros().max(1)) as u64;
        let few = self.refusals * HARDLY <= filed;
        let twice = (most * 2).min(MAX_FILING);
        let (trial, most) = match self.trial {
            Trial::None => (Trial::Resting(0, 0), FEWEST),
            // As before there was a crowd, for the next.
            Trial::Resting(..) | Trial::Doubled(_) if few && twice == MAX_FILING => {
                (Trial::None, twice)
            }
            Trial::Resting(..) | Trial::Doubled(_) if few => (Trial::Resting(0, 0), twice),
            Trial::Resting(looks, best) if looks < TRY_EVERY => {
                (Trial::Resting(looks + 1, best.max(rate)), most)
            }
            // One slow look would make any that follows seem better.
            Trial::Resting(_, best) => (Trial::Doubled(best.max(rate)), twice),
            // Where it only makes all wait longer, hardly more are filed.
            Trial::Doubled(before) if rate * 2 < before * 3 => {
                (Trial::Resting(0, 0), (most / 2).max(FEWEST))
            }
            Trial::Doubled(_) => (Trial::Doubled(rate), twice),
        };
        (self.looked, self.over, self.refusals, self.trial) = (now, over, 0, trial);
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tick;
    use std::collections::VecDeque;

    /// Where orders are filed: each takes so long at least, and so many are filed in a
    /// millisecond at most.
    struct Office {
        takes: usize,
        files: usize,
    }

    /// What came of those who wanted to file in the last second.
    #[derive(Debug, Default)]
    struct Seen {
        refused: usize,
        filed: usize,
        waited: usize,
    }

    /// Lets as many come each millisecond as `come` says.
    fn live(office: &Office, millis: usize, come: impl Fn(usize) -> usize) -> Seen {
        let (turns, began) = (Turns::new(), tick());
        let (mut filing, mut seen) = (VecDeque::new(), Seen::default());
        for now in 0..millis {
            if now + 1_000 == millis {
                seen = Seen::default();
            }
            let done = filing.iter().take(office.files);
            let done = done.take_while(|(since, _)| since + office.takes <= now).count();
            for (since, turn) in filing.drain(..done) {
                seen.filed += 1;
                seen.waited = seen.waited.max(now - since);
                drop::<Turn>(turn);
            }
            for _ in 0..come(now) {
                match turns.take(|| began + Duration::from_millis(now as u64)) {
                    Some(turn) => filing.push_back((now, turn)),
                    None => seen.refused += 1,
                }
            }
            assert!(filing.len() <= MAX_FILING);
        }
        seen
    }

    #[test]
    fn who_is_let_in_by_a_crowd_does_not_wait_long_and_as_many_are_filed() {
        for files in [8, 12, 20] {
            let seen = live(&Office { takes: 2, files }, 8_000, |_| 2 * files + 1);
            assert!(seen.filed >= 1_000 * files * 19 / 20, "{files}: {seen:?}");
            assert!(seen.waited <= 2 * FEWEST / files + 2, "{files}: {seen:?}");
        }
    }

    #[test]
    fn nobody_is_turned_away_any_more_once_all_could_be_filed() {
        let crowd = |now: usize, come: usize| if now < 2_000 { 60 } else { come };
        let burst = |now: usize| if now.is_multiple_of(400) { 600 } else { 0 };
        for (office, come) in [
            // Quick; it takes long but many at a time, which many in hand alone show; bursts.
            (Office { takes: 2, files: 20 }, Box::new(|_| 15_usize) as Box<dyn Fn(usize) -> usize>),
            (Office { takes: 20, files: 50 }, Box::new(|_| 10_usize)),
            (Office { takes: 2, files: 30 }, Box::new(burst)),
        ] {
            let seen = live(&office, 6_000, |now| crowd(now, come(now)));
            assert_eq!(seen.refused, 0, "{} {}: {seen:?}", office.takes, office.files);
            assert!(seen.filed >= 1_000);
        }
    }

    #[test]
    fn up_to_the_most_are_let_in_without_a_look_at_the_clock() {
        let turns = Turns::new();
        let never = || -> Instant { panic!("the clock is read") };
        let taken: Vec<_> = (0..MAX_FILING).map_while(|_| turns.take(never)).collect();
        assert_eq!(taken.len(), MAX_FILING);
        assert!(turns.take(tick).is_none());
        drop(taken);
        assert!(turns.take(tick).is_some());
    }
}
