//! The city's mode: which limits new orders are stamped with, and stamping those in flight
//! anew, order by order, by whichever process runs the timers.

use super::step::With;
use super::{Dispatch, Refusal, Request};
use crate::domain::{
    Action, Actor, Category, ClockKind, Command, Event, Mode, Order, OrderNo, Policy, Reading,
    Stage, Timestamp, What, decide,
};
use crate::store::{CommitError, MAX_BATCH, ModeRow, RequestId, Restamping, StoreError};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::Bound;
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
        match self.heard_of_mode() {
            Some(known) => Ok(known),
            None => self.look_at_mode().await,
        }
    }

    /// The same for who need not wait: of a store that this process has not asked yet it is the
    /// mode that cities start in.
    pub(super) fn known_mode(&self) -> InForce {
        let starting = || InForce { mode: self.starting_mode(), version: 0 };
        self.heard_of_mode().unwrap_or_else(starting)
    }

    fn heard_of_mode(&self) -> Option<InForce> {
        *self.in_force.read().unwrap_or_else(PoisonError::into_inner)
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
        self.catalogue().starting_mode()
    }

    /// The limits of a matter in a mode, when its closure clock counts from then.
    pub(super) fn limits(&self, reading: &Reading, zero: Timestamp, mode: Mode) -> Policy {
        self.catalogue().policy_for(reading.kind, reading.urgency, mode, zero)
    }

    /// The limits of an order that is about this, on the clock that runs.
    pub(super) fn limits_of(&self, order: &Order, reading: &Reading, mode: Mode) -> Policy {
        self.limits(reading, order.zero(ClockKind::Closure), mode)
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
        self.must_be_centre(actor)?;
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
            unit: self.cell().centre(),
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
        Action::Restamp { policy: Box::new(self.limits_of(order, &order.reading, mode)) }
    }

    /// Stamps one page of the orders in flight, if that is to be done; whether there is more.
    /// What was stamped before is passed over, so it goes on wherever another process stopped,
    /// and counts the same however often it goes through a page.
    pub(super) async fn restamp_page(self: &Arc<Self>) -> Result<bool, StoreError> {
        let Some(mut row) = self.store.mode().await? else { return Ok(false) };
        let Some(job) = row.restamping.filter(|job| job.done_at.is_none()) else {
            return Ok(false);
        };
        self.remember_mode(Some(&row));
        let page = self.in_flight(job.after).await?;
        let mut job = Restamping { looked: job.looked + page.looked, ..job };
        match page.last {
            Some(last) => job.after = Some(last),
            None => job.done_at = Some(self.now()),
        }
        let mut steps = JoinSet::new();
        for no in page.open {
            let (this, request, version) = (Arc::clone(self), row.request, row.version);
            steps.spawn(async move { (no, this.restamp_order(no, request, version).await) });
        }
        while let Some(joined) = steps.join_next().await {
            // One that panicked has said so already.
            let Ok((no, stamped)) = joined else {
                job.failed += 1;
                continue;
            };
            match stamped {
                Ok(stamped) => job.restamped += u64::from(stamped),
                // There is another row to begin with.
                Err(Refusal::ModeMoved { .. }) => return Ok(true),
                Err(refusal) if passes(&refusal) => {
                    tracing::warn!(%refusal, "stamping orders anew: tried again");
                    return Ok(false);
                }
                Err(refusal) => {
                    tracing::error!(order = %no, %refusal, "not stamped anew; the others are");
                    job.failed += 1;
                }
            }
        }
        row.revision += 1;
        row.restamping = Some(job);
        match self.store.set_mode(&row, None).await {
            Ok(()) => Ok(job.done_at.is_none()),
            // Switched meanwhile, or written by another process that is at it too.
            Err(_) => Ok(true),
        }
    }

    /// The orders after `after`. A page with a damaged record cannot be read; then the trays
    /// tell which orders wait, and each is tried by itself.
    async fn in_flight(&self, after: Option<OrderNo>) -> Result<Page, StoreError> {
        match self.store.scan(after, MAX_BATCH).await {
            Ok(page) => Ok(Page {
                looked: page.len() as u64,
                last: page.last().map(|order| order.no),
                open: page.iter().filter(|order| order.is_open()).map(|order| order.no).collect(),
            }),
            Err(StoreError::Damaged(why)) => {
                tracing::warn!(why, "stamping orders anew: one by one");
                let waiting: BTreeSet<_> =
                    self.store.all_entries().await?.into_iter().map(|(_, no)| no).collect();
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let waiting = waiting.range((from, Bound::Unbounded));
                let open: Vec<_> = waiting.copied().take(MAX_BATCH).collect();
                Ok(Page { looked: open.len() as u64, last: open.last().copied(), open })
            }
            Err(
                error @ (StoreError::Unreachable(_)
                | StoreError::Full(_)
                | StoreError::TooNew { .. }),
            ) => Err(error),
            Err(error @ (StoreError::FeedDiverged { .. } | StoreError::FeedTrimmed { .. })) => {
                Err(error)
            }
        }
    }

    /// Stamps one order for a switch, once: whether it has other limits by that.
    async fn restamp_order(
        &self,
        no: OrderNo,
        switch: RequestId,
        version: u32,
    ) -> Result<bool, Refusal> {
        let request = Request { id: part(switch, no), digest: [0; 16] };
        let want = |order: &Order, in_force: InForce, _: Timestamp| {
            if in_force.version != version {
                return Err(Refusal::ModeMoved { version: in_force.version });
            }
            Ok(self.restamp(order, in_force.mode))
        };
        let with = With { request: Some(request), ..With::default() };
        let clock = Actor::clock(self.cell());
        self.step_by(no, &clock, with, want).await?;
        // It may have been stamped before, by a process that could not write so down any more.
        Ok(self.recall(Some(request), &clock).await?.is_some())
    }
}

/// Orders to stamp anew.
struct Page {
    /// How many were looked at.
    looked: u64,
    /// The last of them; `None` when there were no more.
    last: Option<OrderNo>,
    /// Those that may be open.
    open: Vec<OrderNo>,
}

/// Whether trying again later may help: it is not the order's fault.
fn passes(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Unavailable(StoreError::Unreachable(_))
            | Refusal::Unknown(_)
            | Refusal::Busy
            | Refusal::Stopping
    )
}

/// The identity of one order's part in a switch.
fn part(switch: RequestId, no: OrderNo) -> RequestId {
    let mut id = Sha256::new();
    id.update(switch.0.to_be_bytes());
    id.update(no.code().to_be_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&id.finalize()[..16]);
    RequestId(u128::from_be_bytes(first))
}
