//! `hotline mode …`: which policies are in force, what others would change, and the switch.

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::{OutputArgs, sheet, table};
use super::retry::until_answered;
use super::show;
use crate::domain::{Mode, Role};
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::{
    GetModeRequest, InFlight, ModeChange, ModeStatus, PreviewModeRequest, SwitchModeRequest,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How many orders are asked for at a time.
const PAGE: u32 = 200;

/// Looks at the city's mode, and switches it.
#[derive(Subcommand, Debug)]
pub(super) enum ModeVerb {
    Show(ShowArgs),
    Preview(PreviewArgs),
    Switch(SwitchArgs),
}

pub(super) async fn run(verb: ModeVerb) -> Result<(), Failure> {
    match verb {
        ModeVerb::Show(args) => show(args).await,
        ModeVerb::Preview(args) => preview(args).await,
        ModeVerb::Switch(args) => switch(args).await,
    }
}

/// Shows which mode is in force, and how far the orders in flight are.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline mode show -o json")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

async fn status(server: &Connection) -> Result<ModeStatus, Failure> {
    let mut client = AdminServiceClient::new(server.channel.clone());
    let answer = client.get_mode(server.stamp(GetModeRequest {})).await;
    Ok(server.answer(answer)?.status.unwrap_or_default())
}

async fn show(args: ShowArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    print(args.output, &status(&server).await?)
}

fn print(output: OutputArgs, status: &ModeStatus) -> Result<(), Failure> {
    output.print(|| document(status), || screen(status))
}

fn document(status: &ModeStatus) -> Value {
    json!({
        "mode": show::mode(status.mode),
        "version": status.version,
        "since": status.since.as_ref().map(|_| show::long_moment(&status.since)),
        "restamping": status.restamping.as_ref().map(|job| json!({
            "looked": job.looked,
            "restamped": job.restamped,
            "failed": job.failed,
            "done_at": job.done_at.as_ref().map(|_| show::long_moment(&job.done_at)),
        })),
    })
}

fn screen(status: &ModeStatus) -> String {
    let in_flight = match &status.restamping {
        None => "保持原时限".to_owned(),
        Some(job) => {
            let done = if job.done_at.is_some() { "已完成" } else { "进行中" };
            let failed = match job.failed {
                0 => String::new(),
                n => format!("，{n} 件未能重定，见日志"),
            };
            format!("{done}：已看 {} 件，已重定 {} 件{failed}", job.looked, job.restamped)
        }
    };
    sheet(vec![
        ("模式", show::mode_zh(status.mode)),
        ("版本", status.version.to_string()),
        ("起始", show::long_moment(&status.since)),
        ("在途工单", in_flight),
    ])
}

/// Lists every open order whose deadlines a mode would change. Changes nothing.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline mode preview --to wartime")]
pub(super) struct PreviewArgs {
    /// Which: ordinary or wartime.
    #[arg(long, value_parser = mode)]
    to: Mode,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

fn mode(text: &str) -> Result<Mode, String> {
    let all: Vec<_> = Mode::ALL.iter().map(|m| m.name()).collect();
    Mode::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

async fn preview(args: PreviewArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let mut client = AdminServiceClient::new(server.channel.clone());
    let mut changes: Vec<ModeChange> = Vec::new();
    let mut page_token = String::new();
    loop {
        let mode = i32::from(args.to.byte());
        let request = PreviewModeRequest { mode, page_size: PAGE, page_token };
        let page = server.answer(client.preview_mode(server.stamp(request)).await)?;
        changes.extend(page.changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let document = |change: &ModeChange| {
        json!({
            "order_no": change.order_no,
            "arrival_due": show::long_moment(&change.arrival_due),
            "new_arrival_due": show::long_moment(&change.new_arrival_due),
            "closure_due": show::long_moment(&change.closure_due),
            "new_closure_due": show::long_moment(&change.new_closure_due),
        })
    };
    args.output.print(
        || json!(changes.iter().map(document).collect::<Vec<_>>()),
        || {
            let mut lines = table(&["单号", "到达时限", "改为", "办结时限", "改为"]);
            for change in &changes {
                lines.add_row([
                    change.order_no.clone(),
                    show::short_moment(&change.arrival_due),
                    show::short_moment(&change.new_arrival_due),
                    show::short_moment(&change.closure_due),
                    show::short_moment(&change.new_closure_due),
                ]);
            }
            format!("{lines}\n共 {} 件时限会变", changes.len())
        },
    )
}

/// Switches the city to another mode, for every process at once. Switching again takes it back.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline mode preview --to wartime\n  hotline mode switch --to wartime --in-flight restamp --wait"
)]
pub(super) struct SwitchArgs {
    /// To which: ordinary or wartime.
    #[arg(long, value_parser = mode)]
    to: Mode,
    /// What becomes of the open orders.
    #[arg(long, value_enum)]
    in_flight: Flight,
    /// Waits until the last open order has its new limits, and says how far it is.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Flight {
    /// They keep the limits they have.
    Keep,
    /// They are stamped with the new limits, one by one.
    Restamp,
}

async fn switch(args: SwitchArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let in_flight = match args.in_flight {
        Flight::Keep => InFlight::Keep,
        Flight::Restamp => InFlight::Restamp,
    };
    let request = SwitchModeRequest {
        request_id: Uuid::new_v4().to_string(),
        mode: i32::from(args.to.byte()),
        in_flight: in_flight.into(),
        version: status(&server).await?.version,
    };
    let answer = until_answered(|| {
        let mut client = AdminServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.switch_mode(request).await }
    });
    let mut now = server.answer(answer.await)?.status.unwrap_or_default();
    while args.wait && now.restamping.as_ref().is_some_and(|job| job.done_at.is_none()) {
        tokio::time::sleep(LOOK).await;
        now = status(&server).await?;
        if let Some(job) = &now.restamping {
            eprintln!("已看 {} 件，已重定 {} 件", job.looked, job.restamped);
        }
    }
    print(args.output, &now)
}
