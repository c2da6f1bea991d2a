//! `hotline queue …`: what waits at a unit's desks, and what is kept from them.

use super::client::{ClientArgs, parse};
use super::failure::Failure;
use super::moves;
use super::order::{order_table, pages};
use super::output::OutputArgs;
use super::show;
use super::work::ChangeArgs;
use crate::domain::{Desk, Role, Unit};
use crate::pb::{self, ListOrdersRequest};
use clap::{Args, Subcommand};
use serde_json::json;

/// The most orders of one tray that are listed.
const MAX_TRAY: u32 = 10_000;

/// Looks at the trays of a unit.
#[derive(Subcommand, Debug)]
pub(super) enum QueueVerb {
    Ls(LsArgs),
    Parked(ParkedArgs),
    /// Lets a parked order be handed out again, once somebody has looked at it.
    #[command(after_help = "Example:\n  hotline queue release 3304-261123-00042-5")]
    Release {
        /// Which.
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Lists what is no longer handed out, for it was pulled again and again and never signed: with
/// the unit itself or one level below it. Its clocks run on. The centre sees all of the city.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline queue parked          all of the city\n  hotline queue parked 330402   a county's, and those of the level below"
)]
pub(super) struct ParkedArgs {
    /// Before whose eyes; else those of the unit one acts for.
    #[arg(value_parser = parse::<Unit>)]
    of: Option<Unit>,
    /// The most to list.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TRAY)))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Lists what waits with a unit, earliest deadline first, tray by tray.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline queue ls                         the centre's trays\n  hotline queue ls 330402 --desk review    what a county must decide"
)]
pub(super) struct LsArgs {
    /// Whose trays; else those of the unit one acts for.
    #[arg(value_parser = parse::<Unit>)]
    of: Option<Unit>,
    /// Only this tray, for example lead, approval or follow_up; --desk help lists them all.
    #[arg(long, value_parser = desk)]
    desk: Option<Desk>,
    /// The most to list of each tray.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TRAY)))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

fn desk(text: &str) -> Result<Desk, String> {
    let all: Vec<_> = Desk::ALL.iter().map(|d| d.name()).collect();
    Desk::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

pub(super) async fn run(verb: QueueVerb) -> Result<(), Failure> {
    match verb {
        QueueVerb::Ls(args) => ls(args).await,
        QueueVerb::Parked(ParkedArgs { of, limit, output, client }) => {
            ls(LsArgs { of, desk: Some(Desk::Parked), limit, output, client }).await
        }
        QueueVerb::Release { change } => moves::release(change).await,
    }
}

async fn ls(args: LsArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let unit = args.of.unwrap_or(args.client.unit);
    let desks = args.desk.as_ref().map_or(Desk::ALL, std::slice::from_ref);
    let mut trays: Vec<(Desk, Vec<pb::Order>)> = Vec::new();
    for desk in desks {
        let filter = ListOrdersRequest {
            unit: unit.to_string(),
            desk: i32::from(desk.byte()),
            ..ListOrdersRequest::default()
        };
        trays.push((*desk, pages(&server, filter, args.limit).await?));
    }
    args.output.print(
        || {
            let tray = |(desk, orders): &(Desk, Vec<pb::Order>)| {
                let orders: Vec<_> = orders.iter().map(show::order_json).collect();
                json!({ "unit": unit.to_string(), "desk": desk.name(), "orders": orders })
            };
            json!(trays.iter().map(tray).collect::<Vec<_>>())
        },
        || {
            let tray = |(desk, orders): &(Desk, Vec<pb::Order>)| match orders.is_empty() {
                true => format!("{unit} {}：空", desk.zh()),
                false => format!("{unit} {}：\n{}", desk.zh(), order_table(orders)),
            };
            trays.iter().map(tray).collect::<Vec<_>>().join("\n")
        },
    )
}
