//! `keywords.csv`: which words speak for what, and how loudly.

use super::categories::{self, Categories};
use super::problem::Problems;
use super::{fold, table};
use crate::domain::{Category, Kind, Urgency};
use std::collections::BTreeMap;
use std::fmt;

pub(crate) const FILE: &str = "keywords.csv";

/// The loudest a keyword may be.
pub const MAX_WEIGHT: u16 = 100;
/// A keyword is a word or a short phrase.
pub const MAX_KEYWORD: usize = 16;

/// What a keyword is evidence of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Speaks {
    /// A category, `0101`.
    Category(Category),
    /// A first-level field as a whole, `01`.
    Field(u16),
    /// What the citizen wants.
    Kind(Kind),
    /// How soon.
    Urgency(Urgency),
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speaks::Category(category) => write!(f, "{category}"),
            Speaks::Field(field) => write!(f, "{field:02}"),
            Speaks::Kind(kind) => write!(f, "{kind}"),
            Speaks::Urgency(urgency) => write!(f, "{urgency}"),
        }
    }
}

/// A word that speaks for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyword {
    /// What it is evidence of.
    pub speaks: Speaks,
    /// The word, folded as texts are.
    pub text: String,
    /// 1 to [`MAX_WEIGHT`].
    pub weight: u16,
}

fn speaks(text: &str, categories: &Categories) -> Option<Speaks> {
    if let Some(kind) = Kind::from_name(text) {
        return Some(Speaks::Kind(kind));
    }
    if let Some(urgency) = Urgency::from_name(text) {
        return Some(Speaks::Urgency(urgency));
    }
    if text.len() == 2 {
        let field = text.parse().ok().filter(|field| categories.fields.contains_key(field));
        return field.map(Speaks::Field);
    }
    categories::category(text)
        .filter(|category| categories.rows.contains_key(category))
        .map(Speaks::Category)
}

pub(crate) fn read(text: &str, all: &Categories, problems: &mut Problems) -> Vec<Keyword> {
    let mut keywords = Vec::new();
    let mut lines: BTreeMap<(Speaks, String), u64> = BTreeMap::new();
    for row in table::read(FILE, text, &["speaks", "keyword", "weight"], problems) {
        let Some(speaks) = speaks(row.get(0), all) else {
            problems.add(
                FILE,
                row.line,
                format!(
                    "{:?} is nothing a keyword can speak for: a category (0101) or field (01) of \
                     categories.csv, a kind ({}) or an urgency ({}) is allowed",
                    row.get(0),
                    categories::kinds(),
                    categories::urgencies()
                ),
            );
            continue;
        };
        let keyword = fold::fold(row.get(1)).into_owned();
        let length = keyword.chars().count();
        if !(2..=MAX_KEYWORD).contains(&length) {
            problems.add(
                FILE,
                row.line,
                format!("{keyword:?} has {length} characters: 2 to {MAX_KEYWORD} are allowed"),
            );
            continue;
        }
        let weight = row.get(2).parse().ok().filter(|w| (1..=MAX_WEIGHT).contains(w));
        let Some(weight) = weight else {
            problems.add(
                FILE,
                row.line,
                format!(
                    "bad weight {:?}: a whole number from 1 to {MAX_WEIGHT} is allowed",
                    row.get(2)
                ),
            );
            continue;
        };
        if let Some(first) = lines.insert((speaks, keyword.clone()), row.line) {
            problems.add(
                FILE,
                row.line,
                format!("{keyword} is there twice for {speaks}, first on line {first}"),
            );
            continue;
        }
        keywords.push(Keyword { speaks, text: keyword, weight });
    }
    keywords
}
