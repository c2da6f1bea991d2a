//! What a restored store passes over. Whoever was served by the original after the image was
//! taken has numbers that the image knows nothing of: order numbers, claims, places in the
//! feed. None of them may ever mean something else, so the restored store goes on beyond
//! everything the original can have given since.

use crate::domain::Timestamp;
use crate::store::day_of;
use std::collections::BTreeMap;

/// How far the feed and the claims leap at least.
const LEAP: u64 = 1 << 32;
/// How far order numbers skip on every day that the original may have served since: a city
/// has not a tenth of that many matters on its worst day.
const SKIP: u32 = 100_000;
/// The days from which on the original may have given numbers: its clock may have been behind.
const DAYS_BEFORE: u16 = 1;
/// And it may have been ahead.
const DAYS_AFTER: u16 = 1;
/// 2020-01-01: places in the feed are told apart by the second of their restoring, and stay
/// below what a double holds exactly until 2054.
const FIRST: i64 = 1_577_836_800;
/// Places for one second.
const PLACES: u32 = 22;

/// After which number the feed goes on. Two stores restored from one image go on apart, so a
/// reader of the one never passes for a reader of the other.
pub fn sequence(last: u64, now: Timestamp) -> u64 {
    let seconds = (now.0 / 1_000 - FIRST).max(0).unsigned_abs();
    (last + LEAP).max(seconds << PLACES)
}

/// After which number claims go on.
pub fn claims(last: u64, now: Timestamp) -> u64 {
    // The embedded store counts from its opening: this is above all it opened since.
    last.saturating_add(LEAP).max(now.0.unsigned_abs() << 20)
}

/// The highest number given, day by day. `last` is the last day of which there is an order: by
/// the clock that orders live by, the original was there.
pub fn numbers(
    mut given: BTreeMap<u16, u32>,
    last: Option<u16>,
    taken: Timestamp,
    now: Timestamp,
) -> BTreeMap<u16, u32> {
    let day = |at: Timestamp| day_of(at.date());
    let first = day(taken).saturating_sub(DAYS_BEFORE);
    for day in first..=day(now.max(taken)).saturating_add(DAYS_AFTER) {
        given.entry(day).or_default();
    }
    let first = last.map_or(first, |last| first.min(last.saturating_sub(DAYS_BEFORE)));
    for (_, highest) in given.range_mut(first..) {
        *highest = highest.saturating_add(SKIP);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    /// 2026-11-25 in Beijing.
    const TAKEN: Timestamp = Timestamp(1_795_600_000_000);

    #[test]
    fn every_day_since_skips_and_those_before_do_not() {
        let day = day_of(TAKEN.date());
        let given = BTreeMap::from([(day - 9, 70), (day, 42), (day + 400, 7)]);
        let now = TAKEN.plus(Span::hours(3 * 24));
        let after = numbers(given.clone(), Some(day), TAKEN, now);
        let expected: Vec<_> = [(day - 9, 70), (day - 1, SKIP), (day, SKIP + 42)]
            .into_iter()
            .chain((1..=4).map(|d| (day + d, SKIP)))
            .chain([(day + 400, SKIP + 7)])
            .collect();
        assert_eq!(after.into_iter().collect::<Vec<_>>(), expected);
        // Orders that live by another clock than that on the wall.
        let after = numbers(given, Some(day - 9), TAKEN, now);
        assert_eq!(after[&(day - 9)], SKIP + 70);
    }

    #[test]
    fn the_feed_and_the_claims_leap_forward_and_stay_exact() {
        for last in [0, 1, LEAP, 1 << 50] {
            let then = sequence(last, TAKEN);
            assert!(then >= last + LEAP && then < 1 << 53);
            assert!(sequence(last, TAKEN.plus(Span::seconds(1))) != then || last >= 1 << 50);
        }
        assert!(claims(5, TAKEN) > 5 + LEAP);
        assert!(claims(1 << 62, TAKEN) > 1 << 62);
        assert!(sequence(7, Timestamp(0)) == 7 + LEAP);
    }
}
