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
            state.papers.retain(|(no, _), _| *no != order.no);
            state.contacts.remove(&order.no);
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
        state.contacts.extend(whole.contact.clone().map(|contact| (no, contact)));
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
        let gone = first.sequence.min(state.feed.len() as u64).saturating_sub(1);
        for step in state.feed.iter_mut().take(gone as usize) {
            *step = Vec::new();
        }
        state.trimmed = state.trimmed.max(gone);
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
