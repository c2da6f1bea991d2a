//! How it is doing.

use super::RedisStore;
use super::reads::ask;
use super::value::must_integer;
use crate::store::{Effort, Load, StoreError, Vitals};
use ::redis::cmd;
use async_trait::async_trait;

#[async_trait]
impl Vitals for RedisStore {
    async fn load_now(&self) -> Result<Load, StoreError> {
        let leases = ask(&self.read, cmd("HLEN").arg(self.keys.leases())).await?;
        let timers = ask(&self.read, cmd("ZCARD").arg(self.keys.due())).await?;
        let count = |value| must_integer(value).map(i64::unsigned_abs);
        Ok(Load { leases: count(&leases)?, timers: count(&timers)? })
    }

    fn effort(&self) -> Effort {
        self.batches.effort(self.write.rebuilt() + self.read.rebuilt())
    }
}
