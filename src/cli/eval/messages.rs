//! Labelled messages against what is read out of them.

use super::Readers;
use crate::catalogue::Catalogue;
use crate::classify::Classes;
use crate::cli::failure::Failure;
use crate::cli::labelled::Messages;
use crate::cli::output::sheet;
use crate::cli::train::{figures_json, figures_table, likeliest};
use crate::clock::tick;
use crate::domain::Category;
use crate::train::figures::{Confusion, Sure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The length of a message whose time is told beside that of all.
const MEASURED: usize = 400;
/// How often everything is read to measure the time; the quickest counts, for others use the
/// machine, too.
const ROUNDS: usize = 3;

/// What was measured.
pub(super) struct Read {
    model: Option<String>,
    /// Which label was chosen of those that there are.
    table: Confusion,
    sure: Sure,
    /// What the dispatcher would do: the category, which may be of no label, and its confidence.
    dispatched: Sure,
    threshold: u8,
    micros: f64,
    micros_at_length: Option<f64>,
}

pub(super) fn measure(
    catalogue: &Catalogue,
    readers: &Readers,
    messages: &Messages,
    threshold: u8,
) -> Result<Read, Failure> {
    let named = |e: crate::catalogue::LabelError| Failure::said(e.to_string());
    let by_category = catalogue.classes(&messages.labels).map_err(named)?;
    let classes = readers.of(0).classes(catalogue, &messages.labels).map_err(named)?;
    let mut table = Confusion::new(messages.labels.len());
    let (mut sure, mut dispatched) = (Sure::default(), Sure::default());
    for (place, row) in messages.rows.iter().enumerate() {
        let (read, confidence) = choose(readers, place, &classes, messages);
        table.add(row.label, read);
        sure.add(confidence, read == Some(row.label));
        let decided = readers.of(place).decide(&row.title, &row.text);
        let right = is(&by_category, decided.category) == Some(row.label);
        dispatched.add(f32::from(decided.category_confidence.percent()) / 100.0, right);
    }
    let all = messages.rows.iter().map(|row| (row.title.as_str(), row.text.as_str()));
    let whole: Vec<_> = all.collect();
    let cut = |(title, text): &(&'_ str, &'_ str)| {
        let (end, _) = text.char_indices().nth(MEASURED)?;
        Some((title.to_string(), text[..end].to_owned()))
    };
    let cut: Vec<(String, String)> = whole.iter().filter_map(cut).collect();
    let cut: Vec<_> = cut.iter().map(|(title, text)| (title.as_str(), text.as_str())).collect();
    Ok(Read {
        model: readers.trained().map(|model| model.version().to_string()),
        table,
        sure,
        dispatched,
        threshold,
        micros: micros(readers, &whole),
        micros_at_length: (!cut.is_empty()).then(|| micros(readers, &cut)),
    })
}

/// The label that a category belongs to.
pub(super) fn is(classes: &BTreeMap<Category, usize>, category: Category) -> Option<usize> {
    classes.get(&category).copied()
}

/// Which label is chosen: by the model, or by the keywords where there is none.
fn choose(
    readers: &Readers,
    place: usize,
    classes: &Classes,
    messages: &Messages,
) -> (Option<usize>, f32) {
    let (reader, row) = (readers.of(place), &messages.rows[place]);
    match reader.model() {
        Some(model) => {
            let likely = reader.likelihood(&row.title, &row.text);
            let Some(class) = likeliest(&likely) else { return (None, 0.0) };
            let name = &model.classes()[class];
            (messages.labels.binary_search(name).ok(), likely[class])
        }
        None => match reader.class_by_keywords(classes, &row.title, &row.text) {
            Some((class, confidence)) => (Some(class), f32::from(confidence.percent()) / 100.0),
            None => (None, 0.0),
        },
    }
}

/// What one message takes on one core, keywords and model together.
fn micros(readers: &Readers, messages: &[(&str, &str)]) -> f64 {
    // The first fold's reader is as quick as any other.
    let reader = readers.of(0);
    let round = |_| {
        let began = tick();
        for (title, text) in messages {
            std::hint::black_box(reader.decide(title, text));
        }
        began.elapsed().as_secs_f64() * 1e6 / messages.len().max(1) as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

impl Read {
    pub(super) fn json(&self, labels: &[String]) -> Value {
        let mut all = figures_json(labels, &self.table, &self.sure);
        let threshold = f32::from(self.threshold) / 100.0;
        let (coverage, accuracy) = self.sure.at(threshold);
        let (covered, right) = self.dispatched.at(threshold);
        all["model"] = json!(self.model);
        all["threshold"] = json!(self.threshold);
        all["at_threshold"] = json!({ "coverage": coverage, "accuracy": accuracy });
        all["dispatched_at_threshold"] = json!({ "coverage": covered, "accuracy": right });
        all["micros_per_message"] = json!(self.micros);
        all["micros_per_400_characters"] = json!(self.micros_at_length);
        all
    }

    pub(super) fn screen(&self, labels: &[String]) -> String {
        let threshold = f32::from(self.threshold) / 100.0;
        let at = |sure: &Sure| {
            let (coverage, accuracy) = sure.at(threshold);
            format!("覆盖 {:.1}%，其中正确 {:.1}%", coverage * 100.0, accuracy * 100.0)
        };
        let length = self.micros_at_length;
        let rows = vec![
            ("模型", self.model.clone().unwrap_or_else(|| "-（仅关键词）".to_owned())),
            ("消息", self.table.total().to_string()),
            ("阈值", format!("{}%", self.threshold)),
            ("判别", at(&self.sure)),
            ("派单类别", at(&self.dispatched)),
            ("用时", format!("每条 {:.1} µs", self.micros)),
            ("400 字用时", length.map_or("-".to_owned(), |micros| format!("每条 {micros:.1} µs"))),
        ];
        format!("{}\n{}", sheet(rows), figures_table(labels, &self.table, &self.sure))
    }
}
