//! The city's mode, onto the wire and off it.

use super::actor::split;
use super::enums::Wire;
use super::page::{self, Place};
use super::status::Fault;
use super::{Api, from_proto as read, to_proto as write};
use crate::dispatch::{ModeRow, Restamped, Restamping, Switch};
use crate::domain::{Actor, ClockKind, Mode, Timestamp};
use crate::pb;
use std::mem::take;
use tonic::{Request, Status};

/// What the token of a page belongs to.
const FILTER: &str = "mode";

impl Api {
    pub(super) async fn mode_status(&self) -> Result<pb::ModeStatus, Fault> {
        match self.dispatch.mode_row().await? {
            Some(row) => Ok(status(&row)),
            None => {
                let in_force = self.dispatch.mode().await?;
                Ok(pb::ModeStatus { mode: in_force.mode.to_pb().into(), ..Default::default() })
            }
        }
    }

    pub(super) async fn mode_changes(
        &self,
        actor: &Actor,
        request: pb::PreviewModeRequest,
    ) -> Result<pb::PreviewModeResponse, Fault> {
        let mode: Mode = read::said("mode", request.mode)?;
        let after = Place::of(&request.page_token, FILTER)?.map(|place| place.no);
        let size = page::size(request.page_size);
        let (changes, next) = self.dispatch.preview_mode(actor, mode, after, size).await?;
        let next = next.map(|no| Place { deadline: Timestamp(0), no }.token(FILTER));
        Ok(pb::PreviewModeResponse {
            changes: changes.iter().map(change).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn switch(
        &self,
        request: Request<pb::SwitchModeRequest>,
    ) -> Result<pb::ModeStatus, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "SwitchMode", &actor, &body)?;
        let in_flight = pb::InFlight::try_from(body.in_flight).unwrap_or_default();
        let restamp = match in_flight {
            pb::InFlight::Keep => false,
            pb::InFlight::Restamp => true,
            pb::InFlight::Unspecified => {
                let allowed =
                    "IN_FLIGHT_KEEP or IN_FLIGHT_RESTAMP: what becomes of the open orders";
                return Err(Fault::field("MISSING_FIELD", "in_flight", allowed).into());
            }
        };
        let mode = read::said("mode", body.mode)?;
        let switch = Switch { mode, restamp, version: body.version };
        let row = self.dispatch.switch_mode(&actor, request.id, switch).await;
        Ok(status(&row.map_err(Fault::from)?))
    }
}

fn status(row: &ModeRow) -> pb::ModeStatus {
    pb::ModeStatus {
        mode: row.mode.to_pb().into(),
        version: row.version,
        since: Some(write::time(row.since)),
        restamping: row.restamping.map(|Restamping { after: _, looked, restamped, done_at }| {
            pb::Restamping { looked, restamped, done_at: done_at.map(write::time) }
        }),
    }
}

fn change(Restamped { before, after }: &Restamped) -> pb::ModeChange {
    pb::ModeChange {
        order_no: before.no.to_string(),
        arrival_due: Some(write::time(before.due(ClockKind::Arrival))),
        new_arrival_due: Some(write::time(after.due(ClockKind::Arrival))),
        closure_due: Some(write::time(before.due(ClockKind::Closure))),
        new_closure_due: Some(write::time(after.due(ClockKind::Closure))),
    }
}
