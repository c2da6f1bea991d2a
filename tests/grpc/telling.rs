//! An order's story, over gRPC and on every store: its events are found in the city's one feed.

use crate::everywhere::everywhere;
use crate::moves::Life;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use prost::Message;
use tonic::Status;

async fn explain(s: &Server, unit: &str, no: &str) -> Result<pb::ExplainOrderResponse, Status> {
    let request = pb::ExplainOrderRequest { order_no: no.to_owned() };
    let answer = s.intake().explain_order(by(unit, "agent", request)).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_has_every_step_and_no_word_of_who_called() {
    everywhere(async |s| {
        // Others come before, meanwhile and after, and are not told of.
        for _ in 0..5 {
            s.filed().await;
        }
        s.later(Span::minutes(1));
        let life = Life::new(s);
        life.path("file").await;
        for _ in 0..5 {
            s.filed().await;
        }
        life.path("go_down report reject report close").await;
        s.filed().await;
        let no = life.no();
        let order = s.order(&no).await;
        let story = explain(s, CENTRE, &no).await.unwrap();
        assert!(story.complete);
        let steps: Vec<_> = story.passages.iter().map(|passage| passage.version).collect();
        assert!(steps.is_sorted() && steps[0] == 1, "{steps:?}");
        assert_eq!(*steps.last().unwrap(), order.version);
        let legs: Vec<_> = story.holdings.iter().filter_map(|h| h.leg.clone()).collect();
        assert_eq!(legs, order.legs);
        let seconds = |of: &Option<prost_types::Duration>| {
            let of = of.as_ref().unwrap();
            of.seconds * 1_000_000_000 + i64::from(of.nanos)
        };
        let by_level: i64 = story.levels.iter().map(|level| seconds(&level.held)).sum();
        assert_eq!(by_level, legs.iter().map(|leg| seconds(&leg.held)).sum::<i64>());
        let next = story.next.clone().unwrap();
        assert_eq!((next.unit.as_str(), next.task.as_str()), (CENTRE, "follow_up"));
        // Nobody's name, phone or door is in it.
        let contact = matter().contact.unwrap();
        let bytes = story.encode_to_vec();
        for word in [contact.name, contact.phone, contact.address] {
            let found = bytes.windows(word.len()).any(|b| b == word.as_bytes());
            assert!(!word.is_empty() && !found, "{word} is told");
        }
        // Who may not know of it is told as little as by GetOrder.
        let village = order.chain.last().unwrap().clone();
        let request = pb::RecuseUnitRequest {
            request_id: id(),
            order_no: s.filed().await.order_no,
            unit: village.clone(),
        };
        let hidden = request.order_no.clone();
        s.command().recuse_unit(by(CENTRE, "dispatcher", request)).await.unwrap();
        explain(s, CENTRE, &hidden).await.unwrap();
        let refused = explain(s, &village, &hidden).await.unwrap_err();
        assert_eq!(told(&refused).1, "ORDER_NOT_FOUND");
    })
    .await;
}
