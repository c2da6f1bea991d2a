//! What leaves, and who reads.

use super::Memory;
use crate::store::leaving::{further, have_read};
use crate::store::{Consumer, Cursor, Leaving, MAX_CONSUMERS, Shedding, StoreError, Whole};
use async_trait::async_trait;

#[async_trait]
impl Shedding for Memory {
    async fn dismiss(&self, leaving: &[Leaving]) -> Result<u64, StoreError> {
        let mut state = self.state()?;
        let mut left = 0;
        for Leaving { order, caller: _ } in leaving {
            if !order.is_over() || state.orders.get(&order.no) != Some(order) {
                continue;
            }
            state.orders.remove(&order.no);
            for index in 0..order.papers {
                state.papers.remove(&(order.no, index));
            }
            if let Some(contact) = state.contacts.remove(&order.no)
                && let Some(of) = state.callers.get_mut(&contact.phone)
            {
                of.remove(&order.no);
                if of.is_empty() {
                    state.callers.remove(&contact.phone);
                }
            }
            left += 1;
        }
        Ok(left)
    }

    async fn readmit(&self, whole: &Whole) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let no = whole.order.no;
        if state.orders.contains_key(&no) {
            return Ok(());
        }
        state.orders.insert(no, whole.order.clone());
        state.papers.extend(whole.papers.iter().map(|(i, paper)| ((no, *i), paper.clone())));
        if let Some(contact) = &whole.contact {
            state.keep_contact(no, contact.clone());
        }
        Ok(())
    }

    async fn feed_start(&self) -> Result<Cursor, StoreError> {
        Ok(Cursor::after_batch(self.epoch, self.state()?.trimmed))
    }

    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        if first.epoch != self.epoch || !have_read(state.consumers.values(), known) {
            return Ok(false);
        }
        let gone = first.sequence.min(state.steps()).saturating_sub(1).max(state.trimmed);
        let going = (gone - state.trimmed) as usize;
        state.feed.drain(..going);
        state.trimmed = gone;
        Ok(true)
    }

    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        Ok(self.state()?.consumers.values().cloned().collect())
    }

    async fn acknowledge(&self, consumer: &Consumer) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let known = state.consumers.get(&consumer.name);
        if known.is_none() && state.consumers.len() == MAX_CONSUMERS {
            return Ok(false);
        }
        let now = further(known, consumer);
        state.consumers.insert(consumer.name.clone(), now);
        Ok(true)
    }

    async fn forget_consumer(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.state()?.consumers.remove(name).is_some())
    }
}
