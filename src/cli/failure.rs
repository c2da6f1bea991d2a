//! What went wrong, said so that the reader knows what to do; and the exit code.

use crate::config::ConfigError;
use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The server said no.
    Refused(Box<Status>),
    /// The server cannot be reached.
    Unreachable {
        /// Where it was looked for.
        server: String,
        /// Why not.
        cause: String,
    },
    /// The command line or the settings are wrong.
    Usage(String),
    /// The store does not hold what was counted: what does not agree.
    NotInStore(String),
    /// Nobody takes it now, and all of it is kept in the spool of this name.
    Kept {
        /// The spool.
        spool: String,
        /// Why it is not taken.
        why: Box<Failure>,
    },
    /// Anything else.
    Failed(anyhow::Error),
    /// It was said already; only the exit code is left.
    Told,
}

impl Failure {
    /// A failure in these words.
    pub fn said(words: impl Into<String>) -> Failure {
        Failure::Failed(anyhow::Error::msg(words.into()))
    }

    /// From what a call to `server` came to.
    pub fn of_call(server: &str, status: Status) -> Failure {
        if is_transport(&status) {
            let cause = status.source().map_or_else(|| status.message().to_owned(), chain);
            return Failure::Unreachable { server: server.to_owned(), cause };
        }
        Failure::Refused(Box::new(status))
    }

    /// See [`super::Cli`]'s help.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Refused(_) | Failure::Failed(_) | Failure::Told => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable { .. } | Failure::Kept { .. } => 3,
            Failure::NotInStore(_) => 4,
        })
    }

    /// The first line of [`Failure::explain`], without the word before it.
    pub fn in_short(&self) -> String {
        let words = self.explain();
        let line = words.lines().next().unwrap_or_default();
        line.strip_prefix("error: ").unwrap_or(line).to_owned()
    }

    /// What to print; ends with a hint on what to do where there is one.
    pub fn explain(&self) -> String {
        match self {
            Failure::Refused(status) => refused(status),
            Failure::Unreachable { server, cause } => format!(
                "error: {server} cannot be reached: {cause}\n\
                 hint: is `hotline serve` running there? --server or HOTLINE_SERVER names another\n"
            ),
            Failure::Usage(words) => format!("error: {words}\n"),
            Failure::NotInStore(words) => {
                format!("error: the store does not hold what was counted:\n  {words}\n")
            }
            Failure::Kept { spool, why } => format!(
                "{}kept: all of it is in {spool}; `hotline submit --spool {spool} --wait` files it\n",
                why.explain()
            ),
            Failure::Failed(error) => format!("error: {error:#}\n"),
            Failure::Told => String::new(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Failed(error.into())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

/// Whether no server had a word in it: the connection failed, or broke.
pub(super) fn is_transport(status: &Status) -> bool {
    status.get_details_error_info().is_none() && status.source().is_some()
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !words.ends_with(&more) {
            let _ = write!(words, ": {more}");
        }
        next = error.source();
    }
    words
}

fn refused(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    let mut text = format!("error: {}", status.message());
    match reason.as_str() {
        "" => _ = write!(text, " ({:?})", status.code()),
        reason => _ = write!(text, " ({reason})"),
    }
    text.push('\n');
    if let Some(message) = details.localized_message() {
        let _ = writeln!(text, "  {}", message.message);
    }
    let faults = details.bad_request().map(|b| &b.field_violations[..]).unwrap_or_default();
    for fault in faults {
        let _ = writeln!(text, "  field {}: {}", fault.field, fault.description);
    }
    if let Some(info) = details.error_info() {
        // What a wrong field must be stands above already.
        let told = |key: &str| !faults.is_empty() && matches!(key, "field" | "allowed");
        let mut rows: Vec<_> = info.metadata.iter().filter(|(key, _)| !told(key)).collect();
        rows.sort();
        for (key, value) in rows {
            let _ = writeln!(text, "  {key} = {value}");
        }
    }
    let _ = writeln!(text, "hint: {}", hint(status.code(), &reason));
    text
}

/// What to do about it.
fn hint(code: Code, reason: &str) -> &'static str {
    match reason {
        "ORDER_NOT_FOUND" => "read the number again; `hotline order list` shows what there is",
        "WRONG_STAGE" => "`hotline order get` shows where the order stands and who must move",
        "NOT_HOLDER" | "NOT_CENTRE" => "act for the unit named above with --unit",
        "NOBODY_BELOW" => "name a unit below the holder with --to, or sign it",
        "REQUEST_ID_REUSED" => "leave --request-id out: a new one is made",
        "LEASE_STALE" => "pull the order again, or leave the lease out",
        "OUTCOME_UNKNOWN" => "send the same again with the same --request-id: it tells",
        "BAD_ACTOR" => "--staff, --unit and --role say who you are",
        "BAD_PAGE_TOKEN" => "start again without --page-token",
        "MODE_MOVED" | "MODE_UNCHANGED" => "`hotline mode show` tells which one is in force",
        "FEED_DIVERGED" => "start again without --cursor: the history it belongs to is gone",
        _ => match code {
            Code::FailedPrecondition => "what may be done now is named above",
            Code::InvalidArgument => "correct what is named above and try again",
            Code::Unavailable => "try again; `hotline health` shows whether the server is ready",
            Code::Unimplemented => "the server is older than this program: upgrade it",
            Code::DeadlineExceeded => "the server is slow or far: try again",
            Code::DataLoss => "a record is damaged: run `hotline doctor`",
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::Unauthenticated => "the server's log tells more",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_says_everything_the_server_said() {
        let metadata = [("stage".to_owned(), "triage".to_owned())];
        let mut details = ErrorDetails::with_error_info("WRONG_STAGE", "hotline", metadata);
        details.add_bad_request_violation("order_no", "an order number");
        details.set_localized_message("zh-CN", "当前环节不允许。");
        let status = Status::with_error_details(Code::FailedPrecondition, "not now", details);
        let text = Failure::of_call("http://x", status).explain();
        for part in [
            "error: not now (WRONG_STAGE)",
            "当前环节不允许。",
            "field order_no: an order number",
            "stage = triage",
            "hint: `hotline order get`",
        ] {
            assert!(text.contains(part), "{part} is missing from {text}");
        }
    }
}
