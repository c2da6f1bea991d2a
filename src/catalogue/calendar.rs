//! `calendar.csv`: public holidays, the weekends worked in their place, and which years are all
//! there.

use super::problem::Problems;
use super::table::{self, Row};
use crate::domain::{Calendar, Date, DayKind};

pub(crate) const FILE: &str = "calendar.csv";

pub(crate) fn read(text: &str, problems: &mut Problems) -> Calendar {
    let mut calendar = Calendar::default();
    let mut years = Vec::new();
    for row in table::read(FILE, text, &["date", "day", "name"], problems) {
        let kind = match row.get(1) {
            "holiday" => DayKind::Holiday,
            "working" => DayKind::Working,
            "published" => {
                years.push(row);
                continue;
            }
            other => {
                let what = format!("bad day {other:?}: holiday, working and published are allowed");
                problems.add(FILE, row.line, what);
                continue;
            }
        };
        let date: Date = match row.get(0).parse() {
            Ok(date) => date,
            Err(error) => {
                problems.add(FILE, row.line, format!("{:?} is {error}", row.get(0)));
                continue;
            }
        };
        if row.get(2).is_empty() {
            problems.add(FILE, row.line, format!("{date} has no name"));
        }
        if let Err(why) = calendar.except(date, kind) {
            problems.add(FILE, row.line, format!("{date}: {why}"));
        }
    }
    for row in years {
        if let Err(what) = publish(&mut calendar, &row) {
            problems.add(FILE, row.line, what);
        }
    }
    calendar
}

/// A year is known once its row says so and names the notice; single dates of it are not enough.
fn publish(calendar: &mut Calendar, row: &Row) -> Result<(), String> {
    let text = row.get(0);
    let year = text.parse().ok().filter(|year| (2000..=2199).contains(year));
    let year: i32 = year.ok_or_else(|| format!("published stands after a year, not {text:?}"))?;
    if row.get(2).is_empty() {
        return Err(format!("{year} does not name the notice that published it"));
    }
    if calendar.published().any(|known| known == year) {
        return Err(format!("{year} is published twice"));
    }
    calendar.publish(year).map_err(|missing| {
        format!("{year} is not all there: {missing} must be a holiday, and every other one listed")
    })
}
