//! What `deploy/` holds is what operators install: it is checked as their machines would, by
//! the tools that they have, against what the program knows, and by running what can be run
//! without Docker or Kubernetes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod agreeing;
mod linting;
#[path = "../cli/program.rs"]
mod program;
#[path = "../support/redis.rs"]
mod redis;
mod running;
mod unit;

use std::path::{Path, PathBuf};

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The `HOTLINE_*` settings that a YAML file gives a server: `  HOTLINE_X: value`.
fn settings(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (name, value) = line.trim().split_once(": ")?;
        let ours = name.starts_with("HOTLINE_").then_some(name)?;
        Some((ours.to_owned(), value.trim_matches('"').to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// What stands behind each such key in a YAML file.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let found =
        text.lines().filter_map(|line| line.trim().trim_start_matches("- ").split_once(key));
    found.filter(|(before, _)| before.is_empty()).map(|(_, value)| value.trim()).collect()
}
