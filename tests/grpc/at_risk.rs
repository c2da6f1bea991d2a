//! Promises about to break: which are listed, in what order, and how many.

use crate::everywhere::everywhere;
use crate::server::*;
use hotline::pb;
use std::time::Duration;

/// Minutes since each matter was heard, and whether its promise of an hour is about to break.
const HEARD: [(i64, bool); 5] = [(10, false), (46, true), (55, true), (50, true), (70, false)];

async fn list(s: &Server, limit: u32) -> pb::ListAtRiskResponse {
    let request = by(CENTRE, "dispatcher", pb::ListAtRiskRequest { limit });
    s.command().list_at_risk(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nearest_comes_first_and_what_is_broken_or_far_is_not_listed() {
    everywhere(async |s| {
        let mut expected = Vec::new();
        for (minutes, about_to_break) in HEARD {
            let heard_at =
                Some(prost_types::Timestamp { seconds: s.now() - minutes * 60, nanos: 0 });
            let submission = Some(pb::Submission { heard_at, ..matter() });
            let request =
                pb::SubmitOrderRequest { request_id: id(), submission, skip_repeats: true };
            let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
            if about_to_break {
                expected.push((minutes, answer.into_inner().receipt.unwrap().order_no));
            }
        }
        expected.sort_by_key(|(minutes, _)| -minutes);
        let mut found = pb::ListAtRiskResponse::default();
        // The timers warn a moment later, and are then in time.
        for _ in 0..1_000 {
            found = list(s, 0).await;
            let in_time = found.timer_lag == Some(prost_types::Duration::default());
            if in_time && found.orders.len() == expected.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let due = |at: &Option<prost_types::Timestamp>| at.as_ref().unwrap().seconds;
        let told =
            |row: &pb::AtRisk| (60 - (due(&row.due_at) - s.now()) / 60, row.order_no.clone());
        assert_eq!(found.orders.iter().map(told).collect::<Vec<_>>(), expected);
        for row in &found.orders {
            assert_eq!(row.clock(), pb::ClockKind::Arrival);
            assert!(!row.holder.is_empty() && !row.holder_name.is_empty(), "{row:?}");
        }
        assert_eq!(list(s, 1).await.orders, found.orders[..1]);
        assert_eq!(list(s, u32::MAX).await.orders, found.orders);
    })
    .await;
}
