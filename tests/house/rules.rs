//! The rules, each a pure function of a file's path and text.

use crate::scan::{code_only, line_of, places, shipped_code};
use std::fmt;

/// The longest a file may be: about 400 lines, with room to finish a thought.
const MAX_LINES: usize = 450;

const EVERYTHING: &[&str] = &[
    "cli",
    "config",
    "server",
    "api",
    "pb",
    "dispatch",
    "domain",
    "catalogue",
    "classify",
    "locate",
    "route",
    "train",
    "similar",
    "story",
    "store",
    "archive",
    "telemetry",
    "clock",
    "simulation",
];

/// Room, and the rooms it may import. A room may always import itself.
const TABLE: &[(&str, &[&str])] = &[
    ("cli", EVERYTHING),
    ("server", EVERYTHING),
    ("config", &["domain"]),
    ("api", &["pb", "dispatch", "domain"]),
    ("pb", &[]),
    (
        "dispatch",
        &[
            "domain",
            "catalogue",
            "classify",
            "locate",
            "route",
            "similar",
            "story",
            "store",
            "archive",
            "clock",
            "telemetry",
        ],
    ),
    ("domain", &[]),
    ("catalogue", &["domain"]),
    ("classify", &["domain", "catalogue"]),
    ("locate", &["domain", "catalogue"]),
    ("route", &["domain", "catalogue"]),
    ("train", &["domain", "catalogue", "classify"]),
    ("similar", &["domain", "catalogue"]),
    ("story", &["domain", "catalogue"]),
    // Leases and remembered requests run in real time, whatever the orders' clock does, and
    // `clock` is the only place to read it.
    ("store", &["domain", "clock"]),
    // What leaves a store is written as the stores write it.
    ("archive", &["domain", "store"]),
    ("telemetry", &["domain"]),
    ("clock", &["domain"]),
    // It drives the real shell over a store and an archive of its own.
    ("simulation", &["domain", "catalogue", "dispatch", "store", "archive", "clock"]),
];

/// Rooms that compute and do nothing else.
const PURE: &[&str] = &["domain", "classify", "locate", "route", "similar", "story"];

/// What a pure room does not know.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "SystemTime",
    "Instant",
    "tokio",
    "rand",
    "getrandom",
    "uuid",
];

/// How clocks are read, here and in the crates we use. `elapsed` of a moment that
/// `clock::tick` gave is allowed: what it measures never becomes an order's time.
const CLOCK_READS: &[&str] = &["SystemTime::now", "Instant::now", "UNIX_EPOCH.elapsed"];

/// Foreign names and the only places that may know them.
const STRANGERS: &[(&[&str], &[&str])] = &[
    (&["prost", "prost_types", "tonic"], &["api", "pb", "cli", "server"]),
    (&["redis", "deadpool_redis"], &["store/redis", "server"]),
    (&["redb"], &["store/embedded"]),
    (&["parquet"], &["archive"]),
    (&["metrics_exporter_prometheus", "axum"], &["telemetry", "server"]),
];

/// Enums whose matches name every variant: the life of an order.
const NAMED: &[&str] = &[
    "Stage",
    "Action",
    "ActionName",
    "What",
    "Timer",
    "Desk",
    "Level",
    "ClockKind",
    "Duty",
    "Ending",
    "Verdict",
    "Rejection",
    "ReturnReason",
    "CommitError",
    "StoreError",
];

/// What stands at the top level beside dotfiles.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "proto",
    "src",
    "benches",
    "deploy",
    "tests",
    "build.rs",
    "clippy.toml",
    "rustfmt.toml",
];

/// One breach of a rule.
#[derive(Debug)]
pub struct Breach {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn breach(path: &str, line: usize, what: impl Into<String>) -> Breach {
    Breach { path: path.to_owned(), line, what: what.into() }
}

/// The room of a file; `None` for `main.rs`, `lib.rs` and what only tests compile.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let is_test = inside.split('/').any(|part| part == "tests" || part == "tests.rs");
    let first = inside.split('/').next()?.trim_end_matches(".rs");
    (!is_test && !matches!(inside, "main.rs" | "lib.rs")).then_some(first)
}

/// No room imports one that the table does not allow it.
pub fn imports(path: &str, text: &str) -> Vec<Breach> {
    let Some(room) = room(path) else { return Vec::new() };
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == room) else {
        return vec![breach(path, 1, format!("room `{room}` is not in the table"))];
    };
    let code = shipped_code(text);
    let found = imported(path, &code).into_iter();
    found
        .filter(|(_, other)| other != room && EVERYTHING.contains(&other.as_str()))
        .filter(|(_, other)| !allowed.contains(&other.as_str()))
        .map(|(at, other)| {
            let what = format!("`{room}` may not import `{other}`; allowed: {allowed:?}");
            breach(path, line_of(&code, at), what)
        })
        .collect()
}

/// Every room that the code reaches through `crate::` or through `super::` beyond its own.
fn imported(path: &str, code: &str) -> Vec<(usize, String)> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let depth = inside.split('/').filter(|part| *part != "mod").count();
    let to_root = ["super::".repeat(depth), "crate::".to_owned(), "hotline::".to_owned()];
    let mut found = Vec::new();
    for prefix in &to_root {
        for at in places(code, prefix) {
            let rest = &code[at + prefix.len()..];
            match rest.trim_start().strip_prefix('{') {
                Some(group) => {
                    found.extend(group_heads(group).into_iter().map(|name| (at, name)));
                }
                None => found.push((at, head(rest))),
            }
        }
    }
    found
}

fn head(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of `a::b, c::{d, e}}`.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = vec![head(group)];
    let mut depth = 0;
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(&group[i + 1..])),
            _ => {}
        }
    }
    heads
}

/// The pure rooms hold no I/O, no clock, no randomness, nothing asynchronous.
pub fn purity(path: &str, text: &str) -> Vec<Breach> {
    if !room(path).is_some_and(|room| PURE.contains(&room)) {
        return Vec::new();
    }
    words(path, &shipped_code(text), IMPURE, "a pure room knows nothing of")
}

/// Nothing but `clock.rs` reads a clock.
pub fn clocks(path: &str, text: &str) -> Vec<Breach> {
    if path == "src/clock.rs" {
        return Vec::new();
    }
    let code = code_only(text);
    // Whatever stands before it (`std::time::`, `tokio::time::`) does not matter.
    let code = code.replace("::time::", "  time  ");
    words(path, &code, CLOCK_READS, "only src/clock.rs reads a clock:")
}

/// The wire's and the stores' crates are known only where they belong.
pub fn strangers(path: &str, text: &str) -> Vec<Breach> {
    if room(path).is_none() {
        return Vec::new();
    }
    let code = shipped_code(text);
    let inside = path.trim_start_matches("src/");
    let mut found = Vec::new();
    for (names, homes) in STRANGERS {
        if homes.iter().any(|home| inside.starts_with(home)) {
            continue;
        }
        let names: Vec<String> = names.iter().map(|name| format!("{name}::")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        found.extend(words(path, &code, &names, &format!("only {homes:?} may know")));
    }
    found
}

fn words(path: &str, code: &str, banned: &[&str], why: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    for word in banned {
        for at in places(code, word) {
            found.push(breach(path, line_of(code, at), format!("{why} `{word}`")));
        }
    }
    found
}

/// A match that names variants of [`NAMED`] has no `_ =>` beside them: a new variant must
/// be thought about everywhere.
pub fn wildcards(path: &str, text: &str) -> Vec<Breach> {
    let code = shipped_code(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices('{') {
        let patterns = patterns(&code[at + 1..]);
        let names = |p: &&(usize, String)| {
            NAMED.iter().any(|name| !places(&p.1, &format!("{name}::")).is_empty())
        };
        let Some((_, named)) = patterns.iter().find(names) else { continue };
        for (offset, pattern) in &patterns {
            if pattern == "_" || pattern.starts_with("_ if ") {
                let line = line_of(&code, at + 1 + offset);
                let what = format!("`_ =>` beside `{named}`: name every variant");
                found.push(breach(path, line, what));
            }
        }
    }
    found
}

/// The patterns of the arms, if what follows an opening brace is the inside of a match.
fn patterns(inside: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut depth, mut start, mut in_body) = (0, 0, false);
    let bytes = inside.as_bytes();
    for (i, c) in inside.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => {
                depth -= 1;
                if c == '}' && depth == 0 && in_body {
                    (in_body, start) = (false, i + 1);
                }
            }
            ',' if depth == 0 => (in_body, start) = (false, i + 1),
            // A statement: this is no match.
            ';' if depth == 0 => break,
            '=' if depth == 0 && !in_body && bytes.get(i + 1) == Some(&b'>') => {
                let pattern = inside[start..i].trim_start_matches(',').trim();
                let blanks = inside[start..i].find(pattern).unwrap_or(0);
                found.push((start + blanks, pattern.to_owned()));
                in_body = true;
            }
            _ => {}
        }
    }
    found
}

/// No file grows beyond one thought.
pub fn length(path: &str, text: &str) -> Vec<Breach> {
    let lines = text.lines().count();
    if lines <= MAX_LINES {
        return Vec::new();
    }
    vec![breach(path, lines, format!("{lines} lines; at most {MAX_LINES}: split it by thought"))]
}

/// Whether a name may stand at the top level: the design's list, dotfiles, and what
/// `.gitignore` keeps out of the repository.
pub fn belongs_at_the_top(name: &str) -> bool {
    let ignored =
        matches!(name, "target" | "dev-data") || name.ends_with(".redb") || name.ends_with(".key");
    name.starts_with('.') || TOP.contains(&name) || ignored
}
