//! `hotline health`: whether a server takes work, and if not, why.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::OutputArgs;
use crate::domain::Role;
use crate::server::health::REASONS;
use clap::Args;
use serde_json::json;
use std::time::Duration;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// One that does not answer so simple a question in this time does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a server whether it takes work, and if not, why (the store, the clock, timers to catch up
/// with, a drain): exit code 0 if it does, 1 if not, 3 if nobody answers.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline health --server http://127.0.0.1:12345")]
pub(super) struct HealthArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: HealthArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let request = HealthCheckRequest { service: String::new() };
    let mut client = HealthClient::new(server.channel.clone());
    let answer = tokio::time::timeout(PATIENCE, client.check(request)).await;
    let answer = answer.map_err(|_| Failure::Unreachable {
        server: args.client.server.clone(),
        cause: format!("no answer within {PATIENCE:?}"),
    })?;
    // One of an older version says nothing of why.
    let said = answer.as_ref().ok().and_then(|answer| answer.metadata().get_bin(REASONS));
    let said = said.and_then(|said| said.to_bytes().ok()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let reasons: Vec<_> = said.lines().collect();
    let (name, zh, serving) = match server.answer(answer)?.status() {
        ServingStatus::Serving => ("serving", "正常", true),
        ServingStatus::NotServing => ("not_serving", "未就绪", false),
        ServingStatus::Unknown | ServingStatus::ServiceUnknown => ("unknown", "未知", false),
    };
    let words = || reasons.iter().fold(zh.to_owned(), |all, why| format!("{all}\n  {why}"));
    args.output.print(|| json!({ "status": name, "reasons": reasons }), words)?;
    if serving { Ok(()) } else { Err(Failure::Told) }
}
