//! Those who file in bulk: one SubmitOrders stream per connection.

use super::load::{Load, STAY_AWAY};
use super::meter::{Op, add};
use crate::cli::client::Connection;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::submit_orders_response::Result as Became;
use crate::pb::{ItemError, SubmitOrdersRequest, SubmitOrdersResponse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Calls on their way, by their place in the stream: whose, and when it was meant to be sent.
type Flying = HashMap<u64, (u64, Instant)>;

impl Load {
    /// One who files by streams, so many on their way at a time, until the run is over. One
    /// that breaks is followed by another.
    pub(super) async fn stream(self: Arc<Load>, lane: usize, server: Connection, window: usize) {
        let mut flying = Flying::new();
        while let Err(status) = self.one_stream(lane, &server, window, &mut flying).await {
            if flying.is_empty() {
                self.meter.counts.refused("submit_orders", &super::load::reason(&status));
            }
            for (_, (n, _)) in flying.drain() {
                self.is_unknown(n);
            }
            if self.pace.is_over() {
                return;
            }
            tokio::time::sleep(STAY_AWAY).await;
        }
    }

    async fn one_stream(
        &self,
        lane: usize,
        server: &Connection,
        window: usize,
        flying: &mut Flying,
    ) -> Result<(), Status> {
        let (out, requests) = mpsc::channel(window);
        let mut client = IntakeServiceClient::new(server.channel.clone());
        let asked = client.submit_orders(server.stamp(ReceiverStream::new(requests)));
        let mut answers: Streaming<SubmitOrdersResponse> = asked.await?.into_inner();
        let (mut out, mut place) = (Some(out), 0);
        while out.is_some() || !flying.is_empty() {
            tokio::select! {
                biased;
                answer = answers.message() => match answer? {
                    Some(answer) => self.answered_item(lane, answer, flying),
                    None if out.is_none() && flying.is_empty() => return Ok(()),
                    None => return Err(Status::unavailable("the stream ended")),
                },
                call = self.pace.next(), if out.is_some() && flying.len() < window => {
                    let (Some((n, meant)), Some(open)) = (call, &out) else {
                        out = None;
                        continue;
                    };
                    self.meter.took(lane, Op::Late, meant.elapsed());
                    add(&self.meter.counts.sent, 1);
                    flying.insert(place, (n, meant));
                    place += 1;
                    let request = self.callers.request(n);
                    let (request_id, submission) = (request.request_id, request.submission);
                    // There is room for as many as may be on their way.
                    let _ = open.send(SubmitOrdersRequest { request_id, submission }).await;
                },
            }
        }
        Ok(())
    }

    fn answered_item(&self, lane: usize, answer: SubmitOrdersResponse, flying: &mut Flying) {
        let Some((n, meant)) = flying.remove(&answer.index) else {
            self.meter.counts.refused("submit_orders", "UNASKED_ANSWER");
            return;
        };
        match answer.result {
            Some(Became::Receipt(receipt)) => {
                self.meter.took(lane, Op::Submit, meant.elapsed());
                if let Some(no) = self.acknowledged(&receipt) {
                    self.keep(no, n, false);
                }
            }
            Some(Became::Error(ItemError { code, reason, .. })) => match Code::from_i32(code) {
                Code::ResourceExhausted => add(&self.meter.counts.shed, 1),
                Code::Unavailable => self.is_unknown(n),
                _ => self.meter.counts.refused("submit_orders", &reason),
            },
            None => self.meter.counts.refused("submit_orders", "NO_RESULT"),
        }
    }
}
