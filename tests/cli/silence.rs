//! No phone number and no name of a caller reaches a log line, an event, an error, a metric,
//! or the disk in clear. Each look is shown to be able to find something.

use crate::program::{Serve, calls, matter};
use crate::redis::RedisServer;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

const PHONE: &str = "13712345678";
const NAME: &str = "欧阳翠花";
const DOOR: &str = "17幢2单元901";
/// In what the citizen said: that is kept as a paper, so whoever looks must find it there.
const SAID: &str = "路灯坏了半个月";

#[test]
fn a_caller_is_nowhere_in_clear_on_the_embedded_store() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::start(home.path(), "127.0.0.1:0", "trace");
    whole_life(home.path(), serve, &[home.path().join("orders.redb")]);
}

#[test]
fn a_caller_is_nowhere_in_clear_on_redis() {
    let home = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("always");
    let serve = Serve::on(&redis.url(), home.path(), "127.0.0.1:0", "trace");
    let folder = redis.folder().to_owned();
    whole_life(home.path(), serve, &[folder]);
}

/// The secrets that are in there: as they are, and as `Debug` of bytes or of a string with
/// escapes, and hexadecimal dumps, would write them.
fn told(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in [PHONE, NAME, DOOR] {
        let hex = |sep: &str| secret.bytes().map(|b| format!("{sep}{b:02x}")).collect::<String>();
        let utf16: String = secret.chars().map(|c| c.escape_unicode().to_string()).collect();
        let list = format!("{:?}", secret.as_bytes());
        let list = list.trim_matches(['[', ']']).to_owned();
        let escaped = secret.as_bytes().escape_ascii().to_string();
        for form in [secret.to_owned(), hex(""), hex("\\x"), utf16, list, escaped] {
            if bytes.windows(form.len()).any(|w| w.eq_ignore_ascii_case(form.as_bytes())) {
                found.push(form);
            }
        }
    }
    found
}

#[test]
fn the_search_finds_every_form() {
    let bytes = NAME.as_bytes();
    for text in [
        NAME.to_owned(),
        format!("{bytes:?}"),
        format!("{bytes:02X?}").replace([',', ' ', '[', ']'], ""),
        bytes.escape_ascii().to_string(),
    ] {
        assert!(!told(text.as_bytes()).is_empty(), "{text}");
    }
    assert!(told("谁也不是 138".as_bytes()).is_empty());
}

/// Takes an order through its life, refusals and looks included, and reads all that is left.
fn whole_life(home: &Path, mut serve: Serve, disk: &[std::path::PathBuf]) {
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
    let file = calls(home, "calls.jsonl", &matters);
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    let mut keep = |what: &str, ran: crate::program::Ran| {
        seen.push((what.to_owned(), [ran.out.as_bytes(), ran.err.as_bytes()].concat()));
        ran
    };
    let submit = serve.run(&["submit", "--file", &file, "-o", "json"]).ends(1);
    assert_eq!(keep("submit", submit).json()["created"], 2);
    let again = serve.run(&["submit", "--file", &file]).ends(1);
    keep("submit again", again);
    matters[0]["caller_name"] = json!(format!("{NAME}的女儿"));
    let other = calls(home, "other.jsonl", &matters[..1]);
    let reused = keep("another body", serve.run(&["submit", "--file", &other]).ends(1));
    assert!(reused.err.contains("REQUEST_ID_REUSED"), "{}", reused.err);

    let list = keep("the list", serve.run(&["order", "list", "-o", "json"]).ends(0)).json();
    let no = list[0]["order_no"].as_str().unwrap();
    let holder = ["--unit", "3304", "-o", "json"];
    let contact = serve.run(&[&["order", "contact", no], &holder[..]].concat()).ends(0);
    assert!(contact.out.contains(PHONE) && contact.out.contains(NAME), "the one place it is told");
    keep("a stranger's look", serve.run(&["order", "contact", no, "--unit", "330481"]).ends(1));
    let chain: Vec<_> = list[0]["chain"].as_array().unwrap().iter().map(|u| u.as_str()).collect();
    let chain: Vec<_> = chain.into_iter().flatten().collect();
    let mut act = |verb: &str, unit: &str, rest: &[&str], code: i32| {
        let ran = serve.run(&[&["order", verb, no, "--unit", unit], rest].concat());
        keep(verb, ran.ends(code));
    };
    for unit in &chain[..chain.len() - 1] {
        act("relay", unit, &[], 0);
    }
    let (above, front) = (chain[chain.len() - 2], chain[chain.len() - 1]);
    act("report", front, &["--text", "早了"], 1);
    act("sign", "330481", &[], 1);
    act("sign", front, &[], 0);
    act("contact", "330481", &[], 1);
    act("report", front, &["--text", "已修复"], 0);
    act("decide", above, &["--accept"], 0);
    act("get", above, &["-o", "json"], 0);
    for verb in [&["doctor"][..], &["board"], &["queue", "ls"], &["queue", "ls", front]] {
        keep(verb[0], serve.run(verb).ends(0));
    }
    let file = home.join("city.backup");
    keep("backup", serve.run(&["backup", "--out", file.to_str().unwrap()]).ends(0));
    let file = std::fs::read(file).unwrap();
    assert!(file.windows(SAID.len()).any(|w| w == SAID.as_bytes()), "the papers are not in it");
    seen.push(("the backup".to_owned(), file));
    seen.push(("the feed".to_owned(), events(&serve).into_bytes()));
    let metrics = serve.probe("/metrics");
    assert!(metrics.contains("hotline_rpcs_total"), "{metrics}");
    seen.push(("the metrics".to_owned(), metrics.into_bytes()));
    let log = serve.log();
    // The libraries' own traces are in it: every frame of every call.
    assert!(log.contains("TRACE h2"), "no trace: {}", &log[..log.len().min(2_000)]);
    seen.push(("the log".to_owned(), log.into_bytes()));
    let kept: Vec<u8> = disk.iter().flat_map(|path| bytes_under(path)).collect();
    assert!(kept.windows(SAID.len()).any(|w| w == SAID.as_bytes()), "the papers are not there");
    seen.push(("the disk".to_owned(), kept));
    for (what, bytes) in seen {
        let found = told(&bytes);
        assert!(found.is_empty(), "{what} tells of {found:?}");
    }
}

/// A file's bytes, or those of all files under a folder.
fn bytes_under(path: &Path) -> Vec<u8> {
    if path.is_file() {
        return std::fs::read(path).unwrap();
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.flat_map(|entry| bytes_under(&entry.unwrap().path())).collect()
}

/// The feed up to the order's end, and two looks at the contact in it.
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
        if line.contains("\"closed\"") {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(all.contains("contact_viewed"), "{all}");
    all
}
