//! The columns of an order. What others read is typed and holds no word of a citizen's and no
//! contact; the last three are the records themselves, as the stores keep them.

use super::table::{Column, Of, Table};
use crate::domain::{ClockKind, OrderNo};
use crate::store::{Paper, StoreError, Whole, codec};
use parquet::errors::ParquetError;
use std::sync::Arc;

/// The column orders are found by.
pub(super) const ID: &str = "id";
const VERSION: &str = "version";
const SNAPSHOT: &str = "snapshot";
const PAPERS: &str = "papers";
const CONTACT: &str = "contact";

fn clock(of: &Whole, kind: ClockKind) -> &crate::domain::Clock {
    of.order.clock(kind)
}

/// Every column, in the order of the file.
pub(super) const COLUMNS: &[Column<Whole>] = {
    use ClockKind::{Arrival, Closure};
    &[
        Column { name: ID, of: Of::Text(|w| Some(w.order.no.to_string())) },
        Column { name: VERSION, of: Of::Number(|w| Some(w.order.version)) },
        Column { name: "stage", of: Of::Text(|w| Some(w.order.stage.name().to_owned())) },
        Column { name: "channel", of: Of::Text(|w| Some(w.order.channel.name().to_owned())) },
        Column { name: "kind", of: Of::Text(|w| Some(w.order.reading.kind.name().to_owned())) },
        Column { name: "category", of: Of::Text(|w| Some(w.order.reading.category.to_string())) },
        Column {
            name: "urgency",
            of: Of::Text(|w| Some(w.order.reading.urgency.name().to_owned())),
        },
        Column { name: "division", of: Of::Text(|w| Some(w.order.reading.division.to_string())) },
        Column { name: "unit", of: Of::Text(|w| Some(w.order.leg().unit.to_string())) },
        Column { name: "heard_at", of: Of::Moment(|w| Some(w.order.heard_at)) },
        Column { name: "registered_at", of: Of::Moment(|w| Some(w.order.registered_at)) },
        Column { name: "arrival_due", of: Of::Moment(|w| Some(w.order.due(Arrival))) },
        Column { name: "arrived_at", of: Of::Moment(|w| clock(w, Arrival).stopped_at) },
        Column {
            name: "arrival_breached",
            of: Of::Flag(|w| Some(clock(w, Arrival).breached_at.is_some())),
        },
        Column { name: "closure_due", of: Of::Moment(|w| Some(w.order.due(Closure))) },
        Column { name: "closed_at", of: Of::Moment(|w| clock(w, Closure).stopped_at) },
        Column {
            name: "closure_breached",
            of: Of::Flag(|w| Some(clock(w, Closure).breached_at.is_some())),
        },
        Column { name: "updated_at", of: Of::Moment(|w| Some(w.order.updated_at)) },
        Column { name: "holdings", of: Of::Number(|w| Some(w.order.legs.len() as u32)) },
        Column { name: "returned", of: Of::Number(|w| Some(w.order.marks.returned.into())) },
        Column { name: "rejected", of: Of::Number(|w| Some(w.order.marks.rejected.into())) },
        Column { name: "urged", of: Of::Number(|w| Some(w.order.marks.urged.into())) },
        Column { name: "extended", of: Of::Number(|w| Some(w.order.marks.extended.into())) },
        Column { name: "reworked", of: Of::Number(|w| Some(w.order.rounds.len() as u32)) },
        Column {
            name: "merged_orders",
            of: Of::Number(|w| Some(w.order.links.children.len() as u32)),
        },
        Column { name: "reopens", of: Of::Text(|w| number(w.order.links.reopens)) },
        Column { name: "reopened_as", of: Of::Text(|w| number(w.order.links.reopened_as)) },
        Column { name: SNAPSHOT, of: Of::Bytes(|w| Some(codec::encode_order(&w.order))) },
        Column { name: PAPERS, of: Of::Bytes(|w| Some(papers(&w.papers))) },
        Column { name: CONTACT, of: Of::Bytes(|w| w.contact.as_ref().map(codec::encode_contact)) },
    ]
};

fn number(no: Option<OrderNo>) -> Option<String> {
    no.map(|no| no.to_string())
}

/// The papers of an order in one value: number, length and record of each.
fn papers(papers: &[(u16, Arc<Paper>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, paper) in papers {
        let record = codec::encode_paper(paper);
        bytes.extend_from_slice(&index.to_be_bytes());
        bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&record);
    }
    bytes
}

fn split_papers(mut bytes: &[u8]) -> Result<Vec<(u16, Arc<Paper>)>, StoreError> {
    let short = || StoreError::Damaged("the papers of an order end early".to_owned());
    let mut papers = Vec::new();
    while !bytes.is_empty() {
        let (index, rest) = bytes.split_first_chunk::<2>().ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (record, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        papers.push((u16::from_be_bytes(*index), Arc::new(codec::decode_paper(record)?)));
        bytes = rest;
    }
    Ok(papers)
}

/// Orders as they were put in, from these rows on.
pub(super) fn read(table: &Table, from: usize, count: usize) -> Result<Vec<Whole>, StoreError> {
    let column = |name| table.bytes(name, from, count).map_err(said);
    let (snapshots, all_papers) = (column(SNAPSHOT)?, column(PAPERS)?);
    let contacts = column(CONTACT)?;
    let rows = snapshots.into_iter().zip(all_papers).zip(contacts);
    rows.map(|((snapshot, papers), contact)| {
        Ok(Whole {
            order: Arc::new(codec::decode_order(&snapshot.unwrap_or_default())?),
            papers: split_papers(&papers.unwrap_or_default())?,
            contact: contact.map(|bytes| codec::decode_contact(&bytes)).transpose()?,
        })
    })
    .collect()
}

/// Which orders there are, at which version.
pub(super) fn versions(table: &Table) -> Result<Vec<(OrderNo, u32)>, StoreError> {
    let ids = table.bytes(ID, 0, table.rows()).map_err(said)?;
    let versions = table.numbers(VERSION).map_err(said)?;
    let read = |(id, version): (Option<Vec<u8>>, Option<u32>)| {
        let id = String::from_utf8(id.unwrap_or_default()).unwrap_or_default();
        let odd = || StoreError::Damaged("a row that is no order".to_owned());
        id.parse().ok().zip(version).ok_or_else(odd)
    };
    ids.into_iter().zip(versions).map(read).collect()
}

pub(super) fn said(error: ParquetError) -> StoreError {
    StoreError::Damaged(error.to_string())
}
