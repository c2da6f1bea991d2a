//! `hotline restore`: a store, from a file that `hotline backup` wrote.

use super::backup::{bar, document, screen};
use super::config::ConfigArgs;
use super::failure::Failure;
use super::output::{OutputArgs, sheet};
use super::serve::failure;
use crate::clock::tick;
use crate::server::opening;
use crate::store::image::{Plan, RestoreError};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Makes a store of a backup, of either kind from either kind. The store must be empty, and
/// key_file must be the key that the city was served with.
///
/// The file is checked to its end before anything is written. The store is marked until all of
/// it is there and was compared with the file: a restore that was cut short leaves nothing that
/// could be served, and is begun again with the same command. Order numbers, claims and the
/// feed go on beyond whatever the original may have given since: readers of the feed go on
/// where they are, and those who read what the backup does not have are told so.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline restore --from city.backup --store redis://127.0.0.1:6379\n  hotline restore --from city.backup --store redb:hotline.redb --key-file hotline.key -o json"
)]
pub(super) struct RestoreArgs {
    /// The file.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: RestoreArgs) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    let began = tick();
    let size = std::fs::metadata(&args.from).map_or(0, |file| file.len());
    // Read once to be checked, once to be written, and then the store is read.
    let bar = bar(3 * size, "{bar:40} {percent:>3}% {eta}");
    let said = |e: RestoreError| Failure::said(e.to_string());
    let plan = Plan::read(&args.from, |at| bar.set_position(at)).map_err(said)?;
    let target = opening::target(&config, &plan.summary().head).await.map_err(failure)?;
    let applied = plan.apply(target, |at| bar.set_position(size + at)).await;
    bar.finish_and_clear();
    let (holds, bytes) = (applied.map_err(said)?, plan.summary().bytes);
    let (took, store) = (began.elapsed(), config.store.to_string());
    args.output.print(
        || {
            let mut all = document(&holds, bytes, took);
            all.insert("store".to_owned(), json!(store));
            all.insert("cell".to_owned(), json!(config.cell.to_string()));
            Value::Object(all)
        },
        || {
            let mut rows =
                vec![("存储 store", store.clone()), ("城市 cell", config.cell.to_string())];
            rows.extend(screen(&holds, bytes, took));
            sheet(rows)
        },
    )
}
