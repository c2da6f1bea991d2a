//! Matters kept on the client's own disk until the server has them.
//!
//! | file in the folder | what it holds |
//! |---|---|
//! | `20261128T014107.123Z-9f764557.jsonl` | matters as `submit --file` reads them, each with the moment it was heard |
//! | `20261128T014107.123Z-9f764557.filed` | request id and order number of those that the server has |
//!
//! Whoever takes matters in writes a file of their own and holds its lock; so does whoever
//! files it: desks may share a folder. A file goes once the server has all of it; its
//! `.filed`, which names nobody, stays.

use super::ledger::Ledger;
use super::rows::{Rows, Written, moment};
use crate::cli::failure::Failure;
use crate::clock::wall_now;
use anyhow::Context;
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The most matters that one folder keeps; two days of the largest hotline.
const MAX_KEPT: usize = 200_000;
/// Nobody but who keeps them reads them: they hold names and phones.
const OWNER_ONLY: u32 = 0o600;
/// The same for the folder.
const OWNER_ONLY_DIR: u32 = 0o700;

/// What is kept under a request id; `None` if the server has it and it is kept no more.
pub(super) type Known = HashMap<String, Option<Written>>;

/// The folder.
#[derive(Clone)]
pub(super) struct Spool {
    dir: PathBuf,
}

impl Spool {
    /// Makes it if it is not there.
    pub(super) fn open(dir: &Path) -> Result<Spool, Failure> {
        let spool = Spool { dir: dir.to_owned() };
        match DirBuilder::new().mode(OWNER_ONLY_DIR).create(dir) {
            Ok(()) => {
                let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
                sync_folder(above.unwrap_or(Path::new("."))).with_context(|| spool.name())?;
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let words = format!("{} is a file; name a folder", spool.name());
                return Err(Failure::said(words));
            }
            Err(e) => {
                let name = spool.name();
                return Err(Failure::said(format!(
                    "{name} cannot be made ({e}); name one in a folder that is there and that this \
                     user may write to"
                )));
            }
        }
        Ok(spool)
    }

    /// As it was named.
    pub(super) fn path(&self) -> String {
        self.dir.display().to_string()
    }

    fn name(&self) -> String {
        format!("spool {}", self.dir.display())
    }

    /// The files that end so, oldest first.
    fn files(&self, extension: &str) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).with_context(|| self.name())? {
            let path = entry.with_context(|| self.name())?.path();
            if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Everything that is kept, or was and is filed.
    pub(super) fn known(&self) -> Result<Known, Failure> {
        let mut known = Known::new();
        for path in self.files("filed")? {
            known.extend(filed(&path)?.into_iter().map(|id| (id, None)));
        }
        for path in self.files("jsonl")? {
            let Some(mut rows) = still(Rows::open(&path))? else { continue };
            while let Some(row) = rows.next_written() {
                // What cannot be read is told when it is filed.
                let Ok(row) = row else { continue };
                known.insert(row.request_id.clone(), Some(row));
            }
        }
        Ok(known)
    }

    /// How many wait for the server, wherever they lie.
    pub(super) fn left(&self) -> Result<u64, Failure> {
        let mut left = 0;
        for path in self.files("jsonl")? {
            let done = filed(&path.with_extension("filed"))?;
            if let Some(rows) = still(Rows::open(&path))? {
                left += rows.without(done).count() as u64;
            }
        }
        Ok(left)
    }

    /// A file to take matters in; nothing is on the disk before the first.
    pub(super) fn begin(&self) -> Keeping {
        Keeping { spool: self.clone(), to: None, kept: 0 }
    }

    /// Every file that nobody takes matters into, or files, at this moment.
    pub(super) fn waiting(&self) -> Result<Vec<Batch>, Failure> {
        let mut waiting = Vec::new();
        for path in self.files("jsonl")? {
            let Some(lock) = still(File::open(&path))? else { continue };
            match lock.try_lock() {
                // It went while we looked: then it is filed.
                Ok(()) if path.exists() => waiting.push(Batch { path, _lock: lock }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => {
                    return Err(anyhow::Error::new(e).context(self.name()).into());
                }
            }
        }
        Ok(waiting)
    }
}

/// What is not there any more is no fault: somebody else filed it.
fn still<T>(opened: std::io::Result<T>) -> Result<Option<T>, Failure> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The request ids that the server has.
fn filed(path: &Path) -> Result<HashSet<String>, Failure> {
    match path.exists() {
        true => Ok(Ledger::read(path)?.into_iter().map(|(id, _)| id).collect()),
        false => Ok(HashSet::new()),
    }
}

/// What a folder holds is found again after a crash only once the folder itself is written.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that matters are taken into, locked.
pub(super) struct Keeping {
    spool: Spool,
    to: Option<File>,
    /// How much of it is whole, in bytes.
    kept: u64,
}

impl Keeping {
    /// Keeps them; when this returns they are on the disk, all of them or none.
    pub(super) fn keep(&mut self, matters: &[Written]) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for matter in matters {
            serde_json::to_writer(&mut lines, matter).context("a matter as JSON")?;
            lines.push(b'\n');
        }
        if let Err(error) = self.write(&lines) {
            // Half a line would pass for what a crash left.
            if let Some(file) = &self.to {
                let _ = file.set_len(self.kept);
            }
            let words = format!("{} cannot be written, nothing more is kept", self.spool.name());
            return Err(anyhow::Error::new(error).context(words).into());
        }
        self.kept += lines.len() as u64;
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        let is_new = self.to.is_none();
        if is_new {
            let stamp: String = moment(wall_now()).replace(['-', ':'], "");
            let id = Uuid::new_v4().simple().to_string();
            let path = self.spool.dir.join(format!("{stamp}-{}.jsonl", &id[..8]));
            let file =
                OpenOptions::new().append(true).create_new(true).mode(OWNER_ONLY).open(path)?;
            file.lock()?;
            self.to = Some(file);
        }
        if let Some(file) = &mut self.to {
            file.write_all(lines)?;
            file.sync_all()?;
        }
        if is_new { sync_folder(&self.spool.dir) } else { Ok(()) }
    }
}

/// Whether so many may be kept, and one more.
pub(super) fn room(known: &Known) -> Result<(), Failure> {
    match known.len() < MAX_KEPT {
        true => Ok(()),
        false => Err(Failure::said(format!(
            "the spool holds {MAX_KEPT} matters, and no more are kept in one folder: file them, \
             or name another folder"
        ))),
    }
}

/// A file to be filed, locked.
pub(super) struct Batch {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Batch {
    /// The matters that the server does not have, and where those are noted that it has then.
    pub(super) fn open(&self) -> Result<(Rows, Ledger), Failure> {
        let path = self.path.with_extension("filed");
        let done = filed(&path)?;
        if let Some(file) = still(OpenOptions::new().write(true).open(&path))? {
            // A line that a crash cut short was told to nobody; what follows must not hang on it.
            let text = fs::read(&path)?;
            let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            file.set_len(whole as u64)?;
        }
        Ok((Rows::open(&self.path)?.without(done), Ledger::append(&path)?))
    }

    /// The server has all of it.
    pub(super) fn over(self) -> Result<(), Failure> {
        fs::remove_file(&self.path).with_context(|| self.path.display().to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn matter(n: u8) -> Written {
        let request_id = Uuid::from_u128(u128::from(n) + 1).to_string();
        let text = format!("{n}");
        Written { request_id, channel: "phone".to_owned(), text, ..Written::default() }
    }

    fn texts(batch: &Batch) -> Vec<Result<String, String>> {
        let rows = batch.open().unwrap().0;
        rows.map(|row| row.map(|r| r.submission.text).map_err(|bad| bad.to_string())).collect()
    }

    #[tokio::test]
    async fn what_is_kept_waits_until_it_is_filed() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::open(&home.path().join("spool")).unwrap();
        let mut keeping = spool.begin();
        keeping.keep(&[matter(0), matter(1)]).unwrap();
        keeping.keep(&[matter(2)]).unwrap();
        // Whoever still takes in is left alone, but counted.
        assert_eq!((spool.waiting().unwrap().len(), spool.left().unwrap()), (0, 3));
        drop(keeping);
        let path = spool.files("jsonl").unwrap().remove(0);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&spool.dir)), (0o600, 0o700));

        // A crash cut a line of either file; nothing but that line is lost.
        let append = |path: &Path, bytes: &[u8]| {
            OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
        };
        append(&path, br#"{"request_id":"00000000-0000-"#);
        let batch = spool.waiting().unwrap().remove(0);
        assert!(spool.waiting().unwrap().is_empty(), "two file the same");
        let (_, ledger) = batch.open().unwrap();
        ledger.acknowledged(&matter(1).request_id, "no-1").await;
        ledger.close().await.unwrap();
        append(&path.with_extension("filed"), b"00000000-0000-0");
        let mut left = texts(&batch);
        let torn = left.pop().unwrap().unwrap_err();
        assert!(torn.contains(".jsonl:4: cut short"), "{torn}");
        assert_eq!(left, [Ok("0".to_owned()), Ok("2".to_owned())]);
        let (_, ledger) = batch.open().unwrap();
        ledger.acknowledged(&matter(2).request_id, "no-2").await;
        ledger.close().await.unwrap();
        assert_eq!(texts(&batch).len(), 2);

        batch.over().unwrap();
        let known = spool.known().unwrap();
        assert_eq!(known.len(), 2, "what is filed stays known");
        assert!(known.values().all(Option::is_none));
        assert_eq!(spool.left().unwrap(), 0);
    }
}
