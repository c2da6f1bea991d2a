//! What a client was answered, and whether the store agrees.

use crate::load::{again, stamp};
use hotline::pb::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

/// One request whose answer may never have come.
#[derive(Clone, Debug)]
pub enum Asked {
    Submit(Box<SubmitOrderRequest>),
    Relay(RelayItem),
}

impl Asked {
    pub fn id(&self) -> &str {
        match self {
            Asked::Submit(request) => &request.request_id,
            Asked::Relay(item) => &item.request_id,
        }
    }
}

#[derive(Default)]
pub struct Ledger {
    /// Request id to what was answered.
    answered: Mutex<HashMap<String, (Asked, Receipt)>>,
    /// Asked, and no answer came.
    in_doubt: Mutex<Vec<Asked>>,
    /// The highest version acknowledged, by order.
    versions: Mutex<BTreeMap<String, u32>>,
    doubted: AtomicU64,
}

impl Ledger {
    pub fn acknowledge(&self, asked: Asked, receipt: Receipt) {
        let mut versions = self.versions.lock().unwrap();
        let version = versions.entry(receipt.order_no.clone()).or_default();
        *version = receipt.version.max(*version);
        self.answered.lock().unwrap().insert(asked.id().to_owned(), (asked, receipt));
    }

    pub fn doubt(&self, asked: Asked) {
        self.doubted.fetch_add(1, Ordering::Relaxed);
        self.in_doubt.lock().unwrap().push(asked);
    }

    /// Some order that was acknowledged, to work on.
    pub fn some_order(&self, n: u64) -> Option<String> {
        let versions = self.versions.lock().unwrap();
        let skip = (n % versions.len().max(1) as u64) as usize;
        versions.keys().rev().nth(skip.min(64)).cloned()
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
        let versions = self.versions.lock().unwrap().clone();
        for (no, version) in &versions {
            match stored.get(no) {
                None => problems.push(format!("{no}: acknowledged and lost")),
                Some(order) if order.version < *version => problems.push(format!(
                    "{no}: version {version} was acknowledged, {} is stored",
                    order.version
                )),
                Some(_) => {}
            }
        }
        for no in stored.keys().filter(|no| !versions.contains_key(*no)) {
            problems.push(format!("{no}: stored, and nobody asked for it"));
        }
        let answered = self.answered.lock().unwrap().clone();
        let mut seen = HashSet::new();
        for (asked, receipt) in answered.values() {
            if matches!(asked, Asked::Submit(_)) && !seen.insert(receipt.order_no.clone()) {
                problems.push(format!("{}: two requests made one order", receipt.order_no));
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
        format!(
            "{} requests acknowledged on {} orders, {} of them only when asked again",
            self.answered.lock().unwrap().len(),
            self.versions.lock().unwrap().len(),
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
