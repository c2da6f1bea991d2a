//! `labels.csv`: what a centre's own past labels mean in the catalogue's categories.
//!
//! A model tells apart the labels it was trained on. A label is the code or the name of a
//! category or a field, or it stands in this file with what it takes in; the file may be left
//! out.

use super::Speaks;
use super::categories::{self, Categories};
use super::problem::Problems;
use super::table;
use crate::domain::Category;
use std::collections::BTreeMap;

pub(crate) const FILE: &str = "labels.csv";

/// Labels, each with the categories and fields that it takes in.
pub(crate) type Labels = BTreeMap<String, Vec<Speaks>>;

/// Why labels cannot be the classes of a model.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LabelError {
    /// The catalogue does not know it.
    #[error(
        "label {0:?} is not in the catalogue: the code or the name of a category or a field is \
         allowed, or a label of {FILE}"
    )]
    Unknown(String),
    /// Two of them take in the same.
    #[error("labels {0:?} and {1:?} both take in {2}")]
    Twice(String, String, Category),
}

/// Which category or field a code or a name stands for.
fn named(text: &str, all: &Categories) -> Option<Speaks> {
    if let Some(category) = categories::category(text) {
        return all.rows.contains_key(&category).then_some(Speaks::Category(category));
    }
    if let Ok(field) = text.parse::<u16>() {
        return all.fields.contains_key(&field).then_some(Speaks::Field(field));
    }
    let field = all.fields.iter().find(|(_, name)| *name == text);
    let category = || all.rows.values().find(|row| row.name == text);
    field
        .map(|(field, _)| Speaks::Field(*field))
        .or_else(|| category().map(|row| Speaks::Category(row.category)))
}

pub(crate) fn read(text: &str, all: &Categories, problems: &mut Problems) -> Labels {
    let mut labels = Labels::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in table::read(FILE, text, &["label", "covers"], problems) {
        let Some(covers) = named(row.get(1), all) else {
            let what = format!(
                "{:?} is nothing a label can take in: a category (0101) or field (01) of {} is \
                 allowed",
                row.get(1),
                categories::FILE
            );
            problems.add(FILE, row.line, what);
            continue;
        };
        if row.get(0).is_empty() {
            problems.add(FILE, row.line, "a label is missing: the first column is its name");
        }
        if let Some(first) = lines.insert(row.get(1).to_owned(), row.line) {
            let what = format!("{covers} is taken in twice, first on line {first}");
            problems.add(FILE, row.line, what);
            continue;
        }
        labels.entry(row.get(0).to_owned()).or_default().push(covers);
    }
    labels
}

/// For each category the place of the label that takes it in: the one that names the
/// category, else the one that names its field, else none.
pub(crate) fn classes(
    labels: &[String],
    known: &Labels,
    all: &Categories,
) -> Result<BTreeMap<Category, usize>, LabelError> {
    let mut by_name: BTreeMap<Speaks, usize> = BTreeMap::new();
    for (place, label) in labels.iter().enumerate() {
        let covers = match known.get(label) {
            Some(covers) => covers.clone(),
            None => vec![named(label, all).ok_or_else(|| LabelError::Unknown(label.clone()))?],
        };
        for covers in covers {
            if let Some(other) = by_name.insert(covers, place) {
                let category = match covers {
                    Speaks::Category(category) => category,
                    Speaks::Field(field) => categories::rest_of(field),
                    Speaks::Kind(_) | Speaks::Urgency(_) => Category::NONE,
                };
                let (first, second) = (labels[other].clone(), label.clone());
                return Err(LabelError::Twice(first, second, category));
            }
        }
    }
    let place = |category: &Category| {
        let own = by_name.get(&Speaks::Category(*category));
        own.or_else(|| by_name.get(&Speaks::Field(category.field()))).copied()
    };
    Ok(all.rows.keys().filter_map(|c| Some((*c, place(c)?))).collect())
}
