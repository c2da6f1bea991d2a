//! IntakeService: matters come in, and are looked at.

use super::actor::split;
use super::page::{self, Place};
use super::status::Fault;
use super::stopped;
use super::{Api, MAX_IN_FLIGHT, from_proto as read, moves, story, to_proto as write};
use crate::dispatch::{self, Dispatch, Refusal, Submission, Words};
use crate::domain::{Actor, Order, OrderNo, Phone, Stage, Timestamp, normal_phone};
use crate::pb;
use crate::pb::intake_service_server::IntakeService;
use std::mem::take;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// How many orders are read at a time when a page is filtered.
const SCAN: usize = 256;
/// How many such reads one page may take; then it comes back short, with a token.
const MAX_SCANS: usize = 16;

#[tonic::async_trait]
impl IntakeService for Api {
    async fn preview_order(
        &self,
        request: Request<pb::PreviewOrderRequest>,
    ) -> Result<Response<pb::PreviewOrderResponse>, Status> {
        let (actor, body) = split(request)?;
        Ok(Response::new(self.preview(&actor, body).await?))
    }

    async fn submit_order(
        &self,
        request: Request<pb::SubmitOrderRequest>,
    ) -> Result<Response<pb::SubmitOrderResponse>, Status> {
        let (actor, body) = split(request)?;
        let pb::SubmitOrderRequest { request_id, submission, skip_repeats } = body;
        let contact = submission.as_ref().and_then(|matter| matter.contact.as_ref());
        let phone = contact.filter(|_| !skip_repeats).and_then(|c| normal_phone(&c.phone));
        let _turn = self.dispatch.turn_to_file().map_err(Fault::from)?;
        let (request, matter) = filing(&actor, &request_id, submission)?;
        // Looked for while the order is written: who calls for the first time waits for neither.
        let (done, called) = tokio::join!(
            self.dispatch.submit(&actor, request, matter),
            self.dispatch.of_caller(&actor, phone.as_ref().map_or("", Phone::digits))
        );
        let done = done.map_err(within)?;
        // The order is safe, whatever else could not be looked up.
        let mut called = called.unwrap_or_default();
        called.retain(|called| called.order.no != done.receipt.order);
        let repeats = self.repeats(called, done.receipt.category);
        let receipt = write::receipt(&done);
        Ok(Response::new(pb::SubmitOrderResponse { receipt: Some(receipt), repeats }))
    }

    type SubmitOrdersStream = ReceiverStream<Result<pb::SubmitOrdersResponse, Status>>;

    async fn submit_orders(
        &self,
        request: Request<Streaming<pb::SubmitOrdersRequest>>,
    ) -> Result<Response<Self::SubmitOrdersStream>, Status> {
        let (actor, incoming) = split(request)?;
        let (answers, outgoing) = mpsc::channel(MAX_IN_FLIGHT);
        tokio::spawn(submit_all(Arc::clone(&self.dispatch), actor, incoming, answers));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let (actor, pb::GetOrderRequest { order_no }) = split(request)?;
        let no = read::order_no(&order_no)?;
        let order = self.dispatch.seen(no, &actor).await.map_err(Fault::from)?;
        let mut papers = Vec::with_capacity(order.papers.into());
        for index in 0..order.papers {
            if let Some(paper) = self.dispatch.paper(order.no, index).await.map_err(Fault::from)? {
                papers.push(write::paper(index, paper));
            }
        }
        let order = Some(self.shown(order, &actor).await?);
        Ok(Response::new(pb::GetOrderResponse { order, papers }))
    }

    async fn explain_order(
        &self,
        request: Request<pb::ExplainOrderRequest>,
    ) -> Result<Response<pb::ExplainOrderResponse>, Status> {
        let (actor, pb::ExplainOrderRequest { order_no }) = split(request)?;
        let no = read::order_no(&order_no)?;
        let story = self.dispatch.story(no, &actor).await.map_err(Fault::from)?;
        let catalogue = self.dispatch.catalogue();
        Ok(Response::new(story::told(&story, Words::of(&catalogue))))
    }

    async fn track_order(
        &self,
        request: Request<pb::TrackOrderRequest>,
    ) -> Result<Response<pb::TrackOrderResponse>, Status> {
        let (actor, pb::TrackOrderRequest { order_no, phone_last4 }) = split(request)?;
        let no = read::order_no(&order_no)?;
        if phone_last4.len() != 4 || !phone_last4.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::field("INVALID_PHONE", "phone_last4", "four digits").into());
        }
        let order = self.dispatch.track(no, &phone_last4, &actor).await.map_err(Fault::from)?;
        Ok(Response::new(self.tracked(&order)))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let (actor, pb::ListOrdersRequest { stage, unit, desk, page_size, page_token }) =
            split(request)?;
        let stage = read::word::<Stage>("stage", stage)?;
        let size = page::size(page_size);
        let page = if unit.is_empty() {
            if desk != 0 {
                return Err(Fault::field("MISSING_FIELD", "unit", "the unit of the desk").into());
            }
            self.by_number(&actor, stage, size, &page_token).await?
        } else {
            let unit = read::unit("unit", &unit)?;
            if self.dispatch.catalogue().unit(unit).is_none() {
                return Err(Fault::field("UNKNOWN_UNIT", "unit", "a unit of the catalogue").into());
            }
            let desk = read::said("desk", desk)?;
            self.by_tray(&actor, (unit, desk), stage, size, &page_token).await?
        };
        let (found, next_page_token) = page;
        let mut orders = Vec::with_capacity(found.len());
        for order in found {
            orders.push(self.shown(order, &actor).await?);
        }
        Ok(Response::new(pb::ListOrdersResponse { orders, next_page_token }))
    }

    async fn supplement_order(
        &self,
        request: Request<pb::SupplementOrderRequest>,
    ) -> Result<Response<pb::SupplementOrderResponse>, Status> {
        let receipt = self.change(request, "SupplementOrder", moves::supplement_order).await?;
        Ok(Response::new(pb::SupplementOrderResponse { receipt }))
    }

    async fn urge_order(
        &self,
        request: Request<pb::UrgeOrderRequest>,
    ) -> Result<Response<pb::UrgeOrderResponse>, Status> {
        let receipt = self.change(request, "UrgeOrder", moves::urge_order).await?;
        Ok(Response::new(pb::UrgeOrderResponse { receipt }))
    }

    async fn withdraw_order(
        &self,
        request: Request<pb::WithdrawOrderRequest>,
    ) -> Result<Response<pb::WithdrawOrderResponse>, Status> {
        let receipt = self.change(request, "WithdrawOrder", moves::withdraw_order).await?;
        Ok(Response::new(pb::WithdrawOrderResponse { receipt }))
    }

    async fn record_follow_up(
        &self,
        request: Request<pb::RecordFollowUpRequest>,
    ) -> Result<Response<pb::RecordFollowUpResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "RecordFollowUp", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let outcome = read::said("outcome", body.outcome)?;
        let done = self.dispatch.follow_up(no, &actor, request, outcome).await;
        let receipt = Some(write::receipt(&done.map_err(Fault::from)?));
        Ok(Response::new(pb::RecordFollowUpResponse { receipt }))
    }

    async fn reopen_order(
        &self,
        request: Request<pb::ReopenOrderRequest>,
    ) -> Result<Response<pb::ReopenOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "ReopenOrder", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let inside = |fault: Fault| fault.within("submission");
        let matter = read::submission(read::matter(body.submission)?).map_err(inside)?;
        let done = self.dispatch.reopen(no, &actor, request, matter).await.map_err(Fault::from)?;
        Ok(Response::new(pb::ReopenOrderResponse { receipt: Some(write::receipt(&done)) }))
    }
}

/// Orders, and the token of the next page.
type Page = (Vec<Arc<Order>>, String);

impl Api {
    async fn by_number(
        &self,
        actor: &Actor,
        stage: Option<Stage>,
        size: usize,
        token: &str,
    ) -> Result<Page, Fault> {
        let filter = stage.map_or("any", Stage::name);
        let mut after: Option<OrderNo> = Place::of(token, filter)?.map(|place| place.no);
        let mut page = Vec::with_capacity(size);
        let next = |no| Place { deadline: Timestamp(0), no }.token(filter);
        // A token names an order that the actor may know of, if one was looked at.
        let mut known = None;
        for _ in 0..MAX_SCANS {
            let orders =
                self.dispatch.list(after, if stage.is_none() { size } else { SCAN }).await?;
            if orders.is_empty() {
                return Ok((page, String::new()));
            }
            for order in orders {
                after = Some(order.no);
                if order.hidden_from(actor.unit) {
                    continue;
                }
                known = after;
                if stage.is_none_or(|stage| order.stage == stage) {
                    page.push(order);
                }
                if page.len() == size {
                    return Ok((page, known.map(next).unwrap_or_default()));
                }
            }
        }
        Ok((page, known.or(after).map(next).unwrap_or_default()))
    }

    async fn by_tray(
        &self,
        actor: &Actor,
        (unit, desk): (crate::domain::Unit, crate::domain::Desk),
        stage: Option<Stage>,
        size: usize,
        token: &str,
    ) -> Result<Page, Fault> {
        let filter = format!("{unit}/{desk}/{}", stage.map_or("any", Stage::name));
        let after = Place::of(token, &filter)?.map(|place| (place.deadline, place.no));
        let (tray, last) = self.dispatch.tray(actor, unit, desk, after, size).await?;
        let next = last.map(|(deadline, no)| Place { deadline, no }.token(&filter));
        let next = next.unwrap_or_default();
        let orders = tray.into_iter().map(|(_, order)| order);
        Ok((orders.filter(|o| stage.is_none_or(|stage| o.stage == stage)).collect(), next))
    }
}

/// Reads one matter, however it came. Both calls digest the same, so a matter that was filed
/// by one may be asked about again by the other.
fn filing(
    actor: &Actor,
    request_id: &str,
    matter: Option<pb::Submission>,
) -> Result<(dispatch::Request, Submission), Fault> {
    let matter = read::matter(matter)?;
    let request = read::request(request_id, "SubmitOrder", actor, &matter)?;
    let submission = read::submission(matter).map_err(|fault| fault.within("submission"))?;
    Ok((request, submission))
}

/// Why not, as its fields are named in the request.
fn within(refusal: Refusal) -> Fault {
    Fault::from(refusal).within("submission")
}

/// Answers each matter of a stream as soon as it is safe. Reads no further while
/// [`MAX_IN_FLIGHT`] are on their way: the client feels it through HTTP/2's windows.
async fn submit_all(
    dispatch: Arc<Dispatch>,
    actor: Actor,
    mut incoming: Streaming<pb::SubmitOrdersRequest>,
    answers: mpsc::Sender<Result<pb::SubmitOrdersResponse, Status>>,
) {
    let actor = Arc::new(actor);
    let mut stopping = dispatch.stopping();
    let mut in_flight = JoinSet::new();
    let mut index = 0;
    let end = loop {
        tokio::select! {
            Some(_) = in_flight.join_next(), if !in_flight.is_empty() => {}
            next = incoming.message(), if in_flight.len() < MAX_IN_FLIGHT => match next {
                Ok(Some(item)) => {
                    let (dispatch, actor) = (Arc::clone(&dispatch), Arc::clone(&actor));
                    in_flight.spawn(answer(dispatch, actor, index, item, answers.clone()));
                    index += 1;
                }
                Ok(None) => break None,
                Err(status) => break Some(status),
            },
            () = stopped(&mut stopping) => break Some(Fault::from(Refusal::Stopping).into()),
            () = answers.closed() => break None,
        }
    };
    while in_flight.join_next().await.is_some() {}
    if let Some(status) = end {
        // Nobody left to tell is nobody harmed.
        let _ = answers.send(Err(status)).await;
    }
}

async fn answer(
    dispatch: Arc<Dispatch>,
    actor: Arc<Actor>,
    index: u64,
    item: pb::SubmitOrdersRequest,
    answers: mpsc::Sender<Result<pb::SubmitOrdersResponse, Status>>,
) {
    use pb::submit_orders_response::Result as Outcome;
    let pb::SubmitOrdersRequest { request_id, submission } = item;
    let result = match filing(&actor, &request_id, submission) {
        Ok((request, matter)) => {
            // A stream is held up, not refused: its sender waits.
            let _turn = dispatch.wait_to_file().await;
            dispatch.submit(&actor, request, matter).await.map_err(within)
        }
        Err(fault) => Err(fault),
    };
    let result = match result {
        Ok(done) => Outcome::Receipt(write::receipt(&done)),
        Err(fault) => Outcome::Error(fault.into_item()),
    };
    let result = Some(result);
    // A client that left asks again with the same request id.
    let _ = answers.send(Ok(pb::SubmitOrdersResponse { request_id, index, result })).await;
}
