//! `hotline bench`: what a server bears, by a load that does not flatter it, and whether the
//! store holds what was counted.

mod callers;
mod check;
mod load;
mod meeting;
mod meter;
mod pace;
mod plot;
mod pullers;
mod report;
mod run;
mod stream;
mod trays;

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::{Output, say};
use crate::api::MAX_IN_FLIGHT;
use callers::{MAX_BYTES, MIN_BYTES};
use clap::{Args, ValueEnum};
use meter::Op;
use plot::Plot;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest run: what is kept of it grows by the second.
const MAX_FOR: Duration = Duration::from_secs(24 * 3_600);
/// As many calls of one connection as servers allow.
const MAX_STREAMS: u16 = 1_024;
/// The most that file at a time, over all connections: each holds one message.
const MAX_WORKERS: u32 = 65_536;
/// The most orders that are read back.
const MAX_READ_BACK: u32 = 1_000_000;

const AFTER_HELP: &str = "\
Modes:
  intake   SubmitOrder alone
  stream   SubmitOrders: one stream per connection, --streams orders on their way on each
  lives    whole lives: an order is filed, claimed, passed down 市→县→镇→村, signed, reported, and
           its report accepted, by pullers at every tray on the way
  mixed    SubmitOrder, and pullers who wait at the trays, pass down and sign: how long from
           the call to a puller's hands

Orders that wait at those trays already are worked, too, and their cost is in the figures: begin
with an empty store, or mind `open_before`.

Without --rate the loop is closed: each of connections × streams sends when it is answered. With
it the loop is open: calls come at even distances, and each latency counts from when the call was
meant to be sent, however late it was.

What the server sheds (RESOURCE_EXHAUSTED) is counted apart and is no failure. Submissions
of an unknown outcome are asked about at the end, by their request ids. Then the store's counters
must have grown by what was acknowledged, and a sample of the orders is read back.

Exit codes:
  0  done, and the store holds what was counted
  1  calls were refused, for another reason than load; stderr and the summary say which
  2  the command line is wrong
  3  the server cannot be reached
  4  the store does not hold what was counted

Examples:
  hotline bench intake --rehearsal
  hotline bench intake --rehearsal --rate 5000 --for 60s --plot latency.svg
  hotline bench lives --rehearsal --connections 8 --streams 32 -o json
  hotline bench mixed --rehearsal --rate 2000 --villages 1202 --pullers 1";

/// What is put upon the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Mode {
    Intake,
    Stream,
    Lives,
    Mixed,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Intake => "intake",
            Mode::Stream => "stream",
            Mode::Lives => "lives",
            Mode::Mixed => "mixed",
        }
    }

    /// What is told second by second.
    fn shown(self) -> Op {
        match self {
            Mode::Intake | Mode::Stream => Op::Submit,
            Mode::Lives => Op::Life,
            Mode::Mixed => Op::InHands,
        }
    }
}

/// Puts a load upon a server over gRPC, measures rates and latencies, and checks that the store
/// holds what was counted. Files invented matters of the built-in catalogue and works whatever
/// lies at the trays it pulls from: for a server that serves nobody else.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct BenchArgs {
    /// What is put upon it.
    #[arg(value_enum, hide_possible_values = true, value_name = "intake|stream|lives|mixed")]
    mode: Mode,
    /// Says that the orders of this server are nobody's real matters.
    #[arg(long, required = true)]
    rehearsal: bool,
    /// How long is measured, 1s to 24h.
    #[arg(long = "for", default_value = "10s", value_parser = span)]
    runs_for: Duration,
    /// How long the load runs before that.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How many connections file.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    connections: u16,
    /// How many calls each has on its way at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_STREAMS)))]
    streams: u16,
    /// Files so many a second, in an open loop.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How long a SubmitOrder's message is on the wire.
    #[arg(long, default_value_t = 402, value_parser = clap::value_parser!(u16).range(i64::from(MIN_BYTES)..=i64::from(MAX_BYTES)))]
    bytes: u16,
    /// Of lives and mixed: in how many villages the matters are; there and above it is pulled.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    villages: u16,
    /// Of lives and mixed: how many pull from each tray.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pullers: u16,
    /// Of lives and mixed: how many orders are pulled, passed on or signed by one call.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=256))]
    batch: u32,
    /// Of mixed: how many levels pull, from the city down.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=4))]
    levels: u8,
    /// The most orders that are read back at the end; more than were filed reads all.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_READ_BACK)))]
    read_back: u32,
    /// Draws latency over time into a new file, .svg or .html.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How the summary is printed: for people, or as one JSON line.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    client: ClientArgs,
}

fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    match span {
        _ if span < Duration::from_secs(1) || span > MAX_FOR => Err("expected 1s to 24h".into()),
        _ => Ok(span),
    }
}

pub(super) async fn run(args: BenchArgs) -> Result<(), Failure> {
    if args.warm_up > MAX_FOR {
        return Err(Failure::Usage("--warm-up: expected 0s to 24h".into()));
    }
    if u32::from(args.connections) * u32::from(args.streams) > MAX_WORKERS {
        return Err(Failure::Usage(format!(
            "--connections × --streams: expected at most {MAX_WORKERS} together"
        )));
    }
    if args.mode == Mode::Stream && usize::from(args.streams) > MAX_IN_FLIGHT {
        return Err(Failure::Usage(format!(
            "--streams: expected at most {MAX_IN_FLIGHT} orders on their way on one stream"
        )));
    }
    // Before the load: afterwards it would be too late to say that it cannot be written.
    let drawing = args.plot.as_deref().map(Drawing::open).transpose()?;
    let (report, seconds) = run::run(&args).await?;
    if let Some(drawing) = drawing {
        let warm_up = usize::try_from(args.warm_up.as_secs()).unwrap_or(usize::MAX);
        drawing.draw(&Plot { title: &report.title(), seconds: &seconds, warm_up })?;
    }
    match args.output {
        Output::Json => say(&report.document().to_string())?,
        Output::Table => say(&report.screen())?,
    }
    if !report.checked.problems.is_empty() {
        return Err(Failure::NotInStore(report.checked.problems.join("\n  ")));
    }
    match report.sums.refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::said(format!("calls were refused: {:?}", report.sums.refused))),
    }
}

/// A file to draw into.
struct Drawing {
    path: PathBuf,
    file: File,
    html: bool,
}

impl Drawing {
    fn open(path: &Path) -> Result<Drawing, Failure> {
        let html = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => false,
            Some("html") => true,
            Some(_) | None => {
                let words = format!(
                    "--plot {}: expected a name that ends in .svg or .html",
                    path.display()
                );
                return Err(Failure::Usage(words));
            }
        };
        let file = File::create_new(path)
            .map_err(|e| Failure::Usage(format!("--plot {}: {e}", path.display())))?;
        Ok(Drawing { path: path.to_owned(), file, html })
    }

    fn draw(mut self, plot: &Plot) -> Result<(), Failure> {
        let text = if self.html { plot.html() } else { plot.svg() };
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|e| Failure::said(format!("--plot {}: {e}", self.path.display())))
    }
}
