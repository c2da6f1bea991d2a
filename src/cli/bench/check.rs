//! Whether the store holds what was counted: its counters before and after, and orders read
//! back by their numbers.

use super::callers::Callers;
use crate::cli::client::Connection;
use crate::cli::failure::Failure;
use crate::cli::retry::until_answered;
use crate::domain::OrderNo;
use crate::pb::command_service_client::CommandServiceClient;
use crate::pb::intake_service_client::IntakeServiceClient;
use crate::pb::{GetBoardRequest, GetOrderRequest, GetOrderResponse};
use futures_util::stream::{self, StreamExt};
use std::collections::HashMap;
use tonic::{Code, Status};

/// How many orders are read back, or asked about, at a time.
pub(super) const AT_ONCE: usize = 64;
/// The most disagreements that are told one by one.
const MAX_TOLD: usize = 10;

/// An order that was acknowledged.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Filed {
    pub(super) no: OrderNo,
    /// Whose call it was: see [`Callers::said`].
    pub(super) n: u64,
    /// Whether its report was accepted.
    pub(super) closed: bool,
}

/// Orders to read back: all of them, or as many as there is room for, evenly spread over the run.
pub(super) struct Sample {
    room: usize,
    stride: u64,
    offered: u64,
    kept: Vec<Filed>,
}

impl Sample {
    pub(super) fn of(room: usize) -> Sample {
        Sample { room, stride: 1, offered: 0, kept: Vec::new() }
    }

    pub(super) fn offer(&mut self, filed: Filed) {
        let place = self.offered;
        self.offered += 1;
        if !place.is_multiple_of(self.stride) {
            return;
        }
        if self.kept.len() >= self.room {
            // Every other one goes, and of those to come every other is taken.
            let mut goes = true;
            self.kept.retain(|_| {
                goes = !goes;
                !goes
            });
            self.stride *= 2;
            if !place.is_multiple_of(self.stride) {
                return;
            }
        }
        self.kept.push(filed);
    }

    pub(super) fn kept(self) -> Vec<Filed> {
        self.kept
    }
}

/// The store's counters.
#[derive(Default, Debug)]
pub(super) struct Board(HashMap<String, i64>);

impl Board {
    pub(super) async fn of(server: &Connection) -> Result<Board, Failure> {
        let mut client = CommandServiceClient::new(server.channel.clone());
        let answer = client.get_board(server.stamp(GetBoardRequest {})).await;
        let tallies = server.answer(answer)?.tallies.into_iter();
        Ok(Board(tallies.map(|tally| (tally.name, tally.value)).collect()))
    }

    /// A counter, or the sum of its levels.
    pub(super) fn sum(&self, name: &str) -> i64 {
        let is_it = |key: &str| {
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().filter(|(key, _)| is_it(key)).map(|(_, value)| value).sum()
    }
}

/// By how much a counter must have grown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grown {
    pub(super) counter: &'static str,
    pub(super) least: u64,
    /// None where the server's own timers count, too.
    pub(super) most: Option<u64>,
}

/// Each counter that has not grown as it must.
pub(super) fn compare(before: &Board, after: &Board, all: &[Grown]) -> Vec<String> {
    let told = all.iter().filter_map(|Grown { counter, least, most }| {
        let grown = after.sum(counter) - before.sum(counter);
        let least_signed = i64::try_from(*least).unwrap_or(i64::MAX);
        if grown < least_signed {
            return Some(format!("{least} were acknowledged as {counter}, the store has {grown}"));
        }
        let most = (*most)?;
        (grown > i64::try_from(most).unwrap_or(i64::MAX)).then(|| {
            format!(
                "at most {most} can have been {counter}, the store has {grown}: \
                 something took effect twice, or this server serves others, too"
            )
        })
    });
    told.collect()
}

/// Reads orders back; each that is not there as it was filed.
pub(super) async fn read_back(
    server: &Connection,
    callers: &Callers,
    filed: &[Filed],
) -> Result<Vec<String>, Failure> {
    let asked = stream::iter(filed).map(|filed| async move {
        let answer = until_answered(|| {
            let request = GetOrderRequest { order_no: filed.no.to_string() };
            let request = server.stamp(request);
            let mut client = IntakeServiceClient::new(server.channel.clone());
            async move { client.get_order(request).await }
        });
        (filed, answer.await.map(tonic::Response::into_inner))
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    let (mut told, mut wrong) = (Vec::new(), 0_usize);
    while let Some((filed, answer)) = asked.next().await {
        if let Some(words) = disagreement(callers, filed, answer).map_err(|e| server.failure(e))? {
            wrong += 1;
            if told.len() < MAX_TOLD {
                told.push(words);
            }
        }
    }
    if wrong > told.len() {
        told.push(format!("… and {} more", wrong - told.len()));
    }
    Ok(told)
}

fn disagreement(
    callers: &Callers,
    filed: &Filed,
    answer: Result<GetOrderResponse, Status>,
) -> Result<Option<String>, Status> {
    let no = filed.no;
    let found = match answer {
        Ok(found) => found,
        Err(status) if matches!(status.code(), Code::NotFound | Code::DataLoss) => {
            let message = status.message();
            return Ok(Some(format!("{no} was acknowledged and is not there: {message}")));
        }
        Err(status) => return Err(status),
    };
    let said = callers.said(filed.n);
    let kept = found.papers.first().map(|paper| (&paper.title, &paper.body));
    if kept != Some((&said.title, &said.text)) {
        return Ok(Some(format!("{no} does not hold the words it was filed with")));
    }
    let order = found.order.unwrap_or_default();
    let closed_at = order.closure.and_then(|clock| clock.stopped_at);
    if filed.closed && closed_at.is_none() {
        return Ok(Some(format!("{no} was closed, and is open in the store")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cell, Date, Division};

    fn filed(n: u64) -> Filed {
        let cell = Cell::of(Division::new(330_400_000_000).unwrap());
        let no = OrderNo::new(cell, Date { year: 2026, month: 11, day: 28 }, n as u32);
        Filed { no, n, closed: false }
    }

    #[test]
    fn a_sample_is_everything_or_evenly_spread() {
        let rows: [(usize, u64, &[u64]); 6] = [
            (4, 0, &[]),
            (4, 3, &[0, 1, 2]),
            (4, 4, &[0, 1, 2, 3]),
            (4, 5, &[0, 2, 4]),
            (4, 8, &[0, 2, 4, 6]),
            (4, 20, &[0, 8, 16]),
        ];
        for (room, offered, kept) in rows {
            let mut sample = Sample::of(room);
            (0..offered).for_each(|n| sample.offer(filed(n)));
            let numbers: Vec<_> = sample.kept().iter().map(|f| f.n).collect();
            assert_eq!(numbers, kept, "room {room}, {offered} offered");
        }
        let mut sample = Sample::of(1_000);
        (0..1_000_000).for_each(|n| sample.offer(filed(n)));
        assert!((500..=1_000).contains(&sample.kept().len()));
    }

    #[test]
    fn counters_must_grow_by_what_was_counted() {
        let board = |all: &[(&str, i64)]| {
            Board(all.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect())
        };
        let before = board(&[("received", 10), ("relayed.city", 1), ("relayed.county", 1)]);
        let after = board(&[
            ("received", 15),
            ("relayed.city", 4),
            ("relayed.county", 2),
            ("received_else", 99),
        ]);
        let rows: [(&'static str, u64, Option<u64>, Option<&str>); 6] = [
            ("received", 5, Some(5), None),
            ("received", 6, Some(6), Some("6 were acknowledged as received, the store has 5")),
            ("received", 4, Some(4), Some("at most 4 can have been received, the store has 5")),
            ("received", 4, Some(5), None),
            ("relayed", 4, None, None),
            ("relayed", 5, None, Some("5 were acknowledged as relayed, the store has 4")),
        ];
        for (counter, least, most, told) in rows {
            let found = compare(&before, &after, &[Grown { counter, least, most }]);
            match told {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{found:?}"),
            }
        }
    }
}
