//! A real redis-server for a test: on a free port of the loopback, with its append-only file
//! on, in a temporary folder, and gone with the test.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, ErrorKind};
use std::iter;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How often another port is tried when somebody was quicker.
const PORTS: usize = 8;
/// How often a starting server is asked whether it is there, every 10 ms.
const PATIENCE: usize = 1_000;

/// A running redis-server.
pub struct RedisServer {
    child: Child,
    port: u16,
    args: Vec<String>,
    /// What the server is started by, where it is not started plainly.
    through: Vec<String>,
    folder: TempDir,
}

/// A disk of its own: a tmpfs in a namespace that a process holds open.
pub struct SmallDisk {
    holder: Child,
    folder: TempDir,
}

impl SmallDisk {
    /// So large; `None` where the system lets nobody mount.
    pub fn new(size: &str) -> Option<SmallDisk> {
        let folder = tempfile::Builder::new().prefix("hotline-redis-").tempdir().unwrap();
        let mount = format!(
            "mount -t tmpfs -o size={size} tmpfs {} && echo mounted && exec sleep 600",
            folder.path().display()
        );
        let mut holder = Command::new("unshare")
            .args(["-rm", "sh", "-c", &mount])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = String::new();
        let _ = BufReader::new(holder.stdout.take()?).read_line(&mut said);
        let disk = SmallDisk { holder, folder };
        (said == "mounted\n").then_some(disk)
    }

    /// Where it can be reached from here.
    pub fn path(&self) -> PathBuf {
        let folder = self.folder.path().strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(folder)
    }

    /// Starts a server on it.
    pub fn serve(&self, args: &[&str]) -> RedisServer {
        let pid = self.holder.id().to_string();
        let enter = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", &pid];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let folder = tempfile::Builder::new().prefix("hotline-redis-").tempdir().unwrap();
        let mut args: Vec<String> = words(args);
        args.extend(["--dir".to_owned(), self.folder.path().to_str().unwrap().to_owned()]);
        RedisServer::launched(words(&enter), args, folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl RedisServer {
    /// Starts one. `fsync` is what `appendfsync` is set to.
    pub fn start(fsync: &str) -> RedisServer {
        RedisServer::with(&["--appendonly", "yes", "--appendfsync", fsync])
    }

    /// Starts one with these arguments behind those that keep it to the test.
    pub fn with(args: &[&str]) -> RedisServer {
        RedisServer::in_folder(|_| args.iter().map(|arg| (*arg).to_owned()).collect())
    }

    /// Starts one with arguments that depend on its folder. A configuration file comes first.
    pub fn in_folder(args: impl FnOnce(&Path) -> Vec<String>) -> RedisServer {
        let folder = tempfile::Builder::new().prefix("hotline-redis-").tempdir().unwrap();
        let args = args(folder.path());
        RedisServer::launched(Vec::new(), args, folder)
    }

    fn launched(through: Vec<String>, args: Vec<String>, folder: TempDir) -> RedisServer {
        for _ in 0..PORTS {
            let port = free_port();
            let mut child = launch(port, &through, &args, folder.path());
            if is_up(port, &mut child) {
                return RedisServer { child, port, args, through, folder };
            }
        }
        let log = std::fs::read_to_string(folder.path().join("redis.log"));
        panic!("redis-server starts on no port; its log: {log:?}");
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How a store is told of it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The append-only file's folder and the log are in here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As a crash would: at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`RedisServer::kill`], on the same port with the same data, as a
    /// service manager does: one that ends at its start is started once more.
    pub fn restart(&mut self) {
        self.relaunch();
        if is_up(self.port, &mut self.child) {
            return;
        }
        self.relaunch();
        assert!(is_up(self.port, &mut self.child), "redis-server does not start again");
    }

    /// Whether its process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The same, and does not wait for it.
    pub fn relaunch(&mut self) {
        self.child = launch(self.port, &self.through, &self.args, self.folder.path());
    }

    /// Starts it again with more arguments than it had.
    pub fn relaunch_with(&mut self, more: &[&str]) {
        self.args.extend(more.iter().map(|arg| (*arg).to_owned()));
        self.relaunch();
    }

    /// Holds it still, so that it takes connections and answers nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Asks it directly.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    /// Asks it directly, and it may refuse.
    pub fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1))?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection)
    }

    /// Moves keys to the server on another port.
    pub fn migrate(&self, port: &str, keys: &[Vec<u8>]) {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let mut command = redis::cmd("MIGRATE");
        command.arg("127.0.0.1").arg(port).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
        command.exec(&mut connection).unwrap();
    }

    /// A line of what it says of itself.
    pub fn info(&self, section: &str, name: &str) -> String {
        let info: String = self.try_ask(&["INFO", section]).unwrap_or_default();
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    /// Whether it follows a master, by the word of both: either may be the first to say so.
    pub fn follows(&self, master: &RedisServer) -> bool {
        let said: String = master.try_ask(&["INFO", "replication"]).unwrap_or_default();
        let online = format!("port={},state=online", self.port());
        self.info("replication", "master_link_status") == "up" && said.contains(&online)
    }
}

/// A port that nobody had a moment ago, and that no connection is given as its own: those come
/// from 32768 on.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const OURS: std::ops::Range<u32> = 10_000..32_000;
    let first = std::process::id().wrapping_mul(7_919);
    let port = |n: u32| (OURS.start + first.wrapping_add(n) % (OURS.end - OURS.start)) as u16;
    let mut ports = iter::repeat_with(|| port(NEXT.fetch_add(1, Ordering::Relaxed)));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.by_ref().take(OURS.len()).find(is_free).expect("a free port")
}

/// Looks every 10 ms until it is so; how long is bounded by the number of looks.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3 * PATIENCE {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(port: u16, through: &[String], args: &[String], folder: &Path) -> Child {
    let port = port.to_string();
    let file = args.iter().take_while(|arg| !arg.starts_with("--")).count();
    // The last is what deploy/redis has: from an empty start it would be rewritten all the time.
    let ours = [
        ["--port", port.as_str()],
        ["--bind", "127.0.0.1"],
        ["--save", ""],
        ["--logfile", "redis.log"],
        ["--dir", folder.to_str().unwrap()],
        ["--auto-aof-rewrite-min-size", "256mb"],
    ];
    let mut words = through.iter().map(String::as_str).chain(["redis-server"]);
    let started = Command::new(words.next().unwrap())
        .args(words)
        .args(&args[..file])
        .args(ours.as_flattened())
        .args(&args[file..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => panic!(
            "\n\n    redis-server is not installed, and these tests need a real one.\n    \
             Run  tests/run : it installs what the tests need, and runs them.\n"
        ),
        Err(e) => panic!("redis-server does not start: {e}"),
    }
}

/// Whether the server answers on its port; `false` if it ended, for instance because the
/// port was taken meanwhile.
fn is_up(port: u16, child: &mut Child) -> bool {
    for _ in 0..PATIENCE {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() && answers(port) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn answers(port: u16) -> bool {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let connection = client.get_connection_with_timeout(Duration::from_secs(1));
    connection.is_ok_and(|mut c| redis::cmd("PING").exec(&mut c).is_ok())
}
