//! gRPC's health service, which also says why work is not taken.

use crate::telemetry::Readiness;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

/// The metadata of a check's answer in which the reasons stand: UTF-8, a line each; absent while
/// work is taken.
pub const REASONS: &str = "hotline-reasons-bin";
/// The most bytes of reasons that are sent.
const MAX_REASONS: usize = 4_096;

/// Answers as [`HealthService`] does, and says why.
pub(super) struct Told {
    inner: HealthService,
    readiness: Readiness,
}

/// The service that says what the reporter is told.
pub(super) fn service(reporter: &HealthReporter, readiness: &Readiness) -> HealthServer<Told> {
    let inner = HealthService::from_health_reporter(reporter.clone());
    HealthServer::new(Told { inner, readiness: readiness.clone() })
}

#[async_trait]
impl Health for Told {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let mut answer = self.inner.check(request).await?;
        let reasons = self.readiness.reasons().join("\n");
        if !reasons.is_empty() {
            let sent = &reasons.as_bytes()[..reasons.len().min(MAX_REASONS)];
            answer.metadata_mut().insert_bin(REASONS, MetadataValue::from_bytes(sent));
        }
        Ok(answer)
    }

    type WatchStream = <HealthService as Health>::WatchStream;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.inner.watch(request).await
    }
}
