//! Those who wait at the trays: they pull what comes, pass it down, sign and report it at the
//! front line, and accept the report.

use super::load::{Load, reason};
use super::meter::{Op, add};
use crate::cli::client::{Connection, stamp};
use crate::cli::retry::until_answered;
use crate::clock::tick;
use crate::domain::{OrderNo, Role, Unit};
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::work_order_service_client::WorkOrderServiceClient;
use crate::pb::{
    ClaimedOrder, DecideReportRequest, Desk, ItemResult, PullOrdersRequest, RelayItem,
    RelayOrdersRequest, ReportOrderRequest, SignItem, SignOrdersRequest, Stage, Verdict,
    item_result::Result as Became,
};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Code, Response, Status};
use uuid::Uuid;

/// How long an empty pull waits.
const WAIT: Duration = Duration::from_secs(20);
/// As long as servers give as shipped: nothing that a puller still has comes to another.
const LEASE: Duration = Duration::from_secs(600);
/// How long a puller that was refused waits before it asks again.
const AGAIN: Duration = Duration::from_millis(100);
/// What stands in a report.
const REPORT: &str = "已到现场核实处理，并向来电人说明情况。";

/// Where one waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tray {
    pub(super) unit: Unit,
    pub(super) review: bool,
}

/// One who waits at a tray.
pub(super) struct Puller {
    pub(super) load: Arc<Load>,
    pub(super) tray: Tray,
    /// How many orders are taken at once.
    pub(super) batch: u32,
    /// Whose tray is where every order comes first.
    pub(super) centre: Unit,
    pub(super) lane: usize,
    pub(super) server: Connection,
}

impl Puller {
    /// Until told to stop; what is in hand is brought to its end.
    pub(super) async fn work(self, mut stop: watch::Receiver<bool>) {
        let Tray { unit, review } = self.tray;
        let pull = PullOrdersRequest {
            unit: unit.to_string(),
            include_subtree: false,
            desk: if review { Desk::Review } else { Desk::Lead }.into(),
            max_orders: self.batch,
            lease: prost_types::Duration::try_from(LEASE).ok(),
            wait: prost_types::Duration::try_from(WAIT).ok(),
        };
        let mut client = WorkOrderServiceClient::new(self.server.channel.clone());
        while !*stop.borrow() {
            let pulled = tokio::select! {
                pulled = client.pull_orders(self.by(pull.clone())) => pulled,
                _ = stop.changed() => return,
            };
            match pulled {
                Ok(pulled) => self.handle(pulled.into_inner().orders).await,
                Err(status) if status.code() == Code::ResourceExhausted => {
                    tokio::time::sleep(self.load.shed(&status)).await;
                }
                Err(status) => {
                    self.load.meter.counts.refused("pull", &reason(&status));
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn handle(&self, orders: Vec<ClaimedOrder>) {
        let at = tick();
        if self.tray.review {
            join_all(orders.into_iter().map(|claimed| self.decide(claimed))).await;
            return;
        }
        let (mut down, mut here) = (Vec::new(), Vec::new());
        for ClaimedOrder { order, lease } in orders {
            let Some(order) = order else { continue };
            if self.tray.unit == self.centre
                && !self.load.lives
                && let (Some(meeting), Ok(no)) = (&self.load.meeting, order.order_no.parse())
                && let Some(took) = meeting.seen(no, at)
            {
                self.load.meter.took(self.lane, Op::InHands, took);
            }
            match (order.stage() == Stage::Handling, order.next_down.is_empty()) {
                // Signed already, and handed out again.
                (true, _) if !self.load.lives => {}
                (true, _) | (false, true) => here.push((order.order_no, lease)),
                (false, false) => down.push((order.order_no, lease)),
            }
        }
        if !down.is_empty() {
            self.relay(down).await;
        }
        if !here.is_empty() {
            let signed = self.sign(here).await;
            if self.load.lives {
                join_all(signed.into_iter().map(|(no, lease)| self.report(no, lease))).await;
            }
        }
    }

    async fn relay(&self, orders: Vec<(String, String)>) {
        let item = |(order_no, lease)| RelayItem {
            request_id: id(),
            order_no,
            lease,
            to_unit: String::new(),
        };
        let request = RelayOrdersRequest { items: orders.into_iter().map(item).collect() };
        let began = tick();
        let answer = self.patiently(|| async {
            let mut client = WorkOrderServiceClient::new(self.server.channel.clone());
            client.relay_orders(self.by(request.clone())).await
        });
        if let Some(answer) = self.answered("relay", answer.await) {
            self.load.meter.took(self.lane, Op::Relay, began.elapsed());
            let done = self.done("relay", answer.results);
            add(&self.load.meter.counts.relayed, done.iter().filter(|done| **done).count() as u64);
        }
    }

    /// Signs; which were signed.
    async fn sign(&self, orders: Vec<(String, String)>) -> Vec<(String, String)> {
        let item = |(order_no, lease): &(String, String)| SignItem {
            request_id: id(),
            order_no: order_no.clone(),
            lease: lease.clone(),
            ..SignItem::default()
        };
        let request = SignOrdersRequest { items: orders.iter().map(item).collect() };
        let began = tick();
        let answer = self.patiently(|| async {
            let mut client = WorkOrderServiceClient::new(self.server.channel.clone());
            client.sign_orders(self.by(request.clone())).await
        });
        let Some(answer) = self.answered("sign", answer.await) else { return Vec::new() };
        self.load.meter.took(self.lane, Op::Sign, began.elapsed());
        let done = self.done("sign", answer.results);
        let signed = orders.into_iter().zip(done).filter(|(_, done)| *done);
        let signed: Vec<_> = signed.map(|(order, _)| order).collect();
        add(&self.load.meter.counts.signed, signed.len() as u64);
        signed
    }

    async fn report(&self, order_no: String, lease: String) {
        let request = ReportOrderRequest {
            request_id: id(),
            order_no,
            lease,
            text: REPORT.into(),
            ..ReportOrderRequest::default()
        };
        let began = tick();
        let answer = self.patiently(|| async {
            let mut client = WorkOrderServiceClient::new(self.server.channel.clone());
            client.report_order(self.by(request.clone())).await
        });
        if self.answered("report", answer.await).is_some() {
            self.load.meter.took(self.lane, Op::Report, began.elapsed());
            add(&self.load.meter.counts.reported, 1);
        }
    }

    async fn decide(&self, claimed: ClaimedOrder) {
        let ClaimedOrder { order: Some(order), lease } = claimed else { return };
        let no = order.order_no.parse::<OrderNo>();
        let request = DecideReportRequest {
            request_id: id(),
            order_no: order.order_no,
            lease,
            verdict: Verdict::Accept.into(),
            text: String::new(),
        };
        let began = tick();
        let answer = self.patiently(|| async {
            let mut client = CommandServiceClient::new(self.server.channel.clone());
            client.decide_report(self.by(request.clone())).await
        });
        if self.answered("decide", answer.await).is_none() {
            return;
        }
        self.load.meter.took(self.lane, Op::Decide, began.elapsed());
        add(&self.load.meter.counts.closed, 1);
        if let (Some(meeting), Ok(no)) = (&self.load.meeting, no)
            && let Some(took) = meeting.seen(no, tick())
        {
            self.load.meter.took(self.lane, Op::Life, took);
        }
    }

    /// Sends the same until there is an answer that is one; what was shed meanwhile is counted.
    async fn patiently<T, F>(&self, send: impl Fn() -> F) -> Result<Response<T>, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        until_answered(|| {
            let sent = send();
            async {
                let answer = sent.await;
                if let Err(status) = &answer
                    && status.code() == Code::ResourceExhausted
                {
                    self.load.shed(status);
                }
                answer
            }
        })
        .await
    }

    fn answered<T>(&self, call: &str, answer: Result<Response<T>, Status>) -> Option<T> {
        match answer {
            Ok(answer) => return Some(answer.into_inner()),
            // Counted each time it was shed.
            Err(status) if status.code() == Code::ResourceExhausted => {}
            Err(status) => self.load.meter.counts.refused(call, &reason(&status)),
        }
        None
    }

    /// Which items were done; the others are counted by their reasons.
    fn done(&self, call: &str, results: Vec<ItemResult>) -> Vec<bool> {
        let done = results.into_iter().map(|item| match item.result {
            Some(Became::Receipt(_)) => true,
            Some(Became::Error(error)) => {
                self.load.meter.counts.refused(call, &error.reason);
                false
            }
            None => false,
        });
        done.collect()
    }

    fn by<T>(&self, message: T) -> tonic::Request<T> {
        stamp(message, "bench", self.tray.unit, Role::Handler)
    }
}

fn id() -> String {
    Uuid::new_v4().to_string()
}
