//! The only place that reads a clock; a manual one for tests.

use crate::domain::{Span, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Order time: what every limit is measured in. It may run faster than real time in a
/// demonstration; leases, RPC deadlines and lateness never do.
pub trait Clock: Send + Sync + 'static {
    /// The moment orders live in.
    fn now(&self) -> Timestamp;
    /// How long one must really wait for a span of order time.
    fn really(&self, span: Span) -> Duration;
}

/// The machine's wall clock.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall_now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(Timestamp(0), |d| Timestamp(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
}

/// A monotonic moment, for measuring how long something took.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn tick() -> std::time::Instant {
    std::time::Instant::now()
}

/// The machine's clock, corrected by an offset sampled from the store (all processes of a
/// cell then live in one time), and sped up for a demonstration.
pub struct SystemClock {
    offset_ms: AtomicI64,
    /// Where fast time left real time; 1 is real time.
    origin: Timestamp,
    speed: u32,
}

impl SystemClock {
    /// Real time.
    pub fn new() -> SystemClock {
        SystemClock::at_speed(1)
    }

    /// `speed` times as fast as real time, from now on; 0 counts as 1.
    pub fn at_speed(speed: u32) -> SystemClock {
        SystemClock { offset_ms: AtomicI64::new(0), origin: wall_now(), speed: speed.max(1) }
    }

    /// What must be added to the machine's clock to get the store's.
    pub fn set_offset(&self, offset: Span) {
        self.offset_ms.store(offset.0, Ordering::Relaxed);
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let real = wall_now().plus(Span(self.offset_ms.load(Ordering::Relaxed)));
        let passed = real.since(self.origin);
        self.origin.plus(Span(passed.0.saturating_mul(i64::from(self.speed))))
    }

    fn really(&self, span: Span) -> Duration {
        let micros = span.0.max(0).saturating_mul(1_000) / i64::from(self.speed);
        Duration::from_micros(micros as u64)
    }
}

/// A clock that stands still until it is told otherwise.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `now`.
    pub fn at(now: Timestamp) -> ManualClock {
        ManualClock(AtomicI64::new(now.0))
    }

    /// Moves on.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn really(&self, span: Span) -> Duration {
        span.to_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_time_waits_less() {
        let clock = SystemClock::at_speed(600);
        assert_eq!(clock.really(Span::minutes(10)), Duration::from_secs(1));
        assert_eq!(clock.really(Span(-5)), Duration::ZERO);
        assert!(clock.now() >= clock.origin);
    }

    #[test]
    fn the_offset_moves_time() {
        let clock = SystemClock::new();
        clock.set_offset(Span::hours(1));
        assert!(clock.now().since(wall_now()) > Span::minutes(59));
    }
}
