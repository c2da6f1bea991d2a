//! `hotline archive …`: what left the store.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::{OutputArgs, table};
use crate::domain::Role;
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::{ArchiveDay, ListArchiveRequest};
use clap::{Args, Subcommand};
use comfy_table::CellAlignment;
use serde_json::{Value, json};

/// Looks at the archive: Parquet files, also for DuckDB and Polars.
#[derive(Subcommand, Debug)]
pub(super) enum ArchiveVerb {
    Ls(LsArgs),
}

pub(super) async fn run(verb: ArchiveVerb) -> Result<(), Failure> {
    match verb {
        ArchiveVerb::Ls(args) => ls(args).await,
    }
}

/// Lists what is in the archive, day by day. Exit code 1 if a file cannot be read.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline archive ls -o json")]
pub(super) struct LsArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn ls(args: LsArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = AdminServiceClient::new(server.channel.clone());
    let answer = client.list_archive(server.stamp(ListArchiveRequest {})).await;
    let archive = server.answer(answer)?;
    let days = &archive.days;
    args.output.print(
        || json!({ "folder": archive.folder, "days": days.iter().map(document).collect::<Vec<_>>() }),
        || screen(&archive.folder, days),
    )?;
    let is_whole = days.iter().all(|day| day.broken.is_empty());
    if is_whole { Ok(()) } else { Err(Failure::Told) }
}

fn document(day: &ArchiveDay) -> Value {
    json!({
        "day": day.day,
        "orders": day.orders,
        "events": day.events,
        "files": day.files,
        "bytes": day.bytes,
        "broken": day.broken,
    })
}

fn screen(folder: &str, days: &[ArchiveDay]) -> String {
    let mut lines = table(&["日期", "工单", "事件", "文件", "字节"]);
    let row = |name: &str, of: [u64; 4]| {
        std::iter::once(name.to_owned()).chain(of.map(|n| n.to_string())).collect::<Vec<_>>()
    };
    let mut sum = [0; 4];
    for day in days {
        let of = [day.orders, day.events, day.files, day.bytes];
        sum = std::array::from_fn(|at| sum[at] + of[at]);
        lines.add_row(row(&day.day, of));
    }
    lines.add_row(row("合计", sum));
    for column in 1..=4 {
        if let Some(column) = lines.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{folder}\n{lines}");
    for broken in days.iter().flat_map(|day| &day.broken) {
        text.push_str(&format!("\n{broken}"));
    }
    text
}
