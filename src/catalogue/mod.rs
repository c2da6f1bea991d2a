//! 派单目录: what the city is made of, who answers for what, and how long each may take.
//!
//! | file | what it says |
//! |---|---|
//! | `catalogue.toml` | city, version, fallback, the mode it begins with, telephone areas |
//! | `policies.toml` | how long whom may take, and in which mode |
//! | `calendar.csv` | holidays, and weekends worked in their place |
//! | `divisions.csv`, `aliases.csv` | places and what people call them |
//! | `units.csv` | who can hold an order |
//! | `categories.csv`, `keywords.csv` | what a matter can be about, and the words for it |
//! | `labels.csv` | what labels of earlier messages mean in these categories; may be left out |
//! | `duties.csv` | how far down a matter goes, and through whom |
//!
//! The country around the city is the same for every catalogue: [`gazetteer`].
//!
//! A catalogue is immutable once loaded; every file is checked against the others, and a
//! check lists all it finds.

mod calendar;
mod categories;
mod divisions;
mod duties;
pub mod finder;
pub mod fold;
pub mod gazetteer;
mod keywords;
mod labels;
mod policies;
mod problem;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod units;
mod variants;

pub use categories::CategoryRow;
pub use divisions::{Alias, DivisionRow};
pub use duties::{Duty, MAX_HELPERS, Scope};
pub use gazetteer::{Gazetteer, Place, Rank};
pub use keywords::{Keyword, MAX_KEYWORD, MAX_WEIGHT, Speaks};
pub use labels::LabelError;
pub use policies::{Limit, PolicyRow};
pub use problem::{CatalogueError, MAX_PROBLEMS, Problem};
pub use units::{UnitChannel, UnitRow};

use crate::domain::{
    Calendar, Category, Cell, Division, Kind, Level, Mode, Policy, Timestamp, Unit, Urgency,
};
use problem::Problems;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

/// The largest file a catalogue may have, in bytes.
pub const MAX_FILE: usize = 16 << 20;

/// Everything the city has laid down, loaded and checked.
pub struct Catalogue {
    name: String,
    cell: Cell,
    fallback: Unit,
    version: u32,
    digest: String,
    mode: Mode,
    policies: policies::Policies,
    calendar: Calendar,
    areas: Vec<(String, Division)>,
    divisions: divisions::Divisions,
    aliases: Vec<Alias>,
    units: units::Units,
    below: HashMap<Unit, Vec<Unit>>,
    categories: categories::Categories,
    keywords: Vec<Keyword>,
    labels: labels::Labels,
    duties: duties::Duties,
}

macro_rules! builtin {
    ($($file:literal),+) => {
        fn builtin_file(file: &str) -> io::Result<String> {
            match file {
                $($file => {
                    Ok(include_str!(concat!("../../deploy/jiaxing/", $file)).to_owned())
                })+
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }
    };
}
builtin!(
    "catalogue.toml",
    "policies.toml",
    "calendar.csv",
    "divisions.csv",
    "aliases.csv",
    "units.csv",
    "categories.csv",
    "keywords.csv",
    "labels.csv",
    "duties.csv"
);

impl Catalogue {
    /// The catalogue of Jiaxing that is built into the binary.
    pub fn builtin() -> Result<Catalogue, CatalogueError> {
        Catalogue::from_files(builtin_file)
    }

    /// The same files from a folder.
    pub fn load(dir: &Path) -> Result<Catalogue, CatalogueError> {
        if !dir.is_dir() {
            let mut problems = Problems::default();
            let what = "no such folder; name one that is laid out like deploy/jiaxing";
            problems.add(settings::FILE, 0, format!("{}: {what}", dir.display()));
            return Err(problems.fail());
        }
        Catalogue::from_files(|file| {
            let path = dir.join(file);
            if std::fs::metadata(&path)?.len() > MAX_FILE as u64 {
                return Err(io::Error::other("larger than 16 MiB"));
            }
            std::fs::read_to_string(path)
        })
    }

    /// The common way of both: `read` gives the text of a file by its name.
    pub fn from_files(
        read: impl Fn(&str) -> io::Result<String>,
    ) -> Result<Catalogue, CatalogueError> {
        let mut problems = Problems::default();
        let mut digest = Sha256::new();
        let mut text = |file: &'static str| match read(file) {
            Ok(text) => {
                digest.update(format!("{file} {}\n{text}", text.len()));
                text
            }
            Err(error) if file == labels::FILE && error.kind() == io::ErrorKind::NotFound => {
                String::new()
            }
            Err(error) => {
                problems.add(file, 0, format!("not readable: {error}"));
                String::new()
            }
        };
        let settings_text = text(settings::FILE);
        let policies_text = text(policies::FILE);
        let calendar_text = text(calendar::FILE);
        let divisions_text = text(divisions::FILE);
        let aliases_text = text(divisions::ALIASES);
        let units_text = text(units::FILE);
        let categories_text = text(categories::FILE);
        let keywords_text = text(keywords::FILE);
        let labels_text = text(labels::FILE);
        let duties_text = text(duties::FILE);
        if !problems.is_empty() {
            return Err(problems.fail());
        }

        let settings = settings::read(&settings_text, &mut problems);
        let categories = categories::read(&categories_text, &mut problems);
        let keywords = keywords::read(&keywords_text, &categories, &mut problems);
        let labels = match labels_text.as_str() {
            "" => labels::Labels::new(),
            text => labels::read(text, &categories, &mut problems),
        };
        let version = settings.as_ref().map_or(1, |settings| settings.version);
        let policies = policies::read(&policies_text, version, &mut problems);
        let calendar = calendar::read(&calendar_text, &mut problems);
        let (Some(settings), Some(policies)) = (settings, policies) else {
            return Err(problems.fail());
        };
        let divisions = divisions::read(&divisions_text, settings.cell, &mut problems);
        let aliases = divisions::read_aliases(&aliases_text, &divisions, &mut problems);
        let units = units::read(&units_text, &divisions, &mut problems);
        let duties = duties::read(&duties_text, &categories, &units, &mut problems);
        check_fallback(&settings, &units, &mut problems);
        problems.finish()?;
        Ok(Catalogue {
            below: below(&units),
            name: settings.name,
            cell: settings.cell,
            fallback: settings.fallback,
            version: settings.version,
            digest: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            mode: settings.mode,
            policies,
            calendar,
            areas: settings.areas,
            divisions,
            aliases,
            units,
            categories,
            keywords,
            labels,
            duties,
        })
    }
}

impl Catalogue {
    /// The version that orders are stamped with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The SHA-256 of its files, in hex: two catalogues of one version may yet be two.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the hotline calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The city.
    pub fn cell(&self) -> Cell {
        self.cell
    }

    /// The limits of a matter heard then, in a mode.
    pub fn policy_for(
        &self,
        kind: Kind,
        urgency: Urgency,
        mode: Mode,
        heard_at: Timestamp,
    ) -> Policy {
        self.policies.stamp(&self.calendar, (kind, urgency, mode), heard_at)
    }

    /// Every policy, in the order of the file.
    pub fn policies(&self) -> &[PolicyRow] {
        &self.policies.rows
    }

    /// The mode a new city begins with.
    pub fn starting_mode(&self) -> Mode {
        self.mode
    }

    /// Working days and holidays.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Whether a unit may be the lead of a matter. Villages have few people: they lead what
    /// the duties send down to them, and nothing else.
    pub fn may_lead(&self, unit: Unit, category: Category) -> bool {
        unit.level() != Level::Village
            || self.duty(category).is_some_and(|duty| duty.level == Level::Village)
    }

    /// Takes an order still in triage when the city's share ends.
    pub fn fallback(&self) -> Unit {
        self.fallback
    }

    /// Where the owner of a telephone number, digits only, is likely to be: a hint, no proof.
    pub fn area_of(&self, phone: &str) -> Option<Division> {
        let fitting = self.areas.iter().filter(|(prefix, _)| phone.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, division)| *division)
    }

    /// A division of the city; `None` for a stranger.
    pub fn division(&self, division: Division) -> Option<&DivisionRow> {
        self.divisions.get(&division)
    }

    /// A unit of the city; `None` for a stranger.
    pub fn unit(&self, unit: Unit) -> Option<&UnitRow> {
        self.units.get(&unit)
    }

    /// A second-level category; `None` for a stranger and for [`Category::NONE`].
    pub fn category(&self, category: Category) -> Option<&CategoryRow> {
        self.categories.rows.get(&category)
    }

    /// The name of a first-level field.
    pub fn field_name(&self, field: u16) -> Option<&str> {
        self.categories.fields.get(&field).map(String::as_str)
    }

    /// The category that takes what is of a field but of none of its others.
    pub fn rest_of_field(&self, field: u16) -> Category {
        categories::rest_of(field)
    }

    /// The duty that decides about a category.
    pub fn duty(&self, category: Category) -> Option<&Duty> {
        self.category(category).and_then(|row| self.duties.of(row.category))
    }

    /// Every division, by code.
    pub fn divisions(&self) -> impl Iterator<Item = &DivisionRow> {
        self.divisions.values()
    }

    /// Every unit, by code.
    pub fn units(&self) -> impl Iterator<Item = &UnitRow> {
        self.units.values()
    }

    /// Every second-level category, by code.
    pub fn categories(&self) -> impl Iterator<Item = &CategoryRow> {
        self.categories.rows.values()
    }

    /// Every keyword, in the order of the file.
    pub fn keywords(&self) -> impl Iterator<Item = &Keyword> {
        self.keywords.iter()
    }

    /// For each category the place of the label that takes it in, of these labels; categories
    /// that none takes in are left out.
    pub fn classes(&self, labels: &[String]) -> Result<BTreeMap<Category, usize>, LabelError> {
        labels::classes(labels, &self.labels, &self.categories)
    }

    /// Every alias, in the order of the file.
    pub fn aliases(&self) -> impl Iterator<Item = &Alias> {
        self.aliases.iter()
    }

    /// The units this one may relay to: a hall to its departments and to the halls one level
    /// down, a department to the same trade one level down.
    pub fn children(&self, unit: Unit) -> impl Iterator<Item = Unit> {
        self.below.get(&unit).into_iter().flatten().copied()
    }
}

/// A department of 0 is the hall and has no dash.
fn office(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|office| *office > 0)
}

/// Which units lie directly below which.
fn below(units: &units::Units) -> HashMap<Unit, Vec<Unit>> {
    let mut below: HashMap<Unit, Vec<Unit>> = HashMap::new();
    for unit in units.keys() {
        if let Some(superior) = unit.superior() {
            below.entry(superior).or_default().push(*unit);
        }
        let parent = unit.division().parent().filter(|_| unit.office_number() > 0);
        let trade = parent.and_then(|parent| Unit::office(parent, unit.office_number()).ok());
        if let Some(trade) = trade.filter(|trade| units.contains_key(trade)) {
            below.entry(trade).or_default().push(*unit);
        }
    }
    below
}

fn check_fallback(settings: &settings::Settings, units: &units::Units, problems: &mut Problems) {
    let fallback = settings.fallback;
    let wrong = match units.get(&fallback) {
        _ if fallback == settings.cell.centre() => "is the centre that sat on the order",
        None => "is not in units.csv",
        Some(row) if row.channel != UnitChannel::System => "has no system to be reached by",
        Some(row) if row.unit.division() != settings.cell.division() => {
            "is not an office of the city"
        }
        Some(_) => return,
    };
    problems.add(
        settings::FILE,
        settings.fallback_line,
        format!(
            "unreachable fallback: {fallback} {wrong}; an office of the city with channel system \
             is allowed"
        ),
    );
}
