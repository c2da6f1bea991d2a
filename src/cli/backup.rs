//! `hotline backup`: everything of a city, in one file.

use super::client::ClientArgs;
use super::config::ConfigArgs;
use super::failure::Failure;
use super::output::{OutputArgs, sheet};
use super::serve::failure;
use crate::clock::{tick, wall_now};
use crate::domain::Role;
use crate::pb::BackupRequest;
use crate::pb::admin_service_client::AdminServiceClient;
use crate::server::opening;
use crate::store::image::{self, Head, Kind, Piece, Plan, Tallied};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many pieces wait to be written.
const AHEAD: usize = 2;

/// Writes everything of a city as of one moment to one file: orders, papers, sealed contacts,
/// the feed, counters, remembered requests, numbers. Through its server, while it serves, from
/// either kind of store; or with --store from a store at rest. The key of the contacts is never
/// in it: keep a copy of the key file elsewhere.
///
/// What has left for the archive is not in it: copy that folder when the backup has ended.
///
/// The file holds what citizens said; only its owner can read it. It gets its name when it is
/// whole and on the disk, and is read to its end before.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline backup --out /var/backups/hotline\n  hotline backup --out city.backup --server http://127.0.0.1:12345 -o json\n  hotline backup --out city.backup --store redb:hotline.redb"
)]
pub(super) struct BackupArgs {
    /// The file, which must not be there; or a folder, in which it is named by city and time.
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: BackupArgs) -> Result<(), Failure> {
    let began = tick();
    let part = match args.out.is_dir() {
        true => args.out.join(format!("hotline-{}.part", std::process::id())),
        false => {
            must_be_free(&args.out)?;
            PathBuf::from(format!("{}.part", args.out.display()))
        }
    };
    // Whoever writes one keeps it locked; what a killed one left is in nobody's way.
    if File::open(&part).is_ok_and(|there| there.try_lock().is_err()) {
        let part = part.display();
        return Err(Failure::said(format!("{part} is being written by another backup")));
    }
    let written = write(&args, &part).await;
    let kept = written.and_then(|_locked| keep(&args.out, &part));
    if kept.is_err() {
        // What is not whole is no use to anybody; that it stays is not the failure to speak of.
        let _ = std::fs::remove_file(&part);
    }
    let (file, plan) = kept?;
    let (summary, holds) =
        (plan.summary(), plan.holds().map_err(|e| Failure::said(e.to_string()))?);
    let took = began.elapsed();
    args.output.print(
        || {
            let mut all = document(&holds, summary.bytes, took);
            all.insert("file".to_owned(), json!(file.display().to_string()));
            all.insert("cell".to_owned(), json!(summary.head.cell.to_string()));
            all.insert("at".to_owned(), json!(summary.moment.at.to_string()));
            Value::Object(all)
        },
        || {
            let mut rows = vec![
                ("文件 file", file.display().to_string()),
                ("城市 cell", summary.head.cell.to_string()),
                ("时点 at", summary.moment.at.to_string()),
            ];
            rows.extend(screen(&holds, summary.bytes, took));
            sheet(rows)
        },
    )
}

/// What there is, for programs.
pub(super) fn document(holds: &Tallied, bytes: u64, took: Duration) -> Map<String, Value> {
    let kinds = Kind::ALL.iter().filter(|kind| holds.count(**kind) > 0);
    let rows: Map<_, _> =
        kinds.map(|kind| (kind.name().to_owned(), json!(holds.count(*kind)))).collect();
    let all = [
        ("orders", json!(holds.count(Kind::Order))),
        ("events", json!(holds.events())),
        ("rows", json!(rows)),
        ("bytes", json!(bytes)),
        ("seconds", json!((took.as_secs_f64() * 1_000.0).round() / 1_000.0)),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What there is, for people.
pub(super) fn screen(holds: &Tallied, bytes: u64, took: Duration) -> Vec<(&'static str, String)> {
    vec![
        ("工单 orders", holds.count(Kind::Order).to_string()),
        ("事件 events", holds.events().to_string()),
        ("请求 requests", holds.count(Kind::Request).to_string()),
        ("大小 bytes", bytes.to_string()),
        ("用时 seconds", format!("{:.1}", took.as_secs_f64())),
    ]
}

/// A bar that hides itself where nobody looks.
pub(super) fn bar(size: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(template);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Never over anything: also a device, a pipe or a link would be replaced by the file.
fn must_be_free(file: &Path) -> Result<(), Failure> {
    match file.symlink_metadata() {
        Ok(_) => Err(Failure::said(format!(
            "{} is there already: name another file, or a folder",
            file.display()
        ))),
        Err(_) => Ok(()),
    }
}

async fn write(args: &BackupArgs, part: &Path) -> Result<File, Failure> {
    let named = || format!("{} cannot be written", part.display());
    // Never into what is there already: it may be another's, or lead elsewhere.
    match std::fs::remove_file(part) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e).with_context(named)?,
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(part).with_context(named)?;
    file.try_lock().map_err(std::io::Error::from).with_context(named)?;
    let put = |bytes: &[u8]| (&file).write_all(bytes).with_context(named);
    let bar = bar(0, "{bar:40} {percent:>3}% {pos} orders {eta}");
    let taken = match args.config.names("store") {
        true => from_store(args, put, &bar).await,
        false => from_server(args, put, &bar).await,
    };
    bar.finish_and_clear();
    taken?;
    file.sync_all().with_context(named)?;
    Ok(file)
}

async fn from_server(
    args: &BackupArgs,
    put: impl Fn(&[u8]) -> anyhow::Result<()>,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let server = args.client.connect_patiently(Role::Dispatcher).await?;
    let mut client = AdminServiceClient::new(server.channel.clone());
    let mut pieces = server.answer(client.backup(server.stamp(BackupRequest {})).await)?;
    while let Some(piece) = pieces.message().await.map_err(|status| server.failure(status))? {
        bar.set_length(piece.orders_expected.max(piece.orders));
        bar.set_position(piece.orders);
        put(&piece.image)?;
    }
    Ok(())
}

async fn from_store(
    args: &BackupArgs,
    put: impl Fn(&[u8]) -> anyhow::Result<()>,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    let (store, head) = opening::store_at_rest(&config).await.map_err(failure)?;
    let said = |e: crate::store::StoreError| Failure::said(e.to_string());
    let received = store.tallies().await.map_err(said)?;
    let received = received.iter().find(|(tally, _)| *tally == "received");
    bar.set_length(received.map_or(0, |(_, n)| n.max(&0).unsigned_abs()));
    let (sender, pieces) = mpsc::channel::<Piece>(AHEAD);
    let writing = async {
        // They go with whoever writes them: where nothing can be written, no more are made.
        let mut pieces = pieces;
        while let Some(piece) = pieces.recv().await {
            bar.set_position(piece.orders);
            put(&piece.bytes)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    // Other processes may serve it, if it is in Redis.
    let (taken, written) = tokio::join!(image::take(&*store, head, true, sender), writing);
    store.close().await;
    written?;
    taken.map(|_| ()).map_err(said)
}

/// Reads the file to its end, and gives it its name.
fn keep(out: &Path, part: &Path) -> Result<(PathBuf, Plan), Failure> {
    let plan = Plan::read(part, |_| {}).map_err(|e| Failure::said(e.to_string()))?;
    let Head { cell, .. } = plan.summary().head;
    let file = match out.is_dir() {
        true => {
            let time: String = wall_now().to_string().chars().take(19).collect();
            out.join(format!("hotline-{cell}-{}.backup", time.replace(':', "-")))
        }
        false => out.to_owned(),
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    must_be_free(&file)?;
    let named = || file.display().to_string();
    let plan = plan.renamed(&file).with_context(named)?;
    let flushed = File::open(folder.unwrap_or(Path::new("."))).and_then(|f| f.sync_all());
    flushed.with_context(named)?;
    Ok((file, plan))
}
