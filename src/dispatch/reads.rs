//! What can be asked without changing anything, and the one look that is recorded.

use super::step::With;
use super::{Dispatch, Refusal, Request};
use crate::domain::{
    Action, Actor, ClockKind, Command, Contact, Counts, Date, Desk, Dimension, Entry, Event, Links,
    Marginal, Order, OrderNo, Peril, Rejection, Span, Tally, Timestamp, Unit, decide, peril_of,
};
use crate::store::{Cursor, MAX_BATCH, MAX_DUE, Paper, SealedContact, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How many pages of a tray are passed over in which the actor may see nothing.
const MAX_UNSEEN: usize = 16;

/// How far ahead promises about to break are looked for: the last quarter of 60 days.
const AHEAD: Span = Span::hours(15 * 24);

/// A place in a tray.
pub type Place = (Timestamp, OrderNo);

impl Dispatch {
    /// The order as it stands.
    pub async fn order(&self, no: OrderNo) -> Result<Arc<Order>, Refusal> {
        if no.cell() != self.cell() {
            return Err(Rejection::NoSuchOrder.into());
        }
        self.look_up(no).await?.ok_or_else(|| Rejection::NoSuchOrder.into())
    }

    /// One paper of an order: 0 is the citizen's text.
    pub async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, Refusal> {
        match self.store.paper(no, index).await? {
            Some(paper) => Ok(Some(paper)),
            None => Ok(self.archived(no).await?.and_then(|whole| whole.paper(index))),
        }
    }

    async fn sealed_contact(&self, no: OrderNo) -> Result<Option<SealedContact>, Refusal> {
        match self.store.contact(no).await? {
            Some(sealed) => Ok(Some(sealed)),
            None => Ok(self.archived(no).await?.and_then(|whole| whole.contact)),
        }
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
        let sealed = self.sealed_contact(no).await?.ok_or(Rejection::NoSuchOrder)?;
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
        match self.sealed_contact(no).await? {
            Some(sealed) if self.sealer.tail_matches(no, last_four, &sealed) => Ok(order),
            Some(_) | None => Err(Rejection::NoSuchOrder.into()),
        }
    }

    /// A page of a unit's tray as the actor may see it, sorted by deadline, and the place
    /// where the next begins, of an order that the actor may know of if there is one; none
    /// after an empty page, which is the last.
    pub async fn tray(
        &self,
        actor: &Actor,
        unit: Unit,
        desk: Desk,
        after: Option<Place>,
        max: usize,
    ) -> Result<(Vec<(Entry, Arc<Order>)>, Option<Place>), Refusal> {
        let mut after = after;
        let mut tray = Vec::with_capacity(max.min(MAX_BATCH));
        for _ in 0..MAX_UNSEEN {
            let entries = self.store.tray(unit, desk, after, max).await?;
            let Some((end, no)) = entries.last() else { return Ok((tray, None)) };
            after = Some((end.deadline, *no));
            let mut known = None;
            for (entry, no) in entries {
                // An order that left between the two reads is no longer in the tray.
                if let Some(order) = self.store.load(no).await?
                    && !order.hidden_from(actor.unit)
                {
                    known = Some((entry.deadline, no));
                    tray.push((entry, order));
                }
            }
            if known.is_some() {
                return Ok((tray, known));
            }
        }
        Ok((tray, after))
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

    /// Up to `max` promises at risk, the nearest first, as far as the [`MAX_DUE`] orders show on
    /// which something falls due next; and how long the first of these has been due.
    pub async fn at_risk(
        &self,
        actor: &Actor,
        max: usize,
    ) -> Result<(Vec<(ClockKind, Arc<Order>)>, Span), Refusal> {
        let now = self.now();
        let next = self.store.due(now.plus(AHEAD), MAX_DUE).await?;
        let lag = next.first().map_or(Span::ZERO, |(at, _)| Span(now.since(*at).0.max(0)));
        let mut found: Vec<(ClockKind, Arc<Order>)> = Vec::new();
        for page in next.chunks(MAX_BATCH) {
            let numbers: Vec<_> = page.iter().map(|(_, no)| *no).collect();
            for order in self.store.load_each(&numbers).await?.into_iter().flatten() {
                if !order.is_open() || order.hidden_from(actor.unit) {
                    continue;
                }
                for kind in ClockKind::ALL {
                    if peril_of(&order, *kind, now) == Peril::AtRisk {
                        found.push((*kind, Arc::clone(&order)));
                    }
                }
            }
            // Of an order on a later page nothing falls due before the end of this one.
            let end = page.last().map_or(now, |(at, _)| *at);
            if found.iter().filter(|(kind, order)| order.due(*kind) <= end).count() >= max {
                break;
            }
        }
        found.sort_by_key(|(kind, order)| (order.due(*kind), order.no));
        found.truncate(max);
        Ok((found, lag))
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
        self.retain_shown(actor, &mut events).await?;
        Ok((events, last))
    }

    /// Leaves what the actor may see.
    pub(super) async fn retain_shown(
        &self,
        actor: &Actor,
        events: &mut Vec<(Cursor, Event)>,
    ) -> Result<(), Refusal> {
        // The centre is never complained about.
        if actor.unit != self.cell().centre() {
            let hidden = self.hidden_from(actor.unit, events).await?;
            let shown = |event: &Event| {
                let mut told = std::iter::once(&event.order).chain(event.what.others());
                told.all(|no| !hidden.contains(no))
            };
            events.retain(|(_, event)| shown(event));
        }
        Ok(())
    }

    /// The orders that the events tell of and that complain about a unit, now or when they
    /// happened: what was told before it was complained about is not told again.
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
            }
            for no in std::iter::once(event.order).chain(event.what.others().iter().copied()) {
                if !hidden.contains(&no) && looked.insert(no) && self.hides(no, unit).await? {
                    hidden.insert(no);
                }
            }
        }
        Ok(hidden)
    }

    /// Whether an order complains about a unit; never about the centre.
    pub(super) async fn hides(&self, no: OrderNo, unit: Unit) -> Result<bool, Refusal> {
        if unit == self.cell().centre() {
            return Ok(false);
        }
        Ok(self.look_up(no).await?.is_some_and(|order| order.hidden_from(unit)))
    }

    /// An order as the actor may see it: without the others it has to do with that complain
    /// about the actor's unit.
    pub async fn shown(&self, order: Arc<Order>, actor: &Actor) -> Result<Arc<Order>, Refusal> {
        let unit = actor.unit;
        let Links { merged_into, children, told: _, reopens, reopened_as } = &order.links;
        let single = [*merged_into, *reopens, *reopened_as].into_iter().flatten();
        let mut hidden = Vec::new();
        // The centre is never complained about.
        if unit != self.cell().centre() {
            for no in single.chain(children.iter().copied()) {
                if self.hides(no, unit).await? {
                    hidden.push(no);
                }
            }
        }
        if hidden.is_empty() {
            return Ok(order);
        }
        let mut order = Order::clone(&order);
        let Links { merged_into, children, told: _, reopens, reopened_as } = &mut order.links;
        children.retain(|no| !hidden.contains(no));
        for link in [merged_into, reopens, reopened_as] {
            *link = link.filter(|no| !hidden.contains(no));
        }
        Ok(Arc::new(order))
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
}
