//! Those who file: each sends a call when it is due, and counts what becomes of it.

use super::callers::Callers;
use super::check::{AT_ONCE, Filed, Sample};
use super::meeting::Meeting;
use super::meter::{Meter, Op, add, of};
use super::pace::Pace;
use crate::cli::client::Connection;
use crate::cli::failure::Failure;
use crate::cli::retry::{is_worth_again, until_answered};
use crate::clock::tick;
use crate::domain::OrderNo;
use crate::pb::Receipt;
use crate::pb::intake_service_client::IntakeServiceClient;
use futures_util::stream::{self, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The most submissions of an unknown outcome: they are asked about at the end. With more the run
/// ends, for there is no server to speak of.
const MAX_UNKNOWN: u64 = 100_000;
/// How long one who was told to come later, and not when, stays away; only in a closed loop.
pub(super) const STAY_AWAY: Duration = Duration::from_millis(100);
/// No hint keeps one away for longer.
const LONGEST_AWAY: Duration = Duration::from_secs(5);

/// A run under way.
pub(super) struct Load {
    pub(super) pace: Arc<Pace>,
    pub(super) meter: Meter,
    pub(super) callers: Callers,
    pub(super) sample: Mutex<Sample>,
    /// Where what was filed meets those who pull it; none in a run without.
    pub(super) meeting: Option<Meeting>,
    /// Whether the next call waits for the order's end.
    pub(super) lives: bool,
    pub(super) open_loop: bool,
    pub(super) unknown: Mutex<Vec<u64>>,
}

impl Load {
    /// One who files until the run is over, over the connection of a lane.
    pub(super) async fn file(self: Arc<Load>, lane: usize, server: Connection) {
        let mut client = IntakeServiceClient::new(server.channel.clone());
        while let Some((n, meant)) = self.pace.next().await {
            self.meter.took(lane, Op::Late, meant.elapsed());
            add(&self.meter.counts.sent, 1);
            let request = server.stamp(self.callers.request(n));
            match client.submit_order(request).await {
                Ok(answer) => {
                    self.meter.took(lane, Op::Submit, meant.elapsed());
                    let receipt = answer.into_inner().receipt.unwrap_or_default();
                    self.filed(lane, n, meant, &receipt).await;
                }
                Err(status) => self.not_filed(n, &status).await,
            }
        }
    }

    async fn filed(&self, lane: usize, n: u64, meant: Instant, receipt: &Receipt) {
        let counts = &self.meter.counts;
        let Some(no) = self.acknowledged(receipt) else { return };
        let Some(meeting) = &self.meeting else { return self.keep(no, n, false) };
        let (wake, woken) = oneshot::channel();
        let met = meeting.sent(no, meant, self.lives.then_some(wake));
        if let Some(took) = met {
            let op = if self.lives { Op::Life } else { Op::InHands };
            self.meter.took(lane, op, took);
        }
        if !self.lives {
            return self.keep(no, n, false);
        }
        let left = self.pace.last_moment().saturating_duration_since(tick());
        match tokio::time::timeout(left, woken).await {
            Ok(Ok(())) => self.keep(no, n, true),
            // It is one of those that nobody waits for any more.
            Ok(Err(_)) | Err(_) => {
                add(&counts.unfinished, 1);
                self.keep(no, n, false);
            }
        }
    }

    /// Counts an acknowledged order; its number.
    pub(super) fn acknowledged(&self, receipt: &Receipt) -> Option<OrderNo> {
        let counts = &self.meter.counts;
        add(if receipt.replayed { &counts.replayed } else { &counts.created }, 1);
        let no = receipt.order_no.parse().ok();
        if no.is_none() {
            counts.refused("submit", "NO_NUMBER");
        }
        no
    }

    pub(super) fn keep(&self, no: OrderNo, n: u64, closed: bool) {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        sample.offer(Filed { no, n, closed });
    }

    /// What is to be read back; to be asked once.
    pub(super) fn sampled(&self) -> Vec<Filed> {
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *sample, Sample::of(0)).kept()
    }

    async fn not_filed(&self, n: u64, status: &Status) {
        let counts = &self.meter.counts;
        if status.code() == Code::ResourceExhausted {
            let away = self.shed(status);
            if !self.open_loop {
                tokio::time::sleep(away).await;
            }
        } else if is_worth_again(status) {
            self.is_unknown(n);
            if !self.open_loop {
                tokio::time::sleep(STAY_AWAY).await;
            }
        } else {
            counts.refused("submit", &reason(status));
        }
    }

    /// Remembers a submission whose answer never came.
    pub(super) fn is_unknown(&self, n: u64) {
        let counts = &self.meter.counts;
        add(&counts.unknown, 1);
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).push(n);
        if of(&counts.unknown) >= MAX_UNKNOWN {
            self.pace.stop();
        }
    }

    /// Counts a call that was shed; how long to stay away.
    pub(super) fn shed(&self, status: &Status) -> Duration {
        let counts = &self.meter.counts;
        add(&counts.shed, 1);
        let Some(hint) = status.get_details_retry_info().and_then(|info| info.retry_delay) else {
            return STAY_AWAY;
        };
        add(&counts.hinted, 1);
        let millis = u64::try_from(hint.as_millis()).unwrap_or(u64::MAX);
        counts.longest_hint.fetch_max(millis, std::sync::atomic::Ordering::Relaxed);
        hint.min(LONGEST_AWAY)
    }

    /// Asks about each submission of an unknown outcome by its request id: afterwards each is in
    /// the store, once. How many were there already.
    pub(super) async fn settle(&self, server: &Connection) -> Result<u64, Failure> {
        let unknown =
            std::mem::take(&mut *self.unknown.lock().unwrap_or_else(PoisonError::into_inner));
        let asked = stream::iter(unknown).map(|n| async move {
            let answer = until_answered(|| {
                let request = server.stamp(self.callers.request(n));
                let mut client = IntakeServiceClient::new(server.channel.clone());
                async move { client.submit_order(request).await }
            });
            (n, answer.await)
        });
        let mut asked = asked.buffer_unordered(AT_ONCE);
        let mut there = 0;
        while let Some((n, answer)) = asked.next().await {
            let answer = answer.map_err(|status| server.failure(status))?;
            let receipt = answer.into_inner().receipt.unwrap_or_default();
            there += u64::from(receipt.replayed);
            if let Ok(no) = receipt.order_no.parse() {
                self.keep(no, n, false);
            }
        }
        Ok(there)
    }
}

/// What a status is counted under: the server's reason, or else its code.
pub(super) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| format!("{:?}", status.code()), |info| info.reason)
}
