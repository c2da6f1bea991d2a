//! Many matters, each exactly once, whatever happens to the server.

use crate::program::{Ran, Serve, calls, matter};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_second_submit_makes_no_second_order() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let file = calls(home.path(), "calls.jsonl", &(0..150).map(matter).collect::<Vec<_>>());
    let ledger = home.path().join("ledger");
    let ledger = ledger.to_str().unwrap();
    let submit = ["submit", "--file", &file, "-o", "json", "--ledger", ledger];

    let first = serve.run(&submit).ends(0);
    assert_eq!(first.out.lines().count(), 1, "one JSON line: {}", first.out);
    let sums = first.json();
    for (key, value) in [("sent", 150), ("created", 150), ("duplicate", 0), ("refused", 0)] {
        assert_eq!(sums[key], value, "{sums}");
    }
    assert!(sums["rate"].as_f64().unwrap() > 0.0, "{sums}");
    let lines = std::fs::read_to_string(ledger).unwrap();
    assert_eq!(lines.lines().count(), 150);
    assert!(lines.lines().all(|line| line.split(' ').nth(1).unwrap().starts_with("3304-")));

    let again = serve.run(&submit).ends(0).json();
    for (key, value) in [("sent", 150), ("created", 0), ("duplicate", 150), ("refused", 0)] {
        assert_eq!(again[key], value, "{again}");
    }
    let text = serve.run(&["submit", "--file", &file]).ends(0);
    assert!(text.out.contains("150 there already"), "{}", text.out);
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 150);

    let doctor = serve.run(&["doctor", "--ledger", ledger, "--file", &file, "-o", "json"]);
    let found = doctor.ends(0).json();
    assert_eq!((&found["orders_checked"], &found["ledger_checked"]), (&json!(150), &json!(300)));

    // The checker is checked: an order that was acknowledged and is not there.
    std::fs::write(ledger, format!("{lines}no-such-request 3304-261123-00042-5\n")).unwrap();
    let ran = serve.run(&["doctor", "--ledger", ledger]).ends(1);
    assert!(ran.out.contains("3304-261123-00042-5 was acknowledged and is not there"), "{ran:?}");
    // And one whose request id is answered with another order.
    let mut swapped: Vec<_> = lines.lines().take(2).map(|l| l.split_once(' ').unwrap()).collect();
    (swapped[0].1, swapped[1].1) = (swapped[1].1, swapped[0].1);
    let swapped: String = swapped.iter().map(|(id, no)| format!("{id} {no}\n")).collect();
    std::fs::write(ledger, swapped).unwrap();
    let ran = serve.run(&["doctor", "--ledger", ledger, "--file", &file]).ends(1);
    assert_eq!(ran.out.matches("is now answered").count(), 2, "{ran:?}");
}

#[test]
fn bad_rows_are_named_and_the_rest_is_filed() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let mut matters: Vec<_> = (0..6).map(matter).collect();
    matters[1]["text"] = json!("   ");
    matters[3] = json!("no row");
    matters[4]["division"] = json!("110101");
    let file = calls(home.path(), "calls.jsonl", &matters);
    let ran = serve.run(&["submit", "--file", &file, "-o", "json"]).ends(1);
    let sums = ran.json();
    for (key, value) in [("sent", 5), ("created", 3), ("refused", 2), ("bad_lines", 1)] {
        assert_eq!(sums[key], value, "{sums} {}", ran.err);
    }
    assert!(ran.err.contains("calls.jsonl:4: "), "{}", ran.err);
    for line in [2, 5] {
        assert!(ran.err.contains(&format!("calls.jsonl:{line}: error: ")), "{}", ran.err);
    }

    // The same request id with another body is refused, and changes nothing.
    matters.truncate(1);
    matters[0]["text"] = json!("另一件事：村口垃圾没有人清理。");
    let file = calls(home.path(), "other.jsonl", &matters);
    let ran = serve.run(&["submit", "--file", &file]).ends(1);
    assert!(ran.err.contains("REQUEST_ID_REUSED"), "{}", ran.err);
}

#[test]
fn a_server_killed_under_way_loses_and_doubles_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let matters: Vec<_> = (0..1_500).map(matter).collect();
    let file = calls(home.path(), "calls.jsonl", &matters);
    let ledger = home.path().join("ledger");
    let ledger = ledger.to_str().unwrap();
    let submit = serve
        .command(&["submit", "--file", &file, "-o", "json", "--ledger", ledger])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(400));
    serve.kill();
    let serve = Serve::start(home.path(), &serve.address.clone(), "info");
    let ran = Ran::of(submit.wait_with_output().unwrap()).ends(0);
    let sums = ran.json();
    let count = |key: &str| sums[key].as_u64().unwrap();
    assert_eq!((count("sent"), count("created") + count("duplicate")), (1_500, 1_500), "{sums}");
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 1_500);
    let doctor = serve.run(&["doctor", "--ledger", ledger, "--file", &file, "-o", "json"]);
    assert_eq!(doctor.ends(0).json()["ledger_checked"], 1_500);
}
