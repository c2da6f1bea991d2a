//! `catalogue.toml`: which city, which version, which mode it begins with.

use super::problem::Problems;
use crate::domain::{Cell, Mode, Unit};
use serde::Deserialize;
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
}

/// What `catalogue.toml` says.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) cell: Cell,
    pub(crate) fallback: Unit,
    pub(crate) fallback_line: u64,
    pub(crate) version: u32,
    pub(crate) mode: Mode,
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
    Some(Settings {
        name: written.name,
        cell: cell?,
        fallback: fallback?,
        fallback_line: line(written.fallback.span()),
        version: written.version,
        mode: mode?,
    })
}
