//! Order numbers: a block is reserved in the store, then handed out without asking.

use super::Refusal;
use crate::domain::{Cell, Date, OrderNo};
use crate::store::Store;
use tokio::sync::Mutex;

/// How many numbers one reservation takes. What a killed process leaves unused is lost.
const BLOCK: u32 = 1_000;

#[derive(Default)]
pub(super) struct Numbers(Mutex<Option<Block>>);

struct Block {
    date: Date,
    next: u32,
    end: u32,
}

impl Numbers {
    /// The next number of a date. A date that has passed is never gone back to: midnight is
    /// crossed once, whatever the clock does.
    pub(super) async fn next(
        &self,
        store: &dyn Store,
        cell: Cell,
        date: Date,
    ) -> Result<OrderNo, Refusal> {
        let mut block = self.0.lock().await;
        let current = block.as_ref().map(|b| (b.date, b.end));
        let date = current.map_or(date, |(was, _)| was.max(date));
        if block.as_ref().is_none_or(|b| b.date != date || b.next >= b.end) {
            let above = current.filter(|(was, _)| *was == date).map_or(0, |(_, end)| end - 1);
            let next = store.reserve(date, BLOCK, above).await?;
            *block = Some(Block { date, next, end: next.saturating_add(BLOCK) });
        }
        let Some(block) = block.as_mut() else { return Err(Refusal::Busy) };
        let seq = block.next;
        block.next += 1;
        Ok(OrderNo::new(cell, date, seq))
    }
}
