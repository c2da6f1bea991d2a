//! A real redis-server for a test: on a free port of the loopback, with its append-only file
//! on, in a temporary folder, and gone with the test.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
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
    fsync: String,
    folder: TempDir,
}

impl RedisServer {
    /// Starts one. `fsync` is what `appendfsync` is set to.
    pub fn start(fsync: &str) -> RedisServer {
        let folder = tempfile::Builder::new().prefix("hotline-redis-").tempdir().unwrap();
        for _ in 0..PORTS {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let mut child = launch(port, fsync, folder.path());
            if is_up(port, &mut child) {
                return RedisServer { child, port, fsync: fsync.to_owned(), folder };
            }
        }
        panic!("redis-server starts on no port; its log is empty or says why");
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

    /// Starts it again after [`RedisServer::kill`], on the same port with the same data.
    pub fn restart(&mut self) {
        self.child = launch(self.port, &self.fsync, self.folder.path());
        assert!(is_up(self.port, &mut self.child), "redis-server does not start again");
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
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(port: u16, fsync: &str, folder: &Path) -> Child {
    let port = port.to_string();
    let settings = [
        ["--port", port.as_str()],
        ["--bind", "127.0.0.1"],
        ["--appendonly", "yes"],
        ["--appendfsync", fsync],
        ["--save", ""],
        ["--logfile", "redis.log"],
        ["--dir", folder.to_str().unwrap()],
    ];
    let started = Command::new("redis-server")
        .args(settings.as_flattened())
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
