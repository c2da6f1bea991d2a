//! `hotline order …`: looking at orders. What changes them is in [`super::work`].

use super::client::ClientArgs;
use super::failure::Failure;
use super::moves::MoveVerb;
use super::output::{Output, OutputArgs, say, sheet, table};
use super::{explain, happening, moves, show, work};
use crate::domain::{OrderNo, Role, Stage};
use crate::pb::feed_service_client::FeedServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::work_order_service_client::WorkOrderServiceClient;
use crate::pb::{self, GetContactRequest, GetOrderRequest, ListOrdersRequest, WatchFeedRequest};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

/// The most orders `list` prints, whatever is asked for.
const MAX_LIST: u32 = 100_000;
/// How many are asked for at a time.
const PAGE: u32 = 200;

/// Looks at orders, and moves them along the chain.
#[derive(Subcommand, Debug)]
pub(super) enum OrderVerb {
    Get(GetArgs),
    Explain(explain::ExplainArgs),
    List(ListArgs),
    Watch(WatchArgs),
    Contact(ContactArgs),
    Accept(work::AcceptArgs),
    Sign(work::SignArgs),
    Relay(work::RelayArgs),
    Return(work::ReturnArgs),
    Report(work::ReportArgs),
    Decide(work::DecideArgs),
    #[command(flatten)]
    Move(Box<MoveVerb>),
}

pub(super) async fn run(verb: OrderVerb) -> Result<(), Failure> {
    match verb {
        OrderVerb::Get(args) => get(args).await,
        OrderVerb::Explain(args) => explain::run(args).await,
        OrderVerb::List(args) => list(args).await,
        OrderVerb::Watch(args) => watch(args).await,
        OrderVerb::Contact(args) => contact(args).await,
        OrderVerb::Accept(args) => work::accept(args).await,
        OrderVerb::Sign(args) => work::sign(args).await,
        OrderVerb::Relay(args) => work::relay(args).await,
        OrderVerb::Return(args) => work::give_back(args).await,
        OrderVerb::Report(args) => work::report(args).await,
        OrderVerb::Decide(args) => work::decide(args).await,
        OrderVerb::Move(verb) => moves::run(*verb).await,
    }
}

/// Shows one order: where it stands, who held it how long, what was written.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline order get 3304-261123-00042-5 -o json")]
pub(super) struct GetArgs {
    /// The order's number.
    order_no: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn get(args: GetArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let request = server.stamp(GetOrderRequest { order_no: args.order_no });
    let answer = IntakeServiceClient::new(server.channel.clone()).get_order(request).await;
    let answer = server.answer(answer)?;
    let order = answer.order.unwrap_or_default();
    let json = || {
        let papers: Vec<_> = answer.papers.iter().map(show::paper_json).collect();
        let mut json = show::order_json(&order);
        json["paper_contents"] = json!(papers);
        json
    };
    args.output.print(json, || whole(&order, &answer.papers))
}

/// The order on a screen.
fn whole(order: &pb::Order, papers: &[pb::Paper]) -> String {
    let reading = order.reading.clone().unwrap_or_default();
    let mut rows = vec![
        ("单号", order.order_no.clone()),
        ("环节", show::stage_zh(order.stage)),
        ("当前单位", show::or_dash(&order.holder)),
        ("派单链", show::or_dash(&order.chain.join(" → "))),
        ("类别", format!("{}（{}%）", reading.category, reading.category_confidence)),
        ("分类模型", show::or_dash(&order.model_version)),
        ("诉求类型", show::kind_zh(reading.kind)),
        ("紧急程度", show::urgency_zh(reading.urgency)),
        ("地点", format!("{}（{}%）", reading.division, reading.division_confidence)),
        ("来源", show::channel_zh(order.channel)),
        ("受话时间", show::long_moment(&order.heard_at)),
        ("到达", show::clock_line(&order.arrival)),
        ("办结", show::clock_line(&order.closure)),
        ("时限依据", format!("{} 号（目录第 {} 版）", order.policy_id, order.policy_version)),
        ("退单/驳回", format!("{} / {}", order.returned, order.rejected)),
    ];
    rows.extend(hard_life(order));
    let mut text = sheet(rows);
    let mut legs = table(&["单位", "职责", "到单", "签收", "离开", "方式", "用时"]);
    for leg in &order.legs {
        legs.add_row([
            leg.unit.clone(),
            show::duty_zh(leg.duty),
            show::short_moment(&leg.started_at),
            show::short_moment(&leg.signed_at),
            show::short_moment(&leg.ended_at),
            leg.ended_at.as_ref().map_or("-".to_owned(), |_| show::ending_zh(leg.ending)),
            show::span(&leg.held).unwrap_or_default().to_string(),
        ]);
    }
    text.push_str(&format!("\n{legs}"));
    for paper in papers {
        let title = if paper.title.is_empty() { "" } else { paper.title.as_str() };
        text.push_str(&format!("\n\n[{}] {title}\n{}", paper.index, paper.body));
        for evidence in &paper.evidence {
            text.push_str(&format!("\n  {} sha256:{}", evidence.uri, evidence.sha256));
        }
    }
    text
}

/// What only orders with a hard life have.
fn hard_life(order: &pb::Order) -> Vec<(&'static str, String)> {
    let pause = |pause: &pb::Pause| {
        let until =
            pause.until.as_ref().map_or("未止".to_owned(), |_| show::short_moment(&pause.until));
        format!("{} 至 {until}", show::short_moment(&pause.from))
    };
    let round = |round: &pb::Round| {
        let late = if round.late { "超时" } else { "按时" };
        format!("{} {late}办结，见 [{}]", show::short_moment(&round.closed_at), round.report)
    };
    let helper = |co: &pb::CoHandler| {
        let stands = match (&co.signed_at, &co.reported_at) {
            (_, Some(_)) => "已反馈",
            (Some(_), None) => "办理中",
            (None, None) => "待签收",
        };
        format!("{} {stands}", co.unit)
    };
    let number = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let card = if order.card == 0 { String::new() } else { show::card_zh(order.card) };
    let plain =
        if order.plain_weekends { "按双休日计算（节假日未公布）" } else { "" };
    let view = Some(order.stage_for_actor).filter(|view| *view != order.stage);
    let lines = [
        ("对本单位", view.map(show::view_zh).unwrap_or_default()),
        ("回避单位", order.recused_units.join("、")),
        ("指定单位", order.designated_unit.clone()),
        ("协办", order.co_handlers.iter().map(helper).collect::<Vec<_>>().join("\n")),
        ("挂账", order.pauses.iter().map(pause).collect::<Vec<_>>().join("\n")),
        ("此前办结", order.rounds.iter().map(round).collect::<Vec<_>>().join("\n")),
        ("并入", order.merged_into.clone()),
        ("并入本单", order.merged_orders.join("\n")),
        ("重启自", order.reopens.clone()),
        ("重启为", order.reopened_as.clone()),
        ("督办", card),
        ("催办", number(order.urged)),
        ("延期", number(order.extended)),
        ("时限", plain.to_owned()),
    ];
    lines.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// Lists orders, by number.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline order list --stage triage --limit 20")]
pub(super) struct ListArgs {
    /// Only those that stand there, for example triage; --stage help lists them all.
    #[arg(long, value_parser = stage)]
    stage: Option<Stage>,
    /// The most to list.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIST)))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

fn stage(text: &str) -> Result<Stage, String> {
    let all: Vec<_> = Stage::ALL.iter().map(|s| s.name()).collect();
    Stage::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let filter = ListOrdersRequest {
        stage: args.stage.map_or(0, |stage| i32::from(stage.byte())),
        ..ListOrdersRequest::default()
    };
    let orders = pages(&server, filter, args.limit).await?;
    args.output.print(
        || json!(orders.iter().map(show::order_json).collect::<Vec<_>>()),
        || order_table(&orders),
    )
}

/// Orders as one line each.
pub(super) fn order_table(orders: &[pb::Order]) -> String {
    let mut lines =
        table(&["单号", "环节", "当前单位", "类别", "地点", "紧急", "到达时限", "办结时限"]);
    for order in orders {
        let reading = order.reading.clone().unwrap_or_default();
        let due = |clock: &Option<pb::Clock>| match clock {
            Some(clock) if clock.stopped_at.is_some() => "✓".to_owned(),
            Some(clock) if clock.breached_at.is_some() => {
                format!("! {}", show::short_moment(&clock.due_at))
            }
            Some(clock) => show::short_moment(&clock.due_at),
            None => "-".to_owned(),
        };
        lines.add_row([
            order.order_no.clone(),
            show::stage_zh(order.stage),
            show::or_dash(&order.holder),
            reading.category,
            reading.division,
            show::urgency_zh(reading.urgency),
            due(&order.arrival),
            due(&order.closure),
        ]);
    }
    format!("{lines}\n共 {} 件", orders.len())
}

/// Reads page after page until the limit or the end.
pub(super) async fn pages(
    server: &super::client::Connection,
    filter: ListOrdersRequest,
    limit: u32,
) -> Result<Vec<pb::Order>, Failure> {
    let mut client = IntakeServiceClient::new(server.channel.clone());
    let limit = limit as usize;
    let mut orders = Vec::new();
    let mut token = String::new();
    loop {
        let left = limit.saturating_sub(orders.len());
        let request = ListOrdersRequest {
            page_size: PAGE.min(left as u32),
            page_token: token,
            ..filter.clone()
        };
        let page = server.answer(client.list_orders(server.stamp(request)).await)?;
        orders.extend(page.orders);
        token = page.next_page_token;
        if token.is_empty() || orders.len() >= limit {
            orders.truncate(limit);
            return Ok(orders);
        }
    }
}

/// Shows what happens, as it happens. Ctrl-C ends it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline order watch\n  hotline order watch 3304-261123-00042-5 --from-start\n  hotline order watch -o json --cursor 1-1042-0"
)]
pub(super) struct WatchArgs {
    /// Only this order's.
    #[arg(value_parser = super::client::parse::<OrderNo>)]
    order_no: Option<OrderNo>,
    /// Everything since the beginning first.
    #[arg(long, conflicts_with = "cursor")]
    from_start: bool,
    /// Everything after this cursor first.
    #[arg(long)]
    cursor: Option<String>,
    /// How it is printed: lines in Chinese, or one JSON document per line.
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn watch(args: WatchArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let request = WatchFeedRequest {
        from_end: !args.from_start && args.cursor.is_none(),
        cursor: args.cursor.unwrap_or_default(),
    };
    let only = args.order_no.map(|no| no.to_string());
    let mut client = FeedServiceClient::new(server.channel.clone());
    let mut feed = server.answer(client.watch_feed(server.stamp(request)).await)?;
    loop {
        let answer = tokio::select! {
            answer = feed.message() => answer.map_err(|status| server.failure(status))?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        // The server stops, and says so by ending the feed.
        let Some(answer) = answer else { return Ok(()) };
        for event in answer.events {
            if only.as_ref().is_none_or(|no| *no == event.order_no) {
                say(&event_line(&event, args.output.output))?;
            }
        }
    }
}

/// One event, as people or programs read it.
pub(super) fn event_line(event: &pb::FeedEvent, output: Output) -> String {
    let (name, zh, details) = happening::event(event);
    let actor = event.actor.clone().unwrap_or_default();
    match output {
        Output::Table => format!(
            "{} {} {zh} → {} {} （{} {}）",
            show::short_moment(&event.at),
            event.order_no,
            show::stage_zh(event.stage),
            show::or_dash(&event.unit),
            show::role_zh(actor.role),
            actor.staff,
        ),
        Output::Json => json!({
            "cursor": event.cursor,
            "order_no": event.order_no,
            "version": event.version,
            "at": show::long_moment(&event.at),
            "event": name,
            "details": details,
            "stage": show::stage(event.stage),
            "unit": event.unit,
            "category": event.category,
            "actor": { "staff": actor.staff, "unit": actor.unit, "role": show::role(actor.role) },
        })
        .to_string(),
    }
}

/// Shows whom to call back. Each look is recorded.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline order contact 3304-261123-00042-5 --unit 330402001003")]
pub(super) struct ContactArgs {
    /// The order's number.
    order_no: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn contact(args: ContactArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Handler).await?;
    let request =
        GetContactRequest { request_id: Uuid::new_v4().to_string(), order_no: args.order_no };
    let mut client = WorkOrderServiceClient::new(server.channel.clone());
    let answer = server.answer(client.get_contact(server.stamp(request)).await)?;
    let contact = answer.contact.unwrap_or_default();
    args.output.print(
        || json!({ "name": contact.name, "phone": contact.phone, "address": contact.address }),
        || {
            sheet(vec![
                ("姓名", show::or_dash(&contact.name)),
                ("电话", show::or_dash(&contact.phone)),
                ("地址", show::or_dash(&contact.address)),
            ])
        },
    )
}
