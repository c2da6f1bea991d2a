//! Mending: trays, timers and callers are in memory and were worked out at opening; on the disk
//! an order can lie in the wrong table. The writer compares, between two groups, so that nothing
//! is on its way.

use super::Embedded;
use super::hot::Hot;
use super::opening::{unwritable, write_tallies};
use super::reads::no_answer;
use super::tables::{ARCHIVED, CONTACTS, META, META_TALLIES, ORDERS, order_key};
use super::writer::{Job, Writer};
use super::{archived, unreadable};
use crate::domain::{Entry, Order, OrderNo, TALLIES, Tally, Timestamp};
use crate::store::{Cursor, Look, Mismatch, Reconcile, StoreError, codec};
use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// What a comparison comes to.
pub(super) type Reconciled = Result<Option<Vec<Mismatch>>, StoreError>;

/// How many open orders are looked at under one lock.
const TOGETHER: usize = 256;

#[async_trait]
impl Reconcile for Embedded {
    /// Orders that are filed among the open ones and are over, and those filed twice.
    async fn hints(&self) -> Result<Vec<(OrderNo, Option<Entry>)>, StoreError> {
        let mut hints = Vec::new();
        let mut after: Option<OrderNo> = None;
        loop {
            let page: Vec<(OrderNo, Box<[u8]>)> = {
                let (hot, _) = self.hot()?;
                let from = (after.map_or(Unbounded, Excluded), Unbounded);
                let page = hot.orders.range(from).take(TOGETHER);
                page.map(|(no, kept)| (*no, kept.snapshot.clone())).collect()
            };
            let Some((last, _)) = page.last() else { return Ok(hints) };
            after = Some(*last);
            let db = self.hot()?.1;
            for (no, snapshot) in page {
                let twice = || -> Result<bool, redb::Error> {
                    let table = db.begin_read()?.open_table(ARCHIVED)?;
                    Ok(table.get(&order_key(no))?.is_some())
                };
                if twice().map_err(unreadable)? || codec::decode_order(&snapshot)?.is_over() {
                    hints.push((no, None));
                }
            }
        }
    }

    async fn reconcile(&self, look: &Look, mend: bool) -> Reconciled {
        let look = look.clone();
        let answer = self.ask(|answer| Job::Reconcile { look, mend, answer }).await?;
        answer.await.map_err(|_| no_answer())?
    }

    async fn mend_caller(
        &self,
        phone: [u8; 16],
        seen: &[OrderNo],
        orders: &[OrderNo],
        _added: &[Arc<Order>],
    ) -> Result<bool, StoreError> {
        let mut hot = self.shared.write();
        let same = hot.of_caller(&phone) == seen;
        if same {
            // Whom memory forgot is known again; whoever is over was never kept here.
            let mut open: Vec<OrderNo> =
                orders.iter().copied().filter(|no| hot.orders.contains_key(no)).collect();
            open.sort_unstable();
            for no in &open {
                if let Some(kept) = hot.orders.get_mut(no) {
                    kept.caller = Some(phone);
                }
            }
            hot.callers.insert(phone, open);
        }
        Ok(same)
    }

    async fn mark(&self) -> Result<Cursor, StoreError> {
        Ok(self.hot()?.0.feed_end)
    }

    async fn mend_tallies(
        &self,
        since: Cursor,
        right: &[(Tally, i64)],
    ) -> Result<bool, StoreError> {
        let right = right.to_vec();
        let answer = self.ask(|answer| Job::SetTallies { since, right, answer }).await?;
        answer.await.map_err(|_| no_answer())
    }
}

/// An order as the file has it: among the open ones, and among the archived ones.
struct Rows {
    open: Option<Order>,
    archived: Option<Order>,
}

impl Rows {
    fn read(db: &Database, no: OrderNo) -> Result<Rows, StoreError> {
        let look = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = db.begin_read()?.open_table(ORDERS)?;
            Ok(table.get(&order_key(no))?.map(|value| value.value().to_vec()))
        };
        let open = look().map_err(unreadable)?;
        let open = open.map(|bytes| codec::decode_order(&bytes)).transpose()?;
        Ok(Rows { open, archived: archived(db, no)? })
    }

    /// Of two the later one is the order.
    fn order(&self) -> Option<&Order> {
        match (&self.open, &self.archived) {
            (Some(open), Some(archived)) if archived.version > open.version => Some(archived),
            (Some(open), _) => Some(open),
            (None, archived) => archived.as_ref(),
        }
    }

    fn are_right(&self, hot: &Hot, no: OrderNo) -> bool {
        let Some(order) = self.order() else { return !hot.orders.contains_key(&no) };
        let over = order.is_over();
        let kept = hot.orders.get(&no).map(|kept| kept.version);
        let shown = if over { None } else { Some(order.version) };
        (self.open.is_none(), self.archived.is_some()) == (over, over) && kept == shown
    }
}

impl Writer {
    pub(super) fn reconcile(&mut self, db: &Database, look: &Look, mend: bool) -> Reconciled {
        let rows = Rows::read(db, look.no)?;
        if rows.order() != look.order.as_deref() {
            return Ok(None);
        }
        let mut found = Vec::new();
        if !rows.are_right(&self.shared.read(), look.no) {
            found.push(Mismatch::Misfiled);
            if mend {
                self.refile(db, look.no, &rows)?;
            }
        }
        let mut hot = self.shared.write();
        places(&mut hot, look, mend, &mut found);
        timers(&mut hot, look, mend, &mut found);
        Ok(Some(found))
    }

    /// Puts an order into its table, and takes it out of the other.
    fn refile(&mut self, db: &Database, no: OrderNo, rows: &Rows) -> Result<(), StoreError> {
        let Some(order) = rows.order() else {
            self.shared.write().orders.remove(&no);
            return Ok(());
        };
        let (key, bytes) = (order_key(no), codec::encode_order(order));
        let mut contact = None;
        let mut write = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            {
                let (open, over) = (txn.open_table(ORDERS)?, txn.open_table(ARCHIVED)?);
                let (mut right, mut wrong) =
                    if order.is_over() { (over, open) } else { (open, over) };
                right.insert(&key, bytes.as_slice())?;
                wrong.remove(&key)?;
                let contacts = txn.open_table(CONTACTS)?;
                contact = contacts.get(&key)?.and_then(|c| codec::decode_contact(c.value()).ok());
            }
            txn.commit()?;
            Ok(())
        };
        if let Err(e) = write() {
            // It may have reached the disk: the file is opened again before it is believed.
            let error = unwritable(e);
            self.let_go(error.clone());
            return Err(error);
        }
        let mut hot = self.shared.write();
        let caller = contact.map(|contact| contact.phone);
        hot.forget_caller(no, caller);
        hot.orders.remove(&no);
        if order.is_over() {
            hot.archive_end = hot.archive_end.max(Some(no));
        } else {
            hot.keep(order, &bytes, caller);
        }
        Ok(())
    }

    /// Sets counters, unless anything happened meanwhile.
    pub(super) fn set_tallies(
        &mut self,
        db: &Database,
        since: Cursor,
        right: &[(Tally, i64)],
    ) -> bool {
        let mut tallies = {
            let hot = self.shared.read();
            if hot.feed_end != since {
                return false;
            }
            hot.tallies
        };
        for (tally, value) in right {
            if let Some(at) = TALLIES.iter().position(|t| t == tally) {
                tallies[at] = *value;
            }
        }
        let write = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            txn.open_table(META)?.insert(META_TALLIES, write_tallies(&tallies).as_slice())?;
            txn.commit()?;
            Ok(())
        };
        let written = write();
        match &written {
            Ok(()) => self.shared.write().tallies = tallies,
            Err(e) => self.let_go(unwritable(e)),
        }
        written.is_ok()
    }
}

/// Where it waits, against where it must.
fn places(hot: &mut Hot, look: &Look, mend: bool, found: &mut Vec<Mismatch>) {
    let right = look.right();
    for entry in &right {
        let place = (entry.deadline, look.no);
        let tray = hot.trays.entry((entry.unit, entry.desk)).or_default();
        let (assignment, torn) = tray.look(place);
        if torn {
            found.push(Mismatch::Torn(*entry));
            if mend {
                tray.untear(place);
            }
        }
        if assignment != Some(entry.assignment) {
            found.push(Mismatch::Missing(*entry));
            if mend {
                tray.remove(place);
                tray.insert(place, entry.assignment, None);
            }
        }
    }
    for entry in &look.seen {
        let place = (entry.deadline, look.no);
        let is_right = right
            .iter()
            .any(|r| (r.unit, r.desk, r.deadline) == (entry.unit, entry.desk, entry.deadline));
        let Some(tray) = hot.trays.get_mut(&(entry.unit, entry.desk)) else { continue };
        if !is_right && tray.look(place).0.is_some() {
            found.push(Mismatch::Stray(*entry));
            if mend {
                tray.untear(place);
                tray.remove(place);
            }
        }
    }
}

/// When it is due, against when it must be.
fn timers(hot: &mut Hot, look: &Look, mend: bool, found: &mut Vec<Mismatch>) {
    let timer = look.timer();
    let wrong: Vec<Timestamp> = look
        .due
        .iter()
        .copied()
        .filter(|at| Some(*at) != timer && hot.deadlines.contains(&(*at, look.no)))
        .collect();
    let missing = timer.filter(|at| !hot.deadlines.contains(&(*at, look.no)));
    if wrong.is_empty() && missing.is_none() {
        return;
    }
    found.push(Mismatch::Timer(wrong.first().copied(), timer));
    if mend {
        for at in wrong {
            hot.deadlines.remove(&(at, look.no));
        }
        hot.deadlines.extend(timer.map(|at| (at, look.no)));
    }
}
