//! `hotline order …`: the moves of the hard cases, one verb each. The everyday ones are in
//! [`super::work`].

mod verbs;

use super::failure::Failure;
use super::output::{say, table};
use super::show;
use super::submit::Rows;
use super::work::{ChangeArgs, send};
use crate::domain::{OrderNo, Role, Unit};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::work_order_service_client::WorkOrderServiceClient;
use crate::pb::{self, item_result};
use serde_json::{Value, json};
use std::path::Path;
pub(super) use verbs::MoveVerb;

/// One change, sent until it is answered.
macro_rules! moved {
    ($change:expr, $role:ident, $client:ident, $rpc:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let change: ChangeArgs = $change;
        let server = change.connect(Role::$role).await?;
        let request = pb::$request {
            request_id: change.request_id(),
            order_no: change.order_no(),
            $($field: $value,)*
        };
        let answer = send(&server, &request.request_id, || {
            let mut client = $client::new(server.channel.clone());
            let request = server.stamp(request.clone());
            async move { client.$rpc(request).await }
        });
        change.print(answer.await?.receipt)
    }};
}

/// Lets a parked order be handed out again.
pub(super) async fn release(change: ChangeArgs) -> Result<(), Failure> {
    moved!(change, Dispatcher, CommandServiceClient, release_order, ReleaseOrderRequest {})
}

pub(super) async fn run(verb: MoveVerb) -> Result<(), Failure> {
    use CommandServiceClient as Command;
    use IntakeServiceClient as Intake;
    use WorkOrderServiceClient as Work;
    let word = |byte: u8| i32::from(byte);
    let list = |units: Vec<Unit>| units.iter().map(ToString::to_string).collect();
    match verb {
        MoveVerb::Ask { change, text } => {
            moved!(
                change,
                Dispatcher,
                Command,
                ask_information,
                AskInformationRequest { text: text }
            )
        }
        MoveVerb::Supplement { change, text } => {
            moved!(change, Agent, Intake, supplement_order, SupplementOrderRequest { text: text })
        }
        MoveVerb::Answer { change, text } => {
            moved!(change, Dispatcher, Command, answer_order, AnswerOrderRequest { text: text })
        }
        MoveVerb::Decline { change, reason, text } => moved!(
            change,
            Dispatcher,
            Command,
            decline_order,
            DeclineOrderRequest { reason: word(reason.byte()), text: text }
        ),
        MoveVerb::HandOver { change, to } => moved!(
            change,
            Dispatcher,
            Command,
            hand_over_order,
            HandOverOrderRequest { to: word(to.byte()) }
        ),
        MoveVerb::Merge { change, into } => moved!(
            change,
            Dispatcher,
            Command,
            merge_orders,
            MergeOrdersRequest { into: into.to_string() }
        ),
        MoveVerb::Assign { change, chain, direct } => moved!(
            change,
            Dispatcher,
            Command,
            assign_order,
            AssignOrderRequest { chain: list(chain), direct: direct }
        ),
        MoveVerb::DecideReturn { change, transfer, designate } => moved!(
            change,
            Handler,
            Command,
            decide_return,
            DecideReturnRequest {
                to_unit: transfer.map(|unit| unit.to_string()).unwrap_or_default(),
                designate: designate,
            }
        ),
        MoveVerb::CoHandler { change, with } => moved!(
            change,
            Handler,
            Work,
            add_co_handler,
            AddCoHandlerRequest { unit: with.to_string() }
        ),
        MoveVerb::Escalate { change, text } => {
            moved!(change, Handler, Work, escalate_order, EscalateOrderRequest { text: text })
        }
        MoveVerb::Extend { change, by, text } => moved!(
            change,
            Handler,
            Work,
            request_extension,
            RequestExtensionRequest { by: prost_types::Duration::try_from(by).ok(), text: text }
        ),
        MoveVerb::DecideExtension { change, verdict } => {
            let (verdict, text) = verdict.open();
            moved!(
                change,
                Handler,
                Command,
                decide_extension,
                DecideExtensionRequest { verdict: verdict, text: text }
            )
        }
        MoveVerb::Suspend { change, until, text } => moved!(
            change,
            Handler,
            Work,
            request_suspension,
            RequestSuspensionRequest { until: Some(until.into()), text: text }
        ),
        MoveVerb::DecideSuspension { change, verdict } => {
            let (verdict, text) = verdict.open();
            moved!(
                change,
                Handler,
                Command,
                decide_suspension,
                DecideSuspensionRequest { verdict: verdict, text: text }
            )
        }
        MoveVerb::Resume { change } => {
            moved!(change, Handler, Work, resume_order, ResumeOrderRequest {})
        }
        MoveVerb::Urge { change } => moved!(change, Agent, Intake, urge_order, UrgeOrderRequest {}),
        MoveVerb::Supervise { change, card } => moved!(
            change,
            Dispatcher,
            Command,
            supervise_order,
            SuperviseOrderRequest { card: word(card.byte()) }
        ),
        MoveVerb::LiftSupervision { change } => {
            moved!(change, Dispatcher, Command, lift_supervision, LiftSupervisionRequest {})
        }
        MoveVerb::Terminate { change, text } => {
            moved!(
                change,
                Dispatcher,
                Command,
                terminate_order,
                TerminateOrderRequest { text: text }
            )
        }
        MoveVerb::Withdraw { change } => {
            moved!(change, Agent, Intake, withdraw_order, WithdrawOrderRequest {})
        }
        MoveVerb::FollowUp { change, outcome } => moved!(
            change,
            Agent,
            Intake,
            record_follow_up,
            RecordFollowUpRequest { outcome: word(outcome.byte()) }
        ),
        MoveVerb::Reopen { change, file } => {
            let submission = Some(one_row(&file)?);
            moved!(
                change,
                Agent,
                Intake,
                reopen_order,
                ReopenOrderRequest { submission: submission }
            )
        }
        MoveVerb::Recuse { change, from } => moved!(
            change,
            Dispatcher,
            Command,
            recuse_unit,
            RecuseUnitRequest { unit: from.to_string() }
        ),
        MoveVerb::Correct { change, category, division, kind, urgency } => moved!(
            change,
            Dispatcher,
            Command,
            correct_order,
            CorrectOrderRequest {
                category: category.map(|c| c.to_string()).unwrap_or_default(),
                division: division.map(|d| d.to_string()).unwrap_or_default(),
                kind: kind.map_or(0, |kind| word(kind.byte())),
                urgency: urgency.map_or(0, |urgency| word(urgency.byte())),
            }
        ),
        MoveVerb::CloseBatch { change, others, text, evidence } => {
            close_batch(change, others, text, evidence).await
        }
    }
}

/// The one matter of a file.
fn one_row(file: &Path) -> Result<pb::Submission, Failure> {
    let mut rows = Rows::open(file)?;
    match (rows.next(), rows.next()) {
        (Some(Ok(row)), None) => Ok(row.submission),
        (Some(Err(bad)), _) | (_, Some(Err(bad))) => Err(Failure::said(bad.to_string())),
        (None, _) | (Some(Ok(_)), Some(Ok(_))) => {
            Err(Failure::said(format!("{}: exactly one row is allowed", file.display())))
        }
    }
}

async fn close_batch(
    change: ChangeArgs,
    others: Vec<OrderNo>,
    text: String,
    evidence: Vec<(String, String)>,
) -> Result<(), Failure> {
    let server = change.connect(Role::Dispatcher).await?;
    let others = others.iter().map(ToString::to_string);
    let request = pb::CloseBatchRequest {
        request_id: change.request_id(),
        order_nos: std::iter::once(change.order_no()).chain(others).collect(),
        text,
        evidence: evidence.into_iter().map(|(uri, sha256)| pb::Evidence { uri, sha256 }).collect(),
    };
    let answer = send(&server, &request.request_id, || {
        let mut client = CommandServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.close_batch(request).await }
    });
    let results = answer.await?.results;
    let all =
        results.iter().all(|item| matches!(item.result, Some(item_result::Result::Receipt(_))));
    let shown: Vec<_> = results.into_iter().map(outcome_of).collect();
    if change.is_json() {
        let document = |(no, outcome): &(String, Result<String, String>)| -> Value {
            match outcome {
                Ok(stage) => json!({ "order_no": no, "stage": stage }),
                Err(why) => json!({ "order_no": no, "error": why }),
            }
        };
        say(&format!("{:#}", json!(shown.iter().map(document).collect::<Vec<_>>())))?;
    } else {
        let mut lines = table(&["单号", "结果"]);
        for (no, outcome) in &shown {
            lines.add_row([no.as_str(), outcome.as_ref().unwrap_or_else(|why| why)]);
        }
        say(&lines.to_string())?;
    }
    if all { Ok(()) } else { Err(Failure::Told) }
}

fn outcome_of(item: pb::ItemResult) -> (String, Result<String, String>) {
    let outcome = match item.result {
        Some(item_result::Result::Receipt(receipt)) => Ok(show::stage(receipt.stage)),
        Some(item_result::Result::Error(error)) => {
            Err(format!("{} ({}; {})", error.message_zh, error.reason, error.message))
        }
        None => Err("no result".to_owned()),
    };
    (item.order_no, outcome)
}
