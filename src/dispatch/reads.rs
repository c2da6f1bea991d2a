//! What can be asked without changing anything, and the one look that is recorded.

use super::step::With;
use super::{Dispatch, Finding, Refusal, Request};
use crate::domain::{
    Action, Actor, Command, Contact, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order,
    OrderNo, Rejection, Tally, Timestamp, Unit, decide,
};
use crate::store::{Cursor, MAX_BATCH, Paper, StoreError, audit};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// A place in a tray.
pub type Place = (Timestamp, OrderNo);

impl Dispatch {
    /// The order as it stands.
    pub async fn order(&self, no: OrderNo) -> Result<Arc<Order>, Refusal> {
        if no.cell() != self.cell() {
            return Err(Rejection::NoSuchOrder.into());
        }
        self.store.load(no).await?.ok_or_else(|| Rejection::NoSuchOrder.into())
    }

    /// One paper of an order: 0 is the citizen's text.
    pub async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, Refusal> {
        Ok(self.store.paper(no, index).await?)
    }

    /// Whom to call back. The look itself is an event of the order.
    pub async fn contact(
        &self,
        no: OrderNo,
        actor: &Actor,
        request: Request,
    ) -> Result<Contact, Refusal> {
        let command = Command { actor: actor.clone(), action: Action::ViewContact };
        let with = With { request: Some(request), ..With::default() };
        let (done, order) = self.step(no, &command, with).await?;
        if done.repeated {
            // The look was written down; whether it may be taken is asked anew.
            decide(Some(&order), &command, self.now())?;
        }
        let sealed = self.store.contact(no).await?.ok_or(Rejection::NoSuchOrder)?;
        self.sealer.open(no, &sealed).map_err(|why| {
            Refusal::Unavailable(StoreError::Damaged(format!("the contact of {no}: {why}")))
        })
    }

    /// The order, for a citizen who knows its number and the last four digits of the phone.
    /// A wrong guess and a wrong number look the same.
    pub async fn track(
        &self,
        no: OrderNo,
        last_four: &str,
        actor: &Actor,
    ) -> Result<Arc<Order>, Refusal> {
        let order = self.seen(no, actor).await?;
        match self.store.contact(no).await? {
            Some(sealed) if self.sealer.tail_matches(no, last_four, &sealed) => Ok(order),
            Some(_) | None => Err(Rejection::NoSuchOrder.into()),
        }
    }

    /// A page of a unit's tray as the actor may see it, sorted by deadline, and the place
    /// where the next begins; none after an empty page, which is the last.
    pub async fn tray(
        &self,
        actor: &Actor,
        unit: Unit,
        desk: Desk,
        after: Option<Place>,
        max: usize,
    ) -> Result<(Vec<(Entry, Arc<Order>)>, Option<Place>), Refusal> {
        let entries = self.store.tray(unit, desk, after, max).await?;
        let mut tray = Vec::with_capacity(entries.len());
        let mut last = None;
        for (entry, no) in entries {
            last = Some((entry.deadline, no));
            // An order that left between the two reads is no longer in the tray.
            if let Some(order) = self.store.load(no).await?
                && !order.hidden_from(actor.unit)
            {
                tray.push((entry, order));
            }
        }
        Ok((tray, last))
    }

    /// All orders by number, ascending, a page at a time; only an empty page is the last.
    pub async fn list(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, Refusal> {
        Ok(self.store.scan(after, max).await?)
    }

    /// Every counter of the cell.
    pub async fn board(&self) -> Result<Vec<(Tally, i64)>, Refusal> {
        Ok(self.store.tallies().await?)
    }

    /// What was counted on the days from `from` to `to`, both included.
    pub async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, Refusal> {
        Ok(self.store.indicators(from, to, of).await?)
    }

    /// Events after the cursor that the actor may see, each with its own, and the place after
    /// all that was read; none when nothing was.
    pub async fn feed(
        &self,
        actor: &Actor,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<(Vec<(Cursor, Event)>, Option<Cursor>), Refusal> {
        let mut events = self.store.feed(after, max).await?;
        let last = events.last().map(|(cursor, _)| *cursor);
        // The centre is never complained about.
        if actor.unit != self.cell().centre() {
            let hidden = self.hidden_from(actor.unit, &events).await?;
            events.retain(|(_, event)| !hidden.contains(&event.order));
        }
        Ok((events, last))
    }

    /// The orders among the events that complain about a unit, now or when they happened: what
    /// was told before it was complained about is not told again.
    async fn hidden_from(
        &self,
        unit: Unit,
        events: &[(Cursor, Event)],
    ) -> Result<HashSet<OrderNo>, Refusal> {
        let mut hidden = HashSet::new();
        let mut looked = HashSet::with_capacity(events.len());
        for (_, event) in events {
            if event.hidden_from.contains(&unit) {
                hidden.insert(event.order);
            } else if looked.insert(event.order)
                && let Some(order) = self.store.load(event.order).await?
                && order.hidden_from(unit)
            {
                hidden.insert(event.order);
            }
        }
        Ok(hidden)
    }

    /// The place after the last event.
    pub async fn feed_end(&self) -> Result<Cursor, Refusal> {
        Ok(self.store.feed_end().await?)
    }

    /// Waits until there may be events after the cursor.
    pub async fn feed_grown(&self, after: Cursor, at_most: Duration) -> Result<(), Refusal> {
        let mut stopping = self.stopping();
        tokio::select! {
            grown = self.store.feed_grown(after, at_most) => Ok(grown?),
            _ = stopping.wait_for(|stop| *stop) => Err(Refusal::Stopping),
        }
    }

    /// Compares every order with what is indexed of it.
    pub async fn doctor(&self) -> Result<Vec<Finding>, Refusal> {
        Ok(audit::audit(&*self.store).await?)
    }

    /// How many open orders have a limit for which plain weekends were counted.
    pub async fn plain_weekends(&self) -> Result<u64, Refusal> {
        let mut count = 0;
        let mut after = None;
        loop {
            let page = self.store.scan(after, MAX_BATCH).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some(last.no);
            let plain = page.iter().filter(|order| order.is_open() && order.policy.plain_weekends);
            count += plain.count() as u64;
        }
    }
}
