//! When each call is meant to be sent: at a stated rate, or as soon as the one before is
//! answered.

use crate::clock::tick;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long calls that were meant to be sent are sent after the end, and lives come to theirs.
pub(super) const DRAIN: Duration = Duration::from_secs(30);
/// How often the thread that keeps time looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);
const NANOS: u128 = 1_000_000_000;

/// An open loop: calls come at even distances, whatever becomes of those before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Calls a second, at least 1.
    pub(super) rate: u32,
}

impl Schedule {
    /// When the `n`-th call, from 0, is meant to be sent, from the start.
    pub(super) fn at(self, n: u64) -> Duration {
        let nanos = u128::from(n) * NANOS / u128::from(self.rate);
        Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
    }

    /// How many are meant to be sent by then.
    pub(super) fn due(self, passed: Duration) -> u64 {
        // The last is the greatest n whose at(n), rounded down, is not later.
        let behind = (passed.as_nanos() + 1) * u128::from(self.rate);
        u64::try_from(behind.div_ceil(NANOS)).unwrap_or(u64::MAX)
    }

    /// How many are meant to be sent before it ends.
    pub(super) fn total(self, span: Duration) -> u64 {
        u64::try_from((span.as_nanos() * u128::from(self.rate)).div_ceil(NANOS)).unwrap_or(u64::MAX)
    }
}

/// Hands out the calls of a run, each once, with the time it is meant to be sent.
pub(super) struct Pace {
    began: Instant,
    span: Duration,
    next: AtomicU64,
    stopped: AtomicBool,
    open: Option<Open>,
}

struct Open {
    schedule: Schedule,
    total: u64,
    /// Calls whose time has come and that nobody has taken yet: a number, however many.
    due: Semaphore,
}

impl Pace {
    /// From now on; `workers` are how many take calls.
    pub(super) fn start(
        schedule: Option<Schedule>,
        span: Duration,
        workers: usize,
    ) -> std::io::Result<Arc<Pace>> {
        let total = |schedule: Schedule| schedule.total(span);
        let open = schedule.map(|schedule| Open {
            schedule,
            total: total(schedule),
            due: Semaphore::new(0),
        });
        let pace = Arc::new(Pace {
            began: tick(),
            span,
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            open,
        });
        if pace.open.is_some() {
            let keeper = Arc::clone(&pace);
            // A thread of its own: the runtime's timers go by whole milliseconds.
            std::thread::Builder::new()
                .name("bench-pace".into())
                .spawn(move || keeper.keep(workers))?;
        }
        Ok(pace)
    }

    /// Since the start.
    pub(super) fn passed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Hands out nothing more.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Until when what was begun may come to its end.
    pub(super) fn last_moment(&self) -> Instant {
        self.began + self.span + DRAIN
    }

    /// Whether nothing more will be handed out.
    pub(super) fn is_over(&self) -> bool {
        match &self.open {
            None => self.is_stopped() || self.passed() >= self.span,
            Some(_) => self.is_stopped() || tick() >= self.last_moment(),
        }
    }

    /// The next call and when it is meant to be sent; none once the run is over.
    pub(super) async fn next(&self) -> Option<(u64, Instant)> {
        match &self.open {
            None if self.is_over() => None,
            None => Some((self.next.fetch_add(1, Ordering::Relaxed), tick())),
            Some(open) => {
                open.due.acquire().await.ok()?.forget();
                if self.is_over() {
                    return None;
                }
                let n = self.next.fetch_add(1, Ordering::Relaxed);
                (n < open.total).then(|| (n, self.began + open.schedule.at(n)))
            }
        }
    }

    /// Calls that were meant to be sent and were not, and since when each waits: nobody was free
    /// to send them. To be asked once no worker is left.
    pub(super) fn unsent(&self) -> impl Iterator<Item = Duration> {
        let passed = self.passed();
        let first = self.next.load(Ordering::Relaxed);
        self.open.iter().flat_map(move |Open { schedule, total, .. }| {
            let last = (*total).min(schedule.due(passed));
            (first..last).map(move |n| passed.saturating_sub(schedule.at(n)))
        })
    }

    fn keep(&self, workers: usize) {
        let Some(open) = &self.open else { return };
        let mut released = 0;
        while released < open.total && !self.is_stopped() {
            let due = open.schedule.due(self.passed()).min(open.total);
            open.due.add_permits((due - released) as usize);
            released = due;
            let wait = open.schedule.at(due).saturating_sub(self.passed());
            std::thread::sleep(wait.min(LOOK));
        }
        // Each worker is told once that there is nothing more.
        open.due.add_permits(workers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_meant_to_be_sent_at_even_distances() {
        let rows: [(u32, u64, u64); 7] = [
            // rate, n, nanoseconds from the start
            (1, 0, 0),
            (1, 5, 5_000_000_000),
            (3, 1, 333_333_333),
            (3, 3, 1_000_000_000),
            (1_000, 1, 1_000_000),
            (1_000_000, 7, 7_000),
            (1_000_000, u32::MAX as u64 * 1_000, 4_294_967_295_000_000),
        ];
        for (rate, n, nanos) in rows {
            assert_eq!(Schedule { rate }.at(n), Duration::from_nanos(nanos), "{n} at {rate}/s");
        }
    }

    #[test]
    fn what_is_due_is_what_was_meant_to_be_sent() {
        for rate in [1, 3, 7, 999, 1_000, 33_333, 1_000_000] {
            let schedule = Schedule { rate };
            for n in [0, 1, 2, 10, 99, 100_003] {
                let at = schedule.at(n);
                assert_eq!(schedule.due(at), n + 1, "{n} at {rate}/s");
                if let Some(before) = at.checked_sub(Duration::from_nanos(1)) {
                    assert_eq!(schedule.due(before), n, "just before {n} at {rate}/s");
                }
            }
            for seconds in [1, 2, 60] {
                let total = schedule.total(Duration::from_secs(seconds));
                assert_eq!(total, u64::from(rate) * seconds);
            }
        }
        // One that would fall on the end is not sent any more.
        assert_eq!(Schedule { rate: 1_000 }.total(Duration::from_micros(1_500)), 2);
    }

    #[tokio::test]
    async fn an_open_loop_hands_out_every_call_once_however_slow_the_one_before() {
        let span = Duration::from_millis(60);
        let pace = Pace::start(Some(Schedule { rate: 1_000 }), span, 1).unwrap();
        let mut calls = Vec::new();
        while let Some((n, meant)) = pace.next().await {
            assert!(meant <= tick(), "{n} is handed out too early");
            calls.push((n, meant.duration_since(pace.began)));
            if n == 3 {
                // All that were meant to be sent meanwhile keep their time.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let meant: Vec<_> = (0..60).map(|n| (n, Duration::from_millis(n))).collect();
        assert_eq!(calls, meant);
        assert_eq!(pace.unsent().count(), 0);
    }

    #[tokio::test]
    async fn what_nobody_was_free_to_send_is_told_with_its_age() {
        let pace =
            Pace::start(Some(Schedule { rate: 1_000 }), Duration::from_millis(50), 1).unwrap();
        assert!(pace.next().await.is_some());
        tokio::time::sleep(Duration::from_millis(60)).await;
        let ages: Vec<_> = pace.unsent().collect();
        assert_eq!(ages.len(), 49);
        assert!(ages[0] > ages[48] && ages[48] >= Duration::from_millis(10), "{ages:?}");
    }

    #[tokio::test]
    async fn a_closed_loop_ends_with_its_time_or_when_told() {
        let pace = Pace::start(None, Duration::from_secs(3_600), 1).unwrap();
        assert_eq!(pace.next().await.unwrap().0, 0);
        assert_eq!(pace.next().await.unwrap().0, 1);
        pace.stop();
        assert!(pace.next().await.is_none());
        assert!(Pace::start(None, Duration::ZERO, 1).unwrap().next().await.is_none());
    }
}
