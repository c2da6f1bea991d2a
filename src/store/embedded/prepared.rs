//! A change made ready in the task that asks for it, so that the one writer only has to
//! compare and to insert.

use super::tables::indicator_key;
use crate::domain::{
    Entry, Event, Marginal, Measure, Order, OrderNo, TALLIES, Timestamp, entries, indicators,
    next_deadline, tallies,
};
use crate::store::{Change, Lease, codec, day_of};

/// Everything of a change that the writer needs, as bytes and index entries.
pub(super) struct Prepared {
    pub(super) no: OrderNo,
    /// The version decided upon; `None` for a new order.
    pub(super) before: Option<u32>,
    pub(super) was_archived: bool,
    pub(super) version: u32,
    pub(super) is_archived: bool,
    pub(super) snapshot: Box<[u8]>,
    /// Where it no longer waits, or waits anew.
    pub(super) leaves: Vec<Entry>,
    pub(super) waits: Vec<Entry>,
    pub(super) was_due: Option<Timestamp>,
    pub(super) is_due: Option<Timestamp>,
    pub(super) events: Vec<u8>,
    pub(super) event_count: u32,
    pub(super) papers: Vec<(u16, Vec<u8>)>,
    pub(super) contact: Option<Vec<u8>>,
    /// The digest of a new order's phone.
    pub(super) caller: Option<[u8; 16]>,
    pub(super) request: Option<(u128, Vec<u8>)>,
    pub(super) lease: Option<Lease>,
    /// The version of the city's mode that it was decided under, where that matters.
    pub(super) mode: Option<u32>,
    /// Where something is counted once more: key in the table, and which measure.
    pub(super) indicators: Vec<([u8; 11], Measure)>,
    /// Places in [`TALLIES`] and what is added.
    pub(super) tallies: Vec<(u8, i64)>,
    /// What is written with it, or not at all; none of it has a request or a lease.
    pub(super) beside: Vec<Prepared>,
    /// The test hook said to acknowledge this change without writing it.
    pub(super) dropped: bool,
}

impl Prepared {
    pub(super) fn new(change: &Change) -> Prepared {
        let Change { before, after, events, papers, contact, request, lease, mode } = change;
        let before: Option<&Order> = before.as_deref();
        debug_assert_eq!(after.version, before.map_or(0, |order| order.version) + 1);
        let place = |tally| TALLIES.iter().position(|t| *t == tally).map(|at| at as u8);
        Prepared {
            no: after.no,
            before: before.map(|order| order.version),
            was_archived: before.is_some_and(Order::is_over),
            version: after.version,
            is_archived: after.is_over(),
            snapshot: codec::encode_order(after).into_boxed_slice(),
            leaves: before.map_or_else(Vec::new, entries),
            waits: entries(after),
            was_due: before.and_then(next_deadline),
            is_due: next_deadline(after),
            events: codec::encode_events(events),
            event_count: events.len() as u32,
            papers: papers.iter().map(|(i, paper)| (*i, codec::encode_paper(paper))).collect(),
            contact: contact.as_ref().map(codec::encode_contact),
            caller: contact.as_ref().map(|contact| contact.phone),
            request: request.as_ref().map(|(id, r)| (id.0, codec::encode_remembered(r))),
            lease: *lease,
            mode: *mode,
            indicators: counted(before, events),
            tallies: tallies(before, after, events)
                .into_iter()
                .filter_map(|(tally, n)| Some((place(tally)?, n)))
                .collect(),
            beside: Vec::new(),
            dropped: false,
        }
    }
}

/// What a step counts, and where; all its events are of one day.
fn counted(before: Option<&Order>, events: &[Event]) -> Vec<([u8; 11], Measure)> {
    let Some(event) = events.first() else { return Vec::new() };
    let day = day_of(event.at.date());
    let key = |of: Marginal| indicator_key(day, of.dimension().byte(), of.code());
    let mut counted = Vec::new();
    indicators(before, events, |marginal, measure| counted.push((key(marginal), measure)));
    counted
}
