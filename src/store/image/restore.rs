//! How a file becomes a store. The whole file is read and checked before anything is written;
//! then every row is, into a store that is empty and marked as unfinished; then the store is
//! read and compared with the file; and only then is the mark taken away. Whatever ends it on
//! the way leaves a store that nobody serves, and that can be restored from the beginning.

use super::file::{Block, ImageError, Reader, Summary};
use super::{Kind, Moment, Out, Row, Tallied, leap, out};
use crate::clock::wall_now;
use crate::domain::OrderNo;
use crate::store::{StoreError, fault};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// So much of the file is read at once.
const BUFFER: usize = 1 << 20;

/// The format of a store that is being restored: whoever opens it, of whatever version,
/// refuses.
pub(in crate::store) const UNFINISHED: u16 = u16::MAX;

/// What is said of it.
pub(in crate::store) fn unfinished() -> StoreError {
    StoreError::Unreachable(
        "the store was being restored and that did not come to its end: nothing in it can be \
         used; run `hotline restore` again, from the beginning"
            .to_owned(),
    )
}

/// What is said of a store that was to be restored and is not empty.
pub(in crate::store) fn not_empty() -> StoreError {
    StoreError::Unreachable(
        "the store is not empty: a backup is only ever restored into an empty one; name another"
            .to_owned(),
    )
}

/// What a store must do to be restored.
#[async_trait]
pub trait Target: Send + Sync {
    /// Writes rows. None of them is [`Kind::Number`] or [`Kind::OrderAgain`], none comes
    /// twice, and [`Kind::Trimmed`] comes before the feed.
    async fn put(&mut self, rows: Vec<Row>) -> Result<(), StoreError>;

    /// There are no more rows: writes what is left, and what is true of the whole.
    async fn settle(&mut self, whole: &Whole) -> Result<(), StoreError>;

    /// The rows that are there, as [`Store::dump`](crate::store::Store::dump) hands them out.
    async fn dump(&self, out: Out) -> Result<Moment, StoreError>;

    /// Takes the mark away: from here on it is a store like any other.
    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// What is true of a restored store as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    /// The feed's epoch: readers go on where they are.
    pub epoch: u64,
    /// After this number the feed goes on.
    pub sequence: u64,
    /// After this one, claims do.
    pub claims: u64,
    /// Days and the highest number given.
    pub numbers: BTreeMap<u16, u32>,
}

/// Why a restore came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file.
    #[error("{path} {error}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        error: ImageError,
    },
    /// The store.
    #[error("{0}")]
    Store(StoreError),
    /// What was read from the store is not what was written.
    #[error(
        "the store does not hold what was written into it ({0}); it is left unfinished: restore \
         it again, and look at its disk if that does not help"
    )]
    Differs(String),
}

// Written out, so that the store's words are not a `source` as well and said twice.
impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> RestoreError {
        RestoreError::Store(error)
    }
}

/// A file that was read to its end and is whole.
#[derive(Debug)]
pub struct Plan {
    path: PathBuf,
    summary: Summary,
    /// Orders that stand in it again, and how often: only the last counts.
    again: HashMap<OrderNo, u32>,
    /// What had left the feed by the moment of the image.
    trimmed: u64,
}

impl Plan {
    /// Reads the file. `read` is told how far it has come.
    pub fn read(path: &Path, mut read: impl FnMut(u64)) -> Result<Plan, RestoreError> {
        let (mut again, mut trimmed) = (HashMap::<OrderNo, u32>::new(), 0);
        let mut reader = open(path)?;
        loop {
            match reader.read().map_err(|error| of(path, error))? {
                Block::Rows(rows) => {
                    for row in rows {
                        if row.kind == Kind::OrderAgain {
                            *again.entry(row.order()?).or_default() += 1;
                        } else if row.kind == Kind::Trimmed {
                            trimmed = row.number()?;
                        }
                    }
                    read(reader.at());
                }
                Block::End(summary) => {
                    let path = path.to_owned();
                    return Ok(Plan { path, summary: *summary, again, trimmed });
                }
            }
        }
    }

    /// What the file says of itself.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Gives the file another name.
    pub fn renamed(self, path: &Path) -> std::io::Result<Plan> {
        std::fs::rename(&self.path, path)?;
        Ok(Plan { path: path.to_owned(), ..self })
    }

    /// What a store restored from it will hold.
    pub fn holds(&self) -> Result<Tallied, RestoreError> {
        let mut tallied = Tallied::default();
        let mut rows = Rows::open(self)?;
        while let Some((rows, _)) = rows.read()? {
            rows.iter().for_each(|row| tallied.add(row));
        }
        Ok(tallied)
    }

    /// Makes the store. `done` is told how far it has come, of twice the file's length: once
    /// written, once compared. Answers what the store holds.
    pub async fn apply(
        &self,
        mut target: Box<dyn Target>,
        mut done: impl FnMut(u64) + Send,
    ) -> Result<Tallied, RestoreError> {
        let mut written = Tallied::default();
        let (mut numbers, mut last) = (BTreeMap::new(), None);
        let mut rows = Rows::open(self)?;
        while let Some((mut rows, at)) = rows.read()? {
            rows.iter().for_each(|row| written.add(row));
            for row in rows.extract_if(.., |row| row.kind == Kind::Number) {
                let highest = row.value.as_slice().try_into().map_err(|_| row.odd())?;
                numbers.insert(u16::from_be_bytes(row.key()?), u32::from_be_bytes(highest));
            }
            for row in rows.iter().filter(|row| row.kind == Kind::Order) {
                last = last.max(Some(row.order()?.day()));
            }
            target.put(rows).await?;
            fault::dies_restoring();
            done(at);
        }
        let (moment, now) = (self.summary.moment, wall_now());
        let whole = Whole {
            epoch: moment.epoch,
            sequence: leap::sequence(moment.sequence, now),
            claims: leap::claims(moment.claims, now),
            numbers: leap::numbers(numbers, last, moment.at, now),
        };
        target.settle(&whole).await?;
        let all = rows_of(&written);
        let share = |rows: u64| {
            let bytes = u128::from(self.summary.bytes) * u128::from(rows) / u128::from(all.max(1));
            self.summary.bytes + bytes as u64
        };
        let found = read_back(&*target, |rows| done(share(rows))).await?;
        let differences = found.differences(&written);
        if !differences.is_empty() {
            return Err(RestoreError::Differs(differences.join(", ")));
        }
        target.finish().await?;
        Ok(written)
    }
}

fn rows_of(tallied: &Tallied) -> u64 {
    Kind::ALL.iter().map(|kind| tallied.count(*kind)).sum()
}

/// Everything that a store holds.
async fn read_back(
    target: &dyn Target,
    mut read: impl FnMut(u64) + Send,
) -> Result<Tallied, StoreError> {
    let (sender, mut batches) = mpsc::channel::<Vec<Row>>(out::AHEAD);
    let adding = async {
        let mut found = Tallied::default();
        while let Some(rows) = batches.recv().await {
            rows.iter().for_each(|row| found.add(row));
            read(rows_of(&found));
        }
        found
    };
    let (dumped, found) = tokio::join!(target.dump(Out::new(sender, false)), adding);
    dumped.map(|_| found)
}

/// The rows of a file that count.
struct Rows<'a> {
    plan: &'a Plan,
    reader: Reader<BufReader<File>>,
    left: HashMap<OrderNo, u32>,
    /// Whether what belongs to the order that was read last counts.
    counts: bool,
    /// What must be known before the feed.
    first: Option<Row>,
}

impl<'a> Rows<'a> {
    fn open(plan: &'a Plan) -> Result<Rows<'a>, RestoreError> {
        let reader = open(&plan.path)?;
        let first = (plan.trimmed > 0).then(|| Row::trimmed(plan.trimmed));
        Ok(Rows { plan, reader, left: plan.again.clone(), counts: true, first })
    }

    /// The next rows, and how far the file was read.
    fn read(&mut self) -> Result<Option<(Vec<Row>, u64)>, RestoreError> {
        if let Some(first) = self.first.take() {
            return Ok(Some((vec![first], self.reader.at())));
        }
        let block = self.reader.read().map_err(|error| of(&self.plan.path, error))?;
        let Block::Rows(rows) = block else { return Ok(None) };
        let mut kept = Vec::with_capacity(rows.len());
        for mut row in rows {
            let counts = match row.kind {
                Kind::Order => {
                    self.counts = !self.plan.again.contains_key(&row.order()?);
                    self.counts
                }
                Kind::OrderAgain => {
                    let left = self.left.entry(row.order()?).or_default();
                    *left = left.saturating_sub(1);
                    self.counts = *left == 0 && !row.value.is_empty();
                    row.kind = Kind::Order;
                    self.counts
                }
                Kind::Contact | Kind::Paper => self.counts,
                Kind::Feed => u64::from_be_bytes(row.key()?) > self.plan.trimmed,
                Kind::Trimmed => false,
                Kind::Request
                | Kind::Indicator
                | Kind::Tally
                | Kind::Mode
                | Kind::Number
                | Kind::Consumer => true,
            };
            if counts {
                kept.push(row);
            }
        }
        Ok(Some((kept, self.reader.at())))
    }
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, RestoreError> {
    let file = File::open(path).map_err(|e| of(path, ImageError::Unreadable(e)))?;
    Reader::open(BufReader::with_capacity(BUFFER, file)).map_err(|error| of(path, error))
}

fn of(path: &Path, error: ImageError) -> RestoreError {
    RestoreError::File { path: path.display().to_string(), error }
}
