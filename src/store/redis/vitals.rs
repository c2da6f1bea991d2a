//! How it is doing.

use super::RedisStore;
use super::reads::ask;
use super::value::{must_integer, pairs};
use crate::domain::{ModelVersion, Timestamp};
use crate::store::{Effort, Guided, Load, PRESENCE, StoreError, Vitals};
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

    async fn attend(&self, name: &str, by: &Guided) -> Result<(), StoreError> {
        let now = self.read_clock().await?;
        let mut write = cmd("HSET");
        write.arg(self.keys.present()).arg(name).arg(written(now, by));
        ask(&self.write, &write).await?;
        let mut expire = cmd("PEXPIRE");
        expire.arg(self.keys.present()).arg(PRESENCE.0);
        ask(&self.write, &expire).await?;
        Ok(())
    }

    async fn present(&self) -> Result<Vec<(String, Guided)>, StoreError> {
        let now = self.read_clock().await?;
        let all = pairs(ask(&self.read, cmd("HGETALL").arg(self.keys.present())).await?)?;
        let mut present = Vec::with_capacity(all.len());
        for (name, value) in all {
            match read(&String::from_utf8_lossy(&value)) {
                Some((at, by)) if now.since(at) <= PRESENCE => {
                    present.push((String::from_utf8_lossy(&name).into_owned(), by));
                }
                // Whoever it was has gone, or is of a newer version and says it again.
                Some(_) | None => {
                    ask(&self.write, cmd("HDEL").arg(self.keys.present()).arg(name)).await?;
                }
            }
        }
        present.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(present)
    }

    fn effort(&self) -> Effort {
        self.batches.effort(self.write.rebuilt() + self.read.rebuilt())
    }
}

/// A model there is none of.
const NONE: &str = "-";

fn written(at: Timestamp, by: &Guided) -> String {
    let model = by.model.map_or_else(|| NONE.to_owned(), |model| model.to_string());
    format!("{} {} {} {model}", at.0, by.version, by.catalogue)
}

fn read(value: &str) -> Option<(Timestamp, Guided)> {
    let mut words = value.split(' ');
    let at = Timestamp(words.next()?.parse().ok()?);
    let version = words.next()?.parse().ok()?;
    let catalogue = words.next()?.to_owned();
    let model = match words.next()? {
        NONE => None,
        model => Some(ModelVersion(u32::from_str_radix(model, 16).ok()?)),
    };
    Some((at, Guided { version, catalogue, model }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_what_a_process_serves_reads_back() {
        for model in [None, Some(ModelVersion(0x9c)), Some(ModelVersion(u32::MAX))] {
            let by = Guided { version: 7, catalogue: "0f".repeat(32), model };
            assert_eq!(read(&written(Timestamp(5), &by)), Some((Timestamp(5), by)));
        }
        assert_eq!(read("5 seven 0f -"), None);
    }
}
