//! `hotline submit`: files many matters, each exactly once.

mod ask;
mod keeping;
mod ledger;
mod rows;
mod spool;

pub(super) use ledger::Ledger;
pub(super) use rows::{Row, Rows};

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::{Output, say};
use super::retry::{MAX_TRIES, answered_within, is_worth_again};
use crate::clock::tick;
use crate::domain::Role;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::{Receipt, SubmitOrderRequest};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rows::BadRow;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// The most matters that may be on their way at a time.
const MAX_CONCURRENCY: u16 = 1_024;
/// The most rows read ahead.
const READ_AHEAD: usize = 1_024;
/// The most refusals that are printed one by one; the rest is counted.
const MAX_TOLD: u64 = 20;

/// Files the matters of a file, one JSON object per line:
/// request_id, channel, text; caller_phone, caller_name, address, title and more if known.
///
/// Submitting the same file again makes no second order: the request ids tell. What the
/// server could not answer is sent again with the same id, a bounded number of times.
///
/// With --spool what is to be filed is safely on this disk first, each with the moment it was
/// heard, and leaves it once the server has it: exit code 3 says that all of it is kept and
/// waits. The clocks run from the moment it was heard. File within two days, for so long the
/// server knows what it has already; what is older than seven days it refuses.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hotline submit --file calls.jsonl
  hotline submit --file calls.jsonl -o json --ledger acked.txt --server http://10.0.0.5:12345

While the server is away:
  hotline submit --spool kept --ask                  asks call after call, keeps each, files it later
  hotline submit --spool kept --file calls.jsonl     keeps a file of matters
  hotline submit --spool kept                        files what is kept
  hotline submit --spool kept --wait                 the same, as soon as the server is back")]
pub(super) struct SubmitArgs {
    /// The file.
    #[arg(long, required_unless_present = "spool")]
    file: Option<PathBuf>,
    /// A folder on this disk that keeps matters until the server has them.
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Asks for calls at the keyboard, one after the other.
    #[arg(long, requires = "spool", conflicts_with = "file")]
    ask: bool,
    /// Tries again until everything that is kept is filed; Ctrl-C ends it and loses nothing.
    #[arg(long, requires = "spool")]
    wait: bool,
    /// Writes a line (request id, order number) for each acknowledged order, safely on disk.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// How many are on their way at a time.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_CONCURRENCY)))]
    concurrency: u16,
    /// How the summary is printed: for people, or as one JSON line.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    client: ClientArgs,
}

/// How often a matter of a spool is sent at a time: it is kept, and sent again another time.
const SPOOLED_TRIES: u32 = 4;

/// What became of the rows.
#[derive(Default)]
struct Sums {
    taken: u64,
    sent: u64,
    created: u64,
    duplicate: u64,
    refused: u64,
    bad_lines: u64,
    told: u64,
}

/// A row that was sent, and its answer.
struct Sent {
    line: u64,
    request_id: String,
    answer: Result<Receipt, Status>,
}

/// How rows are sent.
struct Filing<'a> {
    server: &'a Connection,
    /// Where they stand.
    path: &'a Path,
    bar: &'a ProgressBar,
    ledgers: Vec<Arc<Ledger>>,
    concurrency: usize,
    /// They come from a spool.
    spooled: bool,
    /// Each number is told to somebody who waits for it.
    numbers: bool,
}

pub(super) async fn run(args: SubmitArgs) -> Result<(), Failure> {
    let ledger = args.ledger.as_deref().map(Ledger::append).transpose()?.map(Arc::new);
    let began = tick();
    let mut sums = Sums::default();
    let (ended, left) = match (&args.spool, &args.file) {
        (Some(dir), _) => {
            let spool = spool::Spool::open(dir)?;
            let ended = keeping::run(&args, &spool, ledger.as_ref(), &mut sums).await;
            (ended, Some((dir, spool.left()?)))
        }
        (None, file) => {
            let file = file.as_deref().unwrap_or(Path::new(""));
            let rows = Rows::open(file)?;
            let server = args.client.connect(Role::Agent).await?;
            let filing = Filing {
                server: &server,
                path: file,
                bar: &bar(rows.size),
                ledgers: ledger.iter().cloned().collect(),
                concurrency: usize::from(args.concurrency),
                spooled: false,
                numbers: false,
            };
            let ended = filing.all(rows, &mut sums).await;
            filing.bar.finish_and_clear();
            (ended, None)
        }
    };
    if let Some(ledger) = ledger.and_then(Arc::into_inner) {
        ledger.close().await?;
    }
    sums.summary(began.elapsed(), args.output, left)?;
    ended?;
    if sums.refused + sums.bad_lines > 0 { Err(Failure::Told) } else { Ok(()) }
}

fn bar(size: u64) -> ProgressBar {
    // Nothing is drawn where nobody looks: the target hides itself off a terminal.
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {msg} {eta}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

impl Filing<'_> {
    /// Sends row after row, so many at a time, until the end of the file, Ctrl-C, or a server
    /// that no longer answers.
    async fn all(&self, rows: Rows, sums: &mut Sums) -> Result<(), Failure> {
        let began = tick();
        let mut rows = read_ahead(rows);
        let mut flying: JoinSet<Sent> = JoinSet::new();
        let mut ended = Ok(());
        let mut at_end = false;
        let mut interrupts = signal(SignalKind::interrupt())?;
        while !flying.is_empty() || (!at_end && ended.is_ok()) {
            let room = flying.len() < self.concurrency && !at_end && ended.is_ok();
            tokio::select! {
                biased;
                Some(sent) = flying.join_next() => {
                    let sent = sent.map_err(|e| Failure::said(e.to_string()))?;
                    if let Err(failure) = sums.count(sent, self) {
                        ended = Err(failure);
                    }
                }
                _ = interrupts.recv() => {
                    // Said once, what is on its way is waited for; said again, it is let go.
                    if ended.is_err() {
                        flying.shutdown().await;
                    } else {
                        let words = "waiting for what is on its way; Ctrl-C: not even that";
                        self.bar.suspend(|| eprintln!("{words}"));
                    }
                    ended = Err(interrupted(self.spooled));
                }
                row = rows.recv(), if room => match row {
                    Some((read, Ok(row))) => {
                        self.bar.set_position(read);
                        let ledgers = self.ledgers.clone();
                        flying.spawn(send(self.server.clone(), row, ledgers, self.spooled));
                    }
                    Some((_, Err(bad))) => sums.bad_line(&bad, self.bar),
                    None => at_end = true,
                },
            }
            self.bar.set_message(sums.line(began.elapsed()));
        }
        ended
    }
}

fn interrupted(spooled: bool) -> Failure {
    Failure::said(match spooled {
        true => "interrupted; what is not filed is kept: submit the same spool again to go on",
        false => "interrupted; submit the same file again to go on",
    })
}

/// Reads the file on a thread of its own, so that the disk and the server do not wait for
/// each other.
fn read_ahead(mut rows: Rows) -> mpsc::Receiver<(u64, Result<Row, BadRow>)> {
    let (ahead, queue) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        while let Some(row) = rows.next() {
            if ahead.blocking_send((rows.read, row)).is_err() {
                return;
            }
        }
    });
    queue
}

async fn send(server: Connection, row: Row, ledgers: Vec<Arc<Ledger>>, spooled: bool) -> Sent {
    let mut request = SubmitOrderRequest {
        request_id: row.request_id,
        submission: Some(row.submission),
        skip_repeats: true,
    };
    let tries = if spooled { SPOOLED_TRIES } else { MAX_TRIES };
    let mut answer = file(&server, &request, tries).await;
    if spooled
        && let Err(status) = &answer
        && status.code() == Code::AlreadyExists
        && let Some(submission) = &mut request.submission
    {
        // It may have been filed before it was kept, when nobody had noted the moment yet.
        // The server knows the id, so that asking makes no order.
        submission.heard_at = None;
        let again = file(&server, &request, tries).await;
        answer = if again.is_ok() { again } else { answer };
    }
    if let Ok(receipt) = &answer {
        for ledger in &ledgers {
            ledger.acknowledged(&request.request_id, &receipt.order_no).await;
        }
    }
    Sent { line: row.line, request_id: request.request_id, answer }
}

async fn file(
    server: &Connection,
    request: &SubmitOrderRequest,
    tries: u32,
) -> Result<Receipt, Status> {
    let answer = answered_within(tries, || {
        let stamped = server.stamp(request.clone());
        let mut client = IntakeServiceClient::new(server.channel.clone());
        async move { client.submit_order(stamped).await }
    });
    answer.await.map(|answer| answer.into_inner().receipt.unwrap_or_default())
}

impl Sums {
    /// Counts one answer; an error means that there is no point in going on.
    fn count(&mut self, sent: Sent, filing: &Filing<'_>) -> Result<(), Failure> {
        self.sent += 1;
        if let (true, Ok(receipt)) = (filing.numbers, &sent.answer) {
            let reference = sent.request_id.get(..8).unwrap_or_default();
            filing.bar.suspend(|| eprintln!("已登记：{reference} → {}", receipt.order_no));
        }
        match sent.answer {
            Ok(receipt) if receipt.replayed => self.duplicate += 1,
            Ok(_) => self.created += 1,
            Err(status) if is_worth_again(&status) => return Err(filing.server.failure(status)),
            Err(status) => {
                self.refused += 1;
                let said = filing.server.failure(status).explain();
                let said = said.lines().next().unwrap_or_default();
                let words = format!("{}:{}: {said}", filing.path.display(), sent.line);
                self.tell(filing.bar, &words);
            }
        }
        Ok(())
    }

    fn bad_line(&mut self, bad: &BadRow, bar: &ProgressBar) {
        self.bad_lines += 1;
        self.tell(bar, &bad.to_string());
    }

    fn tell(&mut self, bar: &ProgressBar, words: &str) {
        self.told += 1;
        match self.told {
            1..=MAX_TOLD => bar.suspend(|| eprintln!("{words}")),
            n if n == MAX_TOLD + 1 => bar.suspend(|| eprintln!("… more are only counted")),
            _ => {}
        }
    }

    fn rate(&self, time: Duration) -> f64 {
        (self.sent as f64 / time.as_secs_f64().max(0.001) * 10.0).round() / 10.0
    }

    fn line(&self, time: Duration) -> String {
        format!("{} sent, {:.0}/s, {} refused", self.sent, self.rate(time), self.refused)
    }

    /// `left`: the spool, and how many wait in it.
    fn summary(
        &self,
        time: Duration,
        output: Output,
        left: Option<(&PathBuf, u64)>,
    ) -> Result<(), Failure> {
        let Sums { taken, sent, created, duplicate, refused, bad_lines, told: _ } = *self;
        let rate = self.rate(time);
        match output {
            Output::Json => {
                let mut sums = json!({
                    "sent": sent,
                    "created": created,
                    "duplicate": duplicate,
                    "refused": refused,
                    "bad_lines": bad_lines,
                    "seconds": (time.as_secs_f64() * 1_000.0).round() / 1_000.0,
                    "rate": rate,
                });
                if let Some((_, left)) = left {
                    sums["kept"] = json!(taken);
                    sums["left"] = json!(left);
                }
                say(&sums.to_string())
            }
            Output::Table => {
                let mut line = format!(
                    "{sent} sent in {:.1} s ({rate}/s): {created} created, {duplicate} there \
                     already, {refused} refused, {bad_lines} lines unreadable",
                    time.as_secs_f64()
                );
                if let Some((dir, left)) = left {
                    let dir = dir.display();
                    line = format!("{taken} kept; {line}; {left} wait in {dir}");
                }
                say(&line)
            }
        }
    }
}
