//! The architecture, held by a test: who may import whom, what stays pure, how large a file
//! may grow. The table below is the one of the design; a change of it is a decision.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "house/rules.rs"]
mod rules;
#[path = "house/samples.rs"]
mod samples;
#[path = "house/scan.rs"]
mod scan;

use rules::Breach;
use std::path::{Path, PathBuf};

/// A file of the crate: its path from the root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folders: &[&str]) -> Vec<File> {
    let mut left: Vec<PathBuf> = folders.iter().map(|f| root().join(f)).collect();
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            files.push(File { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "no source under {folders:?}");
    files
}

/// Fails with every breach found, each with its file and line.
fn none(breaches: Vec<Breach>) {
    let list: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "\n{}\n", list.join("\n"));
}

fn over_src(rule: fn(&str, &str) -> Vec<Breach>) {
    none(rust_files(&["src"]).iter().flat_map(|f| rule(&f.path, &f.text)).collect());
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    over_src(rules::imports);
}

#[test]
fn the_pure_rooms_are_pure() {
    over_src(rules::purity);
}

#[test]
fn only_the_clock_reads_a_clock() {
    over_src(rules::clocks);
}

#[test]
fn the_wire_and_the_stores_stay_in_their_rooms() {
    over_src(rules::strangers);
}

#[test]
fn matches_over_the_life_of_an_order_name_every_variant() {
    over_src(rules::wildcards);
}

#[test]
fn a_file_stays_one_thought() {
    let files = rust_files(&["src", "tests", "benches"]);
    none(files.iter().flat_map(|f| rules::length(&f.path, &f.text)).collect());
}

#[test]
fn the_top_level_is_what_the_design_lists() {
    let mut strangers = Vec::new();
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !rules::belongs_at_the_top(&name) {
            strangers.push(name);
        }
    }
    assert!(strangers.is_empty(), "not in the design's top level: {strangers:?}");
}
