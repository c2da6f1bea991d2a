//! What is wrong with a move is said before anything happens, and names its field.

use crate::moves::Life;
use crate::server::*;
use hotline::pb;
use tonic::{Code, Status};

/// Asks one call of one service as the centre, and gives the error it must give.
macro_rules! refused {
    ($s:expr, $client:ident, $rpc:ident, $request:expr) => {
        $s.$client().$rpc(by(CENTRE, "dispatcher", $request)).await.unwrap_err()
    };
}

#[tokio::test]
async fn a_move_that_lacks_something_names_it() {
    let s = Server::start().await;
    let life = Life::new(&s);
    life.path("file go_down").await;
    let version = s.order(&life.no()).await.version;
    let (no, text) = (life.no(), "情况属实。".to_owned());
    let extension = |seconds, text: &str| pb::RequestExtensionRequest {
        request_id: id(),
        order_no: no.clone(),
        by: Some(prost_types::Duration { seconds, nanos: 0 }),
        text: text.to_owned(),
    };
    let long = "长".repeat(5_001);
    let late = pb::RequestSuspensionRequest {
        request_id: id(),
        order_no: no.clone(),
        until: Some(prost_types::Timestamp { seconds: s.now() + 90_000, nanos: 0 }),
        text: text.clone(),
    };
    let decline = |reason| pb::DeclineOrderRequest {
        request_id: id(),
        order_no: no.clone(),
        reason,
        text: text.clone(),
    };
    let batch = |order_nos: Vec<String>, text: &str| pb::CloseBatchRequest {
        request_id: id(),
        order_nos,
        text: text.to_owned(),
        ..Default::default()
    };
    let given_back = |to_unit: &str, designate| pb::DecideReturnRequest {
        request_id: id(),
        order_no: no.clone(),
        to_unit: to_unit.to_owned(),
        designate,
    };
    let merge = |into: &str| pb::MergeOrdersRequest {
        request_id: id(),
        order_no: no.clone(),
        into: into.to_owned(),
    };
    let days = |from: &str, to: &str, dimension| pb::GetIndicatorsRequest {
        from: from.to_owned(),
        to: to.to_owned(),
        dimension,
    };
    let recuse = |unit: &str| pb::RecuseUnitRequest {
        request_id: id(),
        order_no: no.clone(),
        unit: unit.to_owned(),
    };
    let village = pb::AcceptOrderRequest {
        request_id: id(),
        order_no: no.clone(),
        category: "0701".to_owned(),
        division: VILLAGE.to_owned(),
        chain: vec![CENTRE.to_owned(), VILLAGE.to_owned()],
        ..Default::default()
    };
    let empty = "";
    let table: Vec<(&str, Status, &str, &str)> = vec![
        (
            "no words",
            refused!(s, work, request_extension, extension(60, empty)),
            "TEXT_EMPTY",
            "text",
        ),
        (
            "too many",
            refused!(s, work, request_extension, extension(60, &long)),
            "TEXT_TOO_LONG",
            "text",
        ),
        (
            "no time",
            refused!(s, work, request_extension, extension(0, "待配件")),
            "OUT_OF_BOUNDS",
            "by",
        ),
        (
            "for ever",
            refused!(s, work, request_extension, extension(i64::MAX, "待配件")),
            "OUT_OF_BOUNDS",
            "by",
        ),
        ("too long a pause", refused!(s, work, request_suspension, late), "OUT_OF_BOUNDS", "until"),
        ("no reason", refused!(s, command, decline_order, decline(0)), "MISSING_FIELD", "reason"),
        (
            "no such reason",
            refused!(s, command, decline_order, decline(99)),
            "UNKNOWN_ENUM_VALUE",
            "reason",
        ),
        (
            "no orders",
            refused!(s, command, close_batch, batch(vec![], "已修复")),
            "OUT_OF_BOUNDS",
            "order_nos",
        ),
        (
            "no disposition",
            refused!(s, command, close_batch, batch(vec![no.clone()], "")),
            "TEXT_EMPTY",
            "text",
        ),
        (
            "neither",
            refused!(s, command, decide_return, given_back("", false)),
            "MISSING_FIELD",
            "to_unit",
        ),
        (
            "both",
            refused!(s, command, decide_return, given_back(COUNTY, true)),
            "MISSING_FIELD",
            "to_unit",
        ),
        (
            "a stranger",
            refused!(s, command, decide_return, given_back("330499", false)),
            "UNKNOWN_UNIT",
            "to_unit",
        ),
        ("no number", refused!(s, command, merge_orders, merge("42")), "INVALID_ORDER_NO", "into"),
        (
            "a bad date",
            refused!(s, command, get_indicators, days("2026-02-30", "2026-03-01", 1)),
            "BAD_DATE",
            "from",
        ),
        (
            "backwards",
            refused!(s, command, get_indicators, days("2026-03-02", "2026-03-01", 1)),
            "OUT_OF_BOUNDS",
            "to",
        ),
        (
            "too many days",
            refused!(s, command, get_indicators, days("2024-01-01", "2026-03-01", 1)),
            "OUT_OF_BOUNDS",
            "to",
        ),
        (
            "by what",
            refused!(s, command, get_indicators, days("2026-03-01", "2026-03-01", 0)),
            "MISSING_FIELD",
            "dimension",
        ),
        (
            "the centre itself",
            refused!(s, command, recuse_unit, recuse(CENTRE)),
            "CANNOT_RECUSE",
            "unit",
        ),
        ("a village's lead", refused!(s, command, accept_order, village), "INVALID_CHAIN", "chain"),
    ];
    for (what, status, reason, field) in table {
        let (code, said, at) = told(&status);
        assert_eq!(
            (code, said.as_str(), at.as_str()),
            (Code::InvalidArgument, reason, field),
            "{what}"
        );
    }
    // Who may not, is told who may.
    let supervise = pb::SuperviseOrderRequest {
        request_id: id(),
        order_no: no.clone(),
        card: pb::Card::Red.into(),
    };
    let by_stranger = by("330482", "handler", supervise);
    let status = s.command().supervise_order(by_stranger).await.unwrap_err();
    assert_eq!(told(&status).1, "NOT_ABOVE");
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(s.order(&no).await.version, version, "nothing half-done");
    s.running.stop().await;
}
