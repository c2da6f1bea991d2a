//! `units.csv`: who can hold an order, and by what means they are reached.

use super::divisions::Divisions;
use super::problem::Problems;
use super::table;
use crate::domain::{Level, Unit};
use std::collections::BTreeMap;

pub(crate) const FILE: &str = "units.csv";

/// How a unit learns of its orders.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnitChannel {
    /// Has the software and pulls its orders itself.
    System,
    /// A desk in the hall above works for it.
    Desk,
    /// Is told by telephone by the level above.
    Phone,
    /// Cannot be reached; the level above acts in its name.
    None,
}

impl UnitChannel {
    /// The name in files, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            UnitChannel::System => "system",
            UnitChannel::Desk => "desk",
            UnitChannel::Phone => "phone",
            UnitChannel::None => "none",
        }
    }

    fn from_name(name: &str) -> Option<UnitChannel> {
        let all = [UnitChannel::System, UnitChannel::Desk, UnitChannel::Phone, UnitChannel::None];
        all.into_iter().find(|channel| channel.name() == name)
    }
}

/// A unit that can hold an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitRow {
    /// Its code.
    pub unit: Unit,
    /// Its full name, `海宁市教育局`.
    pub name: String,
    /// How it is reached.
    pub channel: UnitChannel,
}

pub(crate) type Units = BTreeMap<Unit, UnitRow>;

/// What the first column may name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// An office (0 is the hall) of every division of a level.
    Every(Level, u16),
    One(Unit),
}

fn who(text: &str) -> Option<Who> {
    let (head, office) = text.split_once('-').map_or((text, None), |(h, o)| (h, Some(o)));
    let Some(level) = Level::ALL.into_iter().find(|level| level.name() == head) else {
        return text.parse().ok().map(Who::One);
    };
    match office {
        None => Some(Who::Every(level, 0)),
        Some(office) => super::office(office).map(|office| Who::Every(level, office)),
    }
}

/// Patterns are spread over the divisions first, so that a row for one unit can override
/// them wherever it stands in the file.
pub(crate) fn read(text: &str, divisions: &Divisions, problems: &mut Problems) -> Units {
    let mut seen: BTreeMap<Who, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in table::read(FILE, text, &["unit", "name", "channel"], problems) {
        let Some(who) = who(row.get(0)) else {
            problems.add(
                FILE,
                row.line,
                format!(
                    "{:?} is no unit: a unit (3304, 330402-012) is allowed, or a level alone or \
                     with an office (county, town-012)",
                    row.get(0)
                ),
            );
            continue;
        };
        let Some(channel) = UnitChannel::from_name(row.get(2)) else {
            problems.add(
                FILE,
                row.line,
                format!(
                    "unknown channel {:?}: system, desk, phone and none are allowed",
                    row.get(2)
                ),
            );
            continue;
        };
        if row.get(1).is_empty() {
            problems.add(
                FILE,
                row.line,
                format!("{} has no name: give one, {{}} stands for the division's", row.get(0)),
            );
        } else if let Some(first) = seen.insert(who, row.line) {
            problems.add(
                FILE,
                row.line,
                format!("{} is there twice, first on line {first}: once is allowed", row.get(0)),
            );
        } else {
            rows.push((who, row.get(1).to_owned(), channel, row.line));
        }
    }
    rows.sort_by_key(|(who, ..)| *who);
    let mut units = Units::new();
    let mut put = |unit: Unit, name: &str, channel| {
        let division = divisions.get(&unit.division())?;
        let name = name.replace("{}", &division.name);
        units.insert(unit, UnitRow { unit, name, channel });
        Some(())
    };
    for (who, name, channel, line) in rows {
        match who {
            Who::Every(level, office) => {
                for division in divisions.keys().filter(|d| d.level() == level) {
                    // The office was checked to be at most 999.
                    if let Ok(unit) = Unit::office(*division, office) {
                        put(unit, &name, channel);
                    }
                }
            }
            Who::One(unit) => {
                if put(unit, &name, channel).is_none() {
                    problems.add(
                        FILE,
                        line,
                        format!("{unit}: its division is not in divisions.csv and must be"),
                    );
                }
            }
        }
    }
    if let Some(bare) = divisions.keys().find(|d| !units.contains_key(&Unit::hall(**d))) {
        problems.add(
            FILE,
            0,
            format!(
                "{} has no hall: a row {:?}, or one for the unit itself, is needed",
                Unit::hall(*bare),
                bare.level().name()
            ),
        );
    }
    units
}
