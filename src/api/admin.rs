//! AdminService: for operators.

use super::Api;
use super::actor::split;
use super::status::Fault;
use crate::pb;
use crate::pb::admin_service_server::AdminService;
use tonic::{Request, Response, Status};

/// The most findings one answer lists.
const MAX_FINDINGS: usize = 1_000;

#[tonic::async_trait]
impl AdminService for Api {
    async fn doctor(
        &self,
        request: Request<pb::DoctorRequest>,
    ) -> Result<Response<pb::DoctorResponse>, Status> {
        let (_, pb::DoctorRequest {}) = split(request)?;
        let received = self.dispatch.board().await.map_err(Fault::from)?;
        let received = received.iter().find(|(tally, _)| *tally == "received");
        let findings = self.dispatch.doctor().await.map_err(Fault::from)?;
        let listed = findings.iter().take(MAX_FINDINGS);
        Ok(Response::new(pb::DoctorResponse {
            orders_checked: received.map_or(0, |(_, n)| (*n).max(0) as u64),
            findings: listed.map(|finding| pb::Finding { text: finding.to_string() }).collect(),
            truncated: findings.len() > MAX_FINDINGS,
        }))
    }
}
