//! `hotline train`: a centre's own labelled messages become a model.

use super::client::ClientArgs;
use super::failure::Failure;
use super::feedback;
use super::labelled::{self, Messages};
use super::output::{OutputArgs, sheet};
use super::reading::CatalogueArgs;
use crate::clock::tick;
use crate::train::figures::{Confusion, Sure};
use crate::train::{Example, FOLDS, MIN_EXAMPLES, Trained, train};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Trains a model on labelled messages, and says how well it reads what it has not seen.
///
/// A line of a file is a JSON object: label (or category), text (or detail), title (or
/// subject); other fields are not read. A label is the code or the name of a category or a
/// field of the catalogue, or a label of its labels.csv. The same messages give the same bytes,
/// by however many threads. The model is written last and whole, or not at all.
///
/// --from-feed learns of what people decided, from a running server: every order that somebody
/// took out of triage, corrected, or sent elsewhere when it was given back, with its words. It
/// is labelled as the messages of the files are, or without any by the field of its category.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline train --messages labelled.jsonl --out city.model\n  hotline train --messages 2024.jsonl --messages 2025.jsonl --out city.model -o json\n  hotline train --from-feed --messages 2025.jsonl --out city.model\n  hotline serve --model city.model"
)]
pub(super) struct TrainArgs {
    /// A file of labelled messages; may be given several times.
    #[arg(long, required_unless_present = "from_feed", value_name = "FILE")]
    messages: Vec<PathBuf>,
    /// Learns of the server's orders that people decided about, too.
    #[arg(long)]
    from_feed: bool,
    /// Where the model is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How many threads; else as many as there are cores.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: TrainArgs) -> Result<(), Failure> {
    let began = tick();
    let catalogue = args.catalogue.load()?;
    let mut messages = match args.messages.is_empty() {
        true => Messages::default(),
        false => labelled::read(&args.messages, &catalogue, None)?,
    };
    let mut origins = origins(&args.messages);
    if args.from_feed {
        messages = feedback::labelled(&args.client, &catalogue, messages).await?;
        origins.push(args.client.server.clone());
    }
    let (trained, messages) = trained(messages, &origins, args.threads)?;
    write(&args.out, &trained.model.to_bytes())?;
    let mut table = Confusion::new(messages.labels.len());
    let mut sure = Sure::default();
    for (row, likely) in messages.rows.iter().zip(&trained.crossed) {
        let read = likeliest(likely);
        table.add(row.label, read);
        sure.add(read.map_or(0.0, |r| likely[r]), read == Some(row.label));
    }
    let version = trained.model.version().to_string();
    let seconds = began.elapsed().as_secs_f64();
    args.output.print(
        || {
            json!({
                "model": args.out.display().to_string(),
                "version": version,
                "seconds": seconds,
                "cross_validated": figures_json(&messages.labels, &table, &sure),
            })
        },
        || {
            let head = sheet(vec![
                ("模型", args.out.display().to_string()),
                ("版本", version.clone()),
                ("用时", format!("{seconds:.1} s")),
                ("交叉验证", format!("{FOLDS} 折，{} 条", table.total())),
            ]);
            format!("{head}\n{}", figures_table(&messages.labels, &table, &sure))
        },
    )
}

/// Where messages are from, for who has to look.
pub(super) fn origins(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// Trains on the labels that have enough messages, and says aloud which have not.
pub(super) fn trained(
    mut messages: Messages,
    origins: &[String],
    threads: Option<u16>,
) -> Result<(Trained, Messages), Failure> {
    let counts = messages.counts();
    for (label, count) in messages.labels.iter().zip(&counts).filter(|(_, n)| **n < MIN_EXAMPLES) {
        eprintln!("left out: {label} has {count} messages, and {MIN_EXAMPLES} are the least");
    }
    messages.keep(|label| counts[label] >= MIN_EXAMPLES);
    let rows = messages.rows.iter();
    let examples: Vec<Example> =
        rows.map(|row| Example::new(&row.title, &row.text, row.label)).collect();
    let threads = match threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    // Nothing is drawn where nobody looks: the target hides itself off a terminal.
    let bar = ProgressBar::with_draw_target(Some(FOLDS as u64 + 1), ProgressDrawTarget::stderr());
    let done = |_| bar.inc(1);
    let trained = train(&messages.labels, &examples, threads, &done)
        .map_err(|e| Failure::said(format!("{}: {e}", origins.join(", "))))?;
    bar.finish_and_clear();
    Ok((trained, messages))
}

/// The place of the largest.
pub(super) fn likeliest(likely: &[f32]) -> Option<usize> {
    (0..likely.len()).max_by(|a, b| likely[*a].total_cmp(&likely[*b]).then(b.cmp(a)))
}

/// Under another name first, so that nobody reads half a model.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let named = |e: std::io::Error| Failure::said(format!("{}: {e}", path.display()));
    std::fs::write(&name, bytes).map_err(named)?;
    std::fs::rename(&name, path).map_err(named)
}

/// What a confusion table says, for programs.
pub(super) fn figures_json(labels: &[String], table: &Confusion, sure: &Sure) -> Value {
    let classes = labels.iter().enumerate().map(|(place, label)| {
        let by = table.by_label(place);
        let read: Vec<usize> = table.row(place).to_vec();
        json!({
            "label": label, "messages": by.count, "precision": by.precision,
            "recall": by.recall, "f1": by.f1, "read_as": read,
        })
    });
    json!({
        "messages": table.total(),
        "micro_f1": table.accuracy(),
        "macro_f1": table.macro_f1(),
        "accuracy_at_90_percent_coverage": sure.surest(0.9),
        "calibration_error": sure.calibration_error(),
        "classes": classes.collect::<Vec<_>>(),
    })
}

/// What a confusion table says, for people.
pub(super) fn figures_table(labels: &[String], table: &Confusion, sure: &Sure) -> String {
    let head: Vec<String> = ["实际＼判为", "精确", "召回", "F1"].map(str::to_owned).into();
    let head: Vec<String> =
        head.into_iter().chain(labels.iter().cloned()).chain(["无".to_owned()]).collect();
    let mut rows = super::output::table(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for (place, label) in labels.iter().enumerate() {
        let by = table.by_label(place);
        let figures = [by.precision, by.recall, by.f1].map(|figure| format!("{figure:.4}"));
        let counts = table.row(place).iter().map(usize::to_string);
        rows.add_row([label.clone()].into_iter().chain(figures).chain(counts));
    }
    format!(
        "{rows}\nmacro-F1 {:.4} · micro-F1 {:.4} · 覆盖 90% 时正确率 {:.4} · 校准误差 {:.4}",
        table.macro_f1(),
        table.accuracy(),
        sure.surest(0.9),
        sure.calibration_error()
    )
}
