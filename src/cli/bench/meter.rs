//! What is measured: latencies by HdrHistogram, to three figures, of the whole run and second by
//! second, and everything that is counted.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many parts, at most, record without waiting for each other.
const SHARDS: usize = 8;
/// The longest latency that is told apart; a call ends long before.
const LONGEST: Duration = Duration::from_secs(600);

/// What takes time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// SubmitOrder, from when it was meant to be sent to its answer.
    Submit,
    /// From when a SubmitOrder was meant to be sent to its order in a waiting puller's hands.
    InHands,
    /// From when a SubmitOrder was meant to be sent to the acceptance of its report.
    Life,
    /// RelayOrders, of a batch.
    Relay,
    /// SignOrders, of a batch.
    Sign,
    /// ReportOrder.
    Report,
    /// DecideReport.
    Decide,
    /// How much later than meant a SubmitOrder was sent: the generator's own doing.
    Late,
}

impl Op {
    pub(super) const ALL: [Op; 8] =
        [Op::Submit, Op::InHands, Op::Life, Op::Relay, Op::Sign, Op::Report, Op::Decide, Op::Late];

    pub(super) fn name(self) -> &'static str {
        match self {
            Op::Submit => "submit",
            Op::InHands => "in_hands",
            Op::Life => "life",
            Op::Relay => "relay",
            Op::Sign => "sign",
            Op::Report => "report",
            Op::Decide => "decide",
            Op::Late => "sent_late",
        }
    }

    pub(super) fn zh(self) -> &'static str {
        match self {
            Op::Submit => "登记",
            Op::InHands => "登记到领取",
            Op::Life => "登记到办结",
            Op::Relay => "下派（批）",
            Op::Sign => "签收（批）",
            Op::Report => "反馈",
            Op::Decide => "审核",
            Op::Late => "发出迟于应发",
        }
    }
}

/// Latencies in microseconds.
type Micros = Histogram<u64>;

fn micros() -> Micros {
    let mut all = Histogram::new_with_bounds(1, LONGEST.as_micros() as u64, 3)
        .unwrap_or_else(|e| unreachable!("bounds that are sound: {e}"));
    // Grows no further: what is longer counts as the longest.
    all.auto(false);
    all
}

fn record(into: &mut Micros, latency: Duration) {
    into.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// A part of the measurement.
struct Shard {
    all: Vec<Option<Micros>>,
    second: Micros,
}

/// One second of the run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Second {
    /// How many were answered in it.
    pub(super) answered: u64,
    /// In milliseconds; 0 where none was answered.
    pub(super) p50: f64,
    /// In milliseconds.
    pub(super) p99: f64,
    /// In milliseconds.
    pub(super) max: f64,
    /// How many were shed in it.
    pub(super) shed: u64,
}

/// Everything that is measured.
pub(super) struct Meter {
    shown: Op,
    shards: Vec<Mutex<Shard>>,
    pub(super) counts: Counts,
}

/// Everything that is counted, warm-up included: what is compared with the store.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) created: AtomicU64,
    /// Answered as the same again, which none is.
    pub(super) replayed: AtomicU64,
    pub(super) shed: AtomicU64,
    /// Of those, with a hint when to come again; and the longest, in milliseconds.
    pub(super) hinted: AtomicU64,
    pub(super) longest_hint: AtomicU64,
    /// Submissions of an unknown outcome, asked about at the end.
    pub(super) unknown: AtomicU64,
    pub(super) relayed: AtomicU64,
    pub(super) signed: AtomicU64,
    pub(super) reported: AtomicU64,
    pub(super) closed: AtomicU64,
    /// Lives that were not at their end in time.
    pub(super) unfinished: AtomicU64,
    /// Calls that were refused, by call and reason.
    refused: Mutex<BTreeMap<String, u64>>,
}

/// The most different refusals that are told apart.
const MAX_REASONS: usize = 32;

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

pub(super) fn of(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counts {
    pub(super) fn refused(&self, call: &str, reason: &str) {
        let mut refused = locked(&self.refused);
        let name = match refused.len() {
            0..MAX_REASONS => format!("{call} {reason}"),
            _ => "others".to_owned(),
        };
        *refused.entry(name).or_default() += 1;
    }

    pub(super) fn refusals(&self) -> BTreeMap<String, u64> {
        locked(&self.refused).clone()
    }
}

/// What a panic elsewhere left is still counted.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meter {
    /// `shown` is what is told second by second.
    pub(super) fn new(shown: Op, lanes: usize) -> Meter {
        let shard =
            || Mutex::new(Shard { all: Op::ALL.iter().map(|_| None).collect(), second: micros() });
        let shards = (0..lanes.clamp(1, SHARDS)).map(|_| shard()).collect();
        Meter { shown, shards, counts: Counts::default() }
    }

    pub(super) fn took(&self, lane: usize, op: Op, latency: Duration) {
        let mut shard = locked(&self.shards[lane % self.shards.len()]);
        record(shard.all[op as usize].get_or_insert_with(micros), latency);
        if op == self.shown {
            record(&mut shard.second, latency);
        }
    }

    /// Takes what was measured since this was asked last; `shed` of the run so far goes in and
    /// out.
    pub(super) fn second(&self, shed: &mut u64) -> Second {
        let mut sum = micros();
        for shard in &self.shards {
            let mut shard = locked(shard);
            sum += &shard.second;
            shard.second.reset();
        }
        let now = of(&self.counts.shed);
        let spread = Spread::of(&sum);
        let second = Second {
            answered: spread.count,
            p50: spread.p50,
            p99: spread.p99,
            max: spread.max,
            shed: now - *shed,
        };
        *shed = now;
        second
    }

    /// Forgets the latencies: the warm-up is over.
    pub(super) fn forget(&self) {
        for shard in &self.shards {
            locked(shard).all.iter_mut().for_each(|all| *all = None);
        }
    }

    /// Of everything since the warm-up.
    pub(super) fn spread(&self, op: Op) -> Spread {
        let mut sum: Option<Micros> = None;
        for shard in &self.shards {
            if let Some(all) = &locked(shard).all[op as usize] {
                *sum.get_or_insert_with(micros) += all;
            }
        }
        sum.as_ref().map(Spread::of).unwrap_or_default()
    }
}

/// How latencies are spread, in milliseconds.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Spread {
    pub(super) count: u64,
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

impl Spread {
    fn of(all: &Micros) -> Spread {
        if all.is_empty() {
            return Spread::default();
        }
        let ms = |micros: u64| micros as f64 / 1_000.0;
        let at = |quantile| ms(all.value_at_quantile(quantile));
        Spread {
            count: all.len(),
            mean: (all.mean()).round() / 1_000.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(all.max()),
        }
    }

    pub(super) fn document(&self) -> Value {
        let Spread { count, mean, p50, p90, p99, p999, max } = *self;
        json!({
            "count": count, "mean_ms": mean, "p50_ms": p50, "p90_ms": p90, "p99_ms": p99,
            "p999_ms": p999, "max_ms": max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected / 500.0
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let meter = Meter::new(Op::Submit, 3);
        for n in 1..=10_000_u64 {
            meter.took(n as usize, Op::Submit, Duration::from_micros(n * 10));
        }
        let Spread { count, mean, p50, p90, p99, p999, max } = meter.spread(Op::Submit);
        assert_eq!(count, 10_000);
        let rows =
            [(mean, 50.005), (p50, 50.0), (p90, 90.0), (p99, 99.0), (p999, 99.9), (max, 100.0)];
        for (value, expected) in rows {
            assert!(near(value, expected), "{value} is not {expected}");
        }
        assert_eq!(meter.spread(Op::Life), Spread::default());
        meter.forget();
        assert_eq!(meter.spread(Op::Submit).count, 0);
    }

    #[test]
    fn what_is_out_of_bounds_counts_as_the_bound() {
        let meter = Meter::new(Op::Submit, 1);
        meter.took(0, Op::Submit, Duration::ZERO);
        meter.took(0, Op::Submit, LONGEST * 9);
        let spread = meter.spread(Op::Submit);
        assert_eq!(spread.count, 2);
        assert!(near(spread.max, LONGEST.as_secs_f64() * 1_000.0), "{spread:?}");
    }

    #[test]
    fn a_second_holds_what_came_in_it_and_no_other_operation() {
        let meter = Meter::new(Op::Submit, 8);
        let mut shed = 0;
        meter.took(0, Op::Submit, Duration::from_millis(2));
        meter.took(5, Op::Submit, Duration::from_millis(4));
        meter.took(5, Op::Life, Duration::from_millis(900));
        add(&meter.counts.shed, 3);
        let first = meter.second(&mut shed);
        assert_eq!((first.answered, first.shed), (2, 3));
        assert!(near(first.p50, 2.0) && near(first.max, 4.0), "{first:?}");
        meter.took(1, Op::Submit, Duration::from_millis(7));
        let second = meter.second(&mut shed);
        assert_eq!((second.answered, second.shed), (1, 0));
        assert!(near(second.p99, 7.0), "{second:?}");
        assert_eq!(meter.second(&mut shed).answered, 0);
        assert_eq!(meter.spread(Op::Submit).count, 3);
    }

    #[test]
    fn refusals_are_told_apart_up_to_a_bound() {
        let counts = Counts::default();
        for n in 0..MAX_REASONS + 10 {
            counts.refused("submit", &format!("REASON_{n}"));
        }
        let all = counts.refusals();
        assert_eq!(all.len(), MAX_REASONS + 1);
        assert_eq!(all["others"], 10);
    }
}
