//! 地名表: every division of the country down to its counties, or as deep as a table goes.
//! What lies outside the city is known by it, and addresses of any place are measured with it.

use super::divisions::Alias;
use super::problem::Problems;
use super::{Catalogue, CatalogueError, MAX_FILE, table};
use crate::domain::Division;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

const FILE: &str = "china/divisions.csv";
const DIVISIONS: &str = include_str!("../../deploy/china/divisions.csv");
const RENAMES_FILE: &str = "china/renames.csv";
const RENAMES: &str = include_str!("../../deploy/china/renames.csv");

/// How much of the country a place is. Ordered from the top down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rank {
    /// 省, 自治区 or 直辖市
    Province,
    /// 市, 地区, 自治州 or 盟
    City,
    /// 县, 区, 旗 or a county-level city
    County,
    /// 镇, 乡 or 街道
    Town,
    /// 村 or 社区
    Village,
}

impl Rank {
    /// Every rank, from the top down.
    pub const ALL: [Rank; 5] =
        [Rank::Province, Rank::City, Rank::County, Rank::Town, Rank::Village];

    /// The name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Rank::Province => "province",
            Rank::City => "city",
            Rank::County => "county",
            Rank::Town => "town",
            Rank::Village => "village",
        }
    }

    /// What one place of this rank takes up of the twelve digits: those below it.
    fn span(self) -> u64 {
        match self {
            Rank::Province => 10_000_000_000,
            Rank::City => 100_000_000,
            Rank::County => 1_000_000,
            Rank::Town => 1_000,
            Rank::Village => 1,
        }
    }

    /// The highest rank whose lower digits are all zero.
    fn of(code: u64) -> Rank {
        let whole = |rank: &Rank| code.is_multiple_of(rank.span());
        Rank::ALL.into_iter().find(whole).unwrap_or(Rank::Village)
    }
}

/// A division of the country: twelve digits and a rank. A place contains those whose codes
/// begin alike, however many ranks lie between: 东莞 has towns and no counties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    code: u64,
    /// Told by the code, and asked for far too often to be told anew.
    rank: Rank,
}

impl Place {
    /// Of 2, 4, 6, 9 or 12 digits; a shorter code is padded with zeros.
    pub fn parse(text: &str) -> Option<Place> {
        let digits = matches!(text.len(), 2 | 4 | 6 | 9 | 12);
        if !digits || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Place::new(text.parse::<u64>().ok()? * 10_u64.pow(12 - text.len() as u32))
    }

    /// Of the number itself: twelve digits, none of the first two zero.
    pub fn new(code: u64) -> Option<Place> {
        (110_000_000_000..1_000_000_000_000).contains(&code).then(|| Place::at(code))
    }

    fn at(code: u64) -> Place {
        Place { code, rank: Rank::of(code) }
    }

    /// The code as a number of twelve digits.
    pub fn code(self) -> u64 {
        self.code
    }

    /// How much of the country it is; that of the city where a city without counties has one
    /// code as both.
    pub fn rank(self) -> Rank {
        self.rank
    }

    /// Whether `other` is this place or lies within it.
    pub fn contains(self, other: Place) -> bool {
        (self.code..self.code + self.rank.span()).contains(&other.code)
    }

    /// The place of a rank that this one lies in, or itself; whether or not a table has it.
    pub fn up_to(self, rank: Rank) -> Place {
        Place::at(self.code / rank.span() * rank.span())
    }
}

impl From<Division> for Place {
    fn from(division: Division) -> Place {
        Place::at(division.code())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.code)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Names of places, each known by its code. Immutable once read and checked.
pub struct Gazetteer {
    places: BTreeMap<Place, String>,
    aliases: Vec<(String, Place)>,
}

impl Gazetteer {
    /// The country down to its counties, and the city of the catalogue as deep as that goes.
    pub fn of(catalogue: &Catalogue) -> Gazetteer {
        let mut all = Gazetteer::china();
        let city = Place::from(catalogue.cell().division());
        all.places.retain(|place, _| !city.contains(*place));
        let own = catalogue.divisions().map(|row| (Place::from(row.division), row.name.clone()));
        all.places.extend(own);
        all.aliases.retain(|(_, place)| all.places.contains_key(place));
        let own = catalogue.aliases();
        all.aliases
            .extend(own.map(|Alias { text, division }| (text.clone(), Place::from(*division))));
        all
    }

    /// The country down to its counties, 2023.
    fn china() -> Gazetteer {
        Gazetteer::read(FILE, DIVISIONS).expect("a test reads the table that is built in")
    }

    /// The table of a file, at most [`MAX_FILE`] bytes: see [`Gazetteer::read`].
    pub fn load(path: &Path) -> Result<Gazetteer, CatalogueError> {
        let file = path.display().to_string();
        let read = match std::fs::metadata(path) {
            Ok(meta) if meta.len() > MAX_FILE as u64 => Err("larger than 16 MiB".to_owned()),
            Ok(_) => std::fs::read_to_string(path).map_err(|e| format!("not readable: {e}")),
            Err(error) => Err(format!("not readable: {error}")),
        };
        match read {
            Ok(text) => Gazetteer::read(&file, &text),
            Err(what) => {
                let mut problems = Problems::default();
                problems.add(file, 0, what);
                Err(problems.fail())
            }
        }
    }

    /// A table with the columns `code` and `name`, and `level` and `parent_code` where it says
    /// them; further columns are not looked at. Every place must lie in one that is there too,
    /// up to the cities; a city without counties may stand twice, as both.
    pub fn read(file: &str, text: &str) -> Result<Gazetteer, CatalogueError> {
        let mut problems = Problems::default();
        let rows = Row::all(file, text, &mut problems);
        let mut first: BTreeMap<Place, &Row> = BTreeMap::new();
        for row in &rows {
            match first.get(&row.place) {
                Some(other) if other.name == row.name && other.rank != row.rank => {
                    if row.rank < other.rank {
                        first.insert(row.place, row);
                    }
                }
                Some(other) => problems.add(
                    file.to_owned(),
                    row.line,
                    format!(
                        "{} is there twice, first on line {}: a code may stand once, or twice \
                         with one name as two levels",
                        row.place, other.line
                    ),
                ),
                None => {
                    first.insert(row.place, row);
                }
            }
        }
        for row in &rows {
            if let Err(what) = row.check_parent(&first) {
                problems.add(file.to_owned(), row.line, what);
            }
        }
        let places = first.iter().map(|(place, row)| (*place, row.name.clone())).collect();
        let mut gazetteer = Gazetteer { places, aliases: Vec::new() };
        // Old names are the same whichever table has the new ones.
        for row in table::read(RENAMES_FILE, RENAMES, &["alias", "code"], &mut problems) {
            let place = Place::parse(row.get(1)).filter(|p| gazetteer.places.contains_key(p));
            gazetteer.aliases.extend(place.map(|place| (row.get(0).to_owned(), place)));
        }
        problems.finish()?;
        Ok(gazetteer)
    }

    /// Every place with its name, by code.
    pub fn places(&self) -> impl Iterator<Item = (Place, &str)> {
        self.places.iter().map(|(place, name)| (*place, name.as_str()))
    }

    /// Old names and what else people write, with the places meant.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, Place)> {
        self.aliases.iter().map(|(alias, place)| (alias.as_str(), *place))
    }

    /// From the province down, as people say it: 浙江省嘉兴市南湖区. Empty for a stranger.
    pub fn full_name(&self, place: Place) -> String {
        let mut name = String::new();
        let mut last = None;
        for rank in Rank::ALL.into_iter().filter(|rank| *rank <= place.rank()) {
            let above = place.up_to(rank);
            let known = self.places.get(&above).filter(|n| last != Some(above) && !is_filler(n));
            last = Some(above);
            name.extend(known.map(String::as_str));
        }
        name
    }
}

/// What stands in a table where a rank is missing, and is the name of nothing.
pub fn is_filler(name: &str) -> bool {
    matches!(name, "市辖区" | "县") || name.ends_with("直辖县级行政区划")
}

/// A line of the table.
struct Row {
    line: u64,
    place: Place,
    rank: Rank,
    name: String,
    /// Where the table says it; empty for what lies in nothing.
    parent: Option<String>,
}

impl Row {
    fn all(file: &str, text: &str, problems: &mut Problems) -> Vec<Row> {
        let mut rows = Vec::new();
        let needed = ["code", "name"];
        for row in table::choose(file, text, &needed, &["level", "parent_code"], problems) {
            let line = row.line;
            match Row::read(&row) {
                Ok(row) => rows.push(row),
                Err(what) => problems.add(file.to_owned(), line, what),
            }
        }
        rows
    }

    fn read(row: &table::Chosen) -> Result<Row, String> {
        let (code, name) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
        let place = Place::parse(code).ok_or_else(|| {
            format!("{code:?} is no division code: 2, 4, 6, 9 or 12 digits are allowed")
        })?;
        if name.is_empty() {
            return Err(format!("{code} has no name: every place needs one"));
        }
        let rank = match row.get(2) {
            None => place.rank(),
            Some(level) => {
                Rank::ALL.into_iter().find(|rank| rank.name() == level).ok_or_else(|| {
                    let all = "province, city, county, town and village are allowed";
                    format!("bad level {level:?}: {all}")
                })?
            }
        };
        if rank < place.rank() {
            let (is, says) = (place.rank().name(), rank.name());
            return Err(format!("{code} is no {says}: its digits are those of a {is}"));
        }
        let parent = row.get(3).map(str::to_owned);
        Ok(Row { line: row.line, place, rank, name: name.to_owned(), parent })
    }

    /// That it lies in a place of the table which is higher, so that no chain runs in a circle.
    fn check_parent(&self, first: &BTreeMap<Place, &Row>) -> Result<(), String> {
        let place = self.place;
        let Some(parent) = &self.parent else {
            let above = Rank::ALL.into_iter().rev().find(|rank| *rank < place.rank());
            let above = above.filter(|rank| *rank > Rank::Province).map(|r| place.up_to(r));
            let missing = above.filter(|above| !first.contains_key(above));
            return missing.map_or(Ok(()), |above| {
                Err(format!("unknown parent: {place} lies in {above}, which must have a row too"))
            });
        };
        if parent.is_empty() {
            let top = self.rank <= Rank::City;
            let needed = "only a province or a city may lie in nothing";
            return if top { Ok(()) } else { Err(format!("{place} has no parent: {needed}")) };
        }
        let above = Place::parse(parent).and_then(|parent| first.get(&parent));
        match above {
            None => Err(format!("unknown parent {parent:?}: it must have a row too")),
            Some(above) if !above.place.contains(place) => {
                Err(format!("{place} does not lie in {parent}: its code must begin like that"))
            }
            Some(above) if above.rank >= self.rank => {
                let (is, says) = (self.rank.name(), above.rank.name());
                Err(format!("parent {parent} is a {says} and no higher than a {is}: a circle"))
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_is_built_in() {
        let china = Gazetteer::read(FILE, DIVISIONS).unwrap();
        let count = |rank| china.places().filter(|(place, _)| place.rank() == rank).count();
        assert_eq!(
            (count(Rank::Province), count(Rank::City), count(Rank::County)),
            (31, 342, 2975)
        );
        let renames = RENAMES.lines().filter(|line| !line.starts_with('#')).count() - 1;
        assert_eq!(china.aliases().count(), renames, "a rename leads nowhere");
        let name = |code| china.full_name(Place::parse(code).unwrap());
        assert_eq!(name("310115"), "上海市浦东新区");
        assert_eq!(name("419001"), "河南省济源市");
        assert_eq!(name("441900"), "广东省东莞市");
        assert_eq!(name("999999"), "");
    }

    #[test]
    fn gaps_and_cities_that_are_their_own_county_are_sound() {
        let text = "code,level,name,parent_code,more\n440000000000,province,广东省,,\n\
            441900000000,city,东莞市,440000000000,\n441900000000,county,东莞市,441900000000,\n\
            441900003000,town,东城街道,441900000000,\n";
        let table = Gazetteer::read("t.csv", text).unwrap();
        assert_eq!(table.places().count(), 3);
        let town = Place::parse("441900003").unwrap();
        assert_eq!(table.full_name(town), "广东省东莞市东城街道");
    }

    #[test]
    fn a_broken_table_is_told_by_file_and_line() {
        for (rows, line, what) in [
            ("330400000000,city,嘉兴市,330000000000", 2, "unknown parent \"330000000000\""),
            ("330402000000,county,南湖区,", 2, "has no parent"),
            ("330400000000,city,嘉兴市,\n330402000000,county,南湖区,330402000000", 3, "a circle"),
            (
                "330402000000,town,南湖区,330402000000\n330402000000,county,南湖区,330402000000",
                3,
                "a circle",
            ),
            (
                "330400000000,city,嘉兴市,\n330502000000,county,吴兴区,330400000000",
                3,
                "does not lie",
            ),
            ("330400000000,city,嘉兴市,\n330400000000,city,嘉兴市,", 3, "first on line 2"),
            ("330400000000,city,嘉兴市,\n330400000000,county,禾城,330400000000", 3, "twice"),
            ("330400000000,province,嘉兴市,", 2, "is no province"),
            ("330400000000,state,嘉兴市,", 2, "bad level"),
            ("33o4,city,嘉兴市,", 2, "is no division code"),
            ("330400000000,city,,", 2, "has no name"),
            ("330400000000,city", 2, "fields"),
        ] {
            let text = format!("code,level,name,parent_code\n{rows}\n");
            let error = Gazetteer::read("t.csv", &text).err().unwrap();
            let problem = &error.problems[0];
            assert_eq!((&*problem.file, problem.line), ("t.csv", line), "{error}");
            assert!(problem.what.contains(what), "{error}");
        }
        for (text, what) in [("", "empty"), ("code,nam\n", "columns")] {
            let error = Gazetteer::read("t.csv", text).err().unwrap().to_string();
            assert!(error.contains(what) && error.starts_with("t.csv"), "{error}");
        }
        // Without the column, a code says by itself where it lies.
        let error = Gazetteer::read("t.csv", "code,name\n3304,嘉兴市\n330402001,新兴街道\n");
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with("t.csv:3: unknown parent: 330402001000"), "{error}");
        assert!(Gazetteer::load(Path::new("/nowhere.csv")).is_err());
    }
}
