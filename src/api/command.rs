//! CommandService: triage, reports, the board.

use super::Api;
use super::actor::split;
use super::page::{self, Place};
use super::status::Fault;
use super::work_order::{Item, act};
use super::{enums::Wire, from_proto as read, moves, text, to_proto as write};
use crate::dispatch::{Acceptance, Correction, Paper, Routing};
use crate::domain::{Action, Desk, Level, Verdict};
use crate::pb;
use crate::pb::command_service_server::CommandService;
use std::mem::take;
use tonic::{Request, Response, Status};

/// How much of a citizen's words a list shows, in characters.
const EXCERPT: usize = 200;

/// How many promises about to break are listed for who does not say.
const AT_RISK: usize = 16;
/// And at most.
const MAX_AT_RISK: usize = 64;

#[tonic::async_trait]
impl CommandService for Api {
    async fn list_triage(
        &self,
        request: Request<pb::ListTriageRequest>,
    ) -> Result<Response<pb::ListTriageResponse>, Status> {
        let (actor, pb::ListTriageRequest { page_size, page_token }) = split(request)?;
        let after = Place::of(&page_token, "triage")?.map(|place| (place.deadline, place.no));
        let centre = self.dispatch.cell().centre();
        let size = page::size(page_size);
        let tray = self.dispatch.tray(&actor, centre, Desk::Triage, after, size).await;
        let (tray, last) = tray.map_err(Fault::from)?;
        let last = last.map(|(deadline, no)| Place { deadline, no });
        let mut items = Vec::with_capacity(tray.len());
        for (_, order) in tray {
            let paper = self.dispatch.paper(order.no, 0).await.map_err(Fault::from)?;
            let Paper { title, body, evidence: _ } = paper.unwrap_or_default();
            let category_name = self.category_name(order.reading.category);
            let division_name = self.division_name(order.reading.division);
            items.push(pb::TriageItem {
                order: Some(self.shown(order, &actor).await?),
                title,
                excerpt: body.chars().take(EXCERPT).collect(),
                category_name,
                division_name,
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
        let chain = read::chain(&body.chain)?;
        let routing = match (body.leave_open, body.direct) {
            (false, direct) => Some(Routing { chain, direct }),
            (true, false) if chain.is_none() => None,
            (true, _) => {
                let allowed = "without chain and direct: where it goes is decided later";
                return Err(Fault::field("INVALID_FIELD", "leave_open", allowed).into());
            }
        };
        let decision = Acceptance {
            category: read::given("category", read::category(&body.category)?)?,
            division: read::given("division", read::division(&body.division)?)?,
            kind: read::word("kind", body.kind)?,
            urgency: read::word("urgency", body.urgency)?,
            routing,
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
        let (actor, pb::GetBoardRequest {}) = split(request)?;
        let bursts = self.dispatch.bursts(&actor).await.map_err(Fault::from)?;
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
            bursts: bursts.into_iter().map(|burst| self.burst(burst)).collect(),
        }))
    }

    async fn list_at_risk(
        &self,
        request: Request<pb::ListAtRiskRequest>,
    ) -> Result<Response<pb::ListAtRiskResponse>, Status> {
        let (actor, pb::ListAtRiskRequest { limit }) = split(request)?;
        let limit = if limit == 0 { AT_RISK } else { (limit as usize).min(MAX_AT_RISK) };
        let (found, lag) = self.dispatch.at_risk(&actor, limit).await.map_err(Fault::from)?;
        let catalogue = self.dispatch.catalogue();
        let name = |unit| catalogue.unit(unit).map(|row| row.name.clone());
        let orders = found.into_iter().map(|(kind, order)| pb::AtRisk {
            order_no: order.no.to_string(),
            clock: kind.to_pb().into(),
            due_at: Some(write::time(order.due(kind))),
            stage: order.stage.to_pb().into(),
            holder: write::unit(order.holder()),
            holder_name: order.holder().and_then(name).unwrap_or_default(),
        });
        Ok(Response::new(pb::ListAtRiskResponse {
            at: Some(write::time(self.dispatch.now())),
            orders: orders.collect(),
            timer_lag: Some(write::span(lag)),
        }))
    }

    async fn get_indicators(
        &self,
        request: Request<pb::GetIndicatorsRequest>,
    ) -> Result<Response<pb::GetIndicatorsResponse>, Status> {
        let (_, body) = split(request)?;
        Ok(Response::new(self.indicators(body).await?))
    }

    async fn ask_information(
        &self,
        request: Request<pb::AskInformationRequest>,
    ) -> Result<Response<pb::AskInformationResponse>, Status> {
        let receipt = self.change(request, "AskInformation", moves::ask_information).await?;
        Ok(Response::new(pb::AskInformationResponse { receipt }))
    }

    async fn answer_order(
        &self,
        request: Request<pb::AnswerOrderRequest>,
    ) -> Result<Response<pb::AnswerOrderResponse>, Status> {
        let receipt = self.change(request, "AnswerOrder", moves::answer_order).await?;
        Ok(Response::new(pb::AnswerOrderResponse { receipt }))
    }

    async fn decline_order(
        &self,
        request: Request<pb::DeclineOrderRequest>,
    ) -> Result<Response<pb::DeclineOrderResponse>, Status> {
        let receipt = self.change(request, "DeclineOrder", moves::decline_order).await?;
        Ok(Response::new(pb::DeclineOrderResponse { receipt }))
    }

    async fn hand_over_order(
        &self,
        request: Request<pb::HandOverOrderRequest>,
    ) -> Result<Response<pb::HandOverOrderResponse>, Status> {
        let receipt = self.change(request, "HandOverOrder", moves::hand_over_order).await?;
        Ok(Response::new(pb::HandOverOrderResponse { receipt }))
    }

    async fn decide_return(
        &self,
        request: Request<pb::DecideReturnRequest>,
    ) -> Result<Response<pb::DecideReturnResponse>, Status> {
        let receipt = self.change(request, "DecideReturn", moves::decide_return).await?;
        Ok(Response::new(pb::DecideReturnResponse { receipt }))
    }

    async fn decide_extension(
        &self,
        request: Request<pb::DecideExtensionRequest>,
    ) -> Result<Response<pb::DecideExtensionResponse>, Status> {
        let receipt = self.change(request, "DecideExtension", moves::decide_extension).await?;
        Ok(Response::new(pb::DecideExtensionResponse { receipt }))
    }

    async fn decide_suspension(
        &self,
        request: Request<pb::DecideSuspensionRequest>,
    ) -> Result<Response<pb::DecideSuspensionResponse>, Status> {
        let receipt = self.change(request, "DecideSuspension", moves::decide_suspension).await?;
        Ok(Response::new(pb::DecideSuspensionResponse { receipt }))
    }

    async fn supervise_order(
        &self,
        request: Request<pb::SuperviseOrderRequest>,
    ) -> Result<Response<pb::SuperviseOrderResponse>, Status> {
        let receipt = self.change(request, "SuperviseOrder", moves::supervise_order).await?;
        Ok(Response::new(pb::SuperviseOrderResponse { receipt }))
    }

    async fn lift_supervision(
        &self,
        request: Request<pb::LiftSupervisionRequest>,
    ) -> Result<Response<pb::LiftSupervisionResponse>, Status> {
        let receipt = self.change(request, "LiftSupervision", moves::lift_supervision).await?;
        Ok(Response::new(pb::LiftSupervisionResponse { receipt }))
    }

    async fn release_order(
        &self,
        request: Request<pb::ReleaseOrderRequest>,
    ) -> Result<Response<pb::ReleaseOrderResponse>, Status> {
        let receipt = self.change(request, "ReleaseOrder", moves::release_order).await?;
        Ok(Response::new(pb::ReleaseOrderResponse { receipt }))
    }

    async fn terminate_order(
        &self,
        request: Request<pb::TerminateOrderRequest>,
    ) -> Result<Response<pb::TerminateOrderResponse>, Status> {
        let receipt = self.change(request, "TerminateOrder", moves::terminate_order).await?;
        Ok(Response::new(pb::TerminateOrderResponse { receipt }))
    }

    async fn recuse_unit(
        &self,
        request: Request<pb::RecuseUnitRequest>,
    ) -> Result<Response<pb::RecuseUnitResponse>, Status> {
        let receipt = self.change(request, "RecuseUnit", moves::recuse_unit).await?;
        Ok(Response::new(pb::RecuseUnitResponse { receipt }))
    }

    async fn assign_order(
        &self,
        request: Request<pb::AssignOrderRequest>,
    ) -> Result<Response<pb::AssignOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "AssignOrder", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let chain = read::chain(&body.chain)?;
        let done =
            self.dispatch.assign(no, &actor, request, Routing { chain, direct: body.direct }).await;
        let receipt = Some(write::receipt(&done.map_err(Fault::from)?));
        Ok(Response::new(pb::AssignOrderResponse { receipt }))
    }

    async fn correct_order(
        &self,
        request: Request<pb::CorrectOrderRequest>,
    ) -> Result<Response<pb::CorrectOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "CorrectOrder", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let correction = Correction {
            category: read::category(&body.category)?,
            division: read::division(&body.division)?,
            kind: read::word("kind", body.kind)?,
            urgency: read::word("urgency", body.urgency)?,
        };
        let done = self.dispatch.correct(no, &actor, request, correction).await;
        let receipt = Some(write::receipt(&done.map_err(Fault::from)?));
        Ok(Response::new(pb::CorrectOrderResponse { receipt }))
    }

    async fn merge_orders(
        &self,
        request: Request<pb::MergeOrdersRequest>,
    ) -> Result<Response<pb::MergeOrdersResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "MergeOrders", &actor, &body)?;
        let child = read::order_no(&body.order_no)?;
        let into = read::order_no(&body.into).map_err(|fault| fault.renamed("into"))?;
        let merge = Action::Merge { into };
        let done = self.dispatch.act(child, &actor, Some(request), None, merge, None).await;
        let receipt = Some(write::receipt(&done.map_err(Fault::from)?));
        Ok(Response::new(pb::MergeOrdersResponse { receipt }))
    }

    async fn close_batch(
        &self,
        request: Request<pb::CloseBatchRequest>,
    ) -> Result<Response<pb::CloseBatchResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        read::items("order_nos", body.order_nos.len())?;
        // Each order's own change is digested without the numbers: a batch may be asked again
        // in part.
        let order_nos = take(&mut body.order_nos);
        let request = read::request(&id, "CloseBatch", &actor, &body)?;
        let evidence = read::evidence(body.evidence)?;
        let words = Paper { evidence, ..moves::words(body.text)? };
        let results = self.close_each(actor, request, order_nos, words).await;
        Ok(Response::new(pb::CloseBatchResponse { results }))
    }
}
