//! What can go wrong between us and Redis, in words that say what to do. Redis's own text is
//! passed on only where it cannot hold what somebody wrote.

use crate::store::{CommitError, StoreError};
use ::redis::RedisError;

/// Why a call has no answer that could be used.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It was not sent, or Redis refused it before doing anything.
    NotDone(StoreError),
    /// It was sent and no answer came, or it broke off: it may have been done.
    Unknown(StoreError),
    /// The server lacks our library: nothing was done.
    NoLibrary,
}

impl Fault {
    /// As what a commit answers.
    pub fn of_commit(self) -> CommitError {
        match self {
            Fault::NotDone(trouble) => CommitError::Unavailable(trouble),
            Fault::Unknown(trouble) => CommitError::Unknown(trouble),
            Fault::NoLibrary => CommitError::Unavailable(self.into()),
        }
    }
}

/// A reader does not care whether it was done.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        match fault {
            Fault::NotDone(trouble) | Fault::Unknown(trouble) => trouble,
            Fault::NoLibrary => StoreError::Unreachable(
                "Redis keeps losing our function library: is something flushing functions?"
                    .to_owned(),
            ),
        }
    }
}

/// What an error means, and whether the connection must be rebuilt.
#[derive(Debug)]
pub struct Diagnosis {
    /// What to answer.
    pub fault: Fault,
    /// This connection will not get better by itself.
    pub broken: bool,
}

/// Reads an error of the server at `address`, or of the way there.
pub fn diagnose(error: &RedisError, address: &str) -> Diagnosis {
    let not_done = |text: String| Fault::NotDone(StoreError::Unreachable(text));
    if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
        let text = format!("the connection to Redis at {address} broke: is it running?");
        return Diagnosis { fault: Fault::Unknown(StoreError::Unreachable(text)), broken: true };
    }
    let detail = error.detail().unwrap_or_default();
    let code = error.code().unwrap_or_default();
    let calm = |fault| Diagnosis { fault, broken: false };
    match code {
        "READONLY" => Diagnosis {
            fault: not_done(format!(
                "Redis at {address} is a replica and takes no writes: point the store's URL to \
                 the master"
            )),
            broken: true,
        },
        "LOADING" => calm(not_done(format!(
            "Redis at {address} is still loading its data: wait until it has, then try again"
        ))),
        "MISCONF" => calm(not_done(format!(
            "Redis at {address} cannot write to its disk and refuses changes: see its log, free \
             space on its disk"
        ))),
        "OOM" => calm(not_done(format!(
            "Redis at {address} has used up its maxmemory: raise it (it must never evict)"
        ))),
        "BUSY" => calm(not_done(format!(
            "Redis at {address} is held up by a script: see SCRIPT KILL and FUNCTION KILL"
        ))),
        "NOAUTH" | "WRONGPASS" => calm(not_done(format!(
            "Redis at {address} does not accept the user and password in the store's URL"
        ))),
        "NOPERM" => calm(not_done(format!(
            "Redis at {address} forbids its user commands we need: grant it FUNCTION, FCALL and \
             the keys of the cell"
        ))),
        "ERR" if detail.contains("Function not found") => calm(Fault::NoLibrary),
        // Redis names our function when it broke off in the middle.
        "ERR" | "WRONGTYPE" if detail.contains("script:") => {
            calm(Fault::Unknown(StoreError::Unreachable(format!(
                "a step broke off in Redis at {address}, which should never happen: compare the \
                 store with its orders ({})",
                place(detail)
            ))))
        }
        other => calm(Fault::Unknown(StoreError::Unreachable(format!(
            "Redis at {address} answered {}: see its log",
            if other.is_empty() { "what we do not understand" } else { other }
        )))),
    }
}

/// The place in the library alone, of an error's text.
fn place(detail: &str) -> &str {
    detail.rfind("script:").map_or("", |at| &detail[at..])
}
