//! `hotline eval --addresses`: the locator against codes that people gave.

use crate::catalogue::{Place, Rank};
use crate::cli::failure::Failure;
use crate::cli::locate::atlas;
use crate::cli::output::{OutputArgs, table};
use crate::clock;
use crate::locate::{Atlas, Sight};
use comfy_table::CellAlignment;
use serde_json::{Value, json};
use std::path::Path;

/// An address and where it is.
struct Row {
    address: String,
    /// `None` where it names no place.
    code: Option<Place>,
    /// Whether it names its town, rather than a village that tells which.
    town: bool,
}

/// So many are right, of so many.
#[derive(Clone, Copy, Default)]
struct Share {
    right: usize,
    of: usize,
}

impl Share {
    fn count(&mut self, right: bool) {
        self.of += 1;
        self.right += usize::from(right);
    }

    fn rate(self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }
}

/// What was measured.
#[derive(Default)]
struct Measured {
    rows: usize,
    /// Left out: a name in it was tagged that no division has.
    unresolved: usize,
    county: Share,
    town: Share,
    deeper: Share,
    exact: Share,
    /// A place was read out of an address that names none.
    nowhere: Share,
    micros: f64,
}

pub(super) fn run(
    file: &Path,
    divisions: Option<&Path>,
    show_wrong: bool,
    output: OutputArgs,
) -> Result<(), Failure> {
    let (rows, unresolved) =
        read(file).map_err(|why| Failure::said(format!("{}{why}", file.display())))?;
    let (_, atlas) = atlas(divisions)?;
    let mut measured = Measured { rows: rows.len(), unresolved, ..Measured::default() };
    for row in &rows {
        let sight = atlas.look(&row.address, &[]);
        measured.score(row, &sight, show_wrong);
    }
    measured.micros = micros(&rows, &atlas);
    output.print(|| measured.json(), || measured.table())
}

/// Of one address, over all of them, in the faster of two rounds: the first one warms up.
fn micros(rows: &[Row], atlas: &Atlas) -> f64 {
    let round = || {
        let started = clock::tick();
        for row in rows {
            std::hint::black_box(atlas.look(&row.address, &[]));
        }
        started.elapsed().as_secs_f64() * 1e6 / rows.len().max(1) as f64
    };
    round().min(round())
}

/// The rows to be scored, and how many are left out.
fn read(file: &Path) -> Result<(Vec<Row>, usize), String> {
    let failed = |error: csv::Error| match error.position() {
        Some(at) => format!(":{}: {error}", at.line()),
        None => format!(": {error}"),
    };
    let mut reader = csv::Reader::from_path(file).map_err(failed)?;
    let headers = reader.headers().map_err(failed)?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let needed = |name| column(name).ok_or_else(|| format!(":1: no column {name:?}: it is needed"));
    let (address, code) = (needed("address")?, needed("code")?);
    let (left_out, spans) = (column("tagged_unresolved"), column("spans"));
    let (mut rows, mut unresolved) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        if !field(left_out).is_empty() {
            unresolved += 1;
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let written = field(Some(code));
        let place = Place::parse(written);
        if place.is_none() && !written.is_empty() {
            let allowed = "2, 4, 6, 9 or 12 digits are allowed, or nothing";
            return Err(format!(":{line}: {written:?} is no division code: {allowed}"));
        }
        let town = spans.is_none() || field(spans).contains("[\"town\"");
        rows.push(Row { address: field(Some(address)).to_owned(), code: place, town });
    }
    Ok((rows, unresolved))
}

impl Measured {
    fn score(&mut self, row: &Row, sight: &Sight, show_wrong: bool) {
        let found = sight.best.as_ref().map(|best| best.place);
        let Some(is) = row.code else {
            self.nowhere.count(found.is_none());
            self.deeper.count(found.is_some());
            return;
        };
        let same = |rank: Rank| found.is_some_and(|found| found.up_to(rank) == is.up_to(rank));
        let reaches = |rank: Rank| is != is.up_to(Rank::ALL[rank as usize - 1]);
        let county = !reaches(Rank::County) || same(Rank::County);
        if reaches(Rank::County) {
            self.county.count(county);
        }
        let town = !reaches(Rank::Town) || !row.town || same(Rank::Town);
        if reaches(Rank::Town) && row.town {
            self.town.count(town);
        }
        let deeper = found.is_some_and(|found| found.rank() > is.rank());
        self.deeper.count(deeper);
        self.exact.count(found == Some(is));
        if show_wrong && (!county || !town || deeper) {
            eprintln!("{} is {is}, read {sight:?}", row.address);
        }
    }

    /// Names for programs and for people, and what was counted.
    fn shares(&self) -> [(&'static str, &'static str, Share); 5] {
        [
            ("county_right", "区县正确", self.county),
            ("town_right", "镇街正确（地址写明的）", self.town),
            ("deeper_than_supported", "超出地址所及", self.deeper),
            ("exact", "与标注相同", self.exact),
            ("nothing_read_where_nothing_is", "无地名的不误判", self.nowhere),
        ]
    }

    fn json(&self) -> Value {
        let mut all = json!({
            "addresses": self.rows,
            "left_out_unresolved": self.unresolved,
            "micros_per_address": self.micros,
        });
        for (name, _, share) in self.shares() {
            all[name] = json!({ "rate": share.rate(), "count": share.right, "of": share.of });
        }
        all
    }

    fn table(&self) -> String {
        let mut sheet = table(&["指标", "比率", "计数"]);
        for (_, name, share) in self.shares() {
            let counts = format!("{} / {}", share.right, share.of);
            sheet.add_row([name.to_owned(), format!("{:.4}", share.rate()), counts]);
        }
        sheet.add_row(["每条微秒".to_owned(), format!("{:.2}", self.micros), String::new()]);
        for column in sheet.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let (rows, left) = (self.rows, self.unresolved);
        format!("{sheet}\n{rows} 条地址，另有 {left} 条因标注地名无对应区划未计入")
    }
}
