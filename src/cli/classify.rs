//! `hotline classify`: what one message would be read as, and why.

use super::failure::Failure;
use super::output::{OutputArgs, sheet, table};
use super::reading::{CatalogueArgs, classifier};
use crate::catalogue::{Catalogue, Speaks};
use crate::classify::Classification;
use crate::domain::{Category, Confidence};
use clap::Args;
use serde_json::json;
use std::io::Read;
use std::path::PathBuf;

/// The most bytes of a text that are read.
const MAX_TEXT: u64 = 4 << 20;

/// Says what a message would be read as, how surely, and the words that decided; asks no server.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline classify 小区门口的路灯坏了三天没人修\n  hotline classify --model city.model --title 拖欠工资 '老板三个月没有发工资' -o json\n  cat message.txt | hotline classify -"
)]
pub(super) struct ClassifyArgs {
    /// The message; `-` reads it from the standard input.
    text: String,
    /// Its title.
    #[arg(long, default_value = "")]
    title: String,
    /// The model that `hotline train` made; else the catalogue's keywords are alone.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: ClassifyArgs) -> Result<(), Failure> {
    let catalogue = args.catalogue.load()?;
    let classifier = classifier(&catalogue, args.model.as_deref())?;
    let mut text = args.text;
    if text == "-" {
        text.clear();
        std::io::stdin().take(MAX_TEXT).read_to_string(&mut text)?;
    }
    let read = classifier.classify(&args.title, &text);
    let candidates: Vec<_> = [(read.category, read.category_confidence)]
        .into_iter()
        .chain(read.rivals.iter().copied())
        .filter(|(category, _)| *category != Category::NONE)
        .take(3)
        .collect();
    let model = read.model.map(|model| model.to_string());
    args.output.print(
        || {
            let candidates = candidates.iter().map(|(category, confidence)| {
                let name = name(&catalogue, *category);
                json!({
                    "category": category.to_string(), "name": name,
                    "confidence": confidence.percent(),
                })
            });
            let evidence = read.evidence.iter().map(|e| {
                json!({
                    "word": e.keyword, "speaks_for": e.speaks.to_string(), "weight": e.weight,
                    "in_title": e.in_title,
                })
            });
            json!({
                "candidates": candidates.collect::<Vec<_>>(),
                "kind": read.kind.name(),
                "urgency": read.urgency.name(),
                "evidence": evidence.collect::<Vec<_>>(),
                "model_version": model,
            })
        },
        || screen(&catalogue, &read, &candidates, model.as_deref().unwrap_or("-")),
    )
}

fn screen(
    catalogue: &Catalogue,
    read: &Classification,
    candidates: &[(Category, Confidence)],
    model: &str,
) -> String {
    let mut rows = vec![
        ("诉求类型", read.kind.zh().to_owned()),
        ("紧急程度", read.urgency.zh().to_owned()),
        ("分类模型", model.to_owned()),
    ];
    if candidates.is_empty() {
        rows.push(("类别", "-".to_owned()));
    }
    for (category, confidence) in candidates {
        let name = name(catalogue, *category);
        rows.push(("类别", format!("{category} {name}（{}%）", confidence.percent())));
    }
    let mut words = table(&["词语", "指向", "分量", "标题"]);
    for e in &read.evidence {
        let speaks = match e.speaks {
            Speaks::Category(category) => name(catalogue, category),
            Speaks::Field(field) => catalogue.field_name(field).unwrap_or_default().to_owned(),
            Speaks::Kind(kind) => kind.zh().to_owned(),
            Speaks::Urgency(urgency) => urgency.zh().to_owned(),
        };
        let in_title = if e.in_title { "是" } else { "" };
        words.add_row([e.keyword.clone(), speaks, e.weight.to_string(), in_title.to_owned()]);
    }
    format!("{}\n{words}", sheet(rows))
}

fn name(catalogue: &Catalogue, category: Category) -> String {
    let row = catalogue.category(category);
    row.map_or_else(String::new, |row| format!("{}/{}", row.field_name, row.name))
}
