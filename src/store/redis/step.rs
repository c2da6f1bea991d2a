//! A change made ready for the batch: everything that can be worked out without Redis is,
//! and by the task that commits, not by the one that gathers.

use super::keys::{self, Id, Place};
use crate::domain::{Entry, Event, Order, Tally, entries, indicators, next_deadline, tallies};
use crate::store::{Change, Paper, SealedContact, StoreError, codec, day_of};

/// The most papers one change can bring.
pub const MAX_PAPERS: usize = 64;
/// The bytes of a version in front of an order.
pub const VERSION: usize = 4;
/// The bytes in front of a frame of events: its length and how many there are.
pub const FRAME_HEAD: usize = 8;
/// What comes in with an order takes no more than this, its texts and sealed bytes apart.
const INTAKE: usize = 64;

/// What becomes of the order's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    /// Nothing.
    Stays,
    /// It is now this.
    Set(i64),
    /// It has none any more.
    None,
}

/// A lease to be checked: the claim and where it could stand.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The number.
    pub claim: u64,
    /// The fields of the lease hash.
    pub fields: Vec<[u8; 17]>,
}

/// A change, ready to be sent.
#[derive(Clone, Debug)]
pub struct Step {
    /// The order.
    pub id: Id,
    /// Its block of numbers, if it is new.
    pub block: Option<[u8; 5]>,
    /// The version it must have, if it is not.
    pub before: Option<[u8; VERSION]>,
    /// Version and record.
    pub value: Vec<u8>,
    /// Its events.
    pub frame: Vec<u8>,
    /// The request id and what is remembered.
    pub request: Option<([u8; 16], Vec<u8>)>,
    /// Its deadline.
    pub deadline: Deadline,
    /// `None` for what came in with the order, a number for a later paper.
    pub papers: Vec<(Option<u16>, Vec<u8>)>,
    /// Where it no longer waits.
    pub leaves: Vec<Place>,
    /// Where it newly waits.
    pub comes: Vec<Place>,
    /// Where it waits on, with another deadline.
    pub stays: Vec<Place>,
    /// A lease that must hold.
    pub lease: Option<Claim>,
    /// The day of its events.
    pub day: u16,
    /// What it counts on that day: dimension, number and measure, once each.
    pub indicators: Vec<u8>,
    /// The version of the city's mode that it was decided under, where that matters.
    pub mode: Option<u32>,
    /// The digest of the phone of a new order, or of one that is over now.
    pub caller: Option<[u8; 16]>,
    /// It is written with the step before it, or not at all.
    pub tied: bool,
    /// What it adds to the counters.
    pub tallies: Vec<(Tally, i64)>,
}

impl Step {
    /// Works out what a change writes. `caller` is whose order it is that is over now.
    pub fn of(change: &Change, caller: Option<[u8; 16]>) -> Result<Step, StoreError> {
        let Change { before, after, events, papers, contact, request, lease, mode } = change;
        if papers.len() > MAX_PAPERS {
            return Err(StoreError::Unreachable(format!(
                "a change brings {} papers: the most is {MAX_PAPERS}",
                papers.len()
            )));
        }
        let no = after.no;
        let was = before.as_deref().map(entries).unwrap_or_default();
        let is = entries(after);
        let same = |a: &Entry, b: &Entry| {
            a.unit == b.unit && a.desk == b.desk && a.assignment == b.assignment
        };
        let place = |entry: &Entry| keys::place(no, entry);
        let leaves = was.iter().filter(|e| !is.iter().any(|n| same(e, n))).map(place).collect();
        let (mut comes, mut stays) = (Vec::with_capacity(is.len()), Vec::new());
        for entry in &is {
            match was.iter().find(|e| same(e, entry)) {
                None => comes.push(place(entry)),
                Some(e) if e.deadline != entry.deadline => stays.push(place(entry)),
                Some(_) => {}
            }
        }
        let due = next_deadline(after);
        let deadline = match (before.as_deref().map(next_deadline), due) {
            (None, None) => Deadline::Stays,
            (Some(was), is) if was == is => Deadline::Stays,
            (Some(_), None) => Deadline::None,
            (_, Some(at)) => Deadline::Set(keys::score(at)),
        };
        let claim = lease.map(|lease| Claim {
            claim: lease.claim,
            fields: was
                .iter()
                .filter(|e| lease.order == no && e.assignment == lease.assignment)
                .map(|e| place(e).lease_field())
                .collect(),
        });
        let mut stored = Vec::with_capacity(papers.len() + 1);
        let first = papers.iter().find(|(index, _)| *index == 0).map(|(_, paper)| paper);
        if before.is_none() && (first.is_some() || contact.is_some()) {
            stored.push((None, intake_of(first.map(|paper| &**paper), contact.as_ref())));
        }
        let later = papers.iter().filter(|(index, _)| before.is_some() || *index != 0);
        stored.extend(later.map(|(index, paper)| (Some(*index), codec::encode_paper(paper))));
        let mut value = Vec::with_capacity(VERSION + codec::SNAPSHOT);
        value.extend_from_slice(&after.version.to_be_bytes());
        Ok(Step {
            id: keys::id(no),
            block: before.is_none().then(|| keys::block(no)),
            before: before.as_ref().map(|order| order.version.to_be_bytes()),
            value: codec::encode_order_behind(value, after),
            frame: frame(events),
            request: request
                .as_ref()
                .map(|(id, answer)| (keys::request(*id), codec::encode_remembered(answer))),
            deadline,
            papers: stored,
            leaves,
            comes,
            stays,
            lease: claim,
            day: events.first().map_or(0, |event| day_of(event.at.date())),
            indicators: counted(before.as_deref(), events),
            mode: *mode,
            caller: match contact {
                Some(contact) if !after.is_over() => Some(contact.phone),
                Some(_) | None => caller,
            },
            tied: false,
            tallies: tallies(before.as_deref(), after, events),
        })
    }

    /// About how many bytes it sends.
    pub fn weight(&self) -> usize {
        let papers: usize = self.papers.iter().map(|(_, paper)| paper.len()).sum();
        self.value.len() + self.frame.len() + papers
    }
}

/// What comes in with an order, as one value: the paper's length, the paper, the contact.
pub(super) fn intake(paper: &[u8], contact: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(4 + paper.len() + contact.len());
    value.extend_from_slice(&(paper.len() as u32).to_be_bytes());
    value.extend_from_slice(paper);
    value.extend_from_slice(contact);
    value
}

/// The same of what is not written yet.
pub(super) fn intake_of(paper: Option<&Paper>, contact: Option<&SealedContact>) -> Vec<u8> {
    let size = paper.map_or(0, |paper| paper.title.len() + paper.body.len());
    let mut value = Vec::with_capacity(INTAKE + size + contact.map_or(0, |c| c.sealed.len()));
    // The paper's length, when it is known.
    value.extend_from_slice(&[0; 4]);
    if let Some(paper) = paper {
        value = codec::encode_paper_behind(value, paper);
    }
    let length = (value.len() - 4) as u32;
    value[..4].copy_from_slice(&length.to_be_bytes());
    match contact {
        Some(contact) => codec::encode_contact_behind(value, contact),
        None => value,
    }
}

/// Paper and contact of what came in with an order; empty where there was none.
pub fn split_intake(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = value.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// Events as an entry of the feed has them.
pub fn frame(events: &[Event]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_HEAD + codec::EVENT * events.len().max(1));
    // The length, when it is known.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&(events.len() as u32).to_be_bytes());
    let mut frame = codec::encode_events_behind(frame, events);
    let length = (frame.len() - FRAME_HEAD) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// How long one count is: dimension, number, measure.
const COUNT: usize = 10;

fn counted(before: Option<&Order>, events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * COUNT);
    indicators(before, events, |marginal, measure| {
        bytes.push(marginal.dimension().byte());
        bytes.extend_from_slice(&marginal.code().to_be_bytes());
        bytes.push(measure.byte());
    });
    bytes
}
