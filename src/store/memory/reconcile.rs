//! Mending, under the one lock. Callers' lists are read off the contacts and cannot be wrong.

use super::Memory;
use super::leases::Held;
use crate::domain::{Entry, OrderNo, Tally, Timestamp};
use crate::store::{Cursor, Look, Mismatch, Reconcile, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Reconcile for Memory {
    /// Every place with a lease, for a lease may be all that is there.
    async fn hints(&self) -> Result<Vec<(OrderNo, Option<Entry>)>, StoreError> {
        let state = self.state()?;
        let hint = |no, held: &Held| {
            let Held { unit, desk, assignment, .. } = *held;
            (no, Some(Entry { unit, desk, assignment, deadline: Timestamp(0) }))
        };
        Ok(state.leases.iter().map(|(no, held)| hint(no, held)).collect())
    }

    async fn reconcile(
        &self,
        look: &Look,
        mend: bool,
    ) -> Result<Option<Vec<Mismatch>>, StoreError> {
        let mut state = self.state()?;
        let no = look.no;
        if state.orders.get(&no) != look.order.as_ref() {
            return Ok(None);
        }
        let (mut found, right, timer) = (Vec::new(), look.right(), look.timer());
        for entry in &right {
            let tray = state.trays.entry((entry.unit, entry.desk)).or_default();
            if tray.get(&(entry.deadline, no)) != Some(&entry.assignment) {
                found.push(Mismatch::Missing(*entry));
                if mend {
                    tray.insert((entry.deadline, no), entry.assignment);
                }
            }
        }
        for entry in &look.seen {
            let same = |r: &Entry| (r.unit, r.desk) == (entry.unit, entry.desk);
            let is_right = right.iter().any(|r| same(r) && r.deadline == entry.deadline);
            if !is_right
                && let Some(tray) = state.trays.get_mut(&(entry.unit, entry.desk))
                && tray.contains_key(&(entry.deadline, no))
            {
                found.push(Mismatch::Stray(*entry));
                if mend {
                    tray.remove(&(entry.deadline, no));
                }
            }
            let here = |held: &Held| (held.unit, held.desk) == (entry.unit, entry.desk);
            if !right.iter().any(same) && state.leases.of(no).iter().any(here) {
                found.push(Mismatch::Torn(*entry));
                if mend {
                    state.leases.retain(no, |held| !here(held));
                }
            }
        }
        let wrong: Vec<Timestamp> =
            look.due.iter().copied().filter(|at| Some(*at) != timer).collect();
        let stored = wrong.into_iter().find(|at| state.deadlines.contains(&(*at, no)));
        let missing = timer.filter(|at| !state.deadlines.contains(&(*at, no)));
        if stored.is_some() || missing.is_some() {
            found.push(Mismatch::Timer(stored, timer));
            if mend {
                state.deadlines.retain(|(_, other)| *other != no);
                state.deadlines.extend(timer.map(|at| (at, no)));
            }
        }
        Ok(Some(found))
    }

    async fn mark(&self) -> Result<Cursor, StoreError> {
        Ok(self.state()?.end(self.epoch))
    }

    async fn mend_tallies(
        &self,
        since: Cursor,
        right: &[(Tally, i64)],
    ) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let same = state.end(self.epoch) == since;
        if same {
            state.tallies.extend(right.iter().copied());
        }
        Ok(same)
    }
}
