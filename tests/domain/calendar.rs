//! Working days across New Year, Spring Festival, National Day and worked weekends, on the
//! calendar as the State Council published it.

use crate::make::HEARD;
use hotline::catalogue::Catalogue;
use hotline::domain::*;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Read once.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().unwrap());

/// Noon in Beijing.
fn noon(date: &str) -> Timestamp {
    let date: Date = date.parse().unwrap();
    Timestamp(date.to_days() * 86_400_000 + 4 * 3_600_000)
}

/// The last day of a period, and whether plain weekends were counted.
fn last_day(end: PeriodEnd) -> (String, bool) {
    assert_eq!(end.at.0.rem_euclid(86_400_000), 16 * 3_600_000, "it ends at 24:00 in Beijing");
    (Timestamp(end.at.0 - 1).date().to_string(), end.plain_weekends)
}

#[test]
fn fixed_vectors() {
    let calendar = CATALOGUE.calendar();
    for (from, n, last, plain) in [
        ("2025-12-31", 1, "2026-01-04", false), // New Year, and its worked Sunday
        ("2025-12-31", 5, "2026-01-08", false),
        ("2025-01-25", 1, "2025-01-26", false), // a worked Sunday before Spring Festival
        ("2025-01-27", 5, "2025-02-10", false), // and a worked Saturday after it
        ("2026-02-13", 1, "2026-02-14", false),
        ("2026-02-13", 5, "2026-02-27", false),
        ("2026-02-14", 1, "2026-02-24", false),
        ("2026-04-30", 5, "2026-05-11", false), // Labour Day
        ("2026-09-24", 5, "2026-10-09", false), // Mid-Autumn and National Day
        ("2026-09-30", 1, "2026-10-08", false),
        ("2026-09-30", 5, "2026-10-13", false),
        ("2025-09-30", 15, "2025-10-28", false),
        ("2026-11-24", 15, "2026-12-15", false), // no holiday at all
        ("2026-12-25", 5, "2027-01-01", true),   // nobody has published 2027
        ("2024-12-31", 1, "2025-01-02", true),
    ] {
        let got = last_day(calendar.working_days(noon(from), n));
        assert_eq!(got, (last.to_owned(), plain), "{n} working days from {from}");
    }
    for (from, n, last) in [
        ("2026-02-13", 2, "2026-02-24"), // ends within Spring Festival
        ("2026-08-02", 60, "2026-10-08"),
        ("2025-08-03", 60, "2025-10-09"),
        ("2026-03-02", 15, "2026-03-17"),
    ] {
        let got = last_day(calendar.days(noon(from), n));
        assert_eq!(got, (last.to_owned(), false), "{n} days from {from}");
    }
}

proptest! {
    #[test]
    fn a_period_is_what_counting_day_by_day_gives(
        ahead in 0..2_000_i64,
        minute in 0..1_440_i64,
        n in 1..70_u16,
    ) {
        let calendar = CATALOGUE.calendar();
        let from = HEARD.plus(Span::hours(24 * ahead)).plus(Span::minutes(minute));
        let end = calendar.working_days(from, n);
        let (mut day, mut worked) = (from.date().to_days(), 0);
        while worked < n {
            day += 1;
            worked += u16::from(calendar.is_working(Date::from_days(day)));
        }
        prop_assert_eq!(Timestamp(end.at.0 - 1).date(), Date::from_days(day));
        prop_assert!(end.at > from);
    }
}
