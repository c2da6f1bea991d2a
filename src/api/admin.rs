//! AdminService: for operators.

use super::Api;
use super::actor::split;
use super::status::Fault;
use crate::dispatch::{Backup, Checkup, Day, Finding, Piece, Refusal, Unpulled};
use crate::pb;
use crate::pb::admin_service_server::AdminService;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// The most findings one answer lists.
const MAX_FINDINGS: usize = 1_000;

#[tonic::async_trait]
impl AdminService for Api {
    async fn doctor(
        &self,
        request: Request<pb::DoctorRequest>,
    ) -> Result<Response<pb::DoctorResponse>, Status> {
        let (actor, pb::DoctorRequest { repair }) = split(request)?;
        let Checkup { orders, findings, plain_weekends, unpulled } =
            self.dispatch.checkup(&actor, repair).await.map_err(Fault::from)?;
        let listed = findings.iter().take(MAX_FINDINGS);
        Ok(Response::new(pb::DoctorResponse {
            orders_checked: orders,
            findings: listed.map(finding).collect(),
            truncated: findings.len() > MAX_FINDINGS,
            plain_weekends,
            unpulled_units: unpulled.into_iter().map(unpulled_unit).collect(),
        }))
    }

    type BackupStream = ReceiverStream<Result<pb::BackupResponse, Status>>;

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let (actor, pb::BackupRequest {}) = split(request)?;
        let backup = self.dispatch.backup(&actor).await.map_err(Fault::from)?;
        let (pieces, outgoing) = mpsc::channel(1);
        tokio::spawn(written(backup, pieces, self.limits.slow_reader));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn get_mode(
        &self,
        request: Request<pb::GetModeRequest>,
    ) -> Result<Response<pb::GetModeResponse>, Status> {
        let (_, pb::GetModeRequest {}) = split(request)?;
        let catalogue = self.dispatch.catalogue();
        Ok(Response::new(pb::GetModeResponse {
            status: Some(self.mode_status().await?),
            catalogue_version: catalogue.version(),
            catalogue_sha256: catalogue.digest().to_owned(),
        }))
    }

    async fn preview_mode(
        &self,
        request: Request<pb::PreviewModeRequest>,
    ) -> Result<Response<pb::PreviewModeResponse>, Status> {
        let (actor, body) = split(request)?;
        Ok(Response::new(self.mode_changes(&actor, body).await?))
    }

    async fn switch_mode(
        &self,
        request: Request<pb::SwitchModeRequest>,
    ) -> Result<Response<pb::SwitchModeResponse>, Status> {
        let status = Some(self.switch(request).await?);
        Ok(Response::new(pb::SwitchModeResponse { status }))
    }

    async fn list_archive(
        &self,
        request: Request<pb::ListArchiveRequest>,
    ) -> Result<Response<pb::ListArchiveResponse>, Status> {
        let (_, pb::ListArchiveRequest {}) = split(request)?;
        let days = self.dispatch.archive_days().await.map_err(Fault::from)?;
        let day = |day: Day| pb::ArchiveDay {
            day: day.day.to_string(),
            orders: day.orders,
            events: day.events,
            files: day.files,
            bytes: day.bytes,
            broken: day.broken,
        };
        let folder = self.dispatch.archive_folder().map(|folder| folder.display().to_string());
        let days = days.into_iter().map(day).collect();
        Ok(Response::new(pb::ListArchiveResponse { folder: folder.unwrap_or_default(), days }))
    }
}

/// Sends the pieces until there are no more, or nobody takes one for so long: what is handed
/// out is held open by the store.
async fn written(
    mut backup: Backup,
    out: mpsc::Sender<Result<pb::BackupResponse, Status>>,
    patience: Duration,
) {
    let orders_expected = backup.orders_expected;
    let wire = |piece: Result<Piece, Refusal>| {
        let Piece { bytes: image, orders } = piece.map_err(Fault::from)?;
        Ok(pb::BackupResponse { image, orders, orders_expected })
    };
    while let Some(piece) = backup.pieces.recv().await {
        if out.send_timeout(wire(piece), patience).await.is_err() {
            return;
        }
    }
}

fn finding(finding: &Finding) -> pb::Finding {
    let (kind, mended) = (finding.name.to_owned(), finding.mended);
    pb::Finding { text: finding.to_string(), kind, mended }
}

fn unpulled_unit(Unpulled { unit, name, orders }: Unpulled) -> pb::UnpulledUnit {
    pb::UnpulledUnit { unit: unit.to_string(), name, orders }
}
