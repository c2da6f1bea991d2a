//! Units come for their orders: a claim under a lease, waiting if there is none.

use super::step::With;
use super::waiters::Place;
use super::{Dispatch, Refusal};
use crate::domain::{Action, Actor, Command, Desk, Entry, Rejection, Unit, entries};
use crate::store::{Claimed, MAX_BATCH};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often a claim that shows nothing but what is hidden is followed by another, of as many as
/// there may be; what lies behind that comes with a later pull.
const MAX_CLAIMS: usize = 16;

/// What a unit, or its district's system, comes for.
#[derive(Clone, Debug)]
pub struct Pull {
    /// For which unit.
    pub unit: Unit,
    /// And all below it.
    pub subtree: bool,
    /// From which tray.
    pub desk: Desk,
    /// At most how many.
    pub max: usize,
    /// For how long, of real time.
    pub lease: Duration,
    /// How long to wait for the first one, of real time.
    pub wait: Duration,
}

impl Dispatch {
    /// Claims orders for a unit, waiting up to `wait` for the first. What is handed to a
    /// unit for the first time is recorded as delivered.
    pub async fn pull(
        self: &Arc<Self>,
        actor: &Actor,
        pull: Pull,
    ) -> Result<Vec<Claimed>, Refusal> {
        let units = self.units_of(actor, &pull)?;
        let bell = self.waiters.bell(pull.unit, Place { desk: pull.desk, subtree: pull.subtree });
        let mut stopping = self.stopping();
        let began = crate::clock::tick();
        loop {
            // Enlisted before looking: what comes between the two still rings.
            let rung = bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let claimed = self.claim(actor, &units, &pull).await?;
            if !claimed.is_empty() {
                let delivered = self.deliver(actor, claimed, pull.desk).await?;
                if !delivered.is_empty() {
                    return Ok(delivered);
                }
            }
            let left = pull.wait.saturating_sub(began.elapsed());
            if left.is_zero() || *stopping.borrow() {
                return Ok(Vec::new());
            }
            tokio::select! {
                () = &mut rung => {}
                () = tokio::time::sleep(left) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    fn units_of(&self, actor: &Actor, pull: &Pull) -> Result<Vec<Unit>, Refusal> {
        let catalogue = self.catalogue();
        if catalogue.unit(pull.unit).is_none() {
            let allowed = format!("unit {} is not in the catalogue", pull.unit);
            return Err(Refusal::Invalid { field: "unit", allowed });
        }
        if !actor.unit.covers(pull.unit) {
            let (holder, actor) = (pull.unit, actor.unit);
            return Err(Rejection::NotHolder { holder, actor }.into());
        }
        if !pull.subtree {
            return Ok(vec![pull.unit]);
        }
        let below = catalogue.units().map(|row| row.unit);
        Ok(below.filter(|unit| pull.unit.covers(*unit)).collect())
    }

    /// Claims what the actor may see. A hall that is complained about itself gets nothing of
    /// that from the units below it; what it claimed unseen is let go again.
    async fn claim(
        &self,
        actor: &Actor,
        units: &[Unit],
        pull: &Pull,
    ) -> Result<Vec<Claimed>, Refusal> {
        let max = pull.max.clamp(1, MAX_BATCH);
        let (mut seen, mut unseen, mut asks) = (Vec::new(), Vec::new(), max);
        for _ in 0..MAX_CLAIMS {
            let claimed = self.store.claim(units, pull.desk, asks, pull.lease).await?;
            let hides = |claimed: &Claimed| {
                claimed.order.hidden_from(actor.unit) || claimed.order.hidden_from(pull.unit)
            };
            let (mut hidden, mut shown): (Vec<_>, Vec<_>) = claimed.into_iter().partition(hides);
            let only_hidden = shown.is_empty() && !hidden.is_empty();
            // What was claimed to look behind the hidden may be more than is wanted.
            hidden.extend(shown.drain(max.min(shown.len())..));
            unseen.extend(hidden.iter().flat_map(|Claimed { order, lease }| {
                let held = |e: &Entry| e.desk == pull.desk && e.assignment == lease.assignment;
                let places = entries(order).into_iter().filter(held);
                places.map(|entry| (entry, *lease)).collect::<Vec<_>>()
            }));
            seen = shown;
            if !only_hidden {
                break;
            }
            asks = MAX_BATCH;
        }
        if !unseen.is_empty() {
            self.store.release(&unseen).await?;
        }
        Ok(seen)
    }

    /// Records deliveries of what nobody has signed, all at once so that they share a commit. An
    /// order that moved on between claim and delivery is left out: it is somebody else's now. So
    /// is one that is parked for having been delivered too often.
    async fn deliver(
        self: &Arc<Self>,
        actor: &Actor,
        claimed: Vec<Claimed>,
        desk: Desk,
    ) -> Result<Vec<Claimed>, Refusal> {
        match desk {
            Desk::Triage | Desk::Lead | Desk::Review | Desk::Approval => {}
            // Nobody is handed the order itself here: it is looked at or helped with.
            Desk::FollowUp | Desk::Raised | Desk::CoHandler | Desk::Copy | Desk::Parked => {
                return Ok(claimed);
            }
        }
        let mut tasks = JoinSet::new();
        for (at, claimed) in claimed.into_iter().enumerate() {
            let this = Arc::clone(self);
            let actor = actor.clone();
            tasks.spawn(async move { (at, this.deliver_one(actor, claimed).await) });
        }
        let mut delivered = Vec::with_capacity(tasks.len());
        let mut refused = None;
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((at, Ok(Some(claimed)))) => delivered.push((at, claimed)),
                Ok((_, Ok(None))) => {}
                Ok((_, Err(refusal))) => refused = Some(refusal),
                Err(_) => refused = Some(Refusal::Busy),
            }
        }
        // What was written down as handed out is handed out, whatever became of the others:
        // those come again when their leases end.
        match refused {
            Some(refusal) if delivered.is_empty() => return Err(refusal),
            Some(refusal) => tracing::warn!(%refusal, "left out of what is handed out"),
            None => {}
        }
        delivered.sort_by_key(|(at, _)| *at);
        Ok(delivered.into_iter().map(|(_, claimed)| claimed).collect())
    }

    async fn deliver_one(
        &self,
        actor: Actor,
        claimed: Claimed,
    ) -> Result<Option<Claimed>, Refusal> {
        let Claimed { order, lease } = claimed;
        let action = match order.leg().delivered_at {
            None => Action::Deliver,
            Some(_) if order.is_unsigned() => {
                Action::Redeliver { at_most: self.settings.park_after }
            }
            Some(_) => return Ok(Some(Claimed { order, lease })),
        };
        let command = Command { actor, action };
        let with = With { lease: Some(lease), ..With::default() };
        match self.step(order.no, &command, with).await {
            Ok((_, order)) if lease.is_of(&order) && !order.is_parked() => {
                Ok(Some(Claimed { order, lease }))
            }
            // It moved on, or is parked.
            Ok(_) | Err(Refusal::LeaseStale) => Ok(None),
            // It has come to complain about who asks.
            Err(Refusal::Rejected(refused)) if refused.why == Rejection::NoSuchOrder => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
