//! When citizens call and how long matters take, after real hotlines. The data is no part of
//! the project: it is looked for in `HOTLINE_DATA`, else in `../shared/data`; where it is
//! missing that is said aloud, and the day is flat.

use hotline::domain::{Date, Span, Timestamp};
use serde_json::Value;
use std::path::PathBuf;

const HOUR: i64 = 3_600_000;
/// Midnight in Beijing is so much before midnight.
const EAST: i64 = 8 * HOUR;

/// The shape of a year.
#[derive(Clone)]
pub struct Shape {
    /// What part of a day falls into each hour, of a week into each day from Monday on.
    hours: [f64; 24],
    weekdays: [f64; 7],
    /// Quantiles of the hours from call to closing, ascending.
    closing: Vec<(f64, f64)>,
    /// Titles, texts and addresses of callers.
    pub calls: Vec<[String; 3]>,
}

impl Shape {
    /// After the data, where there is any.
    pub fn real() -> Shape {
        let mut shape = Shape::flat();
        if let Some(text) = data("load/load_shape.json") {
            let all: Value = serde_json::from_str(&text).expect("load_shape.json");
            let share = |of: &str, n: usize| all[of][n.to_string()].as_f64().expect("a share");
            shape.hours = std::array::from_fn(|n| share("cn_message_hour_share_pct", n));
            shape.weekdays = std::array::from_fn(|n| share("cn_message_dow_share_pct_mon0", n));
            let closing = &all["nyc311_closure_hours_2023_02_28_cohort"]["all_hours"];
            let closing = closing.as_object().expect("quantiles").iter();
            let number = |(q, hours): (&String, &Value)| {
                (q.parse().expect("a quantile"), hours.as_f64().expect("hours"))
            };
            shape.closing = closing.map(number).collect();
            shape.closing.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        if let Some(text) = data("calls.jsonl") {
            let said = |line: &str| {
                let call: Value = serde_json::from_str(line).expect("calls.jsonl");
                ["title", "text", "address"]
                    .map(|field| call[field].as_str().unwrap_or_default().to_owned())
            };
            shape.calls = text.lines().map(said).collect();
        }
        shape
    }

    fn flat() -> Shape {
        let call = ["路灯不亮", "门口的路灯三天不亮了，请派人来修。", "南湖区大桥镇中华村3幢"];
        Shape {
            hours: [1.0; 24],
            weekdays: [1.0; 7],
            closing: vec![(0.05, 0.2), (0.5, 18.0), (0.95, 500.0)],
            calls: vec![call.map(str::to_owned)],
        }
    }

    /// How long a matter takes from call to closing, at a place from 0 to 1 among all. Between
    /// quantiles it grows evenly by its logarithm; beyond the last it is the last.
    pub fn takes(&self, at: f64) -> Span {
        let after = self.closing.partition_point(|(q, _)| *q <= at);
        let (Some(next), Some(before)) = (self.closing.get(after), after.checked_sub(1)) else {
            let end = if after == 0 { self.closing.first() } else { self.closing.last() };
            return hours(end.map_or(1.0, |(_, hours)| *hours));
        };
        let (q, low) = self.closing[before];
        let part = (at - q) / (next.0 - q);
        hours(low * (next.1 / low).powf(part))
    }

    /// How many of so many orders fall into each hour of so many days.
    pub fn by_hour(&self, first: Date, days: u32, orders: u64) -> Vec<u64> {
        let weight = |hour: usize| {
            // The first of January 1970 was a Thursday.
            let weekday = (first.to_days() + 3 + hour as i64 / 24).rem_euclid(7) as usize;
            self.weekdays[weekday] * self.hours[hour % 24]
        };
        let all = 0..days as usize * 24;
        let whole: f64 = all.clone().map(weight).sum();
        let (mut sum, mut given) = (0.0, 0);
        let share = |hour| {
            sum += weight(hour);
            let by_now = (orders as f64 * sum / whole).round() as u64;
            let now = by_now.saturating_sub(given);
            given = by_now;
            now
        };
        all.map(share).collect()
    }
}

/// Midnight of a date in Beijing.
pub fn midnight(date: Date) -> Timestamp {
    Timestamp(date.to_days() * 24 * HOUR - EAST)
}

fn hours(hours: f64) -> Span {
    Span((hours * HOUR as f64) as i64)
}

fn data(file: &str) -> Option<String> {
    let root = match std::env::var_os("HOTLINE_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SHORT a year: {} is not there; a flat day instead", path.display());
    }
    text
}
