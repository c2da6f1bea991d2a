//! `hotline submit`: files many matters, each exactly once.

mod ledger;
mod rows;

pub(super) use ledger::Ledger;
pub(super) use rows::{Row, Rows};

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::{Output, say};
use super::retry::{is_worth_again, until_answered};
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
use tonic::Status;

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
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline submit --file calls.jsonl\n  hotline submit --file calls.jsonl -o json --ledger acked.txt --server http://10.0.0.5:12345"
)]
pub(super) struct SubmitArgs {
    /// The file.
    #[arg(long)]
    file: PathBuf,
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

/// What became of the rows.
#[derive(Default)]
struct Sums {
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
    answer: Result<Receipt, Status>,
}

pub(super) async fn run(args: SubmitArgs) -> Result<(), Failure> {
    let rows = Rows::open(&args.file)?;
    let server = args.client.connect(Role::Agent).await?;
    let ledger = args.ledger.as_deref().map(Ledger::append).transpose()?.map(Arc::new);
    let bar = bar(rows.size);
    let began = tick();
    let mut sums = Sums::default();
    let ended = file_all(&args, &server, rows, ledger.as_ref(), &bar, &mut sums).await;
    bar.finish_and_clear();
    if let Some(ledger) = ledger.and_then(Arc::into_inner) {
        ledger.close().await?;
    }
    sums.summary(began.elapsed(), args.output)?;
    ended?;
    if sums.refused + sums.bad_lines > 0 { Err(Failure::Told) } else { Ok(()) }
}

fn bar(size: u64) -> ProgressBar {
    // Nothing is drawn where nobody looks: the target hides itself off a terminal.
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {msg} {eta}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Sends row after row, so many at a time, until the end of the file, Ctrl-C, or a server
/// that no longer answers.
async fn file_all(
    args: &SubmitArgs,
    server: &Connection,
    rows: Rows,
    ledger: Option<&Arc<Ledger>>,
    bar: &ProgressBar,
    sums: &mut Sums,
) -> Result<(), Failure> {
    let began = tick();
    let mut rows = read_ahead(rows);
    let mut flying: JoinSet<Sent> = JoinSet::new();
    let mut ended = Ok(());
    let mut at_end = false;
    let mut interrupts = signal(SignalKind::interrupt())?;
    while !flying.is_empty() || (!at_end && ended.is_ok()) {
        let room = flying.len() < usize::from(args.concurrency) && !at_end && ended.is_ok();
        tokio::select! {
            biased;
            Some(sent) = flying.join_next() => {
                let sent = sent.map_err(|e| Failure::said(e.to_string()))?;
                if let Err(failure) = sums.count(sent, &args.file, server, bar) {
                    ended = Err(failure);
                }
            }
            _ = interrupts.recv() => {
                // Said once, what is on its way is waited for; said again, it is let go.
                if ended.is_err() {
                    flying.shutdown().await;
                } else {
                    bar.suspend(|| eprintln!("waiting for what is on its way; Ctrl-C: not even that"));
                }
                let words = "interrupted; submit the same file again to go on";
                ended = Err(Failure::said(words));
            }
            row = rows.recv(), if room => match row {
                Some((read, Ok(row))) => {
                    bar.set_position(read);
                    flying.spawn(send(server.clone(), row, ledger.cloned()));
                }
                Some((_, Err(bad))) => sums.bad_line(&bad, bar),
                None => at_end = true,
            },
        }
        bar.set_message(sums.line(began.elapsed()));
    }
    ended
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

async fn send(server: Connection, row: Row, ledger: Option<Arc<Ledger>>) -> Sent {
    let request = SubmitOrderRequest {
        request_id: row.request_id,
        submission: Some(row.submission),
        skip_repeats: true,
    };
    let answer = until_answered(|| {
        let stamped = server.stamp(request.clone());
        let mut client = IntakeServiceClient::new(server.channel.clone());
        async move { client.submit_order(stamped).await }
    });
    let answer = answer.await.map(|answer| answer.into_inner().receipt.unwrap_or_default());
    if let (Some(ledger), Ok(receipt)) = (ledger, &answer) {
        ledger.acknowledged(&request.request_id, &receipt.order_no).await;
    }
    Sent { line: row.line, answer }
}

impl Sums {
    /// Counts one answer; an error means that there is no point in going on.
    fn count(
        &mut self,
        sent: Sent,
        file: &Path,
        server: &Connection,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        self.sent += 1;
        match sent.answer {
            Ok(receipt) if receipt.replayed => self.duplicate += 1,
            Ok(_) => self.created += 1,
            Err(status) if is_worth_again(&status) => return Err(server.failure(status)),
            Err(status) => {
                self.refused += 1;
                let said = server.failure(status).explain();
                let said = said.lines().next().unwrap_or_default();
                self.tell(bar, &format!("{}:{}: {said}", file.display(), sent.line));
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

    fn summary(&self, time: Duration, output: Output) -> Result<(), Failure> {
        let Sums { sent, created, duplicate, refused, bad_lines, told: _ } = *self;
        let rate = self.rate(time);
        match output {
            Output::Json => say(&json!({
                "sent": sent,
                "created": created,
                "duplicate": duplicate,
                "refused": refused,
                "bad_lines": bad_lines,
                "seconds": (time.as_secs_f64() * 1_000.0).round() / 1_000.0,
                "rate": rate,
            })
            .to_string()),
            Output::Table => say(&format!(
                "{sent} sent in {:.1} s ({rate}/s): {created} created, {duplicate} there already, \
                 {refused} refused, {bad_lines} lines unreadable",
                time.as_secs_f64()
            )),
        }
    }
}
