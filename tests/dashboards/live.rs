//! A real Prometheus scrapes a running hotline by our rules, and is asked what our dashboards ask.

use crate::figures::{is_long, measured, said};
use crate::http::{awaited, escaped, get};
use crate::redis::RedisServer;
use crate::{DASHBOARDS, dashboard, deployed};
use hotline::clock::tick;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the long set lets the hotline run before it asks.
const LONG: Duration = Duration::from_secs(60);

/// A process that ends with its test.
struct Running(Child);

impl Running {
    /// Ends it as an operator would; what it had to say at the end.
    fn ended(&mut self) -> String {
        let done = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(done.unwrap().success());
        let mut said = String::new();
        if let Some(mut out) = self.0.stdout.take() {
            out.read_to_string(&mut said).unwrap();
        }
        assert!(self.0.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A hotline of its own, its metrics at this port.
fn hotline(verb: &str, metrics: u16, args: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOTLINE_") {
            command.env_remove(name);
        }
    }
    let at = format!("127.0.0.1:{metrics}");
    command.args([verb, "--metrics-listen", &at]).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// A Prometheus that looks at one hotline every second; its port.
fn prometheus(home: &Path, metrics: u16) -> (Running, u16) {
    let port = free_port();
    let rules = ["rules.yml", "alerts.yml"].map(|name| deployed(&format!("prometheus/{name}")));
    let config = serde_json::json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": rules,
        "scrape_configs": [{
            "job_name": "hotline",
            "static_configs": [{ "targets": [format!("127.0.0.1:{metrics}")] }],
        }],
    });
    // Every JSON is a YAML.
    let file = home.join("prometheus.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(home.join("prometheus.log")).unwrap());
    (Running(command.spawn().unwrap()), port)
}

/// The values that a query returns now, but for those that say that there is none.
fn values(port: u16, query: &str) -> Result<Vec<f64>, String> {
    let path = format!("/api/v1/query?query={}", escaped(query));
    let answer = get(port, &path).map_err(|error| format!("{query}: {error}"))?;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let found = answer["data"]["result"].as_array().unwrap().iter();
    let numbers = found.map(|series| series["value"][1].as_str().unwrap().parse::<f64>().unwrap());
    Ok(numbers.filter(|number| !number.is_nan()).collect())
}

/// Every query of every panel, as Grafana would send it.
fn queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in DASHBOARDS {
        for panel in dashboard(name)["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                let expr = expr.replace("$cell", "3304").replace("$county", ".*");
                let expr = expr.replace("$__rate_interval", "10s");
                assert!(!expr.contains('$'), "{name}: {expr}");
                all.push((format!("{name}: {}", panel["title"]), expr));
            }
        }
    }
    all
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|done| done.status.success())
}

#[test]
fn a_prometheus_has_data_for_every_panel_and_the_right_ones() {
    if !is_there("prometheus") || !is_there("promtool") {
        said("SHORT prometheus is missing (Debian: prometheus): no panel is asked for its data");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("kept");
    let keep = folder.display().to_string();
    let metrics = free_port();
    let began = tick();
    let args = ["--headless", "-o", "json", "--rate", "20", "--listen", "127.0.0.1:0"];
    let mut dev = hotline("dev", metrics, &[&args[..], &["--keep", &keep]].concat());
    let (_prometheus, port) = prometheus(home.path(), metrics);
    if is_long() {
        std::thread::sleep(LONG);
    } else {
        said("SHORT Prometheus scrapes until every panel has data; HOTLINE_LONG=1 for a minute");
    }
    let all = queries();
    awaited(PATIENCE, || {
        let empty = |(panel, query): &(String, String)| match values(port, query) {
            Ok(found) if !found.is_empty() => None,
            Ok(_) => Some(panel.clone()),
            Err(error) => Some(error),
        };
        let empty: Vec<_> = all.iter().filter_map(empty).collect();
        if empty.is_empty() { Ok(()) } else { Err(format!("no data: {empty:?}")) }
    });
    lint(&get(metrics, "/metrics").unwrap());
    let sums: serde_json::Value = serde_json::from_str(&dev.ended()).unwrap();
    let asked = began.elapsed();

    // After a restart, with nobody at work: what Prometheus has is what the board says.
    let store = format!("redb:{}", folder.join("orders.redb").display());
    let (key, grpc) = (folder.join("contacts.key").display().to_string(), free_port());
    let listen = format!("127.0.0.1:{grpc}");
    // Order time ran ahead of the clock.
    let args = ["--store", &store, "--key-file", &key, "--listen", &listen, "--allow-clock-behind"];
    let _serve = hotline("serve", metrics, &args);
    awaited(PATIENCE, || get(metrics, "/readyz").map_err(|error| error.to_string()));
    let board = board(grpc);
    for name in ["received", "closed"] {
        assert_eq!(Some(board(name)), sums[name].as_f64(), "{name} of {sums}");
    }
    let equal = [
        ("received", "max(hotline_orders_received_total{cell=\"3304\"})"),
        ("closed", "max(hotline_orders_closed_total{cell=\"3304\"})"),
        ("open", "max(hotline_orders_open{cell=\"3304\"})"),
        ("open", "sum(cell:hotline_orders_held:max{cell=\"3304\"})"),
        ("signed.", "sum(hotline_orders_signed_total{cell=\"3304\"})"),
        ("passed_by.", "sum(hotline_orders_passed_by_total{cell=\"3304\"})"),
        ("warned.", "sum(cell:hotline_warnings:max{cell=\"3304\"})"),
        ("breached.arrival.", "sum(cell:hotline_sla_missed:max{clock=\"arrival\"})"),
        ("breached.", "sum(cell:hotline_sla_missed:max{cell=\"3304\"})"),
        ("kept.arrival.", "sum(cell:hotline_sla_met:max{clock=\"arrival\"})"),
        ("kept.closure.", "sum(cell:hotline_sla_met:max{clock=\"closure\"})"),
    ];
    awaited(PATIENCE, || {
        for (name, query) in &equal {
            let (found, expected) = (values(port, query)?, board(name));
            if found != [expected] {
                return Err(format!("{query} is {found:?}, but {name} is {expected}"));
            }
        }
        Ok(())
    });
    for name in ["received", "open", "breached.", "kept.arrival.", "kept.closure."] {
        assert!(board(name) > 0.0, "nothing to compare: no {name}");
    }
    let queries = all.len();
    measured("panel queries that return data", format!("{queries} of {queries}, in {asked:.1?}"));
}

/// What the board says now: a counter by its name, or the sum of those that begin so.
fn board(grpc: u16) -> impl Fn(&str) -> f64 {
    let done = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["board", "-o", "json", "--server", &format!("http://127.0.0.1:{grpc}")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let board: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    move |name| {
        let tallies = board["tallies"].as_object().unwrap().iter();
        let ours =
            tallies.filter(|(n, _)| *n == name || (name.ends_with('.') && n.starts_with(name)));
        ours.map(|(_, value)| value.as_f64().unwrap()).sum()
    }
}

/// `promtool check metrics`.
fn lint(scraped: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(scraped.as_bytes()).unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.trim().is_empty(), "{said}");
}

/// The cell's own lines of a scrape, without what only the process knows.
fn of_the_cell(metrics: u16) -> Vec<String> {
    let Ok(text) = get(metrics, "/metrics") else { return Vec::new() };
    let of_cell = ["hotline_orders_open{", "hotline_orders_held{", "hotline_timers_pending{"];
    let lines = text.lines().filter(|line| of_cell.iter().any(|name| line.starts_with(name)));
    lines.map(str::to_owned).collect()
}

#[test]
fn two_processes_of_one_city_show_it_once() {
    let home = tempfile::tempdir().unwrap();
    let redis = RedisServer::start("always");
    let (store, key) = (redis.url(), home.path().join("contacts.key").display().to_string());
    let serve = |metrics, grpc: u16| {
        let listen = format!("127.0.0.1:{grpc}");
        let args = ["--store", &store, "--key-file", &key, "--listen", &listen];
        let serve = hotline("serve", metrics, &args);
        awaited(PATIENCE, || get(metrics, "/readyz").map_err(|error| error.to_string()));
        serve
    };
    let (ports, grpc) = ([free_port(), free_port()], free_port());
    let mut first = serve(ports[0], grpc);
    let _second = serve(ports[1], free_port());
    let filed = home.path().join("calls.jsonl");
    let call = |i: u32| {
        format!(
            "{{\"request_id\":\"00000000-0000-4000-8000-00000000000{i}\",\"channel\":\"phone\",\
             \"caller_phone\":\"1380000000{i}\",\"title\":\"路灯不亮\",\
             \"text\":\"南湖区解放街道的路灯三天不亮了\"}}\n"
        )
    };
    std::fs::write(&filed, (1..=3).map(call).collect::<String>()).unwrap();
    let submitted = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["submit", "--server", &format!("http://127.0.0.1:{grpc}"), "--file"])
        .arg(&filed)
        .output()
        .unwrap();
    assert!(submitted.status.success(), "{submitted:?}");

    // Both have heard of three orders, one shows them: twice would add up.
    let held = |lines: &[String]| {
        let of = lines.iter().filter(|line| line.starts_with("hotline_orders_held{"));
        of.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    let shown = awaited(PATIENCE, || {
        let lines = of_the_cell(ports[0]);
        if held(&lines) == 3 { Ok(lines) } else { Err(format!("{lines:?}")) }
    });
    assert_eq!(of_the_cell(ports[1]), Vec::<String>::new(), "the other one shows nothing");
    // Killed, it hands nothing over; the other shows the same by itself.
    first.0.kill().unwrap();
    awaited(PATIENCE, || {
        let lines = of_the_cell(ports[1]);
        if lines == shown { Ok(()) } else { Err(format!("{lines:?}, not {shown:?}")) }
    });
    assert_eq!(of_the_cell(ports[0]), Vec::<String>::new());
}
