//! Callers at a steady pace, whatever the answers take: what is asked too late for a slow answer
//! before it counts as slow, too.

use crate::percentile;
use hotline::clock::{tick, wall_now};
use hotline::domain::{Span, Timestamp};
use hotline::pb::intake_service_client::IntakeServiceClient;
use hotline::pb::{self, SubmitOrderRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Request;
use tonic::transport::Channel;
use uuid::Uuid;

/// Submissions a second. The whole of Jiaxing came to some 2 a second in its worst weeks.
const PACE: u64 = 500;
const TEXT: &str = include_str!("../submit/matter.txt");

/// When each call was due, and how long after that it was answered.
pub struct Answers(Vec<(Timestamp, Duration)>);

impl Answers {
    /// Of those due within a time: how many, and within what half and 99 % of them were
    /// answered in the middling one of its seconds, for a neighbour on the machine spoils some.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> (usize, Duration, Duration) {
        let mut seconds: BTreeMap<i64, Vec<Duration>> = BTreeMap::new();
        for (at, took) in self.0.iter().filter(|(at, _)| (from..to).contains(at)) {
            seconds.entry(at.since(from).0 / 1_000).or_default().push(*took);
        }
        let middling = |seconds: &mut BTreeMap<i64, Vec<Duration>>, percent| {
            let mut of_each: Vec<_> =
                seconds.values_mut().map(|times| percentile(times, percent)).collect();
            percentile(&mut of_each, 50.0)
        };
        let count = seconds.values().map(Vec::len).sum();
        (count, middling(&mut seconds, 50.0), middling(&mut seconds, 99.0))
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

pub struct Intake {
    over: Arc<AtomicBool>,
    calling: JoinHandle<Answers>,
}

impl Intake {
    pub fn start(channel: Channel) -> Intake {
        let over = Arc::new(AtomicBool::new(false));
        let calling = tokio::spawn(call(channel, over.clone()));
        Intake { over, calling }
    }

    pub async fn stop(self) -> Answers {
        self.over.store(true, Relaxed);
        self.calling.await.unwrap()
    }
}

async fn call(channel: Channel, over: Arc<AtomicBool>) -> Answers {
    let (began, wall) = (tick(), wall_now());
    let mut calls = JoinSet::new();
    let mut nth = 0;
    while !over.load(Relaxed) {
        let due = Duration::from_micros(1_000_000 * nth / PACE);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        let mut client = IntakeServiceClient::new(channel.clone());
        calls.spawn(async move {
            client.submit_order(submit()).await.unwrap();
            (wall.plus(Span::from(due)), began.elapsed().saturating_sub(due))
        });
        nth += 1;
    }
    Answers(calls.join_all().await)
}

fn submit() -> Request<SubmitOrderRequest> {
    let submission = pb::Submission {
        channel: pb::Channel::Phone.into(),
        title: "电梯频繁故障困人".to_owned(),
        text: TEXT.trim().to_owned(),
        contact: Some(pb::Contact {
            name: "张三".to_owned(),
            phone: format!("138{:08}", Uuid::new_v4().as_u128() % 100_000_000),
            address: "浙江省嘉兴市南湖区大桥镇中华村3幢1204室".to_owned(),
        }),
        ..Default::default()
    };
    let mut request = Request::new(SubmitOrderRequest {
        request_id: Uuid::new_v4().to_string(),
        submission: Some(submission),
        skip_repeats: false,
    });
    for (key, value) in
        [("hotline-staff", "b001"), ("hotline-unit", "3304"), ("hotline-role", "agent")]
    {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    request
}
