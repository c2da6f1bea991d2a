//! What the crew does in the hard cases: returns are decided, time is asked for and given,
//! helpers help, citizens are called, and some want it done again.

use super::{Crew, by};
use crate::domain::{Level, Unit};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::work_order_service_client::WorkOrderServiceClient;
use crate::pb::{
    AddCoHandlerRequest, DecideExtensionRequest, DecideReturnRequest, DecideSuspensionRequest,
    EscalateOrderRequest, Evidence, Order, Outcome, RecordFollowUpRequest, ReportOrderRequest,
    RequestExtensionRequest, RequestSuspensionRequest, Stage, UrgeOrderRequest, Verdict,
};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

/// How long a pause is asked for, in order time.
const PAUSE: i64 = 1_800;
/// How much more time is asked for.
const MORE: Duration = Duration::from_secs(3_600);
/// After so many holdings nobody asks for anything any more: every life ends.
const PATIENCE: usize = 12;

fn id() -> String {
    Uuid::new_v4().to_string()
}

impl Crew {
    /// Some front lines ask for something before they do anything; whether this one did. What
    /// the order's policy does not give is not asked for twice: it goes on without.
    pub(super) async fn asks_first(&self, order: &Order, holder: Unit, channel: &Channel) -> bool {
        let mut client = WorkOrderServiceClient::new(channel.clone());
        let (request_id, order_no) = (id(), order.order_no.clone());
        let handling = order.stage() == Stage::Handling && order.legs.len() < PATIENCE;
        let ask = u32::from(self.returning) / 2;
        let n = self.chance(order, "ask");
        if self.chance(order, "urge") < ask {
            let request = UrgeOrderRequest { request_id: id(), order_no: order_no.clone() };
            let centre = self.cell.centre();
            // The citizen asks where it stays; that changes nothing for the unit.
            let _ = IntakeServiceClient::new(channel.clone()).urge_order(by(request, centre)).await;
        }
        if !handling {
            return false;
        }
        if n < ask && order.extended == 0 {
            self.take(order, 300, 900).await;
            let text = "需调取管网图纸，请予延期。".to_owned();
            let more = prost_types::Duration::try_from(MORE).ok();
            let request = RequestExtensionRequest { request_id, order_no, by: more, text };
            return client.request_extension(by(request, holder)).await.is_ok();
        }
        // A pause takes the time it takes: not for a crew that does everything at once.
        let may_wait = self.take_time && order.pauses.is_empty();
        if (ask..2 * ask).contains(&n) && may_wait {
            self.take(order, 300, 900).await;
            let until = order.updated_at.as_ref().map(|at| {
                let taken = 900;
                prost_types::Timestamp { seconds: at.seconds + taken + PAUSE, nanos: 0 }
            });
            let text = "配件明日到货，申请挂账。".to_owned();
            let request = RequestSuspensionRequest { request_id, order_no, until, text };
            return client.request_suspension(by(request, holder)).await.is_ok();
        }
        if (2 * ask..3 * ask).contains(&n) && holder.superior().is_some() {
            self.take(order, 300, 900).await;
            let text = "需上级协调电力部门。".to_owned();
            let request = EscalateOrderRequest { request_id, order_no, text };
            return client.escalate_order(by(request, holder)).await.is_ok();
        }
        let helper = holder.superior().filter(|_| holder.level() == Level::Village);
        if let Some(helper) = helper.filter(|_| (3 * ask..4 * ask).contains(&n)) {
            let unit = helper.to_string();
            let request = AddCoHandlerRequest { request_id, order_no, unit };
            // The order is still the lead's, with help or without.
            let _ = client.add_co_handler(by(request, holder)).await;
        }
        false
    }

    /// With what proves it; and if a helper is slow, without waiting for it.
    pub(super) async fn report(
        &self,
        order: &Order,
        lease: String,
        holder: Unit,
        channel: Channel,
    ) -> Result<(), Status> {
        let uri = format!("https://files.example/{}.jpg", order.order_no);
        let sha256 = Sha256::digest(&uri).iter().map(|byte| format!("{byte:02x}")).collect();
        let request = ReportOrderRequest {
            request_id: id(),
            order_no: order.order_no.clone(),
            lease,
            text: "已到现场核实处理，并向来电人说明情况。".into(),
            evidence: vec![Evidence { uri, sha256 }],
            ..ReportOrderRequest::default()
        };
        let mut client = WorkOrderServiceClient::new(channel);
        match client.report_order(by(request.clone(), holder)).await {
            Err(status) if status.code() == Code::FailedPrecondition => {
                let text = "协办单位未及时反馈，主办已先行办结。".into();
                let alone = ReportOrderRequest { text, without_co_handlers: true, ..request };
                let request = ReportOrderRequest { request_id: id(), ..alone };
                client.report_order(by(request, holder)).await.map(drop)
            }
            reported => reported.map(drop),
        }
    }

    /// A helper does its part.
    pub(super) async fn help(
        &self,
        order: &Order,
        lease: String,
        channel: Channel,
    ) -> Result<(), Status> {
        let waits = order.co_handlers.iter().find(|co| co.reported_at.is_none());
        let Some(unit) = waits.and_then(|co| co.unit.parse::<Unit>().ok()) else { return Ok(()) };
        self.take(order, 300, 1_800).await;
        let request = ReportOrderRequest {
            request_id: id(),
            order_no: order.order_no.clone(),
            lease,
            text: "协办事项已完成。".into(),
            ..ReportOrderRequest::default()
        };
        let mut client = WorkOrderServiceClient::new(channel);
        client.report_order(by(request, unit)).await.map(drop)
    }

    /// What was given back goes to whoever decides, or back for good; what was asked for is
    /// mostly given.
    pub(super) async fn approve(
        &self,
        order: &Order,
        holder: Unit,
        channel: Channel,
    ) -> Result<(), Status> {
        self.take(order, 60, 400).await;
        let mut client = CommandServiceClient::new(channel);
        let (request_id, order_no) = (id(), order.order_no.clone());
        let given = self.chance(order, "given") < 80;
        let verdict = i32::from(if given { Verdict::Accept } else { Verdict::Reject });
        let text = if given { "同意。" } else { "请按期办结。" }.to_owned();
        let stage = order.stage();
        if stage == Stage::ReturnReview {
            let designate = self.chance(order, "designate") < 50;
            let to_unit = if designate { String::new() } else { holder.to_string() };
            let request = DecideReturnRequest { request_id, order_no, to_unit, designate };
            client.decide_return(by(request, holder)).await.map(drop)
        } else if stage == Stage::ExtensionReview {
            let request = DecideExtensionRequest { request_id, order_no, verdict, text };
            match client.decide_extension(by(request.clone(), holder)).await {
                // Too late to give more: then not.
                Err(status) if status.code() == Code::FailedPrecondition => {
                    let verdict = Verdict::Reject.into();
                    let not = DecideExtensionRequest { request_id: id(), verdict, ..request };
                    client.decide_extension(by(not, holder)).await.map(drop)
                }
                decided => decided.map(drop),
            }
        } else {
            let request = DecideSuspensionRequest { request_id, order_no, verdict, text };
            match client.decide_suspension(by(request.clone(), holder)).await {
                // The moment it was asked for has passed: there is nothing to give.
                Err(status) if status.code() == Code::InvalidArgument => {
                    let verdict = Verdict::Reject.into();
                    let not = DecideSuspensionRequest { request_id: id(), verdict, ..request };
                    client.decide_suspension(by(not, holder)).await.map(drop)
                }
                decided => decided.map(drop),
            }
        }
    }

    /// The centre calls the citizen.
    pub(super) async fn follow_up(&self, order: &Order, channel: Channel) -> Result<(), Status> {
        self.take(order, 600, 3_600).await;
        let n = self.chance(order, "outcome");
        let dissatisfied = u32::from(self.dissatisfied);
        let outcome = match n {
            n if n < dissatisfied => Outcome::Dissatisfied,
            n if n < 2 * dissatisfied && order.followed_up == 0 => Outcome::Unreached,
            _ => Outcome::Satisfied,
        };
        let request = RecordFollowUpRequest {
            request_id: id(),
            order_no: order.order_no.clone(),
            outcome: outcome.into(),
        };
        let mut client = IntakeServiceClient::new(channel);
        client.record_follow_up(by(request, self.cell.centre())).await.map(drop)
    }
}
