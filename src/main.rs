//! Parses, runs, and says how it went.

use clap::Parser;
use hotline::cli::{self, Cli};
use std::process::ExitCode;

/// An order is some fifty small allocations; the system's allocator was a sixth of the cost of
/// filing one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
