//! `hotline eval`: how well messages and addresses are read, measured on labelled ones.

mod addresses;

use super::failure::Failure;
use super::output::OutputArgs;
use clap::Args;
use std::path::PathBuf;

/// Measures how well addresses are read, against the codes that people gave them.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline eval --addresses jiaxing.csv\n  hotline eval --addresses china.csv --divisions china_to_town.csv -o json"
)]
pub(super) struct EvalArgs {
    /// Addresses with their codes: CSV with the columns address and code, and where there are
    /// such, tagged_unresolved (rows where it is not empty are left out) and spans.
    #[arg(long)]
    addresses: PathBuf,
    /// The places that are known: CSV with the columns code and name, level and parent_code
    /// where it has them; else the city's divisions within those of the country.
    #[arg(long)]
    divisions: Option<PathBuf>,
    /// Shows each address that is read wrongly, on stderr.
    #[arg(long)]
    show_wrong: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: EvalArgs) -> Result<(), Failure> {
    let EvalArgs { addresses, divisions, show_wrong, output } = args;
    addresses::run(&addresses, divisions.as_deref(), show_wrong, output)
}
