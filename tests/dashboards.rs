//! What operators are given under `deploy/`: rules, alerts, dashboards and the runbook agree
//! with each other, with what the service exports and with the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

#[path = "support/figures.rs"]
mod figures;
#[path = "dashboards/http.rs"]
mod http;
#[path = "dashboards/live.rs"]
mod live;
#[path = "support/redis.rs"]
mod redis;

use hotline::telemetry::process::PROCESS_METRICS;
use hotline::telemetry::standing::STANDING_METRICS;
use hotline::telemetry::{CELL_METRICS, Kind, METRICS};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

const DASHBOARDS: [&str; 3] = ["sla", "levels", "runtime"];

fn deployed(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "deploy", path].iter().collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deployed(path)).expect(path)
}

fn dashboard(name: &str) -> serde_json::Value {
    serde_json::from_str(&read(&format!("grafana/dashboards/{name}.json"))).expect(name)
}

/// Every series the service may export, as Prometheus stores it.
fn exported() -> BTreeSet<String> {
    let own = METRICS.iter().map(|m| (m.name, m.kind));
    let of_cell = CELL_METRICS.iter().chain(STANDING_METRICS).map(|m| (m.name, m.kind));
    let mut names: BTreeSet<_> =
        PROCESS_METRICS.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    for (name, kind) in own.chain(of_cell) {
        match kind {
            Kind::Counter | Kind::Gauge => {
                names.insert(name.to_owned());
            }
            Kind::Histogram(_) => {
                names.extend(["bucket", "count", "sum"].map(|part| format!("{name}_{part}")));
            }
        }
    }
    names
}

/// The words of a text that may be series: `hotline_…`, `process_…`, and `cell:…`,
/// `county:hotline_…` and `hotline:…` of recorded ones.
fn series(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| {
            ["hotline_", "process_", "cell:", "county:hotline_", "hotline:"]
                .iter()
                .any(|p| word.starts_with(p))
        })
        .map(str::to_owned)
        .collect()
}

fn values(text: &str, key: &str) -> Vec<String> {
    let found = text.lines().filter_map(|line| line.trim().strip_prefix(key));
    found.map(|value| value.trim().to_owned()).collect()
}

#[test]
fn no_panel_or_rule_names_a_series_that_is_not_there() {
    let rules = read("prometheus/rules.yml");
    let mut known = exported();
    known.extend(values(&rules, "- record:"));
    let mut texts = vec![rules, read("prometheus/alerts.yml")];
    texts.extend(DASHBOARDS.map(|name| dashboard(name).to_string()));
    for text in texts {
        let named = series(&text);
        assert!(!named.is_empty());
        let strangers: Vec<_> = named.difference(&known).collect();
        assert!(strangers.is_empty(), "nobody exports {strangers:?}");
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    for name in DASHBOARDS {
        let board = dashboard(name);
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{name}: {title}");
            assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty());
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                assert!(expr.contains("cell=\"$cell\""), "{name}: {title} mixes cities: {expr}");
                assert!(!expr.contains("rate(") || expr.contains("[$__rate_interval]"), "{expr}");
            }
        }
    }
}

/// What a forge's address of a heading ends with.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_alert_leads_to_its_section_of_the_runbook() {
    let (alerts, runbook) = (read("prometheus/alerts.yml"), read("runbook.md"));
    let names = values(&alerts, "- alert:");
    assert!(!names.is_empty());
    // Before it stands where the operator's people read the runbook, which one rule says.
    let base =
        "{{ with query \"hotline:runbook:info\" }}{{ . | first | label \"runbook\" }}{{ end }}";
    let expected: Vec<_> = names.iter().map(|name| format!("'{base}#{}'", anchor(name))).collect();
    assert_eq!(values(&alerts, "runbook_url:"), expected);
    let headings: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let cases = read("prometheus/tests.yml");
    for name in &names {
        assert!(headings.contains(&name.as_str()), "{name} has no section");
        assert!(cases.contains(name), "{name} never fires in a case");
    }
    for heading in headings.iter().filter(|heading| heading.starts_with("Hotline")) {
        assert!(names.iter().any(|name| name == heading), "{heading} is no alert");
    }
    let anchors: Vec<_> = headings.iter().map(|heading| anchor(heading)).collect();
    for link in runbook.split("](#").skip(1) {
        let to = link.split(')').next().unwrap();
        assert!(anchors.iter().any(|anchor| anchor == to), "#{to} leads nowhere");
    }
    // The panels' links begin with the same.
    for name in DASHBOARDS {
        let board = dashboard(name);
        let said = board["templating"]["list"].as_array().unwrap();
        let runbook = said.iter().find(|variable| variable["name"] == "runbook").unwrap();
        assert_eq!(runbook["query"], "label_values(hotline:runbook:info, runbook)", "{name}");
    }
}

#[test]
fn every_command_of_the_runbook_is_one() {
    let runbook = read("runbook.md");
    let quoted = runbook.split('`').filter(|text| text.starts_with("hotline "));
    let in_blocks = runbook.lines().filter(|line| line.starts_with("hotline "));
    let commands: BTreeSet<_> = quoted
        .chain(in_blocks)
        .map(|command| command.split('#').next().unwrap_or(command).trim().to_owned())
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let words: Vec<_> = command.split_whitespace().skip(1).collect();
        let done = Command::new(env!("CARGO_BIN_EXE_hotline"))
            .args(words.iter().take_while(|word| !word.starts_with('-')))
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{command}: no {flag}");
        }
    }
}

#[test]
fn promtool_agrees_with_rules_and_their_cases() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("SHORT promtool is missing (Debian: prometheus): rules are not run");
        return;
    }
    let at = |name: &str| deployed(&format!("prometheus/{name}")).into_os_string();
    for (verb, files) in [
        (["check", "rules"], vec![at("rules.yml"), at("alerts.yml")]),
        (["check", "config"], vec![at("prometheus.yml")]),
        (["test", "rules"], vec![at("tests.yml")]),
    ] {
        let done = Command::new("promtool").args(verb).args(files).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{verb:?}\n{}", String::from_utf8_lossy(&said));
    }
}
