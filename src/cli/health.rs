//! `hotline health`: whether a server takes work.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::OutputArgs;
use crate::domain::Role;
use clap::Args;
use serde_json::json;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Asks a server whether it takes work: exit code 0 if it does, 1 if not, 3 if nobody answers.
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
    let answer = HealthClient::new(server.channel.clone()).check(request).await;
    let (name, zh, serving) = match server.answer(answer)?.status() {
        ServingStatus::Serving => ("serving", "正常", true),
        ServingStatus::NotServing => ("not_serving", "未就绪（/readyz 说明原因）", false),
        ServingStatus::Unknown | ServingStatus::ServiceUnknown => ("unknown", "未知", false),
    };
    args.output.print(|| json!({ "status": name }), || zh.to_owned())?;
    if serving { Ok(()) } else { Err(Failure::Told) }
}
