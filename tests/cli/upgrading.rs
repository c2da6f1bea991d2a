//! SIGTERM: work in flight is finished, whoever waits is told to go, and nothing is lost.

use crate::program::{Ran, Serve, calls, hotline, matter};
use crate::redis::RedisServer;
use hotline::clock::tick;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A server that is told to stop has so long by default, and a debug build on a busy machine
/// some more.
const DRAIN: Duration = Duration::from_secs(25);

#[test]
fn a_server_told_to_stop_lets_everybody_go() {
    let home = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    assert!(serve.probe("/readyz").starts_with("HTTP/1.1 200"));
    let ready = serve.probe("/readyz");
    for condition in ["store: ok", "clock: ok", "timers: ok", "serving: ok"] {
        assert!(ready.contains(condition), "{condition} is not in {ready}");
    }
    // One watches for ever.
    let mut watch = serve.command(&["order", "watch"]);
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let file = calls(home.path(), "calls.jsonl", &(0..50).map(matter).collect::<Vec<_>>());
    serve.run(&["submit", "--file", &file]).ends(0);
    let began = tick();
    serve.signal("-TERM");
    assert_eq!(serve.ended().code(), Some(0));
    assert!(began.elapsed() < DRAIN, "{:?}", began.elapsed());
    let log = serve.log();
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
    assert!(!log.contains("cut off") && !log.contains("ERROR"), "{log}");
    let ran = Ran::of(watch.wait_with_output().unwrap());
    assert_ne!(ran.code, -1, "the watcher was not let go: {ran:?}");
    // Everything is there.
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 50);
}

/// Files a file at a server, again wherever it went until all is acknowledged.
fn submit(at: &str, file: &str, ledger: &Path) -> Child {
    let mut command = hotline();
    command.args(["submit", "--file", file, "-o", "json", "--concurrency", "8"]);
    command.arg("--ledger").arg(ledger).env("HOTLINE_SERVER", format!("http://{at}"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn two_processes_are_replaced_one_by_one_under_load() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let redis = RedisServer::start("always");
    let url = redis.url();
    const MATTERS: usize = 1_500;
    let (mut serving, mut filing) = (Vec::new(), Vec::new());
    for n in 0..2 {
        let serve = Serve::on(&url, home, "127.0.0.1:0", "info");
        let matters: Vec<_> = (0..MATTERS).map(|m| matter(n * MATTERS + m)).collect();
        let file = calls(home, &format!("calls-{n}.jsonl"), &matters);
        let ledger = home.join(format!("ledger-{n}"));
        filing.push((submit(&serve.address, &file, &ledger), file, ledger));
        serving.push(serve);
    }
    let lines =
        |ledger: &Path| std::fs::read_to_string(ledger).map_or(0, |text| text.lines().count());
    for serve in &mut serving {
        // Each is told to stop in the middle of it, and the next takes its address.
        let before: usize = filing.iter().map(|(_, _, ledger)| lines(ledger)).sum();
        let now = || filing.iter().map(|(_, _, ledger)| lines(ledger)).sum::<usize>();
        let pause = || {
            std::thread::sleep(Duration::from_millis(5));
            false
        };
        assert!((0..6_000).any(|_| now() > before + 50 || pause()), "nothing is filed");
        serve.signal("-TERM");
        assert_eq!(serve.ended().code(), Some(0));
        let address = serve.address.clone();
        *serve = Serve::on(&url, home, &address, "info");
    }
    let mut created = 0;
    for (child, file, ledger) in filing {
        let ran = Ran::of(child.wait_with_output().unwrap()).ends(0);
        let sums: Value = ran.json();
        let count = |key: &str| sums[key].as_u64().unwrap() as usize;
        assert_eq!((count("sent"), count("refused")), (MATTERS, 0), "{sums} {}", ran.err);
        created += count("created") + count("duplicate");
        let doctor = ["doctor", "--ledger", ledger.to_str().unwrap(), "--file", &file];
        serving[0].run(&doctor).ends(0);
    }
    assert_eq!(created, 2 * MATTERS);
    let board = serving[1].run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 2 * MATTERS);
    println!("MEASURED rolling upgrade: lost 0, doubled 0 of {created}");
}
