//! The gRPC listener: every service, health, reflection, and every bound said aloud.

use super::gathering::Gathering;
use super::observe::Observed;
use super::shedding::Shedding;
use super::{ServerError, health};
use crate::api::{self, Limits, SERVICES};
use crate::dispatch::Dispatch;
use crate::pb;
use crate::telemetry::Readiness;
use futures_util::TryStreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower_layer::layer_fn;

/// The most calls of one connection at a time.
const MAX_STREAMS: u32 = 1_024;
/// The most a client may send ahead on one call; a page of feed or one message fits.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The most a client may send ahead on one connection.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// The largest set of headers: ours are three short words.
const MAX_HEADERS: u32 = 16 * 1024;
/// A call that has not begun to answer this long after its longest wait is given up. What it
/// handed over is still written.
const CALL_SLACK: Duration = Duration::from_secs(15);
/// How often a silent client is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long it has to answer.
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);
/// How long those who watch health have to hear that it is over.
const LAST_WORD: Duration = Duration::from_millis(200);
/// The same as [`KEEPALIVE`], of the transport below.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// Every service, ready to be served.
pub(super) struct Services {
    dispatch: Arc<Dispatch>,
    limits: Limits,
    /// Health and reflection.
    others: Routes,
    health: HealthReporter,
    readiness: Readiness,
    stopping: watch::Receiver<bool>,
}

impl Services {
    pub(super) fn new(
        dispatch: Arc<Dispatch>,
        limits: Limits,
        readiness: &Readiness,
    ) -> Result<Services, ServerError> {
        let reporter = HealthReporter::new();
        let health_service = health::service(&reporter, readiness);
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|e| ServerError::Internal(format!("reflection: {e}")))?;
        let stopping = dispatch.stopping();
        let others = Routes::new(health_service).add_service(reflection);
        let readiness = readiness.clone();
        Ok(Services { dispatch, limits, others, health: reporter, readiness, stopping })
    }

    /// Serves until `ends`, then until the last call in flight is answered.
    pub(super) async fn serve(self, listener: TcpListener, ends: impl Future<Output = ()>) {
        let incoming = TcpIncoming::from(listener)
            .with_nodelay(Some(true))
            .with_keepalive(Some(TCP_KEEPALIVE))
            .map_ok(Gathering::over);
        let call_timeout = self.limits.long_poll_max + CALL_SLACK;
        let shedding = Shedding::of(Arc::clone(&self.dispatch));
        let served = Server::builder()
            .layer(layer_fn(move |others| {
                let dispatch = Arc::clone(&self.dispatch);
                let services = api::Services::new(dispatch, self.limits.clone(), others);
                Observed::over(services, shedding.clone())
            }))
            .timeout(call_timeout)
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(MAX_HEADERS)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
            .add_routes(self.others)
            .serve_with_incoming_shutdown(incoming, ends);
        tokio::select! {
            served = served => if let Err(error) = served {
                tracing::error!(%error, "the gRPC listener ended");
            },
            () = follow(self.health, self.readiness, self.stopping) => {}
        }
    }
}

/// Health says what readiness says, for the server as a whole and for each service. Once the
/// server stops those who watch are told and let go: an open stream would hold it up.
async fn follow(
    mut health: HealthReporter,
    readiness: Readiness,
    mut stopping: watch::Receiver<bool>,
) {
    let mut ready = readiness.is_ready();
    while !*stopping.borrow() {
        tell(&health, ready).await;
        tokio::select! {
            now = readiness.changed_from(ready) => ready = now,
            _ = stopping.changed() => {}
        }
    }
    tell(&health, false).await;
    tokio::time::sleep(LAST_WORD).await;
    for service in SERVICES {
        health.clear_service_status(service).await;
    }
    health.clear_service_status("").await;
    std::future::pending().await
}

async fn tell(health: &HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status("", status).await;
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}
