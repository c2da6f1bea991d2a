//! How it is doing.

use super::Embedded;
use crate::store::{Effort, Load, StoreError, Vitals};
use async_trait::async_trait;

#[async_trait]
impl Vitals for Embedded {
    async fn load_now(&self) -> Result<Load, StoreError> {
        let (hot, _) = self.hot()?;
        let leases = hot.trays.values().map(|tray| tray.leases() as u64).sum();
        Ok(Load { leases, timers: hot.deadlines.len() as u64 })
    }

    fn effort(&self) -> Effort {
        self.shared.batches.effort(0)
    }
}
