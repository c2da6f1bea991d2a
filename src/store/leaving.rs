//! What leaves a store for the archive and may come back, and who reads the feed.

use super::{Cursor, Paper, SealedContact, Store, StoreError};
use crate::domain::{Order, Timestamp};
use async_trait::async_trait;
use std::sync::Arc;

/// The most consumers of the feed that are known by name.
pub const MAX_CONSUMERS: usize = 64;

/// An order with everything that belongs to it alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    /// The order.
    pub order: Arc<Order>,
    /// Its papers, by number.
    pub papers: Vec<(u16, Arc<Paper>)>,
    /// Its sealed contact.
    pub contact: Option<SealedContact>,
}

impl Whole {
    /// Gathers what belongs to an order.
    pub async fn of(store: &dyn Store, order: Arc<Order>) -> Result<Whole, StoreError> {
        let mut papers = Vec::with_capacity(order.papers.into());
        for index in 0..order.papers {
            papers.extend(store.paper(order.no, index).await?.map(|p| (index, Arc::new(p))));
        }
        let contact = store.contact(order.no).await?;
        Ok(Whole { order, papers, contact })
    }

    /// One of its papers.
    pub fn paper(&self, index: u16) -> Option<Paper> {
        let paper = self.papers.iter().find(|(other, _)| *other == index);
        paper.map(|(_, paper)| Paper::clone(paper))
    }

    /// Whether nothing that belongs to it is missing.
    pub fn is_complete(&self) -> bool {
        self.papers.len() == usize::from(self.order.papers) && self.contact.is_some()
    }

    /// About how many bytes its papers and contact have.
    pub fn weight(&self) -> usize {
        let evidence = |paper: &Paper| paper.evidence.iter().map(|e| e.uri.len()).sum::<usize>();
        let size = |paper: &Paper| paper.title.len() + paper.body.len() + evidence(paper);
        let papers: usize = self.papers.iter().map(|(_, paper)| size(paper)).sum();
        papers + self.contact.as_ref().map_or(0, |contact| contact.sealed.len())
    }
}

/// An order that a store may let go, for it is kept elsewhere just as it is.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// As it is kept. More than its version counts: after a failover that lost something,
    /// another step can have the same.
    pub order: Arc<Order>,
    /// The digest of its caller's phone, which finds it no more.
    pub caller: Option<[u8; 16]>,
}

impl Leaving {
    /// What is to be known of an order that is kept elsewhere.
    pub fn of(whole: &Whole) -> Leaving {
        let caller = whole.contact.as_ref().map(|contact| contact.phone);
        Leaving { order: Arc::clone(&whole.order), caller }
    }
}

/// A reader of the feed that is known by name: what it has not read stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Everything up to here it has read.
    pub cursor: Cursor,
    /// When it last said so.
    pub at: Timestamp,
}

impl Cursor {
    /// The place after everything that was trimmed: whoever goes on from here has read all
    /// batches up to that one.
    pub fn after_batch(epoch: u64, sequence: u64) -> Cursor {
        let index = if sequence == 0 { 0 } else { u32::MAX };
        Cursor { epoch, sequence, index }
    }

    /// Whether it stands after a whole batch, not within it.
    pub(super) fn is_after_batch(self) -> bool {
        self.index == u32::MAX
    }
}

/// From where a reader goes on, if the feed has what it wants: all batches up to `trimmed`
/// are gone.
pub(crate) fn from(after: Option<Cursor>, trimmed: u64, end: Cursor) -> Result<Cursor, StoreError> {
    let epoch = end.epoch;
    let after = after.unwrap_or(Cursor { epoch, sequence: 0, index: 0 });
    let start = Cursor::after_batch(epoch, trimmed);
    if after.epoch != epoch || after > end {
        Err(StoreError::FeedDiverged { epoch })
    } else if after < start {
        Err(StoreError::FeedTrimmed { start })
    } else {
        Ok(after)
    }
}

/// How far a consumer is now that it says this.
pub(crate) fn further(known: Option<&Consumer>, said: &Consumer) -> Consumer {
    match known {
        Some(known) if known.cursor.epoch == said.cursor.epoch => {
            Consumer { cursor: known.cursor.max(said.cursor), ..said.clone() }
        }
        Some(_) | None => said.clone(),
    }
}

/// Whether everybody who reads under a name is known, and no less far than that.
pub(crate) fn have_read<'a>(
    mut all: impl Iterator<Item = &'a Consumer>,
    known: &[Consumer],
) -> bool {
    all.all(|is| {
        let mut same = known.iter().filter(|known| known.name == is.name);
        same.any(|known| known.cursor.epoch == is.cursor.epoch && known.cursor <= is.cursor)
    })
}

/// How a store stays small: what is over leaves it, and what everybody has read.
///
/// # The law
///
/// 1. **Only what is kept elsewhere leaves**, whole: an order that is over and still as it was
///    kept, with its papers and contact. Counters, indicators, request ids, numbers and the
///    feed do not notice.
/// 2. **What comes back is as it was**, and never in the place of something newer.
/// 3. **The feed loses its beginning only**, whole batches of it and never the last; whoever
///    has not read what is gone is told.
///
/// All of it may be done again, and then changes nothing.
#[async_trait]
pub trait Shedding: Send + Sync {
    /// Lets orders go, at most [`MAX_BATCH`](super::MAX_BATCH): each if it is over and just as
    /// it is kept. Returns how many went.
    async fn dismiss(&self, leaving: &[Leaving]) -> Result<u64, StoreError>;

    /// Takes an order that was dismissed in again, unless there is one of its number.
    async fn readmit(&self, whole: &Whole) -> Result<(), StoreError>;

    /// The place before the first event that is there.
    async fn feed_start(&self) -> Result<Cursor, StoreError>;

    /// Drops all batches of the feed before the one of this place, but for the last. Not if
    /// somebody reads under a name who is not `known`, or not so far: that was thought of
    /// without him. And not if the place is of another epoch: what was kept elsewhere is not
    /// what would go. Whether it did.
    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Result<bool, StoreError>;

    /// Who reads the feed under a name, by name.
    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError>;

    /// Writes down how far a consumer is, and that there is one; at most [`MAX_CONSUMERS`].
    /// Within an epoch it never goes back. `false` if there is no room for another.
    async fn acknowledge(&self, consumer: &Consumer) -> Result<bool, StoreError>;

    /// Waits for a consumer no more; whether there was one of that name.
    async fn forget_consumer(&self, name: &str) -> Result<bool, StoreError>;
}
