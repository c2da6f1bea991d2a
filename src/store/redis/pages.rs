//! All orders, a page at a time, by the blocks of numbers that there are.

use super::RedisStore;
use super::keys::{self, BLOCK};
use super::reads::ask;
use super::value::{items, must};
use crate::domain::{Cell, Order, OrderNo};
use crate::store::{MAX_BATCH, StoreError};
use ::redis::cmd;
use std::sync::Arc;

impl RedisStore {
    pub(super) async fn read_page(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        let (max, mut after) = (max.min(MAX_BATCH), after);
        if max == 0 {
            return Ok(Vec::new());
        }
        loop {
            let wanted = self.read_numbers(after).await?;
            let Some(last) = wanted.last() else { return Ok(Vec::new()) };
            let orders = self.read_orders(&wanted).await?;
            let page: Vec<_> = orders.into_iter().flatten().take(max).collect();
            if !page.is_empty() {
                return Ok(page);
            }
            after = Some(*last);
        }
    }

    /// The numbers behind one that the next block with orders has.
    pub(super) async fn read_numbers(
        &self,
        after: Option<OrderNo>,
    ) -> Result<Vec<OrderNo>, StoreError> {
        let mut from = match after {
            None => b"-".to_vec(),
            Some(no) => [&b"["[..], &keys::block(no)].concat(),
        };
        loop {
            let mut call = cmd("ZRANGE");
            call.arg(self.keys.blocks()).arg(&from).arg("+").arg("BYLEX").arg("LIMIT");
            call.arg(0).arg(1);
            let found = items(ask(&self.read, &call).await?)?;
            let Some(block) = found.first() else { return Ok(Vec::new()) };
            let block = must(block)?;
            let numbers = numbers_of(self.keys.cell(), block)?;
            let behind = numbers.into_iter().filter(|no| after.is_none_or(|after| *no > after));
            let behind: Vec<_> = behind.collect();
            if !behind.is_empty() {
                return Ok(behind);
            }
            from = [&b"("[..], block].concat();
        }
    }
}

/// Every number of a block, whether there is an order or not.
pub(super) fn numbers_of(cell: Cell, block: &[u8]) -> Result<Vec<OrderNo>, StoreError> {
    let [a, b, c, d, e] = *block else {
        return Err(StoreError::Damaged("a block of numbers has the wrong size".to_owned()));
    };
    let day = u64::from(u16::from_be_bytes([a, b]));
    let first = u32::from_be_bytes([0, c, d, e]) * BLOCK;
    let number = |i| {
        let code = u64::from(cell.code()) << 48 | day << 32 | u64::from(first + i);
        OrderNo::from_code(code)
            .map_err(|_| StoreError::Damaged("a block of numbers names no order".to_owned()))
    };
    (0..BLOCK).map(number).collect()
}
