//! What leaves the simulated store, what comes back, and who reads.

use super::door::Door;
use super::mutant::Mutant;
use super::state::{State, Write};
use super::world::Happened;
use crate::domain::Order;
use crate::store::leaving::{further, have_read};
use crate::store::{Consumer, Cursor, Leaving, MAX_CONSUMERS, Shedding, StoreError, Whole};
use async_trait::async_trait;
use std::sync::Arc;

/// A change of the state that is no step.
#[derive(Clone)]
pub(super) enum Shed {
    /// An order leaves.
    Left(Arc<Order>),
    /// An order is back.
    Back(Whole),
    /// All batches up to this one are gone.
    Trimmed(u64),
    /// Somebody has read so far.
    Read(Consumer),
    /// Somebody is not waited for any more.
    Forgotten(String),
}

impl State {
    pub(super) fn shed(&mut self, shed: &Shed) {
        match shed {
            Shed::Left(order) => {
                self.orders.remove(&order.no);
                self.earlier.remove(&order.no);
                self.papers.retain(|(no, _), _| *no != order.no);
                self.contacts.remove(&order.no);
            }
            Shed::Back(Whole { order, papers, contact }) => {
                let no = order.no;
                self.orders.insert(no, Arc::clone(order));
                self.papers.extend(papers.iter().map(|(i, paper)| ((no, *i), Arc::clone(paper))));
                self.contacts.extend(contact.clone().map(|contact| (no, contact)));
            }
            // Nobody is shown it any more; the simulation itself may want to know.
            Shed::Trimmed(gone) => self.trimmed = self.trimmed.max(*gone),
            Shed::Read(consumer) => {
                self.consumers.insert(consumer.name.clone(), consumer.clone());
            }
            Shed::Forgotten(name) => _ = self.consumers.remove(name),
        }
    }
}

#[async_trait]
impl Shedding for Door {
    async fn dismiss(&self, leaving: &[Leaving]) -> Result<u64, StoreError> {
        let mut world = self.read().await?;
        let mut left = 0;
        for Leaving { order, caller: _ } in leaving {
            if order.is_over() && world.state.orders.get(&order.no) == Some(order) {
                world.note(None, "left", Some(order.no), u64::from(order.version));
                world.journal.push(Happened::Left(order.no));
                world.write(Write::Shed(Shed::Left(Arc::clone(order))));
                left += 1;
            }
        }
        Ok(left)
    }

    async fn readmit(&self, whole: &Whole) -> Result<(), StoreError> {
        let mut world = self.read().await?;
        if !world.state.orders.contains_key(&whole.order.no) {
            world.note(None, "back", Some(whole.order.no), u64::from(whole.order.version));
            world.journal.push(Happened::Back(whole.order.no));
            world.write(Write::Shed(Shed::Back(whole.clone())));
        }
        Ok(())
    }

    async fn feed_start(&self) -> Result<Cursor, StoreError> {
        let world = self.read().await?;
        Ok(Cursor::after_batch(world.epoch, world.state.trimmed))
    }

    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Result<bool, StoreError> {
        let mut world = self.read().await?;
        let mut sequence = first.sequence;
        if world.slips.is(Mutant::TrimUnread) {
            sequence = u64::MAX;
        } else if first.epoch != world.epoch || !have_read(world.state.consumers.values(), known) {
            return Ok(false);
        }
        let gone = sequence.min(world.state.feed.len() as u64).saturating_sub(1);
        world.note(None, "trimmed", None, gone);
        let lacks = world.kept.lacks(&world.state, gone);
        world.journal.extend(lacks.map(Happened::Untold));
        world.write(Write::Shed(Shed::Trimmed(gone)));
        Ok(true)
    }

    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        Ok(self.read().await?.state.consumers.values().cloned().collect())
    }

    async fn acknowledge(&self, consumer: &Consumer) -> Result<bool, StoreError> {
        let mut world = self.read().await?;
        let known = world.state.consumers.get(&consumer.name);
        if known.is_none() && world.state.consumers.len() == MAX_CONSUMERS {
            return Ok(false);
        }
        let now = further(known, consumer);
        world.write(Write::Shed(Shed::Read(now)));
        Ok(true)
    }

    async fn forget_consumer(&self, name: &str) -> Result<bool, StoreError> {
        let mut world = self.read().await?;
        let was_there = world.state.consumers.contains_key(name);
        world.write(Write::Shed(Shed::Forgotten(name.to_owned())));
        Ok(was_there)
    }
}
