//! `hotline order …`: what moves an order. Every change carries a request id, and is sent
//! again with the same one until there is an answer.

use super::client::{ClientArgs, Connection, parse};
use super::failure::Failure;
use super::output::{Output, OutputArgs, sheet};
use super::retry::until_answered;
use super::show;
use crate::domain::{Category, Division, OrderNo, ReturnReason, Role, Unit};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::work_order_service_client::WorkOrderServiceClient;
use crate::pb::{
    AcceptOrderRequest, DecideReportRequest, Evidence, ItemError, ItemResult, Receipt, RelayItem,
    RelayOrdersRequest, ReportOrderRequest, ReturnOrderRequest, SignItem, SignOrdersRequest,
    Verdict, item_result,
};
use clap::Args;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

/// Which order, and by which right.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    /// The order's number.
    #[arg(value_parser = parse::<OrderNo>)]
    order_no: OrderNo,
    /// The lease it was pulled under; without one the order is taken as it stands.
    #[arg(long, default_value = "")]
    lease: String,
    /// The identity of this change; the same again changes nothing more.
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl ChangeArgs {
    pub(super) fn order_no(&self) -> String {
        self.order_no.to_string()
    }

    pub(super) fn is_json(&self) -> bool {
        self.output.output == Output::Json
    }

    pub(super) async fn connect(&self, role: Role) -> Result<Connection, Failure> {
        self.client.connect(role).await
    }

    pub(super) fn request_id(&self) -> String {
        self.request_id.unwrap_or_else(Uuid::new_v4).to_string()
    }

    pub(super) fn print(&self, receipt: Option<Receipt>) -> Result<(), Failure> {
        let receipt = receipt.unwrap_or_default();
        self.output.print(
            || show::receipt_json(&receipt),
            || {
                let again = if receipt.replayed { "（此前已办）" } else { "" };
                sheet(vec![
                    ("单号", format!("{}{again}", receipt.order_no)),
                    ("环节", show::stage_zh(receipt.stage)),
                    ("当前单位", show::or_dash(&receipt.holder)),
                    ("到达时限", show::long_moment(&receipt.arrival_due)),
                    ("办结时限", show::long_moment(&receipt.closure_due)),
                ])
            },
        )
    }
}

/// Sends one change until it is answered. A change whose answer never came is told with the
/// request id that asks for it.
pub(super) async fn send<T, F>(
    server: &Connection,
    request_id: &str,
    call: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    let answer = until_answered(call).await;
    if answer.as_ref().is_err_and(super::retry::is_worth_again) {
        eprintln!("it may or may not have happened; --request-id {request_id} asks again");
    }
    server.answer(answer)
}

/// 签收: the unit takes the order.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hotline order sign 3304-261123-00042-5 --unit 330402001003")]
pub(super) struct SignArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// 协办: the co-handler whose part is signed, this unit or one below it.
    #[arg(long, value_name = "UNIT", value_parser = parse::<Unit>)]
    co_handler: Option<Unit>,
}

pub(super) async fn sign(args: SignArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Handler).await?;
    let item = SignItem {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        lease: change.lease.clone(),
        co_handler: args.co_handler.map(|unit| unit.to_string()).unwrap_or_default(),
    };
    let answer = send(&server, &item.request_id, || {
        let request = SignOrdersRequest { items: vec![item.clone()] };
        let mut client = WorkOrderServiceClient::new(server.channel.clone());
        let request = server.stamp(request);
        async move { client.sign_orders(request).await }
    });
    change.print(only(&server, answer.await?.results)?)
}

/// 下派: sends the order down, to the next of its chain or to the unit named.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  hotline order relay 3304-261123-00042-5 --unit 330402 --to 330402001"
)]
pub(super) struct RelayArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// To whom; else to the next of its chain.
    #[arg(long, value_parser = parse::<Unit>)]
    to: Option<Unit>,
}

pub(super) async fn relay(args: RelayArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Handler).await?;
    let item = RelayItem {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        lease: change.lease.clone(),
        to_unit: args.to.map(|unit| unit.to_string()).unwrap_or_default(),
    };
    let answer = send(&server, &item.request_id, || {
        let request = RelayOrdersRequest { items: vec![item.clone()] };
        let mut client = WorkOrderServiceClient::new(server.channel.clone());
        let request = server.stamp(request);
        async move { client.relay_orders(request).await }
    });
    change.print(only(&server, answer.await?.results)?)
}

/// The one result of a bulk call with one item.
fn only(server: &Connection, results: Vec<ItemResult>) -> Result<Option<Receipt>, Failure> {
    match results.into_iter().next().and_then(|item| item.result) {
        Some(item_result::Result::Receipt(receipt)) => Ok(Some(receipt)),
        Some(item_result::Result::Error(error)) => Err(server.failure(status_of(error))),
        None => Ok(None),
    }
}

/// The status that the flattened error of an item once was.
pub(super) fn status_of(error: ItemError) -> Status {
    let mut details = ErrorDetails::with_error_info(error.reason, "hotline", error.metadata);
    for fault in error.fields {
        details.add_bad_request_violation(fault.field, fault.description);
    }
    details.set_localized_message("zh-CN", error.message_zh);
    Status::with_error_details(Code::from(error.code), error.message, details)
}

/// 退单: gives the order back to the level above. The clocks go on.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  hotline order return 3304-261123-00042-5 --reason not_our_duty --text 属水利部门职责"
)]
pub(super) struct ReturnArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Why: not_our_duty, wrong_place, too_little_known or beyond_our_power.
    #[arg(long, value_parser = reason)]
    reason: ReturnReason,
    /// In words.
    #[arg(long)]
    text: String,
}

fn reason(text: &str) -> Result<ReturnReason, String> {
    let all: Vec<_> = ReturnReason::ALL.iter().map(|r| r.name()).collect();
    ReturnReason::from_name(text).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

pub(super) async fn give_back(args: ReturnArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Handler).await?;
    let request = ReturnOrderRequest {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        lease: change.lease.clone(),
        reason: i32::from(args.reason.byte()),
        text: args.text,
    };
    let answer = send(&server, &request.request_id, || {
        let mut client = WorkOrderServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.return_order(request).await }
    });
    change.print(answer.await?.receipt)
}

/// 反馈: says what was done.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  hotline order report 3304-261123-00042-5 --text 已修复路灯 --evidence https://e/1.jpg=9f86…"
)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// What was done.
    #[arg(long)]
    text: String,
    /// What proves it: a URI and the file's SHA-256; may be given up to 16 times.
    #[arg(long, value_name = "URI=SHA256", value_parser = evidence)]
    evidence: Vec<(String, String)>,
    /// The text says why the co-handlers are not waited for.
    #[arg(long)]
    without_co_handlers: bool,
    /// 协办: the co-handler whose part is reported, this unit or one below it.
    #[arg(long, value_name = "UNIT", value_parser = parse::<Unit>)]
    co_handler: Option<Unit>,
}

pub(super) fn evidence(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=').map(|(uri, sha)| (uri.to_owned(), sha.to_owned()));
    parts.ok_or_else(|| "expected URI=SHA256".to_owned())
}

pub(super) async fn report(args: ReportArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Handler).await?;
    let evidence = args.evidence.into_iter().map(|(uri, sha256)| Evidence { uri, sha256 });
    let request = ReportOrderRequest {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        lease: change.lease.clone(),
        text: args.text,
        evidence: evidence.collect(),
        without_co_handlers: args.without_co_handlers,
        co_handler: args.co_handler.map(|unit| unit.to_string()).unwrap_or_default(),
    };
    let answer = send(&server, &request.request_id, || {
        let mut client = WorkOrderServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.report_order(request).await }
    });
    change.print(answer.await?.receipt)
}

/// 受理派单: takes an order out of triage and says where it belongs.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  hotline order accept 3304-261123-00042-5 --category 0203 --division 330402001"
)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// What it is about: four digits of the catalogue.
    #[arg(long, value_parser = category)]
    category: Category,
    /// Where: 4, 6, 9 or 12 digits.
    #[arg(long, value_parser = parse::<Division>)]
    division: Division,
    /// The units it goes through, from the city down; else the catalogue's rule.
    #[arg(long, value_delimiter = ',', value_parser = parse::<Unit>)]
    chain: Vec<Unit>,
    /// 直达: straight to the last of them, with copies to those before.
    #[arg(long)]
    direct: bool,
    /// 待派遣: where it goes is decided later.
    #[arg(long, conflicts_with_all = ["chain", "direct"])]
    leave_open: bool,
}

pub(super) fn category(text: &str) -> Result<Category, String> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    let code = text.parse().ok().filter(|_| digits);
    code.map(Category).ok_or_else(|| "expected four digits, for example 0203".to_owned())
}

pub(super) async fn accept(args: AcceptArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Dispatcher).await?;
    let request = AcceptOrderRequest {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        category: args.category.to_string(),
        division: args.division.to_string(),
        chain: args.chain.iter().map(ToString::to_string).collect(),
        direct: args.direct,
        leave_open: args.leave_open,
        ..AcceptOrderRequest::default()
    };
    let answer = send(&server, &request.request_id, || {
        let mut client = CommandServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.accept_order(request).await }
    });
    change.print(answer.await?.receipt)
}

/// 审核: says whether a report is enough.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline order decide 3304-261123-00042-5 --unit 330402001 --accept\n  hotline order decide 3304-261123-00042-5 --unit 330402001 --reject --text 请附现场照片"
)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// It is enough: the order is closed.
    #[arg(long, conflicts_with = "reject", required_unless_present = "reject")]
    accept: bool,
    /// It is not: the unit goes on.
    #[arg(long, requires = "text")]
    reject: bool,
    /// Why; required to reject.
    #[arg(long, default_value = "", hide_default_value = true)]
    text: String,
}

pub(super) async fn decide(args: DecideArgs) -> Result<(), Failure> {
    let change = args.change;
    let server = change.client.connect(Role::Handler).await?;
    let verdict = if args.accept { Verdict::Accept } else { Verdict::Reject };
    let request = DecideReportRequest {
        request_id: change.request_id(),
        order_no: change.order_no.to_string(),
        lease: change.lease.clone(),
        verdict: verdict.into(),
        text: args.text,
    };
    let answer = send(&server, &request.request_id, || {
        let mut client = CommandServiceClient::new(server.channel.clone());
        let request = server.stamp(request.clone());
        async move { client.decide_report(request).await }
    });
    change.print(answer.await?.receipt)
}
