//! `hotline board`: the cell's counters, level by level.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::{OutputArgs, sheet, table};
use super::show;
use crate::domain::{Level, Role};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::{GetBoardRequest, GetBoardResponse, SimilarBurst};
use clap::Args;
use comfy_table::CellAlignment;
use serde_json::{Map, Value, json};

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
            let bursts: Vec<_> = board.bursts.iter().map(burst).collect();
            json!({ "at": show::long_moment(&board.at), "tallies": tallies, "bursts": bursts })
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
    let mut screen = format!("{levels}\n{whole}\n");
    if !board.bursts.is_empty() {
        let mut bursts = table(&["类案预警", "类别", "件数", "起", "最近", "工单"]);
        for burst in &board.bursts {
            bursts.add_row([
                burst.town_name.clone(),
                burst.category_name.clone(),
                burst.orders.to_string(),
                show::short_moment(&burst.since),
                show::short_moment(&burst.last_at),
                burst.order_nos.join("\n"),
            ]);
        }
        screen += &format!("{bursts}\n");
    }
    screen + &show::long_moment(&board.at)
}

fn burst(burst: &SimilarBurst) -> Value {
    json!({
        "town": burst.town,
        "town_name": burst.town_name,
        "category": burst.category,
        "category_name": burst.category_name,
        "orders": burst.orders,
        "order_nos": burst.order_nos,
        "since": show::long_moment(&burst.since),
        "last_at": show::long_moment(&burst.last_at),
    })
}
