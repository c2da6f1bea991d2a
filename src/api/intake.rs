//! IntakeService: matters come in, and are looked at.

use super::actor::split;
use super::enums::Wire;
use super::page::{self, Place};
use super::status::Fault;
use super::stopped;
use super::{Api, MAX_IN_FLIGHT, from_proto as read, moves, text, to_proto as write};
use crate::dispatch::{self, Dispatch, Done, Refusal, Submission};
use crate::domain::{Actor, Category, Order, OrderNo, Stage, Timestamp};
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
        let (actor, pb::PreviewOrderRequest { title, text, address, phone }) = split(request)?;
        text::optional("title", &title, text::MAX_TITLE)?;
        text::optional("text", &text, text::MAX_TEXT)?;
        text::optional("address", &address, text::MAX_ADDRESS)?;
        let phone = text::phone(&phone)?;
        let (mut preview, category) = self.preview(&title, &text, &address);
        preview.repeats = self.repeats(&actor, &phone, category).await?;
        Ok(Response::new(preview))
    }

    async fn submit_order(
        &self,
        request: Request<pb::SubmitOrderRequest>,
    ) -> Result<Response<pb::SubmitOrderResponse>, Status> {
        let (actor, body) = split(request)?;
        let pb::SubmitOrderRequest { request_id, submission, find_repeats } = body;
        let contact = submission.as_ref().and_then(|matter| matter.contact.as_ref());
        let phone = contact.map(|contact| contact.phone.clone()).filter(|_| find_repeats);
        let (request, matter) = filing(&actor, &request_id, submission)?;
        let receipt = filed(self.dispatch.submit(&actor, request, matter).await)?;
        let mut repeats = Vec::new();
        if let Some(phone) = phone {
            let category = read::category(&receipt.category)?.unwrap_or(Category::NONE);
            repeats = self.repeats(&actor, &text::phone(&phone)?, category).await?;
            repeats.retain(|other| other.order_no != receipt.order_no);
        }
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
        let order = Some(write::order(&order, self.dispatch.now(), actor.unit));
        Ok(Response::new(pb::GetOrderResponse { order, papers }))
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
        let now = self.dispatch.now();
        let (orders, next_page_token) = page;
        let orders = orders.iter().map(|order| write::order(order, now, actor.unit)).collect();
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
    /// Open orders that may be the same matter.
    async fn repeats(
        &self,
        actor: &Actor,
        phone: &str,
        category: Category,
    ) -> Result<Vec<pb::Repeat>, Fault> {
        let repeats = self.dispatch.repeats(actor, phone, category).await?;
        let repeat = |order: &Arc<Order>| pb::Repeat {
            order_no: order.no.to_string(),
            stage: order.stage.to_pb().into(),
            heard_at: Some(write::time(order.heard_at)),
            category: order.reading.category.to_string(),
            category_name: self.category_name(order.reading.category),
        };
        Ok(repeats.iter().map(repeat).collect())
    }

    fn preview(
        &self,
        title: &str,
        text: &str,
        address: &str,
    ) -> (pb::PreviewOrderResponse, Category) {
        let preview = self.dispatch.preview(title, text, address);
        let (said, place) = (&preview.classification, &preview.location);
        let catalogue = self.dispatch.catalogue();
        let reading = pb::Reading {
            kind: said.kind.to_pb().into(),
            category: said.category.to_string(),
            urgency: said.urgency.to_pb().into(),
            category_confidence: said.category_confidence.percent().into(),
            division: place.division.to_string(),
            division_confidence: place.confidence.percent().into(),
        };
        let clues = said.evidence.iter().map(|clue| pb::Clue {
            word: clue.keyword.clone(),
            speaks_for: clue.speaks.to_string(),
            weight: clue.weight.into(),
            in_title: clue.in_title,
        });
        let rivals = said.rivals.iter().map(|(category, confidence)| pb::Rival {
            category: category.to_string(),
            category_name: self.category_name(*category),
            confidence: confidence.percent().into(),
        });
        let places = place.evidence.iter().map(|name| pb::PlaceClue {
            text: name.text.clone(),
            division: name.division.to_string(),
        });
        let chain = preview.route.as_ref().map_or(&[][..], |route| route.plan.units());
        let name = |unit| catalogue.unit(unit).map(|row| row.name.clone()).unwrap_or_default();
        let category = said.category;
        let preview = pb::PreviewOrderResponse {
            reading: Some(reading),
            category_name: self.category_name(said.category),
            division_name: self.division_name(place.division),
            clues: clues.collect(),
            chain: write::units(chain),
            chain_names: chain.iter().copied().map(name).collect(),
            confident: preview.confident,
            no_route: preview.route.as_ref().err().map(ToString::to_string).unwrap_or_default(),
            rivals: rivals.collect(),
            places: places.collect(),
            ambiguous_divisions: place.ambiguous.iter().map(ToString::to_string).collect(),
            repeats: Vec::new(),
        };
        (preview, category)
    }

    pub(super) fn category_name(&self, category: Category) -> String {
        let row = self.dispatch.catalogue().category(category);
        row.map(|row| row.name.clone()).unwrap_or_default()
    }

    /// From the county down, as people say it: 南湖区新兴街道.
    pub(super) fn division_name(&self, division: crate::domain::Division) -> String {
        let mut names = Vec::with_capacity(4);
        let mut next = Some(division);
        while let Some(place) = next {
            names.extend(self.dispatch.catalogue().division(place).map(|row| row.name.as_str()));
            next = place.parent();
        }
        names.reverse();
        names.concat()
    }

    fn tracked(&self, order: &Order) -> pb::TrackOrderResponse {
        let holder = order.holder();
        let row = holder.and_then(|unit| self.dispatch.catalogue().unit(unit));
        pb::TrackOrderResponse {
            order_no: order.no.to_string(),
            stage: order.stage.to_pb().into(),
            category: order.reading.category.to_string(),
            holder: holder.map(|unit| unit.to_string()).unwrap_or_default(),
            holder_name: row.map(|row| row.name.clone()).unwrap_or_default(),
            heard_at: Some(write::time(order.heard_at)),
            arrived_at: order.arrival.stopped_at.map(write::time),
            closure_due: Some(write::time(order.due(crate::domain::ClockKind::Closure))),
            closed_at: order.closure.stopped_at.map(write::time),
        }
    }

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
        for _ in 0..MAX_SCANS {
            let orders =
                self.dispatch.list(after, if stage.is_none() { size } else { SCAN }).await?;
            if orders.is_empty() {
                return Ok((page, String::new()));
            }
            for order in orders {
                after = Some(order.no);
                if stage.is_none_or(|stage| order.stage == stage) && !order.hidden_from(actor.unit)
                {
                    page.push(order);
                }
                if page.len() == size {
                    return Ok((page, after.map(next).unwrap_or_default()));
                }
            }
        }
        Ok((page, after.map(next).unwrap_or_default()))
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

/// What is answered to it.
fn filed(done: Result<Done, Refusal>) -> Result<pb::Receipt, Fault> {
    let inside = |refusal: Refusal| Fault::from(refusal).within("submission");
    done.map(|done| write::receipt(&done)).map_err(inside)
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
        Ok((request, matter)) => filed(dispatch.submit(&actor, request, matter).await),
        Err(fault) => Err(fault),
    };
    let result = match result {
        Ok(receipt) => Outcome::Receipt(receipt),
        Err(fault) => Outcome::Error(fault.into_item()),
    };
    let result = Some(result);
    // A client that left asks again with the same request id.
    let _ = answers.send(Ok(pb::SubmitOrdersResponse { request_id, index, result })).await;
}
