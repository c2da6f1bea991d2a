//! One order, from the centre to the citizen, by hand.

use crate::program::{Serve, calls, matter};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn an_order_goes_down_the_chain_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let mut one = matter(1);
    one["division"] = "330402015201".into();
    let file = calls(home.path(), "calls.jsonl", &[one]);
    serve.run(&["submit", "--file", &file]).ends(0);
    let list = serve.run(&["order", "list", "-o", "json"]).ends(0).json();
    let order = &list[0];
    assert_eq!(order["stage"], "assigned", "{order}");
    let no = order["order_no"].as_str().unwrap();
    let chain: Vec<_> =
        order["chain"].as_array().unwrap().iter().map(|u| u.as_str().unwrap()).collect();
    assert!(chain.len() >= 2, "{chain:?}");
    let act = |verb: &str, unit: &str, rest: &[&str]| {
        serve.run(&[&["order", verb, no, "--unit", unit, "-o", "json"], rest].concat())
    };

    for (at, unit) in chain.iter().enumerate() {
        let queue = serve.run(&["queue", "ls", unit, "--desk", "lead", "-o", "json"]).ends(0);
        assert_eq!(queue.json()[0]["orders"][0]["order_no"], no, "{unit}");
        if let Some(next) = chain.get(at + 1) {
            assert_eq!(act("relay", unit, &[]).ends(0).json()["holder"], *next);
        }
    }
    // Nobody pulled it too often.
    let parked = serve.run(&["queue", "parked", "-o", "json"]).ends(0).json();
    assert_eq!(
        (&parked[0]["desk"], &parked[0]["orders"]),
        (&Value::from("parked"), &Value::Array(Vec::new()))
    );
    let ran = serve.run(&["queue", "release", no]).ends(1);
    assert!(ran.err.contains("NOT_PARKED"), "{}", ran.err);
    let front = chain[chain.len() - 1];
    let above = chain[chain.len() - 2];
    // A stranger is told who holds it, and what to do.
    let ran = act("sign", "330481", &[]).ends(1);
    assert!(ran.err.contains("NOT_HOLDER") && ran.err.contains("hint:"), "{}", ran.err);
    assert_eq!(act("sign", front, &[]).ends(0).json()["stage"], "handling");
    let ran = act("relay", front, &[]).ends(1);
    assert!(ran.err.contains("hint:"), "{}", ran.err);

    let contact = act("contact", front, &[]).ends(0).json();
    assert_eq!(contact["phone"], "13800000001");
    let id = ["--request-id", "6350b6f5-3c43-5d84-8020-f1f70f8ca13f"];
    let report = [&["--text", "路灯已修复"], &id[..]].concat();
    let first = act("report", front, &report).ends(0).json();
    let again = act("report", front, &report).ends(0).json();
    assert_eq!((&first["stage"], &first["replayed"]), (&"review".into(), &false.into()));
    assert_eq!((&again["version"], &again["replayed"]), (&first["version"], &true.into()));
    let reject = ["--reject", "--text", "请附现场照片"];
    assert_eq!(act("decide", above, &reject).ends(0).json()["stage"], "handling");
    act("report", front, &["--text", "已补照片"]).ends(0);
    assert_eq!(act("decide", above, &["--accept"]).ends(0).json()["stage"], "follow_up");

    let shown = serve.run(&["order", "get", no, "-o", "json"]).ends(0).json();
    assert_eq!(shown["stage"], "follow_up");
    assert_eq!(shown["rejected"], 1);
    assert!(shown["arrival"]["stopped_at"].is_string(), "{shown}");
    assert_eq!(shown["paper_contents"].as_array().unwrap().len(), 4);
    assert_eq!((&shown["policy_id"], &shown["policy_version"]), (&1.into(), &1.into()));
    assert_eq!(shown["plain_weekends"], false);
    let screen = serve.run(&["order", "get", no]).ends(0).out;
    assert!(screen.contains("待回访") && screen.contains("请附现场照片"), "{screen}");
    assert!(screen.contains("1 号（目录第 1 版）"), "{screen}");
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!((&board["tallies"]["closed"], &board["tallies"]["open"]), (&1.into(), &0.into()));
    assert!(serve.run(&["board"]).ends(0).out.contains("村"));
    assert!(serve.run(&["health"]).ends(0).out.contains("正常"));

    let mut watch = serve
        .command(&["order", "watch", no, "--from-start", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        seen.push(event["event"].as_str().unwrap().to_owned());
        if seen.last().unwrap() == "closed" {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(seen[0], "registered");
    for event in ["relayed", "signed", "contact_viewed", "reported", "report_rejected"] {
        assert!(seen.iter().any(|e| e == event), "{event} is missing from {seen:?}");
    }
}

#[test]
fn triage_is_decided_by_the_centre() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "info");
    let mut unclear = matter(1);
    for key in ["category", "division"] {
        unclear.as_object_mut().unwrap().remove(key);
    }
    unclear["text"] = "你好，我想问一下那个事情。".into();
    unclear["title"] = "".into();
    unclear["address"] = "".into();
    let file = calls(home.path(), "calls.jsonl", &[unclear]);
    serve.run(&["submit", "--file", &file]).ends(0);
    let list = serve.run(&["order", "list", "--stage", "triage", "-o", "json"]).ends(0).json();
    let no = list[0]["order_no"].as_str().unwrap();
    let accept = ["order", "accept", no, "--category", "0101", "--division", "330402"];
    let ran = serve.run(&[&accept[..], &["--unit", "330402"]].concat()).ends(1);
    assert!(ran.err.contains("NOT_CENTRE"), "{}", ran.err);
    let done = serve.run(&[&accept[..], &["-o", "json"]].concat()).ends(0).json();
    assert_eq!(done["stage"], "assigned");
    let ran = serve.run(&accept).ends(1);
    assert!(ran.err.contains("WRONG_STAGE") && ran.err.contains("hint:"), "{}", ran.err);
    let ran = serve.run(&["order", "get", "3304-261123-00042-5"]).ends(1);
    assert!(ran.err.contains("ORDER_NOT_FOUND"), "{}", ran.err);
}
