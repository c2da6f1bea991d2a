//! Where closed orders go in a replay: nowhere. They are counted.

use async_trait::async_trait;
use hotline::archive::{Day, Keeper, Placed};
use hotline::domain::{Date, OrderNo};
use hotline::store::audit::Elsewhere;
use hotline::store::{StoreError, Whole};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps nothing of what it takes.
#[derive(Default)]
pub struct Nowhere {
    orders: AtomicU64,
}

impl Nowhere {
    /// How many orders went there.
    pub fn orders(&self) -> u64 {
        self.orders.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Keeper for Nowhere {
    async fn find(&self, _no: OrderNo) -> Result<Option<Whole>, StoreError> {
        Ok(None)
    }

    async fn find_surely(&self, _no: OrderNo) -> Result<Option<Whole>, StoreError> {
        Ok(None)
    }

    async fn days(&self) -> Result<Vec<Day>, StoreError> {
        Ok(Vec::new())
    }

    async fn keep_orders(&self, _day: Date, rows: Vec<Whole>) -> Result<u64, StoreError> {
        self.orders.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(0)
    }

    async fn keep_events(&self, _day: Date, _rows: Vec<Placed>) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn tidy(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Elsewhere for Nowhere {
    async fn days_of_orders(&self) -> Result<Vec<Date>, StoreError> {
        Ok(Vec::new())
    }

    async fn of_day(&self, _day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError> {
        Ok(BTreeMap::new())
    }
}
