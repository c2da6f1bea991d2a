//! No phone number and no name of a caller reaches a log line, an event or an error.

use crate::program::{Serve, calls, matter};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const PHONE: &str = "13712345678";
const NAME: &str = "欧阳翠花";
const DOOR: &str = "17幢2单元901";

#[test]
fn a_caller_is_in_no_log_no_event_and_no_error() {
    let home = tempfile::tempdir().unwrap();
    // Everything that the program itself can say; the libraries' own traces with it.
    let serve = Serve::start(home.path(), "127.0.0.1:0", "trace");
    let mut matters: Vec<_> = (0..6).map(matter).collect();
    for matter in &mut matters {
        matter["caller_phone"] = PHONE.into();
        matter["caller_name"] = NAME.into();
        matter["address"] = format!("嘉兴市南湖区大桥镇{DOOR}").into();
    }
    // Refused, each for another reason; none may be told with what was sent.
    matters[1]["caller_phone"] = json!(format!("{PHONE}{PHONE}"));
    matters[2]["text"] = json!("");
    matters[3]["caller_name"] = json!(NAME.repeat(60));
    matters[4]["caller_phone"] = json!(13_712_345_678_u64);
    let file = calls(home.path(), "calls.jsonl", &matters);
    let submit = serve.run(&["submit", "--file", &file, "-o", "json"]).ends(1);
    assert_eq!(submit.json()["created"], 2, "{submit:?}");

    let no = serve.run(&["order", "list", "-o", "json"]).ends(0).json()[0].clone();
    let no = no["order_no"].as_str().unwrap();
    let holder = ["--unit", "3304", "-o", "json"];
    let contact = serve.run(&[&["order", "contact", no], &holder[..]].concat()).ends(0);
    assert!(contact.out.contains(PHONE) && contact.out.contains(NAME), "the one place it is told");
    let get = serve.run(&["order", "get", no, "-o", "json"]).ends(0);
    let stranger = serve.run(&["order", "contact", no, "--unit", "330481"]).ends(1);
    let list = serve.run(&["order", "list", "-o", "json"]).ends(0);
    let doctor = serve.run(&["doctor"]).ends(0);
    let events = events(&serve);
    let log = serve.log();
    assert!(log.lines().count() > 10, "a trace: {log}");
    for (what, text) in [
        ("submit's stdout", submit.out),
        ("submit's stderr", submit.err),
        ("the order", get.out),
        ("a refusal", stranger.err),
        ("the list", list.out),
        ("the doctor", doctor.out),
        ("the feed", events),
        ("the log", log),
    ] {
        for secret in [PHONE, NAME, DOOR] {
            assert!(!text.contains(secret), "{what} tells of {secret}: {text}");
        }
    }
}

/// The feed up to the look at the contact.
fn events(serve: &Serve) -> String {
    let mut watch = serve
        .command(&["order", "watch", "--from-start", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut all = String::new();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        all.push_str(&line);
        all.push('\n');
        if line.contains("contact_viewed") {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    all
}
