//! Matters the whole way: classified, located, routed; how many would wait for a person, and
//! how many of the others would be right.

use super::messages::is;
use super::{EvalArgs, Readers};
use crate::catalogue::Catalogue;
use crate::cli::failure::Failure;
use crate::cli::labelled::Messages;
use crate::cli::output::sheet;
use crate::cli::submit::Rows;
use crate::dispatch::Settings;
use crate::locate::{Hints, Locator};
use crate::route::route;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// What was counted.
#[derive(Default)]
pub(super) struct Calls {
    all: usize,
    /// Would wait for a person.
    triaged: usize,
    /// Of these because of what they are about.
    unsure_category: usize,
    /// Of the others, those with a label, and those read right.
    labelled: usize,
    right: usize,
}

pub(super) fn measure(
    path: &Path,
    catalogue: &Catalogue,
    readers: &Readers,
    messages: &Messages,
    args: &EvalArgs,
) -> Result<Calls, Failure> {
    let settings = Settings { category_confidence: args.threshold, ..Settings::default() };
    let locator = Locator::new(catalogue);
    let by_category = catalogue.classes(&messages.labels);
    let by_category = by_category.map_err(|e| Failure::said(e.to_string()))?;
    let rows = messages.rows.iter().enumerate();
    let places: HashMap<(&str, &str), usize> =
        rows.map(|(place, row)| ((row.title.as_str(), row.text.as_str()), place)).collect();
    let mut calls = Calls::default();
    for row in Rows::open(path)? {
        let row = row.map_err(|bad| Failure::said(bad.to_string()))?;
        let (title, text) = (row.submission.title.as_str(), row.submission.text.as_str());
        let place = places.get(&(title, text)).copied();
        let address = row.submission.contact.as_ref().map_or("", |c| c.address.as_str());
        let read = readers.of(place.unwrap_or(0)).decide(title, text);
        let located = locator.locate(address, Hints::default());
        let sure = route(catalogue, read.category, located.division).is_ok_and(|route| {
            settings.is_confident(read.category_confidence, located.confidence, &route)
        });
        calls.all += 1;
        if !sure {
            calls.triaged += 1;
            let unsure = read.category_confidence.percent() < settings.category_confidence;
            calls.unsure_category += usize::from(unsure);
        } else if let Some(place) = place {
            calls.labelled += 1;
            let label = messages.rows[place].label;
            calls.right += usize::from(is(&by_category, read.category) == Some(label));
        }
    }
    if calls.all == 0 {
        return Err(Failure::said(format!("{}: there is no matter", path.display())));
    }
    Ok(calls)
}

impl Calls {
    fn triage(&self) -> f64 {
        self.triaged as f64 / self.all as f64
    }

    fn accuracy(&self) -> f64 {
        self.right as f64 / self.labelled.max(1) as f64
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "matters": self.all,
            "triage": self.triage(),
            "triage_for_category": self.unsure_category as f64 / self.all as f64,
            "labelled": self.labelled,
            "accuracy": self.accuracy(),
        })
    }

    pub(super) fn screen(&self) -> String {
        let percent = |part: f64| format!("{:.1}%", part * 100.0);
        let for_category = self.unsure_category as f64 / self.all as f64;
        sheet(vec![
            ("诉求", self.all.to_string()),
            ("转人工", format!("{}（因类别 {}）", percent(self.triage()), percent(for_category))),
            ("自动派单且有标签", self.labelled.to_string()),
            ("其中类别正确", percent(self.accuracy())),
        ])
    }
}
