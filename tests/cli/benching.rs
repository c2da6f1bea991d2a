//! `hotline bench`: each mode on each store for a second or two, and that its check can fail.

use crate::program::{Ran, Serve, hotline, run};
use crate::redis::RedisServer;
use serde_json::{Value, json};
use std::path::Path;

/// Short, and small enough for a debug build on a busy machine.
const SHORT: [&str; 12] = [
    "--for",
    "1s",
    "--warm-up",
    "500ms",
    "--connections",
    "2",
    "--streams",
    "8",
    "--villages",
    "3",
    "-o",
    "json",
];

fn bench(serve: &Serve, mode: &str, more: &[&str]) -> Ran {
    serve.run(&[&["bench", mode, "--rehearsal"], &SHORT[..], more].concat())
}

fn redb(home: &Path) -> String {
    format!("redb:{}", home.join("orders.redb").display())
}

#[track_caller]
fn at_least(report: &Value, key: &str, least: u64) -> u64 {
    let value = report[key].as_u64().unwrap_or_else(|| panic!("{key} of {report}"));
    assert!(value >= least, "{key} is {value}: {report}");
    value
}

/// What every report says of a sound server.
#[track_caller]
fn is_sound(ran: &Ran, mode: &str, shown: &str) -> Value {
    assert_eq!(ran.out.lines().count(), 1, "one JSON line: {}", ran.out);
    let report = ran.json();
    assert_eq!(
        (&report["mode"], &report["in_store"], &report["problems"], &report["refused"]),
        (&json!(mode), &json!(true), &json!([]), &json!({})),
        "{report}"
    );
    let created = at_least(&report, "created", 1);
    assert_eq!(at_least(&report, "sent", 1), created, "{report}");
    assert_eq!(at_least(&report, "read_back", 1), created.min(1_000_000), "{report}");
    assert!(report["rate"].as_f64().unwrap() > 0.0, "{report}");
    let latency = &report["latency"][shown];
    let ms = |key: &str| latency[key].as_f64().unwrap();
    assert!(0.0 < ms("p50_ms") && ms("p50_ms") <= ms("p99_ms") && ms("p99_ms") <= ms("max_ms"));
    report
}

fn every_mode(serve: &Serve) {
    let all = ["--read-back", "1000000"];
    let lives = bench(serve, "lives", &all).ends(0);
    let lives = is_sound(&lives, "lives", "life");
    let created = at_least(&lives, "created", 1);
    // Every life came to its end, three times passed down, once signed, reported and accepted.
    for (key, each) in [("closed", 1), ("relayed", 3), ("signed", 1), ("reported", 1)] {
        assert_eq!(lives[key], created * each, "{key} of {lives}");
    }

    let mixed = bench(serve, "mixed", &[&["--rate", "40", "--levels", "2"], &all[..]].concat());
    let mixed = is_sound(&mixed.ends(0), "mixed", "in_hands");
    assert_eq!((&mixed["loop"], &mixed["created"]), (&json!("open"), &json!(60)), "{mixed}");
    assert_eq!((&mixed["undelivered"], &mixed["unsent"]), (&json!(0), &json!(0)), "{mixed}");
    // A call is in nobody's hands before it was sent.
    let measured = |op: &str| mixed["latency"][op]["count"].as_u64().unwrap();
    assert!(measured("in_hands") >= 30 && measured("sent_late") >= 30, "{mixed}");

    let intake = bench(serve, "intake", &all).ends(0);
    let intake = is_sound(&intake, "intake", "submit");
    assert_eq!(intake["loop"], "closed");
    assert_eq!(intake["open_before"], mixed["created"], "{intake}");

    let stream = bench(serve, "stream", &all).ends(0);
    let stream = is_sound(&stream, "stream", "submit");

    let sums = serve.run(&["board", "-o", "json"]).ends(0).json();
    let filed: u64 = [&intake, &stream, &lives, &mixed]
        .iter()
        .map(|report| report["created"].as_u64().unwrap())
        .sum();
    assert_eq!(sums["tallies"]["received"], filed);
    serve.run(&["doctor"]).ends(0);
}

#[test]
fn every_mode_on_the_embedded_store() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    every_mode(&serve);

    let plot = home.path().join("latency.svg");
    let plot = plot.to_str().unwrap();
    let ran = serve.run(&["bench", "intake", "--rehearsal", "--for", "1s", "--plot", plot]).ends(0);
    assert!(ran.out.contains("登记 submit") && ran.out.contains("相符 agrees"), "{}", ran.out);
    let drawn = std::fs::read_to_string(plot).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("<polyline"), "{drawn}");
    // What is there is not drawn over.
    let ran = serve.run(&["bench", "intake", "--rehearsal", "--plot", plot]).ends(2);
    assert!(ran.err.contains("--plot"), "{}", ran.err);
}

#[test]
fn every_mode_on_redis() {
    let home = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("everysec");
    every_mode(&Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "info"));
}

#[test]
fn an_order_that_the_store_dropped_is_missed() {
    let redis = RedisServer::start("everysec");
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (home, store) in homes.iter().zip([redb(homes[0].path()), redis.url()]) {
        let fault = ("HOTLINE_FAULT_DROP_COMMIT", "7");
        let serve = Serve::faulty(&store, home.path(), fault);
        let ran = bench(&serve, "intake", &["--read-back", "1000000"]).ends(4);
        let report = ran.json();
        assert_eq!(report["in_store"], false, "{report}");
        let problems = report["problems"].as_array().unwrap();
        let told = |words: &str| problems.iter().any(|p| p.as_str().unwrap().contains(words));
        let created = report["created"].as_u64().unwrap();
        let counted =
            format!("{created} were acknowledged as received, the store has {}", created - 1);
        assert!(told(&counted), "{store}: {report}");
        assert!(told("was acknowledged and is not there"), "{store}: {report}");
        assert!(ran.err.contains("does not hold what was counted"), "{}", ran.err);
    }
}

#[test]
fn what_is_shed_is_counted_apart_and_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("everysec");
    let serve = Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "info");
    let used: u64 = redis.info("memory", "used_memory").parse().unwrap();
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", &(used + 200_000).to_string()]);
    let ran = bench(&serve, "intake", &["--bytes", "20000", "--read-back", "1000000"]).ends(0);
    let report = ran.json();
    let (sent, created) = (at_least(&report, "sent", 1), at_least(&report, "created", 1));
    assert_eq!(at_least(&report, "shed", 1), sent - created, "{report}");
    assert_eq!((&report["in_store"], &report["refused"]), (&json!(true), &json!({})), "{report}");
}

#[test]
fn bad_input_is_refused_and_named() {
    let rows: [(&[&str], &str); 13] = [
        (&["intake"], "--rehearsal"),
        (&["everything", "--rehearsal"], "intake, stream, lives, mixed"),
        (&["intake", "--rehearsal", "--rate", "0"], "--rate"),
        (&["intake", "--rehearsal", "--for", "10ms"], "--for"),
        (&["intake", "--rehearsal", "--for", "soon"], "--for"),
        (&["intake", "--rehearsal", "--warm-up", "2days"], "--warm-up"),
        (&["intake", "--rehearsal", "--connections", "0"], "--connections"),
        (&["intake", "--rehearsal", "--streams", "5000"], "--streams"),
        (&["intake", "--rehearsal", "--connections", "1024", "--streams", "1024"], "--streams"),
        (&["stream", "--rehearsal", "--streams", "257"], "--streams"),
        (&["intake", "--rehearsal", "--bytes", "3"], "--bytes"),
        (&["intake", "--rehearsal", "--plot", "x.png"], ".svg or .html"),
        (&["mixed", "--rehearsal", "--levels", "5"], "--levels"),
    ];
    for (args, word) in rows {
        let ran = run(&[&["bench"], args].concat()).ends(2);
        assert!(ran.err.contains(word), "{word} is missing from {}", ran.err);
    }
    let ran = run(&["bench", "intake", "--rehearsal", "--server", "http://127.0.0.1:1"]).ends(3);
    assert!(ran.err.contains("cannot be reached"), "{}", ran.err);
    let help = Ran::of(hotline().args(["bench", "--help"]).output().unwrap()).ends(0);
    assert!(help.out.contains("Exit codes:") && help.out.contains("Examples:"), "{}", help.out);
}
