//! The moves of the life cycle, off the wire: what each call wants, and the words that go
//! with it.

use super::status::Fault;
use super::{Api, actor::split, from_proto as read, text, to_proto as write};
use crate::dispatch::Paper;
use crate::domain::{Action, ReturnDecision};
use crate::pb;
use std::mem::take;
use tonic::{Request, Status};

/// An action, and the words that are kept with it.
pub(super) type Wanted = (Action, Option<Paper>);

/// A request that moves one order.
pub(super) trait Move: prost::Message + Clone {
    /// Its request id, which is not part of what is wanted.
    fn request_id(&mut self) -> &mut String;
    /// Which order.
    fn order_no(&self) -> &str;
}

macro_rules! moves {
    ($($request:ident)+) => { $(
        impl Move for pb::$request {
            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }

            fn order_no(&self) -> &str {
                &self.order_no
            }
        }
    )+ };
}

moves! {
    SupplementOrderRequest
    UrgeOrderRequest
    WithdrawOrderRequest
    RequestExtensionRequest
    RequestSuspensionRequest
    ResumeOrderRequest
    AddCoHandlerRequest
    EscalateOrderRequest
    AskInformationRequest
    AnswerOrderRequest
    DeclineOrderRequest
    HandOverOrderRequest
    DecideReturnRequest
    DecideExtensionRequest
    DecideSuspensionRequest
    SuperviseOrderRequest
    LiftSupervisionRequest
    ReleaseOrderRequest
    TerminateOrderRequest
    RecuseUnitRequest
}

impl Api {
    /// One move of one order, once. Whatever is wrong with it is said before anything happens.
    pub(super) async fn change<T: Move>(
        &self,
        request: Request<T>,
        call: &str,
        want: fn(T) -> Result<Wanted, Fault>,
    ) -> Result<Option<pb::Receipt>, Status> {
        let (actor, mut body) = split(request)?;
        let id = take(body.request_id());
        let request = read::request(&id, call, &actor, &body)?;
        let no = read::order_no(body.order_no())?;
        let (action, paper) = want(body)?;
        let done = self.dispatch.act(no, &actor, Some(request), None, action, paper).await;
        Ok(Some(write::receipt(&done.map_err(Fault::from)?)))
    }
}

/// Words that must be there.
pub(super) fn words(body: String) -> Result<Paper, Fault> {
    text::required("text", &body, text::MAX_WORDS)?;
    Ok(Paper { body, ..Paper::default() })
}

pub(super) fn supplement_order(body: pb::SupplementOrderRequest) -> Result<Wanted, Fault> {
    let action = Action::Supply;
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn urge_order(_: pb::UrgeOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::Urge, None))
}

pub(super) fn withdraw_order(_: pb::WithdrawOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::Withdraw, None))
}

pub(super) fn request_extension(body: pb::RequestExtensionRequest) -> Result<Wanted, Fault> {
    let action = Action::RequestExtension { by: read::span("by", body.by)? };
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn request_suspension(body: pb::RequestSuspensionRequest) -> Result<Wanted, Fault> {
    let action = Action::RequestSuspension {
        until: read::given("until", read::timestamp("until", body.until)?)?,
    };
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn resume_order(_: pb::ResumeOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::Resume, None))
}

pub(super) fn add_co_handler(body: pb::AddCoHandlerRequest) -> Result<Wanted, Fault> {
    Ok((Action::AddCoHandler { unit: read::unit("unit", &body.unit)? }, None))
}

pub(super) fn escalate_order(body: pb::EscalateOrderRequest) -> Result<Wanted, Fault> {
    let action = Action::Escalate;
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn ask_information(body: pb::AskInformationRequest) -> Result<Wanted, Fault> {
    let action = Action::AskInformation;
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn answer_order(body: pb::AnswerOrderRequest) -> Result<Wanted, Fault> {
    let action = Action::Answer;
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn decline_order(body: pb::DeclineOrderRequest) -> Result<Wanted, Fault> {
    let action = Action::Decline { reason: read::said("reason", body.reason)? };
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn hand_over_order(body: pb::HandOverOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::HandOver { to: read::said("to", body.to)? }, None))
}

pub(super) fn decide_return(body: pb::DecideReturnRequest) -> Result<Wanted, Fault> {
    Ok((decision(&body)?, None))
}

pub(super) fn decide_extension(body: pb::DecideExtensionRequest) -> Result<Wanted, Fault> {
    let action = Action::DecideExtension { verdict: read::said("verdict", body.verdict)? };
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn decide_suspension(body: pb::DecideSuspensionRequest) -> Result<Wanted, Fault> {
    let action = Action::DecideSuspension { verdict: read::said("verdict", body.verdict)? };
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn supervise_order(body: pb::SuperviseOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::Supervise { card: read::said("card", body.card)? }, None))
}

pub(super) fn release_order(_: pb::ReleaseOrderRequest) -> Result<Wanted, Fault> {
    Ok((Action::Release, None))
}

pub(super) fn lift_supervision(_: pb::LiftSupervisionRequest) -> Result<Wanted, Fault> {
    Ok((Action::LiftSupervision, None))
}

pub(super) fn terminate_order(body: pb::TerminateOrderRequest) -> Result<Wanted, Fault> {
    let action = Action::Terminate;
    Ok((action, Some(words(body.text)?)))
}

pub(super) fn recuse_unit(body: pb::RecuseUnitRequest) -> Result<Wanted, Fault> {
    Ok((Action::Recuse { unit: read::unit("unit", &body.unit)? }, None))
}

/// Exactly one of the two ways.
fn decision(body: &pb::DecideReturnRequest) -> Result<Action, Fault> {
    let decision = match (body.to_unit.is_empty(), body.designate) {
        (true, true) => ReturnDecision::Designate,
        (false, false) => ReturnDecision::Transfer { to: read::unit("to_unit", &body.to_unit)? },
        (true, false) | (false, true) => {
            let allowed = "either a unit or designate";
            return Err(Fault::field("MISSING_FIELD", "to_unit", allowed));
        }
    };
    Ok(Action::DecideReturn { decision })
}
