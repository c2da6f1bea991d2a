//! Opening the file: is it ours, may it be written, and what is in it.

use super::hot::{Hot, Tallies, other_cell};
use super::leaps::{self, Leaps};
use super::tables::*;
use crate::clock::wall_now;
use crate::domain::{Cell, TALLIES};
use crate::store::image::restore::{UNFINISHED, unfinished};
use crate::store::{Cursor, StoreError, codec};
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, TableError,
    TableHandle,
};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// The most memory the file's cache takes. The open orders are in memory besides, so this
/// need only hold the leaves that are being rewritten.
const CACHE_BYTES: usize = 128 << 20;
/// How far the claims of one opening are from those of the next at least.
const CLAIMS_APART: u64 = 1 << 40;

/// Everything read at opening.
pub(super) struct Opened {
    pub(super) hot: Hot,
    /// Days and the highest number given.
    pub(super) numbers: BTreeMap<u16, u32>,
    pub(super) next_feed: u64,
    pub(super) next_pack: u64,
}

/// Opens the file, or makes it; nobody but its owner can read it.
pub(super) fn open_file(path: &Path) -> Result<Database, StoreError> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|e| {
        StoreError::Unreachable(match e.kind() {
            ErrorKind::NotFound => format!("{shown}: its folder does not exist; make it first"),
            ErrorKind::PermissionDenied => {
                format!("{shown}: this user may not read and write it; change its owner or rights")
            }
            ErrorKind::IsADirectory => format!("{shown} is a folder; name a file in it"),
            ErrorKind::ReadOnlyFilesystem => format!(
                "{shown} is on a disk that is mounted read-only; mount it for writing, or name a \
                 file elsewhere"
            ),
            _ => format!("{shown} cannot be opened: {e}"),
        })
    })?;
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    FileBackend::new(file).and_then(|file| builder.create_with_backend(file)).map_err(|e| {
        StoreError::Unreachable(match e {
            DatabaseError::DatabaseAlreadyOpen => format!(
                "another hotline has {shown} open; stop it, or send your commands to it"
            ),
            DatabaseError::UpgradeRequired(_) => format!(
                "{shown} is of a redb format this program does not read; name another file"
            ),
            DatabaseError::RepairAborted => format!("{shown}: its repair was stopped; open it again"),
            e => format!("{shown} is not a hotline store, or is damaged ({e}); name another file or restore a backup"),
        })
    })
}

/// Reads what must be in memory, having checked that the file is ours and ours to write.
pub(super) fn load(db: Database, cell: Cell) -> Result<Opened, StoreError> {
    let db = Arc::new(db);
    let found = identity(&db, cell)?;
    let (epoch, claims) = begin(&db, cell, found)?;
    let mut hot = Hot::empty(db.clone(), epoch);
    hot.claims = claims;
    let read = db.begin_read().map_err(damaged)?;
    let numbers = load_meta(&read, &mut hot)?;
    let next_pack = super::loading::load(&db, &mut hot)?;
    let next_feed = load_feed_end(&read, &mut hot)?;
    Ok(Opened { hot, numbers, next_feed, next_pack })
}

pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreachable(format!("the store cannot be read: {error}"))
}

/// What keeps it from being written passes, or is for an operator to mend.
pub(super) fn unwritable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreachable(format!(
        "the store cannot be written ({error}); make room on its disk or repair it: it is tried \
         again every second"
    ))
}

pub(super) struct Identity {
    epoch: u64,
    claims: u64,
}

/// The layout of the file, if it says so.
pub(super) fn format_of(db: &Database) -> Result<Option<u16>, StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    match read.open_table(META) {
        Ok(meta) => Ok(Some(u16::from_be_bytes(field(&meta, META_FORMAT)?))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(e) => Err(damaged(e)),
    }
}

/// Whose file it is; `None` for a new one. Changes nothing.
pub(super) fn identity(db: &Database, cell: Cell) -> Result<Option<Identity>, StoreError> {
    let read = db.begin_read().map_err(damaged)?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => {
            let mut tables = read.list_tables().map_err(damaged)?;
            return match tables.next() {
                None => Ok(None),
                Some(table) => Err(StoreError::Unreachable(format!(
                    "the file is of another program (it has a table {:?}); name another file",
                    table.name()
                ))),
            };
        }
        Err(e) => return Err(damaged(e)),
    };
    let found = u16::from_be_bytes(field(&meta, META_FORMAT)?);
    if found == UNFINISHED {
        return Err(unfinished());
    }
    if found > FORMAT {
        return Err(StoreError::TooNew { found, known: FORMAT });
    }
    let there = u16::from_be_bytes(field(&meta, META_CELL)?);
    if there != cell.code() {
        let there = format!("{there:04}").parse().map_err(damaged)?;
        return Err(other_cell(there, cell));
    }
    let epoch = u64::from_be_bytes(field(&meta, META_EPOCH)?);
    let claims = u64::from_be_bytes(field(&meta, META_CLAIMS)?);
    Ok(Some(Identity { epoch, claims }))
}

pub(super) fn field<const N: usize>(
    meta: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<[u8; N], StoreError> {
    let value = meta.get(key).map_err(damaged)?;
    let value = value.and_then(|value| value.value().try_into().ok());
    value.ok_or_else(|| {
        let key = String::from_utf8_lossy(key);
        StoreError::Damaged(format!("meta {key}; restore the store from a backup"))
    })
}

/// Makes what a new file lacks, and begins a new row of claims, so that a token of a former
/// process names no claim of this one: by real time, and if that went back, by a step.
fn begin(db: &Database, cell: Cell, found: Option<Identity>) -> Result<(u64, u64), StoreError> {
    let now = wall_now().0.unsigned_abs();
    let (epoch, before) = found.map_or((now, 0), |it| (it.epoch, it.claims));
    let claims = (now << 20).max(before.saturating_add(CLAIMS_APART));
    let write = || -> Result<(), redb::Error> {
        let mut txn = db.begin_write()?;
        txn.set_quick_repair(true);
        {
            let mut meta = txn.open_table(META)?;
            meta.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
            meta.insert(META_CELL, cell.code().to_be_bytes().as_slice())?;
            meta.insert(META_EPOCH, epoch.to_be_bytes().as_slice())?;
            meta.insert(META_CLAIMS, claims.to_be_bytes().as_slice())?;
            for table in [ORDERS, ARCHIVED, CONTACTS, FEED] {
                txn.open_table(table)?;
            }
            txn.open_table(PAPERS)?;
            txn.open_table(REQUESTS)?;
            txn.open_table(INDICATORS)?;
        }
        txn.commit()?;
        Ok(())
    };
    write().map_err(unwritable)?;
    Ok((epoch, claims))
}

fn load_meta(read: &ReadTransaction, hot: &mut Hot) -> Result<BTreeMap<u16, u32>, StoreError> {
    let meta = read.open_table(META).map_err(damaged)?;
    if let Some(value) = meta.get(META_TALLIES).map_err(damaged)? {
        hot.tallies = read_tallies(value.value()).ok_or_else(|| {
            StoreError::Damaged("meta tallies; restore the store from a backup".to_owned())
        })?;
    }
    if let Some(value) = meta.get(META_MODE).map_err(damaged)? {
        hot.mode = Some(codec::decode_mode(value.value())?);
    }
    super::leaving::load(&meta, hot)?;
    let mut numbers = BTreeMap::new();
    for row in meta.range(META_NUMBER..).map_err(damaged)? {
        let (key, value) = row.map_err(damaged)?;
        let Some(day) = key.value().strip_prefix(META_NUMBER) else { break };
        if let (Ok(day), Ok(highest)) = (day.try_into(), value.value().try_into()) {
            numbers.insert(u16::from_be_bytes(day), u32::from_be_bytes(highest));
        }
    }
    Ok(numbers)
}

/// The counters as they are written: by name, for their places may change.
pub(super) fn write_tallies(tallies: &Tallies) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    for (name, n) in TALLIES.iter().zip(tallies).filter(|(_, n)| **n != 0) {
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&n.to_be_bytes());
    }
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

pub(super) fn read_tallies(bytes: &[u8]) -> Option<Tallies> {
    let (mut rest, sum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(rest).to_le_bytes() != *sum {
        return None;
    }
    let mut tallies = [0; TALLIES.len()];
    while let Some((len, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(*len))?;
        let (n, after) = after.split_first_chunk::<8>()?;
        rest = after;
        // One that is no longer counted is let go.
        if let Some(place) = TALLIES.iter().position(|t| t.as_bytes() == name) {
            tallies[place] = i64::from_be_bytes(*n);
        }
    }
    Some(tallies)
}

/// Returns the number of the next batch.
fn load_feed_end(read: &ReadTransaction, hot: &mut Hot) -> Result<u64, StoreError> {
    let meta = read.open_table(META).map_err(damaged)?;
    hot.leaps = Leaps::read(&meta)?;
    let feed = read.open_table(FEED).map_err(damaged)?;
    if let Some((key, value)) = feed.last().map_err(damaged)? {
        let sequence = u64::from_be_bytes(*key.value());
        let events = feed_events(sequence, value.value())?;
        let index = events.len().saturating_sub(1) as u32;
        hot.feed_end = Cursor { sequence, index, ..hot.feed_end };
    }
    Ok(leaps::goes_on_after(&meta)?.max(hot.feed_end.sequence) + 1)
}

/// The events of one pack of the feed.
pub(super) fn feed_events(
    sequence: u64,
    value: &[u8],
) -> Result<Vec<crate::domain::Event>, StoreError> {
    let steps = unpack(value).ok_or_else(|| {
        StoreError::Damaged(format!("feed {sequence}; restore the store from a backup"))
    })?;
    let mut events = Vec::with_capacity(steps.len());
    for step in steps {
        events.extend(codec::decode_events(step)?);
    }
    Ok(events)
}
