//! What is over leaves the store and stays readable: Parquet files in one folder, open to
//! whatever reads Parquet, and to this program, which finds an order again by its number.
//!
//! ```text
//!  archive/orders/city=330400/day=2026-11-25/1f0c….parquet   the day the order was registered
//!  archive/events/city=330400/day=2026-11-25/77ab….parquet   the day it happened
//! ```
//!
//! - **Nothing is lost:** a file is written aside, flushed, read back, renamed and its folder
//!   flushed; only then is the store told to let go of what it holds ([`moving`]), and it
//!   does so only of what has not changed meanwhile. Whoever dies in between leaves something
//!   in both places, at most. So an order may be in several files: its highest version
//!   counts; an event may be: it is the same in each.
//! - **Nothing is told:** the columns hold no word of a citizen's. Papers are packed, contacts
//!   sealed as they were in the store, and files are their owner's alone.
//! - A file is named after its content, so that writing the same again changes nothing.
//!   Several processes of a city share the folder.
//! - A file that cannot be read is named in every error that it causes.

mod events;
mod files;
pub mod moving;
mod orders;
mod table;

pub use events::Placed;
pub use files::Day;

use crate::domain::{Cell, Date, OrderNo, Timestamp};
use crate::store::audit::Elsewhere;
use crate::store::{StoreError, Whole};
use async_trait::async_trait;
use files::{EVENTS, Folder, ORDERS, reading};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Keeps what leaves the store, and gives it back.
#[async_trait]
pub trait Keeper: Elsewhere {
    /// An order as it was when it left the store last. What cannot be read is an error if the
    /// order is nowhere else.
    async fn find(&self, no: OrderNo) -> Result<Option<Whole>, StoreError>;

    /// The same, for whoever is going to change it: what cannot be read is an error, for a
    /// higher version may be in it.
    async fn find_surely(&self, no: OrderNo) -> Result<Option<Whole>, StoreError>;

    /// Which days there are, and how much there is of each, in order.
    async fn days(&self) -> Result<Vec<Day>, StoreError>;

    /// Keeps orders, all registered on one day; returns how many bytes they take. They are
    /// safe when this returns.
    async fn keep_orders(&self, day: Date, rows: Vec<Whole>) -> Result<u64, StoreError>;

    /// Keeps events of one day; returns how many bytes they take. They are safe when this
    /// returns.
    async fn keep_events(&self, day: Date, rows: Vec<Placed>) -> Result<u64, StoreError>;

    /// Takes away what a process left half-written that died.
    async fn tidy(&self) -> Result<(), StoreError>;
}

/// A city's archive in files.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: Arc<Folder>,
}

/// What the files of a day say of one order.
struct Found {
    /// Its highest version.
    latest: Option<Whole>,
    /// Of the files that cannot be read, one.
    broken: Option<StoreError>,
}

impl Archive {
    /// The archive of a cell in a folder, which need not be there yet.
    pub fn new(root: PathBuf, cell: Cell) -> Archive {
        Archive { folder: Arc::new(Folder { root, cell }) }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.folder.root
    }

    async fn search(&self, no: OrderNo) -> Result<Found, StoreError> {
        self.aside(move |folder| {
            let id = no.to_string();
            let mut found = Found { latest: None, broken: None };
            for path in folder.files(ORDERS, no.date())? {
                let here = reading(&path, |table| {
                    let rows = table.find(orders::ID, &id).map_err(orders::said)?;
                    let mut here = Vec::with_capacity(rows.len());
                    for row in rows {
                        here.extend(orders::read(table, row, 1)?);
                    }
                    Ok(here)
                });
                match here {
                    Ok(here) => {
                        let known = found.latest.take();
                        let all = known.into_iter().chain(here);
                        found.latest = all.max_by_key(age);
                    }
                    Err(broken) => found.broken = Some(broken),
                }
            }
            Ok(found)
        })
        .await
    }

    /// Every order of a day's files, by number, each once.
    pub async fn orders(&self, day: Date) -> Result<Vec<Whole>, StoreError> {
        self.aside(move |folder| {
            let mut all: Vec<Whole> = Vec::new();
            for path in folder.files(ORDERS, day)? {
                all.extend(reading(&path, |table| orders::read(table, 0, table.rows()))?);
            }
            all.sort_by_key(|whole| (whole.order.no, Reverse(age(whole))));
            all.dedup_by_key(|whole| whole.order.no);
            Ok(all)
        })
        .await
    }

    /// Every event of a day's files, in the feed's order, each once.
    pub async fn events(&self, day: Date) -> Result<Vec<Placed>, StoreError> {
        self.aside(move |folder| {
            let mut all: Vec<Placed> = Vec::new();
            for path in folder.files(EVENTS, day)? {
                all.extend(reading(&path, events::read)?);
            }
            all.sort_by_key(|(place, _)| *place);
            all.dedup_by_key(|(place, _)| *place);
            Ok(all)
        })
        .await
    }

    /// Does what waits for the disk where nobody waits for it.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|why| {
            Err(StoreError::Unreachable(format!("the archive cannot be used: {why}")))
        })
    }
}

/// Which of two states of an order is the later. Its time comes first: where history was lost,
/// or a backup restored, what happened then in its place may have fewer versions.
fn age(whole: &Whole) -> (Timestamp, u32) {
    (whole.order.updated_at, whole.order.version)
}

#[async_trait]
impl Keeper for Archive {
    async fn find(&self, no: OrderNo) -> Result<Option<Whole>, StoreError> {
        match self.search(no).await? {
            Found { latest: Some(whole), broken } => {
                if let Some(broken) = broken {
                    tracing::warn!(order = %no, %broken, "read from another file of the day");
                }
                Ok(Some(whole))
            }
            Found { latest: None, broken: Some(broken) } => Err(broken),
            Found { latest: None, broken: None } => Ok(None),
        }
    }

    async fn find_surely(&self, no: OrderNo) -> Result<Option<Whole>, StoreError> {
        let Found { latest, broken } = self.search(no).await?;
        broken.map_or(Ok(latest), Err)
    }

    /// A file that cannot be read is counted as broken and named.
    async fn days(&self) -> Result<Vec<Day>, StoreError> {
        self.aside(|folder| folder.days()).await
    }

    async fn keep_orders(&self, day: Date, rows: Vec<Whole>) -> Result<u64, StoreError> {
        self.aside(move |folder| {
            let bytes = files::encoded(table::encode(orders::COLUMNS, orders::ID, &rows))?;
            folder.save(ORDERS, day, &bytes, |table| {
                Ok(orders::read(table, 0, table.rows())? == rows)
            })
        })
        .await
    }

    async fn keep_events(&self, day: Date, rows: Vec<Placed>) -> Result<u64, StoreError> {
        self.aside(move |folder| {
            let bytes = files::encoded(table::encode(events::COLUMNS, events::ORDER, &rows))?;
            folder.save(EVENTS, day, &bytes, |table| Ok(events::read(table)? == rows))
        })
        .await
    }

    async fn tidy(&self) -> Result<(), StoreError> {
        self.aside(|folder| folder.tidy()).await
    }
}

#[async_trait]
impl Elsewhere for Archive {
    async fn days_of_orders(&self) -> Result<Vec<Date>, StoreError> {
        self.aside(|folder| folder.days_of(ORDERS)).await
    }

    async fn of_day(&self, day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError> {
        self.aside(move |folder| {
            let mut all = BTreeMap::new();
            for path in folder.files(ORDERS, day)? {
                for (no, version) in reading(&path, orders::versions)? {
                    let known = all.entry(no).or_insert(version);
                    *known = version.max(*known);
                }
            }
            Ok(all)
        })
        .await
    }
}
