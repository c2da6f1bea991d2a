//! A real `hotline serve`, started and killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// How long a server may take until it is ready: debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder with a store and a key.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    pub fn redb(&self) -> String {
        format!("redb:{}", self.0.path().join("orders.redb").display())
    }

    /// The key that seals contacts.
    pub fn key(&self) -> PathBuf {
        self.path().join("contacts.key")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// One process.
#[allow(dead_code, reason = "each binary uses its part")]
pub struct Serve {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Serve {
    pub async fn start(home: &Home, store: &str, env: &[(&str, &str)]) -> Serve {
        let port = free_port();
        let log = home.path().join(format!("serve-{port}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        // Free of the settings of whoever runs this, among which is how long it may take.
        let settings = std::env::vars_os().map(|(name, _)| name);
        let ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("HOTLINE_");
        settings.filter(ours).for_each(|name| _ = command.env_remove(name));
        command
            .arg("serve")
            .env("HOTLINE_STORE", store)
            .env("HOTLINE_LISTEN", format!("127.0.0.1:{port}"))
            .env("HOTLINE_METRICS_LISTEN", "127.0.0.1:0")
            .env("HOTLINE_KEY_FILE", home.key())
            .env("HOTLINE_LOG", "warn")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let mut serve = Serve { child: command.spawn().unwrap(), port, log };
        serve.until_ready().await;
        serve
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How much of its memory is resident, as Linux says.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// How much processor time it has taken, as Linux says.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // What comes after its name, which may hold anything: the state is field 3.
        let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub async fn channel(&mut self) -> Channel {
        self.endpoint().connect().await.unwrap()
    }

    /// For calls that wait for long.
    pub async fn channel_of_patience(&self) -> Channel {
        self.endpoint().timeout(PATIENCE).connect().await.unwrap()
    }

    fn endpoint(&self) -> Endpoint {
        Channel::from_shared(self.url()).unwrap().timeout(Duration::from_secs(10))
    }

    /// Waits until the health service says that it serves.
    pub async fn until_ready(&mut self) {
        let waiting = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                    panic!("hotline serve ended with {status}: {log}");
                }
                if self.is_serving().await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("hotline serve is not ready after {PATIENCE:?}: {log}");
        }
    }

    async fn is_serving(&self) -> bool {
        use tonic_health::pb::health_check_response::ServingStatus;
        use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
        let Ok(channel) = self.endpoint().connect().await else { return false };
        let request = HealthCheckRequest { service: String::new() };
        let answer = HealthClient::new(channel).check(request).await;
        answer.is_ok_and(|a| a.into_inner().status == ServingStatus::Serving as i32)
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

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
