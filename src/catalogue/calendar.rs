//! `calendar.csv`: public holidays, and the weekends worked in their place.

use super::problem::Problems;
use super::table;
use crate::domain::{Calendar, Date, DayKind};

pub(crate) const FILE: &str = "calendar.csv";

pub(crate) fn read(text: &str, problems: &mut Problems) -> Calendar {
    let mut calendar = Calendar::default();
    for row in table::read(FILE, text, &["date", "day", "name"], problems) {
        let date: Date = match row.get(0).parse() {
            Ok(date) => date,
            Err(error) => {
                problems.add(FILE, row.line, format!("{:?} is {error}", row.get(0)));
                continue;
            }
        };
        let kind = match row.get(1) {
            "holiday" => DayKind::Holiday,
            "working" => DayKind::Working,
            other => {
                let what = format!("bad day {other:?}: holiday and working are allowed");
                problems.add(FILE, row.line, what);
                continue;
            }
        };
        if row.get(2).is_empty() {
            problems.add(FILE, row.line, format!("{date} has no name"));
        }
        if let Err(why) = calendar.publish(date, kind) {
            problems.add(FILE, row.line, format!("{date}: {why}"));
        }
    }
    calendar
}
