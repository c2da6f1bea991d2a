//! Working days: weekends, public holidays, and the weekends worked in their place (调休).
//!
//! How periods are counted follows the Civil Code (民法典): the day something begins on does
//! not count (art. 201), a period ends with its last day at 24:00, and one whose last day is a
//! day off ends with the next working day (art. 203). All days are Beijing's.

use super::time::{Date, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What a date is that is not as its weekday says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayKind {
    /// Off, whatever the weekday.
    Holiday,
    /// Worked, though a weekend.
    Working,
}

/// The published years.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Calendar {
    /// Days after 1970-01-01 that are not as their weekday says.
    exceptions: BTreeMap<i64, DayKind>,
    /// Years whose holidays are known.
    published: BTreeSet<i32>,
}

/// When a period ends, and on what that rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeriodEnd {
    /// The end of its last day.
    pub at: Timestamp,
    /// It reaches into a year whose holidays are not known: plain weekends were counted there.
    pub plain_weekends: bool,
}

/// 元旦, 劳动节 and 国庆节: off every year, whatever else is decided about it.
const FIXED_HOLIDAYS: [(u32, u32); 3] = [(1, 1), (5, 1), (10, 1)];
const DAY: i64 = 86_400_000;
/// Beijing is this far ahead of UTC, all year.
const BEIJING: i64 = 8 * 3_600_000;

fn is_weekend(day: i64) -> bool {
    // 1970-01-01 was a Thursday.
    matches!((day + 4).rem_euclid(7), 0 | 6)
}

impl Calendar {
    /// Says what a date is. The error says why that cannot be.
    pub fn except(&mut self, date: Date, kind: DayKind) -> Result<(), &'static str> {
        let day = date.to_days();
        if self.exceptions.contains_key(&day) {
            return Err("the date is there twice");
        }
        if kind == DayKind::Working && !is_weekend(day) {
            return Err("only a Saturday or a Sunday can be worked in a holiday's place");
        }
        self.exceptions.insert(day, kind);
        Ok(())
    }

    /// Says that all of a year is there: single dates do not make it known. The error says what
    /// is missing from it, at the least.
    pub fn publish(&mut self, year: i32) -> Result<(), Date> {
        let fixed = FIXED_HOLIDAYS.map(|(month, day)| Date { year, month, day });
        let is_off = |date: &Date| self.exceptions.get(&date.to_days()) == Some(&DayKind::Holiday);
        if let Some(missing) = fixed.into_iter().find(|date| !is_off(date)) {
            return Err(missing);
        }
        self.published.insert(year);
        Ok(())
    }

    /// The years whose holidays are known.
    pub fn published(&self) -> impl Iterator<Item = i32> {
        self.published.iter().copied()
    }

    /// Whether people work on a date.
    pub fn is_working(&self, date: Date) -> bool {
        self.works(date.to_days())
    }

    fn works(&self, day: i64) -> bool {
        match self.exceptions.get(&day) {
            Some(DayKind::Working) => true,
            Some(DayKind::Holiday) => false,
            None => !is_weekend(day),
        }
    }

    /// The end of the `n`-th working day after the day of `from`.
    pub fn working_days(&self, from: Timestamp, n: u16) -> PeriodEnd {
        let first = day_of(from);
        let mut exceptions = self.exceptions.range(first + 1..).peekable();
        let mut day = first;
        let mut left = n;
        while left > 0 {
            day += 1;
            let works = match exceptions.next_if(|(at, _)| **at == day) {
                Some((_, kind)) => *kind == DayKind::Working,
                None => !is_weekend(day),
            };
            left -= u16::from(works);
        }
        self.end(first, day)
    }

    /// The end of the `n`-th day after the day of `from`, or of the working day that follows.
    pub fn days(&self, from: Timestamp, n: u16) -> PeriodEnd {
        let first = day_of(from);
        let mut day = first + i64::from(n);
        while !self.works(day) {
            day += 1;
        }
        self.end(first, day)
    }

    fn end(&self, first: i64, last: i64) -> PeriodEnd {
        let years = Date::from_days(first).year..=Date::from_days(last).year;
        let plain_weekends = !years.into_iter().all(|year| self.published.contains(&year));
        PeriodEnd { at: Timestamp((last + 1) * DAY - BEIJING), plain_weekends }
    }
}

fn day_of(at: Timestamp) -> i64 {
    (at.0 + BEIJING).div_euclid(DAY)
}
