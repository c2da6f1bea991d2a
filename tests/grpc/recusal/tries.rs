//! Every way to change an order, each with a body that is right if the order may be known of.

use crate::moves::only;
use crate::server::*;
use hotline::pb;
use prost::Message;
use tonic::Status;

/// Whether a change names no order that is there.
pub fn names_no_order(method: &str) -> bool {
    ["IntakeService/SubmitOrder", "IntakeService/SubmitOrders", "AdminService/SwitchMode"]
        .contains(&method)
}

/// Tries one change of one order as somebody of a unit. One that is not here is a way to ask
/// about an order that nobody has thought through.
pub async fn attempt(s: &Server, unit: &str, method: &str, no: &str) -> Result<Vec<u8>, Status> {
    let (request_id, order_no, text) = (id(), no.to_owned(), "情况属实。".to_owned());
    let verdict = i32::from(pb::Verdict::Accept);
    macro_rules! ask {
        ($client:ident $rpc:ident $request:expr) => {
            s.$client()
                .$rpc(by(unit, "handler", $request))
                .await
                .map(|answer| answer.into_inner().encode_to_vec())
        };
    }
    macro_rules! ask_each {
        ($client:ident $rpc:ident $request:expr) => {
            only(s.$client().$rpc(by(unit, "handler", $request)).await?.into_inner().results)
                .map(|receipt| receipt.unwrap().encode_to_vec())
        };
    }
    match method {
        "IntakeService/SupplementOrder" => ask!(intake supplement_order
            pb::SupplementOrderRequest { request_id, order_no, text }),
        "IntakeService/UrgeOrder" => ask!(intake urge_order
            pb::UrgeOrderRequest { request_id, order_no }),
        "IntakeService/WithdrawOrder" => ask!(intake withdraw_order
            pb::WithdrawOrderRequest { request_id, order_no }),
        "IntakeService/RecordFollowUp" => ask!(intake record_follow_up
        pb::RecordFollowUpRequest {
            request_id, order_no, outcome: pb::Outcome::Unreached.into(),
        }),
        "IntakeService/ReopenOrder" => ask!(intake reopen_order
            pb::ReopenOrderRequest { request_id, order_no, submission: Some(matter()) }),
        "WorkOrderService/SignOrders" => ask_each!(work sign_orders
        pb::SignOrdersRequest {
            items: vec![pb::SignItem { request_id, order_no, ..Default::default() }],
        }),
        "WorkOrderService/RelayOrders" => ask_each!(work relay_orders
        pb::RelayOrdersRequest {
            items: vec![pb::RelayItem {
                request_id, order_no, to_unit: VILLAGE.to_owned(), ..Default::default()
            }],
        }),
        "WorkOrderService/ReturnOrder" => ask!(work return_order
        pb::ReturnOrderRequest {
            request_id, order_no, text, reason: pb::ReturnReason::WrongPlace.into(),
            ..Default::default()
        }),
        "WorkOrderService/ReportOrder" => ask!(work report_order
            pb::ReportOrderRequest { request_id, order_no, text, ..Default::default() }),
        "WorkOrderService/GetContact" => ask!(work get_contact
            pb::GetContactRequest { request_id, order_no }),
        "WorkOrderService/RequestExtension" => ask!(work request_extension
        pb::RequestExtensionRequest {
            request_id, order_no, text,
            by: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        }),
        "WorkOrderService/RequestSuspension" => ask!(work request_suspension
        pb::RequestSuspensionRequest {
            request_id, order_no, text,
            until: Some(prost_types::Timestamp { seconds: s.now() + 60, nanos: 0 }),
        }),
        "WorkOrderService/ResumeOrder" => ask!(work resume_order
            pb::ResumeOrderRequest { request_id, order_no }),
        "WorkOrderService/AddCoHandler" => ask!(work add_co_handler
            pb::AddCoHandlerRequest { request_id, order_no, unit: COUNTY.to_owned() }),
        "WorkOrderService/EscalateOrder" => ask!(work escalate_order
            pb::EscalateOrderRequest { request_id, order_no, text }),
        "CommandService/AcceptOrder" => ask!(command accept_order
        pb::AcceptOrderRequest {
            request_id, order_no, category: category(), division: VILLAGE.to_owned(),
            ..Default::default()
        }),
        "CommandService/AssignOrder" => ask!(command assign_order
            pb::AssignOrderRequest { request_id, order_no, ..Default::default() }),
        "CommandService/DecideReport" => ask!(command decide_report
            pb::DecideReportRequest { request_id, order_no, verdict, ..Default::default() }),
        "CommandService/AskInformation" => ask!(command ask_information
            pb::AskInformationRequest { request_id, order_no, text }),
        "CommandService/AnswerOrder" => ask!(command answer_order
            pb::AnswerOrderRequest { request_id, order_no, text }),
        "CommandService/DeclineOrder" => ask!(command decline_order
        pb::DeclineOrderRequest {
            request_id, order_no, text, reason: pb::DeclineReason::Petition.into(),
        }),
        "CommandService/HandOverOrder" => ask!(command hand_over_order
            pb::HandOverOrderRequest { request_id, order_no, to: pb::Emergency::Fire.into() }),
        "CommandService/DecideReturn" => ask!(command decide_return
        pb::DecideReturnRequest {
            request_id, order_no, designate: false, to_unit: VILLAGE.to_owned(),
        }),
        "CommandService/DecideExtension" => ask!(command decide_extension
            pb::DecideExtensionRequest { request_id, order_no, verdict, text }),
        "CommandService/DecideSuspension" => ask!(command decide_suspension
            pb::DecideSuspensionRequest { request_id, order_no, verdict, text }),
        "CommandService/SuperviseOrder" => ask!(command supervise_order
            pb::SuperviseOrderRequest { request_id, order_no, card: pb::Card::Red.into() }),
        "CommandService/LiftSupervision" => ask!(command lift_supervision
            pb::LiftSupervisionRequest { request_id, order_no }),
        "CommandService/ReleaseOrder" => ask!(command release_order
            pb::ReleaseOrderRequest { request_id, order_no }),
        "CommandService/TerminateOrder" => ask!(command terminate_order
            pb::TerminateOrderRequest { request_id, order_no, text }),
        "CommandService/RecuseUnit" => ask!(command recuse_unit
            pb::RecuseUnitRequest { request_id, order_no, unit: COUNTY.to_owned() }),
        "CommandService/CorrectOrder" => ask!(command correct_order
            pb::CorrectOrderRequest { request_id, order_no, ..Default::default() }),
        "CommandService/MergeOrders" => {
            let into = s.filed().await.order_no;
            ask!(command merge_orders pb::MergeOrdersRequest { request_id, order_no, into })
        }
        "CommandService/CloseBatch" => ask_each!(command close_batch
        pb::CloseBatchRequest {
            request_id, order_nos: vec![order_no], text, evidence: Vec::new(),
        }),
        _ => panic!("{method} changes an order: say here how, and see what it is answered"),
    }
}
