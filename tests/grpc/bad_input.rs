//! Every kind of bad input: its code, its reason, and the field it names. Nothing is written.

use crate::server::*;
use hotline::pb;
use tonic::{Code, Request, Status};

/// A matter with one thing wrong.
type Spoil = fn(&mut pb::Submission);

fn contact(s: &mut pb::Submission) -> &mut pb::Contact {
    s.contact.get_or_insert_default()
}

#[tokio::test]
async fn a_matter_that_is_wrong_names_its_field() {
    let s = Server::start().await;
    let table: &[(Spoil, &str, &str)] = &[
        (|m| m.text = String::new(), "TEXT_EMPTY", "text"),
        (|m| m.text = " \n\u{3000}".into(), "TEXT_EMPTY", "text"),
        (|m| m.text = "长".repeat(20_001), "TEXT_TOO_LONG", "text"),
        (|m| m.text = "a\0b".into(), "CONTROL_CHARACTER", "text"),
        (|m| m.text = "a\u{202e}b".into(), "BIDI_CHARACTER", "text"),
        (|m| m.title = "长".repeat(201), "TEXT_TOO_LONG", "title"),
        (|m| m.title = "a\u{2067}".into(), "BIDI_CHARACTER", "title"),
        (|m| contact(m).phone = "不告诉你".into(), "INVALID_PHONE", "contact.phone"),
        (|m| contact(m).phone = "12".into(), "INVALID_PHONE", "contact.phone"),
        (|m| contact(m).name = "名".repeat(101), "TEXT_TOO_LONG", "contact.name"),
        (|m| contact(m).address = "a\u{7}".into(), "CONTROL_CHARACTER", "contact.address"),
        (|m| m.channel = 0, "MISSING_FIELD", "channel"),
        (|m| m.channel = 99, "UNKNOWN_ENUM_VALUE", "channel"),
        (|m| m.kind = -1, "UNKNOWN_ENUM_VALUE", "kind"),
        (|m| m.urgency = 4, "UNKNOWN_ENUM_VALUE", "urgency"),
        (|m| m.category = "路灯".into(), "UNKNOWN_CATEGORY", "category"),
        (|m| m.category = "9999".into(), "UNKNOWN_CATEGORY", "category"),
        (|m| m.division = "33".into(), "UNKNOWN_DIVISION", "division"),
        (|m| m.division = "110101".into(), "UNKNOWN_DIVISION", "division"),
        (|m| m.heard_at = at(NOW.0 / 1_000, -1), "OUT_OF_BOUNDS", "heard_at"),
        (|m| m.heard_at = at(i64::MAX, 0), "OUT_OF_BOUNDS", "heard_at"),
        (|m| m.heard_at = at(NOW.0 / 1_000 + 3_600, 0), "HEARD_IN_FUTURE", "heard_at"),
        (|m| m.heard_at = at(NOW.0 / 1_000 - 90 * 86_400, 0), "HEARD_TOO_LONG_AGO", "heard_at"),
    ];
    for (spoil, reason, field) in table {
        let mut submission = matter();
        spoil(&mut submission);
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(submission),
            skip_repeats: false,
        };
        let status = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap_err();
        let expected = (Code::InvalidArgument, (*reason).to_owned(), format!("submission.{field}"));
        assert_eq!(told(&status), expected);
        for secret in ["不告诉你", "王阿姨", "13812345678", "801", "路灯不亮"] {
            assert!(!format!("{status:?}").contains(secret), "{status:?}");
            assert!(!String::from_utf8_lossy(status.details()).contains(secret), "{status:?}");
        }
    }
    // A text of 100,000 characters is still read, so that its field can be named.
    let submission = pb::Submission { text: "长".repeat(100_000), ..matter() };
    let request = pb::SubmitOrderRequest {
        request_id: id(),
        submission: Some(submission),
        skip_repeats: false,
    };
    let status = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().contains("submission.text: at most 20000 characters"), "{status:?}");

    let board = s.command().get_board(by(CENTRE, "agent", pb::GetBoardRequest {})).await.unwrap();
    assert!(board.into_inner().tallies.iter().all(|t| t.value == 0), "something was written");
    s.running.stop().await;
}

fn at(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

#[tokio::test]
async fn every_other_call_names_its_field_too() {
    let s = Server::start().await;
    let order_no = s.filed().await.order_no;
    let (mut intake, mut work, mut command, mut feed) =
        (s.intake(), s.work(), s.command(), s.feed());
    let second = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let lead = i32::from(pb::Desk::Lead);
    let pull = pb::PullOrdersRequest { unit: CENTRE.into(), desk: lead, ..Default::default() };
    let report = pb::ReportOrderRequest {
        request_id: id(),
        order_no: order_no.clone(),
        text: "已办".into(),
        ..Default::default()
    };
    let file = |uri: &str, sha256: &str| pb::Evidence { uri: uri.into(), sha256: sha256.into() };
    let good = "a".repeat(64);

    macro_rules! refused {
        ($client:ident.$call:ident($message:expr) $reason:literal $field:literal) => {
            let status = $client.$call(by(CENTRE, "handler", $message)).await.unwrap_err();
            let expected = (Code::InvalidArgument, $reason.to_owned(), $field.to_owned());
            assert_eq!(told(&status), expected, stringify!($call));
        };
    }
    use pb::*;
    refused!(intake.submit_order(SubmitOrderRequest { request_id: "1".into(), submission: Some(matter()), skip_repeats: false }) "INVALID_REQUEST_ID" "request_id");
    refused!(intake.submit_order(SubmitOrderRequest { request_id: id(), submission: None, skip_repeats: false }) "MISSING_FIELD" "submission");
    refused!(intake.get_order(GetOrderRequest { order_no: "3304-220314-00001-x".into() }) "INVALID_ORDER_NO" "order_no");
    refused!(intake.track_order(TrackOrderRequest { order_no: order_no.clone(), phone_last4: "12".into() }) "INVALID_PHONE" "phone_last4");
    refused!(intake.preview_order(PreviewOrderRequest { text: "a\0".into(), ..Default::default() }) "CONTROL_CHARACTER" "text");
    refused!(intake.list_orders(ListOrdersRequest { page_token: "x".into(), ..Default::default() }) "BAD_PAGE_TOKEN" "page_token");
    refused!(intake.list_orders(ListOrdersRequest { stage: 77, ..Default::default() }) "UNKNOWN_ENUM_VALUE" "stage");
    refused!(intake.list_orders(ListOrdersRequest { unit: CENTRE.into(), ..Default::default() }) "MISSING_FIELD" "desk");
    refused!(intake.list_orders(ListOrdersRequest { desk: lead, ..Default::default() }) "MISSING_FIELD" "unit");
    refused!(intake.list_orders(ListOrdersRequest { unit: "330499".into(), desk: lead, ..Default::default() }) "UNKNOWN_UNIT" "unit");
    refused!(work.pull_orders(PullOrdersRequest { unit: "x".into(), ..pull.clone() }) "UNKNOWN_UNIT" "unit");
    refused!(work.pull_orders(PullOrdersRequest { unit: "330499".into(), ..pull.clone() }) "UNKNOWN_UNIT" "unit");
    refused!(work.pull_orders(PullOrdersRequest { desk: 0, ..pull.clone() }) "MISSING_FIELD" "desk");
    refused!(work.pull_orders(PullOrdersRequest { desk: 99, ..pull.clone() }) "UNKNOWN_ENUM_VALUE" "desk");
    refused!(work.pull_orders(PullOrdersRequest { max_orders: 257, ..pull.clone() }) "OUT_OF_BOUNDS" "max_orders");
    refused!(work.pull_orders(PullOrdersRequest { lease: second(0), ..pull.clone() }) "OUT_OF_BOUNDS" "lease");
    refused!(work.pull_orders(PullOrdersRequest { lease: second(86_400), ..pull.clone() }) "OUT_OF_BOUNDS" "lease");
    refused!(work.pull_orders(PullOrdersRequest { wait: second(-1), ..pull.clone() }) "OUT_OF_BOUNDS" "wait");
    refused!(work.pull_orders(PullOrdersRequest { wait: second(3_600), ..pull.clone() }) "OUT_OF_BOUNDS" "wait");
    refused!(work.stream_orders(StreamOrdersRequest { unit: CENTRE.into(), desk: lead, max_outstanding: 300, ..Default::default() }) "OUT_OF_BOUNDS" "max_outstanding");
    refused!(work.sign_orders(SignOrdersRequest { items: vec![] }) "OUT_OF_BOUNDS" "items");
    refused!(work.sign_orders(SignOrdersRequest { items: vec![SignItem::default(); 257] }) "OUT_OF_BOUNDS" "items");
    refused!(work.return_order(ReturnOrderRequest { request_id: id(), order_no: order_no.clone(), text: "不归我们管".into(), ..Default::default() }) "MISSING_FIELD" "reason");
    refused!(work.return_order(ReturnOrderRequest { request_id: id(), order_no: order_no.clone(), reason: 1, ..Default::default() }) "TEXT_EMPTY" "text");
    refused!(work.report_order(ReportOrderRequest { text: "长".repeat(5_001), ..report.clone() }) "TEXT_TOO_LONG" "text");
    refused!(work.report_order(ReportOrderRequest { lease: "x".into(), ..report.clone() }) "INVALID_LEASE" "lease");
    refused!(work.report_order(ReportOrderRequest { evidence: vec![file("https://a/b", "ab")], ..report.clone() }) "INVALID_SHA256" "evidence[0].sha256");
    refused!(work.report_order(ReportOrderRequest { evidence: vec![file("https://a/b", &good), file("a b", &good)], ..report.clone() }) "INVALID_URI" "evidence[1].uri");
    refused!(work.report_order(ReportOrderRequest { evidence: vec![file("https://a/b", &good); 17], ..report.clone() }) "OUT_OF_BOUNDS" "evidence");
    refused!(work.get_contact(GetContactRequest { request_id: "".into(), order_no: order_no.clone() }) "INVALID_REQUEST_ID" "request_id");
    refused!(command.accept_order(AcceptOrderRequest { request_id: id(), order_no: order_no.clone(), division: VILLAGE.into(), ..Default::default() }) "MISSING_FIELD" "category");
    refused!(command.accept_order(AcceptOrderRequest { request_id: id(), order_no: order_no.clone(), category: category(), division: VILLAGE.into(), chain: vec!["3304".into(), "33".into()], ..Default::default() }) "UNKNOWN_UNIT" "chain[1]");
    refused!(command.decide_report(DecideReportRequest { request_id: id(), order_no: order_no.clone(), ..Default::default() }) "MISSING_FIELD" "verdict");
    refused!(command.decide_report(DecideReportRequest { request_id: id(), order_no: order_no.clone(), verdict: 2, ..Default::default() }) "TEXT_EMPTY" "text");
    refused!(command.list_triage(ListTriageRequest { page_token: "ff".repeat(20), page_size: 0 }) "BAD_PAGE_TOKEN" "page_token");
    refused!(feed.read_feed(ReadFeedRequest { cursor: "x".into(), max_events: 0 }) "BAD_CURSOR" "cursor");
    refused!(feed.watch_feed(WatchFeedRequest { cursor: "1-1-1".into(), from_end: true }) "BAD_CURSOR" "cursor");
    s.running.stop().await;
}

#[tokio::test]
async fn a_caller_who_does_not_say_who_is_refused() {
    let s = Server::start().await;
    let ask = || pb::GetOrderRequest { order_no: "3304-220314-00001-1".to_owned() };
    let status = s.intake().get_order(Request::new(ask())).await.unwrap_err();
    let missing = (Code::InvalidArgument, "BAD_ACTOR".to_owned(), "hotline-staff".to_owned());
    assert_eq!(told(&status), missing);
    for (unit, role, field) in
        [("330499", "agent", "hotline-unit"), (CENTRE, "clock", "hotline-role")]
    {
        let status = s.intake().get_order(by(unit, role, ask())).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, "BAD_ACTOR".into(), field.into()));
    }
    s.running.stop().await;
}

#[tokio::test]
async fn text_that_is_no_utf8_says_so() {
    let s = Server::start().await;
    let mut grpc = tonic::client::Grpc::new(s.channel.clone());
    grpc.ready().await.unwrap();
    // SubmitOrderRequest { submission: { text: "\xff\xfe" }, skip_repeats: false }
    let wire = vec![0x12, 0x04, 0x22, 0x02, 0xff, 0xfe];
    let path = "/hotline.v1.IntakeService/SubmitOrder".parse().unwrap();
    let status = grpc.unary(by(CENTRE, "agent", wire), path, Raw).await.unwrap_err();
    let expected = (Code::InvalidArgument, "INVALID_UTF8".to_owned(), "submission.text".to_owned());
    assert_eq!(told(&status), expected);
    s.running.stop().await;
}

#[tokio::test]
async fn every_real_call_is_acceptable() {
    // Real messages hold what no made-up table thinks of: tabs, ellipses, zero-width blanks.
    let root = std::env::var_os("HOTLINE_DATA").map(std::path::PathBuf::from);
    let root =
        root.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data").into());
    let Ok(calls) = std::fs::read_to_string(root.join("calls.jsonl")) else {
        println!("SKIPPED: {}/calls.jsonl is not there; set HOTLINE_DATA", root.display());
        return;
    };
    let s = Server::start().await;
    let mut refused = Vec::new();
    for line in calls.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let submission = pb::Submission {
            channel: pb::Channel::Web.into(),
            title: text("title"),
            text: text("text"),
            contact: Some(pb::Contact {
                name: String::new(),
                phone: text("caller_phone"),
                address: text("address"),
            }),
            ..Default::default()
        };
        let request = pb::SubmitOrderRequest {
            request_id: text("request_id"),
            submission: Some(submission),
            skip_repeats: false,
        };
        let answer: Result<_, Status> = s.intake().submit_order(by(CENTRE, "agent", request)).await;
        refused.extend(answer.err().map(|status| (text("request_id"), status)));
    }
    assert!(refused.is_empty(), "{refused:?}");
    s.running.stop().await;
}

/// Sends bytes as they are.
#[derive(Clone, Copy)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(
        &mut self,
        item: Vec<u8>,
        buf: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(buf, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buf: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; prost::bytes::Buf::remaining(buf)];
        prost::bytes::Buf::copy_to_slice(buf, &mut bytes);
        Ok(Some(bytes))
    }
}
