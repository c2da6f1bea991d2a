//! An order's story. The feed is one for the whole city: the order's part of it is looked for
//! where it was written down, and read from there to its last step.

use super::{Dispatch, Refusal};
use crate::domain::{Actor, Event, Order, OrderNo, Span, What};
use crate::store::{Cursor, MAX_FEED, StoreError};
use crate::story::{Clue, Story, Told, tell};
use std::collections::BTreeSet;

/// Processes that write at the same time may disagree about it by so much.
const MARGIN: Span = Span::seconds(5);
/// The most pages of the feed that are read for one story: some 64,000 events. What lies
/// further is not told, and the story says so.
const MAX_PAGES: usize = 64;

impl Dispatch {
    /// The story of an order, as the actor may hear it.
    pub async fn story(&self, no: OrderNo, actor: &Actor) -> Result<Story, Refusal> {
        let order = self.seen(no, actor).await?;
        let order = self.shown(order, actor).await?;
        let (events, complete) = self.history(&order, actor).await?;
        let clues = self.clues(no).await?;
        let told = Told { order: &order, events: &events, complete, clues: &clues };
        Ok(tell(told, &self.catalogue(), self.now()))
    }

    /// What its text says to today's catalogue.
    async fn clues(&self, no: OrderNo) -> Result<Vec<Clue>, Refusal> {
        let Some(paper) = self.paper(no, 0).await? else { return Ok(Vec::new()) };
        let evidence = self.classifier().classify(&paper.title, &paper.body).evidence;
        Ok(evidence.into_iter().map(|e| Clue { word: e.keyword, speaks: e.speaks }).collect())
    }

    /// The order's events and the switches of the city meanwhile, as far as the feed has them,
    /// and whether every step of the order is among them and may be seen.
    async fn history(&self, order: &Order, actor: &Actor) -> Result<(Vec<Event>, bool), Refusal> {
        let mut found = Vec::new();
        let mut steps = BTreeSet::new();
        let mut after = self.place_of(order).await?;
        for _ in 0..MAX_PAGES {
            let page = match self.store.feed(Some(after), MAX_FEED).await {
                Ok(page) => page,
                Err(StoreError::FeedTrimmed { .. } | StoreError::FeedDiverged { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            let Some((last, event)) = page.last() else { break };
            after = *last;
            let goes_on = event.order == order.no;
            for (at, event) in page {
                let of_order = event.order == order.no && event.version <= order.version;
                let of_city = event.order.is_city()
                    && event.at >= order.registered_at
                    && matches!(event.what, What::ModeSwitched { .. });
                if of_order {
                    steps.insert(event.version);
                }
                if of_order || (of_city && !steps.contains(&order.version)) {
                    found.push((at, event));
                }
            }
            if steps.contains(&order.version) && !goes_on {
                break;
            }
        }
        let all = found.len();
        self.retain_shown(actor, &mut found).await?;
        let complete = steps.len() == order.version as usize && found.len() == all;
        Ok((found.into_iter().map(|(_, event)| event).collect(), complete))
    }

    /// A place in the feed before the order's first event, not far before: found by halving,
    /// for what is later in the feed happened later, but for [`MARGIN`].
    async fn place_of(&self, order: &Order) -> Result<Cursor, Refusal> {
        let from = order.registered_at.minus(MARGIN);
        let (start, end) = (self.store.feed_start().await?, self.store.feed_end().await?);
        if start.epoch != end.epoch {
            return Ok(start);
        }
        // What follows batch `low - 1` is too early, what follows `high` is not.
        let (mut low, mut high) = (start.sequence, end.sequence);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self.store.feed(Some(Cursor::after_batch(end.epoch, middle)), 1).await;
            let early = match next {
                Ok(events) => events.first().is_some_and(|(_, event)| event.at < from),
                // Left, or lost: what is there comes after it.
                Err(StoreError::FeedTrimmed { .. } | StoreError::FeedDiverged { .. }) => true,
                Err(error) => return Err(error.into()),
            };
            if early { low = middle + 1 } else { high = middle }
        }
        Ok(if low == start.sequence { start } else { Cursor::after_batch(end.epoch, low) })
    }
}
