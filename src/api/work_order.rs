//! WorkOrderService: units take their orders, pass them on, report.

use super::actor::split;
use super::status::Fault;
use super::{Api, MAX_ITEMS, from_proto as read, moves, push, text, to_proto as write};
use crate::dispatch::{Dispatch, Paper, Pull};
use crate::domain::{Action, Actor, ReturnReason, Unit};
use crate::pb;
use crate::pb::work_order_service_server::WorkOrderService;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// How many orders a puller is given who does not say.
const DEFAULT_ORDERS: usize = 16;
/// The shortest lease: less than this is over before the answer is read.
const LEASE_MIN: Duration = Duration::from_secs(1);

#[tonic::async_trait]
impl WorkOrderService for Api {
    async fn pull_orders(
        &self,
        request: Request<pb::PullOrdersRequest>,
    ) -> Result<Response<pb::PullOrdersResponse>, Status> {
        let (actor, pb::PullOrdersRequest { unit, include_subtree, desk, max_orders, lease, wait }) =
            split(request)?;
        let pull = Pull {
            unit: read::unit("unit", &unit)?,
            subtree: include_subtree,
            desk: read::said("desk", desk)?,
            max: read::count("max_orders", max_orders, DEFAULT_ORDERS, MAX_ITEMS)?,
            lease: self.lease(lease)?,
            wait: read::duration(
                "wait",
                wait,
                Duration::ZERO,
                Duration::ZERO..=self.limits.long_poll_max,
            )?,
        };
        let pulled = self.dispatch.pull(&actor, pull).await.map_err(Fault::from)?;
        let mut orders = Vec::with_capacity(pulled.len());
        for claimed in pulled {
            orders.push(push::claimed_order(&self.dispatch, claimed, &actor).await?);
        }
        Ok(Response::new(pb::PullOrdersResponse { orders }))
    }

    type StreamOrdersStream = ReceiverStream<Result<pb::StreamOrdersResponse, Status>>;

    async fn stream_orders(
        &self,
        request: Request<pb::StreamOrdersRequest>,
    ) -> Result<Response<Self::StreamOrdersStream>, Status> {
        let (
            actor,
            pb::StreamOrdersRequest { unit, include_subtree, desk, max_outstanding, lease },
        ) = split(request)?;
        let pull = Pull {
            unit: read::unit("unit", &unit)?,
            subtree: include_subtree,
            desk: read::said("desk", desk)?,
            max: read::count("max_outstanding", max_outstanding, DEFAULT_ORDERS, MAX_ITEMS)?,
            lease: self.lease(lease)?,
            wait: Duration::ZERO,
        };
        let (orders, outgoing) = mpsc::channel(push::BUFFER);
        tokio::spawn(push::push(Arc::clone(&self.dispatch), actor, pull, orders));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn sign_orders(
        &self,
        request: Request<pb::SignOrdersRequest>,
    ) -> Result<Response<pb::SignOrdersResponse>, Status> {
        let (actor, pb::SignOrdersRequest { items }) = split(request)?;
        read::items("items", items.len())?;
        let results = self.each(
            actor,
            items,
            |item: &mut pb::SignItem| {
                let order_no = item.order_no.clone();
                let id = take(&mut item.request_id);
                Item { id, order_no, lease: take(&mut item.lease), call: "SignOrders" }
            },
            |item| {
                Ok(helping(&item.co_handler)?.map_or(Action::Sign, |unit| Action::CoSign { unit }))
            },
        );
        Ok(Response::new(pb::SignOrdersResponse { results: results.await }))
    }

    async fn relay_orders(
        &self,
        request: Request<pb::RelayOrdersRequest>,
    ) -> Result<Response<pb::RelayOrdersResponse>, Status> {
        let (actor, pb::RelayOrdersRequest { items }) = split(request)?;
        read::items("items", items.len())?;
        let results = self.each(
            actor,
            items,
            |item: &mut pb::RelayItem| {
                let order_no = item.order_no.clone();
                let id = take(&mut item.request_id);
                Item { id, order_no, lease: take(&mut item.lease), call: "RelayOrders" }
            },
            |item| Ok(Action::Relay { to: below(&item.to_unit)? }),
        );
        Ok(Response::new(pb::RelayOrdersResponse { results: results.await }))
    }

    async fn return_order(
        &self,
        request: Request<pb::ReturnOrderRequest>,
    ) -> Result<Response<pb::ReturnOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let lease = take(&mut body.lease);
        let change = Item { id, order_no: body.order_no.clone(), lease, call: "ReturnOrder" };
        let reason = read::said::<ReturnReason>("reason", body.reason)?;
        text::required("text", &body.text, text::MAX_WORDS)?;
        let request = read::request(&change.id, change.call, &actor, &body)?;
        let paper = Paper { body: body.text, ..Paper::default() };
        let action = Action::Return { reason };
        let receipt = act(&self.dispatch, &actor, request, &change, action, Some(paper)).await?;
        Ok(Response::new(pb::ReturnOrderResponse { receipt: Some(receipt) }))
    }

    async fn report_order(
        &self,
        request: Request<pb::ReportOrderRequest>,
    ) -> Result<Response<pb::ReportOrderResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let lease = take(&mut body.lease);
        let change = Item { id, order_no: body.order_no.clone(), lease, call: "ReportOrder" };
        text::required("text", &body.text, text::MAX_WORDS)?;
        let request = read::request(&change.id, change.call, &actor, &body)?;
        let evidence = read::evidence(take(&mut body.evidence))?;
        let paper = Paper { title: String::new(), body: take(&mut body.text), evidence };
        let action = match helping(&body.co_handler)? {
            Some(unit) => Action::CoReport { unit },
            None => Action::Report {
                evidence: !paper.evidence.is_empty(),
                without_co_handlers: body.without_co_handlers,
            },
        };
        let receipt = act(&self.dispatch, &actor, request, &change, action, Some(paper)).await?;
        Ok(Response::new(pb::ReportOrderResponse { receipt: Some(receipt) }))
    }

    async fn get_contact(
        &self,
        request: Request<pb::GetContactRequest>,
    ) -> Result<Response<pb::GetContactResponse>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(&mut body.request_id);
        let request = read::request(&id, "GetContact", &actor, &body)?;
        let no = read::order_no(&body.order_no)?;
        let contact = self.dispatch.contact(no, &actor, request).await.map_err(Fault::from)?;
        Ok(Response::new(pb::GetContactResponse { contact: Some(write::contact(&contact)) }))
    }

    async fn request_extension(
        &self,
        request: Request<pb::RequestExtensionRequest>,
    ) -> Result<Response<pb::RequestExtensionResponse>, Status> {
        let receipt = self.change(request, "RequestExtension", moves::request_extension).await?;
        Ok(Response::new(pb::RequestExtensionResponse { receipt }))
    }

    async fn request_suspension(
        &self,
        request: Request<pb::RequestSuspensionRequest>,
    ) -> Result<Response<pb::RequestSuspensionResponse>, Status> {
        let receipt = self.change(request, "RequestSuspension", moves::request_suspension).await?;
        Ok(Response::new(pb::RequestSuspensionResponse { receipt }))
    }

    async fn resume_order(
        &self,
        request: Request<pb::ResumeOrderRequest>,
    ) -> Result<Response<pb::ResumeOrderResponse>, Status> {
        let receipt = self.change(request, "ResumeOrder", moves::resume_order).await?;
        Ok(Response::new(pb::ResumeOrderResponse { receipt }))
    }

    async fn add_co_handler(
        &self,
        request: Request<pb::AddCoHandlerRequest>,
    ) -> Result<Response<pb::AddCoHandlerResponse>, Status> {
        let receipt = self.change(request, "AddCoHandler", moves::add_co_handler).await?;
        Ok(Response::new(pb::AddCoHandlerResponse { receipt }))
    }

    async fn escalate_order(
        &self,
        request: Request<pb::EscalateOrderRequest>,
    ) -> Result<Response<pb::EscalateOrderResponse>, Status> {
        let receipt = self.change(request, "EscalateOrder", moves::escalate_order).await?;
        Ok(Response::new(pb::EscalateOrderResponse { receipt }))
    }
}

/// What every change of an order says besides what it wants.
pub(super) struct Item {
    pub id: String,
    pub order_no: String,
    pub lease: String,
    pub call: &'static str,
}

/// The co-handler in whose name it is done.
fn helping(co_handler: &str) -> Result<Option<Unit>, Fault> {
    let named = Some(co_handler).filter(|unit| !unit.is_empty());
    named.map(|unit| read::unit("co_handler", unit)).transpose()
}

fn below(to_unit: &str) -> Result<Option<Unit>, Fault> {
    if to_unit.is_empty() { Ok(None) } else { read::unit("to_unit", to_unit).map(Some) }
}

/// One change of one order.
pub(super) async fn act(
    dispatch: &Arc<Dispatch>,
    actor: &Actor,
    request: crate::dispatch::Request,
    change: &Item,
    action: Action,
    paper: Option<Paper>,
) -> Result<pb::Receipt, Fault> {
    let no = read::order_no(&change.order_no)?;
    let lease = read::lease(no, &change.lease)?;
    let done = dispatch.act(no, actor, Some(request), lease, action, paper).await?;
    Ok(write::receipt(&done))
}

impl Api {
    fn lease(&self, lease: Option<prost_types::Duration>) -> Result<Duration, Fault> {
        let limits = &self.limits;
        read::duration("lease", lease, limits.lease_default, LEASE_MIN..=limits.lease_max)
    }

    /// One result per item, in their order; all are on their way at once so that they share
    /// commits. `open` takes out what does not belong into the digest.
    async fn each<T: prost::Message + Clone + 'static>(
        &self,
        actor: Actor,
        items: Vec<T>,
        open: fn(&mut T) -> Item,
        wants: fn(&T) -> Result<Action, Fault>,
    ) -> Vec<pb::ItemResult> {
        let actor = Arc::new(actor);
        let mut results = Vec::with_capacity(items.len());
        let mut tasks = JoinSet::new();
        for (at, mut body) in items.into_iter().enumerate() {
            let change = open(&mut body);
            results.push(unanswered_item(change.id.clone(), change.order_no.clone()));
            let (dispatch, actor) = (Arc::clone(&self.dispatch), Arc::clone(&actor));
            tasks.spawn(async move {
                let done = async {
                    let request = read::request(&change.id, change.call, &actor, &body)?;
                    act(&dispatch, &actor, request, &change, wants(&body)?, None).await
                };
                (at, done.await)
            });
        }
        gather(tasks, &mut results).await;
        results
    }

    /// Closes each order by the same words, each by a change of its own.
    pub(super) async fn close_each(
        &self,
        actor: Actor,
        whole: crate::dispatch::Request,
        order_nos: Vec<String>,
        words: Paper,
    ) -> Vec<pb::ItemResult> {
        let actor = Arc::new(actor);
        let mut results = Vec::with_capacity(order_nos.len());
        let mut tasks = JoinSet::new();
        for (at, order_no) in order_nos.into_iter().enumerate() {
            let request = read::part(whole, &order_no);
            let id = uuid::Uuid::from_u128(request.id.0).to_string();
            results.push(unanswered_item(id.clone(), order_no.clone()));
            let change = Item { id, order_no, lease: String::new(), call: "CloseBatch" };
            let (dispatch, actor) = (Arc::clone(&self.dispatch), Arc::clone(&actor));
            let action = Action::Dispose { evidence: !words.evidence.is_empty() };
            let words = Some(words.clone());
            tasks.spawn(async move {
                (at, act(&dispatch, &actor, request, &change, action, words).await)
            });
        }
        gather(tasks, &mut results).await;
        results
    }
}

type Outcomes = JoinSet<(usize, Result<pb::Receipt, Fault>)>;

/// Puts each outcome where its item was asked for.
async fn gather(mut tasks: Outcomes, results: &mut [pb::ItemResult]) {
    use pb::item_result::Result as Outcome;
    while let Some(joined) = tasks.join_next().await {
        if let Ok((at, outcome)) = joined {
            results[at].result = Some(match outcome {
                Ok(receipt) => Outcome::Receipt(receipt),
                Err(fault) => Outcome::Error(fault.into_item()),
            });
        }
    }
}

/// What is left if the task ends before it can answer.
fn unanswered_item(request_id: String, order_no: String) -> pb::ItemResult {
    use pb::item_result::Result as Outcome;
    let error = Outcome::Error(Fault::from(unanswered()).into_item());
    pb::ItemResult { request_id, order_no, result: Some(error) }
}

fn unanswered() -> crate::dispatch::Refusal {
    use crate::dispatch::{Refusal, StoreError};
    Refusal::Unknown(StoreError::Unreachable("the task ended before it could answer".into()))
}
