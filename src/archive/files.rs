//! The folder: where a day's files are, and how one comes into being whole or not at all.

use super::table::Table;
use crate::domain::{Cell, Date};
use crate::store::StoreError;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Where the orders are.
pub(super) const ORDERS: &str = "orders";
/// Where the events are.
pub(super) const EVENTS: &str = "events";
/// Where files are written before they are named.
const ASIDE: &str = ".writing";
/// What a file's name ends with.
const EXTENSION: &str = "parquet";

/// What there is of one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Day {
    /// Which.
    pub day: Date,
    /// Orders that were registered on it; one that left the store twice counts twice.
    pub orders: u64,
    /// Events that happened on it; one that was written twice counts twice.
    pub events: u64,
    /// How many files they are in.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// The files among them that cannot be read, and why.
    pub broken: Vec<String>,
}

/// The folder of a cell's archive.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) cell: Cell,
}

impl Folder {
    fn city(&self, kind: &str) -> PathBuf {
        self.root.join(kind).join(format!("city={}00", self.cell))
    }

    fn day(&self, kind: &str, day: Date) -> PathBuf {
        self.city(kind).join(format!("day={day}"))
    }

    /// The files of a day, by name.
    pub(super) fn files(&self, kind: &str, day: Date) -> Result<Vec<PathBuf>, StoreError> {
        let of = self.day(kind, day);
        let mut files = list(&of)?;
        files.retain(|path| path.extension().is_some_and(|e| e == EXTENSION));
        Ok(files)
    }

    /// The days that have a folder.
    pub(super) fn days_of(&self, kind: &str) -> Result<Vec<Date>, StoreError> {
        let day =
            |folder: &PathBuf| folder.file_name()?.to_str()?.strip_prefix("day=")?.parse().ok();
        Ok(list(&self.city(kind))?.iter().filter_map(day).collect())
    }

    /// Every day of which there is something, in order.
    pub(super) fn days(&self) -> Result<Vec<Day>, StoreError> {
        let mut days: BTreeMap<Date, Day> = BTreeMap::new();
        for kind in [ORDERS, EVENTS] {
            for day in self.days_of(kind)? {
                let (orders, events, files, bytes) = (0, 0, 0, 0);
                let broken = Vec::new();
                let of = Day { day, orders, events, files, bytes, broken };
                let of = days.entry(day).or_insert(of);
                for path in self.files(kind, day)? {
                    of.files += 1;
                    of.bytes += fs::metadata(&path).map_or(0, |meta| meta.len());
                    match reading(&path, |table| Ok(table.rows() as u64)) {
                        Ok(rows) if kind == ORDERS => of.orders += rows,
                        Ok(rows) => of.events += rows,
                        Err(broken) => of.broken.push(broken.to_string()),
                    }
                }
            }
        }
        Ok(days.into_values().collect())
    }

    /// Writes a file and makes sure that it is there: after this returns it survives whatever
    /// happens to the machine. `is_whole` looks at what was written.
    pub(super) fn save(
        &self,
        kind: &str,
        day: Date,
        bytes: &[u8],
        is_whole: impl FnOnce(&Table) -> Result<bool, StoreError>,
    ) -> Result<u64, StoreError> {
        let folder = self.day(kind, day);
        self.make(&folder)?;
        let aside = self.root.join(ASIDE);
        self.make(&aside)?;
        let digest = Sha256::digest(bytes);
        let name: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join(format!("{name}.{EXTENSION}"));
        // Two processes that write the same at once must not write into one file.
        let own = getrandom::u64().map_err(|_| {
            StoreError::Unreachable("the system gives no random numbers".to_owned())
        })?;
        let unnamed = aside.join(format!("{name}-{own:016x}.{EXTENSION}"));
        let named = || {
            let _held = write(&unnamed, bytes).map_err(|e| unwritable(&unnamed, &e))?;
            if !reading(&unnamed, is_whole)? {
                let why = "what was written is not what is read back";
                return Err(StoreError::Damaged(format!("{}: {why}", unnamed.display())));
            }
            fs::rename(&unnamed, &path).map_err(|e| unwritable(&path, &e))
        };
        named().inspect_err(|_| {
            // Where the disk is full it takes the room of what others write.
            let _ = fs::remove_file(&unnamed);
        })?;
        flush(&folder).map_err(|e| unwritable(&folder, &e))?;
        Ok(bytes.len() as u64)
    }

    /// Takes away what was never named, by whom that died.
    pub(super) fn tidy(&self) -> Result<(), StoreError> {
        for path in list(&self.root.join(ASIDE))? {
            let file = OpenOptions::new().write(true).open(&path);
            let held = file.map(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if !held.unwrap_or(false) {
                fs::remove_file(&path).or_else(gone).map_err(|e| unwritable(&path, &e))?;
            }
        }
        Ok(())
    }

    /// Makes a folder and those above it, each of which its parent then knows for good.
    fn make(&self, folder: &Path) -> Result<(), StoreError> {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let known = || flush(parent.unwrap_or(Path::new("."))).map_err(|e| unwritable(folder, &e));
        if folder.is_dir() {
            // Whoever made it may have died before its parent knew.
            return known();
        }
        if let Some(parent) = parent {
            self.make(parent)?;
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(folder).or_else(|e| match e.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => Err(e),
        });
        made.map_err(|e| unwritable(folder, &e))?;
        known()
    }
}

/// What is in a folder, by name; nothing in one that is not there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let unreadable = |e| {
        let folder = folder.display();
        StoreError::Unreachable(format!("{folder} of the archive cannot be read: {e}"))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

fn gone(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Writes a file and holds it as long as what is returned lives: so it is known whose it is.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A file system that knows no locks is no reason not to archive.
    let _ = file.try_lock();
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// What a folder lists is on the disk when this returns.
fn flush(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads a file; whatever is wrong with it names it.
pub(super) fn reading<T>(
    path: &Path,
    read: impl FnOnce(&Table) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let broken = |why: &dyn std::fmt::Display| {
        let path = path.display();
        StoreError::Damaged(format!(
            "{path} of the archive cannot be read ({why}): put a sound copy in its place, or \
             move it out of the archive"
        ))
    };
    // A reader of foreign files should not panic, and might.
    let all = catch_unwind(AssertUnwindSafe(|| {
        let file = File::open(path).map_err(|e| broken(&e))?;
        let table = Table::open(file).map_err(|e| broken(&e))?;
        read(&table).map_err(|e| match e {
            StoreError::Damaged(why) => broken(&why),
            e @ (StoreError::Unreachable(_)
            | StoreError::Full(_)
            | StoreError::TooNew { .. }
            | StoreError::FeedDiverged { .. }
            | StoreError::FeedTrimmed { .. }) => e,
        })
    }));
    all.unwrap_or_else(|_| Err(broken(&"it is no Parquet file that holds together")))
}

/// A file's bytes, before they are written.
pub(super) fn encoded(bytes: Result<Vec<u8>, ParquetError>) -> Result<Vec<u8>, StoreError> {
    bytes.map_err(|e| StoreError::Unreachable(format!("the archive cannot be written: {e}")))
}

fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    let path = path.display();
    let said = format!(
        "{path} of the archive cannot be written ({error}): make room or mend its rights; \
         nothing leaves the store before it can"
    );
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(said),
        _ => StoreError::Unreachable(said),
    }
}
