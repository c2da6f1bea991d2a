//! A store that lies on purpose, so that what should catch it can be shown to.
//!
//! The test that kills a service under load compares every acknowledged order with a ledger
//! kept by the client. A checker that never failed proves nothing, so once it must: with
//! `HOTLINE_FAULT_DROP_COMMIT=N` in the environment, the N-th commit of the process (from 1)
//! that answers a client's request is acknowledged and not written. Those of timers and first
//! deliveries do not count: nobody was promised anything. The hook is in debug builds only; a
//! release build has no such code.

/// Whether this commit, one that would be written and answers a request, counted by calling,
/// is to be acknowledged without being written.
#[cfg(debug_assertions)]
pub fn drops_this_commit() -> bool {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static DROPPED: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("HOTLINE_FAULT_DROP_COMMIT").ok()?.parse().ok());
    static COMMITS: AtomicU64 = AtomicU64::new(0);
    let Some(dropped) = *DROPPED else { return false };
    COMMITS.fetch_add(1, Ordering::Relaxed) + 1 == dropped
}

/// Never in a release build.
#[cfg(not(debug_assertions))]
pub const fn drops_this_commit() -> bool {
    false
}

/// Ends the process as a kill would, once so many batches were restored as
/// `HOTLINE_FAULT_DIE_RESTORING` says: a restore that was cut short must be shown to be one.
#[cfg(debug_assertions)]
pub fn dies_restoring() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static DIES: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("HOTLINE_FAULT_DIE_RESTORING").ok()?.parse().ok());
    static BATCHES: AtomicU64 = AtomicU64::new(0);
    if DIES.is_some_and(|at| BATCHES.fetch_add(1, Ordering::Relaxed) + 1 == at) {
        std::process::abort();
    }
}

/// Never in a release build.
#[cfg(not(debug_assertions))]
pub const fn dies_restoring() {}
