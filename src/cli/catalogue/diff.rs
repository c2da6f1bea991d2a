//! `hotline catalogue diff`: what another catalogue would do to the orders that are open now.

use crate::catalogue::Catalogue;
use crate::cli::client::{ClientArgs, Connection};
use crate::cli::failure::Failure;
use crate::cli::order::pages;
use crate::cli::output::{OutputArgs, table};
use crate::cli::show;
use crate::domain::{Category, Division, Kind, Mode, Policy, Role, Span, Unit, Urgency};
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::{Clock, GetModeRequest, GetModeResponse, ListOrdersRequest, Order};
use crate::route::route;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The most orders that are looked at.
const MAX_ORDERS: u32 = 1_000_000;

/// Shows which open orders of a server another catalogue would send elsewhere or give other
/// limits than the one in force. Orders keep what they were stamped with: nothing of this
/// happens by itself.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline catalogue diff new-catalogue --server http://127.0.0.1:12345\n  hotline catalogue diff new-catalogue --old deploy/jiaxing"
)]
pub(in crate::cli) struct DiffArgs {
    /// The other catalogue's folder.
    folder: PathBuf,
    /// The folder of the one in force, as the server was given it; else the one built in.
    #[arg(long)]
    old: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// What is compared.
struct Both {
    old: Catalogue,
    new: Catalogue,
    /// The mode in force.
    mode: Mode,
}

pub(in crate::cli) async fn run(args: DiffArgs) -> Result<(), Failure> {
    let new = load(Some(&args.folder))?;
    let old = load(args.old.as_deref())?;
    let server = args.client.connect(Role::Dispatcher).await?;
    let mode = in_force(&server, &old).await?;
    let both = Both { old, new, mode };
    let orders = pages(&server, ListOrdersRequest::default(), MAX_ORDERS).await?;
    let open: Vec<_> = orders.iter().filter(|order| !order.holder.is_empty()).collect();
    let changes: Vec<_> = open
        .iter()
        .map(|order| (order.order_no.clone(), changes(order, &both)))
        .filter(|(_, changes)| !changes.is_empty())
        .collect();
    args.output.print(
        || {
            let change = |(no, changes): &(String, Vec<String>)| {
                json!({ "order_no": no, "changes": changes })
            };
            json!({
                "version": both.new.version(),
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

fn load(folder: Option<&Path>) -> Result<Catalogue, Failure> {
    let Some(folder) = folder else {
        return Catalogue::builtin().map_err(|error| Failure::said(error.to_string()));
    };
    Catalogue::load(folder).map_err(|error| {
        let folder = folder.display();
        Failure::said(format!("the catalogue {folder} cannot be used:\n{error}"))
    })
}

/// The mode in force, if `old` is the catalogue in force.
async fn in_force(server: &Connection, old: &Catalogue) -> Result<Mode, Failure> {
    let mut client = AdminServiceClient::new(server.channel.clone());
    let answer = client.get_mode(server.stamp(GetModeRequest {})).await;
    let GetModeResponse { status, catalogue_version, catalogue_sha256 } = server.answer(answer)?;
    if catalogue_sha256 != old.digest() {
        return Err(Failure::said(format!(
            "the server reads another catalogue (version {catalogue_version}) than the one to \
             compare with (version {}): name the folder it was given with --old",
            old.version()
        )));
    }
    Mode::from_name(&show::mode(status.unwrap_or_default().mode))
        .ok_or_else(|| Failure::said("the server is of a newer version: its mode is unknown"))
}

/// What would be otherwise with this order, in words: only what the catalogues say
/// differently, whatever people have done with it since.
fn changes(order: &Order, both: &Both) -> Vec<String> {
    let Both { old, new, mode: _ } = both;
    let reading = order.reading.clone().unwrap_or_default();
    let mut all = Vec::new();
    let units = order.chain.iter().filter_map(|unit| unit.parse::<Unit>().ok());
    let gone = units.filter(|unit| new.unit(*unit).is_none() && old.unit(*unit).is_some());
    all.extend(gone.map(|unit| format!("单位 {unit} 不再在目录中")));
    let category = Category(reading.category.parse().unwrap_or(0));
    if new.category(category).is_none() && old.category(category).is_some() {
        all.push(format!("类别 {category} 不再在目录中"));
    }
    if let Ok(division) = reading.division.parse::<Division>()
        && order.rule != 0
    {
        let chain = |catalogue| {
            let route = route(catalogue, category, division);
            route.map(|route| {
                let units: Vec<_> = route.plan.units().iter().map(Unit::to_string).collect();
                units.join(" → ")
            })
        };
        match (chain(old), chain(new)) {
            (Ok(was), Ok(is)) if was != is => all.push(format!("派单链 {was} 会是 {is}")),
            (Ok(_), Err(why)) => all.push(format!("无派单规则：{why}")),
            (Err(_), Ok(is)) => all.push(format!("派单链会是 {is}")),
            (Ok(_) | Err(_), _) => {}
        }
    }
    let kind = Kind::from_name(&show::kind(reading.kind));
    let urgency = Urgency::from_name(&show::urgency(reading.urgency));
    if let (Some(kind), Some(urgency)) = (kind, urgency) {
        all.extend(limits(order, both, kind, urgency));
    }
    all
}

/// Limits that would be others, of the promises that still run.
fn limits(order: &Order, both: &Both, kind: Kind, urgency: Urgency) -> Vec<String> {
    let Both { old, new, mode } = both;
    let Some(heard_at) = show::moment(&order.heard_at) else { return Vec::new() };
    // Orders in flight may have kept the limits of the mode before.
    let stamped = |mode: &&Mode| {
        u32::from(old.policy_for(kind, urgency, **mode, heard_at).id) == order.policy_id
    };
    let mode = *[mode].into_iter().chain(Mode::ALL).find(stamped).unwrap_or(mode);
    let of = |catalogue: &Catalogue, from| catalogue.policy_for(kind, urgency, mode, from);
    let reworked_at = order.rounds.last().and_then(|round| show::moment(&round.reworked_at));
    let from = reworked_at.unwrap_or(heard_at);
    let runs = |clock: &Option<Clock>| {
        clock.as_ref().is_some_and(|c| c.stopped_at.is_none() && c.breached_at.is_none())
    };
    // What an earlier catalogue stamped is read off the order: `old` says nothing of it.
    let earlier = order.policy_version != old.version();
    let was = |clock: &Option<Clock>, of_old: Span| {
        let stamped = clock.as_ref().and_then(|clock| clock.limit.as_ref()).filter(|_| earlier);
        stamped.map_or(of_old, |l| Span(l.seconds * 1_000 + i64::from(l.nanos) / 1_000_000))
    };
    let (arrival, closure) = (&order.arrival, &order.closure);
    let clocks = [
        ("到达", arrival, was(arrival, of(old, heard_at).arrival), of(new, heard_at).arrival),
        ("办结", closure, was(closure, of(old, from).closure), of(new, from).closure),
    ];
    let moved = clocks.into_iter().filter(|(_, clock, was, is)| was != is && runs(clock));
    let mut all: Vec<_> =
        moved.map(|(name, _, was, is)| format!("{name}时限 {was} 会是 {is}")).collect();
    let terms = |catalogue| {
        let (version, arrival, closure) = (0, Span::ZERO, Span::ZERO);
        Policy { version, arrival, closure, plain_weekends: false, ..of(catalogue, from) }
    };
    if !earlier && terms(old) != terms(new) {
        all.push("份额、提醒、延期、退单、回访等规定会变".to_owned());
    }
    all
}
