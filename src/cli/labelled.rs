//! Labelled messages: one JSON object per line, its label, title and text.

use super::failure::Failure;
use crate::catalogue::Catalogue;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 2 << 20;

/// What a line may hold; other fields are a centre's own and are not read.
pub(super) const FIELDS: &str = "label (or category), text (or detail), and title (or subject); where \
     a message is kept as words parted by spaces, segmented_text_stopwords_removed";

/// Where a field is there by two names, the first here counts.
#[derive(Deserialize)]
struct Written {
    label: Option<String>,
    category: Option<String>,
    title: Option<String>,
    subject: Option<String>,
    text: Option<String>,
    detail: Option<String>,
    segmented_text_stopwords_removed: Option<String>,
}

/// A message and its label.
pub(super) struct Labelled {
    pub(super) title: String,
    pub(super) text: String,
    /// The place of its label among the labels.
    pub(super) label: usize,
}

/// The messages of some files, and their labels in order.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) labels: Vec<String>,
    pub(super) rows: Vec<Labelled>,
}

impl Messages {
    /// How many bear each label.
    pub(super) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        self.rows.iter().for_each(|row| counts[row.label] += 1);
        counts
    }

    /// With more of them: label, title, text.
    pub(super) fn with(self, more: impl Iterator<Item = (String, String, String)>) -> Messages {
        let labels = self.labels;
        let mut all: Vec<(String, String, String)> = Vec::new();
        for Labelled { title, text, label } in self.rows {
            all.push((labels[label].clone(), title, text));
        }
        all.extend(more);
        let labels: BTreeSet<&String> = all.iter().map(|(label, ..)| label).collect();
        let labels: Vec<String> = labels.into_iter().cloned().collect();
        let rows = all.into_iter().map(|(label, title, text)| {
            let label = labels.binary_search(&label).unwrap_or_default();
            Labelled { title, text, label }
        });
        Messages { rows: rows.collect(), labels }
    }

    /// Leaves out the messages of labels that do not pass, and these labels.
    pub(super) fn keep(&mut self, pass: impl Fn(usize) -> bool) {
        let kept: Vec<usize> = (0..self.labels.len()).filter(|label| pass(*label)).collect();
        self.rows.retain_mut(|row| match kept.binary_search(&row.label) {
            Ok(place) => {
                row.label = place;
                true
            }
            Err(_) => false,
        });
        self.labels = kept.iter().map(|label| self.labels[*label].clone()).collect();
    }
}

/// Reads files whose labels the catalogue knows, and the model if there is one. Says of what
/// is wrong the file and the line, and never what a citizen wrote.
pub(super) fn read(
    paths: &[PathBuf],
    catalogue: &Catalogue,
    classes: Option<&[String]>,
) -> Result<Messages, Failure> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    // Each label with where it first stands.
    let mut first: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for (place, path) in paths.iter().enumerate() {
        let bad =
            |line: u64, what: &str| Failure::said(format!("{}:{line}: {what}", path.display()));
        let mut from = open(path)?;
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = (&mut from).take(MAX_LINE).read_until(b'\n', &mut bytes);
            if read.map_err(|e| bad(line, &format!("not readable: {e}")))? == 0 {
                break;
            }
            if bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n") {
                return Err(bad(line, &format!("longer than {MAX_LINE} bytes")));
            }
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let row: Written = serde_json::from_slice(bytes)
                .map_err(|e| bad(line, &format!("{}; a line has {FIELDS}", plain(&e))))?;
            let lacks =
                |field: &str| bad(line, &format!("{field} is missing; a line has {FIELDS}"));
            let label = row.label.or(row.category).ok_or_else(|| lacks("label"))?;
            let text = row.text.or(row.detail).or(row.segmented_text_stopwords_removed);
            let text = text.ok_or_else(|| lacks("text"))?;
            if !first.contains_key(&label) {
                check(&label, catalogue, classes).map_err(|what| bad(line, &what))?;
                first.insert(label.clone(), (place, line));
            }
            found.push((label, row.title.or(row.subject).unwrap_or_default(), text));
        }
    }
    if found.is_empty() {
        let files: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::said(format!("{}: there is no message", files.join(", "))));
    }
    let labels: Vec<String> = first.keys().cloned().collect();
    if let Err(twice) = catalogue.classes(&labels) {
        let (place, line) = first.values().max().copied().unwrap_or_default();
        return Err(Failure::said(format!("{}:{line}: {twice}", paths[place].display())));
    }
    let place =
        |label: &str| labels.binary_search_by(|l| l.as_str().cmp(label)).unwrap_or_default();
    let rows = found.into_iter().map(|(label, title, text)| Labelled {
        label: place(&label),
        title,
        text,
    });
    Ok(Messages { rows: rows.collect(), labels })
}

/// Whether a label is one of the model's classes, or one that the catalogue knows.
fn check(label: &str, catalogue: &Catalogue, classes: Option<&[String]>) -> Result<(), String> {
    if let Some(classes) = classes
        && !classes.iter().any(|class| class == label)
    {
        let allowed = classes.join(", ");
        return Err(format!("label {label:?} is no class of the model: {allowed} are allowed"));
    }
    if !crate::classify::model::is_name(label) {
        return Err("the label has more than 64 characters or none".to_owned());
    }
    catalogue.classes(&[label.to_owned()]).map(|_| ()).map_err(|e| e.to_string())
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|e| Failure::said(format!("{}: {e}", path.display())))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Serde's own words may hold what was written.
fn plain(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "a field is no string, or is there twice".to_owned(),
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            format!("no JSON object (column {})", error.column())
        }
    }
}
