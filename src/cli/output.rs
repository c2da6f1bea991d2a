//! Tables for people, JSON for programs.

use super::failure::Failure;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;
use std::io::{self, Write};

/// How a read is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct OutputArgs {
    /// How it is printed: a table in Chinese, or JSON in English.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
}

impl OutputArgs {
    /// Prints one of the two.
    pub(super) fn print(
        self,
        json: impl FnOnce() -> Value,
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.output {
            Output::Json => say(&format!("{:#}", json())),
            Output::Table => say(&table()),
        }
    }
}

/// One line (or several) to stdout. A reader that has gone (`| head`) is no failure.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Told),
        Err(e) => Err(e.into()),
        Ok(()) => Ok(()),
    }
}

/// A table with these headers.
pub(super) fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(headers.iter().copied());
    table
}

/// Two columns without a frame of headers: names and values.
pub(super) fn sheet(rows: Vec<(&str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table.to_string()
}
