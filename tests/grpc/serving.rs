//! Health, reflection, probes, pages, and an end in good order.

use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

#[tokio::test]
async fn health_answers_for_each_service_and_turns_before_the_end() {
    let s = Server::start().await;
    let mut health = HealthClient::new(s.channel.clone());
    for service in hotline::api::SERVICES.into_iter().chain([""]) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{service} is not serving");
    }
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status, 1);
    let stopping = tokio::spawn(s.running.stop());
    let turned = tokio::time::timeout(Duration::from_secs(2), watch.next()).await.unwrap();
    assert_eq!(turned.unwrap().unwrap().status, 2);
    // One who watches to the end does not hold the server up.
    assert!(watch.next().await.is_none_or(|end| end.is_err()));
    tokio::time::timeout(Duration::from_secs(3), stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let s = Server::start().await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(s.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::iter([ask])).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list")
    };
    let names: Vec<_> = list.service.iter().map(|s| s.name.as_str()).collect();
    for name in hotline::api::SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    s.running.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let s = Server::start().await;
    s.filed().await;
    let bad = pb::GetOrderRequest { order_no: "x".to_owned() };
    s.intake().get_order(by(CENTRE, "agent", bad)).await.unwrap_err();
    let ask = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(s.running.http_address()).await.unwrap();
        let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = ask("/metrics").await;
    let counted = |method: &str, code: &str| {
        metrics.lines().any(|l| {
            l.contains(&format!("method=\"{method}\"")) && l.contains(&format!("code=\"{code}\""))
        })
    };
    let methods: Vec<_> = metrics.lines().filter(|l| l.contains("method=")).take(5).collect();
    assert!(counted("IntakeService/SubmitOrder", "OK"), "{methods:?}");
    assert!(counted("IntakeService/GetOrder", "INVALID_ARGUMENT"), "{methods:?}");
    s.running.stop().await;
}

#[tokio::test]
async fn pages_come_to_an_end_and_miss_nothing() {
    let s = Server::start().await;
    let mut filed = Vec::new();
    for _ in 0..7 {
        filed.push(s.filed().await.order_no);
        s.later(Span::seconds(1));
    }
    for (unit, desk) in [("", pb::Desk::Unspecified), (CENTRE, pb::Desk::Lead)] {
        for stage in [pb::Stage::Unspecified, pb::Stage::Assigned] {
            let mut seen = Vec::new();
            let mut page_token = String::new();
            loop {
                let page = pb::ListOrdersRequest {
                    stage: stage.into(),
                    unit: unit.to_owned(),
                    desk: desk.into(),
                    page_size: 3,
                    page_token,
                };
                let page = s.intake().list_orders(by(CENTRE, "agent", page)).await.unwrap();
                let page = page.into_inner();
                assert!(page.orders.len() <= 3);
                seen.extend(page.orders.into_iter().map(|o| o.order_no));
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            assert_eq!(seen, filed, "{unit} {desk:?} {stage:?}");
        }
    }
    let closed = pb::ListOrdersRequest { stage: pb::Stage::Archived.into(), ..Default::default() };
    let closed = s.intake().list_orders(by(CENTRE, "agent", closed)).await.unwrap().into_inner();
    assert!(closed.orders.is_empty() && closed.next_page_token.is_empty());
    s.running.stop().await;
}

#[tokio::test]
async fn the_clock_moves_an_order_on_and_everybody_can_see_it() {
    let s = Server::start().await;
    let filed = s.filed().await;
    s.later(Span::minutes(5));
    let order = loop {
        let order = s.order(&filed.order_no).await;
        if order.legs.len() > 1 {
            break order;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(order.legs[0].ending(), pb::Ending::PassedBy);
    assert_eq!(order.legs[0].held.unwrap().seconds, 5 * 60);
    s.running.stop().await;
}

#[tokio::test]
async fn a_preview_shows_its_reasons() {
    let s = Server::start().await;
    let preview = pb::PreviewOrderRequest {
        title: "路灯不亮".to_owned(),
        text: "村口的路灯坏了".to_owned(),
        address: "嘉兴市秀洲区".to_owned(),
        ..Default::default()
    };
    let said = s.intake().preview_order(by(CENTRE, "agent", preview)).await.unwrap().into_inner();
    assert!(!said.clues.is_empty() && !said.category_name.is_empty(), "{said:?}");
    assert!(said.division_name.contains("秀洲"), "{said:?}");
    assert_eq!(said.chain.len(), said.chain_names.len());
    assert_eq!(said.place_span, "秀洲区");
    assert_eq!((said.place_level(), said.lead_level()), (pb::Level::County, pb::Level::County));
    assert_eq!((said.place_rival, said.place_outside.as_str()), (None, ""));
    assert_eq!(said.lead, *said.chain.last().unwrap());
    assert!(said.rule > 0 && said.catalogue_version > 0);
    let rule = format!("职责第 {} 行", said.rule);
    assert!(said.explanation.contains(&rule), "{}", said.explanation);
    s.running.stop().await;
}

#[tokio::test]
async fn a_preview_shows_what_else_the_address_may_mean() {
    let s = Server::start().await;
    let ask = async |address: &str, category: &str, phone: &str| {
        let preview = pb::PreviewOrderRequest {
            address: address.to_owned(),
            category: category.to_owned(),
            phone: phone.to_owned(),
            ..Default::default()
        };
        s.intake().preview_order(by(CENTRE, "agent", preview)).await.unwrap().into_inner()
    };
    // Two places that contradict each other: a person decides.
    let said = ask("桐乡市大桥镇", "0605", "").await;
    let rival = said.place_rival.unwrap();
    assert_eq!((rival.division.as_str(), rival.span.as_str()), ("330402105000", "大桥镇"));
    assert_eq!(rival.division_name, "嘉兴市南湖区大桥镇");
    // Outside the city nobody is sent.
    let said = ask("杭州市余杭区良渚街道", "0605", "").await;
    assert_eq!((said.place_outside.as_str(), said.confident), ("浙江省杭州市余杭区", false));
    assert!(said.explanation.contains("不在本市"), "{}", said.explanation);
    // Who helps is proposed.
    let said = ask("秀洲区新塍镇", "0605", "").await;
    assert_eq!(said.co_handlers, ["330411104-021", "330411-011"]);
    assert_eq!(said.co_handler_names.len(), 2);
    assert!(said.confident && said.explanation.contains("建议协办"), "{}", said.explanation);
    // The number of a caller tells two villages of one name apart, and is no proof.
    let said = ask("永丰村委会", "1901", "0573-87654321").await;
    assert_eq!(said.ambiguous_divisions, ["330402103218", "330481001204", "330483106209"]);
    assert_eq!(said.reading.unwrap().division, "330481001204");
    assert!(!said.confident && said.explanation.contains("由人工派单"), "{}", said.explanation);
    s.running.stop().await;
}
