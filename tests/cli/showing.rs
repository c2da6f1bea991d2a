//! What operators and scripts see of a running program: metrics, probes, `dev`, Ctrl-C.

use crate::program::{Ran, Serve, calls, hotline, matter, signal};
use crate::redis::{RedisServer, eventually};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A command that keeps its own temporary folder, to look whether anything is left in it.
fn dev(temporary: &Path, args: &[&str]) -> Command {
    let mut command = hotline();
    command.args(["dev", "--headless", "--listen", "127.0.0.1:0"]);
    command.args(["--metrics-listen", "127.0.0.1:0"]).args(args).env("TMPDIR", temporary);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn dev_ends_by_itself_with_one_json_line_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ran =
        dev(home.path(), &["--for", "4s", "--switch-every", "1s", "-o", "json"]).output().unwrap();
    let ran = Ran::of(ran).ends(0);
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    let sums = ran.json();
    for key in [
        "submitted",
        "received",
        "signed",
        "closed",
        "open",
        "breached",
        "returned",
        "transferred",
        "designated",
        "extended",
        "reworked",
        "restamped",
    ] {
        assert!(sums[key].is_u64(), "{key}: {sums}");
    }
    assert!(sums["received"].as_u64() > Some(0), "{sums}");
    assert!(sums["mode_switches"].as_u64() > Some(1), "{sums}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "left behind");
}

#[test]
fn dev_shows_returns_rework_and_a_wartime_switch() {
    let home = tempfile::tempdir().unwrap();
    // Hours pass in seconds, and half of all units and citizens are hard to please.
    let hard = ["--speed", "3600", "--rate", "40", "--returning", "50", "--dissatisfied", "50"];
    let ends = ["--switch-every", "1500ms", "--for", "60s", "-o", "json"];
    let mut child = dev(home.path(), &[&hard[..], &ends].concat()).spawn().unwrap();
    // What it prints while it runs is read until all of it has been seen to happen.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (mut returned, mut reworked, mut in_peace, mut switched) = (false, false, None, false);
    for line in lines.by_ref().map_while(Result::ok) {
        let count = |name: &str| {
            let mut parts = line.split(" · ");
            parts.find_map(|part| part.strip_prefix(name)?.trim().parse::<u64>().ok())
        };
        returned |= count("returned") > Some(0);
        reworked |= count("reworked") > Some(0);
        // Others are stamped anew, too; a switch to wartime stamps all that came in peace.
        match count("restamped") {
            Some(count) if line.starts_with("平时") => in_peace = Some(count),
            Some(count) => switched |= in_peace.is_some_and(|before| count >= before + 10),
            None => {}
        }
        if returned && reworked && switched {
            break;
        }
    }
    signal(&child, "-INT");
    let ran = Ran::of(child.wait_with_output().unwrap()).ends(0);
    drop(lines);
    assert!(switched, "a switch to wartime stamps the orders in flight: {ran:?}");
    let sums = ran.json();
    for key in ["returned", "reworked", "restamped"] {
        assert!(sums[key].as_u64() > Some(0), "{key}: {sums}");
    }
    // There and back again.
    assert!(sums["mode_switches"].as_u64() > Some(1), "{sums}");
}

#[test]
fn ctrl_c_ends_dev_with_its_summary_at_any_moment() {
    for after in [0, 300, 2_500] {
        let home = tempfile::tempdir().unwrap();
        let mut child = dev(home.path(), &[]).spawn().unwrap();
        // Before it listens for Ctrl-C at all there is no summary, and no folder either.
        std::thread::sleep(Duration::from_millis(after));
        // One that comes while its listener is put in place may go unheard; people press again.
        let mut looked = 0..;
        eventually("it ends", || {
            if looked.next().unwrap() % 500 == 0 {
                signal(&child, "-INT");
            }
            child.try_wait().unwrap().is_some()
        });
        let output = child.wait_with_output().unwrap();
        let left = std::fs::read_dir(home.path()).unwrap().count();
        assert_eq!(left, 0, "left behind after {after} ms");
        if after == 2_500 {
            let ran = Ran::of(output).ends(0);
            assert!(ran.out.contains("ended after") && ran.out.contains("submitted"), "{ran:?}");
        }
    }
}

#[test]
fn ctrl_c_ends_submit_and_the_same_file_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let file = calls(home.path(), "calls.jsonl", &(0..12_000).map(matter).collect::<Vec<_>>());
    let mut submit = serve.command(&["submit", "--file", &file, "-o", "json"]);
    let submit = submit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(250));
    signal(&submit, "-INT");
    let ran = Ran::of(submit.wait_with_output().unwrap()).ends(1);
    assert!(ran.err.contains("interrupted; submit the same file again"), "{ran:?}");
    let first = ran.json()["created"].as_u64().unwrap();
    assert!(first < 12_000, "it was not interrupted");
    let again = serve.run(&["submit", "--file", &file, "-o", "json"]).ends(0).json();
    assert_eq!(again["duplicate"].as_u64().unwrap(), first, "{again}");
    assert_eq!(again["created"].as_u64().unwrap() + first, 12_000, "{again}");
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_server_that_hangs() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let file = calls(home.path(), "calls.jsonl", &(0..5_000).map(matter).collect::<Vec<_>>());
    let mut submit = serve.command(&["submit", "--file", &file, "-o", "json"]);
    let submit = submit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    serve.stop();
    for _ in 0..2 {
        signal(&submit, "-INT");
        std::thread::sleep(Duration::from_millis(300));
    }
    // Had it waited, it would wait for ever: the server is woken only after it has ended.
    let ran = Ran::of(submit.wait_with_output().unwrap()).ends(1);
    assert!(ran.err.contains("interrupted; submit the same file again"), "{ran:?}");
    serve.signal("-CONT");
    assert!(ran.json()["created"].is_u64(), "{ran:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_said_once() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let folder = home.path().to_str().unwrap();
    let ran = serve.run(&["submit", "--file", folder]).ends(1);
    assert!(ran.err.contains(folder) && ran.err.contains("directory"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
}

/// What `/metrics` must hold whatever has happened; a drained queue reports zero.
const ALWAYS: [&str; 22] = [
    "hotline_orders_received_total{cell=\"3304\"} ",
    "hotline_orders_open{cell=\"3304\"} ",
    "hotline_orders_waiting{cell=\"3304\",level=\"city\"} ",
    "hotline_orders_waiting{cell=\"3304\",level=\"county\"} ",
    "hotline_orders_waiting{cell=\"3304\",level=\"town\"} ",
    "hotline_orders_waiting{cell=\"3304\",level=\"village\"} ",
    "hotline_orders_signed_total{cell=\"3304\",level=\"village\"} ",
    "hotline_orders_closed_total{cell=\"3304\"} ",
    "hotline_warnings_total{cell=\"3304\",clock=\"arrival\"} ",
    "hotline_warnings_total{cell=\"3304\",clock=\"closure\"} ",
    "hotline_breaches_total{cell=\"3304\",clock=\"arrival\",level=\"city\"} ",
    "hotline_breaches_total{cell=\"3304\",clock=\"closure\",level=\"village\"} ",
    "hotline_timer_lateness_seconds_count{cell=\"3304\"} ",
    "hotline_commit_seconds_count{cell=\"3304\"} ",
    "hotline_order_arrival_seconds_bucket{cell=\"3304\",le=\"3600\"} ",
    "hotline_order_arrival_seconds_bucket{cell=\"3304\",le=\"10800\"} ",
    "hotline_order_closure_seconds_bucket{cell=\"3304\",le=\"3600\"} ",
    "hotline_order_closure_seconds_bucket{cell=\"3304\",le=\"10800\"} ",
    "hotline_order_closure_seconds_bucket{cell=\"3304\",le=\"+Inf\"} ",
    "hotline_store_up{cell=\"3304\"} 1",
    "hotline_ready{cell=\"3304\"} 1",
    "hotline_timer_holder{cell=\"3304\"} 1",
];

#[test]
fn every_metric_is_there_from_the_start_and_explained() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    // The cell's own come with the first round of the timers.
    let metrics = wait(|| Some(serve.probe("/metrics")).filter(|m| m.contains("orders_open")));
    for line in ALWAYS {
        assert!(metrics.contains(&format!("\n{line}")), "{line} is not in\n{metrics}");
    }
    let mut names = 0;
    for line in metrics.split("\r\n\r\n").nth(1).unwrap().lines() {
        let Some(name) = line.split(['{', ' ']).next().filter(|n| n.starts_with("hotline_")) else {
            continue;
        };
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.unwrap_or(name);
        names += 1;
        for kind in ["HELP", "TYPE"] {
            assert!(metrics.contains(&format!("# {kind} {family} ")), "no {kind} of {family}");
        }
    }
    assert!(names > ALWAYS.len(), "{names}");
    assert!(serve.probe("/livez").starts_with("HTTP/1.1 200"));
    assert!(serve.probe("/readyz").starts_with("HTTP/1.1 200"));
}

#[test]
fn without_its_redis_a_server_lives_says_why_it_is_not_ready_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start("always");
    let serve = Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "info");
    let file = calls(home.path(), "calls.jsonl", &[matter(1)]);
    serve.run(&["submit", "--file", &file]).ends(0);
    redis.kill();
    let ready = wait(|| Some(serve.probe("/readyz")).filter(|r| r.contains(" 503 ")));
    assert!(ready.contains("store: no Redis answers at 127.0.0.1:"), "{ready}");
    assert!(serve.probe("/livez").starts_with("HTTP/1.1 200"));
    let metrics = serve.probe("/metrics");
    for line in ["hotline_ready{cell=\"3304\"} 0", "hotline_store_up{cell=\"3304\"} 0"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let health = serve.run(&["health", "-o", "json"]).ends(1).json();
    assert_eq!(health["status"], "not_serving");
    let why = "store: no Redis answers at 127.0.0.1:";
    assert!(health["reasons"][0].as_str().unwrap().starts_with(why), "{health}");
    let words = serve.run(&["health"]).ends(1).out;
    assert!(
        words.starts_with(&format!("未就绪\n  {why}")) && words.lines().count() == 2,
        "{words}"
    );
    let ran = serve.run(&["order", "list"]).ends(1);
    assert!(ran.err.contains("STORE_UNAVAILABLE") && ran.err.contains("hint:"), "{}", ran.err);
    redis.restart();
    wait(|| Some(serve.probe("/readyz")).filter(|r| r.contains(" 200 ")));
    let health = serve.run(&["health", "-o", "json"]).ends(0).json();
    assert_eq!(health, serde_json::json!({ "status": "serving", "reasons": [] }));
    let again = serve.run(&["submit", "--file", &file, "-o", "json"]).ends(0).json();
    assert_eq!(again["duplicate"], 1, "{again}");
    serve.run(&["doctor"]).ends(0);
}

/// Asks until there is an answer, for at most 20 s.
fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never")
}
