//! `hotline eval`: how well and how fast messages and addresses are read, against what people
//! said.

mod addresses;
mod calls;
mod drift;
mod messages;

use super::client::ClientArgs;
use super::failure::Failure;
use super::labelled::{self, Messages};
use super::output::{Output, OutputArgs, say};
use super::reading::{CatalogueArgs, load_model};
use super::train::{origins, trained};
use crate::catalogue::Catalogue;
use crate::classify::{Classifier, Model};
use clap::Args;
use serde_json::Map;
use std::path::PathBuf;

/// Measures how labelled messages are read: precision, recall and F1 of each label, how much
/// is right at a confidence, and the time a message takes on one core.
///
/// Without a model the catalogue's keywords are measured. --cross-validate trains as `hotline
/// train` would, and has each message read by a model that has not seen it. --calls sends
/// matters with an address the whole way, and counts what would wait for a person.
/// --addresses measures the locator instead, against the codes that people gave.
///
/// --drift asks a running server instead: of each order that a person has decided about, or
/// that was closed, the category first stamped on it against the one it has now.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline eval --messages holdout.jsonl                       keywords alone\n  hotline eval --model city.model --messages holdout.jsonl\n  hotline eval --cross-validate --messages labelled.jsonl --calls calls.jsonl -o json\n  hotline eval --addresses jiaxing.csv\n  hotline eval --addresses china.csv --divisions china_to_town.csv -o json\n  hotline eval --drift                                        this month against the last"
)]
pub(super) struct EvalArgs {
    /// A file of labelled messages, as `hotline train` reads them; may be given several times.
    #[arg(long, required_unless_present_any = ["addresses", "drift"], value_name = "FILE")]
    messages: Vec<PathBuf>,
    /// Compares how right the first decision was about the orders of the feed's last month and
    /// of the month before, and how many went to triage.
    #[arg(long, conflicts_with_all = ["messages", "model", "cross_validate", "calls"])]
    drift: bool,
    /// The model to measure.
    #[arg(long, value_name = "FILE", conflicts_with = "cross_validate")]
    model: Option<PathBuf>,
    /// Measures what `hotline train` would make of these messages, on what it has not seen.
    #[arg(long)]
    cross_validate: bool,
    /// A file of matters with title, text and address, as `hotline submit` reads them; their
    /// labels are those of the messages with the same title and text.
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// The confidence below which a matter is a person's decision, as category_confidence.
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    threshold: u8,
    /// Addresses with their codes: CSV with the columns address and code, and where there are
    /// such, tagged_unresolved (rows where it is not empty are left out) and spans.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["messages", "model", "calls", "drift"])]
    addresses: Option<PathBuf>,
    /// The places that are known: CSV with the columns code and name, level and parent_code
    /// where it has them; else the city's divisions within those of the country.
    #[arg(long, value_name = "FILE", requires = "addresses")]
    divisions: Option<PathBuf>,
    /// Shows each address that is read wrongly, on stderr.
    #[arg(long, requires = "addresses")]
    show_wrong: bool,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What reads: one classifier for all messages, or one for each fold of them.
struct Readers {
    readers: Vec<Classifier>,
    /// For each message its fold; empty where one reads all.
    of: Vec<usize>,
}

impl Readers {
    /// Who reads the message at a place.
    fn of(&self, place: usize) -> &Classifier {
        &self.readers[self.of.get(place).copied().unwrap_or(0)]
    }

    /// The model that has a say.
    fn trained(&self) -> Option<&Model> {
        self.of(0).model()
    }
}

pub(super) async fn run(args: EvalArgs) -> Result<(), Failure> {
    if let Some(path) = &args.addresses {
        return addresses::run(path, args.divisions.as_deref(), args.show_wrong, args.output);
    }
    if args.drift {
        return drift::run(&args.client, &args.output).await;
    }
    let catalogue = args.catalogue.load()?;
    let model = args.model.as_deref().map(load_model).transpose()?;
    let classes = model.as_ref().map(Model::classes);
    let messages = labelled::read(&args.messages, &catalogue, classes)?;
    let (readers, messages) = readers(&args, &catalogue, model, messages)?;
    let read = messages::measure(&catalogue, &readers, &messages, args.threshold)?;
    let calls = args.calls.as_deref();
    let calls = calls.map(|path| calls::measure(path, &catalogue, &readers, &messages, &args));
    let calls = calls.transpose()?;
    match args.output.output {
        Output::Json => {
            let mut all = Map::new();
            all.insert("messages".to_owned(), read.json(&messages.labels));
            if let Some(calls) = &calls {
                all.insert("calls".to_owned(), calls.json());
            }
            say(&format!("{:#}", serde_json::Value::Object(all)))
        }
        Output::Table => {
            let calls = calls.map_or_else(String::new, |calls| format!("\n\n{}", calls.screen()));
            say(&format!("{}{calls}", read.screen(&messages.labels)))
        }
    }
}

/// Who reads the messages, and those of them that are read.
fn readers(
    args: &EvalArgs,
    catalogue: &Catalogue,
    model: Option<Model>,
    messages: Messages,
) -> Result<(Readers, Messages), Failure> {
    let with = |model: Model| {
        let with = Classifier::with_model(catalogue, model);
        with.map_err(|e| Failure::said(e.to_string()))
    };
    if args.cross_validate {
        let (trained, messages) = trained(messages, &origins(&args.messages), None)?;
        let readers = trained.folds.into_iter().map(with).collect::<Result<_, _>>()?;
        return Ok((Readers { readers, of: trained.fold_of }, messages));
    }
    let reader = match model {
        Some(model) => with(model)?,
        None => Classifier::new(catalogue),
    };
    Ok((Readers { readers: vec![reader], of: Vec::new() }, messages))
}
