//! One switch for the city: a dry run first, orders in flight as it was chosen, and back again.

use crate::everywhere::everywhere;
use crate::moves::Life;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Code;

const ORDERS: usize = 600;

pub async fn status(s: &Server) -> pb::ModeStatus {
    let answer = s.admin().get_mode(by(CENTRE, "dispatcher", pb::GetModeRequest {})).await;
    answer.unwrap().into_inner().status.unwrap()
}

async fn preview(s: &Server, mode: pb::Mode) -> BTreeMap<String, i64> {
    let mut changes = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = pb::PreviewModeRequest { mode: mode.into(), page_size: 100, page_token };
        let page = s.admin().preview_mode(by(CENTRE, "dispatcher", request)).await.unwrap();
        let page = page.into_inner();
        changes.extend(page.changes.into_iter().map(|change| {
            assert_ne!(change.closure_due, change.new_closure_due);
            (change.order_no, change.new_closure_due.unwrap().seconds)
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return changes;
        }
    }
}

pub fn to(mode: pb::Mode, in_flight: pb::InFlight, version: u32) -> pb::SwitchModeRequest {
    pb::SwitchModeRequest {
        request_id: id(),
        mode: mode.into(),
        in_flight: in_flight.into(),
        version,
    }
}

pub async fn switch(s: &Server, request: &pb::SwitchModeRequest) -> pb::ModeStatus {
    let asked = by(CENTRE, "dispatcher", request.clone());
    s.admin().switch_mode(asked).await.unwrap().into_inner().status.unwrap()
}

/// Waits until the last order in flight has been stamped.
pub async fn restamped(s: &Server) -> u64 {
    for _ in 0..1_000 {
        if let Some(job) = status(s).await.restamping.filter(|job| job.done_at.is_some()) {
            return job.restamped;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", status(s).await);
}

pub async fn closure_due(s: &Server, no: &str) -> i64 {
    s.order(no).await.closure.unwrap().due_at.unwrap().seconds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_city_goes_to_ordinary_times_and_back() {
    everywhere(async |s| {
        let mut filed = Vec::new();
        for _ in 0..ORDERS {
            filed.push(s.filed().await.order_no);
        }
        let closed = Life::new(s);
        closed.path("file go_down report close").await;
        let before = status(s).await;
        assert_eq!((before.mode(), before.version), (pb::Mode::Wartime, 0));
        let was = closure_due(s, &filed[0]).await;

        // The dry run names every open order, and changes nothing.
        let changes = preview(s, pb::Mode::Ordinary).await;
        assert!(changes.keys().eq(&filed), "every open order and no other");
        assert_eq!(preview(s, pb::Mode::Wartime).await.len(), 0);
        assert_eq!(status(s).await, before);

        // Those in flight keep what they have, new ones have the new limits.
        let ordinary = to(pb::Mode::Ordinary, pb::InFlight::Keep, 0);
        let now = switch(s, &ordinary).await;
        assert_eq!((now.mode(), now.version, now.restamping), (pb::Mode::Ordinary, 1, None));
        assert_eq!(switch(s, &ordinary).await.version, 1, "asked again it is answered again");
        let other = pb::SwitchModeRequest { mode: pb::Mode::Wartime.into(), ..ordinary };
        let reused = s.admin().switch_mode(by(CENTRE, "dispatcher", other)).await.unwrap_err();
        assert_eq!(told(&reused).1, "REQUEST_ID_REUSED");
        let kept = s.order(&filed[0]).await;
        assert_eq!((kept.closure.unwrap().due_at.unwrap().seconds, kept.policy_id), (was, 1));
        let new = s.filed().await.order_no;
        assert_eq!(s.order(&new).await.policy_id, 4);

        // Nobody switches what somebody else has switched meanwhile, nor to what it is.
        let mut admin = s.admin();
        for (request, reason) in [
            (to(pb::Mode::Wartime, pb::InFlight::Keep, 0), "MODE_MOVED"),
            (to(pb::Mode::Ordinary, pb::InFlight::Keep, 1), "MODE_UNCHANGED"),
        ] {
            let status = admin.switch_mode(by(CENTRE, "dispatcher", request)).await.unwrap_err();
            assert_eq!(
                (status.code(), told(&status).1.as_str()),
                (Code::FailedPrecondition, reason)
            );
        }
        let by_county = by(COUNTY, "dispatcher", to(pb::Mode::Wartime, pb::InFlight::Keep, 1));
        let status_ = admin.switch_mode(by_county).await.unwrap_err();
        assert_eq!(told(&status_).1, "NOT_CENTRE");
        let unsaid = to(pb::Mode::Wartime, pb::InFlight::Unspecified, 1);
        let status_ = admin.switch_mode(by(CENTRE, "dispatcher", unsaid)).await.unwrap_err();
        assert_eq!(told(&status_).2, "in_flight");

        // The same mode again, and this time for those in flight: as the dry run said.
        switch(s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 1)).await;
        assert_eq!(restamped(s).await, ORDERS as u64);
        for (no, due) in &changes {
            assert_eq!(closure_due(s, no).await, *due, "{no}");
        }
        // And back: every one has what it had.
        switch(s, &to(pb::Mode::Wartime, pb::InFlight::Restamp, 2)).await;
        assert_eq!(restamped(s).await, ORDERS as u64 + 1);
        for no in &filed {
            assert_eq!(closure_due(s, no).await, was, "{no}");
        }
        let read = pb::ReadFeedRequest { max_events: 1_000, ..Default::default() };
        let mut switches = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = pb::ReadFeedRequest { cursor: cursor.clone(), ..read.clone() };
            let page = s.feed().read_feed(by(COUNTY, "handler", request)).await.unwrap();
            let page = page.into_inner();
            switches.extend(page.events.into_iter().filter_map(|event| match event.what {
                Some(pb::feed_event::What::ModeSwitched(what)) => {
                    Some((event.order_no, what.mode(), what.restamp))
                }
                _ => None,
            }));
            if page.next_cursor == cursor {
                break;
            }
            cursor = page.next_cursor;
        }
        let (none, ordinary, wartime) = (String::new(), pb::Mode::Ordinary, pb::Mode::Wartime);
        assert_eq!(
            switches,
            [
                (none.clone(), ordinary, false),
                (none.clone(), ordinary, true),
                (none, wartime, true)
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_extensions_and_broken_promises_outlive_a_switch() {
    everywhere(async |s| {
        let extended = Life::new(s);
        extended.path("file go_down ask_extension extend").await;
        let late = Life::new(s);
        late.path("file").await;
        s.later(Span::minutes(90));
        let breached =
            async |no: &str| s.order(no).await.arrival.unwrap().breached_at.map(|at| at.seconds);
        let mut broken = None;
        while broken.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            broken = breached(&late.no()).await;
        }
        let due = closure_due(s, &extended.no()).await;
        for (mode, version) in [(pb::Mode::Ordinary, 0), (pb::Mode::Wartime, 1)] {
            switch(s, &to(mode, pb::InFlight::Restamp, version)).await;
            restamped(s).await;
            assert_eq!(breached(&late.no()).await, broken, "what was broken stays so");
            if mode == pb::Mode::Ordinary {
                assert!(closure_due(s, &extended.no()).await > due + 86_400);
            }
        }
        assert_eq!(closure_due(s, &extended.no()).await, due, "the extension is kept");
    })
    .await;
}
