//! Every way to look: the bytes of all that is answered, errors included.

use super::{Order, wire};
use crate::moves::OTHER;
use crate::server::*;
use hotline::pb;
use prost::Message;
use std::time::Duration;
use tonic::Status;

/// What only counts, and names no order whoever asks.
pub const COUNTERS: [&str; 7] = [
    "CommandService/GetIndicators",
    "AdminService/Doctor",
    "AdminService/GetMode",
    "AdminService/ListArchive",
    "FeedService/AcknowledgeFeed",
    "FeedService/ListConsumers",
    "FeedService/ForgetConsumer",
];

const DESKS: [pb::Desk; 8] = [
    pb::Desk::Triage,
    pb::Desk::Lead,
    pb::Desk::Review,
    pb::Desk::FollowUp,
    pb::Desk::Raised,
    pb::Desk::CoHandler,
    pb::Desk::Approval,
    pb::Desk::Copy,
];

/// How long a stream is listened to once it has said nothing.
const QUIET: Duration = Duration::from_millis(60);

/// Everything one way of looking answers a unit.
struct Answers(Vec<u8>);

impl Answers {
    fn take<T: Message>(&mut self, answer: Result<tonic::Response<T>, Status>) -> Option<T> {
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                self.0.extend(answer.encode_to_vec());
                Some(answer)
            }
            Err(status) => {
                self.0.extend(wire(&status));
                None
            }
        }
    }
}

/// Looks as somebody of a unit, by one method. One that is not here is a way to look that
/// nobody has thought through.
pub async fn look(s: &Server, unit: &str, method: &str, all: &[Order]) -> Vec<u8> {
    let mut seen = Answers(Vec::new());
    match method {
        "IntakeService/PreviewOrder" => {
            for order in all {
                let (phone, text) = (order.phone.clone(), order.telling[3].clone());
                let request = pb::PreviewOrderRequest { phone, ..Default::default() };
                seen.take(s.intake().preview_order(by(unit, "agent", request)).await);
                // By what was said, too: it is like every other.
                let request = pb::PreviewOrderRequest { text, ..Default::default() };
                seen.take(s.intake().preview_order(by(unit, "agent", request)).await);
            }
        }
        "IntakeService/SubmitOrder" => {
            for order in all {
                let mut submission = matter();
                submission.contact.as_mut().unwrap().phone.clone_from(&order.phone);
                let (request_id, submission) = (id(), Some(submission));
                let request =
                    pb::SubmitOrderRequest { request_id, submission, skip_repeats: false };
                seen.take(s.intake().submit_order(by(unit, "agent", request)).await);
            }
        }
        "IntakeService/GetOrder" => {
            for order in all {
                let request = pb::GetOrderRequest { order_no: order.no.clone() };
                seen.take(s.intake().get_order(by(unit, "agent", request)).await);
            }
        }
        "IntakeService/ExplainOrder" => {
            for order in all {
                let request = pb::ExplainOrderRequest { order_no: order.no.clone() };
                seen.take(s.intake().explain_order(by(unit, "agent", request)).await);
            }
        }
        "IntakeService/TrackOrder" => {
            for order in all {
                let (order_no, start) = (order.no.clone(), order.phone.len() - 4);
                let phone_last4 = order.phone[start..].to_owned();
                let request = pb::TrackOrderRequest { order_no, phone_last4 };
                seen.take(s.intake().track_order(by(unit, "agent", request)).await);
            }
        }
        "IntakeService/ListOrders" => lists(s, unit, &mut seen).await,
        "WorkOrderService/PullOrders" => {
            for desk in DESKS {
                let request = pb::PullOrdersRequest {
                    unit: unit.to_owned(),
                    include_subtree: true,
                    desk: desk.into(),
                    max_orders: 256,
                    lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                    ..Default::default()
                };
                seen.take(s.work().pull_orders(by(unit, "handler", request)).await);
            }
        }
        "WorkOrderService/StreamOrders" => {
            for desk in DESKS {
                let request = pb::StreamOrdersRequest {
                    unit: unit.to_owned(),
                    include_subtree: true,
                    desk: desk.into(),
                    // The centre leaves some to be pulled.
                    max_outstanding: if unit == CENTRE { 2 } else { 256 },
                    lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                };
                let stream = s.work().stream_orders(by(unit, "handler", request)).await;
                let mut stream = stream.unwrap().into_inner();
                while let Ok(Ok(Some(pushed))) = tokio::time::timeout(QUIET, stream.message()).await
                {
                    seen.0.extend(pushed.encode_to_vec());
                }
            }
        }
        "WorkOrderService/GetContact" => {
            for order in all {
                let order_no = order.no.clone();
                let request = pb::GetContactRequest { request_id: id(), order_no };
                seen.take(s.work().get_contact(by(unit, "handler", request)).await);
            }
        }
        "CommandService/ListTriage" => {
            let mut request = pb::ListTriageRequest { page_size: 3, ..Default::default() };
            loop {
                let page = s.command().list_triage(by(unit, "handler", request.clone())).await;
                request.page_token = seen.take(page).unwrap().next_page_token;
                if request.page_token.is_empty() {
                    break;
                }
            }
        }
        "CommandService/GetBoard" => {
            seen.take(s.command().get_board(by(unit, "handler", pb::GetBoardRequest {})).await);
        }
        "CommandService/ListAtRisk" => {
            let request = pb::ListAtRiskRequest { limit: 64 };
            seen.take(s.command().list_at_risk(by(unit, "handler", request)).await);
        }
        "CommandService/GetIndicators" => {
            for dimension in 1..=3 {
                let (from, to) = ("2022-03-01".to_owned(), "2022-03-31".to_owned());
                let request = pb::GetIndicatorsRequest { from, to, dimension };
                seen.take(s.command().get_indicators(by(unit, "handler", request)).await);
            }
        }
        "FeedService/ReadFeed" => {
            read_feed(s, unit, &mut seen).await;
        }
        "FeedService/WatchFeed" => {
            let end = read_feed(s, unit, &mut Answers(Vec::new())).await;
            let place = |cursor: &str| -> Vec<u64> {
                cursor.split('-').map(|part| part.parse().unwrap()).collect()
            };
            let request = pb::WatchFeedRequest::default();
            let feed = s.feed().watch_feed(by(unit, "handler", request)).await;
            let mut feed = feed.unwrap().into_inner();
            while let Some(answer) = feed.message().await.unwrap() {
                seen.0.extend(answer.encode_to_vec());
                if place(&answer.next_cursor) >= place(&end) {
                    break;
                }
            }
        }
        "AdminService/Doctor" => {
            seen.take(s.admin().doctor(by(unit, "handler", pb::DoctorRequest::default())).await);
        }
        "AdminService/Backup" => {
            let request = by(unit, "handler", pb::BackupRequest {});
            match s.admin().backup(request).await {
                Ok(pieces) => {
                    let mut pieces = pieces.into_inner();
                    while let Some(piece) = pieces.message().await.unwrap() {
                        seen.0.extend(piece.image);
                    }
                }
                Err(status) => seen.0.extend(wire(&status)),
            }
        }
        "AdminService/ListArchive" => {
            let request = by(unit, "handler", pb::ListArchiveRequest {});
            seen.take(s.admin().list_archive(request).await);
        }
        "FeedService/AcknowledgeFeed" => {
            let (consumer, cursor) = ("copy".to_owned(), String::new());
            let request = pb::AcknowledgeFeedRequest { consumer, cursor };
            seen.take(s.feed().acknowledge_feed(by(unit, "handler", request)).await);
        }
        "FeedService/ListConsumers" => {
            let request = by(unit, "handler", pb::ListConsumersRequest {});
            seen.take(s.feed().list_consumers(request).await);
        }
        "FeedService/ForgetConsumer" => {
            let request = pb::ForgetConsumerRequest { consumer: "copy".to_owned() };
            seen.take(s.feed().forget_consumer(by(unit, "handler", request)).await);
        }
        "AdminService/GetMode" => {
            seen.take(s.admin().get_mode(by(unit, "handler", pb::GetModeRequest {})).await);
        }
        "AdminService/PreviewMode" => {
            for mode in [pb::Mode::Ordinary, pb::Mode::Wartime] {
                let mut request = pb::PreviewModeRequest {
                    mode: mode.into(),
                    page_size: 3,
                    ..Default::default()
                };
                loop {
                    let page = s.admin().preview_mode(by(unit, "handler", request.clone())).await;
                    request.page_token = seen.take(page).unwrap().next_page_token;
                    if request.page_token.is_empty() {
                        break;
                    }
                }
            }
        }
        _ => panic!("{method} is a way to look: say here how, and see what it shows"),
    }
    seen.0
}

/// Waits until an order is listed among those whose promise is about to break.
pub async fn until_at_risk(s: &Server, no: &str) {
    for _ in 0..1_000 {
        let request = by(CENTRE, "dispatcher", pb::ListAtRiskRequest { limit: 64 });
        let list = s.command().list_at_risk(request).await.unwrap().into_inner();
        if list.orders.iter().any(|order| order.order_no == no) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{no} is not listed as at risk");
}

/// By number, in small pages, by stage, and by every tray a unit may be interested in.
async fn lists(s: &Server, unit: &str, seen: &mut Answers) {
    let stage = pb::Stage::Handling.into();
    let mut asked = vec![
        pb::ListOrdersRequest { page_size: 3, ..Default::default() },
        pb::ListOrdersRequest { page_size: 3, stage, ..Default::default() },
    ];
    for desk in DESKS {
        for tray in [unit, CENTRE, COUNTY, OTHER] {
            asked.push(pb::ListOrdersRequest {
                unit: tray.to_owned(),
                desk: desk.into(),
                page_size: 3,
                ..Default::default()
            });
        }
    }
    for mut request in asked {
        loop {
            let page = s.intake().list_orders(by(unit, "handler", request.clone())).await;
            request.page_token = seen.take(page).unwrap().next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
    }
}

/// The feed from its beginning; says where it ends.
async fn read_feed(s: &Server, unit: &str, seen: &mut Answers) -> String {
    let mut request = pb::ReadFeedRequest { max_events: 1_000, ..Default::default() };
    loop {
        let page = s.feed().read_feed(by(unit, "handler", request.clone())).await;
        let next = seen.take(page).unwrap().next_cursor;
        if next == request.cursor {
            return next;
        }
        request.cursor = next;
    }
}
