//! CommandService: triage, reports, the board.

use super::Api;
use super::actor::split;
use super::page::{self, Place};
use super::status::Fault;
use super::work_order::{Item, act};
use super::{enums::Wire, from_proto as read, text, to_proto as write};
use crate::dispatch::{Acceptance, Paper};
use crate::domain::{Action, Desk, Level, Verdict};
use crate::pb;
use crate::pb::command_service_server::CommandService;
use std::mem::take;
use tonic::{Request, Response, Status};

/// How much of a citizen's words a list shows, in characters.
const EXCERPT: usize = 200;

#[tonic::async_trait]
impl CommandService for Api {
    async fn list_triage(
        &self,
        request: Request<pb::ListTriageRequest>,
    ) -> Result<Response<pb::ListTriageResponse>, Status> {
        let (_, pb::ListTriageRequest { page_size, page_token }) = split(request)?;
        let after = Place::of(&page_token, "triage")?.map(|place| (place.deadline, place.no));
        let centre = self.dispatch.cell().centre();
        let size = page::size(page_size);
        let tray = self.dispatch.tray(centre, Desk::Triage, after, size).await;
        let tray = tray.map_err(Fault::from)?;
        let last =
            tray.last().map(|(entry, order)| Place { deadline: entry.deadline, no: order.no });
        let now = self.dispatch.now();
        let mut items = Vec::with_capacity(tray.len());
        for (_, order) in tray {
            let paper = self.dispatch.paper(order.no, 0).await.map_err(Fault::from)?;
            let Paper { title, body, evidence: _ } = paper.unwrap_or_default();
            items.push(pb::TriageItem {
                order: Some(write::order(&order, now)),
                title,
                excerpt: body.chars().take(EXCERPT).collect(),
                category_name: self.category_name(order.reading.category),
                division_name: self.division_name(order.reading.division),
            });
        }
        let next_page_token = last.map(|place| place.token("triage")).unwrap_or_default();
        Ok(Response::new(pb::ListTriageResponse { items, next_page_token }))
    }

    async fn accept_order(
        &self,
        request: Request<pb::AcceptOrderRequest>,
    ) -> Result<Response<pb::AcceptOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "AcceptOrder", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let chain = body.chain.iter().enumerate();
        let chain = chain.map(|(i, unit)| read::unit(&format!("chain[{i}]"), unit));
        let chain = chain.collect::<Result<Vec<_>, Fault>>()?;
        let decision = Acceptance {
            category: read::given("category", read::category(&body.category)?)?,
            division: read::given("division", read::division(&body.division)?)?,
            kind: read::word("kind", body.kind)?,
            urgency: read::word("urgency", body.urgency)?,
            chain: (!chain.is_empty()).then_some(chain),
        };
        let done = self.dispatch.accept(no, &actor, request, decision).await;
        let receipt = Some(write::receipt(&done.map_err(Fault::from)?));
        Ok(Response::new(pb::AcceptOrderResponse { receipt }))
    }

    async fn decide_report(
        &self,
        request: Request<pb::DecideReportRequest>,
    ) -> Result<Response<pb::DecideReportResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let lease = take(&mut body.lease);
        let change = Item { id, order_no: body.order_no.clone(), lease, call: "DecideReport" };
        let verdict = read::said("verdict", body.verdict)?;
        match verdict {
            Verdict::Reject => text::required("text", &body.text, text::MAX_WORDS)?,
            // Words nobody would keep are not taken.
            Verdict::Accept if !body.text.is_empty() => {
                let allowed = "nothing when the report is accepted";
                return Err(Fault::field("INVALID_FIELD", "text", allowed).into());
            }
            Verdict::Accept => {}
        }
        let request = read::request(&change.id, change.call, &actor, &body)?;
        let paper = match verdict {
            Verdict::Reject => Some(Paper { body: body.text, ..Paper::default() }),
            Verdict::Accept => None,
        };
        let action = Action::DecideReport { verdict };
        let receipt = act(&self.dispatch, &actor, request, &change, action, paper).await?;
        Ok(Response::new(pb::DecideReportResponse { receipt: Some(receipt) }))
    }

    async fn get_board(
        &self,
        request: Request<pb::GetBoardRequest>,
    ) -> Result<Response<pb::GetBoardResponse>, Status> {
        let (_, pb::GetBoardRequest {}) = split(request)?;
        let tallies = self.dispatch.board().await.map_err(Fault::from)?;
        let waiting = Level::ALL.map(|level| {
            let name = format!("waiting.{}", level.name());
            let orders = tallies.iter().find(|(tally, _)| **tally == name).map_or(0, |(_, n)| *n);
            pb::LevelWaiting { level: level.to_pb().into(), orders }
        });
        let tallies = tallies.into_iter();
        Ok(Response::new(pb::GetBoardResponse {
            at: Some(write::time(self.dispatch.now())),
            tallies: tallies
                .map(|(name, value)| pb::Tally { name: name.to_owned(), value })
                .collect(),
            waiting: waiting.into(),
        }))
    }
}
