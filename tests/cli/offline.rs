//! What needs no server: help, settings, catalogues.

use crate::program::{Ran, hotline, run};
use std::net::TcpListener;
use std::path::Path;

#[test]
fn exit_codes_are_as_the_help_says() {
    let help = run(&["--help"]).ends(0);
    for code in ["0  done", "1  refused", "2  the command line", "3  the server cannot"] {
        assert!(help.out.contains(code), "{}", help.out);
    }
    run(&["--version"]).ends(0);
    run(&["dance"]).ends(2);
    run(&["order", "sign", "3304-261123-00042-0"]).ends(2);
    run(&["order", "decide", "3304-261123-00042-5"]).ends(2);
    run(&["board", "--role", "king"]).ends(2);
    run(&["board", "--server", "ftp://x"]).ends(2);
    run(&["submit", "--file", "/nowhere/calls.jsonl"]).ends(1);
}

#[test]
fn every_verb_has_help_with_an_example() {
    let verbs = [
        "dev",
        "serve",
        "submit",
        "completions",
        "board",
        "doctor",
        "backup",
        "restore",
        "simulate",
        "health",
        "order get",
        "order list",
        "order watch",
        "order contact",
        "order accept",
        "order sign",
        "order relay",
        "order return",
        "order report",
        "order decide",
        "queue ls",
        "queue parked",
        "queue release",
        "archive ls",
        "feed read",
        "feed consumers ls",
        "feed consumers forget",
        "catalogue check",
        "config show",
        "config check",
        "train",
        "eval",
        "classify",
    ];
    for verb in verbs {
        let mut args: Vec<_> = verb.split(' ').collect();
        args.push("--help");
        let help = run(&args).ends(0);
        assert!(help.out.contains("Example"), "{verb}: {}", help.out);
    }
}

#[test]
fn a_server_that_is_not_there_is_three() {
    // Bound and given back: nobody listens there now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    for verb in [&["health"][..], &["board"], &["order", "list"], &["queue", "ls"], &["doctor"]] {
        let ran = run(&[verb, &["--server", &server]].concat()).ends(3);
        assert!(ran.err.contains(&server) && ran.err.contains("hint:"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    // One that is held up takes the connection and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", mute.local_addr().unwrap());
    let ran = run(&["health", "--server", &server]).ends(3);
    assert!(ran.err.contains("no answer within 5s"), "{}", ran.err);
}

#[test]
fn settings_are_layered_and_say_where_they_come_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hotline.toml");
    std::fs::write(&file, "lease_max = \"2m\"\nlog = \"debug\"\n").unwrap();
    let show = |flags: &[&str]| {
        let mut command = hotline();
        command.args(["config", "show", "-o", "json"]).args(flags);
        Ran::of(command.env("HOTLINE_CONFIG", &file).env("HOTLINE_LOG", "warn").output().unwrap())
    };
    let shown = show(&["--store", "redis://u:geheim@db:6379", "--insecure-bind"]).ends(0);
    assert!(!shown.out.contains("geheim"), "{}", shown.out);
    let json = shown.json();
    for (key, value, origin) in [
        ("lease_max", "2m", format!("{}:1", file.display())),
        ("log", "warn", "environment HOTLINE_LOG".to_owned()),
        ("store", "redis://u:***@db:6379", "flag --store".to_owned()),
        ("insecure_bind", "true", "flag --insecure-bind".to_owned()),
        ("cell", "3304", "default".to_owned()),
    ] {
        assert_eq!(json[key]["value"], value, "{key}");
        assert_eq!(json[key]["origin"], origin, "{key}");
    }
    let table = hotline().args(["config", "show"]).output().unwrap();
    assert!(Ran::of(table).ends(0).out.contains("127.0.0.1:12345"));
}

#[test]
fn a_wrong_setting_is_two_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hotline.toml");
    std::fs::write(&file, "\nleese_max = \"2m\"\n").unwrap();
    for verb in [&["config", "check"][..], &["config", "show"], &["serve"]] {
        let ran = run(&[verb, &["--config", file.to_str().unwrap()]].concat()).ends(2);
        assert!(ran.err.contains("hotline.toml:2: there is no setting `leese_max`"), "{}", ran.err);
        assert!(ran.err.contains("did you mean `lease_max`"), "{}", ran.err);
    }
    let ran = run(&["serve", "--listen", "0.0.0.0:12345"]).ends(2);
    assert!(ran.err.contains("insecure_bind"), "{}", ran.err);
    run(&["config", "check"]).ends(0);
}

#[test]
fn shells_complete_every_verb() {
    for (shell, word) in
        [("bash", "complete -F"), ("zsh", "#compdef hotline"), ("fish", "complete -c hotline")]
    {
        let script = run(&["completions", shell]).ends(0).out;
        for word in [word, "submit", "doctor", "spool"] {
            assert!(script.contains(word), "{word} is not in that of {shell}");
        }
    }
    run(&["completions", "cmd"]).ends(2);
}

#[test]
fn the_catalogue_built_in_is_sound() {
    let json = run(&["catalogue", "check", "-o", "json"]).ends(0).json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["cell"], "3304");
    assert!(json["categories"].as_u64().unwrap() >= 100, "{json}");
    assert!(run(&["catalogue", "check"]).ends(0).out.contains("嘉兴"));
}

#[test]
fn a_broken_catalogue_line_is_named() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/jiaxing");
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let file = dir.path().join("divisions.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines[6] = "not a division,";
    std::fs::write(&file, lines.join("\n")).unwrap();
    let folder = dir.path().to_str().unwrap();
    let ran = run(&["catalogue", "check", folder]).ends(1);
    assert!(ran.err.contains("divisions.csv:7: "), "{}", ran.err);
    let json = run(&["catalogue", "check", folder, "-o", "json"]).ends(1).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"][0]["line"], 7);
    run(&["catalogue", "check", "/nowhere"]).ends(1);
}

#[test]
fn the_simulation_prints_its_figures_and_is_the_same_again() {
    let args = ["simulate", "--seeds", "3", "--orders", "20", "--steps", "400", "-o", "json"];
    let figures = |extra: &[&str]| -> serde_json::Value {
        let ran = run(&[&args[..], extra].concat()).ends(0);
        serde_json::from_str(&ran.out).unwrap()
    };
    let (first, again, others) = (figures(&[]), figures(&[]), figures(&["--seed", "100"]));
    assert_eq!(first["sound"], 3);
    assert_eq!(first["broken"], serde_json::json!({}));
    assert!(first["timers"]["fired"].as_u64() > first["orders"].as_u64());
    assert_eq!((&first["timers"]["early"], &first["requests"]["lost"]), (&0.into(), &0.into()));
    assert_eq!(first["trace"], again["trace"]);
    assert_ne!(first["trace"], others["trace"]);
    run(&["simulate", "--seeds", "0"]).ends(2);
}
