//! `catalogue.toml`: which city, which version, which mode it begins with.

use super::problem::Problems;
use crate::domain::{Cell, Division, Mode, Unit};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

pub(crate) const FILE: &str = "catalogue.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    name: String,
    cell: Spanned<String>,
    fallback: Spanned<String>,
    mode: Spanned<String>,
    #[serde(default)]
    areas: BTreeMap<String, Spanned<String>>,
}

/// What `catalogue.toml` says.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) cell: Cell,
    pub(crate) fallback: Unit,
    pub(crate) fallback_line: u64,
    pub(crate) version: u32,
    pub(crate) mode: Mode,
    /// What telephone numbers begin with, and where their owners are likely to be.
    pub(crate) areas: Vec<(String, Division)>,
}

fn line_of(text: &str, offset: usize) -> u64 {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|b| **b == b'\n').count() as u64 + 1
}

/// `None` when the file is so broken that nothing else can be checked against it.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Option<Settings> {
    let written: Written = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            problems.add(FILE, line, error.message());
            return None;
        }
    };
    let line = |at: std::ops::Range<usize>| line_of(text, at.start);
    let cell = match written.cell.as_ref().parse::<Cell>() {
        Ok(cell) => Some(cell),
        Err(error) => {
            problems.add(FILE, line(written.cell.span()), format!("cell is {error}"));
            None
        }
    };
    let fallback = match written.fallback.as_ref().parse::<Unit>() {
        Ok(unit) => Some(unit),
        Err(error) => {
            problems.add(FILE, line(written.fallback.span()), format!("fallback is {error}"));
            None
        }
    };
    let mode = Mode::from_name(written.mode.as_ref());
    if mode.is_none() {
        let what =
            format!("unknown mode {:?}: ordinary and wartime are allowed", written.mode.as_ref());
        problems.add(FILE, line(written.mode.span()), what);
    }
    if written.version == 0 {
        problems.add(FILE, 0, "version = 0: versions are counted from 1");
    }
    let mut areas = Vec::new();
    for (prefix, code) in &written.areas {
        let digits = (3..=11).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
        match code.as_ref().parse::<Division>().ok().filter(|d| Some(Cell::of(*d)) == cell) {
            Some(division) if digits => areas.push((prefix.clone(), division)),
            Some(_) | None => {
                let what = format!("bad area {prefix:?} = {:?}", code.as_ref());
                let allowed = "the 3 to 11 digits a number begins with, and a code of the city";
                problems.add(FILE, line(code.span()), format!("{what}: {allowed}"));
            }
        }
    }
    Some(Settings {
        name: written.name,
        cell: cell?,
        fallback: fallback?,
        fallback_line: line(written.fallback.span()),
        version: written.version,
        mode: mode?,
        areas,
    })
}
