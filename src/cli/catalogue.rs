//! `hotline catalogue …`: the city's own data, checked before it is served.

mod diff;

use super::failure::Failure;
use super::output::{Output, OutputArgs, say, sheet};
use crate::catalogue::{Catalogue, CatalogueError};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// Looks at catalogues.
#[derive(Subcommand, Debug)]
pub(super) enum CatalogueVerb {
    Check(CheckArgs),
    Diff(Box<diff::DiffArgs>),
}

/// Reads a catalogue as `serve` would, and lists every problem with its file and line.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline catalogue check                  the one built in\n  hotline catalogue check deploy/jiaxing"
)]
pub(super) struct CheckArgs {
    /// The catalogue's folder; else the one built into the binary.
    folder: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(verb: CatalogueVerb) -> Result<(), Failure> {
    match verb {
        CatalogueVerb::Check(args) => check(args),
        CatalogueVerb::Diff(args) => diff::run(*args).await,
    }
}

fn check(args: CheckArgs) -> Result<(), Failure> {
    let read = match &args.folder {
        Some(folder) => Catalogue::load(folder),
        None => Catalogue::builtin(),
    };
    match read {
        Ok(catalogue) => sound(&catalogue, args.output),
        Err(error) => broken(&error, args),
    }
}

fn sound(catalogue: &Catalogue, output: OutputArgs) -> Result<(), Failure> {
    let divisions = catalogue.divisions().count();
    let units = catalogue.units().count();
    let categories = catalogue.categories().count();
    let keywords = catalogue.keywords().count();
    output.print(
        || {
            json!({
                "ok": true,
                "name": catalogue.name(),
                "cell": catalogue.cell().to_string(),
                "version": catalogue.version(),
                "divisions": divisions,
                "units": units,
                "categories": categories,
                "keywords": keywords,
            })
        },
        || {
            sheet(vec![
                ("目录", catalogue.name().to_owned()),
                ("城市", catalogue.cell().to_string()),
                ("版本", catalogue.version().to_string()),
                ("区划", divisions.to_string()),
                ("单位", units.to_string()),
                ("类别", categories.to_string()),
                ("关键词", keywords.to_string()),
            ])
        },
    )
}

fn broken(error: &CatalogueError, args: CheckArgs) -> Result<(), Failure> {
    match args.output.output {
        Output::Json => {
            let problems = error.problems.iter();
            let problems =
                problems.map(|p| json!({ "file": p.file, "line": p.line, "problem": p.what }));
            let problems: Vec<_> = problems.collect();
            let all = json!({ "ok": false, "problems": problems, "more": error.more });
            say(&format!("{all:#}"))?;
            Err(Failure::Told)
        }
        Output::Table => {
            let folder = args.folder.map_or_else(String::new, |f| format!(" {}", f.display()));
            Err(Failure::said(format!("the catalogue{folder} cannot be used:\n{error}")))
        }
    }
}
