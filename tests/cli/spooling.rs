//! The server is away and callers are on the line: nothing they say is lost, or filed twice.

use crate::program::{Ran, Serve, calls, hotline, matter};
use crate::redis::RedisServer;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// An address where nobody listens now: bound and given back.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A desk: its spool, and the server it looks for.
struct Desk {
    spool: PathBuf,
    server: String,
}

impl Desk {
    fn new(home: &Path) -> Desk {
        Desk { spool: home.join("spool"), server: nobody() }
    }

    fn command(&self, more: &[&str]) -> std::process::Command {
        let mut command = hotline();
        command.args(["submit", "-o", "json", "--spool", self.spool.to_str().unwrap()]);
        command.args(more).env("HOTLINE_SERVER", format!("http://{}", self.server));
        command
    }

    fn submit(&self, more: &[&str]) -> Ran {
        Ran::of(self.command(more).output().unwrap())
    }

    fn begin(&self, more: &[&str]) -> Child {
        let mut command = self.command(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn serve(&self, home: &Path) -> Serve {
        Serve::start(home, &self.server, "info")
    }

    /// The files of matters, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.spool).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|p| p.extension().unwrap() == "jsonl").collect();
        paths.sort();
        paths
    }
}

#[track_caller]
fn counts(sums: &Value, expected: &[(&str, u64)]) {
    for (key, count) in expected {
        assert_eq!(sums[key], *count, "{key} in {sums}");
    }
}

/// A line as the server would have had it, a moment before now.
fn rfc3339_ago(seconds: u64) -> String {
    let ago = std::time::Duration::from_secs(seconds);
    let now = std::time::Duration::from_millis(hotline::clock::wall_now().0.unsigned_abs());
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + now - ago).to_string()
}

#[test]
fn what_callers_say_while_the_server_is_away_is_filed_after() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let desk = Desk::new(home);
    let mut matters: Vec<_> = (0..3).map(matter).collect();
    // From a slip of paper of forty minutes ago.
    let heard_at = rfc3339_ago(2_400);
    matters[0]["heard_at"] = json!(heard_at);
    let file = calls(home, "calls.jsonl", &matters);

    let before = rfc3339_ago(0);
    let ran = desk.submit(&["--file", &file]).ends(3);
    let after = rfc3339_ago(0);
    assert!(ran.err.contains("cannot be reached") && ran.err.contains("hint:"), "{}", ran.err);
    counts(&ran.json(), &[("kept", 3), ("left", 3), ("sent", 0)]);
    let [kept] = &desk.files()[..] else { panic!("{:?}", desk.files()) };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(kept), mode(&desk.spool)), (0o600, 0o700));
    // The same file again is kept once; another matter under a known id is refused.
    let ran = desk.submit(&["--file", &file]).ends(3);
    counts(&ran.json(), &[("kept", 0), ("duplicate", 3), ("left", 3)]);
    let mut other = matters[0].clone();
    other["text"] = json!("另一件事：村口垃圾没有人清理。");
    let other = calls(home, "other.jsonl", &[other]);
    let ran = desk.submit(&["--file", &other]).ends(3);
    counts(&ran.json(), &[("kept", 0), ("bad_lines", 1), ("left", 3)]);
    assert!(ran.err.contains("other.jsonl:1: request_id: another matter"), "{}", ran.err);
    // The desk crashes while it writes a fourth.
    let mut torn = fs::OpenOptions::new().append(true).open(kept).unwrap();
    torn.write_all(r#"{"request_id":"6350b6f5-3c43-5d84-8020","text":"王阿"#.as_bytes()).unwrap();

    let serve = desk.serve(home);
    let ran = desk.submit(&[]).ends(1);
    counts(&ran.json(), &[("created", 3), ("bad_lines", 1), ("refused", 0), ("left", 1)]);
    assert!(ran.err.contains(".jsonl:4: cut short, as by a crash"), "{}", ran.err);
    assert!(!ran.err.contains("王阿"), "{}", ran.err);
    let text = fs::read_to_string(kept).unwrap();
    let whole = text.rfind('\n').unwrap() + 1;
    fs::write(kept, &text[..whole]).unwrap();
    counts(&desk.submit(&[]).ends(0).json(), &[("sent", 0), ("left", 0)]);
    assert_eq!(desk.files(), [] as [PathBuf; 0], "names and phones stay behind");

    // Their clocks run from when they were heard.
    let filed = fs::read_to_string(kept.with_extension("filed")).unwrap();
    let heard = |n: usize| {
        let id = matters[n]["request_id"].as_str().unwrap();
        let line = filed.lines().find(|line| line.starts_with(id)).unwrap();
        let no = line.split(' ').nth(1).unwrap();
        let order = serve.run(&["order", "get", no, "-o", "json"]).ends(0).json();
        let heard = order["heard_at"].as_str().unwrap().to_owned();
        humantime::format_rfc3339_millis(local(&heard)).to_string()
    };
    assert_eq!(heard(0), heard_at);
    for n in [1, 2] {
        let noted = heard(n);
        assert!(before <= noted && noted <= after, "{before} {noted} {after}");
    }
    // Once more, from the beginning, makes none.
    let ran = desk.submit(&["--file", &file]).ends(0);
    counts(&ran.json(), &[("created", 0), ("duplicate", 3), ("left", 0)]);
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 3);
    serve.run(&["doctor"]).ends(0);
}

/// A moment as orders show it, in Beijing's time.
fn local(text: &str) -> std::time::SystemTime {
    let utc = text.strip_suffix("+08:00").unwrap_or_else(|| panic!("{text}"));
    let local = humantime::parse_rfc3339(&format!("{utc}Z")).unwrap();
    local - std::time::Duration::from_secs(8 * 3_600)
}

#[test]
fn what_callers_say_while_the_store_is_down_is_filed_after() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let mut redis = RedisServer::start("always");
    let serve = Serve::on(&redis.url(), home, "127.0.0.1:0", "info");
    let desk = Desk { spool: home.join("spool"), server: serve.address.clone() };
    let file = calls(home, "calls.jsonl", &(0..3).map(matter).collect::<Vec<_>>());
    redis.kill();
    let ran = desk.submit(&["--file", &file]).ends(3);
    counts(&ran.json(), &[("kept", 3), ("left", 3), ("created", 0), ("refused", 0)]);
    for words in ["STORE_UNAVAILABLE", "kept: all of it is in ", " --wait` files it"] {
        assert!(ran.err.contains(words), "{words} is not in {}", ran.err);
    }
    redis.restart();
    let ran = desk.submit(&["--wait"]).ends(0);
    counts(&ran.json(), &[("created", 3), ("left", 0)]);
}

#[test]
fn what_was_filed_before_it_was_kept_is_not_filed_again() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let desk = Desk::new(home);
    let matters: Vec<_> = (0..4).map(matter).collect();
    let (half, whole) = (calls(home, "half", &matters[..2]), calls(home, "whole", &matters));
    let mut serve = desk.serve(home);
    // Rows that name no moment; the server noted its own.
    serve.run(&["submit", "--file", &half]).ends(0);
    serve.kill();
    counts(&desk.submit(&["--file", &whole]).ends(3).json(), &[("kept", 4), ("left", 4)]);
    let serve = desk.serve(home);
    let sums = desk.submit(&[]).ends(0).json();
    counts(&sums, &[("created", 2), ("duplicate", 2), ("refused", 0), ("left", 0)]);
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 4);
}

#[test]
fn it_waits_for_the_server_and_a_crash_under_way_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let desk = Desk::new(home);
    const MATTERS: usize = 1_500;
    let mut matters: Vec<_> = (0..MATTERS).map(matter).collect();
    // The server refuses it; it stays where somebody can correct it.
    matters[7]["division"] = json!("110101");
    let file = calls(home, "calls.jsonl", &matters);
    let mut waiting = desk.begin(&["--file", &file, "--wait", "--concurrency", "8"]);
    let soon = |what: &str, done: &dyn Fn() -> bool| {
        let pause = || {
            std::thread::sleep(std::time::Duration::from_millis(10));
            false
        };
        assert!((0..6_000).any(|_| done() || pause()), "{what}");
    };
    soon("it keeps nothing", &|| desk.files().len() == 1);
    let serve = desk.serve(home);
    let filed = || {
        let path = desk.files().first().map(|path| path.with_extension("filed"));
        let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().count()
    };
    soon("it files nothing", &|| filed() > 50);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    let had = filed();
    assert!(had < MATTERS - 1, "killed too late to tell anything");

    let ran = desk.submit(&["--wait"]).ends(1);
    let sums = ran.json();
    counts(&sums, &[("kept", 0), ("refused", 1), ("left", 1)]);
    let count = |key: &str| sums[key].as_u64().unwrap() as usize;
    // What was filed is not even asked for again, but for what was on its way.
    assert_eq!(count("created") + count("duplicate") + had, MATTERS - 1, "{sums} {had}");
    assert!(count("duplicate") <= 8 + 8, "{sums}");
    assert!(ran.err.contains(".jsonl:8: error: ") && ran.err.contains("division"), "{}", ran.err);
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], MATTERS - 1);

    // Corrected, it is filed, too.
    let file = desk.files().remove(0);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("110101", "330402")).unwrap();
    counts(&desk.submit(&[]).ends(0).json(), &[("created", 1), ("left", 0)]);
}

#[test]
fn a_desk_asks_call_after_call() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let desk = Desk::new(home);
    let mut asking = desk.begin(&["--ask"]);
    let mut keys = asking.stdin.take().unwrap();
    // The second caller's number is none, and the text is missing: both are asked for again.
    keys.write_all(
        "13812345678\n王阿姨\n嘉兴市南湖区大桥镇\n路灯坏了\n村口路灯坏了半个月\n".as_bytes(),
    )
    .unwrap();
    keys.write_all("none\n李四\n\n\n\n楼下积水没过脚踝\n13912345678\n".as_bytes()).unwrap();
    // A third hangs up.
    keys.write_all("13700000000\n".as_bytes()).unwrap();
    drop(keys);
    let ran = Ran::of(asking.wait_with_output().unwrap()).ends(3);
    counts(&ran.json(), &[("kept", 2), ("left", 2)]);
    assert_eq!(ran.err.matches("已存盘，凭据 ").count(), 2, "{}", ran.err);
    assert!(ran.err.contains("服务暂不可用"), "{}", ran.err);
    assert!(ran.err.contains("此件未填完，没有存盘"), "{}", ran.err);
    for private in ["13812345678", "王阿姨"] {
        assert!(!ran.err.contains(private) && !ran.out.contains(private), "{ran:?}");
    }

    let serve = desk.serve(home);
    counts(&desk.submit(&["--wait"]).ends(0).json(), &[("created", 2), ("left", 0)]);
    // With a server there each is filed at once, and its number is told.
    let mut asking = desk.begin(&["--ask"]);
    let mut keys = asking.stdin.take().unwrap();
    keys.write_all("\n\n\n\n村口路灯坏了半个月\n".as_bytes()).unwrap();
    drop(keys);
    let ran = Ran::of(asking.wait_with_output().unwrap()).ends(0);
    assert_eq!(ran.err.matches("已登记：").count(), 1, "{}", ran.err);
    let board = serve.run(&["board", "-o", "json"]).ends(0).json();
    assert_eq!(board["tallies"]["received"], 3);
}

#[test]
fn a_disk_that_keeps_nothing_is_said() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = calls(home, "calls.jsonl", &[matter(1)]);
    for (spool, said) in [
        (home.join("no/such/folder"), "(No such file or directory (os error 2)); name one in"),
        (PathBuf::from(&file), "is a file; name a folder"),
        (PathBuf::from("/proc/spool"), "spool /proc/spool cannot be made"),
    ] {
        let desk = Desk { spool, server: nobody() };
        let ran = desk.submit(&["--file", &file]).ends(1);
        assert!(ran.err.contains(said), "{said} is not in {}", ran.err);
    }
    let desk = Desk::new(home);
    Ran::of(desk.command(&["--ask", "--file", &file]).output().unwrap()).ends(2);
    Ran::of(hotline().args(["submit", "--wait", "--file", &file]).output().unwrap()).ends(2);
}
