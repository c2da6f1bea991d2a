//! `hotline serve`: one process of a city's hotline.

use super::config::ConfigArgs;
use super::failure::Failure;
use crate::config::Effective;
use crate::server::{self, Manner, Reloaded, Running, ServerError};
use crate::telemetry::logs::{self, Logs};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

/// Serves one city: gRPC for agents, districts and the centre; metrics and probes beside it.
///
/// Ctrl-C or SIGTERM ends it: calls in flight finish within drain_timeout. Several processes
/// may serve one city on one Redis; the embedded store belongs to one process.
///
/// SIGHUP reads catalogue, model and log filter anew, from the settings as they are then. What
/// cannot be used is named in the log, and what is in force stays in force.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline serve\n  hotline serve --store redis://127.0.0.1:6379 --listen 127.0.0.1:12445\n  hotline serve --config /etc/hotline.toml"
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let settings = args.config.load()?;
    let config = settings.config.clone();
    let logs = logs::init(&config.log).map_err(|e| Failure::Usage(e.to_string()))?;
    // Heard from the first moment on: whoever reads that it serves may end it at once.
    let stopped = server::told_to_stop();
    let mut hung_up = signal(SignalKind::hangup())?;
    let running = server::start(config, Manner::Service).await.map_err(failure)?;
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            _ = hung_up.recv() => reload(&args, &settings, &running, &logs),
        }
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// Reads anew what can be changed while it serves: all of it that can be used, and what cannot
/// is said.
fn reload(args: &ServeArgs, started: &Effective, running: &Running, logs: &Logs) {
    let settings = match args.config.load() {
        Ok(settings) => settings,
        Err(failure) => {
            let why = failure.explain();
            let why = why.trim_start_matches("error: ").trim_end();
            tracing::error!("not reloaded, what was in force stays: {why}");
            running.dispatch().note_reload(Err(why.to_owned()));
            return;
        }
    };
    for ((setting, now, _), (_, was, _)) in settings.rows().zip(started.rows()) {
        if now != was && !setting.reloads() {
            tracing::warn!("{} = {now} takes effect at the next start; {was} stays", setting.key);
        }
    }
    match logs.set(&settings.config.log) {
        Ok(()) => tracing::info!(log = settings.config.log, "reloaded the log filter"),
        Err(error) => tracing::error!("not reloaded, what was in force stays: {error}"),
    }
    let reloaded = tokio::task::block_in_place(|| running.reload(&settings.config));
    let came = reloaded.as_ref().map(|_| ()).map_err(ToString::to_string);
    running.dispatch().note_reload(came);
    match reloaded {
        Ok(Reloaded::Same { version }) => tracing::info!(version, "the catalogue is the same"),
        Ok(Reloaded::Another { from, to }) => {
            tracing::info!(
                from,
                to,
                "reloaded the catalogue; orders keep what they were stamped with"
            );
        }
        Err(error) => tracing::error!("not reloaded, what was in force stays: {error}"),
    }
}

pub(super) fn failure(error: ServerError) -> Failure {
    match error {
        ServerError::Config(words) => Failure::Usage(words),
        ServerError::Bind { .. }
        | ServerError::Catalogue(_)
        | ServerError::Model(_)
        | ServerError::Key(_)
        | ServerError::Clock(_)
        | ServerError::Store(_)
        | ServerError::Internal(_) => Failure::Failed(error.into()),
    }
}
