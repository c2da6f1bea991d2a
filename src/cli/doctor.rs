//! `hotline doctor`: what is wrong, and whether everything agrees, also with what clients were told.

use super::client::{ClientArgs, Connection};
use super::failure::Failure;
use super::output::OutputArgs;
use super::retry::until_answered;
use super::submit::{Ledger, Row, Rows};
use crate::domain::Role;
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::{self, DoctorRequest, GetOrderRequest, SubmitOrderRequest};
use clap::Args;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use tonic::Code;

/// The most findings about a ledger that are listed.
const MAX_FINDINGS: usize = 1_000;

/// Says what is wrong, each in a sentence with the cause and the remedy: with the process and its
/// store (whether it answers, clocks, the key, what could not be reloaded, the catalogue, whether
/// the city's other processes serve by the same, timers that are late, readers of the feed that
/// stand still, Redis's function library), and with every order against what is indexed about it;
/// and compares the ledger of a client with the store. Units that do not pull are named, too.
/// Exit code 0 if all is well, or is again; 1 if anything is left, or the check failed; 3 if no
/// server answers.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline doctor\n  hotline doctor --repair\n  hotline doctor --ledger acked.txt --file calls.jsonl"
)]
pub(super) struct DoctorArgs {
    /// Mend what follows from the orders and is not as it must be: trays, leases, timers, lists,
    /// counters of what stands where. Online; without it nothing is written.
    #[arg(long)]
    repair: bool,
    /// What `submit --ledger` wrote: every order in it must be there.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// The file that was submitted: each request id of the ledger is sent again and must be
    /// answered with the same order.
    #[arg(long, requires = "ledger")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let server = args.client.connect_patiently(Role::Dispatcher).await?;
    let mut client = AdminServiceClient::new(server.channel.clone());
    let answer =
        server.answer(client.doctor(server.stamp(DoctorRequest { repair: args.repair })).await)?;
    let kinds: BTreeMap<String, usize> = kinds(&answer.findings);
    let (mended, left): (Vec<_>, Vec<_>) = answer.findings.into_iter().partition(|f| f.mended);
    let mended: Vec<_> = mended.into_iter().map(|f| f.text).collect();
    let mut findings: Vec<_> = left.into_iter().map(|f| f.text).collect();
    let mut truncated = answer.truncated;
    let mut acknowledged = 0;
    if let Some(path) = &args.ledger {
        let ledger = Ledger::read(path)?;
        acknowledged = ledger.len();
        let agent = args.client.connect_patiently(Role::Agent).await?;
        let mut found = compare(&agent, &ledger, args.file.as_ref()).await?;
        truncated |= found.len() > MAX_FINDINGS;
        found.truncate(MAX_FINDINGS);
        findings.extend(found);
    }
    let ok = findings.is_empty();
    args.output.print(
        || {
            json!({
                "ok": ok,
                "orders_checked": answer.orders_checked,
                "ledger_checked": acknowledged,
                "findings": findings,
                "mended": mended,
                "kinds": kinds,
                "truncated": truncated,
                "plain_weekends": answer.plain_weekends,
                "unpulled_units": answer.unpulled_units.iter().map(unpulled).collect::<Vec<_>>(),
            })
        },
        || {
            let mut text = format!("已查 {} 件，对账 {acknowledged} 件：", answer.orders_checked);
            match ok {
                true => text.push_str("全部一致"),
                false => text.push_str(&format!("{} 处不符", findings.len())),
            }
            if !mended.is_empty() {
                text.push_str(&format!("；已修复 {} 处", mended.len()));
            }
            if answer.plain_weekends > 0 {
                text.push_str(&format!(
                    "；{} 件在办工单的时限跨入节假日尚未公布的年份，按双休日计算",
                    answer.plain_weekends
                ));
            }
            if !answer.unpulled_units.is_empty() {
                let of = |u: &pb::UnpulledUnit| format!("{} {}（{} 件）", u.unit, u.name, u.orders);
                let units: Vec<_> = answer.unpulled_units.iter().map(of).collect();
                let n = units.len();
                text.push_str(&format!(
                    "；{n} 个单位有工单逾 5 分钟无人领取：{}",
                    units.join("、")
                ));
            }
            for finding in &mended {
                text.push_str("\n  已修复 ");
                text.push_str(finding);
            }
            for finding in &findings {
                text.push_str("\n  ");
                text.push_str(finding);
            }
            if truncated {
                text.push_str("\n  …");
            }
            text
        },
    )?;
    if ok { Ok(()) } else { Err(Failure::Told) }
}

fn unpulled(unit: &pb::UnpulledUnit) -> serde_json::Value {
    json!({ "unit": unit.unit, "name": unit.name, "orders": unit.orders })
}

/// How many there are of each kind.
fn kinds(findings: &[pb::Finding]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for finding in findings {
        *kinds.entry(finding.kind.clone()).or_default() += 1;
    }
    kinds
}

/// What the ledger says and the store does not.
async fn compare(
    server: &Connection,
    ledger: &[(String, String)],
    file: Option<&PathBuf>,
) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (request_id, order_no) in ledger {
        let told = seen.insert(request_id, order_no);
        if let Some(other) = told.filter(|other| other != order_no) {
            findings.push(format!("{request_id} was answered {other} and then {order_no}"));
        }
        let answer = until_answered(|| {
            let request = server.stamp(GetOrderRequest { order_no: order_no.clone() });
            let mut client = IntakeServiceClient::new(server.channel.clone());
            async move { client.get_order(request).await }
        });
        match answer.await {
            Ok(_) => {}
            Err(status) if status.code() == Code::NotFound => {
                findings.push(format!("{order_no} was acknowledged and is not there"));
            }
            Err(status) => return Err(server.failure(status)),
        }
    }
    if let Some(path) = file {
        for row in Rows::open(path)? {
            let row = row.map_err(|bad| Failure::said(bad.to_string()))?;
            if let Some(told) = seen.get(row.request_id.as_str()) {
                findings.extend(same_again(server, row, told).await?);
            }
        }
    }
    Ok(findings)
}

/// Sends a row again; it must be answered with the order it was answered with then.
async fn same_again(server: &Connection, row: Row, told: &str) -> Result<Option<String>, Failure> {
    let request_id = row.request_id.clone();
    let request = SubmitOrderRequest {
        request_id: row.request_id.clone(),
        submission: Some(row.submission),
        skip_repeats: true,
    };
    let answer = until_answered(|| {
        let request = server.stamp(request.clone());
        let mut client = IntakeServiceClient::new(server.channel.clone());
        async move { client.submit_order(request).await }
    });
    let receipt = server.answer(answer.await)?.receipt.unwrap_or_default();
    Ok(match (receipt.order_no == told, receipt.replayed) {
        (true, true) => None,
        (true, false) => Some(format!("{request_id} was answered as if {told} were new")),
        (false, _) => {
            let now = receipt.order_no;
            Some(format!("{request_id} was answered {told} and is now answered {now}"))
        }
    })
}
