//! `hotline serve`: one process of a city's hotline.

use super::config::ConfigArgs;
use super::failure::Failure;
use crate::server::{self, Manner, ServerError};
use crate::telemetry::logs;
use clap::Args;

/// Serves one city: gRPC for agents, districts and the centre; metrics and probes beside it.
///
/// Ctrl-C or SIGTERM ends it: calls in flight finish within drain_timeout. Several processes
/// may serve one city on one Redis; the embedded store belongs to one process.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline serve\n  hotline serve --store redis://127.0.0.1:6379 --listen 127.0.0.1:12445\n  hotline serve --config /etc/hotline.toml"
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    logs::init(&config.log).map_err(|e| Failure::Usage(e.to_string()))?;
    // Heard from the first moment on: whoever reads that it serves may end it at once.
    let stopped = server::told_to_stop();
    let running = server::start(config, Manner::Service).await.map_err(failure)?;
    stopped.await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

pub(super) fn failure(error: ServerError) -> Failure {
    match error {
        ServerError::Config(words) => Failure::Usage(words),
        ServerError::Bind { .. }
        | ServerError::Catalogue(_)
        | ServerError::Model(_)
        | ServerError::Key(_)
        | ServerError::Store(_)
        | ServerError::Internal(_) => Failure::Failed(error.into()),
    }
}
