//! What things are called: cells, divisions, units. Small, `Copy`, and readable aloud.

use std::fmt;
use std::str::FromStr;

/// A rank in the chain of command 市→县→镇→村. Ordered from the top down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// 市
    City,
    /// 县, 区, or a county-level city
    County,
    /// 镇, 乡 or 街道
    Town,
    /// 村 or 社区
    Village,
}

impl Level {
    /// Every level, from the top down.
    pub const ALL: [Level; 4] = [Level::City, Level::County, Level::Town, Level::Village];

    /// 0 for the city to 3 for the village.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The level's name in code, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Level::City => "city",
            Level::County => "county",
            Level::Town => "town",
            Level::Village => "village",
        }
    }
}

/// What was wrong with a text that should have named something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// What kind of name was expected.
    pub what: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}: expected {}", self.what, self.allowed)
    }
}

impl std::error::Error for BadName {}

/// A statistical division code of twelve digits (GB/T 2260 and the NBS rules of 2009):
/// province 2, city 2, county 2, town 3, village 3. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Division(u64);

impl Division {
    /// From the number itself; at most twelve digits, and at least a city.
    pub fn new(code: u64) -> Result<Division, BadName> {
        let division = Division(code);
        let has_city = !(code / 100_000_000).is_multiple_of(100);
        if !(110_000_000_000..1_000_000_000_000).contains(&code) || !has_city {
            return Err(BadName {
                what: "a division code",
                allowed: "12 digits naming a city or a place within one, for example 330402001000",
            });
        }
        Ok(division)
    }

    /// The code as a number of twelve digits.
    pub fn code(self) -> u64 {
        self.0
    }

    /// The level the code names, from its last group that is not zero.
    pub fn level(self) -> Level {
        if !self.0.is_multiple_of(1_000) {
            Level::Village
        } else if !self.0.is_multiple_of(1_000_000) {
            Level::Town
        } else if !self.0.is_multiple_of(100_000_000) {
            Level::County
        } else {
            Level::City
        }
    }

    /// The division one level up that exists: groups of zero are gaps and are skipped
    /// (a town of 东莞 lies directly under its city). `None` for a city.
    pub fn parent(self) -> Option<Division> {
        let up = |unit: u64| Division(self.0 / unit * unit);
        match self.level() {
            Level::City => None,
            Level::County => Some(up(100_000_000)),
            Level::Town => Some(up(1_000_000)),
            Level::Village => Some(up(1_000)),
        }
    }

    /// The city this division lies in.
    pub fn city(self) -> Division {
        Division(self.0 / 100_000_000 * 100_000_000)
    }

    /// Whether `other` is this division or lies within it.
    pub fn contains(self, other: Division) -> bool {
        let unit = match self.level() {
            Level::City => 100_000_000,
            Level::County => 1_000_000,
            Level::Town => 1_000,
            Level::Village => 1,
        };
        self.0 / unit == other.0 / unit
    }

    /// The digits without the trailing groups that only say "none": `330402` for a county.
    fn short(self) -> u64 {
        match self.level() {
            Level::City => self.0 / 100_000_000,
            Level::County => self.0 / 1_000_000,
            Level::Town => self.0 / 1_000,
            Level::Village => self.0,
        }
    }
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Division {
    type Err = BadName;
    /// Reads 4, 6, 9 or 12 digits; a shorter code is padded with zeros.
    fn from_str(s: &str) -> Result<Division, BadName> {
        let bad = BadName {
            what: "a division code",
            allowed: "4, 6, 9 or 12 digits, for example 330402 or 330402001000",
        };
        if !matches!(s.len(), 4 | 6 | 9 | 12) || !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad);
        }
        let code: u64 = s.parse().map_err(|_| bad.clone())?;
        Division::new(code * 10_u64.pow(12 - s.len() as u32)).map_err(|_| bad)
    }
}

/// A city's hotline: the natural border of the system and the hash tag of its keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u16);

impl Cell {
    /// The cell of the city a division lies in.
    pub fn of(division: Division) -> Cell {
        Cell((division.code() / 100_000_000) as u16)
    }

    /// The city's division.
    pub fn division(self) -> Division {
        Division(u64::from(self.0) * 100_000_000)
    }

    /// The four digits as a number.
    pub fn code(self) -> u16 {
        self.0
    }

    /// The unit that runs the hotline itself: triage, fallback, and the last to be told.
    pub fn centre(self) -> Unit {
        Unit::hall(self.division())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Cell {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Cell, BadName> {
        let bad = BadName { what: "a cell", allowed: "the 4 digits of a city, for example 3304" };
        if s.len() != 4 {
            return Err(bad);
        }
        s.parse::<Division>().map(Cell::of).map_err(|_| bad)
    }
}

/// A unit that can hold an order: an office of the government of a division.
/// Office 0 is the division's own hall (the city's hotline centre, the county's command
/// centre, the town hall, the village committee); 1 to 999 are its departments.
///
/// Written as the division's significant digits and, for a department, its office:
/// `330402`, `330402-012`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(u64);

impl Unit {
    /// The hall of a division.
    pub fn hall(division: Division) -> Unit {
        Unit(division.code() * 1_000)
    }

    /// A department of a division's government; `office` is 0 to 999, 0 being the hall.
    pub fn office(division: Division, office: u16) -> Result<Unit, BadName> {
        if office > 999 {
            return Err(BadName { what: "an office", allowed: "a number from 0 to 999" });
        }
        Ok(Unit(division.code() * 1_000 + u64::from(office)))
    }

    /// From the number itself: twelve digits of division and three of office.
    pub fn new(code: u64) -> Result<Unit, BadName> {
        Division::new(code / 1_000).map(|_| Unit(code))
    }

    /// The number itself: division × 1000 + office.
    pub fn code(self) -> u64 {
        self.0
    }

    /// The division whose government the unit belongs to.
    pub fn division(self) -> Division {
        Division(self.0 / 1_000)
    }

    /// 0 for the hall, else the department.
    pub fn office_number(self) -> u16 {
        (self.0 % 1_000) as u16
    }

    /// The unit's rank in the chain.
    pub fn level(self) -> Level {
        self.division().level()
    }

    /// Whether this unit may act for `other`: it is the same unit, or it is the hall of a
    /// division that contains the other.
    pub fn covers(self, other: Unit) -> bool {
        self == other || (self.office_number() == 0 && self.division().contains(other.division()))
    }

    /// The unit one level up that answers for this one: a department's own hall, a hall's
    /// parent hall. `None` for the city's hall.
    pub fn superior(self) -> Option<Unit> {
        if self.office_number() != 0 {
            Some(Unit::hall(self.division()))
        } else {
            self.division().parent().map(Unit::hall)
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.office_number() {
            0 => write!(f, "{}", self.division().short()),
            office => write!(f, "{}-{office:03}", self.division().short()),
        }
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Unit {
    type Err = BadName;
    fn from_str(s: &str) -> Result<Unit, BadName> {
        let bad = BadName {
            what: "a unit",
            allowed: "a division code and, for a department, a dash and its number: \
                      330402 or 330402-012",
        };
        let (division, office) = s.split_once('-').unwrap_or((s, "000"));
        if office.len() != 3 || !office.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad);
        }
        let division = division.parse().map_err(|_| bad.clone())?;
        Unit::office(division, office.parse().map_err(|_| bad.clone())?).map_err(|_| bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_know_their_place() {
        let table = [
            ("330400000000", Level::City, None),
            ("330402000000", Level::County, Some("330400000000")),
            ("330402001000", Level::Town, Some("330402000000")),
            ("330402001003", Level::Village, Some("330402001000")),
            // 东莞 has no counties: a town lies directly under the city.
            ("441900003000", Level::Town, Some("441900000000")),
        ];
        for (code, level, parent) in table {
            let division: Division = code.parse().unwrap();
            assert_eq!(division.level(), level, "{code}");
            assert_eq!(division.parent().map(|p| p.to_string()).as_deref(), parent, "{code}");
            if let Some(parent) = division.parent() {
                assert!(parent.contains(division) && !division.contains(parent), "{code}");
            }
        }
        for bad in ["", "33", "330000000000", "33040", "3304x2", "000000000000", "３３０４"] {
            assert!(bad.parse::<Division>().is_err(), "{bad}");
        }
    }

    #[test]
    fn units_read_back_as_written() {
        for text in ["3304", "330402", "330402-012", "330402001", "330402001003-999"] {
            assert_eq!(text.parse::<Unit>().unwrap().to_string(), text);
        }
        for bad in ["330402-12", "330402-1000", "33-001", "-001", "330402-", "x"] {
            assert!(bad.parse::<Unit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_unit_answers_to_the_one_above() {
        let chain = ["330402001003", "330402001", "330402", "3304"];
        for pair in chain.windows(2) {
            let (low, high): (Unit, Unit) = (pair[0].parse().unwrap(), pair[1].parse().unwrap());
            assert_eq!(low.superior(), Some(high));
            assert!(high.covers(low) && !low.covers(high));
        }
        let bureau: Unit = "330402-012".parse().unwrap();
        assert_eq!(bureau.superior().unwrap().to_string(), "330402");
        assert!(!bureau.covers("330402001".parse().unwrap()), "only a hall covers its subtree");
    }
}
