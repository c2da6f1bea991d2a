//! How many submissions may be on their way at a time: as many as are filed quickly.
//!
//! Those who file wait for each other, so that the fewer there are the less each waits. While
//! nobody is refused the bound stays where it is: as many as come are as many as are served.
//! Where more come and filing takes too long it falls, at most once by what was begun under it,
//! and it rises again with time, whether anybody files or not.

use crate::clock::tick;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most submissions that are on their way at a time. A server that is not at its limit
/// takes as many at once.
pub const MAX_FILING: usize = 1_024;
/// The fewest that may be: two full batches of the store. With less the processor idles between
/// them, and more is refused than need be.
pub const MIN_FILING: usize = 128;
/// So few on their way are no crowd: how long they take is the store's doing.
const FEW: usize = 2 * MIN_FILING;
/// By how many the bound rises in a second: from the least to the most in less than four.
const RISE: u32 = 256;
/// A filing that takes this long is quick enough, whatever the store.
const QUICK_ENOUGH: Duration = Duration::from_millis(20);
/// Beyond that, how often longer than the quickest a filing may take: a store far away is not
/// a store with too much to do.
const SLACK: u32 = 4;
/// No filing need take longer than this.
const TOO_LONG: Duration = Duration::from_millis(100);
/// How long the quickest filing is believed; then it may as well be twice as slow.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long a refusal is a sign that more comes than is taken.
const PRESSED: Duration = Duration::from_secs(1);
/// Of how many filings in turn it is asked how long one takes.
const ROUND: u32 = 16;

/// The bound, and what it goes by. Time comes in as an argument.
#[derive(Debug)]
pub(super) struct Pace {
    on_their_way: usize,
    /// What the bound was when it last fell, and when that was.
    floor: usize,
    fell: Instant,
    refused: Option<Instant>,
    /// How many filings of this round there were that began since, and what they took.
    round: u32,
    took: Duration,
    /// The quickest filing with no crowd beside it, and since when that is believed.
    quickest: Duration,
    since: Instant,
}

impl Pace {
    /// Nobody is on the way, and as many may be as ever.
    pub(super) fn new(now: Instant) -> Pace {
        Pace {
            on_their_way: 0,
            floor: MAX_FILING,
            fell: now,
            refused: None,
            round: 0,
            took: Duration::ZERO,
            quickest: Duration::MAX,
            since: now,
        }
    }

    /// How many may be on their way.
    pub(super) fn bound(&self, now: Instant) -> usize {
        let risen = now.saturating_duration_since(self.fell) * RISE;
        let risen = usize::try_from(risen.as_secs()).unwrap_or(MAX_FILING);
        self.floor.saturating_add(risen).min(MAX_FILING)
    }

    /// Whether one more may set out; whoever may not is refused.
    fn is_free(&mut self, now: Instant) -> bool {
        let is_free = self.on_their_way < self.bound(now);
        if !is_free {
            self.refused = Some(now);
        }
        is_free
    }

    /// One more sets out, if it may: how many are on their way with it.
    pub(super) fn set_out(&mut self, now: Instant) -> Option<usize> {
        let free = self.is_free(now);
        self.on_their_way += usize::from(free);
        free.then_some(self.on_their_way)
    }

    /// One is on its way no more, whatever came of it.
    pub(super) fn come_back(&mut self) {
        self.on_their_way = self.on_their_way.saturating_sub(1);
    }

    /// An order was filed that set out then as one of so many.
    pub(super) fn filed(&mut self, set_out: Instant, among: usize, now: Instant) {
        let took = now.saturating_duration_since(set_out);
        if among.max(self.on_their_way) <= FEW {
            if now.saturating_duration_since(self.since) > BELIEVED {
                (self.quickest, self.since) = (self.quickest.saturating_mul(2), now);
            }
            self.quickest = self.quickest.min(took);
        }
        // What set out under an earlier bound says nothing about this one.
        if set_out < self.fell {
            return;
        }
        (self.round, self.took) = (self.round + 1, self.took + took);
        if self.round < ROUND {
            return;
        }
        let takes = std::mem::take(&mut self.took) / std::mem::take(&mut self.round);
        let is_pressed =
            self.refused.is_some_and(|refused| now.saturating_duration_since(refused) < PRESSED);
        if is_pressed && takes > self.allowed() {
            let share = self.allowed().as_secs_f64() / takes.as_secs_f64();
            let fewer = self.bound(now) as f64 * share.max(0.5);
            self.floor = (fewer as usize).clamp(MIN_FILING, MAX_FILING);
            self.fell = now;
        }
    }

    /// How long a filing may take.
    fn allowed(&self) -> Duration {
        match self.quickest {
            Duration::MAX => QUICK_ENOUGH,
            quickest => quickest.saturating_mul(SLACK).clamp(QUICK_ENOUGH, TOO_LONG),
        }
    }
}

/// A turn to file an order, until it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    pace: &'a Mutex<Pace>,
    set_out: Instant,
    among: usize,
}

impl<'a> Turn<'a> {
    /// A turn, if there is one now.
    pub(super) fn of(pace: &'a Mutex<Pace>) -> Option<Turn<'a>> {
        let set_out = tick();
        let among = locked(pace).set_out(set_out)?;
        Some(Turn { pace, set_out, among })
    }

    /// Whether there is one now.
    pub(super) fn is_there(pace: &Mutex<Pace>) -> bool {
        locked(pace).is_free(tick())
    }

    /// Says that the order is safe: how long that took tells how many may be on their way.
    pub fn filed(&self) {
        locked(self.pace).filed(self.set_out, self.among, tick());
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(self.pace).come_back();
    }
}

fn locked(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const STEP: Duration = Duration::from_micros(100);

    /// A store that files so many in a step, one after the other, and beside that takes a while
    /// for each; what is offered, and what came of it.
    struct Trial {
        pace: Pace,
        now: Instant,
        filed_in_a_step: f64,
        takes: Duration,
        can_file: f64,
        offered: f64,
        on_their_way: VecDeque<(Instant, usize)>,
        refused: usize,
        waits: Vec<Duration>,
    }

    impl Trial {
        fn of(filed_in_a_step: f64, takes: Duration) -> Trial {
            let now = tick();
            Trial {
                pace: Pace::new(now),
                now,
                filed_in_a_step,
                takes,
                can_file: 0.0,
                offered: 0.0,
                on_their_way: VecDeque::new(),
                refused: 0,
                waits: Vec::new(),
            }
        }

        /// So many are offered in each step, for so long; how many were refused, and how long
        /// the others waited, the shortest first.
        fn run(&mut self, offered_in_a_step: f64, span: Duration) -> (usize, Vec<Duration>) {
            let end = self.now + span;
            while self.now < end {
                self.now += STEP;
                self.offered += offered_in_a_step;
                while self.offered >= 1.0 {
                    self.offered -= 1.0;
                    match self.pace.set_out(self.now) {
                        Some(among) => self.on_their_way.push_back((self.now, among)),
                        None => self.refused += 1,
                    }
                }
                self.can_file = (self.can_file + self.filed_in_a_step).min(64.0);
                while self.can_file >= 1.0
                    && let Some(&(set_out, among)) = self.on_their_way.front()
                    && self.now >= set_out + self.takes
                {
                    self.can_file -= 1.0;
                    self.on_their_way.pop_front();
                    self.pace.filed(set_out, among, self.now);
                    self.pace.come_back();
                    self.waits.push(self.now - set_out);
                }
            }
            self.waits.sort();
            (std::mem::take(&mut self.refused), std::mem::take(&mut self.waits))
        }
    }

    fn p99(waits: &[Duration]) -> Duration {
        waits[waits.len() * 99 / 100]
    }

    #[test]
    fn a_burst_at_an_idle_server_is_taken() {
        let now = tick();
        let mut pace = Pace::new(now);
        for n in 1..=MAX_FILING {
            assert_eq!(pace.set_out(now), Some(n));
        }
        assert_eq!(pace.set_out(now), None);
        pace.come_back();
        assert_eq!(pace.set_out(now), Some(MAX_FILING));
    }

    #[test]
    fn what_is_accepted_waits_little_whatever_is_offered_and_as_much_is_filed() {
        // 7,000 a second, then a slower one and a quicker.
        for filed in [0.7, 0.5, 3.0] {
            for times in [1.5, 3.0, 20.0] {
                let mut trial = Trial::of(filed, Duration::from_millis(1));
                let (refused, waits) = trial.run(filed * 0.5, Duration::from_secs(2));
                assert!(refused == 0 && p99(&waits) < Duration::from_millis(3));
                // It takes a moment to find out.
                trial.run(filed * times, Duration::from_secs(3));
                let (refused, waits) = trial.run(filed * times, Duration::from_secs(3));
                assert!(refused > 0);
                let p99 = p99(&waits);
                assert!(p99 < 2 * QUICK_ENOUGH, "{p99:?} at {times} times {filed}");
                assert!(waits.len() as f64 > filed * 29_700.0, "{} at {filed}", waits.len());
                // And to find out that it is over; five seconds are promised.
                trial.run(0.0, Duration::from_secs(4));
                assert_eq!(trial.pace.bound(trial.now), MAX_FILING);
                assert_eq!(trial.run(filed * 0.5, Duration::from_secs(1)).0, 0);
            }
        }
    }

    #[test]
    fn a_store_that_is_far_away_is_not_taken_for_one_with_too_much_to_do() {
        for is_quiet_first in [true, false] {
            let mut trial = Trial::of(1.0, Duration::from_millis(60));
            if is_quiet_first {
                trial.run(0.01, Duration::from_secs(1));
            }
            // As it files there must be six hundred on their way at least.
            trial.run(3.0, Duration::from_secs(4));
            let (refused, waits) = trial.run(3.0, Duration::from_secs(5));
            assert!(refused > 0 && waits.len() > 49_500, "{}", waits.len());
        }
    }

    #[test]
    fn as_many_as_may_be_are_served_while_no_more_come() {
        let mut trial = Trial::of(0.7, Duration::ZERO);
        trial.run(MAX_FILING as f64, STEP);
        // Each comes back as soon as it is served, and waits for all the others.
        let (refused, waits) = trial.run(0.7, Duration::from_secs(5));
        assert!(refused == 0 && waits[waits.len() / 2] > 5 * QUICK_ENOUGH, "{refused}");
    }

    #[test]
    fn a_store_that_stood_still_once_is_forgiven() {
        let start = tick();
        let mut pace = Pace::new(start);
        for _ in 0..MAX_FILING {
            assert!(pace.set_out(start).is_some());
        }
        let now = start + Duration::from_secs(3);
        assert_eq!(pace.set_out(now), None);
        for among in 1..=MAX_FILING {
            pace.filed(start, among, now);
            pace.come_back();
        }
        assert_eq!(pace.bound(now), MAX_FILING / 2);
        assert_eq!(pace.bound(now + Duration::from_secs(1)), MAX_FILING / 2 + 256);
        assert_eq!(pace.bound(now + Duration::from_secs(2)), MAX_FILING);
    }

    proptest! {
        #[test]
        fn the_bound_is_kept_whatever_happens(
            steps in prop::collection::vec((0_u64..200_000, 0_usize..64, 0_usize..64), 1..200)
        ) {
            let mut now = tick();
            let mut pace = Pace::new(now);
            let mut out = VecDeque::new();
            for (micros, come, go) in steps {
                now += Duration::from_micros(micros);
                let before = pace.bound(now);
                for _ in 0..come {
                    let may = out.len() < before;
                    let among = pace.set_out(now);
                    prop_assert_eq!(among, may.then_some(out.len() + 1));
                    out.extend(among.map(|among| (now, among)));
                }
                for (set_out, among) in out.drain(..go.min(out.len())) {
                    pace.filed(set_out, among, now);
                    pace.come_back();
                    let bound = pace.bound(now);
                    prop_assert!((MIN_FILING..=MAX_FILING).contains(&bound));
                    prop_assert!(bound <= before, "it rose in no time");
                }
                // At most once by what was begun under one bound, and by half at most.
                prop_assert!(pace.bound(now) >= (before / 2).max(MIN_FILING));
            }
            prop_assert_eq!(pace.bound(now + Duration::from_secs(4)), MAX_FILING);
        }
    }
}
