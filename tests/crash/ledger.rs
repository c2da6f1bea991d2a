//! What a client was answered, and whether the store agrees.

use crate::load::{again, stamp};
use hotline::pb::feed_event::What;
use hotline::pb::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

/// One request whose answer may never have come.
#[derive(Clone, Debug)]
pub enum Asked {
    Submit(Box<SubmitOrderRequest>),
    Sign(SignItem),
    Relay(RelayItem),
    Return(ReturnOrderRequest),
    Returned(DecideReturnRequest),
    Report(ReportOrderRequest),
    Decide(DecideReportRequest),
}

impl Asked {
    pub fn id(&self) -> &str {
        match self {
            Asked::Submit(body) => &body.request_id,
            Asked::Sign(item) => &item.request_id,
            Asked::Relay(item) => &item.request_id,
            Asked::Return(body) => &body.request_id,
            Asked::Returned(body) => &body.request_id,
            Asked::Report(body) => &body.request_id,
            Asked::Decide(body) => &body.request_id,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Asked::Submit(_) => "submitted",
            Asked::Sign(_) => "signed",
            Asked::Relay(_) => "relayed",
            Asked::Return(_) => "returned",
            Asked::Returned(_) => "return decided",
            Asked::Report(_) => "reported",
            Asked::Decide(_) => "decided",
        }
    }

    /// Whether what happened is what was asked for.
    fn is_done_by(&self, what: &What) -> bool {
        match self {
            Asked::Submit(_) => matches!(what, What::Registered(_)),
            Asked::Sign(_) => matches!(what, What::Signed(_)),
            Asked::Relay(_) => matches!(what, What::Relayed(_)),
            Asked::Return(_) => matches!(what, What::Returned(_)),
            Asked::Returned(_) => matches!(what, What::ReturnDecided(_)),
            Asked::Report(_) => matches!(what, What::Reported(_)),
            Asked::Decide(_) => matches!(what, What::Closed(_) | What::ReportRejected(_)),
        }
    }
}

#[derive(Default)]
pub struct Ledger {
    /// Request id to what was answered.
    answered: Mutex<HashMap<String, (Asked, Receipt)>>,
    /// Asked, and no answer came.
    in_doubt: Mutex<Vec<Asked>>,
    /// The latest step acknowledged, by order.
    latest: Mutex<BTreeMap<String, Receipt>>,
    doubted: AtomicU64,
}

impl Ledger {
    pub fn acknowledge(&self, asked: Asked, receipt: Receipt) {
        let mut latest = self.latest.lock().unwrap();
        let known = latest.entry(receipt.order_no.clone()).or_default();
        if receipt.version > known.version {
            *known = receipt.clone();
        }
        self.answered.lock().unwrap().insert(asked.id().to_owned(), (asked, receipt));
    }

    pub fn doubt(&self, asked: Asked) {
        self.doubted.fetch_add(1, Ordering::Relaxed);
        self.in_doubt.lock().unwrap().push(asked);
    }

    /// Some open order that was acknowledged, as it was last heard of, to work on.
    pub fn some_order(&self, n: u64) -> Option<Receipt> {
        let latest = self.latest.lock().unwrap();
        let open = || latest.values().rev().filter(|told| !told.holder.is_empty()).take(64);
        open().nth((n % open().count().max(1) as u64) as usize).cloned()
    }

    pub async fn until_acknowledged(&self, count: usize) {
        while self.answered.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks again whatever is in doubt, with the same request id, until an answer comes.
    pub async fn settle(&self, channel: &Channel) {
        let in_doubt = std::mem::take(&mut *self.in_doubt.lock().unwrap());
        for asked in in_doubt {
            if let Some(receipt) = again(channel, &asked).await {
                self.acknowledge(asked, receipt);
            }
        }
    }

    /// Every way in which the store and the ledger disagree.
    pub async fn compare(&self, channel: &Channel) -> Vec<String> {
        let mut problems = Vec::new();
        let stored = all_orders(channel).await;
        let latest = self.latest.lock().unwrap().clone();
        for (no, told) in &latest {
            match stored.get(no) {
                None => problems.push(format!("{no}: acknowledged and lost")),
                Some(order) if order.version < told.version => problems.push(format!(
                    "{no}: version {} was acknowledged, {} is stored",
                    told.version, order.version
                )),
                // Nothing happened since: it must stand exactly where the answer said.
                Some(order) if order.version == told.version => {
                    if (order.stage, &order.holder) != (told.stage, &told.holder) {
                        problems.push(format!("{no}: answered {told:?}, stored {order:?}"));
                    }
                }
                Some(_) => {}
            }
        }
        for no in stored.keys().filter(|no| !latest.contains_key(*no)) {
            problems.push(format!("{no}: stored, and nobody asked for it"));
        }
        let answered = self.answered.lock().unwrap().clone();
        // Each step of an order was one request's alone, and the feed tells of it.
        let (happened, mut seen) = (all_events(channel).await, HashMap::new());
        for (asked, receipt) in answered.values() {
            let step = happened.get(&(receipt.order_no.clone(), receipt.version));
            if !step.is_some_and(|step| step.iter().any(|what| asked.is_done_by(what))) {
                let (no, version, name) = (&receipt.order_no, receipt.version, asked.name());
                problems.push(format!("{no}: {name} in version {version}, the feed says {step:?}"));
            }
            if let Some(other) = seen.insert((&receipt.order_no, receipt.version), asked) {
                let (no, version) = (&receipt.order_no, receipt.version);
                problems.push(format!("{no}: version {version} is of {asked:?} and of {other:?}"));
            }
        }
        // A sample of the requests is asked again: the same answer, and nothing new.
        for (asked, receipt) in answered.values().take(40) {
            match again(channel, asked).await {
                Some(second)
                    if second.order_no == receipt.order_no && second.version == receipt.version => {
                }
                other => {
                    problems.push(format!("{}: answered {receipt:?}, then {other:?}", asked.id()))
                }
            }
        }
        problems.extend(doctor(channel).await);
        problems
    }

    pub fn summary(&self) -> String {
        let answered = self.answered.lock().unwrap();
        let mut kinds = BTreeMap::new();
        for (asked, _) in answered.values() {
            *kinds.entry(asked.name()).or_insert(0) += 1;
        }
        format!(
            "{} requests acknowledged on {} orders, {} asked again because no answer came; {kinds:?}",
            answered.len(),
            self.latest.lock().unwrap().len(),
            self.doubted.load(Ordering::Relaxed),
        )
    }
}

async fn all_orders(channel: &Channel) -> HashMap<String, Order> {
    let mut client = intake_service_client::IntakeServiceClient::new(channel.clone());
    let mut orders = HashMap::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest { page_size: 200, page_token, ..Default::default() };
        let page = client.list_orders(stamp(request)).await.unwrap().into_inner();
        orders.extend(page.orders.into_iter().map(|order| (order.order_no.clone(), order)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return orders;
        }
    }
}

/// What happened in each step of each order.
async fn all_events(channel: &Channel) -> HashMap<(String, u32), Vec<What>> {
    let mut client = feed_service_client::FeedServiceClient::new(channel.clone());
    let mut steps: HashMap<_, Vec<What>> = HashMap::new();
    let mut cursor = String::new();
    loop {
        let request = ReadFeedRequest { cursor, max_events: 1_000 };
        let page = client.read_feed(stamp(request)).await.unwrap().into_inner();
        if page.events.is_empty() {
            return steps;
        }
        for event in page.events {
            steps.entry((event.order_no, event.version)).or_default().extend(event.what);
        }
        cursor = page.next_cursor;
    }
}

/// What the server's own doctor finds.
async fn doctor(channel: &Channel) -> Vec<String> {
    let mut client = admin_service_client::AdminServiceClient::new(channel.clone());
    match client.doctor(stamp(DoctorRequest::default())).await {
        Ok(answer) => {
            answer.into_inner().findings.iter().map(|f| format!("doctor: {f:?}")).collect()
        }
        Err(status) if status.code() == Code::Unimplemented => panic!("no doctor"),
        Err(status) => vec![format!("doctor: {status}")],
    }
}
