//! The binary, a server of it, and files of matters.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use uuid::Uuid;

/// How long a server may take to say where it serves: debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, free of the settings of whoever runs the tests.
pub fn hotline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("HOTLINE_")) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// Runs it to its end.
pub fn run(args: &[&str]) -> Ran {
    Ran::of(hotline().args(args).output().unwrap())
}

/// A server, by default on the embedded store, in a folder of its own.
pub struct Serve {
    child: Child,
    pub address: String,
    pub probes: String,
    log: PathBuf,
}

impl Serve {
    pub fn start(home: &Path, listen: &str, log: &str) -> Serve {
        Serve::on(&format!("redb:{}", home.join("orders.redb").display()), home, listen, log)
    }

    /// With more settings, on a port of its own.
    pub fn with(home: &Path, more: &[&str]) -> Serve {
        let store = format!("redb:{}", home.join("orders.redb").display());
        Serve::run_with(&store, home, "127.0.0.1:0", "info", more)
    }

    /// The same, where the settings and not a flag say what is logged.
    pub fn with_settings(home: &Path, more: &[&str]) -> Serve {
        let store = format!("redb:{}", home.join("orders.redb").display());
        Serve::run_with(&store, home, "127.0.0.1:0", "", more)
    }

    pub fn on(store: &str, home: &Path, listen: &str, log: &str) -> Serve {
        Serve::run_with(store, home, listen, log, &[])
    }

    pub fn on_with(store: &str, home: &Path, more: &[&str]) -> Serve {
        Serve::run_with(store, home, "127.0.0.1:0", "info", more)
    }

    /// One that breaks something on purpose: see `src/store/fault.rs`.
    pub fn faulty(store: &str, home: &Path, fault: (&str, &str)) -> Serve {
        let mut command = hotline();
        command.env(fault.0, fault.1);
        Serve::launch(command, store, home, "127.0.0.1:0", "info", &[])
    }

    fn run_with(store: &str, home: &Path, listen: &str, log: &str, more: &[&str]) -> Serve {
        Serve::launch(hotline(), store, home, listen, log, more)
    }

    fn launch(
        mut command: Command,
        store: &str,
        home: &Path,
        listen: &str,
        log: &str,
        more: &[&str],
    ) -> Serve {
        let log_file = home.join(format!("serve-{}.log", Uuid::new_v4()));
        let mut child = command
            .args(["serve", "--listen", listen, "--metrics-listen", "127.0.0.1:0"])
            .args(["--log", log].iter().filter(|_| !log.is_empty()))
            .args(["--store", store])
            .args(more)
            .arg("--key-file")
            .arg(home.join("contacts.key"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (found, addresses) = mpsc::channel();
        let mut copy = std::fs::File::create(&log_file).unwrap();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writeln!(copy, "{line}").unwrap();
                if let Some(at) = line.split("serving grpc=").nth(1) {
                    let (grpc, rest) = at.split_once(" http=").unwrap();
                    let http = rest.split_whitespace().next().unwrap();
                    let _ = found.send((grpc.to_owned(), http.to_owned()));
                }
            }
        });
        let (address, probes) = addresses.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("hotline serve: {}", std::fs::read_to_string(&log_file).unwrap())
        });
        Serve { child, address, probes, log: log_file }
    }

    /// Runs a verb against it.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = hotline();
        command.args(args).env("HOTLINE_SERVER", format!("http://{}", self.address));
        command
    }

    /// What its other port answers, headers and all.
    pub fn probe(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.probes).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Waits until it has logged this so often.
    #[track_caller]
    pub fn says(&self, words: &str, times: usize) {
        let log = || std::fs::read_to_string(&self.log).unwrap();
        let pause = || {
            std::thread::sleep(Duration::from_millis(10));
            false
        };
        let soon = (0..3_000).any(|_| log().matches(words).count() >= times || pause());
        assert!(soon, "{words:?} is not in {}", log());
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Everything it logged; ends it first.
    pub fn log(&mut self) -> String {
        self.kill();
        // The copying thread ends with the pipe.
        std::thread::sleep(Duration::from_millis(200));
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Sends it a signal: `-STOP`, `-CONT`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Has it stand still, all of it.
    pub fn stop(&self) {
        self.signal("-STOP");
        // Where there is no /proc nobody can tell.
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return;
        };
        let pause = || {
            std::thread::sleep(Duration::from_millis(10));
            false
        };
        for thread in threads {
            let state = thread.unwrap().path().join("stat");
            let is_still = || std::fs::read_to_string(&state).is_ok_and(|s| s.contains(") T "));
            let soon = || (0..1_000).any(|_| is_still() || pause());
            assert!(soon(), "it does not stand still");
        }
    }

    /// SIGKILL: no chance to write anything.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a process of ours a signal.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// One matter that is placed without doubt.
pub fn matter(n: usize) -> Value {
    json!({
        "request_id": Uuid::new_v4().to_string(),
        "channel": "phone",
        "caller_phone": format!("138{n:08}"),
        "caller_name": "王阿姨",
        "address": "嘉兴市南湖区大桥镇",
        "title": "路灯坏了",
        "text": format!("村口第{n}盏路灯坏了半个月，老人晚上出门容易摔倒，请派人维修。"),
        "category": "0101",
        "division": "330402",
    })
}

/// A file of so many matters.
pub fn calls(home: &Path, name: &str, matters: &[Value]) -> String {
    let mut text = String::new();
    for matter in matters {
        text.push_str(&format!("{matter}\n"));
    }
    let path = home.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
