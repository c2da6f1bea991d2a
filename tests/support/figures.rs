//! What the tests measure, said where `cargo test` swallows nothing, one line each:
//! `tests/run 2>&1 | grep MEASURED`. And how much they run: the long set is for whoever has
//! the time, `HOTLINE_LONG=1`.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fmt::Display;
use std::io::Write;

/// A promise, and the figure that was measured of it.
pub fn measured(promise: &str, figure: impl Display) {
    said(&format!("MEASURED {promise}: {figure}"));
}

/// Whether the long set is to be run.
pub fn is_long() -> bool {
    std::env::var_os("HOTLINE_LONG").is_some_and(|value| !value.is_empty() && value != "0")
}

/// How many: the long set's number where that is run, else the short one, said aloud.
pub fn how_many<N: Display>(what: &str, long: N, short: N) -> N {
    if is_long() {
        return long;
    }
    said(&format!("SHORT {what}: {short} of {long}; HOTLINE_LONG=1 runs them all"));
    short
}

/// In one piece, for tests speak at the same time. What is printed in the usual way is kept
/// back of tests that pass.
pub fn said(line: &str) {
    let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
}
