//! `categories.csv`: what a matter can be about, in fields and categories.

use super::problem::Problems;
use super::table;
use crate::domain::{Category, Kind, Urgency};
use std::collections::BTreeMap;

pub(crate) const FILE: &str = "categories.csv";

/// A second-level category.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CategoryRow {
    /// Its code.
    pub category: Category,
    /// Its name, `拖欠工资`.
    pub name: String,
    /// The name of its first-level field, `劳动就业`.
    pub field_name: String,
    /// The kind where the words do not say otherwise.
    pub kind: Option<Kind>,
    /// The urgency where the words do not say otherwise.
    pub urgency: Option<Urgency>,
}

/// The fields by number, and the categories by code.
#[derive(Default)]
pub(crate) struct Categories {
    pub(crate) fields: BTreeMap<u16, String>,
    pub(crate) rows: BTreeMap<Category, CategoryRow>,
}

/// The category of a field that takes what none of the others does.
pub(crate) fn rest_of(field: u16) -> Category {
    Category(field * 100 + 99)
}

/// `0203`; 0001 to 0099 belong to no field.
pub(crate) fn category(text: &str) -> Option<Category> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok().map(Category)).flatten().filter(|c| c.field() > 0)
}

/// Kinds as a list for a message.
pub(crate) fn kinds() -> String {
    Kind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ")
}

/// Urgencies as a list for a message.
pub(crate) fn urgencies() -> String {
    Urgency::ALL.iter().map(|u| u.name()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn read(text: &str, problems: &mut Problems) -> Categories {
    let mut all = Categories::default();
    let mut lines: BTreeMap<Category, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in table::read(FILE, text, &["code", "name", "kind", "urgency"], problems) {
        let Some(code) = category(row.get(0)) else {
            problems.add(
                FILE,
                row.line,
                format!("{:?} is no category: 4 digits from 0100 are allowed", row.get(0)),
            );
            continue;
        };
        if row.get(1).is_empty() {
            problems.add(FILE, row.line, format!("{code} has no name: every category needs one"));
        }
        if let Some(first) = lines.insert(code, row.line) {
            problems.add(
                FILE,
                row.line,
                format!("{code} is there twice, first on line {first}: once is allowed"),
            );
            continue;
        }
        let kind = Kind::from_name(row.get(2));
        if kind.is_none() && !row.get(2).is_empty() {
            problems.add(
                FILE,
                row.line,
                format!("unknown kind {:?}: {} are allowed, or nothing", row.get(2), kinds()),
            );
        }
        let urgency = Urgency::from_name(row.get(3));
        if urgency.is_none() && !row.get(3).is_empty() {
            problems.add(
                FILE,
                row.line,
                format!(
                    "unknown urgency {:?}: {} are allowed, or nothing",
                    row.get(3),
                    urgencies()
                ),
            );
        }
        if code.0 % 100 == 0 {
            all.fields.insert(code.field(), row.get(1).to_owned());
        } else {
            rows.push((code, row.get(1).to_owned(), kind, urgency, row.line));
        }
    }
    for (category, name, kind, urgency, line) in rows {
        let Some(field_name) = all.fields.get(&category.field()).cloned() else {
            problems.add(
                FILE,
                line,
                format!("{category} has no field: a row {:02}00 is needed", category.field()),
            );
            continue;
        };
        let row = CategoryRow { category, name, field_name, kind, urgency };
        all.rows.insert(category, row);
    }
    for field in all.fields.keys().filter(|f| !all.rows.contains_key(&rest_of(**f))) {
        problems.add(
            FILE,
            lines.get(&Category(field * 100)).copied().unwrap_or(0),
            format!("field {field:02} has no {}: it takes what is left", rest_of(*field)),
        );
    }
    all
}
