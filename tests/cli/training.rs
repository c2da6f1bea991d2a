//! `train`, `eval` and `classify`, and `serve` with a model: what they say of files that are not
//! what they should be, and that what was trained serves.

use crate::program::{Serve, run};
use std::fmt::Write;
use std::path::Path;

const KINDS: [(&str, &[&str]); 2] = [
    ("1201", &["拖欠工资不发", "老板欠薪跑了", "工钱讨不回来", "血汗钱没有给", "农民工工资"]),
    ("供水", &["自来水发黄", "停水两天了", "水压太低", "水管爆裂漏水", "水龙头没水"]),
];

fn line(label: &str, text: &str) -> String {
    format!("{}\n", serde_json::json!({ "label": label, "subject": "", "detail": text, "id": 7 }))
}

fn history() -> String {
    let mut all = String::new();
    for (label, texts) in KINDS {
        for i in 0..20 {
            let text = format!("您好，{}，{}。", texts[i % 5], texts[(i + i / 5) % 5]);
            all.push_str(&line(label, &text));
        }
    }
    all
}

fn write(home: &Path, name: &str, text: &str) -> String {
    let path = home.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_wrong_with_labelled_messages_is_said_with_file_and_line() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let out = home.join("city.model");
    let good = history();
    let many = |n: usize| {
        good.lines().take(n).fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        })
    };
    for (text, words) in [
        (good.clone() + "{\"label\": \"1201\"", ":41: no JSON object"),
        (good.clone() + "[1, 2]\n", ":41: "),
        (good.clone() + &line("0000", "x"), ":41: label \"0000\" is not in the catalogue"),
        (good.clone() + &line("外星事务", "x"), ":41: label \"外星事务\" is not in the catalogue"),
        (good.clone() + "{\"text\": \"x\"}\n", ":41: label is missing"),
        (good.clone() + "{\"label\": \"1201\"}\n", ":41: text is missing"),
        (good.clone() + "{\"label\": 1201, \"text\": \"x\"}\n", ":41: a field is no string"),
        (good.clone() + &line("0401", "x"), ":41: labels \"0401\" and \"供水\" both take in 0401"),
        (String::new(), ": there is no message"),
        (many(20), ": 1 labels have 5 messages and more: 2 to 255"),
    ] {
        let file = write(home, "bad.jsonl", &text);
        let ran = run(&["train", "--messages", &file, "--out", out.to_str().unwrap()]).ends(1);
        let said = format!("{file}{words}");
        assert!(ran.err.contains(&said), "{said} is missing from {}", ran.err);
        assert!(!out.exists());
    }
    run(&["train", "--messages", "/nowhere/x", "--out", "x.model"]).ends(1);
    run(&["train", "--out", "x.model"]).ends(2);
}

#[test]
fn what_was_trained_is_measured_classifies_and_serves() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = write(home, "history.jsonl", &history());
    let model = home.join("city.model");
    let model = model.to_str().unwrap();
    let trained = run(&["train", "--messages", &file, "--out", model, "-o", "json"]).ends(0).json();
    let version = trained["version"].as_str().unwrap().to_owned();
    assert!(trained["cross_validated"]["macro_f1"].as_f64().unwrap() > 0.8, "{trained}");
    let other = home.join("other.model");
    let again = ["train", "--messages", &file, "--out", other.to_str().unwrap(), "--threads", "3"];
    run(&again).ends(0);
    assert_eq!(std::fs::read(model).unwrap(), std::fs::read(&other).unwrap());

    for args in [&["--model", model][..], &["--cross-validate"], &[]] {
        let all = [&["eval", "--messages", &file, "-o", "json"], args].concat();
        let read = run(&all).ends(0).json();
        assert_eq!(read["messages"]["messages"], 40, "{read}");
        assert!(read["messages"]["macro_f1"].as_f64().unwrap() > 0.8, "{read}");
        assert_eq!(read["messages"]["model"].is_null(), args.is_empty());
        assert_eq!(read["messages"]["classes"][1]["label"], "供水");
        run(&all[..3]).ends(0);
    }
    let strange = write(home, "strange.jsonl", &line("0101", "x"));
    let ran = run(&["eval", "--model", model, "--messages", &strange]).ends(1);
    assert!(ran.err.contains(&format!("{strange}:1: label \"0101\" is no class")), "{}", ran.err);

    let read = run(&["classify", "--model", model, "水龙头没水，停水两天了", "-o", "json"]);
    let read = read.ends(0).json();
    assert_eq!(read["candidates"][0]["category"], "0401", "{read}");
    assert_eq!(read["model_version"], version.as_str());
    assert!(run(&["classify", "停水两天了"]).ends(0).out.contains("市政公用/供水"));

    let mut serve = Serve::with(home, &["--model", model]);
    let matter = home.join("matter.jsonl");
    let row = serde_json::json!({
        "request_id": "6350b6f5-3c43-5d84-8020-f1f70f8ca13f", "channel": "phone",
        "title": "停水两天了", "text": "水龙头没水", "address": "嘉兴市南湖区",
    });
    std::fs::write(&matter, format!("{row}\n")).unwrap();
    serve.run(&["submit", "--file", matter.to_str().unwrap()]).ends(0);
    let orders = serve.run(&["order", "list", "-o", "json"]).ends(0).json();
    assert!(orders.to_string().contains(&version), "{orders}");
    assert!(serve.log().contains(&version));
}

#[test]
fn a_model_that_is_none_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = write(home, "history.jsonl", &history());
    let good = home.join("city.model");
    run(&["train", "--messages", &file, "--out", good.to_str().unwrap()]).ends(0);
    let bytes = std::fs::read(&good).unwrap();
    let bad = home.join("bad.model");
    let path = bad.to_str().unwrap();
    let changed = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 2;
        bytes
    };
    for (bytes, words) in [
        (b"no model".to_vec(), "this is no model of `hotline train`"),
        (bytes[..bytes.len() / 2].to_vec(), "it is cut short"),
        (changed(bytes.len() / 2), "its checksum is wrong"),
        (changed(14), "it is in format 0, and this program reads format 2"),
        (vec![0; 5 << 20], "a model has at most 4194304"),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        let key = home.join("contacts.key");
        let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
        let store = format!("redb:{}", home.join("x.redb").display());
        let rest = ["--store", &store, "--key-file", key.to_str().unwrap(), "--model", path];
        for args in [&[&serve[..], &rest[..]].concat()[..], &["classify", "--model", path, "停水"]]
        {
            let ran = run(args).ends(1);
            assert!(ran.err.contains(&format!("{path}: ")), "{}", ran.err);
            assert!(ran.err.contains(words), "{words} is missing from {}", ran.err);
        }
        assert!(!home.join("x.redb").exists() && !key.exists());
    }
    run(&["classify", "--model", "/nowhere/x.model", "停水"]).ends(1);
}
