//! `hotline board`: the cell's counters, level by level.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::{OutputArgs, sheet, table};
use super::show;
use crate::domain::{Level, Role};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::{GetBoardRequest, GetBoardResponse};
use clap::Args;
use comfy_table::CellAlignment;
use serde_json::{Map, json};

/// Shows how many orders stand where, and what became of the promises.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline board -o json")]
pub(super) struct BoardArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// The counters that stand for the whole city, with their Chinese names.
const WHOLE: [(&str, &str); 13] = [
    ("received", "受理登记"),
    ("open", "在办"),
    ("triage", "待受理"),
    ("review", "待审核"),
    ("follow_up", "待回访"),
    ("arrived", "按时到达"),
    ("arrived_late", "超时到达"),
    ("closed", "办结"),
    ("closed_late", "其中超时办结"),
    ("returned", "退单"),
    ("report_rejected", "驳回"),
    ("warned.arrival", "到达提醒"),
    ("warned.closure", "办结提醒"),
];

pub(super) async fn run(args: BoardArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = CommandServiceClient::new(server.channel.clone());
    let answer = client.get_board(server.stamp(GetBoardRequest {})).await;
    let board = server.answer(answer)?;
    args.output.print(
        || {
            let tallies: Map<_, _> =
                board.tallies.iter().map(|t| (t.name.clone(), json!(t.value))).collect();
            json!({ "at": show::long_moment(&board.at), "tallies": tallies })
        },
        || screen(&board),
    )
}

fn screen(board: &GetBoardResponse) -> String {
    let value = |name: &str| {
        let tally = board.tallies.iter().find(|t| t.name == name);
        tally.map_or_else(|| "-".to_owned(), |t| t.value.to_string())
    };
    let mut levels = table(&["层级", "待办", "签收", "下派", "超时下派", "到达超时", "办结超时"]);
    for level in Level::ALL {
        let of = |what: &str| value(&format!("{what}.{}", level.name()));
        levels.add_row([
            show::level_zh(level).to_owned(),
            of("waiting"),
            of("signed"),
            of("relayed"),
            of("passed_by"),
            of("breached.arrival"),
            of("breached.closure"),
        ]);
    }
    for column in levels.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let whole = sheet(WHOLE.iter().map(|(name, zh)| (*zh, value(name))).collect());
    format!("{levels}\n{whole}\n{}", show::long_moment(&board.at))
}
