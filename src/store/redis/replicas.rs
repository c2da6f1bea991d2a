//! Changes that count only once replicas have them, too: `WAIT` on the connection that wrote,
//! once per batch. It holds up what comes behind it on that connection, which only gathers
//! larger batches.
//!
//! **Who must have a change.** A failover that somebody asks for does not wait for the old
//! master: it promotes one replica, tells the others a second later and the old master last.
//! What that one takes meanwhile is lost, though the replica that was not chosen confirmed it.
//! So every replica that is *in step* must confirm, and at least as many as are wanted:
//!
//! - In step is who has been seen to have all that was written. Whoever is new, or was away,
//!   comes to be in step with the first batch that it has in time.
//! - Who does not confirm in time is left out only after it was asked whether the master is
//!   [settled upon](super::standing): it may have been promoted. While a failover is under way
//!   nothing is acknowledged; once another is the master, all that was not is settled there.
//!   So a dead replica costs one timeout, and a promoted one no order.
//! - Each new connection asks the same before its first change is acknowledged: it may have
//!   been built in the midst of a failover, when the one that was chosen had left already.
//!
//! What is left is a replica that is promoted after it was left out: a failover asked for
//! while a replica is away or has not caught up, if the Sentinels choose that one.

use super::greeting::loading;
use super::link::{Link, Live};
use super::master::Masters;
use super::standing::Standing;
use super::trouble::Fault;
use super::value::integer;
use super::wire::{Following, Role};
use crate::clock::tick;
use crate::store::StoreError;
use ::redis::{Cmd, Pipeline, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::sleep;

/// How long a failover is waited for before callers are told that it is not known whether
/// they will have been served.
const CHANGING: Duration = Duration::from_secs(5);
/// How often it is asked whether it is over.
const LOOKING: Duration = Duration::from_millis(50);

/// How many replicas must have a change, and how long that may take.
pub struct Replicas {
    /// At least so many, and all that are in step; 0 asks none.
    wanted: u32,
    /// So long.
    within: Duration,
    masters: Arc<Masters>,
    /// How long one node may take to say how things stand.
    patience: Duration,
    in_step: Mutex<InStep>,
}

/// Who has all that was written.
#[derive(Default)]
struct InStep {
    /// At which connection that was looked at; 0 at none.
    generation: u64,
    /// Of which process they are replicas.
    run: String,
    /// Their addresses.
    members: BTreeSet<String>,
}

/// How far the replicas have come with a change.
struct Spread {
    /// So many confirmed it.
    count: usize,
    /// Those that have it.
    there: BTreeSet<String>,
}

impl Replicas {
    /// At least so many, within so long, at whatever master is found.
    pub fn new(
        wanted: u32,
        within: Duration,
        masters: Arc<Masters>,
        patience: Duration,
    ) -> Arc<Replicas> {
        let in_step = Mutex::default();
        Arc::new(Replicas { wanted, within, masters, patience, in_step })
    }

    /// Sends a command and waits for the replicas to have all that was written until then: its
    /// answer, and whether enough of them have it. It is not sent where too few are connected.
    pub async fn confirmed(
        &self,
        link: &Link,
        command: &Cmd,
    ) -> Result<(Value, Result<(), StoreError>), Fault> {
        match self.send(link, command).await {
            Err(Fault::NoLibrary) => {
                link.call(&loading()).await?;
                self.send(link, command).await
            }
            other => other,
        }
    }

    async fn send(
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
        let wanted = {
            let in_step = self.in_step.lock().await;
            // Who followed another process is not waited for behind this one.
            let known = if link.leads_to(&in_step.run) { in_step.members.len() } else { 0 };
            known.max(self.wanted as usize)
        };
        let mut all = ::redis::pipe();
        all.add_command(command.clone());
        // How far the master is, and then how far they are.
        all.cmd("ROLE");
        let all = self.wait(all, wanted, self.within);
        let (answers, live) = link.call_confirmed(&all).await?;
        let safe = self.weigh(link, &live, &answers, wanted).await?;
        Ok((answers.into_iter().next().unwrap_or_default(), safe))
    }

    fn wait(&self, mut all: Pipeline, count: usize, within: Duration) -> Pipeline {
        all.cmd("WAIT").arg(count).arg(within.as_millis().max(1) as u64);
        all.cmd("ROLE");
        all
    }

    /// Whether what was sent is as safe as it must be.
    async fn weigh(
        &self,
        link: &Link,
        live: &Live,
        answers: &[Value],
        wanted: usize,
    ) -> Result<Result<(), StoreError>, Fault> {
        let behind = answers.get(2..).unwrap_or_default();
        let mut in_step = self.in_step.lock().await;
        let offset = match answers.get(1).map(Role::read) {
            Some(Role::Master(Following { offset, .. })) if !live.went_aside() => offset,
            Some(Role::Replica) => i64::MAX,
            // While the slot is moved another master answers, with other replicas. One that
            // does not say who follows says at least how many have it.
            Some(Role::Master(_) | Role::Unsaid) | None => {
                in_step.members.clear();
                return Ok(self.enough(Spread::read(behind, i64::MAX).count));
            }
        };
        let mut spread = Spread::read(behind, offset);
        if in_step.run != live.run() {
            in_step.members.clear();
        }
        let away = |spread: &Spread, members: &BTreeSet<String>| -> BTreeSet<String> {
            members.difference(&spread.there).cloned().collect()
        };
        let mut missing = away(&spread, &in_step.members);
        if !missing.is_empty() && spread.count >= wanted {
            // Somebody who came just now was quicker than one that must confirm.
            let all = spread.there.union(&in_step.members).count();
            let again = self.wait(::redis::pipe(), all, self.within);
            let (answers, now) = link.call_confirmed(&again).await?;
            if now.generation != live.generation {
                return Err(Fault::Lost(changing(), live.generation));
            }
            spread = Spread::read(&answers, offset);
            missing = away(&spread, &in_step.members);
        }
        if in_step.generation != live.generation || !missing.is_empty() {
            match self.settled_upon(live, &missing).await {
                Standing::Sure => {}
                Standing::Elsewhere => {
                    link.leave(live, changing());
                    return Err(Fault::Lost(changing(), live.generation));
                }
                Standing::Changing => return Ok(Err(changing())),
            }
            for gone in &missing {
                tracing::warn!(replica = gone, "a replica does not follow: it need not confirm");
            }
            *in_step = InStep {
                generation: live.generation,
                run: live.run().to_owned(),
                members: BTreeSet::new(),
            };
        }
        let count = spread.there.len();
        in_step.members.extend(spread.there);
        Ok(self.enough(count))
    }

    /// Waits until a failover is over, if one is under way.
    async fn settled_upon(&self, live: &Live, missing: &BTreeSet<String>) -> Standing {
        let began = tick();
        loop {
            let standing = self.masters.standing(live.address(), missing, self.patience).await;
            if standing != Standing::Changing || began.elapsed() >= CHANGING {
                return standing;
            }
            sleep(LOOKING).await;
        }
    }

    fn enough(&self, count: usize) -> Result<(), StoreError> {
        if count < self.wanted as usize { Err(self.silent(count)) } else { Ok(()) }
    }

    fn too_few(&self, there: u32) -> StoreError {
        StoreError::Unreachable(format!(
            "replicas_ack = {}, but the master has {there} replicas connected: bring replicas \
             back, or set fewer",
            self.wanted
        ))
    }

    fn silent(&self, there: usize) -> StoreError {
        StoreError::Unreachable(format!(
            "{there} replicas had it within {:?}, and replicas_ack = {}: it stands at the master \
             and may be lost with it",
            self.within, self.wanted
        ))
    }
}

impl Spread {
    /// Reads the answers to `WAIT` and to `ROLE` behind it.
    fn read(answers: &[Value], offset: i64) -> Spread {
        // A server that refuses to WAIT has not said that anybody has it.
        let count = answers.first().and_then(integer).and_then(|n| usize::try_from(n).ok());
        let there = match answers.get(1).map(Role::read) {
            Some(Role::Master(Following { replicas, .. })) => {
                let has_it = replicas.into_iter().filter(|(_, has)| *has >= offset);
                has_it.map(|(address, _)| address).collect()
            }
            Some(Role::Replica | Role::Unsaid) | None => BTreeSet::new(),
        };
        Spread { count: count.unwrap_or(0), there }
    }
}

fn changing() -> StoreError {
    StoreError::Unreachable(
        "another Redis is taking the master's place, and what was written to this one may be \
         lost with it: ask again in a moment"
            .to_owned(),
    )
}
