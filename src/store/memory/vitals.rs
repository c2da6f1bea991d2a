//! How it is doing.

use super::Memory;
use crate::clock::tick;
use crate::store::{Load, StoreError, Vitals};
use async_trait::async_trait;

#[async_trait]
impl Vitals for Memory {
    async fn load_now(&self) -> Result<Load, StoreError> {
        let (state, now) = (self.state()?, tick());
        let leases = state.leases.iter().filter(|(_, held)| held.until > now).count() as u64;
        Ok(Load { leases, timers: state.deadlines.len() as u64 })
    }
}
