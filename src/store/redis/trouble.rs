//! What can go wrong between us and Redis, in words that say what to do. Redis's own text is
//! passed on only where it cannot hold what somebody wrote.

use crate::store::{CommitError, StoreError};
use ::redis::{ErrorKind, RedisError};

/// Why a call has no answer that could be used.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It was not sent, or Redis refused it before doing anything.
    NotDone(StoreError),
    /// It was sent on this connection and no answer came: it may have been done.
    Lost(StoreError, u64),
    /// An answer came, and it does not tell whether it was done, or done safely.
    Unknown(StoreError),
    /// The server lacks our library: nothing was done.
    NoLibrary,
}

impl Fault {
    /// As what a commit answers.
    pub fn of_commit(self) -> CommitError {
        match self {
            Fault::NotDone(trouble) => CommitError::Unavailable(trouble),
            Fault::Lost(trouble, _) | Fault::Unknown(trouble) => CommitError::Unknown(trouble),
            Fault::NoLibrary => CommitError::Unavailable(self.into()),
        }
    }
}

/// A reader does not care whether it was done.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        match fault {
            Fault::NotDone(trouble) | Fault::Lost(trouble, _) | Fault::Unknown(trouble) => trouble,
            Fault::NoLibrary => StoreError::Unreachable(
                "Redis keeps losing our function library: is something flushing functions?"
                    .to_owned(),
            ),
        }
    }
}

/// What is to be done about an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Nothing: whoever asked is told.
    Tell,
    /// This connection will not get better by itself: another is built, and who asked is told.
    Rebuild,
    /// Nothing was done, and another connection will do it.
    Elsewhere,
    /// Nothing was done, and in a moment it will be.
    Later,
    /// Nothing was done here; this once, the node at the address will do it.
    Aside(String),
}

/// What an error means, and what is to be done about it.
#[derive(Debug)]
pub struct Diagnosis {
    /// What to answer.
    pub fault: Fault,
    /// What to do.
    pub remedy: Remedy,
}

fn told(fault: Fault) -> Diagnosis {
    Diagnosis { fault, remedy: Remedy::Tell }
}

fn not_done(text: String, remedy: Remedy) -> Diagnosis {
    Diagnosis { fault: Fault::NotDone(StoreError::Unreachable(text)), remedy }
}

/// Reads an error of the server at `address`, or of the way there, on the connection of that
/// number.
pub fn diagnose(error: &RedisError, address: &str, generation: u64) -> Diagnosis {
    // What is no word of the server is a wire that broke, were it in the middle of a word.
    if error.kind() == ErrorKind::AuthenticationFailed {
        return not_done(unwelcome(address), Remedy::Tell);
    }
    if error.code().is_none() {
        let fault = Fault::Lost(broken(address), generation);
        return Diagnosis { fault, remedy: Remedy::Rebuild };
    }
    let detail = error.detail().unwrap_or_default();
    match error.code().unwrap_or_default() {
        "READONLY" => not_done(replica(address), Remedy::Elsewhere),
        "UNBLOCKED" | "MASTERDOWN" => not_done(replica(address), Remedy::Elsewhere),
        "MOVED" => not_done(
            format!(
                "the cell's slot is not served by the Redis at {address}, which is part of a \
                 Cluster: a Cluster's URL is redis+cluster://HOST:PORT,HOST:PORT"
            ),
            Remedy::Elsewhere,
        ),
        "ASK" => {
            let place = error.redirect_node().map_or("", |(place, _)| place).to_owned();
            not_done(moving(), Remedy::Aside(place))
        }
        "TRYAGAIN" => not_done(moving(), Remedy::Later),
        "CLUSTERDOWN" => not_done(
            format!(
                "the Redis Cluster is down, says the node at {address}: most of its masters \
                 must reach each other, and every slot must have one"
            ),
            Remedy::Elsewhere,
        ),
        "LOADING" => told(Fault::NotDone(loading_still(address))),
        "MISCONF" => not_done(
            format!(
                "Redis at {address} cannot write to its disk and refuses changes: see its log, \
                 free space on its disk"
            ),
            Remedy::Tell,
        ),
        "NOREPLICAS" => not_done(
            format!(
                "Redis at {address} has fewer replicas than its min-replicas-to-write and \
                 refuses changes: bring the replicas back"
            ),
            Remedy::Tell,
        ),
        "OOM" => told(Fault::NotDone(StoreError::Full(format!(
            "Redis at {address} has used up its maxmemory: raise it (it must never evict)"
        )))),
        "BUSY" => not_done(
            format!("Redis at {address} is held up by a script: see SCRIPT KILL and FUNCTION KILL"),
            Remedy::Tell,
        ),
        "NOAUTH" | "WRONGPASS" => not_done(unwelcome(address), Remedy::Tell),
        "NOPERM" => not_done(
            format!(
                "Redis at {address} forbids its user commands we need: grant it FUNCTION, FCALL, \
                 INFO, ROLE, CLIENT, BGREWRITEAOF and the keys of the cell"
            ),
            Remedy::Tell,
        ),
        "ERR" if detail.contains("Function not found") => told(Fault::NoLibrary),
        "ERR" if detail.contains("DB index is out of range") => not_done(
            format!(
                "Redis at {address} has no database of the number in the store's URL: correct the \
                 number, or leave it out"
            ),
            Remedy::Tell,
        ),
        // Redis names our function when it broke off in the middle.
        "ERR" | "WRONGTYPE" if detail.contains("script:") => {
            told(Fault::Unknown(StoreError::Unreachable(format!(
                "a step broke off in Redis at {address}, which should never happen: compare the \
                 store with its orders ({})",
                place(detail)
            ))))
        }
        "WRONGTYPE" => told(Fault::Unknown(anothers(address))),
        other => told(Fault::Unknown(StoreError::Unreachable(format!(
            "Redis at {address} answered {other}: see its log"
        )))),
    }
}

/// The wire is gone.
pub fn broken(address: &str) -> StoreError {
    StoreError::Unreachable(format!(
        "the connection to Redis at {address} broke: is it running, and is it a Redis?"
    ))
}

/// Somebody else keeps things where the city's would lie.
pub fn anothers(address: &str) -> StoreError {
    StoreError::Unreachable(format!(
        "Redis at {address} holds something of another application under this city's keys: give \
         the hotline a Redis of its own, or another database number in the URL"
    ))
}

/// It has not got its data together yet.
pub fn loading_still(address: &str) -> StoreError {
    StoreError::Unreachable(format!(
        "Redis at {address} is still loading its data: wait until it has, then try again"
    ))
}

/// Not a master, or no longer.
pub fn replica(address: &str) -> String {
    format!(
        "Redis at {address} is a replica and takes no writes: point the store's URL to the \
         master, or to its Sentinels"
    )
}

fn unwelcome(address: &str) -> String {
    format!(
        "Redis at {address} asks for a password, or does not accept the user and password it was \
         given: put the right one into store_password_file, or into the store's URL"
    )
}

fn moving() -> String {
    "the cell's slot is being moved between masters of the Cluster: it is served again when \
     the whole slot is there"
        .to_owned()
}

/// The place in the library alone, of an error's text.
fn place(detail: &str) -> &str {
    detail.rfind("script:").map_or("", |at| &detail[at..])
}
