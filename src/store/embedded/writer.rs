//! The one thread that writes. Whatever waits is one group: each change is checked against
//! the state including those before it in the group, all are written in one transaction, and
//! only when that has reached the disk are they shown to readers and answered. While one
//! group is on its way, the next gathers.

use super::group::{Accepted, Group, Outcome};
use super::hot::Hot;
use super::leaving::Aside;
use super::opening::{Opened, load, unwritable};
use super::prepared::Prepared;
use super::reconcile::Reconciled;
use super::requests::bucket_of;
use super::tables::{FEED, META, META_ANNOUNCED, META_MODE, Pack};
use super::{Shared, unreadable};
use crate::clock::{tick, wall_now};
use crate::domain::{Cell, Tally};
use crate::store::{Cursor, Look, ModeRow, StoreError, codec};
use redb::{Database, ReadableDatabase};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// The most that is written and flushed together.
pub(super) const GROUP_MOST: usize = 1_024;
/// The most that waits for the writer; whoever comes then waits to hand over.
pub(super) const QUEUE: usize = GROUP_MOST;
/// So many changes become visible at a time, so that no reader waits long.
const SHOWN_TOGETHER: usize = 32;
/// How long the writer leaves a file alone that just refused.
const HEAL_EVERY: Duration = Duration::from_secs(1);
/// How long reads in progress may keep a broken file open.
const HEAL_PATIENCE: u32 = 200;

/// What is asked of the writer.
pub(super) enum Job {
    Commit(Box<Prepared>, oneshot::Sender<Outcome>),
    Reserve {
        day: u16,
        count: u32,
        above: u32,
        answer: oneshot::Sender<Result<u32, StoreError>>,
    },
    SetMode {
        row: ModeRow,
        events: Vec<u8>,
        answer: oneshot::Sender<Outcome>,
    },
    Announce {
        read: Cursor,
        events: Vec<u8>,
        answer: oneshot::Sender<Outcome>,
    },
    /// What leaves, comes back or is read: see `leaving`.
    Aside(Aside),
    /// Compares one order with what is beside it; see `reconcile`.
    Reconcile {
        look: Look,
        mend: bool,
        answer: oneshot::Sender<Reconciled>,
    },
    /// Sets counters if the feed still ends there.
    SetTallies {
        since: Cursor,
        right: Vec<(Tally, i64)>,
        answer: oneshot::Sender<bool>,
    },
    Check(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

/// Opens the file again after it refused.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, StoreError> + Send>;

/// What only the writer knows.
pub(super) struct Writer {
    pub(super) cell: Cell,
    pub(super) shared: Arc<Shared>,
    pub(super) opener: Opener,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// Where the answers are given, when there is a runtime.
    pub(super) tasks: Option<tokio::runtime::Handle>,
    pub(super) numbers: BTreeMap<u16, u32>,
    pub(super) next_feed: u64,
    pub(super) next_pack: u64,
    /// The bucket of request ids; never goes back, whatever the clock does.
    pub(super) bucket: u32,
    /// Buckets before this one are no longer in the file.
    pub(super) purged: u32,
    /// When opening the file again was last tried.
    pub(super) tried: Option<Instant>,
}

impl Writer {
    /// Works until the store is closed or nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut jobs = Vec::with_capacity(GROUP_MOST);
        let mut closers = Vec::new();
        while self.jobs.blocking_recv_many(&mut jobs, GROUP_MOST) > 0 {
            if let Some(closer) = self.work(&mut jobs) {
                // What was handed over before is finished; nothing more is taken.
                self.jobs.close();
                closers.push(closer);
            }
        }
        let closed = StoreError::Unreachable("the store is closed".to_owned());
        self.let_go(closed);
        for closer in closers {
            // Whoever closed it may have stopped waiting.
            let _ = closer.send(());
        }
    }

    /// One group, from the checks to the answers.
    fn work(&mut self, jobs: &mut Vec<Job>) -> Option<oneshot::Sender<()>> {
        let bucket = bucket_of(wall_now());
        if bucket > self.bucket {
            self.bucket = bucket;
            self.shared.write().requests.forget(bucket);
        }
        let db = self.db();
        let mut group = Group::default();
        let mut closer = None;
        for job in jobs.drain(..) {
            match (job, &db) {
                (Job::Close(answer), _) => closer = Some(answer),
                (Job::Check(answer), db) => {
                    let _ = answer.send(db.as_ref().map(|_| ()).map_err(StoreError::clone));
                }
                (Job::SetMode { row, events, answer }, Ok(db)) => {
                    let _ = answer.send(self.set_mode(db, row, &events));
                }
                (Job::SetMode { answer, .. }, Err(e)) => {
                    let _ = answer.send(Outcome::Unavailable(e.clone()));
                }
                (Job::Announce { read, events, answer }, Ok(db)) => {
                    let _ = answer.send(self.announce(db, read, &events));
                }
                (Job::Announce { answer, .. }, Err(e)) => {
                    let _ = answer.send(Outcome::Unavailable(e.clone()));
                }
                (Job::Aside(aside), Ok(db)) => self.aside(db, aside),
                (Job::Aside(aside), Err(e)) => aside.refuse(e.clone()),
                (Job::Reconcile { look, mend, answer }, Ok(db)) => {
                    let _ = answer.send(self.reconcile(db, &look, mend));
                }
                (Job::Reconcile { answer, .. }, Err(e)) => {
                    let _ = answer.send(Err(e.clone()));
                }
                (Job::SetTallies { since, right, answer }, db) => {
                    let set = db.as_ref().is_ok_and(|db| self.set_tallies(db, since, &right));
                    let _ = answer.send(set);
                }
                (Job::Commit(change, answer), Ok(_)) => group.changes.push((change, answer)),
                (Job::Commit(_, answer), Err(e)) => {
                    let _ = answer.send(Outcome::Unavailable(e.clone()));
                }
                (Job::Reserve { day, count, above, answer }, Ok(_)) => {
                    group.reserves.push((day, self.reserve(day, count, above), answer));
                }
                (Job::Reserve { answer, .. }, Err(e)) => {
                    let _ = answer.send(Err(e.clone()));
                }
            }
        }
        if let Ok(db) = db {
            self.finish(group, db);
        }
        closer
    }

    /// Writes the mode row, and what happened: whatever is checked afterwards is checked against
    /// the new one.
    fn set_mode(&mut self, db: &Database, row: ModeRow, events: &[u8]) -> Outcome {
        let before = self.shared.read().mode.as_ref().map_or(0, |row| row.revision);
        if before + 1 != row.revision {
            return Outcome::Conflict;
        }
        let value = codec::encode_mode(&row);
        self.happened(db, events, (META_MODE, &value), |hot| hot.mode = Some(row))
    }

    /// Writes what happened to the city, unless something was announced after `read`.
    fn announce(&mut self, db: &Database, read: Cursor, events: &[u8]) -> Outcome {
        let last = db.begin_read().map_err(redb::Error::from).and_then(|txn| {
            let last = txn.open_table(META)?.get(META_ANNOUNCED)?;
            Ok(last.and_then(|value| value.value().try_into().ok().map(u64::from_be_bytes)))
        });
        match last {
            Err(e) => Outcome::Unavailable(unreadable(e)),
            Ok(last) => {
                let epoch = self.shared.read().feed_end.epoch;
                if read.epoch != epoch || last.is_some_and(|last| last > read.sequence) {
                    return Outcome::Conflict;
                }
                let sequence = self.next_feed.to_be_bytes();
                self.happened(db, events, (META_ANNOUNCED, &sequence), |_| {})
            }
        }
    }

    /// Writes a row of the city, and what happened, in a transaction of its own.
    fn happened(
        &mut self,
        db: &Database,
        events: &[u8],
        (key, value): (&[u8], &[u8]),
        show: impl FnOnce(&mut Hot),
    ) -> Outcome {
        let sequence = self.next_feed;
        let write = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            txn.open_table(META)?.insert(key, value)?;
            if !events.is_empty() {
                let mut pack = Pack::default();
                pack.push(&[], events);
                txn.open_table(FEED)?.insert(&sequence.to_be_bytes(), pack.take().as_slice())?;
            }
            txn.commit()?;
            Ok(())
        };
        if let Err(e) = write() {
            // It may have reached the disk: the file is opened again before it is believed.
            let error = unwritable(e);
            self.let_go(error.clone());
            return Outcome::Unknown(error);
        }
        let mut hot = self.shared.write();
        show(&mut hot);
        if !events.is_empty() {
            self.next_feed += 1;
            hot.feed_end = Cursor { epoch: hot.feed_end.epoch, sequence, index: 0 };
            self.shared.end.send_replace(hot.feed_end);
        }
        Outcome::Done
    }

    /// The first of `count` numbers, or `None` when the day has no more.
    fn reserve(&mut self, day: u16, count: u32, above: u32) -> Option<u32> {
        let highest = self.numbers.entry(day).or_default();
        let before = (*highest).max(above);
        *highest = before.checked_add(count.max(1))?;
        Some(before + 1)
    }

    fn finish(&mut self, mut group: Group, db: Arc<Database>) {
        let accepted = group.check(&self.shared.read(), &db, tick());
        let written = self.write(&db, accepted, &group.reserves);
        // From here on nobody but readers keeps the file open.
        drop(db);
        match written {
            Ok(landed) => {
                match landed.iter().filter(|accepted| !accepted.change.dropped).count() {
                    0 => {}
                    steps => self.shared.batches.written(steps),
                }
                self.show(landed);
                group.answer_reserves(&Ok(()));
            }
            Err((lost, outcome)) => {
                let error = match &outcome {
                    Outcome::Unavailable(e) | Outcome::Unknown(e) => e.clone(),
                    Outcome::Done
                    | Outcome::Conflict
                    | Outcome::Repeated(_)
                    | Outcome::LeaseStale => StoreError::Unreachable(String::new()),
                };
                {
                    let hot = self.shared.read();
                    for Accepted { change, .. } in &lost {
                        hot.end_commit(change.no, &change.leaves);
                    }
                }
                for Accepted { answer, repeats, .. } in lost {
                    for answer in repeats.into_iter().chain(answer) {
                        let _ = answer.send(outcome.clone());
                    }
                }
                group.answer_reserves(&Err(error.clone()));
                // The file may have taken what this process does not know of.
                self.let_go(error);
            }
        }
    }

    /// Lets readers see the changes, and then answers whoever asked for them.
    fn show(&mut self, mut landed: Vec<Accepted>) {
        if landed.is_empty() {
            return;
        }
        let mut answers = Vec::with_capacity(landed.len());
        let mut landed = landed.drain(..).peekable();
        let mut end = None;
        while landed.peek().is_some() {
            let mut hot = self.shared.write();
            let (mut shown, mut more) = (0, false);
            while (shown < SHOWN_TOGETHER || more)
                && let Some(accepted) = landed.next()
            {
                let Accepted { change, answer, repeats, slot, cursor, .. } = accepted;
                (shown, more) = (shown + 1, accepted.more);
                if !change.dropped {
                    hot.apply(*change, slot);
                    hot.feed_end = cursor;
                    end = Some(cursor);
                }
                answers.extend(answer.map(|answer| (answer, Outcome::Done)));
                // The same id came again in this group: it gets the answer of the first.
                if let Some(slot) = slot {
                    answers.extend(repeats.into_iter().map(|r| (r, Outcome::Repeated(slot))));
                }
            }
        }
        let tell = move || {
            for (answer, outcome) in answers {
                // A caller that went away is told by its request id when it asks again.
                let _ = answer.send(outcome);
            }
        };
        match &self.tasks {
            // A task that is woken from within the runtime costs a fraction of one that is
            // woken from this thread, and this thread goes on to the next group.
            Some(tasks) => drop(tasks.spawn(async { tell() })),
            None => tell(),
        }
        end.map(|end| self.shared.end.send_replace(end));
    }

    /// The file, opened again if it had refused and it is time to try.
    fn db(&mut self) -> Result<Arc<Database>, StoreError> {
        let db = self.shared.read().db.clone();
        let error = match db {
            Ok(db) => return Ok(db),
            Err(error) => error,
        };
        if self.tried.is_some_and(|at| tick().duration_since(at) < HEAL_EVERY) {
            return Err(error);
        }
        self.tried = Some(tick());
        let Opened { hot, numbers, next_feed, next_pack } =
            (self.opener)().and_then(|db| load(db, self.cell))?;
        // Numbers once given stay given, even those the file never heard of.
        for (day, highest) in numbers {
            let known = self.numbers.entry(day).or_default();
            *known = highest.max(*known);
        }
        (self.next_feed, self.next_pack) = (next_feed, next_pack);
        let db = hot.db.clone();
        let end = hot.feed_end;
        *self.shared.write() = hot;
        self.shared.end.send_replace(end);
        db
    }

    /// Closes the file and says to everybody why. Reads in progress keep it open for a
    /// moment, and it cannot be opened again before they are done.
    pub(super) fn let_go(&mut self, why: StoreError) {
        let db = std::mem::replace(&mut self.shared.write().db, Err(why));
        let Ok(mut db) = db else { return };
        for _ in 0..HEAL_PATIENCE {
            match Arc::try_unwrap(db) {
                Ok(alone) => {
                    drop(alone);
                    return;
                }
                Err(shared) => db = shared,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
