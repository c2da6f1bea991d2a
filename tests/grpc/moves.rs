//! Every move of the life cycle by name, over gRPC, with a body that is right where it is
//! allowed. Where nobody is named it is the centre that moves, which may act for every unit,
//! but for co-handlers.

use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use std::sync::Mutex;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A unit that helps, and one that is complained about; neither is in the chain.
pub const HELPER: &str = "330482";
pub const OTHER: &str = "330481";

/// One order and what has been done to it.
pub struct Life<'a> {
    pub s: &'a Server,
    pub no: Mutex<String>,
}

/// What a move came to: where it stands, or which gRPC code and reason.
pub type Came = Result<pb::Stage, (Code, String)>;

macro_rules! call {
    ($client:expr, $by:expr, $rpc:ident, $request:expr) => {
        $client.$rpc(by($by, "handler", $request)).await.map(|answer| answer.into_inner().receipt)
    };
}

impl Life<'_> {
    pub fn new(s: &Server) -> Life<'_> {
        Life { s, no: Mutex::default() }
    }

    pub fn no(&self) -> String {
        self.no.lock().unwrap().clone()
    }

    /// Where it stands now.
    pub async fn stage(&self) -> pb::Stage {
        self.s.order(&self.no()).await.stage()
    }

    /// Moves one after the other, each of which must be allowed; and a minute's waiting.
    pub async fn path(&self, names: &str) {
        for name in names.split_whitespace() {
            if name == "wait" {
                self.s.later(Span::minutes(1));
                continue;
            }
            if let Err(refused) = self.step(name).await {
                panic!("{name} on the way `{names}`: {refused:?}");
            }
        }
    }

    /// One move.
    pub async fn step(&self, name: &str) -> Came {
        if name == "go_down" {
            return Box::pin(self.go_down()).await;
        }
        let who = if name.starts_with("co_") { HELPER } else { CENTRE };
        match self.ask(who, name).await {
            Ok(receipt) => Ok(receipt.stage()),
            Err(status) => {
                let (code, reason, _) = told(&status);
                Err((code, reason))
            }
        }
    }

    /// One move, as a unit wants it.
    pub async fn ask(&self, who: &str, name: &str) -> Result<pb::Receipt, Status> {
        let receipt = match name {
            _ if name.starts_with("file") => {
                let receipt = self.file(who, name).await?;
                if let Some(receipt) = &receipt {
                    self.no.lock().unwrap().clone_from(&receipt.order_no);
                }
                receipt
            }
            _ if INTAKE.contains(&name) => self.at_intake(who, name).await?,
            _ if WORK.contains(&name) => self.at_work(who, name).await?,
            _ => self.at_command(who, name).await?,
        };
        Ok(receipt.unwrap())
    }

    async fn file(&self, who: &str, name: &str) -> Result<Option<pb::Receipt>, Status> {
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(filed_as(name)),
            ..Default::default()
        };
        call!(self.s.intake(), who, submit_order, request)
    }

    /// Down all levels and signed at the front line.
    async fn go_down(&self) -> Came {
        while !self.s.order(&self.no()).await.next_down.is_empty() {
            self.step("relay").await?;
        }
        self.step("sign").await
    }

    async fn at_intake(&self, who: &str, name: &str) -> Result<Option<pb::Receipt>, Status> {
        let (request_id, order_no, text) = (id(), self.no(), "门牌号是5幢801。".to_owned());
        let mut client = self.s.intake();
        let says = |outcome: pb::Outcome| pb::RecordFollowUpRequest {
            request_id: id(),
            order_no: order_no.clone(),
            outcome: outcome.into(),
        };
        match name {
            "supply" => {
                let request = pb::SupplementOrderRequest { request_id, order_no, text };
                call!(client, who, supplement_order, request)
            }
            "urge" => {
                let request = pb::UrgeOrderRequest { request_id, order_no };
                call!(client, who, urge_order, request)
            }
            "withdraw" => {
                let request = pb::WithdrawOrderRequest { request_id, order_no };
                call!(client, who, withdraw_order, request)
            }
            "satisfied" => {
                call!(client, who, record_follow_up, says(pb::Outcome::Satisfied))
            }
            "dissatisfied" => {
                call!(client, who, record_follow_up, says(pb::Outcome::Dissatisfied))
            }
            "unreached" => {
                call!(client, who, record_follow_up, says(pb::Outcome::Unreached))
            }
            "reopen" | "reopen_with_nothing_new" => {
                let mut matter = matter();
                if name == "reopen" {
                    matter.text = "修好的路灯昨晚又不亮了，灯杆也歪了。".to_owned();
                }
                let submission = Some(matter);
                let request = pb::ReopenOrderRequest { request_id, order_no, submission };
                call!(client, who, reopen_order, request)
            }
            _ => panic!("no move is called {name}"),
        }
    }

    async fn at_work(&self, who: &str, name: &str) -> Result<Option<pb::Receipt>, Status> {
        let (request_id, order_no, text) = (id(), self.no(), "现场已查看。".to_owned());
        let mut client = self.s.work();
        let report = |text: String| pb::ReportOrderRequest {
            request_id: id(),
            order_no: order_no.clone(),
            text,
            ..Default::default()
        };
        match name {
            "sign" | "co_sign" => {
                let item = pb::SignItem { request_id, order_no, ..Default::default() };
                let request = pb::SignOrdersRequest { items: vec![item] };
                only(client.sign_orders(by(who, "handler", request)).await?.into_inner().results)
            }
            "relay" => {
                let item = pb::RelayItem { request_id, order_no, ..Default::default() };
                let request = pb::RelayOrdersRequest { items: vec![item] };
                only(client.relay_orders(by(who, "handler", request)).await?.into_inner().results)
            }
            "return" => {
                let reason = pb::ReturnReason::NotOurDuty.into();
                let request = pb::ReturnOrderRequest {
                    request_id,
                    order_no,
                    reason,
                    text,
                    ..Default::default()
                };
                call!(client, who, return_order, request)
            }
            "report" | "co_report" => call!(client, who, report_order, report(text)),
            "report_with_evidence" => {
                let (uri, sha256) = ("https://files.example/a.jpg".to_owned(), "0f".repeat(32));
                let evidence = vec![pb::Evidence { uri, sha256 }];
                let request = pb::ReportOrderRequest { evidence, ..report(text) };
                call!(client, who, report_order, request)
            }
            "report_alone" => {
                let request = pb::ReportOrderRequest { without_co_handlers: true, ..report(text) };
                call!(client, who, report_order, request)
            }
            "add_co_handler" => {
                let unit = HELPER.to_owned();
                let request = pb::AddCoHandlerRequest { request_id, order_no, unit };
                call!(client, who, add_co_handler, request)
            }
            "escalate" => {
                let request = pb::EscalateOrderRequest { request_id, order_no, text };
                call!(client, who, escalate_order, request)
            }
            "ask_extension" => {
                let by_ = Some(prost_types::Duration { seconds: 3_600, nanos: 0 });
                let request = pb::RequestExtensionRequest { request_id, order_no, by: by_, text };
                call!(client, who, request_extension, request)
            }
            "ask_suspension" => {
                let now = self.s.now();
                let until = Some(prost_types::Timestamp { seconds: now + 3_600, nanos: 0 });
                let request = pb::RequestSuspensionRequest { request_id, order_no, until, text };
                call!(client, who, request_suspension, request)
            }
            "resume" => {
                let request = pb::ResumeOrderRequest { request_id, order_no };
                call!(client, who, resume_order, request)
            }
            _ => panic!("no move is called {name}"),
        }
    }

    async fn at_command(&self, who: &str, name: &str) -> Result<Option<pb::Receipt>, Status> {
        let (request_id, order_no, text) = (id(), self.no(), "情况属实。".to_owned());
        let mut client = self.s.command();
        let accept = pb::AcceptOrderRequest {
            request_id: request_id.clone(),
            order_no: order_no.clone(),
            category: category(),
            division: VILLAGE.to_owned(),
            urgency: pb::Urgency::Urgent.into(),
            ..Default::default()
        };
        let verdict = |yes| i32::from(if yes { pb::Verdict::Accept } else { pb::Verdict::Reject });
        match name {
            "accept" => call!(client, who, accept_order, accept),
            "accept_open" => {
                let request = pb::AcceptOrderRequest { leave_open: true, ..accept };
                call!(client, who, accept_order, request)
            }
            "accept_direct" => {
                let request = pb::AcceptOrderRequest { direct: true, ..accept };
                call!(client, who, accept_order, request)
            }
            "assign" => {
                let request = pb::AssignOrderRequest { request_id, order_no, ..Default::default() };
                call!(client, who, assign_order, request)
            }
            "ask" => {
                let request = pb::AskInformationRequest { request_id, order_no, text };
                call!(client, who, ask_information, request)
            }
            "answer" => {
                let request = pb::AnswerOrderRequest { request_id, order_no, text };
                call!(client, who, answer_order, request)
            }
            "decline" => {
                let reason = pb::DeclineReason::LegalChannel.into();
                let request = pb::DeclineOrderRequest { request_id, order_no, reason, text };
                call!(client, who, decline_order, request)
            }
            "hand_over" => {
                let to = pb::Emergency::Ambulance.into();
                let request = pb::HandOverOrderRequest { request_id, order_no, to };
                call!(client, who, hand_over_order, request)
            }
            "merge" | "adopt" => {
                let other = self.s.filed().await.order_no;
                let (order_no, into) =
                    if name == "merge" { (order_no, other) } else { (other, order_no) };
                let request = pb::MergeOrdersRequest { request_id, order_no, into };
                call!(client, who, merge_orders, request)
            }
            "transfer" | "transfer_on" | "designate" => {
                let designate = name == "designate";
                let to_unit = match who {
                    _ if designate => String::new(),
                    _ if name == "transfer_on" => HELPER.to_owned(),
                    // A county's department, or, for the city, another county.
                    county if county.len() == COUNTY.len() => format!("{county}-010"),
                    _ => OTHER.to_owned(),
                };
                let request = pb::DecideReturnRequest { request_id, order_no, to_unit, designate };
                call!(client, who, decide_return, request)
            }
            "extend" | "do_not_extend" => {
                let verdict = verdict(name == "extend");
                let request = pb::DecideExtensionRequest { request_id, order_no, verdict, text };
                call!(client, who, decide_extension, request)
            }
            "suspend" | "do_not_suspend" => {
                let verdict = verdict(name == "suspend");
                let request = pb::DecideSuspensionRequest { request_id, order_no, verdict, text };
                call!(client, who, decide_suspension, request)
            }
            "close" | "reject" => {
                let verdict = verdict(name == "close");
                let text = if name == "close" { String::new() } else { text };
                let lease = String::new();
                let request =
                    pb::DecideReportRequest { request_id, order_no, lease, verdict, text };
                call!(client, who, decide_report, request)
            }
            "supervise" => {
                let card = pb::Card::Red.into();
                let request = pb::SuperviseOrderRequest { request_id, order_no, card };
                call!(client, who, supervise_order, request)
            }
            "lift" => {
                let request = pb::LiftSupervisionRequest { request_id, order_no };
                call!(client, who, lift_supervision, request)
            }
            "release" => {
                let request = pb::ReleaseOrderRequest { request_id, order_no };
                call!(client, who, release_order, request)
            }
            "terminate" => {
                let request = pb::TerminateOrderRequest { request_id, order_no, text };
                call!(client, who, terminate_order, request)
            }
            "recuse" => {
                let unit = OTHER.to_owned();
                let request = pb::RecuseUnitRequest { request_id, order_no, unit };
                call!(client, who, recuse_unit, request)
            }
            "correct" => {
                let urgency = pb::Urgency::Critical.into();
                let request =
                    pb::CorrectOrderRequest { request_id, order_no, urgency, ..Default::default() };
                call!(client, who, correct_order, request)
            }
            "close_batch" => {
                let order_nos = vec![order_no];
                let evidence = Vec::new();
                let request = pb::CloseBatchRequest { request_id, order_nos, text, evidence };
                only(client.close_batch(by(who, "handler", request)).await?.into_inner().results)
            }
            _ => panic!("no move is called {name}"),
        }
    }
}

/// A matter as it is filed by the name of the move.
pub fn filed_as(name: &str) -> pb::Submission {
    let mut submission = matter();
    if !["file", "file_tip"].contains(&name) {
        submission.title.clear();
        submission.category.clear();
        submission.division.clear();
        submission.text = "您好，我想说一件事情。".to_owned();
    }
    match name {
        "file_critical" => submission.urgency = pb::Urgency::Critical.into(),
        "file_inquiry" => submission.kind = pb::Kind::Inquiry.into(),
        "file_tip" => submission.kind = pb::Kind::Tip.into(),
        "file_119" => {
            submission.urgency = pb::Urgency::Critical.into();
            submission.hand_over_to = pb::Emergency::Fire.into();
        }
        _ => {}
    }
    submission
}

const INTAKE: [&str; 8] = [
    "supply",
    "urge",
    "withdraw",
    "satisfied",
    "dissatisfied",
    "unreached",
    "reopen",
    "reopen_with_nothing_new",
];
const WORK: [&str; 13] = [
    "sign",
    "co_sign",
    "relay",
    "return",
    "report",
    "report_alone",
    "report_with_evidence",
    "co_report",
    "add_co_handler",
    "escalate",
    "ask_extension",
    "ask_suspension",
    "resume",
];

/// The result of a bulk call with one item.
pub fn only(results: Vec<pb::ItemResult>) -> Result<Option<pb::Receipt>, Status> {
    match results.into_iter().next().and_then(|item| item.result).unwrap() {
        pb::item_result::Result::Receipt(receipt) => Ok(Some(receipt)),
        pb::item_result::Result::Error(error) => {
            let mut details =
                ErrorDetails::with_error_info(error.reason, "hotline", error.metadata);
            for fault in error.fields {
                details.add_bad_request_violation(fault.field, fault.description);
            }
            details.set_localized_message("zh-CN", error.message_zh);
            Err(Status::with_error_details(Code::from(error.code), error.message, details))
        }
    }
}
