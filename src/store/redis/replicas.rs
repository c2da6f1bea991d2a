//! Changes that count only once replicas have them, too: `WAIT` on the connection that wrote,
//! once per batch. It holds up what comes behind it on that connection, which only gathers
//! larger batches.

use super::keys::Keys;
use super::link::Link;
use super::trouble::Fault;
use super::value::integer;
use crate::store::StoreError;
use ::redis::{Cmd, Value, cmd};
use std::time::Duration;

/// How many replicas must have a change, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Replicas {
    /// So many; 0 asks none.
    pub wanted: u32,
    /// So long.
    pub within: Duration,
}

impl Replicas {
    /// Sends what writes and waits for the replicas: its answer, and whether enough of them
    /// have it. It is not sent where too few are connected.
    pub async fn write(
        &self,
        link: &Link,
        command: &Cmd,
    ) -> Result<(Value, Result<(), StoreError>), Fault> {
        if self.wanted == 0 {
            return Ok((link.call(command).await?, Ok(())));
        }
        if let Some(there) = link.replicas()
            && there < self.wanted
        {
            link.look_again();
            return Err(Fault::NotDone(self.too_few(there)));
        }
        let mut both = ::redis::pipe();
        both.add_command(command.clone());
        both.cmd("WAIT").arg(self.wanted).arg(self.within.as_millis().max(1) as u64);
        let answers = link.call_confirmed(&both).await?;
        // A server that refuses to WAIT has not said that anybody has it.
        let there = answers.get(1).and_then(integer).unwrap_or(0);
        let there = u32::try_from(there).unwrap_or(0);
        let enough = if there < self.wanted { Err(self.silent(there)) } else { Ok(()) };
        Ok((answers.into_iter().next().unwrap_or_default(), enough))
    }

    /// Makes sure that enough replicas have everything written until now. A WAIT waits for its
    /// own connection's writes alone, so something is written first.
    pub async fn confirm(&self, link: &Link, keys: &Keys) -> Result<(), Fault> {
        if self.wanted == 0 {
            return Ok(());
        }
        let mut touch = cmd("HSET");
        touch.arg(keys.meta()).arg("checked").arg(1);
        self.write(link, &touch).await?.1.map_err(Fault::Unknown)
    }

    fn too_few(&self, there: u32) -> StoreError {
        StoreError::Unreachable(format!(
            "replicas_ack = {}, but the master has {there} replicas connected: bring replicas \
             back, or set fewer",
            self.wanted
        ))
    }

    fn silent(&self, there: u32) -> StoreError {
        StoreError::Unreachable(format!(
            "{there} replicas had it within {:?}, and replicas_ack = {}: it stands at the master \
             and may be lost with it",
            self.within, self.wanted
        ))
    }
}
