//! Clients that file and relay as fast as they can, and write down what they are answered.

use crate::ledger::{Asked, Ledger};
use hotline::pb::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

const CLIENTS: u64 = 24;

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

async fn work(mut n: u64, channel: Channel, ledger: Arc<Ledger>, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        n += CLIENTS;
        let relayed = match n % 3 {
            0 => ledger.some_order(n),
            _ => None,
        };
        let asked = match relayed {
            Some(order_no) => Asked::Relay(RelayItem {
                request_id: Uuid::new_v4().to_string(),
                order_no,
                ..RelayItem::default()
            }),
            None => Asked::Submit(Box::new(submit(n))),
        };
        match ask(&channel, &asked).await {
            Ok(receipt) => ledger.acknowledge(asked, receipt),
            Err(status) if is_doubtful(&status) => {
                ledger.doubt(asked);
                // The server is gone; do not spin until somebody says so.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Refused: an order with nobody below, or one that moved meanwhile. That one which
            // was acknowledged is not there is for the comparison to find.
            Err(status) => {
                let known = [Code::FailedPrecondition, Code::NotFound];
                assert!(known.contains(&status.code()), "{status}");
            }
        }
    }
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
            | Code::Aborted
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
            category: "0101".into(),
            division: "330402015201".into(),
            ..Submission::default()
        }),
    }
}

/// Asks once.
async fn ask(channel: &Channel, asked: &Asked) -> Result<Receipt, Status> {
    match asked {
        Asked::Submit(request) => {
            let mut client = intake_service_client::IntakeServiceClient::new(channel.clone());
            let answer = client.submit_order(stamp((**request).clone())).await?;
            answer.into_inner().receipt.ok_or_else(|| Status::internal("no receipt"))
        }
        Asked::Relay(item) => {
            let mut client =
                work_order_service_client::WorkOrderServiceClient::new(channel.clone());
            let request = RelayOrdersRequest { items: vec![item.clone()] };
            let answer = client.relay_orders(stamp(request)).await?.into_inner();
            match answer.results.into_iter().next().and_then(|item| item.result) {
                Some(item_result::Result::Receipt(receipt)) => Ok(receipt),
                Some(item_result::Result::Error(error)) => {
                    Err(Status::new(Code::from(error.code), error.message))
                }
                None => Err(Status::internal("no result")),
            }
        }
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
