//! Keeps first, files then: what the server cannot take now it takes later, from the disk.

use super::rows::{Written, moment};
use super::spool::{Keeping, Known, Spool, room};
use super::{Filing, Ledger, Rows, SubmitArgs, Sums, ask, bar, interrupted};
use crate::cli::failure::Failure;
use crate::cli::retry::is_worth_again;
use crate::clock::wall_now;
use crate::domain::Role;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many matters of a file are kept before the disk is told to keep them.
const GROUP: usize = 512;
/// How long after a server that was away it is looked for again.
const AGAIN: Duration = Duration::from_secs(2);

/// Takes in what there is, then files whatever is kept, once or until nothing is left.
pub(super) async fn run(
    args: &SubmitArgs,
    spool: &Spool,
    ledger: Option<&Arc<Ledger>>,
    sums: &mut Sums,
) -> Result<(), Failure> {
    if let Some(file) = &args.file {
        take_in(file, spool, sums)?;
    }
    let mut calls = args.ask.then(|| ask::begin(spool.clone()));
    let mut interrupts = signal(SignalKind::interrupt())?;
    // What was refused once is refused again until somebody corrects it.
    let mut refused = HashSet::new();
    let mut away = false;
    loop {
        match file_all(args, spool, ledger, &mut refused, sums).await {
            Ok(()) if calls.is_none() => return Ok(()),
            Ok(()) => away = false,
            Err(failure) if may_pass(&failure) && (args.wait || calls.is_some()) => {
                // Said once, not every two seconds.
                match (std::mem::replace(&mut away, true), &calls) {
                    (true, _) => {}
                    (false, Some(_)) => eprintln!("\n服务暂不可用：来电照常存盘，恢复后自动登记"),
                    (false, None) => eprint!("{}", failure.explain()),
                }
            }
            Err(why) if may_pass(&why) => {
                return Err(Failure::Kept { spool: spool.path(), why: Box::new(why) });
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            call = next(&mut calls) => match call {
                Some(Ok(())) => sums.taken += 1,
                Some(Err(failure)) => return Err(failure),
                None => calls = None,
            },
            () = tokio::time::sleep(AGAIN) => {}
            _ = interrupts.recv() => return Err(interrupted(true)),
        }
    }
}

async fn next(
    calls: &mut Option<mpsc::Receiver<Result<(), Failure>>>,
) -> Option<Result<(), Failure>> {
    match calls {
        Some(calls) => calls.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether the server may be back later.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable { .. } => true,
        Failure::Refused(status) => is_worth_again(status),
        Failure::Usage(_)
        | Failure::NotInStore(_)
        | Failure::Kept { .. }
        | Failure::Failed(_)
        | Failure::Told => false,
    }
}

/// Keeps the matters of a file, each with the moment it was heard: this one, if none is named.
fn take_in(file: &Path, spool: &Spool, sums: &mut Sums) -> Result<(), Failure> {
    let mut rows = Rows::open(file)?;
    let bar = bar(rows.size);
    let mut known = spool.known()?;
    let mut keeping = spool.begin();
    let mut group = Vec::with_capacity(GROUP);
    while let Some(row) = rows.next_written() {
        match row {
            Err(bad) => sums.bad_line(&bad, &bar),
            Ok(row) => match known.get(&row.request_id) {
                Some(before) if before.as_ref().is_none_or(|before| is_same(before, &row)) => {
                    sums.duplicate += 1;
                }
                Some(_) => {
                    let bad = rows.bad("request_id: another matter is kept under it");
                    sums.bad_line(&bad, &bar);
                }
                None => {
                    room(&known)?;
                    group.push(note(row, &mut known));
                }
            },
        }
        if group.len() == GROUP {
            keep(&mut keeping, &mut group, sums)?;
        }
        bar.set_position(rows.read);
    }
    bar.finish_and_clear();
    keep(&mut keeping, &mut group, sums)
}

fn keep(keeping: &mut Keeping, group: &mut Vec<Written>, sums: &mut Sums) -> Result<(), Failure> {
    if !group.is_empty() {
        keeping.keep(group)?;
        sums.taken += group.len() as u64;
        group.clear();
    }
    Ok(())
}

fn note(mut row: Written, known: &mut Known) -> Written {
    if row.heard_at.is_empty() {
        row.heard_at = moment(wall_now());
    }
    known.insert(row.request_id.clone(), Some(row.clone()));
    row
}

/// A row that names no moment means the one that was noted.
fn is_same(before: &Written, row: &Written) -> bool {
    let heard_at =
        if row.heard_at.is_empty() { before.heard_at.clone() } else { row.heard_at.clone() };
    *before == Written { heard_at, ..row.clone() }
}

/// Files everything that is kept and that nobody else is at.
async fn file_all(
    args: &SubmitArgs,
    spool: &Spool,
    ledger: Option<&Arc<Ledger>>,
    refused: &mut HashSet<PathBuf>,
    sums: &mut Sums,
) -> Result<(), Failure> {
    let mut waiting = spool.waiting()?;
    waiting.retain(|batch| !refused.contains(&batch.path));
    if waiting.is_empty() {
        return Ok(());
    }
    let server = args.client.connect(Role::Agent).await?;
    for batch in waiting {
        let before = sums.refused + sums.bad_lines;
        let (rows, filed) = batch.open()?;
        let filed = Arc::new(filed);
        let filing = Filing {
            server: &server,
            path: &batch.path,
            bar: &bar(rows.size),
            ledgers: ledger.into_iter().chain([&filed]).cloned().collect(),
            concurrency: usize::from(args.concurrency),
            spooled: true,
            numbers: args.ask,
        };
        let ended = filing.all(rows, sums).await;
        filing.bar.finish_and_clear();
        drop(filing);
        if let Some(filed) = Arc::into_inner(filed) {
            filed.close().await?;
        }
        ended?;
        match before == sums.refused + sums.bad_lines {
            true => batch.over()?,
            false => _ = refused.insert(batch.path.clone()),
        }
    }
    Ok(())
}
