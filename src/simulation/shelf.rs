//! The archive of a simulated city: one for all processes, reached as the store is, and not
//! touched by what befalls the store.

use super::door::Door;
use super::mutant::Mutant;
use super::state::State;
use super::world::{Shared, World, trouble};
use super::wrong::{Promise, Wrong, must};
use crate::archive::{Day, Keeper, Placed};
use crate::domain::{Cell, Date, Event, Order, OrderNo};
use crate::store::audit::Elsewhere;
use crate::store::{Cursor, StoreError, Whole};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was kept: every order as often as it was, and events by place, order and version.
#[derive(Default)]
pub(super) struct Kept {
    orders: BTreeMap<OrderNo, Vec<Whole>>,
    events: BTreeSet<(u64, u32, OrderNo, u32)>,
}

impl Kept {
    /// An order as it was when it left last.
    pub(super) fn latest(&self, no: OrderNo) -> Option<&Whole> {
        let all = self.orders.get(&no)?.iter();
        all.max_by_key(|whole| (whole.order.updated_at, whole.order.version))
    }

    /// What left the store is here, whole.
    pub(super) fn must_have(&self, order: &Arc<Order>) -> Result<(), Wrong> {
        let no = order.no;
        let found = self.latest(no);
        let whole = found.is_some_and(|found| {
            &found.order == order
                && found.papers.len() == usize::from(order.papers)
                && found.contact.is_some()
        });
        must(whole, Promise::NothingLost, || {
            let version = found.map_or(0, |found| found.order.version);
            format!("{no} left at version {}, and is kept at {version}, or in part", order.version)
        })
    }

    /// How many events.
    pub(super) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    /// An event of the first so many steps of the feed that is not kept.
    pub(super) fn lacks(&self, state: &State, gone: u64) -> Option<OrderNo> {
        let steps = (1_u64..=gone).zip(&state.feed).skip(state.trimmed as usize);
        let mut events = steps.flat_map(|(sequence, step)| {
            (0_u32..).zip(step.iter()).map(move |(index, event)| (sequence, index, event))
        });
        let kept = |(sequence, index, event): &(u64, u32, &Event)| {
            self.events.contains(&(*sequence, *index, event.order, event.version))
        };
        events.find(|event| !kept(event)).map(|(_, _, event)| event.order)
    }

    /// Nobody looks for an order of which the store that goes on has never heard.
    pub(super) fn forget_what_never_was(&mut self, state: &State) {
        let told = |no: &OrderNo| {
            let mut events = state.feed.iter().flat_map(|step| step.iter());
            events.any(|event| event.order == *no)
        };
        self.orders.retain(|no, _| told(no));
    }
}

/// One process's way to it.
pub(super) struct Shelf(Door);

impl Shelf {
    pub(super) fn new(world: Shared, cell: Cell, process: usize) -> Shelf {
        Shelf(Door { world, cell, process })
    }

    /// Something is kept, or is not, or is and nobody hears of it.
    async fn keep(&self, kept: impl FnOnce(&mut World) -> u64 + Send) -> Result<u64, StoreError> {
        let mut world = self.0.read().await?;
        let count = match world.slips.slips(Mutant::LoseKept) {
            true => 0,
            false => kept(&mut world),
        };
        world.note(Some(self.0.process), "kept", None, count);
        let rate = world.weather.unread;
        if world.dice.happens(rate) { Err(trouble()) } else { Ok(count) }
    }
}

#[async_trait]
impl Keeper for Shelf {
    async fn find(&self, no: OrderNo) -> Result<Option<Whole>, StoreError> {
        Ok(self.0.read().await?.kept.latest(no).cloned())
    }

    async fn find_surely(&self, no: OrderNo) -> Result<Option<Whole>, StoreError> {
        self.find(no).await
    }

    async fn days(&self) -> Result<Vec<Day>, StoreError> {
        Ok(Vec::new())
    }

    async fn keep_orders(&self, _day: Date, rows: Vec<Whole>) -> Result<u64, StoreError> {
        self.keep(|world| {
            let count = rows.len() as u64;
            for whole in rows {
                world.kept.orders.entry(whole.order.no).or_default().push(whole);
            }
            count
        })
        .await
    }

    async fn keep_events(&self, _day: Date, rows: Vec<Placed>) -> Result<u64, StoreError> {
        self.keep(|world| {
            world.kept.events.extend(rows.iter().map(|(Cursor { sequence, index, .. }, event)| {
                (*sequence, *index, event.order, event.version)
            }));
            rows.len() as u64
        })
        .await
    }

    async fn tidy(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Elsewhere for Shelf {
    async fn days_of_orders(&self) -> Result<Vec<Date>, StoreError> {
        let world = self.0.read().await?;
        let mut days: Vec<Date> = world.kept.orders.keys().map(|no| no.date()).collect();
        days.dedup();
        Ok(days)
    }

    async fn of_day(&self, day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError> {
        let world = self.0.read().await?;
        let of_day = world.kept.orders.iter().filter(|(no, _)| no.date() == day);
        let highest = |all: &Vec<Whole>| all.iter().map(|whole| whole.order.version).max();
        Ok(of_day.filter_map(|(no, all)| Some((*no, highest(all)?))).collect())
    }
}
