//! The city's mode: which limits new orders are stamped with, and stamping those in flight
//! anew, order by order, by whichever process runs the timers.

use super::step::With;
use super::{Dispatch, Refusal};
use crate::domain::{
    Action, Actor, Category, ClockKind, Command, Event, Mode, Order, OrderNo, Policy, Reading,
    Rejection, Stage, Timestamp, What, decide,
};
use crate::store::{CommitError, MAX_BATCH, ModeRow, RequestId, Restamping, StoreError};
use std::sync::{Arc, PoisonError};
use tokio::task::JoinSet;

/// How many pages of orders one look at what a switch would change goes through.
const MAX_SCANS: usize = 16;

/// The mode in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InForce {
    /// Which.
    pub mode: Mode,
    /// How often it was switched.
    pub version: u32,
}

/// An order whose deadlines another mode would change.
#[derive(Clone, Debug)]
pub struct Restamped {
    /// As it is.
    pub before: Arc<Order>,
    /// As it would be.
    pub after: Order,
}

/// What is wanted of a switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Switch {
    /// To which mode.
    pub mode: Mode,
    /// Whether orders in flight are stamped with its limits.
    pub restamp: bool,
    /// The version this was decided upon.
    pub version: u32,
}

impl Dispatch {
    /// The mode in force, as far as this process knows: a commit that was decided under
    /// another is refused by the store.
    pub async fn mode(&self) -> Result<InForce, Refusal> {
        let known = *self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(known) => Ok(known),
            None => self.look_at_mode().await,
        }
    }

    /// The mode in force, as the store has it.
    pub(super) async fn look_at_mode(&self) -> Result<InForce, Refusal> {
        let row = self.store.mode().await?;
        Ok(self.remember_mode(row.as_ref()))
    }

    fn remember_mode(&self, row: Option<&ModeRow>) -> InForce {
        let now = row.map_or(InForce { mode: self.starting_mode(), version: 0 }, |row| InForce {
            mode: row.mode,
            version: row.version,
        });
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Some(now);
        now
    }

    fn starting_mode(&self) -> Mode {
        self.catalogue.starting_mode()
    }

    /// The limits of an order in a mode.
    pub(super) fn limits(&self, reading: &Reading, heard_at: Timestamp, mode: Mode) -> Policy {
        self.catalogue.policy_for(reading.kind, reading.urgency, mode, heard_at)
    }

    /// The mode row; `None` until the city is switched for the first time.
    pub async fn mode_row(&self) -> Result<Option<ModeRow>, Refusal> {
        Ok(self.store.mode().await?)
    }

    /// Switches the city to another mode: one write and one event. Orders in flight keep what
    /// they have, or are stamped anew one by one from now on.
    pub async fn switch_mode(
        &self,
        actor: &Actor,
        request: RequestId,
        switch: Switch,
    ) -> Result<ModeRow, Refusal> {
        let centre = self.cell().centre();
        if actor.unit != centre {
            return Err(Rejection::NotCentre { centre, actor: actor.unit }.into());
        }
        let before = self.store.mode().await?;
        if let Some(row) = before.as_ref().filter(|row| row.request == request) {
            let same = row.mode == switch.mode && row.restamping.is_some() == switch.restamp;
            return if same {
                Ok(row.clone())
            } else {
                Err(Refusal::RequestReused { id: request })
            };
        }
        let now = self.remember_mode(before.as_ref());
        if now.version != switch.version {
            return Err(Refusal::ModeMoved { version: now.version });
        }
        if now.mode == switch.mode && !switch.restamp {
            return Err(Refusal::ModeUnchanged { mode: now.mode });
        }
        let Switch { mode, restamp, version } = switch;
        let since = self.now();
        let row = ModeRow {
            revision: before.map_or(0, |row| row.revision) + 1,
            mode,
            version: version + 1,
            since,
            request,
            restamping: restamp.then(Restamping::default),
        };
        let event = Event {
            order: OrderNo::city(self.cell()),
            version: row.version,
            at: since,
            actor: actor.clone(),
            stage: Stage::Archived,
            unit: centre,
            category: Category::NONE,
            hidden_from: Vec::new(),
            what: What::ModeSwitched { mode, restamp },
        };
        match self.store.set_mode(&row, Some(&event)).await {
            Ok(()) => {}
            Err(CommitError::Conflict | CommitError::Repeated(_) | CommitError::LeaseStale) => {
                let version = self.look_at_mode().await?.version;
                return Err(Refusal::ModeMoved { version });
            }
            Err(CommitError::Unavailable(error)) => return Err(error.into()),
            Err(CommitError::Unknown(error)) => return Err(Refusal::Unknown(error)),
        }
        self.remember_mode(Some(&row));
        self.sooner.notify_one();
        tracing::warn!(%mode, version = row.version, restamp, "the city's mode was switched");
        Ok(row)
    }

    /// The open orders after `after`, by number, that the actor may see and whose deadlines a
    /// mode would change, and where to go on; `None` when that was all.
    pub async fn preview_mode(
        &self,
        actor: &Actor,
        mode: Mode,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<(Vec<Restamped>, Option<OrderNo>), Refusal> {
        let mut changed = Vec::new();
        let (mut last, mut known) = (after, None);
        for _ in 0..MAX_SCANS {
            let page = self.store.scan(last, MAX_BATCH).await?;
            if page.is_empty() {
                return Ok((changed, None));
            }
            for before in page {
                last = Some(before.no);
                if before.hidden_from(actor.unit) {
                    continue;
                }
                known = last;
                changed.extend(self.restamped(before, mode));
                if changed.len() >= max {
                    return Ok((changed, known));
                }
            }
        }
        Ok((changed, known.or(last)))
    }

    /// An order as a mode would have it; `None` when its deadlines stay.
    fn restamped(&self, before: Arc<Order>, mode: Mode) -> Option<Restamped> {
        let action = self.restamp(&before, mode);
        let command = Command { actor: Actor::clock(self.cell()), action };
        let after = decide(Some(&before), &command, self.now()).ok()?.after;
        let moved = ClockKind::ALL.iter().any(|kind| before.due(*kind) != after.due(*kind));
        moved.then_some(Restamped { before, after })
    }

    fn restamp(&self, order: &Order, mode: Mode) -> Action {
        Action::Restamp { policy: Box::new(self.limits(&order.reading, order.heard_at, mode)) }
    }

    /// Stamps one page of the orders in flight, if that is to be done; whether there is more.
    /// What was stamped before is passed over, so it goes on wherever another process stopped.
    pub(super) async fn restamp_page(self: &Arc<Self>) -> Result<bool, StoreError> {
        let Some(mut row) = self.store.mode().await? else { return Ok(false) };
        let Some(job) = row.restamping.filter(|job| job.done_at.is_none()) else {
            return Ok(false);
        };
        let page = self.store.scan(job.after, MAX_BATCH).await?;
        let mut job = Restamping { looked: job.looked + page.len() as u64, ..job };
        match page.last() {
            Some(last) => job.after = Some(last.no),
            None => job.done_at = Some(self.now()),
        }
        let mut steps = JoinSet::new();
        for order in page.into_iter().filter(|order| order.is_open()) {
            let (this, mode, version) = (Arc::clone(self), row.mode, row.version);
            steps.spawn(async move {
                let action = this.restamp(&order, mode);
                let command = Command { actor: Actor::clock(this.cell()), action };
                let with = With { mode: Some(version), ..With::default() };
                let (_, after) = this.step(order.no, &command, with).await?;
                Ok::<_, Refusal>(after.version > order.version)
            });
        }
        while let Some(stepped) = steps.join_next().await {
            match stepped {
                Ok(Ok(changed)) => job.restamped += u64::from(changed),
                Ok(Err(refusal)) => {
                    tracing::warn!(%refusal, "stamping orders anew: tried again");
                    return Ok(false);
                }
                Err(_) => return Ok(false),
            }
        }
        row.revision += 1;
        row.restamping = Some(job);
        match self.store.set_mode(&row, None).await {
            Ok(()) => Ok(job.done_at.is_none()),
            // Switched meanwhile: there is another row to begin with.
            Err(_) => Ok(true),
        }
    }
}
