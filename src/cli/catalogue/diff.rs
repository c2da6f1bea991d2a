//! `hotline catalogue diff`: what another catalogue would do to the orders that are open now.

use crate::catalogue::{Catalogue, CatalogueError};
use crate::cli::client::{ClientArgs, Connection};
use crate::cli::failure::Failure;
use crate::cli::order::pages;
use crate::cli::output::{OutputArgs, table};
use crate::cli::show;
use crate::domain::{Category, Division, Kind, Mode, Role, Timestamp, Unit, Urgency};
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::{GetModeRequest, ListOrdersRequest, Order};
use crate::route::route;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// The most orders that are looked at.
const MAX_ORDERS: u32 = 1_000_000;

/// Shows which open orders of a server another catalogue would send elsewhere or give other
/// limits. Orders keep what they were stamped with: nothing of this happens by itself.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  hotline catalogue diff new-catalogue --server http://127.0.0.1:12345"
)]
pub(in crate::cli) struct DiffArgs {
    /// The other catalogue's folder.
    folder: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(in crate::cli) async fn run(args: DiffArgs) -> Result<(), Failure> {
    let unusable = |error: CatalogueError| {
        let folder = args.folder.display();
        Failure::said(format!("the catalogue {folder} cannot be used:\n{error}"))
    };
    let catalogue = Catalogue::load(&args.folder).map_err(unusable)?;
    let server = args.client.connect(Role::Dispatcher).await?;
    let mode = mode(&server).await?;
    let orders = pages(&server, ListOrdersRequest::default(), MAX_ORDERS).await?;
    let open: Vec<_> = orders.iter().filter(|order| !order.holder.is_empty()).collect();
    let changes: Vec<_> = open
        .iter()
        .map(|order| (order.order_no.clone(), changes(order, &catalogue, mode)))
        .filter(|(_, changes)| !changes.is_empty())
        .collect();
    args.output.print(
        || {
            let change = |(no, changes): &(String, Vec<String>)| {
                json!({ "order_no": no, "changes": changes })
            };
            json!({
                "version": catalogue.version(),
                "open": open.len(),
                "orders": changes.iter().map(change).collect::<Vec<_>>(),
            })
        },
        || {
            let mut lines = table(&["单号", "会变的"]);
            for (no, changes) in &changes {
                lines.add_row([no.clone(), changes.join("\n")]);
            }
            format!("{lines}\n在办 {} 件，其中 {} 件会变", open.len(), changes.len())
        },
    )
}

async fn mode(server: &Connection) -> Result<Mode, Failure> {
    let mut client = AdminServiceClient::new(server.channel.clone());
    let answer = client.get_mode(server.stamp(GetModeRequest {})).await;
    let status = server.answer(answer)?.status.unwrap_or_default();
    Mode::from_name(&show::mode(status.mode))
        .ok_or_else(|| Failure::said("the server is of a newer version: its mode is unknown"))
}

/// What would be otherwise with this order, in words.
fn changes(order: &Order, new: &Catalogue, mode: Mode) -> Vec<String> {
    let reading = order.reading.clone().unwrap_or_default();
    let mut all = Vec::new();
    let units = order.chain.iter().filter_map(|unit| unit.parse::<Unit>().ok());
    let gone = units.filter(|unit| new.unit(*unit).is_none());
    all.extend(gone.map(|unit| format!("单位 {unit} 已不在目录中")));
    let category = Category(reading.category.parse().unwrap_or(0));
    if category != Category::NONE && new.category(category).is_none() {
        all.push(format!("类别 {category} 已不在目录中"));
    }
    if let Ok(division) = reading.division.parse::<Division>()
        && order.rule != 0
    {
        match route(new, category, division) {
            Ok(route) => {
                let chain: Vec<_> = route.plan.units().iter().map(Unit::to_string).collect();
                if chain != order.chain && order.refused_by.is_empty() && order.returned == 0 {
                    let (was, is) = (order.chain.join(" → "), chain.join(" → "));
                    all.push(format!("派单链 {was} 会是 {is}"));
                }
            }
            Err(why) => all.push(format!("无派单规则：{why}")),
        }
    }
    let kind = Kind::from_name(&show::kind(reading.kind));
    let urgency = Urgency::from_name(&show::urgency(reading.urgency));
    let heard_at = show::moment(&order.heard_at);
    if let (Some(kind), Some(urgency), Some(heard_at)) = (kind, urgency, heard_at) {
        all.extend(limits(order, new, (kind, urgency, mode), heard_at));
    }
    all
}

/// Limits that would be others; one that was extended is compared no more.
fn limits(
    order: &Order,
    new: &Catalogue,
    (kind, urgency, mode): (Kind, Urgency, Mode),
    heard_at: Timestamp,
) -> Vec<String> {
    let policy = new.policy_for(kind, urgency, mode, heard_at);
    let extended = order.extended > 0;
    let clocks = [
        ("到达", &order.arrival, policy.arrival, false),
        ("办结", &order.closure, policy.closure, extended),
    ];
    let mut all = Vec::new();
    for (name, clock, limit, skipped) in clocks {
        let was = clock.as_ref().and_then(|clock| show::span(&clock.limit));
        if let Some(was) = was.filter(|was| *was != limit && !skipped) {
            all.push(format!("{name}时限 {was} 会是 {limit}"));
        }
    }
    all
}
