//! Time as the domain knows it: an argument, in milliseconds, never read from a clock.

use super::ids::BadName;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// China Standard Time, the one legal time of every 12345 centre: UTC+8, no summer time.
const CST_OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds, never negative where a limit is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole seconds.
    pub const fn seconds(n: i64) -> Span {
        Span(n * 1_000)
    }

    /// A span of whole minutes.
    pub const fn minutes(n: i64) -> Span {
        Span(n * 60_000)
    }

    /// A span of whole hours.
    pub const fn hours(n: i64) -> Span {
        Span(n * 3_600_000)
    }

    /// `percent` hundredths of this span.
    pub const fn percent(self, percent: u8) -> Span {
        Span(self.0 * percent as i64 / 100)
    }

    /// As a standard duration; a negative span is zero.
    pub fn to_std(self) -> Duration {
        Duration::from_millis(self.0.max(0) as u64)
    }
}

impl From<Duration> for Span {
    fn from(d: Duration) -> Span {
        Span(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Timestamp {
    /// This moment, `span` later; saturating.
    pub fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }

    /// This moment, `span` earlier; saturating.
    pub fn minus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this moment; negative if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The calendar date of this moment in China Standard Time.
    pub fn date(self) -> Date {
        let days = (self.0 + CST_OFFSET_MS).div_euclid(DAY_MS);
        Date::from_days(days)
    }
}

/// `2022-03-14T08:30:00.000+08:00`: RFC 3339 in China Standard Time.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.0 + CST_OFFSET_MS;
        let ms = local.rem_euclid(DAY_MS);
        let Date { year, month, day } = self.date();
        let (s, ms) = (ms / 1_000, ms % 1_000);
        let (h, m, s) = (s / 3_600, s / 60 % 60, s % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}+08:00")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `1h 5m 0.250s`, largest unit first, zero units left out.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, all) =
            if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0 as u64) };
        let (h, m, s, ms) = (all / 3_600_000, all / 60_000 % 60, all / 1_000 % 60, all % 1_000);
        let mut parts = Vec::with_capacity(3);
        if h > 0 {
            parts.push(format!("{h}h"));
        }
        if m > 0 {
            parts.push(format!("{m}m"));
        }
        if ms > 0 {
            parts.push(format!("{s}.{ms:03}s"));
        } else if s > 0 || parts.is_empty() {
            parts.push(format!("{s}s"));
        }
        write!(f, "{sign}{}", parts.join(" "))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A calendar date, proleptic Gregorian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    /// Four digits.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Date {
    /// The date `days` after 1970-01-01 (Howard Hinnant's `civil_from_days`).
    pub fn from_days(days: i64) -> Date {
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = (yoe + era * 400 + i64::from(month <= 2)) as i32;
        Date { year, month, day }
    }

    /// Days after 1970-01-01 (Howard Hinnant's `days_from_civil`).
    pub fn to_days(self) -> i64 {
        let y = i64::from(self.year) - i64::from(self.month <= 2);
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let m = i64::from(self.month);
        let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
    }

    /// Whether the date exists.
    pub fn is_real(self) -> bool {
        (1..=12).contains(&self.month) && self.day >= 1 && Date::from_days(self.to_days()) == self
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Date, BadName> {
        let read = || {
            let bytes = text.as_bytes();
            let plain = bytes.iter().enumerate().all(|(at, b)| match at {
                4 | 7 => *b == b'-',
                _ => b.is_ascii_digit(),
            });
            let date = Date {
                year: text.get(..4)?.parse().ok()?,
                month: text.get(5..7)?.parse().ok()?,
                day: text.get(8..)?.parse().ok()?,
            };
            (plain && bytes.len() == 10 && date.is_real()).then_some(date)
        };
        read().ok_or(BadName {
            what: "a date",
            allowed: "a date that exists, for example 2026-11-01",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree_over_eighty_years() {
        for days in 0..30_000 {
            let date = Date::from_days(days);
            assert!(date.is_real());
            assert_eq!(date.to_days(), days);
        }
    }

    #[test]
    fn shown_in_china_standard_time() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T08:00:00.000+08:00");
        assert_eq!(Timestamp(1_647_218_400_123).to_string(), "2022-03-14T08:40:00.123+08:00");
        // One millisecond before midnight in Beijing is still the old day.
        assert_eq!(Timestamp(57_599_999).date(), Date { year: 1970, month: 1, day: 1 });
        assert_eq!(Timestamp(57_600_000).date(), Date { year: 1970, month: 1, day: 2 });
    }

    #[test]
    fn spans_read_like_people_write_them() {
        for (span, text) in [
            (Span::ZERO, "0s"),
            (Span::hours(1), "1h"),
            (Span(3_900_250), "1h 5m 0.250s"),
            (Span::minutes(-5), "-5m"),
        ] {
            assert_eq!(span.to_string(), text);
        }
    }
}
