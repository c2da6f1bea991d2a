//! Clients that file matters and send them down the chain and back, with leases and without,
//! as fast as they can, and write down what they are answered.

use crate::ledger::{Asked, Ledger};
use hotline::catalogue::Catalogue;
use hotline::pb::*;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

const CLIENTS: u64 = 24;
/// One client in so many only files; the others work on what was filed.
const FILERS: u64 = 12;
/// A village of Jiaxing.
const VILLAGE: &str = "330411104201";

pub struct Load {
    stop: watch::Sender<bool>,
    clients: JoinSet<()>,
}

impl Load {
    pub fn start(channel: Channel, ledger: Arc<Ledger>) -> Load {
        let stop = watch::Sender::new(false);
        let mut clients = JoinSet::new();
        for n in 0..CLIENTS {
            clients.spawn(work(n, channel.clone(), Arc::clone(&ledger), stop.subscribe()));
        }
        Load { stop, clients }
    }

    /// Ends it; every request has been answered or is in doubt.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.clients.join_all().await;
    }
}

async fn work(client: u64, channel: Channel, ledger: Arc<Ledger>, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let dice = Uuid::new_v4().as_u128() as u64;
        let known = match client % FILERS {
            0 => None,
            _ => ledger.some_order(dice),
        };
        let asked = match known {
            None => vec![Asked::Submit(Box::new(submit(dice)))],
            // As one does who was only told of it, and as one does who came for it.
            Some(known) if dice.is_multiple_of(2) => {
                next(dice / 2, &known.order_no, known.stage(), dice.is_multiple_of(4), "")
                    .into_iter()
                    .collect()
            }
            Some(known) => match pull(&channel, &known).await {
                Ok(claimed) => claimed.iter().filter_map(|c| next_of(dice / 2, c)).collect(),
                Err(status) => {
                    expect(&status);
                    pause_if_gone(&status).await;
                    continue;
                }
            },
        };
        for asked in asked {
            match ask(&channel, &asked).await {
                Ok(receipt) => ledger.acknowledge(asked, receipt),
                Err(status) if is_doubtful(&status) => {
                    ledger.doubt(asked);
                    pause_if_gone(&status).await;
                }
                Err(status) => expect(&status),
            }
        }
    }
}

/// The server is gone; do not spin until somebody says so.
async fn pause_if_gone(status: &Status) {
    if is_doubtful(status) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Refused: an order with nobody below, one that moved meanwhile, or a lease that went with
/// its server. That one which was acknowledged is not there is for the comparison to find.
fn expect(status: &Status) {
    let known = [Code::FailedPrecondition, Code::NotFound, Code::Aborted];
    assert!(is_doubtful(status) || known.contains(&status.code()), "{status}");
}

async fn pull(channel: &Channel, known: &Receipt) -> Result<Vec<ClaimedOrder>, Status> {
    let desk = match known.stage() {
        Stage::Triage => Desk::Triage,
        Stage::Assigned | Stage::Handling => Desk::Lead,
        Stage::Review => Desk::Review,
        Stage::ReturnReview => Desk::Approval,
        // The load leads nowhere else that must be pulled.
        _ => return Ok(Vec::new()),
    };
    let request = PullOrdersRequest {
        unit: known.holder.clone(),
        desk: desk.into(),
        max_orders: 4,
        lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    };
    let mut client = work_order_service_client::WorkOrderServiceClient::new(channel.clone());
    Ok(client.pull_orders(stamp(request)).await?.into_inner().orders)
}

fn next_of(dice: u64, claimed: &ClaimedOrder) -> Option<Asked> {
    let order = claimed.order.as_ref()?;
    next(dice, &order.order_no, order.stage(), order.next_down.is_empty(), &claimed.lease)
}

/// What may be done next about an order that stands there; now and then a step back.
fn next(dice: u64, no: &str, stage: Stage, is_front_line: bool, lease: &str) -> Option<Asked> {
    let (request_id, order_no, lease) =
        (Uuid::new_v4().to_string(), no.to_owned(), lease.to_owned());
    let backwards = dice.is_multiple_of(8);
    let text = "到现场看过，已经修好。".to_owned();
    Some(match stage {
        Stage::Assigned if backwards => Asked::Return(ReturnOrderRequest {
            request_id,
            order_no,
            lease,
            reason: ReturnReason::WrongPlace.into(),
            text,
        }),
        Stage::Assigned if is_front_line => {
            Asked::Sign(SignItem { request_id, order_no, lease, ..Default::default() })
        }
        Stage::Assigned => {
            Asked::Relay(RelayItem { request_id, order_no, lease, ..Default::default() })
        }
        Stage::Handling => Asked::Report(ReportOrderRequest {
            request_id,
            order_no,
            lease,
            text,
            ..Default::default()
        }),
        Stage::Review => Asked::Decide(DecideReportRequest {
            request_id,
            order_no,
            lease,
            verdict: if backwards { Verdict::Reject } else { Verdict::Accept }.into(),
            text: if backwards { text } else { String::new() },
        }),
        Stage::ReturnReview => Asked::Returned(DecideReturnRequest {
            request_id,
            order_no,
            designate: true,
            ..Default::default()
        }),
        _ => return None,
    })
}

/// Whether it may have happened although no answer says so.
fn is_doubtful(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::ResourceExhausted
    )
}

fn submit(n: u64) -> SubmitOrderRequest {
    SubmitOrderRequest {
        request_id: Uuid::new_v4().to_string(),
        submission: Some(Submission {
            channel: hotline::pb::Channel::Phone.into(),
            title: "路灯坏了".into(),
            text: format!("村口第{n}盏路灯坏了半个月，老人晚上出门容易摔倒，请派人维修。"),
            contact: Some(Contact {
                name: "张三".into(),
                phone: format!("138{:08}", n % 100_000_000),
                address: "嘉兴市南湖区大桥镇".into(),
            }),
            category: CATEGORY.clone(),
            division: VILLAGE.into(),
            ..Submission::default()
        }),
        skip_repeats: false,
    }
}

/// A category whose matters go down all four levels.
static CATEGORY: LazyLock<String> = LazyLock::new(|| {
    let (catalogue, village) = (Catalogue::builtin().unwrap(), VILLAGE.parse().unwrap());
    let deep = catalogue.categories().map(|row| row.category).find(|category| {
        let route = hotline::route::route(&catalogue, *category, village);
        route.is_ok_and(|r| r.plan.units().len() == 4 && r.plan.front_line().division() == village)
    });
    deep.expect("a category of the villages").to_string()
});

/// Asks once.
async fn ask(channel: &Channel, asked: &Asked) -> Result<Receipt, Status> {
    let channel = channel.clone();
    let intake = || intake_service_client::IntakeServiceClient::new(channel.clone());
    let work = || work_order_service_client::WorkOrderServiceClient::new(channel.clone());
    let receipt = match asked.clone() {
        Asked::Submit(body) => intake().submit_order(stamp(*body)).await?.into_inner().receipt,
        Asked::Sign(item) => {
            let request = SignOrdersRequest { items: vec![item] };
            Some(one(work().sign_orders(stamp(request)).await?.into_inner().results)?)
        }
        Asked::Relay(item) => {
            let request = RelayOrdersRequest { items: vec![item] };
            Some(one(work().relay_orders(stamp(request)).await?.into_inner().results)?)
        }
        Asked::Return(body) => work().return_order(stamp(body)).await?.into_inner().receipt,
        Asked::Report(body) => work().report_order(stamp(body)).await?.into_inner().receipt,
        Asked::Returned(body) => {
            let mut command = command_service_client::CommandServiceClient::new(channel.clone());
            command.decide_return(stamp(body)).await?.into_inner().receipt
        }
        Asked::Decide(body) => {
            let mut command = command_service_client::CommandServiceClient::new(channel.clone());
            command.decide_report(stamp(body)).await?.into_inner().receipt
        }
    };
    receipt.ok_or_else(|| Status::internal("no receipt"))
}

/// The result of a bulk call with one item.
fn one(results: Vec<ItemResult>) -> Result<Receipt, Status> {
    match results.into_iter().next().and_then(|item| item.result) {
        Some(item_result::Result::Receipt(receipt)) => Ok(receipt),
        Some(item_result::Result::Error(error)) => {
            Err(Status::new(Code::from(error.code), error.message))
        }
        None => Err(Status::internal("no result")),
    }
}

/// Asks again until there is an answer; `None` when it is refused for good, and so did not
/// happen.
pub async fn again(channel: &Channel, asked: &Asked) -> Option<Receipt> {
    for _ in 0..200 {
        match ask(channel, asked).await {
            Ok(receipt) => return Some(receipt),
            Err(status) if is_doubtful(&status) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => return None,
        }
    }
    panic!("no answer to {asked:?}");
}

/// The centre may act for everybody.
pub fn stamp<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("hotline-staff", "k001".parse().unwrap());
    metadata.insert("hotline-unit", "3304".parse().unwrap());
    metadata.insert("hotline-role", "dispatcher".parse().unwrap());
    request
}
