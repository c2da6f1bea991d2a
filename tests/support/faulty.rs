//! A store that does not do what it is asked, when it is told not to.

use hotline::domain::*;
use hotline::store::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong, or happens in between, before a call reaches the store.
#[derive(Default)]
pub struct Faults {
    /// These cannot be read, by themselves or in a page.
    pub damaged: Vec<OrderNo>,
    /// So many writes of the mode row's progress do not arrive.
    pub lost_progress: u32,
    /// Everybody is told that it has the right to run the timers.
    pub everybody_ticks: bool,
    /// Somebody is quicker: this lands before the next commit of its order.
    pub sooner: Option<Change>,
    /// Another process is quicker: this leaves before a paper of it is read.
    pub leaves: Option<OrderNo>,
    /// So many orders more are stamped anew, and then no other.
    pub stamps: Option<usize>,
    /// What is over cannot be changed by itself.
    pub over_alone: bool,
    /// How many stamps did not arrive.
    pub unstamped: usize,
}

/// A store with faults.
pub struct Faulty {
    pub store: Arc<dyn Store>,
    pub faults: Mutex<Faults>,
}

impl Faulty {
    pub fn new(store: Arc<dyn Store>) -> Arc<Faulty> {
        Arc::new(Faulty { store, faults: Mutex::default() })
    }

    fn readable(&self, no: OrderNo) -> Result<(), StoreError> {
        match self.faults.lock().unwrap().damaged.contains(&no) {
            true => Err(StoreError::Damaged(format!("the order {no}"))),
            false => Ok(()),
        }
    }

    fn sooner(&self, no: OrderNo) -> Option<Change> {
        self.faults.lock().unwrap().sooner.take_if(|sooner| sooner.after.no == no)
    }

    fn loses_stamp(&self, change: &Change) -> bool {
        let mut faults = self.faults.lock().unwrap();
        let stamps = |event: &Event| matches!(event.what, What::Restamped { .. });
        let Some(left) = faults.stamps.filter(|_| change.events.iter().any(stamps)) else {
            return false;
        };
        faults.stamps = Some(left.saturating_sub(1));
        faults.unstamped += usize::from(left == 0);
        left == 0
    }

    fn loses_progress(&self) -> bool {
        let lost = &mut self.faults.lock().unwrap().lost_progress;
        let loses = *lost > 0;
        *lost = lost.saturating_sub(1);
        loses
    }
}

#[async_trait::async_trait]
impl Reconcile for Faulty {
    async fn hints(&self) -> Found<Vec<(OrderNo, Option<Entry>)>> {
        self.store.hints().await
    }

    async fn reconcile(&self, look: &Look, mend: bool) -> Found<Option<Vec<Mismatch>>> {
        self.store.reconcile(look, mend).await
    }

    async fn mark(&self) -> Found<Cursor> {
        self.store.mark().await
    }
}

#[async_trait::async_trait]
impl Vitals for Faulty {
    async fn load_now(&self) -> Found<Load> {
        self.store.load_now().await
    }
}

fn as_told() -> StoreError {
    StoreError::Unreachable("as it was told".to_owned())
}

/// A store whose other calls are only handed on.
macro_rules! faulty {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait::async_trait]
        impl Store for Faulty {
            fn cell(&self) -> Cell {
                self.store.cell()
            }

            async fn load(&self, no: OrderNo) -> Found<Option<Arc<Order>>> {
                self.readable(no)?;
                self.store.load(no).await
            }

            async fn scan(&self, after: Option<OrderNo>, max: usize) -> Found<Vec<Arc<Order>>> {
                let page = self.store.scan(after, max).await?;
                page.iter().try_for_each(|order| self.readable(order.no))?;
                Ok(page)
            }

            async fn commit(&self, change: Change) -> Result<(), CommitError> {
                if let Some(sooner) = self.sooner(change.after.no) {
                    self.store.commit(sooner).await?;
                }
                let over = change.before.as_ref().is_some_and(|before| before.is_over());
                if self.loses_stamp(&change) || (over && self.faults.lock().unwrap().over_alone) {
                    return Err(CommitError::Unavailable(as_told()));
                }
                self.store.commit(change).await
            }

            async fn commit_together(&self, changes: Vec<Change>) -> Result<(), CommitError> {
                for change in &changes {
                    if let Some(sooner) = self.sooner(change.after.no) {
                        self.store.commit(sooner).await?;
                    }
                }
                self.store.commit_together(changes).await
            }

            async fn paper(&self, no: OrderNo, index: u16) -> Found<Option<Paper>> {
                let leaves = self.faults.lock().unwrap().leaves.take_if(|leaves| *leaves == no);
                if leaves.is_some() && let Some(order) = self.store.load(no).await? {
                    let whole = Whole::of(&*self.store, order).await?;
                    self.store.dismiss(&[Leaving::of(&whole)]).await?;
                }
                self.store.paper(no, index).await
            }

            async fn hold_timers(&self, holder: u64, for_: Duration) -> Found<bool> {
                let everybody = self.faults.lock().unwrap().everybody_ticks;
                Ok(self.store.hold_timers(holder, for_).await? || everybody)
            }

            async fn set_mode(
                &self,
                row: &ModeRow,
                event: Option<&Event>,
            ) -> Result<(), CommitError> {
                if event.is_none() && self.loses_progress() {
                    return Err(CommitError::Unavailable(as_told()));
                }
                self.store.set_mode(row, event).await
            }

            $(
                async fn $name(&self $(, $arg: $type)*) -> $answer {
                    self.store.$name($($arg),*).await
                }
            )+
        }
    };
}

#[async_trait::async_trait]
impl Shedding for Faulty {
    async fn dismiss(&self, leaving: &[Leaving]) -> Found<u64> {
        self.store.dismiss(leaving).await
    }

    async fn readmit(&self, whole: &Whole) -> Found<()> {
        self.store.readmit(whole).await
    }

    async fn feed_start(&self) -> Found<Cursor> {
        self.store.feed_start().await
    }

    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Found<bool> {
        self.store.trim_feed(first, known).await
    }

    async fn consumers(&self) -> Found<Vec<Consumer>> {
        self.store.consumers().await
    }

    async fn acknowledge(&self, consumer: &Consumer) -> Found<bool> {
        self.store.acknowledge(consumer).await
    }

    async fn forget_consumer(&self, name: &str) -> Found<bool> {
        self.store.forget_consumer(name).await
    }
}

type Found<T> = Result<T, StoreError>;
type Place = (Timestamp, OrderNo);

faulty! {
    reserve(date: Date, count: u32, above: u32) -> Found<u32>;
    remembered(id: RequestId) -> Found<Option<Remembered>>;
    claim(units: &[Unit], desk: Desk, max: usize, lease: Duration) -> Found<Vec<Claimed>>;
    ready(trays: &[(Unit, Desk)]) -> Found<Vec<bool>>;
    release(claims: &[(Entry, Lease)]) -> Found<()>;
    numbers(after: Option<OrderNo>, max: usize) -> Found<Vec<OrderNo>>;
    due(now: Timestamp, max: usize) -> Found<Vec<Place>>;
    next_due() -> Found<Option<Timestamp>>;
    tray(unit: Unit, desk: Desk, after: Option<Place>, max: usize) -> Found<Vec<(Entry, OrderNo)>>;
    all_entries() -> Found<Vec<(Entry, OrderNo)>>;
    all_deadlines() -> Found<Vec<Place>>;
    tallies() -> Found<Vec<(Tally, i64)>>;
    of_caller(phone: [u8; 16]) -> Found<Vec<OrderNo>>;
    mode() -> Found<Option<ModeRow>>;
    indicators(from: Date, to: Date, of: Dimension) -> Found<Vec<(Marginal, Counts)>>;
    announce(read: Cursor, event: &Event) -> Result<(), CommitError>;
    contact(no: OrderNo) -> Found<Option<SealedContact>>;
    feed(after: Option<Cursor>, max: usize) -> Found<Vec<(Cursor, Event)>>;
    feed_end() -> Found<Cursor>;
    feed_grown(after: Cursor, at_most: Duration) -> Found<()>;
    wall_clock() -> Found<Option<Timestamp>>;
    check() -> Found<()>;
    close() -> ();
}
