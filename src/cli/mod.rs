//! The command line: one file per family of verbs. Screens speak Chinese, JSON English.

mod archive;
mod backup;
mod bench;
mod board;
mod catalogue;
mod classify;
pub mod client;
mod completions;
mod config;
mod crew;
mod dev;
mod doctor;
mod eval;
mod explain;
mod failure;
mod feed;
mod feedback;
mod happening;
mod health;
mod labelled;
mod locate;
mod mode;
mod moves;
mod order;
mod output;
mod queue;
mod reading;
mod rehearsal;
mod report;
mod restore;
mod retry;
mod serve;
mod show;
mod simulate;
mod submit;
mod top;
mod train;
mod wall;
mod work;

use failure::Failure;

use clap::{Parser, Subcommand};
use std::pin::Pin;
use std::process::ExitCode;
use tokio::runtime::Runtime;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  refused, or failed; stderr says why and what to do
  2  the command line or the settings are wrong
  3  the server cannot be reached
  4  the store does not hold what `hotline bench` counted

Examples:
  hotline dev                                     the whole job on one machine, simulated
  hotline serve --store redb:hotline.redb         one city on one machine
  hotline serve --store redis://127.0.0.1:6379    the same on Redis
  hotline submit --file calls.jsonl               file many matters
  hotline order list --stage triage               what waits for a person
  hotline order get 3304-261123-00042-5 -o json   one order, for programs";

/// The dispatcher of a 12345 government hotline.
#[derive(Parser, Debug)]
#[command(name = "hotline", version, about, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Dev(dev::DevArgs),
    Serve(serve::ServeArgs),
    Submit(submit::SubmitArgs),
    #[command(subcommand)]
    Order(order::OrderVerb),
    #[command(subcommand)]
    Queue(queue::QueueVerb),
    Board(board::BoardArgs),
    Top(top::TopArgs),
    Report(report::ReportArgs),
    Crew(rehearsal::CrewArgs),
    Bench(bench::BenchArgs),
    Simulate(simulate::SimulateArgs),
    #[command(subcommand)]
    Catalogue(catalogue::CatalogueVerb),
    Train(train::TrainArgs),
    Eval(eval::EvalArgs),
    Classify(classify::ClassifyArgs),
    Locate(locate::LocateArgs),
    #[command(subcommand)]
    Config(config::ConfigVerb),
    Doctor(doctor::DoctorArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Health(health::HealthArgs),
    #[command(subcommand)]
    Mode(mode::ModeVerb),
    #[command(subcommand)]
    Archive(archive::ArchiveVerb),
    #[command(subcommand)]
    Feed(feed::FeedVerb),
    Completions(completions::CompletionsArgs),
}

/// Parses the command line, does what it asks, and says how it went.
///
/// Not async: a future is compiled anew in every crate that awaits it, and once for each runtime
/// of tokio's that could; this one holds the whole program, so it is boxed here.
pub fn main() -> ExitCode {
    let work: Pin<Box<dyn Future<Output = Result<(), Failure>>>> = Box::pin(run(Cli::parse()));
    let done = Runtime::new().map_err(Failure::from).and_then(|runtime| runtime.block_on(work));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.explain());
            failure.exit_code()
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.verb {
        Verb::Dev(args) => Ok(dev::run(args).await?),
        Verb::Serve(args) => serve::run(args).await,
        Verb::Submit(args) => submit::run(args).await,
        Verb::Order(verb) => order::run(verb).await,
        Verb::Queue(verb) => queue::run(verb).await,
        Verb::Board(args) => board::run(args).await,
        Verb::Top(args) => top::run(args).await,
        Verb::Report(args) => report::run(args).await,
        Verb::Crew(args) => rehearsal::run(args).await,
        Verb::Bench(args) => bench::run(args).await,
        Verb::Simulate(args) => simulate::run(args).await,
        Verb::Catalogue(verb) => catalogue::run(verb).await,
        Verb::Train(args) => train::run(args).await,
        Verb::Eval(args) => eval::run(args).await,
        Verb::Classify(args) => classify::run(args),
        Verb::Locate(args) => locate::run(args),
        Verb::Config(verb) => config::run(verb),
        Verb::Doctor(args) => doctor::run(args).await,
        Verb::Backup(args) => backup::run(args).await,
        Verb::Restore(args) => restore::run(args).await,
        Verb::Health(args) => health::run(args).await,
        Verb::Mode(verb) => mode::run(verb).await,
        Verb::Archive(verb) => archive::run(verb).await,
        Verb::Feed(verb) => feed::run(verb).await,
        Verb::Completions(args) => completions::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
