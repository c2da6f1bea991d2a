//! What waits and what flows.

use crate::server::*;
use hotline::pb;
use std::time::{Duration, Instant};
use tokio_stream::StreamExt;

#[tokio::test]
async fn a_long_poll_wakes_when_an_order_comes() {
    let s = Server::start().await;
    let pull = pb::PullOrdersRequest {
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        ..Default::default()
    };
    let mut work = s.work();
    let waiting = tokio::spawn(async move { work.pull_orders(by(CENTRE, "handler", pull)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    let began = began();
    let filed = s.filed().await;
    let orders = waiting.await.unwrap().unwrap().into_inner().orders;
    assert_eq!(orders[0].order.as_ref().unwrap().order_no, filed.order_no);
    assert!(began.elapsed() < Duration::from_secs(5));
    s.running.stop().await;
}

#[tokio::test]
async fn a_stream_pushes_no_more_than_the_puller_can_hold() {
    let s = Server::start().await;
    for _ in 0..3 {
        s.filed().await;
    }
    let stream = pb::StreamOrdersRequest {
        unit: CENTRE.to_owned(),
        desk: pb::Desk::Lead.into(),
        max_outstanding: 2,
        ..Default::default()
    };
    let stream = s.work().stream_orders(by(CENTRE, "handler", stream)).await.unwrap();
    let mut stream = stream.into_inner();
    let first = stream.next().await.unwrap().unwrap().order.unwrap();
    stream.next().await.unwrap().unwrap();
    let more = tokio::time::timeout(Duration::from_millis(600), stream.next()).await;
    assert!(more.is_err(), "a third came although two are out");
    let item = pb::RelayItem {
        request_id: id(),
        order_no: first.order.unwrap().order_no,
        lease: first.lease,
        to_unit: String::new(),
    };
    let relay = by(CENTRE, "handler", pb::RelayOrdersRequest { items: vec![item] });
    s.work().relay_orders(relay).await.unwrap();
    let third = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    assert!(third.is_ok(), "no third although one is done");

    // The server stops: the stream ends well, and so does the server.
    let stopping = tokio::spawn(s.running.stop());
    let end = tokio::time::timeout(Duration::from_secs(5), stream.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
    tokio::time::timeout(Duration::from_secs(5), stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_of_matters_answers_each() {
    let s = Server::start().await;
    let one = id();
    let mut items: Vec<_> = (0..600)
        .map(|_| pb::SubmitOrdersRequest { request_id: id(), submission: Some(matter()) })
        .collect();
    items[7].request_id = "x".to_owned();
    items[8].submission = None;
    items[9].submission = Some(pb::Submission { text: String::new(), ..matter() });
    items[10].request_id = one.clone();
    items[599].request_id = one;
    let request = by(CENTRE, "agent", tokio_stream::iter(items));
    let answers = s.intake().submit_orders(request).await.unwrap().into_inner();
    let mut answers: Vec<_> = answers.map(|a| a.unwrap()).collect().await;
    answers.sort_by_key(|a| a.index);
    assert!(answers.iter().map(|a| a.index).eq(0..600));
    use pb::submit_orders_response::Result as R;
    for (index, reason, field) in [
        (7, "INVALID_REQUEST_ID", "request_id"),
        (8, "MISSING_FIELD", "submission"),
        (9, "TEXT_EMPTY", "submission.text"),
    ] {
        let Some(R::Error(error)) = &answers[index].result else { panic!("{index}") };
        assert_eq!((error.reason.as_str(), error.fields[0].field.as_str()), (reason, field));
    }
    let (Some(R::Receipt(a)), Some(R::Receipt(b))) = (&answers[10].result, &answers[599].result)
    else {
        panic!("one id, two answers")
    };
    one_is_the_other_again(a, b);
    let done = answers.iter().filter(|a| matches!(a.result, Some(R::Receipt(_)))).count();
    assert_eq!(done, 597);
    s.running.stop().await;
}

#[tokio::test]
async fn a_watcher_sees_what_happens() {
    let s = Server::start().await;
    s.filed().await;
    let watch = pb::WatchFeedRequest { from_end: true, ..Default::default() };
    let watch = s.feed().watch_feed(by(CENTRE, "dispatcher", watch)).await.unwrap();
    let mut watch = watch.into_inner();
    let begin = watch.next().await.unwrap().unwrap();
    assert!(begin.events.is_empty() && !begin.next_cursor.is_empty());
    let second = s.filed().await;
    let batch = watch.next().await.unwrap().unwrap();
    assert_eq!(batch.events[0].order_no, second.order_no);
    // From the beginning, both are seen; from the cursor, only the second.
    for (cursor, seen) in [(String::new(), 2), (begin.next_cursor, 1)] {
        let again = pb::WatchFeedRequest { cursor, from_end: false };
        let again = s.feed().watch_feed(by(CENTRE, "dispatcher", again)).await.unwrap();
        let batch = again.into_inner().next().await.unwrap().unwrap();
        assert_eq!(batch.events.len(), seen);
    }
    let gone = pb::ReadFeedRequest { cursor: "99-0-0".to_owned(), max_events: 0 };
    let status = s.feed().read_feed(by(CENTRE, "dispatcher", gone)).await.unwrap_err();
    assert_eq!(told(&status).1, "FEED_DIVERGED");
    s.running.stop().await;
}

#[allow(clippy::disallowed_methods, reason = "a test measures real time")]
fn began() -> Instant {
    Instant::now()
}
