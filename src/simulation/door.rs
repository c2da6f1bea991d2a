//! The store as one process sees it: every call takes its turn on a network that misbehaves.

use super::mutant::Mutant;
use super::state::Together;
use super::world::{OnItsWay, Shared, World, trouble};
use crate::domain::{
    Cell, Counts, Date, Desk, Dimension, Entry, Event, Marginal, Order, OrderNo, TALLIES, Tally,
    Timestamp, Unit,
};
use crate::store::{
    Change, Claimed, CommitError, Cursor, Lease, Load, Look, MAX_BATCH, MAX_OF_CALLER, Mismatch,
    ModeRow, Paper, Reconcile, Remembered, RequestId, SealedContact, Store, StoreError, Vitals,
    check_together,
};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::sync::oneshot;

/// One process's way to the store.
pub(super) struct Door {
    pub(super) world: Shared,
    pub(super) cell: Cell,
    pub(super) process: usize,
}

/// What becomes of a commit, by the weather.
enum Fate {
    Done,
    DoneUnheard,
    Refused,
    Undone,
    Later,
    Conflict,
}

impl Fate {
    fn thrown(world: &mut World) -> Fate {
        let weather = world.weather.clone();
        let mut strikes = |rate| world.dice.happens(rate);
        if strikes(weather.refused) {
            Fate::Refused
        } else if strikes(weather.unknown_undone) {
            Fate::Undone
        } else if strikes(weather.unknown_done) {
            Fate::DoneUnheard
        } else if strikes(weather.later) {
            Fate::Later
        } else if strikes(weather.conflict) {
            Fate::Conflict
        } else {
            Fate::Done
        }
    }
}

impl Door {
    /// Waits until the simulation lets this call arrive, and arrives.
    async fn turn(&self, changes: Option<Together>) -> MutexGuard<'_, World> {
        let turn = {
            let mut world = self.world.lock();
            let rate = world.weather.at_once;
            if world.dice.happens(rate) {
                None
            } else {
                let (turn, wait) = oneshot::channel();
                world.on_their_way.push(OnItsWay { process: self.process, changes, turn });
                Some(wait)
            }
        };
        if let Some(turn) = turn {
            // The simulation never drops a turn without giving it.
            let _ = turn.await;
        }
        self.world.lock()
    }

    /// A read arrives, or does not.
    pub(super) async fn read(&self) -> Result<MutexGuard<'_, World>, StoreError> {
        let mut world = self.turn(None).await;
        let rate = world.weather.unread;
        if world.dice.happens(rate) { Err(trouble()) } else { Ok(world) }
    }

    /// What is about the city arrives, or does not.
    async fn write(
        &self,
        write: impl FnOnce(&mut World) -> Result<(), CommitError> + Send,
    ) -> Result<(), CommitError> {
        let mut world = self.turn(None).await;
        match Fate::thrown(&mut world) {
            Fate::Done => write(&mut world),
            Fate::DoneUnheard => {
                let _ = write(&mut world);
                Err(CommitError::Unknown(trouble()))
            }
            Fate::Refused => Err(CommitError::Unavailable(trouble())),
            Fate::Undone | Fate::Later => Err(CommitError::Unknown(trouble())),
            Fate::Conflict => Err(CommitError::Conflict),
        }
    }

    /// A change as a broken shell would hand it over.
    fn bent(&self, mut change: Change) -> Change {
        let mut world = self.world.lock();
        if world.slips.slips(Mutant::DropRequestId) {
            change.request = None;
        }
        if world.slips.is(Mutant::DropLease) {
            change.lease = None;
        }
        change
    }
}

/// Whether this read shows what was.
fn is_stale(world: &mut World) -> bool {
    let rate = world.weather.stale;
    let stale = world.dice.happens(rate);
    world.stale += u64::from(stale);
    stale
}

#[async_trait]
impl Vitals for Door {
    async fn load_now(&self) -> Result<Load, StoreError> {
        let timers = self.read().await?.state.deadlines.len() as u64;
        Ok(Load { leases: 0, timers })
    }
}

/// Nothing is mended here: in the simulation whatever does not agree is a failure.
#[async_trait]
impl Reconcile for Door {
    async fn reconcile(&self, look: &Look, _: bool) -> Result<Option<Vec<Mismatch>>, StoreError> {
        let world = self.read().await?;
        let state = &world.state;
        if state.orders.get(&look.no) != look.order.as_ref() {
            return Ok(None);
        }
        let entries = state.all_entries().into_iter().filter(|(_, no)| *no == look.no);
        let entries: Vec<Entry> = entries.map(|(entry, _)| entry).collect();
        let due = state.deadlines.iter().filter(|(_, no)| *no == look.no);
        let due: Vec<Timestamp> = due.map(|(at, _)| *at).collect();
        Ok(Some(look.compare(&entries, &due)))
    }

    async fn mark(&self) -> Result<Cursor, StoreError> {
        self.feed_end().await
    }
}

#[async_trait]
impl Store for Door {
    fn cell(&self) -> Cell {
        self.cell
    }

    async fn reserve(&self, date: Date, count: u32, above: u32) -> Result<u32, StoreError> {
        Ok(self.read().await?.reserve(date, count, above))
    }

    async fn load(&self, no: OrderNo) -> Result<Option<Arc<Order>>, StoreError> {
        let mut world = self.read().await?;
        let stale = is_stale(&mut world);
        let order = world.state.orders.get(&no).cloned();
        // What was a step ago; of a new order, nothing.
        let order = if stale { world.state.earlier.get(&no).cloned() } else { order };
        Ok(match order {
            Some(order) if world.slips.is(Mutant::ForgetRecusal) && !order.recused.is_empty() => {
                Some(Arc::new(Order { recused: Vec::new(), ..Order::clone(&order) }))
            }
            order => order,
        })
    }

    async fn remembered(&self, id: RequestId) -> Result<Option<Remembered>, StoreError> {
        let mut world = self.read().await?;
        if world.slips.is(Mutant::NeverRecall) {
            return Ok(None);
        }
        world.remembered(id)
    }

    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        self.commit_together(vec![change]).await
    }

    async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        check_together(&changes)?;
        let most = match self.world.lock().slips.is(Mutant::DropBeside) {
            true => 1,
            false => changes.len(),
        };
        let changes = changes.into_iter().take(most).map(|change| Arc::new(self.bent(change)));
        let changes: Together = changes.collect();
        let mut world = self.turn(Some(Arc::clone(&changes))).await;
        let process = self.process;
        let answer = match Fate::thrown(&mut world) {
            Fate::Done => {
                let came = world.commit(process, changes);
                world.answer(came)
            }
            Fate::DoneUnheard => {
                let _ = world.commit(process, changes);
                Err(CommitError::Unknown(trouble()))
            }
            Fate::Refused => Err(CommitError::Unavailable(trouble())),
            Fate::Undone => Err(CommitError::Unknown(trouble())),
            Fate::Later => {
                world.adrift.push((process, changes));
                Err(CommitError::Unknown(trouble()))
            }
            Fate::Conflict => Err(CommitError::Conflict),
        };
        match answer {
            Err(CommitError::Unknown(_)) if world.slips.slips(Mutant::UnknownIsOk) => Ok(()),
            Err(CommitError::Conflict) if world.slips.slips(Mutant::ConflictIsOk) => Ok(()),
            answer => answer,
        }
    }

    async fn claim(
        &self,
        units: &[Unit],
        desk: Desk,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut world = self.read().await?;
        let claimed = world.claim(units, desk, max, lease);
        // The answer may be lost: then they are held by nobody until their leases are over.
        let rate = world.weather.unread;
        if world.dice.happens(rate) { Err(trouble()) } else { Ok(claimed) }
    }

    async fn release(&self, claims: &[(Entry, Lease)]) -> Result<(), StoreError> {
        let mut world = self.read().await?;
        for (Entry { unit, desk, .. }, lease) in claims {
            world.release(lease.order, *unit, *desk, lease.claim);
        }
        Ok(())
    }

    async fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        let mut world = self.read().await?;
        let overlooked = world.slips.is(Mutant::OverlookDue);
        let due = world.state.deadlines.iter().take_while(|(at, _)| *at <= now);
        let due = due.filter(|(_, no)| !(overlooked && no.seq().is_multiple_of(8)));
        let mut due: Vec<_> = due.take(max.min(MAX_BATCH)).copied().collect();
        if is_stale(&mut world) {
            // Something is not due yet to this reader, and something is due to it no more.
            due.pop();
            due.extend(world.state.orders.keys().next().map(|no| (now, *no)));
        }
        Ok(due)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read().await?.state.deadlines.first().map(|(at, _)| *at))
    }

    async fn tray(
        &self,
        unit: Unit,
        desk: Desk,
        after: Option<(Timestamp, OrderNo)>,
        max: usize,
    ) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        Ok(self.read().await?.state.tray(unit, desk, after, max))
    }

    async fn numbers(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<OrderNo>, StoreError> {
        let page = self.read().await?.state.scan(after, max);
        Ok(page.iter().map(|order| order.no).collect())
    }

    async fn scan(
        &self,
        after: Option<OrderNo>,
        max: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        Ok(self.read().await?.state.scan(after, max))
    }

    async fn all_entries(&self) -> Result<Vec<(Entry, OrderNo)>, StoreError> {
        Ok(self.read().await?.state.all_entries())
    }

    async fn all_deadlines(&self) -> Result<Vec<(Timestamp, OrderNo)>, StoreError> {
        Ok(self.read().await?.state.deadlines.iter().copied().collect())
    }

    async fn tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError> {
        let world = self.read().await?;
        let value = |tally: &Tally| (*tally, world.state.tallies.get(tally).copied().unwrap_or(0));
        Ok(TALLIES.iter().map(value).collect())
    }

    async fn of_caller(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError> {
        let world = self.read().await?;
        let latest = world.state.contacts.iter().rev();
        let same = latest.filter(|(_, contact)| contact.phone == phone).map(|(no, _)| *no);
        let orders = &world.state.orders;
        let open = same.filter(|no| orders.get(no).is_some_and(|order| !order.is_over()));
        Ok(open.take(MAX_OF_CALLER).collect())
    }

    async fn mode(&self) -> Result<Option<ModeRow>, StoreError> {
        Ok(self.read().await?.state.mode.clone())
    }

    async fn set_mode(&self, row: &ModeRow, event: Option<&Event>) -> Result<(), CommitError> {
        self.write(|world| world.set_mode(row, event)).await
    }

    async fn announce(&self, read: Cursor, event: &Event) -> Result<(), CommitError> {
        self.write(|world| world.announce(read, event)).await
    }

    async fn indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError> {
        let world = self.read().await?;
        let mut sums: BTreeMap<Marginal, Counts> = BTreeMap::new();
        for ((day, marginal), counts) in &world.state.indicators {
            if (from..=to).contains(day) && marginal.dimension() == of {
                sums.entry(*marginal).or_default().add(counts);
            }
        }
        Ok(sums.into_iter().collect())
    }

    async fn paper(&self, no: OrderNo, index: u16) -> Result<Option<Paper>, StoreError> {
        let world = self.read().await?;
        Ok(world.state.papers.get(&(no, index)).map(|paper| Paper::clone(paper)))
    }

    async fn contact(&self, no: OrderNo) -> Result<Option<SealedContact>, StoreError> {
        Ok(self.read().await?.state.contacts.get(&no).cloned())
    }

    async fn feed(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(Cursor, Event)>, StoreError> {
        let mut world = self.read().await?;
        let mut events = world.state.read_feed(world.epoch, after, max)?;
        if is_stale(&mut world) {
            events.pop();
        }
        Ok(events)
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        let world = self.read().await?;
        Ok(world.state.end(world.epoch))
    }

    async fn feed_grown(&self, _after: Cursor, _at_most: Duration) -> Result<(), StoreError> {
        self.read().await.map(|_| ())
    }

    async fn hold_timers(&self, holder: u64, for_: Duration) -> Result<bool, StoreError> {
        Ok(self.read().await?.hold_timers(holder, for_))
    }

    async fn wall_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.read().await?.now))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read().await.map(|_| ())
    }

    async fn close(&self) {}
}
