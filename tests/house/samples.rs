//! The checker is checked: each rule finds a planted breach and leaves sound code alone.

use crate::rules::{self, Breach};
use crate::scan::{code_only, shipped_code};

type Rule = fn(&str, &str) -> Vec<Breach>;

/// Rule, path, source, and the line it must name (0: nothing to find).
const SAMPLES: &[(Rule, &str, &str, usize)] = &[
    // imports
    (rules::imports, "src/domain/order.rs", "use crate::store::Store;", 1),
    (rules::imports, "src/domain/order.rs", "use crate::domain::ids::Unit;", 0),
    (rules::imports, "src/domain/order.rs", "use super::ids::Unit;", 0),
    (rules::imports, "src/domain/order.rs", "\nuse super::super::store::Store;", 2),
    (rules::imports, "src/domain/transition/mod.rs", "use super::super::store::X;", 1),
    (rules::imports, "src/domain/transition/mod.rs", "use super::command::X;", 0),
    (rules::imports, "src/store/mod.rs", "use crate::{domain::Order, dispatch::{Dispatch}};", 1),
    (rules::imports, "src/store/mod.rs", "use crate::{domain::{Order, dispatch}};", 0),
    (rules::imports, "src/store/mod.rs", "use crate::{\n    telemetry,\n    domain,\n};", 1),
    (rules::imports, "src/config.rs", "fn x() { crate::telemetry::logs::init(); }", 1),
    (rules::imports, "src/config.rs", "// crate::telemetry\nconst X: &str = \"crate::store\";", 0),
    (rules::imports, "src/config.rs", "#[cfg(test)]\nmod tests { use crate::clock::tick; }", 0),
    (
        rules::imports,
        "src/config.rs",
        "#[cfg(test)]\nuse crate::clock::tick;\nuse crate::pb::X;",
        3,
    ),
    (rules::imports, "src/store/codec/tests/mod.rs", "use crate::dispatch::X;", 0),
    (rules::imports, "src/api/intake.rs", "use crate::store::Store;", 1),
    (rules::imports, "src/cli/submit.rs", "use crate::{pb, store, clock};", 0),
    (rules::imports, "src/lib.rs", "pub mod store;", 0),
    (rules::imports, "src/attic.rs", "", 1),
    // purity
    (rules::purity, "src/domain/x.rs", "async fn x() {}", 1),
    (rules::purity, "src/route/mod.rs", "use std::time::SystemTime;", 0),
    (rules::purity, "src/route/mod.rs", "fn x(at: SystemTime) {}", 1),
    (rules::purity, "src/classify/mod.rs", "\n\nlet x = std::fs::read(y);", 3),
    (rules::purity, "src/locate/mod.rs", "let x = rand::random();", 1),
    (rules::purity, "src/locate/mod.rs", "let operand = strand; // async", 0),
    (rules::purity, "src/store/mod.rs", "async fn x() {}", 0),
    // clocks
    (rules::clocks, "src/dispatch/mod.rs", "let x = std::time::Instant::now();", 1),
    (rules::clocks, "src/cli/x.rs", "let x =\n    tokio::time::Instant::now();", 2),
    (rules::clocks, "src/store/mod.rs", "let x = SystemTime::now();", 1),
    (rules::clocks, "src/clock.rs", "SystemTime::now()", 0),
    (rules::clocks, "src/dispatch/mod.rs", "let x = self.clock.now();", 0),
    // strangers
    (rules::strangers, "src/dispatch/mod.rs", "use prost::Message;", 1),
    (rules::strangers, "src/dispatch/mod.rs", "use tonic::Status;", 1),
    (rules::strangers, "src/api/mod.rs", "use tonic::Status;", 0),
    (rules::strangers, "src/store/embedded/mod.rs", "use redis::Cmd;", 1),
    (rules::strangers, "src/store/redis/keys.rs", "use redis::Cmd;", 0),
    (rules::strangers, "src/store/memory.rs", "use redb::Database;", 1),
    (rules::strangers, "src/store/embedded.rs", "use redb::Database;", 0),
    (rules::strangers, "src/dispatch/mod.rs", "use axum::Router;", 1),
    // wildcards
    (rules::wildcards, "src/x.rs", "match s {\n Stage::Triage => 1,\n _ => 2,\n}", 3),
    (rules::wildcards, "src/x.rs", "match s {\n What::A { x } => { 1 }\n _ if x => 2,\n}", 3),
    (
        rules::wildcards,
        "src/x.rs",
        "match s { Stage::A | Stage::B => Some(1), Stage::C => None }",
        0,
    ),
    (rules::wildcards, "src/x.rs", "match n { 1 => Stage::Triage, _ => Stage::Review }", 0),
    (rules::wildcards, "src/x.rs", "match n { 1 => match s { Stage::A => 1 }, _ => 2 }", 0),
    (
        rules::wildcards,
        "src/x.rs",
        "match n { 1 => {}\n 2 => match s { Stage::A => 1,\n _ => 2 }, _ => 3 }",
        3,
    ),
];

#[test]
fn planted_breaches_are_found_and_sound_code_is_left_alone() {
    for (i, (rule, path, source, line)) in SAMPLES.iter().enumerate() {
        let found = rule(path, source);
        match line {
            0 => assert!(found.is_empty(), "sample {i} {source:?}: {found:?}"),
            line => {
                assert_eq!(found.len(), 1, "sample {i} {path} {source:?}: {found:?}");
                let said = found[0].to_string();
                assert!(said.starts_with(&format!("{path}:{line}: ")), "sample {i}: {said}");
            }
        }
    }
}

#[test]
fn a_swollen_file_is_found() {
    assert!(rules::length("src/x.rs", &"\n".repeat(450)).is_empty());
    assert_eq!(rules::length("src/x.rs", &"\n".repeat(451)).len(), 1);
}

#[test]
fn the_top_level_takes_no_strangers() {
    for name in ["src", "LICENSE", ".ci", ".gitignore", "target", "hotline.redb"] {
        assert!(rules::belongs_at_the_top(name), "{name}");
    }
    for name in ["docs", "scripts", "NOTES.md", "xtask"] {
        assert!(!rules::belongs_at_the_top(name), "{name}");
    }
}

#[test]
fn only_code_is_read() {
    let source = "a // b\nc /* d /* e */ f */ g \"h \\\" i\" r#\"j \" k\"# 'l' '\\'' '村' x: &'m n";
    let code = code_only(source);
    assert_eq!(code.lines().count(), 2);
    let kept: Vec<_> = code.split_whitespace().collect();
    assert_eq!(kept, ["a", "c", "g", "x:", "&'m", "n"]);
    let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { \"}\"; }\n}\nfn c() {}";
    let code = shipped_code(source);
    assert_eq!(code.lines().count(), 6);
    assert!(code.contains("fn a()") && code.contains("fn c()") && !code.contains("fn b()"));
}
