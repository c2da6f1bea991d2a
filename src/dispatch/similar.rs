//! Which open orders are like a matter, and bursts of them.
//!
//! Every process reads the feed from its beginning, in the background: what it knows is there a
//! moment after it has started, and nobody waits for that. Where the feed has lost its beginning,
//! the orders in the store are gone through once, and what is missing is known by its papers.
//!
//! Whoever comes to a burst announces it where the feed holds no announcement that it has not
//! read; if it does, the process reads on and finds that the burst is known. So a burst is told
//! of once, by whichever process.

use super::{Dispatch, Refusal};
use crate::domain::{Actor, Category, Division, Event, Order, OrderNo, Stage, What};
use crate::similar::index::MOST_ORDERS;
use crate::similar::{Burst, Bursts, Index, Matter, Rule, simhash};
use crate::store::{CommitError, Cursor, MAX_BATCH, MAX_FEED, Paper, StoreError};
use crate::telemetry::similar as metrics;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The most open orders that are offered as similar.
pub const MAX_SIMILAR: usize = 5;
/// So many of the likest are loaded to be offered: some may be hidden, or closed by now.
const LOOKED_AT: usize = 32;
/// How long after it has read everything the reader looks again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// And how long after it could not read.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// So many events are taken in before whoever waits for the index gets its turn.
const TAKEN_TOGETHER: usize = 64;
/// For how many times as long as a page took the reader rests after it.
const REST: u32 = 4;

/// What a process knows of likeness.
pub(super) struct Similar(RwLock<Known>);

struct Known {
    index: Index,
    bursts: Bursts,
    rule: Rule,
}

impl Similar {
    pub(super) fn new(rule: Rule) -> Similar {
        Similar(RwLock::new(Known::new(rule)))
    }
}

impl Known {
    fn new(rule: Rule) -> Known {
        Known { index: Index::new(MOST_ORDERS), bursts: Bursts::new(rule), rule }
    }

    fn take_in(&mut self, event: &Event) {
        if let What::Registered { like: Some(like), .. } = &event.what {
            let matter =
                Matter { hash: like.hash, division: like.division, category: event.category };
            if takes_part(event.stage).is_some() {
                self.index.insert(event.order, matter);
            }
            self.bursts.registered(event.order, matter, event.at);
        } else if let What::Burst { town, orders, since } = &event.what {
            self.bursts.alerted(*town, orders, *since, event.at);
        } else {
            match takes_part(event.stage) {
                Some(open) => self.index.update(event.order, event.category, open),
                None => self.index.remove(event.order),
            }
        }
    }
}

/// Whether an order that stands there is open; `None` when it is over. One that is closed or
/// merged may be taken up again, with its words.
fn takes_part(stage: Stage) -> Option<bool> {
    match stage {
        Stage::Triage
        | Stage::Supplement
        | Stage::Dispatching
        | Stage::Assigned
        | Stage::Handling
        | Stage::Escalated
        | Stage::Suspended
        | Stage::ReturnReview
        | Stage::ExtensionReview
        | Stage::SuspensionReview
        | Stage::Review => Some(true),
        Stage::FollowUp | Stage::Merged => Some(false),
        Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Terminated
        | Stage::Withdrawn => None,
    }
}

/// How far a process has read the feed.
#[derive(Default)]
pub struct Reader {
    cursor: Option<Cursor>,
    gap: Option<Gap>,
}

/// First events have left the feed: up to which order the store was gone through for theirs.
#[derive(Default)]
struct Gap {
    after: Option<OrderNo>,
}

impl Reader {
    /// The last place that it has read.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }
}

/// An open order that is like a matter.
#[derive(Clone, Debug)]
pub struct Alike {
    /// The order.
    pub order: Arc<Order>,
    /// How alike it is, 60 to 100.
    pub score: u8,
    /// What the citizen called it.
    pub title: String,
}

impl Dispatch {
    /// Runs until [`Dispatch::stop`].
    pub(super) async fn run_similar(self: Arc<Self>) {
        let mut stopping = self.stopping();
        let mut reader = Reader::default();
        while !*stopping.borrow() {
            let rest = self.read_likeness(&mut reader).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "similar orders: the feed cannot be read; trying again");
                LOOK_AGAIN
            });
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Reads a page of the feed and says how long there is to rest: four times as long as it took,
    /// so that what is read, now or anew after a start, never takes more than a fifth of a core.
    pub async fn read_likeness(&self, reader: &mut Reader) -> Result<Duration, StoreError> {
        let began = crate::clock::tick();
        let page = match self.store.feed(reader.cursor, MAX_FEED).await {
            Ok(page) => page,
            // Whoever had begun to read has missed what became of what he knows.
            Err(StoreError::FeedTrimmed { start }) => {
                self.known(|known| *known = Known::new(known.rule));
                *reader = Reader { cursor: Some(start), gap: Some(Gap::default()) };
                return Ok(Duration::ZERO);
            }
            // Another history: what was known is of the old one.
            Err(StoreError::FeedDiverged { .. }) => {
                *reader = Reader::default();
                self.known(|known| *known = Known::new(known.rule));
                return Ok(LOOK_EVERY);
            }
            Err(
                error @ (StoreError::Unreachable(_)
                | StoreError::Full(_)
                | StoreError::TooNew { .. }
                | StoreError::Damaged(_)),
            ) => return Err(error),
        };
        if let Some((last, _)) = page.last() {
            reader.cursor = Some(*last);
            for some in page.chunks(TAKEN_TOGETHER) {
                self.known(|known| some.iter().for_each(|(_, event)| known.take_in(event)));
            }
        }
        // Where there is more to read, that comes first.
        let mut busy = page.len() == MAX_FEED;
        if !busy {
            self.fill_gap(reader).await?;
            busy = self.tell_of_bursts(reader.cursor).await? || reader.gap.is_some();
        }
        Ok(if busy || !page.is_empty() { began.elapsed() * REST } else { LOOK_EVERY })
    }

    /// Announces a burst of which nobody has told, as far as the feed was read; whether there
    /// are more.
    async fn tell_of_bursts(&self, read: Option<Cursor>) -> Result<bool, StoreError> {
        // A clock that is off would forget what goes on, and tell of it again.
        if self.skewed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let now = self.now();
        let new = self.known(|known| {
            known.bursts.forget(now);
            let all = known.bursts.known().into_iter();
            all.filter(|burst| !burst.alerted).cloned().collect::<Vec<_>>()
        });
        // One at a time: what another process announced meanwhile has to be read first.
        if let (Some(burst), Some(read)) = (new.last(), read) {
            self.announce(read, burst).await?;
        }
        Ok(new.len() > 1)
    }

    /// Goes through the next of the store's orders, if first events have left the feed. What is
    /// read of the feed afterwards is older than an order in the store or the same, and what is
    /// over never opens again: in the end it is as if the first event had been there.
    async fn fill_gap(&self, reader: &mut Reader) -> Result<(), StoreError> {
        let Some(Gap { after }) = reader.gap else { return Ok(()) };
        let orders = match self.store.scan(after, MAX_BATCH).await {
            Err(StoreError::Damaged(why)) => {
                tracing::warn!(why, "similar orders: older ones are not found; ask the doctor");
                reader.gap = None;
                return Ok(());
            }
            orders => orders?,
        };
        let Some(last) = orders.last().map(|order| order.no) else {
            reader.gap = None;
            return Ok(());
        };
        for order in orders {
            let Some(open) = takes_part(order.stage) else { continue };
            if !self.known(|known| known.index.lacks(order.no)) {
                continue;
            }
            let Some(Paper { title, body, .. }) = self.store.paper(order.no, 0).await? else {
                continue;
            };
            let Some(hash) = simhash(&title, &body) else { continue };
            let (division, category) = (order.reading.division, order.reading.category);
            self.known(|known| {
                known.index.insert(order.no, Matter { hash, division, category });
                known.index.update(order.no, category, open);
            });
        }
        reader.gap = Some(Gap { after: Some(last) });
        Ok(())
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.similar.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells of a burst, unless somebody has.
    async fn announce(&self, read: Cursor, burst: &Burst) -> Result<(), StoreError> {
        let event = Event {
            order: OrderNo::city(self.cell()),
            version: 0,
            at: self.now(),
            actor: Actor::clock(self.cell()),
            stage: Stage::Archived,
            unit: self.cell().centre(),
            category: burst.like.category,
            hidden_from: Vec::new(),
            what: What::Burst {
                town: burst.town,
                orders: burst.orders.clone(),
                since: burst.since,
            },
        };
        match self.store.announce(read, &event).await {
            Ok(()) => {
                metrics::burst_alerted();
                let (town, orders) = (burst.town, burst.orders.len());
                tracing::warn!(%town, category = %burst.like.category, orders, "similar orders");
                Ok(())
            }
            // It is read next what was announced.
            Err(CommitError::Conflict | CommitError::Repeated(_) | CommitError::LeaseStale) => {
                Ok(())
            }
            Err(CommitError::Unavailable(error) | CommitError::Unknown(error)) => Err(error),
        }
    }

    /// The open orders most like a matter that the actor may see, the likest first, at most
    /// [`MAX_SIMILAR`].
    pub async fn similar(
        &self,
        actor: &Actor,
        (title, text): (&str, &str),
        category: Category,
        division: Division,
    ) -> Result<Vec<Alike>, Refusal> {
        let Some(hash) = simhash(title, text) else { return Ok(Vec::new()) };
        let matter = Matter { hash, division, category };
        let found = {
            let known = self.similar.0.read().unwrap_or_else(PoisonError::into_inner);
            known.index.search(&matter, LOOKED_AT)
        };
        let numbers: Vec<OrderNo> = found.iter().map(|found| found.no).collect();
        let mut alike: Vec<Alike> = Vec::with_capacity(MAX_SIMILAR);
        for (found, order) in found.iter().zip(self.store.load_each(&numbers).await?) {
            // It may have been closed, or kept from the actor, a moment ago.
            let Some(order) = order.filter(|o| o.is_open() && !o.hidden_from(actor.unit)) else {
                continue;
            };
            let Some(Paper { title, .. }) = self.store.paper(order.no, 0).await? else { continue };
            alike.push(Alike { order, score: found.score, title });
            if alike.len() == MAX_SIMILAR {
                break;
            }
        }
        Ok(alike)
    }

    /// The bursts that go on and that the actor may see, those that began last first.
    pub async fn bursts(&self, actor: &Actor) -> Result<Vec<Burst>, Refusal> {
        let all: Vec<Burst> = {
            let known = self.similar.0.read().unwrap_or_else(PoisonError::into_inner);
            known.bursts.known().into_iter().filter(|burst| burst.alerted).cloned().collect()
        };
        let mut seen = Vec::with_capacity(all.len());
        for burst in all {
            let mut hidden = false;
            for no in &burst.orders {
                hidden |= self.hides(*no, actor.unit).await?;
            }
            if !hidden {
                seen.push(burst);
            }
        }
        Ok(seen)
    }
}
