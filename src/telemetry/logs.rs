//! Logs go to stderr, one line each. No line holds a caller's name or number: what could is
//! `Redacted` in the domain, and a test reads every line.

use std::io::{IsTerminal, Stderr};
use tracing_subscriber::fmt::Formatter;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::reload::Handle;
use tracing_subscriber::{EnvFilter, fmt};

/// Why logging could not be set up, or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("log = {0:?}: not a log filter; expected for example info or info,hotline=debug")]
    Filter(String),
    /// It was set up before.
    #[error("logging is already set up")]
    Twice,
}

type ToStderr = Formatter<DefaultFields, Format, fn() -> Stderr>;

/// Logging that was started; what it lets through may be changed.
pub struct Logs(Handle<EnvFilter, ToStderr>);

impl Logs {
    /// Lets this through from now on.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        // The handle fails only when logging is gone.
        self.0.reload(parse(filter)?).map_err(|_| LogError::Twice)
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    filter.parse::<EnvFilter>().map_err(|_| LogError::Filter(filter.to_owned()))
}

/// Starts logging what the filter lets through. Colours only if a person looks at it.
pub fn init(filter: &str) -> Result<Logs, LogError> {
    let builder = fmt()
        .with_env_filter(parse(filter)?)
        .with_writer(std::io::stderr as fn() -> Stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter_reloading();
    let logs = Logs(builder.reload_handle());
    tracing::subscriber::set_global_default(builder.finish()).map_err(|_| LogError::Twice)?;
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let Err(error) = init("hotline=loud") else { panic!("it is taken") };
        let error = error.to_string();
        assert!(error.contains("hotline=loud") && error.contains("info"), "{error}");
    }
}
