//! What the server acknowledged, on the client's own disk: what a crash test believes.

use crate::cli::failure::Failure;
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The most acknowledgements that wait to be written.
const QUEUE: usize = 4_096;
/// The most that are written before the disk is told to keep them.
const GROUP: usize = 512;

/// Writes one line per acknowledged order: request id, blank, order number.
pub(in crate::cli) struct Ledger {
    lines: mpsc::Sender<String>,
    writer: JoinHandle<std::io::Result<()>>,
}

impl Ledger {
    /// Opens it to append.
    pub(in crate::cli) fn append(path: &Path) -> Result<Ledger, Failure> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("ledger {}", path.display()))?;
        let (lines, queue) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write(file, queue));
        Ok(Ledger { lines, writer })
    }

    /// The order was acknowledged.
    pub(in crate::cli) async fn acknowledged(&self, request_id: &str, order_no: &str) {
        // The writer ends early only on an error, which `close` tells.
        let _ = self.lines.send(format!("{request_id} {order_no}\n")).await;
    }

    /// Waits until everything is on the disk.
    pub(in crate::cli) async fn close(self) -> Result<(), Failure> {
        drop(self.lines);
        let written = self.writer.await.context("the ledger's writer")?;
        written.context("the ledger cannot be written").map_err(Failure::from)
    }

    /// Reads request ids and order numbers back. A last line cut short is left out: it was
    /// never told to anybody.
    pub(in crate::cli) fn read(path: &Path) -> Result<Vec<(String, String)>, Failure> {
        let name = || format!("ledger {}", path.display());
        let mut from = BufReader::new(File::open(path).with_context(name)?);
        let mut pairs = Vec::new();
        let mut line = String::new();
        while from.read_line(&mut line).with_context(name)? > 0 {
            if let Some(whole) = line.strip_suffix('\n') {
                let (id, no) = whole.split_once(' ').with_context(|| {
                    format!(
                        "{}:{}: expected a request id and an order number",
                        name(),
                        pairs.len() + 1
                    )
                })?;
                pairs.push((id.to_owned(), no.to_owned()));
            }
            line.clear();
        }
        Ok(pairs)
    }
}

fn write(mut file: File, mut queue: mpsc::Receiver<String>) -> std::io::Result<()> {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        file.write_all(group.concat().as_bytes())?;
        file.sync_data()?;
        group.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        for round in 0..2 {
            let ledger = Ledger::append(&path).unwrap();
            ledger.acknowledged(&format!("id-{round}"), "no").await;
            ledger.close().await.unwrap();
        }
        let mut cut = OpenOptions::new().append(true).open(&path).unwrap();
        cut.write_all(b"id-2 n").unwrap();
        let pairs = Ledger::read(&path).unwrap();
        assert_eq!(pairs, [("id-0".into(), "no".into()), ("id-1".into(), "no".into())]);
    }
}
