//! Order numbers: a block is reserved in the store, then handed out without asking. The next
//! block is fetched as soon as one is begun, by whoever takes one of its first numbers, so that
//! nobody else waits for the store: at 30,000 orders a second a block lasts 30 ms, and one
//! commit on a busy disk takes 20.

use super::Refusal;
use crate::domain::{Cell, Date, OrderNo};
use crate::store::Store;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many numbers one reservation takes. What a killed process leaves unused is lost.
const BLOCK: u32 = 1_000;
/// While there is no block after this one, it is asked for once in so many numbers.
const ASK_EVERY: u32 = 50;

#[derive(Default)]
pub(super) struct Numbers {
    blocks: Mutex<Option<Blocks>>,
    /// Held by whoever asks the store.
    asking: tokio::sync::Mutex<()>,
}

struct Blocks {
    date: Date,
    next: u32,
    end: u32,
    /// The first number of the block after this one.
    ahead: Option<u32>,
}

impl Blocks {
    fn take(&mut self) -> Option<u32> {
        if self.next >= self.end {
            (self.next, self.end) = block(self.ahead.take()?);
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// The highest number known to be given to this process.
    fn highest(&self) -> u32 {
        self.ahead.map_or(self.end, |first| block(first).1) - 1
    }

    fn is_time_to_ask(&self) -> bool {
        self.ahead.is_none() && (self.end - self.next).is_multiple_of(ASK_EVERY)
    }
}

fn block(first: u32) -> (u32, u32) {
    (first, first.saturating_add(BLOCK))
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
        let (no, date, ask) = loop {
            if let Some((seq, date, ask)) = self.take(date) {
                break (OrderNo::new(cell, date, seq), date, ask);
            }
            let _turn = self.asking.lock().await;
            // Whoever asked before may have brought enough.
            if let Some((seq, date, _)) = self.take(date) {
                return Ok(OrderNo::new(cell, date, seq));
            }
            let date = self.lock().as_ref().map_or(date, |blocks| blocks.date.max(date));
            let (next, end) = block(store.reserve(date, BLOCK, self.highest(date)).await?);
            *self.lock() = Some(Blocks { date, next, end, ahead: None });
        };
        if ask && let Ok(_turn) = self.asking.try_lock() {
            // What fails here is asked for again when it is needed.
            if let Ok(first) = store.reserve(date, BLOCK, self.highest(date)).await
                && let Some(blocks) = self.lock().as_mut().filter(|blocks| blocks.date == date)
            {
                blocks.ahead = Some(first);
            }
        }
        Ok(no)
    }

    fn take(&self, date: Date) -> Option<(u32, Date, bool)> {
        let mut blocks = self.lock();
        let blocks = blocks.as_mut().filter(|blocks| blocks.date >= date)?;
        Some((blocks.take()?, blocks.date, blocks.is_time_to_ask()))
    }

    fn highest(&self, date: Date) -> u32 {
        let blocks = self.lock();
        blocks.as_ref().filter(|blocks| blocks.date == date).map_or(0, Blocks::highest)
    }

    // A panic under the lock is a fault of the program; what was given so far stays given.
    fn lock(&self) -> MutexGuard<'_, Option<Blocks>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    #[tokio::test]
    async fn none_is_given_twice_and_none_of_a_day_that_has_passed() {
        let cell: Cell = "3304".parse().unwrap();
        let (store, numbers) = (Arc::new(Memory::new(cell)), Arc::new(Numbers::default()));
        let day = |n| Date::from_days(n);
        let mut asking = tokio::task::JoinSet::new();
        for i in 0..5_000 {
            let (store, numbers) = (store.clone(), numbers.clone());
            let date = if i < 2_500 { day(20_000) } else { day(20_001 - i % 2) };
            asking.spawn(async move { numbers.next(&*store, cell, date).await.unwrap() });
        }
        let given: BTreeSet<OrderNo> = asking.join_all().await.into_iter().collect();
        assert_eq!(given.len(), 5_000);
        let later = numbers.next(&*store, cell, day(20_000)).await.unwrap();
        assert_eq!(later.date(), day(20_001));
    }

    #[tokio::test]
    async fn only_the_first_of_all_waits_for_the_store() {
        let cell: Cell = "3304".parse().unwrap();
        let (store, numbers) = (Memory::new(cell), Numbers::default());
        let date = Date::from_days(20_000);
        let mut before = None;
        for _ in 0..BLOCK * 3 {
            let no = numbers.next(&store, cell, date).await.unwrap();
            assert!(Some(no) > before);
            before = Some(no);
            let blocks = numbers.lock();
            let blocks = blocks.as_ref().unwrap();
            assert!(blocks.ahead.is_some() || blocks.end - blocks.next > BLOCK - ASK_EVERY);
        }
    }
}
