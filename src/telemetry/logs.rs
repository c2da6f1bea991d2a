//! Logs go to stderr, one line each. No line holds a caller's name or number: what could is
//! `Redacted` in the domain, and a test reads every line.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("log = {0:?}: not a log filter; expected for example info or info,hotline=debug")]
    Filter(String),
    /// It was set up before.
    #[error("logging is already set up")]
    Twice,
}

/// Starts logging what the filter lets through. Colours only if a person looks at it.
pub fn init(filter: &str) -> Result<(), LogError> {
    let parsed = filter.parse::<EnvFilter>();
    let parsed = parsed.map_err(|_| LogError::Filter(filter.to_owned()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let error = init("hotline=loud").unwrap_err().to_string();
        assert!(error.contains("hotline=loud") && error.contains("info"), "{error}");
    }
}
