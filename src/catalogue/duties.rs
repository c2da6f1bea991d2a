//! `duties.csv`: how far down a matter goes, and through whom.

use super::categories::{self, Categories};
use super::problem::Problems;
use super::table;
use super::units::Units;
use crate::domain::{Category, Level};
use std::collections::BTreeMap;

pub(crate) const FILE: &str = "duties.csv";

/// Which matters a duty is about; the closest one decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// One category.
    Category(Category),
    /// A first-level field.
    Field(u16),
    /// Everything that no other duty names.
    Rest,
}

/// The most departments that a duty asks to help.
pub const MAX_HELPERS: usize = 4;

/// One line of the duties: the chain runs over the halls down to `level`, and ends at the
/// `office` of the last division where one is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duty {
    /// Its line in `duties.csv`, by which answers name it.
    pub rule: u16,
    /// The level of the front line.
    pub level: Level,
    /// The department that acts; `None` for the hall itself.
    pub office: Option<u16>,
    /// The departments that are asked to help, at most [`MAX_HELPERS`].
    pub helpers: Vec<u16>,
}

/// The duties by what they are about.
#[derive(Default)]
pub(crate) struct Duties(BTreeMap<Scope, Duty>);

impl Duties {
    pub(crate) fn of(&self, category: Category) -> Option<&Duty> {
        self.0
            .get(&Scope::Category(category))
            .or_else(|| self.0.get(&Scope::Field(category.field())))
            .or_else(|| self.0.get(&Scope::Rest))
    }
}

fn scope(text: &str, all: &Categories) -> Option<Scope> {
    if text == "*" {
        return Some(Scope::Rest);
    }
    if text.len() == 2 {
        let field = text.parse().ok().filter(|field| all.fields.contains_key(field));
        return field.map(Scope::Field);
    }
    categories::category(text).filter(|c| all.rows.contains_key(c)).map(Scope::Category)
}

pub(crate) fn read(text: &str, all: &Categories, units: &Units, problems: &mut Problems) -> Duties {
    let mut duties = Duties::default();
    for row in table::read(FILE, text, &["scope", "level", "office", "co"], problems) {
        let Some(scope) = scope(row.get(0), all) else {
            problems.add(
                FILE,
                row.line,
                format!(
                    "unknown scope {:?}: a category (0101) or field (01) of categories.csv is \
                     allowed, or * for all the rest",
                    row.get(0)
                ),
            );
            continue;
        };
        let Some(level) = Level::ALL.into_iter().find(|level| level.name() == row.get(1)) else {
            problems.add(
                FILE,
                row.line,
                format!("bad level {:?}: city, county, town and village are allowed", row.get(1)),
            );
            continue;
        };
        let at = |text: &str| super::office(text).filter(|o| has_office(units, level, *o));
        let (office, helpers) = (row.get(2), row.get(3).split_whitespace());
        if !office.is_empty() && at(office).is_none() {
            problems.add(
                FILE,
                row.line,
                format!(
                    "unknown unit: no {} has an office {office:?} in units.csv; nothing is \
                     allowed here, or one of {}",
                    level.name(),
                    offices(units, level)
                ),
            );
            continue;
        }
        // A department further up may help a unit that has none of its own.
        let up = |text: &&str| {
            Level::ALL.into_iter().filter(|l| *l <= level).any(|level| {
                super::office(text).is_some_and(|office| has_office(units, level, office))
            })
        };
        if let Some(stranger) = helpers.clone().find(|text| !up(text)) {
            let what = format!("unknown unit: no office {stranger:?} from the city down to the");
            problems.add(FILE, row.line, format!("{what} {} is in units.csv", level.name()));
            continue;
        }
        let helpers: Vec<u16> = helpers.filter_map(super::office).collect();
        if helpers.len() > MAX_HELPERS {
            problems.add(FILE, row.line, format!("too many in co: {MAX_HELPERS} are allowed"));
            continue;
        }
        let office = at(office);
        let Ok(rule) = u16::try_from(row.line) else {
            problems.add(FILE, row.line, "too many lines: 65535 are allowed");
            break;
        };
        if let Some(first) = duties.0.insert(scope, Duty { rule, level, office, helpers }) {
            problems.add(
                FILE,
                row.line,
                format!("{} is there twice, first on line {}", row.get(0), first.rule),
            );
        }
    }
    if let Some(bare) = all.rows.values().find(|row| duties.of(row.category).is_none()) {
        problems.add(
            FILE,
            0,
            format!(
                "{} {} has no duty: a row for it, for its field {:02} or for * is needed",
                bare.category,
                bare.name,
                bare.category.field()
            ),
        );
    }
    duties
}

fn has_office(units: &Units, level: Level, office: u16) -> bool {
    units.keys().any(|unit| unit.level() == level && unit.office_number() == office)
}

fn offices(units: &Units, level: Level) -> String {
    let of_level = units.keys().filter(|unit| unit.level() == level);
    let mut numbers: Vec<u16> =
        of_level.map(|unit| unit.office_number()).filter(|n| *n > 0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let names: Vec<String> = numbers.iter().map(|n| format!("{n:03}")).collect();
    names.join(" ")
}
