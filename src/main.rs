//! Parses, runs, and says how it went.

use clap::Parser;
use hotline::cli::{self, Cli};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.explain());
            failure.exit_code()
        }
    }
}
