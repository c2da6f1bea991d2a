//! `divisions.csv` and `aliases.csv`: which places there are and what people call them.

use super::problem::Problems;
use super::table;
use crate::domain::{Cell, Division, Level};
use std::collections::BTreeMap;

pub(crate) const FILE: &str = "divisions.csv";
pub(crate) const ALIASES: &str = "aliases.csv";

/// A division of the city.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DivisionRow {
    /// Its code.
    pub division: Division,
    /// Its official name, `新塍镇`.
    pub name: String,
}

impl DivisionRow {
    /// Its rank, which its code tells.
    pub fn level(&self) -> Level {
        self.division.level()
    }
}

/// Another name that people write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alias {
    /// As written.
    pub text: String,
    /// The division meant.
    pub division: Division,
}

pub(crate) type Divisions = BTreeMap<Division, DivisionRow>;

pub(crate) fn read(text: &str, cell: Cell, problems: &mut Problems) -> Divisions {
    let mut divisions: BTreeMap<Division, DivisionRow> = BTreeMap::new();
    let mut lines: BTreeMap<Division, u64> = BTreeMap::new();
    for row in table::read(FILE, text, &["code", "name"], problems) {
        let (code, name) = (row.get(0), row.get(1));
        let Ok(division) = code.parse::<Division>() else {
            problems.add(
                FILE,
                row.line,
                format!("{code:?} is no division code: 4, 6, 9 or 12 digits are allowed"),
            );
            continue;
        };
        if Cell::of(division) != cell {
            problems.add(
                FILE,
                row.line,
                format!("{code} lies outside the city: only codes that begin with {cell} may"),
            );
        } else if name.is_empty() {
            problems.add(FILE, row.line, format!("{code} has no name: every division needs one"));
        } else if let Some(first) = lines.get(&division) {
            problems.add(
                FILE,
                row.line,
                format!("{code} is there twice, first on line {first}: a code may stand once"),
            );
        } else {
            lines.insert(division, row.line);
            divisions.insert(division, DivisionRow { division, name: name.to_owned() });
        }
    }
    for (division, line) in &lines {
        if let Some(parent) = division.parent().filter(|p| !divisions.contains_key(p)) {
            problems.add(
                FILE,
                *line,
                format!("unknown parent: {division} lies in {parent}, which must have a row too"),
            );
        }
    }
    if !divisions.contains_key(&cell.division()) && problems.is_empty() {
        problems.add(
            FILE,
            0,
            format!("the city itself is missing: a row {} is needed", cell.division()),
        );
    }
    divisions
}

pub(crate) fn read_aliases(
    text: &str,
    divisions: &Divisions,
    problems: &mut Problems,
) -> Vec<Alias> {
    let mut aliases: Vec<Alias> = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in table::read(ALIASES, text, &["alias", "code"], problems) {
        let (alias, code) = (row.get(0), row.get(1));
        let known = code.parse::<Division>().ok().filter(|d| divisions.contains_key(d));
        let Some(division) = known else {
            let what = format!("unknown division {code:?}: a code of {FILE} is allowed");
            problems.add(ALIASES, row.line, what);
            continue;
        };
        if alias.chars().count() < 2 {
            problems.add(
                ALIASES,
                row.line,
                format!("{alias:?} is too short: an alias has at least 2 characters"),
            );
        } else if let Some(first) = lines.get(alias) {
            problems.add(
                ALIASES,
                row.line,
                format!("{alias} is there twice, first on line {first}: an alias may stand once"),
            );
        } else {
            lines.insert(alias.to_owned(), row.line);
            aliases.push(Alias { text: alias.to_owned(), division });
        }
    }
    aliases
}
