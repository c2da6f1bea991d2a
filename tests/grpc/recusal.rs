//! A unit that is complained about never sees the order, whichever way it looks or asks: over
//! generated lives, by every call that there is.

mod looks;
mod tries;

use crate::everywhere::everywhere;
use crate::moves::{HELPER, Life, only};
use crate::server::*;
use crate::support::Dice;
use hotline::domain::{OrderNo, Span};
use hotline::pb;
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::Status;

/// How many lives are lived on each store.
const LIVES: u64 = 30;

/// An order, what nobody may be shown of it who is complained about, and who that is.
pub struct Order {
    no: String,
    phone: String,
    telling: Vec<String>,
    hidden_from: Vec<String>,
}

impl Order {
    /// What in some bytes tells of it.
    fn told_by(&self, bytes: &[u8]) -> Option<&str> {
        let tells = |word: &&String| bytes.windows(word.len()).any(|b| b == word.as_bytes());
        self.telling.iter().find(tells).map(String::as_str)
    }
}

/// An error as it goes over the wire.
fn wire(status: &Status) -> Vec<u8> {
    [status.message().as_bytes(), status.details()].concat()
}

/// What a unit did of an order before it was complained about.
enum Did {
    Filed(Box<pb::SubmitOrderRequest>),
    Signed(pb::SignOrdersRequest),
    Relayed(pb::RelayOrdersRequest),
    Looked(pb::GetContactRequest),
}

impl Did {
    /// The same again, with the same request id.
    async fn again(&self, s: &Server, unit: &str) -> Result<Vec<u8>, Status> {
        match self.clone_request() {
            Did::Filed(request) => {
                let answer = s.intake().submit_order(by(unit, "handler", *request)).await?;
                Ok(answer.into_inner().encode_to_vec())
            }
            Did::Signed(request) => {
                let answer = s.work().sign_orders(by(unit, "handler", request)).await?;
                only(answer.into_inner().results).map(|receipt| receipt.unwrap().encode_to_vec())
            }
            Did::Relayed(request) => {
                let answer = s.work().relay_orders(by(unit, "handler", request)).await?;
                only(answer.into_inner().results).map(|receipt| receipt.unwrap().encode_to_vec())
            }
            Did::Looked(request) => {
                let answer = s.work().get_contact(by(unit, "handler", request)).await?;
                Ok(answer.into_inner().encode_to_vec())
            }
        }
    }

    fn clone_request(&self) -> Did {
        match self {
            Did::Filed(request) => Did::Filed(request.clone()),
            Did::Signed(request) => Did::Signed(request.clone()),
            Did::Relayed(request) => Did::Relayed(request.clone()),
            Did::Looked(request) => Did::Looked(request.clone()),
        }
    }
}

/// Whatever happens to orders; a move that is not allowed is passed over.
const MOVES: [&str; 30] = [
    "relay",
    "relay",
    "relay",
    "sign",
    "sign",
    "return",
    "transfer",
    "designate",
    "report",
    "report_alone",
    "close",
    "reject",
    "add_co_handler",
    "co_report",
    "escalate",
    "ask_extension",
    "extend",
    "ask_suspension",
    "suspend",
    "resume",
    "ask",
    "supply",
    "accept",
    "accept_open",
    "accept_direct",
    "assign",
    "urge",
    "supervise",
    "correct",
    "dissatisfied",
];

/// A city in which some are complained about.
struct City<'a> {
    s: &'a Server,
    dice: Dice,
    chain: Vec<String>,
    orders: Vec<Order>,
    did: Vec<(String, String, Did)>,
}

impl City<'_> {
    /// A matter like no other.
    fn matter(&self) -> pb::Submission {
        let n = self.orders.len();
        let contact = pb::Contact {
            name: format!("来电人{n:05}号"),
            phone: format!("139{n:08}"),
            address: format!("{n:05}幢"),
        };
        let text = format!("案由{n:05}号：路灯不亮。");
        pb::Submission { text, contact: Some(contact), ..matter() }
    }

    async fn file(&mut self, unit: &str, matter: pb::Submission) -> String {
        let contact = matter.contact.clone().unwrap();
        let telling = [&contact.name, &contact.phone, &contact.address, &matter.text];
        let mut telling: Vec<String> = telling.into_iter().cloned().collect();
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(matter),
            skip_repeats: false,
        };
        let asked = by(unit, "handler", request.clone());
        let answer = self.s.intake().submit_order(asked).await.unwrap().into_inner();
        let no = answer.receipt.unwrap().order_no;
        let code = no.parse::<OrderNo>().unwrap().code();
        telling.extend([no.clone(), format!("{code:016x}")]);
        let hidden_from = Vec::new();
        self.orders.push(Order { no: no.clone(), phone: contact.phone, telling, hidden_from });
        if unit != CENTRE {
            self.did.push((unit.to_owned(), no.clone(), Did::Filed(Box::new(request))));
        }
        no
    }

    /// Some moves, by the centre; some by the unit itself, where it holds the order.
    async fn go_on(&mut self, no: &str, unit: &str, moves: u64) {
        let life = Life::new(self.s);
        no.clone_into(&mut life.no.lock().unwrap());
        for _ in 0..moves {
            let (order_no, request_id) = (no.to_owned(), id());
            let holds = self.s.order(no).await.holder == unit;
            let did = match self.dice.below(3) {
                0 if holds => {
                    let item = pb::SignItem { request_id, order_no, ..Default::default() };
                    Did::Signed(pb::SignOrdersRequest { items: vec![item] })
                }
                1 if holds => {
                    let item = pb::RelayItem { request_id, order_no, ..Default::default() };
                    Did::Relayed(pb::RelayOrdersRequest { items: vec![item] })
                }
                2 if holds => Did::Looked(pb::GetContactRequest { request_id, order_no }),
                _ => {
                    let name = *self.dice.pick(&MOVES);
                    let _ = life.step(name).await;
                    self.s.later(Span::seconds(20));
                    continue;
                }
            };
            if did.again(self.s, unit).await.is_ok() {
                self.did.push((unit.to_owned(), no.to_owned(), did));
            }
        }
    }

    async fn recuse(&self, no: &str, unit: &str) {
        let (request_id, order_no) = (id(), no.to_owned());
        let request = pb::RecuseUnitRequest { request_id, order_no, unit: unit.to_owned() };
        // What is closed or full of moves stays as it is.
        let _ = self.s.command().recuse_unit(by(CENTRE, "dispatcher", request)).await;
    }

    async fn merge(&self, no: &str, into: &str) -> bool {
        let (request_id, order_no, into) = (id(), no.to_owned(), into.to_owned());
        let request = pb::MergeOrdersRequest { request_id, order_no, into };
        self.s.command().merge_orders(by(CENTRE, "dispatcher", request)).await.is_ok()
    }

    /// Many at once that read alike, of which one complains; the board shows them.
    async fn burst(&mut self) {
        // What came before is no part of it.
        self.s.later(Span::hours(2));
        let unit = self.chain[1].clone();
        for n in 0..5 {
            let recused_units = if n == 2 { vec![unit.clone()] } else { Vec::new() };
            self.file(CENTRE, pb::Submission { recused_units, ..self.matter() }).await;
        }
        let last = self.orders.last().unwrap().no.clone();
        for _ in 0..1_000 {
            let request = by(CENTRE, "dispatcher", pb::GetBoardRequest {});
            let board = self.s.command().get_board(request).await.unwrap().into_inner();
            if board.bursts.iter().any(|burst| burst.order_nos.contains(&last)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no burst was told of");
    }

    /// One that complains, heard a while ago: its promise is about to break.
    async fn at_risk(&mut self) {
        let seconds = self.s.now() - Span::minutes(46).0 / 1_000;
        let heard_at = Some(prost_types::Timestamp { seconds, nanos: 0 });
        let recused_units = vec![self.chain[1].clone()];
        let matter = pb::Submission { heard_at, recused_units, ..self.matter() };
        let no = self.file(CENTRE, matter).await;
        looks::until_at_risk(self.s, &no).await;
    }

    /// One life, in which a unit comes to be complained about in one of many ways.
    async fn live(&mut self) {
        let candidates = [&self.chain[1], &self.chain[2], &self.chain[3], HELPER];
        let unit = self.dice.pick(&candidates.map(str::to_owned)).clone();
        let against = |matter| pb::Submission { recused_units: vec![unit.clone()], ..matter };
        let moves = self.dice.below(10);
        let mut vague = self.matter();
        (vague.category, vague.division) = (String::new(), String::new());
        match self.dice.below(6) {
            // From the first moment, on its way or in triage.
            0 => {
                let known = self.matter();
                let matter = if self.dice.below(2) == 0 { vague } else { known };
                let no = self.file(CENTRE, against(matter)).await;
                self.go_on(&no, &unit, moves).await;
            }
            // Later, when it may have had it in hand or filed it itself.
            1 | 2 => {
                let by = if self.dice.below(3) == 0 { unit.as_str() } else { CENTRE };
                let no = self.file(by, self.matter()).await;
                let life = Life::new(self.s);
                no.clone_into(&mut life.no.lock().unwrap());
                while self.s.order(&no).await.holder != unit && life.step("relay").await.is_ok() {}
                self.go_on(&no, &unit, moves + 4).await;
                self.recuse(&no, &unit).await;
                self.go_on(&no, &unit, moves).await;
            }
            // By a complaint that is merged into it.
            3 => {
                let into = self.file(CENTRE, self.matter()).await;
                self.go_on(&into, &unit, moves).await;
                let child = self.file(CENTRE, against(vague)).await;
                if !self.merge(&child, &into).await {
                    self.recuse(&into, &unit).await;
                    self.merge(&child, &into).await;
                }
                self.go_on(&into, &unit, moves).await;
            }
            // By a complaint that takes up what is archived.
            4 => {
                let old = self.file(CENTRE, self.matter()).await;
                let life = Life::new(self.s);
                old.clone_into(&mut life.no.lock().unwrap());
                life.path("close_batch satisfied").await;
                let (matter, contact) = (against(self.matter()), self.matter().contact.unwrap());
                let telling = vec![contact.name, contact.phone.clone(), matter.text.clone()];
                let (request_id, submission) = (id(), Some(matter));
                let request = pb::ReopenOrderRequest { request_id, order_no: old, submission };
                let asked = by(CENTRE, "dispatcher", request);
                let answer = self.s.intake().reopen_order(asked).await.unwrap().into_inner();
                let no = answer.receipt.unwrap().order_no;
                let telling = [telling, vec![no.clone()]].concat();
                let (phone, hidden_from) = (contact.phone, Vec::new());
                self.orders.push(Order { no, phone, telling, hidden_from });
            }
            // It sees one that was merged, and not what into.
            _ => {
                let into = self.file(CENTRE, self.matter()).await;
                let child = self.file(CENTRE, self.matter()).await;
                self.merge(&child, &into).await;
                self.recuse(&into, &unit).await;
                self.go_on(&into, &unit, moves).await;
            }
        }
    }
}

/// Every method as `Service/Method`, and whether it changes something: whoever changes anything
/// sends a request id, with the message or with each of its items.
fn methods() -> Vec<(String, bool)> {
    let all = FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap();
    let ours: Vec<_> = all.file.iter().filter(|file| file.package() == "hotline.v1").collect();
    let message = |name: &str| -> &DescriptorProto {
        let mut all = ours.iter().flat_map(|file| &file.message_type);
        all.find(|m| name == format!(".hotline.v1.{}", m.name())).unwrap()
    };
    let has_id = |m: &DescriptorProto| m.field.iter().any(|f| f.name() == "request_id");
    let mut methods = Vec::new();
    for service in ours.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let asked = message(method.input_type());
            let items = asked.field.iter().filter(|f| f.type_name().starts_with(".hotline.v1."));
            let changes = has_id(asked)
                || items
                    .filter(|f| f.type_name().ends_with("Item"))
                    .any(|f| has_id(message(f.type_name())));
            methods.push((format!("{}/{}", service.name(), method.name()), changes));
        }
    }
    methods
}

/// What answers of an order besides changing something.
const TELLING: [&str; 2] = ["WorkOrderService/GetContact", "IntakeService/SubmitOrder"];

async fn check(city: &mut City<'_>) {
    let s = city.s;
    for order in &mut city.orders {
        order.hidden_from = s.order(&order.no).await.recused_units;
    }
    let units: BTreeSet<_> = city.orders.iter().flat_map(|o| o.hidden_from.clone()).collect();
    assert_eq!(units.len(), 4, "{units:?}");
    let methods = methods();
    let reads = methods.iter().rev().filter(|(m, changes)| !changes || TELLING.contains(&&**m));
    let reads: Vec<_> = reads.map(|(method, _)| method.as_str()).collect();
    let secret = |unit: &String| {
        let unit = unit.clone();
        city.orders.iter().filter(move |order| order.hidden_from.contains(&unit))
    };
    for unit in &units {
        for method in &reads {
            let seen = looks::look(s, unit, method, &city.orders).await;
            for order in secret(unit) {
                assert_eq!(order.told_by(&seen), None, "{method} tells {unit} of {}", order.no);
            }
        }
        // Whatever it asks of such an order, or of one that has to do with it.
        let near = city.orders.iter().filter(|order| !order.hidden_from.contains(unit)).take(8);
        for order in secret(unit).take(4).chain(near) {
            let hidden = order.hidden_from.contains(unit);
            let version = s.order(&order.no).await.version;
            for (method, _) in
                methods.iter().filter(|(m, changes)| *changes && !tries::names_no_order(m))
            {
                let answer = tries::attempt(s, unit, method, &order.no).await;
                if hidden {
                    let refused = answer.as_ref().expect_err(method);
                    assert_eq!(told(refused).1, "ORDER_NOT_FOUND", "{method}");
                }
                let answer = answer.unwrap_or_else(|status| wire(&status));
                for other in secret(unit) {
                    assert_eq!(other.told_by(&answer), None, "{method} tells {unit}");
                }
            }
            if hidden {
                assert_eq!(s.order(&order.no).await.version, version, "nothing was done");
            }
        }
    }
    // What it did before and asks about again.
    let mut asked_again = 0;
    for (unit, no, did) in &city.did {
        let mut hidden = secret(unit);
        if hidden.any(|order| order.no == *no) {
            let refused = did.again(s, unit).await.unwrap_err();
            assert_eq!(told(&refused).1, "ORDER_NOT_FOUND");
            asked_again += 1;
        }
    }
    assert!(asked_again > 5, "{asked_again} requests were repeated");
    // The same ways show the centre what they hide from others: or the test shows nothing.
    let mut blind = Vec::new();
    for method in reads {
        let seen = looks::look(s, CENTRE, method, &city.orders).await;
        let hidden = city.orders.iter().filter(|order| !order.hidden_from.is_empty());
        if !hidden.into_iter().any(|order| order.told_by(&seen).is_some()) {
            blind.push(method);
        }
    }
    blind.sort_unstable();
    let mut counters = looks::COUNTERS;
    counters.sort_unstable();
    assert_eq!(blind, counters);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shows_it_to_whom_it_complains_about() {
    everywhere(async |s| {
        let probe = s.filed().await;
        let chain = s.order(&probe.order_no).await.chain;
        let (dice, orders, did) = (Dice::new(12_345), Vec::new(), Vec::new());
        let mut city = City { s, dice, chain, orders, did };
        for _ in 0..LIVES {
            city.live().await;
        }
        city.burst().await;
        city.at_risk().await;
        // And one that is in triage still.
        let mut vague = city.matter();
        (vague.category, vague.division) = (String::new(), String::new());
        vague.recused_units = vec![city.chain[1].clone()];
        city.file(CENTRE, vague).await;
        check(&mut city).await;
    })
    .await;
}

#[tokio::test]
async fn no_command_leads_there_and_nobody_files_against_itself() {
    let s = Server::start().await;
    let chain = s.order(&s.filed().await.order_no).await.chain;
    let submission = pb::Submission { recused_units: vec![chain[1].clone()], ..matter() };
    let file = async |unit: &str| {
        let (request_id, submission) = (id(), Some(submission.clone()));
        let request = pb::SubmitOrderRequest { request_id, submission, skip_repeats: false };
        let answer = s.intake().submit_order(by(unit, "agent", request)).await?;
        Ok::<_, Status>(answer.into_inner().receipt.unwrap().order_no)
    };
    let no = file(CENTRE).await.unwrap();
    let item = pb::RelayItem {
        request_id: id(),
        order_no: no,
        to_unit: chain[1].clone(),
        ..Default::default()
    };
    let request = pb::RelayOrdersRequest { items: vec![item] };
    let answer = s.work().relay_orders(by(CENTRE, "handler", request)).await.unwrap();
    assert_eq!(told(&only(answer.into_inner().results).unwrap_err()).1, "UNIT_RECUSED");
    assert_eq!(told(&file(&chain[1]).await.unwrap_err()).1, "UNIT_RECUSED");
    s.running.stop().await;
}
