//! Many at once, with old rights, with one id: on every store, over the wire.

use crate::everywhere::everywhere;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// How many come at once.
const MANY: usize = 100;

/// What may be done about an order that waits to be signed.
#[derive(Clone, Copy)]
enum Do {
    Sign,
    Relay,
    Return,
}

async fn ask(
    s: &Server,
    what: Do,
    no: &str,
    request_id: String,
    lease: &str,
) -> Result<pb::Receipt, Status> {
    let (order_no, lease, mut work) = (no.to_owned(), lease.to_owned(), s.work());
    let results = match what {
        Do::Sign => {
            let items = vec![pb::SignItem { request_id, order_no, lease, ..Default::default() }];
            let request = pb::SignOrdersRequest { items };
            work.sign_orders(by(CENTRE, "dispatcher", request)).await?.into_inner().results
        }
        Do::Relay => {
            let items = vec![pb::RelayItem { request_id, order_no, lease, ..Default::default() }];
            let request = pb::RelayOrdersRequest { items };
            work.relay_orders(by(CENTRE, "dispatcher", request)).await?.into_inner().results
        }
        Do::Return => {
            let request = pb::ReturnOrderRequest {
                request_id,
                order_no,
                lease,
                reason: pb::ReturnReason::WrongPlace.into(),
                text: "不在本辖区".to_owned(),
            };
            let answer = work.return_order(by(CENTRE, "dispatcher", request)).await?;
            return Ok(answer.into_inner().receipt.unwrap());
        }
    };
    match results.into_iter().next().unwrap().result.unwrap() {
        pb::item_result::Result::Receipt(receipt) => Ok(receipt),
        pb::item_result::Result::Error(e) => Err(Status::new(Code::from(e.code), e.reason)),
    }
}

/// All at once; what each was answered.
async fn all(
    asks: impl IntoIterator<Item = impl Future<Output = Result<pb::Receipt, Status>>>,
) -> Vec<Result<pb::Receipt, Status>> {
    let mut asks: Vec<_> = asks.into_iter().map(Box::pin).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|cx| {
        asks.retain_mut(|ask| match ask.as_mut().poll(cx) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if asks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_move_one_order_each_version_has_one() {
    everywhere(async |s| {
        let no = s.filed().await.order_no;
        // No return: what is given back waits for a decision, and nobody moves it meanwhile.
        let kinds = [Do::Sign, Do::Relay];
        let answers = all((0..MANY).map(|i| ask(s, kinds[i % kinds.len()], &no, id(), ""))).await;
        let mut versions = BTreeSet::from([1]);
        for answer in answers {
            match answer {
                Ok(receipt) => assert!(versions.insert(receipt.version), "{receipt:?} twice"),
                Err(status) => {
                    let code = status.code();
                    assert!(
                        [Code::FailedPrecondition, Code::Unavailable].contains(&code),
                        "{status}"
                    );
                }
            }
        }
        assert_eq!(versions.len() as u32, s.order(&no).await.version);
        assert!(versions.len() > 3, "{versions:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_sent_many_times_at_once_takes_effect_once() {
    everywhere(async |s| {
        let no = s.filed().await.order_no;
        // The same body: one answer for all.
        let one = id();
        let answers = all((0..MANY).map(|_| ask(s, Do::Relay, &no, one.clone(), ""))).await;
        let receipts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(receipts.iter().filter(|r| !r.replayed).count(), 1);
        assert!(receipts.iter().all(|r| r.version == receipts[0].version), "{receipts:?}");
        assert_eq!(s.order(&no).await.version, 2);
        // Different bodies and different calls: one is done, the others are told.
        let other = id();
        let kinds = [Do::Sign, Do::Relay, Do::Return];
        let answers =
            all((0..MANY).map(|i| ask(s, kinds[i % kinds.len()], &no, other.clone(), ""))).await;
        let done: Vec<_> = answers.iter().flatten().filter(|r| !r.replayed).collect();
        assert_eq!(done.len(), 1);
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(refused.code(), Code::AlreadyExists, "{refused}");
        }
        assert_eq!(s.order(&no).await.version, 3);
        // The same matter filed by many with one id is one order.
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(matter()),
            skip_repeats: false,
        };
        let submit = async |request| {
            let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await?;
            Ok(answer.into_inner().receipt.unwrap())
        };
        let receipts = all((0..MANY).map(|_| submit(request.clone()))).await;
        let numbers: BTreeSet<_> = receipts.into_iter().map(|r| r.unwrap().order_no).collect();
        assert_eq!(numbers.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_works_with_a_right_that_is_not_theirs() {
    everywhere(async |s| {
        let (no, other) = (s.filed().await.order_no, s.filed().await.order_no);
        let claimed = s.pull(CENTRE, pb::Desk::Lead).await;
        assert_eq!(claimed.len(), 2);
        let lease = |no: &str| {
            let of = |c: &&pb::ClaimedOrder| c.order.as_ref().unwrap().order_no == no;
            claimed.iter().find(of).unwrap().lease.clone()
        };
        let stale = async |what, no: &str, lease: &str| {
            let refused = ask(s, what, no, id(), lease).await.unwrap_err();
            assert_eq!(refused.code(), Code::Aborted, "{refused}");
        };
        // Another order's, one that never was, one of a claim to come.
        stale(Do::Relay, &no, &lease(&other)).await;
        stale(Do::Relay, &no, "0-99").await;
        stale(Do::Relay, &no, &format!("0-{}", u64::MAX)).await;
        stale(Do::Relay, &no, "65535-1").await;
        // An order of another cell is not here, whatever lease comes with it.
        let elsewhere = hotline::domain::OrderNo::new(
            "3305".parse().unwrap(),
            no.parse::<hotline::domain::OrderNo>().unwrap().date(),
            1,
        );
        let refused = ask(s, Do::Relay, &elsewhere.to_string(), id(), &lease(&no)).await;
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
        // Its own, once; then it is gone with its holding, but its request is remembered.
        let request = id();
        let done = ask(s, Do::Relay, &no, request.clone(), &lease(&no)).await.unwrap();
        stale(Do::Relay, &no, &lease(&no)).await;
        let again = ask(s, Do::Relay, &no, request, &lease(&no)).await.unwrap();
        one_is_the_other_again(&done, &again);

        // Who is told of a broken promise may look, but holds nothing: the lease of that
        // tray is good for no step of the order.
        s.later(Span::hours(4));
        let told = loop {
            let told = s.pull(CENTRE, pb::Desk::Raised).await;
            if !told.is_empty() {
                break told;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for told in &told {
            let no = told.order.as_ref().unwrap().order_no.clone();
            stale(Do::Sign, &no, &told.lease).await;
            stale(Do::Relay, &no, &told.lease).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ran_out_or_was_taken_over_is_stale() {
    everywhere(async |s| {
        let no = s.filed().await.order_no;
        let pull = async || {
            let request = pb::PullOrdersRequest {
                unit: CENTRE.to_owned(),
                desk: pb::Desk::Lead.into(),
                lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                wait: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
                ..Default::default()
            };
            let answer = s.work().pull_orders(by(CENTRE, "handler", request)).await.unwrap();
            answer.into_inner().orders.remove(0).lease
        };
        let first = pull().await;
        // Comes as soon as the first ran out.
        let second = pull().await;
        assert_ne!(first, second);
        let refused = ask(s, Do::Sign, &no, id(), &first).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "{refused}");
        ask(s, Do::Sign, &no, id(), &second).await.unwrap();
        // Signing is no end of the holding: the lease goes on, until its time is over.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let refused = ask(s, Do::Relay, &no, id(), &second).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_order_is_handed_to_two_of_many_pullers() {
    everywhere(async |s| {
        let mut filing = JoinSet::new();
        for _ in 0..200 {
            let mut intake = s.intake();
            let request = pb::SubmitOrderRequest {
                request_id: id(),
                submission: Some(matter()),
                skip_repeats: false,
            };
            filing.spawn(async move { intake.submit_order(by(CENTRE, "agent", request)).await });
        }
        let mut pulling = JoinSet::new();
        for _ in 0..MANY {
            let mut work = s.work();
            let pull = pb::PullOrdersRequest {
                unit: CENTRE.to_owned(),
                desk: pb::Desk::Lead.into(),
                max_orders: 3,
                wait: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                ..Default::default()
            };
            pulling.spawn(async move {
                let mut got = Vec::new();
                loop {
                    let pulled = work.pull_orders(by(CENTRE, "handler", pull.clone())).await;
                    let pulled = pulled.unwrap().into_inner().orders;
                    if pulled.is_empty() {
                        return got;
                    }
                    got.extend(pulled.into_iter().map(|c| c.order.unwrap().order_no));
                }
            });
        }
        for filed in filing.join_all().await {
            filed.unwrap();
        }
        let got: Vec<_> = pulling.join_all().await.into_iter().flatten().collect();
        let apart: BTreeSet<_> = got.iter().collect();
        assert_eq!((got.len(), apart.len()), (200, 200));
    })
    .await;
}

/// However a merger and the end of what it is merged into fall together, the caller hears the
/// result, or the order is still worked by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merger_that_meets_the_end_loses_nobody() {
    everywhere(async |s| {
        let mut pairs = Vec::new();
        for _ in 0..MANY {
            pairs.push((s.filed().await.order_no, s.filed().await.order_no));
        }
        let asks = pairs.iter().enumerate().map(|(i, (child, into))| async move {
            let merge = pb::MergeOrdersRequest {
                request_id: id(),
                order_no: child.clone(),
                into: into.clone(),
            };
            let close = pb::CloseBatchRequest {
                request_id: id(),
                order_nos: vec![into.clone()],
                text: "已修复。".to_owned(),
                ..Default::default()
            };
            let (mut one, mut other) = (s.command(), s.command());
            let wait = |n| tokio::time::sleep(Duration::from_micros(n));
            let merging = async { one.merge_orders(by(CENTRE, "dispatcher", merge)).await };
            // From at once until well after the last merger.
            let closing = async {
                wait(1_000 * i as u64).await;
                other.close_batch(by(CENTRE, "dispatcher", close)).await
            };
            let (merged, closed) = tokio::join!(merging, closing);
            closed.unwrap();
            merged.map(|answer| answer.into_inner().receipt.unwrap())
        });
        let merged = all(asks).await;
        assert!(merged.iter().any(Result::is_ok), "none was merged: the test tests nothing");
        for (child, into) in &pairs {
            let mut stage = pb::Stage::Merged;
            for _ in 0..500 {
                stage = s.order(child).await.stage();
                if stage != pb::Stage::Merged {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(
                [pb::Stage::Assigned, pb::Stage::FollowUp].contains(&stage),
                "{child} in {into}: {stage:?}"
            );
        }
    })
    .await;
}
