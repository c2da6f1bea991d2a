//! The compose project without Docker: its scripts make the secrets and start Redis, and two
//! processes serve on that with the settings that it gives them.

use crate::program::{Ran, hotline};
use crate::{path, read, settings};
use hotline::store::seal::Sealer;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long anything may take to come up: debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of the project; gone with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn make_secrets(folder: &Path) -> Ran {
    let mut script = Command::new("sh");
    Ran::of(script.arg(path("deploy/compose/make-secrets")).arg(folder).output().unwrap())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = hotline::clock::tick();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn redis(port: u16, password: Option<&str>, words: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(words).env_remove("REDISCLI_AUTH");
    if let Some(password) = password {
        command.env("REDISCLI_AUTH", password);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn secrets_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let said = make_secrets(folder.path()).ends(0).out;
    assert_eq!(said.matches("made ").count(), 3, "{said}");
    let names = ["contacts.key", "redis.password", "grafana.password"];
    let look = || names.map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
    let first = look();
    for (name, mode) in names.into_iter().zip([0o600, 0o640, 0o640]) {
        let is = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(is & 0o777, mode, "{name}");
    }
    assert!(first[0] != first[1] && first[1] != first[2], "the same secret twice");
    Sealer::from_key_file(&folder.path().join("contacts.key")).unwrap();
    assert_eq!(make_secrets(folder.path()).ends(0).out, "", "made again");
    assert_eq!(look(), first);
    assert_ne!(make_secrets(Path::new("/nowhere/at/all")).code, 0);
}

#[test]
fn a_password_that_redis_could_misread_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    for wrong in ["", "two words", "x\nappendonly no"] {
        std::fs::write(&password, wrong).unwrap();
        let mut script = Command::new("sh");
        script.arg(path("deploy/redis/start")).arg(path("deploy/redis/single.conf"));
        let ran = Ran::of(script.arg(&password).arg(folder.path()).output().unwrap()).ends(1);
        assert!(ran.err.contains("expected letters, digits"), "{ran:?}");
    }
}

#[test]
fn two_processes_on_one_redis_as_the_compose_file_has_them() {
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (secrets, data, run, archive) =
        (folder("secrets"), folder("data"), folder("run"), folder("archive"));
    make_secrets(&secrets).ends(0);
    let port = free_port();
    let log = std::fs::File::create(home.path().join("redis.log")).unwrap();
    let _redis = Running(
        Command::new("sh")
            .arg(path("deploy/redis/start"))
            .arg(path("deploy/redis/single.conf"))
            .args([&secrets.join("redis.password"), &run])
            .args(["--dir", data.to_str().unwrap(), "--maxmemory", "1536mb"])
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .unwrap(),
    );
    let password = std::fs::read_to_string(secrets.join("redis.password")).unwrap();
    until("Redis answers", || redis(port, Some(&password), &["ping"]) == "PONG");
    assert!(redis(port, None, &["ping"]).starts_with("NOAUTH"));
    let set = |name: &str| redis(port, Some(&password), &["config", "get", name]);
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
        ("maxmemory", "1610612736"),
    ] {
        assert_eq!(set(name), format!("{name}\n{value}"));
    }

    // As the compose file sets them, with this machine's folders, and ports that are free.
    let ports: [[u16; 2]; 2] = std::array::from_fn(|_| [free_port(), free_port()]);
    let process = |[grpc, http]: [u16; 2]| {
        let mut command = hotline();
        command.arg("serve").current_dir(home.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for (name, value) in settings(&read("deploy/compose.yaml")) {
            let value = match name.as_str() {
                "HOTLINE_STORE" => value.replace("redis:6379", &format!("localhost:{port}")),
                "HOTLINE_LISTEN" => format!("127.0.0.1:{grpc}"),
                "HOTLINE_METRICS_LISTEN" => format!("127.0.0.1:{http}"),
                _ => value
                    .replace("/secrets", secrets.to_str().unwrap())
                    .replace("/var/lib/hotline", archive.to_str().unwrap()),
            };
            command.env(name, value);
        }
        Running(command.spawn().unwrap())
    };
    let _processes = ports.map(process);
    for [grpc, _] in ports {
        let ask = |verb: &str| {
            let server = format!("http://127.0.0.1:{grpc}");
            Ran::of(hotline().args([verb, "--server", &server]).output().unwrap())
        };
        until("it takes work", || ask("health").code == 0);
        ask("doctor").ends(0);
    }
}
