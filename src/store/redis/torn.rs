//! What a crash leaves at the end of the append-only file, made harmless.
//!
//! Redis writes a step to the file as a transaction, and a crash may leave half of it there.
//! At the next start Redis drops that half from what it holds, but not from the file where it
//! ends within a command: there it cuts behind the last whole command, and what comes later is
//! appended to a transaction that was begun and never ended (7.0 to 8, `loadSingleAppendOnlyFile`
//! in aof.c). The start after that one takes both for one transaction: half of a step that
//! nobody was told of takes effect, an order without its events, and perhaps over a later state.
//!
//! So whoever comes first to a Redis that was started anew has the file rewritten before
//! anything is written behind that half. From the moment a rewrite begins, what is new goes
//! into another file. Should Redis crash again before the rewrite is done, its next start cuts
//! the half off, says that this was not the last file, and ends; the one after that is sound:
//! a service manager that starts Redis again is all it takes.

use super::keys::Keys;
use super::trouble::Fault;
use super::value::text;
use super::wire::Fresh;
use crate::store::StoreError;
use ::redis::cmd;
use std::time::Duration;

/// How often it is looked whether a rewrite that has to wait its turn has begun.
const LOOK: Duration = Duration::from_millis(20);
/// And how many times: a dump or a replica's first copy may be in the way.
const LOOKS: usize = 500;

/// Has the file rewritten if nobody has written to the cell since this Redis was started. One
/// that took another's place need not be asked: it wrote a new file when it began to follow.
pub async fn mend(fresh: &Fresh<'_>, keys: &Keys) -> Result<(), StoreError> {
    let took_over = fresh.said("master_replid2:").bytes().any(|digit| digit != b'0');
    if fresh.said("aof_enabled:") != "1" || took_over {
        return Ok(());
    }
    let known = fresh.ask(cmd("HGET").arg(keys.meta()).arg("history")).await?;
    if text(&known) == fresh.said("master_replid:") {
        return Ok(());
    }
    let accepted = match fresh.ask(&cmd("BGREWRITEAOF")).await {
        Ok(_) => true,
        Err(lost @ Fault::Lost(..)) => return Err(lost.into()),
        // Perhaps because one is on its way already.
        Err(Fault::NotDone(_) | Fault::Unknown(_) | Fault::NoLibrary) => false,
    };
    for _ in 0..LOOKS {
        let info = text(&fresh.ask(cmd("INFO").arg("persistence")).await?);
        let is = |what: &str| info.lines().any(|line| line == what);
        if !is("aof_rewrite_scheduled:1") {
            let ended_well = accepted && is("aof_last_bgrewrite_status:ok");
            if is("aof_rewrite_in_progress:1") || ended_well {
                return Ok(());
            }
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    tracing::error!(
        redis = fresh.address(),
        "Redis was started anew and does not rewrite its append-only file (BGREWRITEAOF): if a \
         crash left half a step at its end, the next start makes it take effect. See its log \
         (vm.overcommit_memory, free disk) and what its user may do, and have it rewritten \
         before it is stopped"
    );
    Ok(())
}
