//! Compose file, image, manifests and program say the same: settings, ports, files, times.

use crate::{path, read, settings, values};
use hotline::config::{Config, SETTINGS, load};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

const COMPOSE: &str = "deploy/compose.yaml";
const KUBERNETES: &str = "deploy/kubernetes/hotline.yaml";
/// How long the loops and the probes take to end after the drain, at most, with a margin.
const LOOPS_END: Duration = Duration::from_secs(5);

/// What a file sets, read as `serve` reads it; its password is `geheim`.
fn config(file: &str) -> Config {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "geheim\n").unwrap();
    let env = settings(&read(file)).into_iter().map(|(name, value)| match name.as_str() {
        "HOTLINE_STORE_PASSWORD_FILE" => (name.into(), password.path().into()),
        _ => (name.into(), OsString::from(value)),
    });
    load(None, env.collect::<Vec<_>>(), []).unwrap_or_else(|e| panic!("{file}: {e}")).config
}

fn seconds(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn every_setting_that_is_named_is_one() {
    let known: BTreeSet<_> =
        SETTINGS.iter().map(|s| s.env()).chain(["HOTLINE_CONFIG".to_owned()]).collect();
    for file in
        [COMPOSE, KUBERNETES, "deploy/Dockerfile", "deploy/hotline.service", "deploy/README.md"]
    {
        let text = read(file);
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        for word in words.filter(|word| word.len() > 8 && word.starts_with("HOTLINE_")) {
            assert!(known.contains(word), "{file}: there is no {word}");
        }
    }
    for file in [COMPOSE, KUBERNETES] {
        let config = config(file);
        assert_eq!(config.store.reveal(), "redis://:geheim@redis:6379", "{file}");
        assert!(config.key_file.starts_with("/secrets"), "{file}");
        assert!(config.archive.starts_with("/var/lib/hotline"), "{file}");
    }
}

#[test]
fn ports_agree_and_nothing_is_published_beyond_loopback() {
    let (compose, config) = (read(COMPOSE), config(COMPOSE));
    let defaults = Config::default();
    // `hotline health`, Prometheus and whoever reads the documents go by these.
    assert_eq!(config.listen.port(), defaults.listen.port());
    assert_eq!(config.metrics_listen.port(), defaults.metrics_listen.port());
    let (grpc, probes) = (config.listen.port(), config.metrics_listen.port());
    let published = values(&compose, "ports:");
    assert_eq!(published.len(), 3, "{published:?}");
    let ours = published.iter().filter(|ports| ports.ends_with(&format!(":{grpc}\"]"))).count();
    assert_eq!(ours, 2, "{published:?}");
    assert!(published.iter().all(|ports| ports.starts_with("[\"127.0.0.1:")), "{published:?}");
    assert!(read("deploy/Dockerfile").contains(&format!("EXPOSE {grpc} {probes}\n")));
    let names = ["dispatcher-1", "dispatcher-2"].map(|name| format!("\"{name}:{probes}\""));
    assert!(read("deploy/compose/targets.yml").contains(&names.join(", ")));
    assert!(
        names
            .iter()
            .all(|n| compose.contains(&format!("\n  {}:\n", n[1..].split(':').next().unwrap())))
    );
    let local = read("deploy/prometheus/targets.yml");
    assert!(local.contains(&format!("127.0.0.1:{probes}\", ")), "{local}");
    let kubernetes = read(KUBERNETES);
    assert_eq!(values(&kubernetes, "containerPort:"), [grpc, probes].map(|p| p.to_string()));
    assert_eq!(values(&kubernetes, "prometheus.io/port:"), [format!("\"{probes}\"")]);
    let policy: Vec<_> = values(&kubernetes, "port:");
    assert!(policy.contains(&&*grpc.to_string()) && policy.contains(&&*probes.to_string()));
    assert_eq!(values(&kubernetes, "path:"), ["/livez", "/readyz", "/livez"]);
}

#[test]
fn every_file_that_is_mounted_or_copied_is_there() {
    let compose = read(COMPOSE);
    let mounted = values(&compose, "./").into_iter().filter_map(|line| line.split(':').next());
    let mounted: Vec<_> = mounted.collect();
    assert!(mounted.len() > 5, "{mounted:?}");
    for name in mounted {
        assert!(path("deploy").join(name).exists(), "compose.yaml mounts {name}");
    }
    let dockerfile = read("deploy/Dockerfile");
    let ignore = read(".dockerignore");
    let allowed: Vec<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let here = tempfile::tempdir().unwrap();
    let mut copied = Vec::new();
    for line in dockerfile.lines().filter(|l| l.starts_with("COPY") && !l.contains("--from")) {
        let words = line.split_whitespace().skip(1).filter(|word| !word.starts_with("--"));
        let words: Vec<_> = words.collect();
        for name in &words[..words.len() - 1] {
            assert!(path(name).exists(), "the Dockerfile copies {name}");
            assert!(allowed.contains(name), ".dockerignore keeps {name} from the Dockerfile");
            let link = here.path().join(name);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(path(name), link).unwrap();
            copied.push(*name);
        }
    }
    // What is compiled in from elsewhere is copied, too.
    for file in ["src/catalogue/mod.rs", "src/catalogue/gazetteer.rs"] {
        for part in read(file).split("../../").skip(1) {
            let folder = part.split('/').take(2).collect::<Vec<_>>().join("/");
            assert!(copied.contains(&&*folder), "{file} takes in {folder}");
        }
    }
    // And Cargo finds all that the manifest names.
    let read = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(here.path())
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn whoever_stops_a_process_waits_for_its_drain() {
    let grace = values(&read(COMPOSE), "stop_grace_period:").iter().map(|v| seconds(v)).min();
    assert!(grace.unwrap() >= config(COMPOSE).drain_timeout + LOOPS_END);
    let text = read(KUBERNETES);
    let grace = values(&text, "terminationGracePeriodSeconds:");
    let grace = Duration::from_secs(grace[0].parse().unwrap());
    let sleeps = text.split("command: [sleep, \"").nth(1).and_then(|rest| rest.split('"').next());
    let sleeps = Duration::from_secs(sleeps.unwrap().parse().unwrap());
    assert!(grace >= sleeps + config(KUBERNETES).drain_timeout + LOOPS_END);
    let unit = read("deploy/hotline.service");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(seconds(&format!("{stop}s")) >= Config::default().drain_timeout + LOOPS_END);
}

#[test]
fn a_new_process_is_there_before_an_old_one_goes() {
    let text = read(KUBERNETES);
    for (key, value) in [
        ("replicas:", "2"),
        ("maxUnavailable:", "0"),
        ("minAvailable:", "1"),
        ("runAsNonRoot:", "true"),
    ] {
        assert_eq!(values(&text, key), [value], "{key}");
    }
}

#[test]
fn the_manifests_redis_is_the_one_of_deploy_redis() {
    let manifest = read("deploy/kubernetes/redis.yaml");
    let block = |name: &str| {
        let text = manifest.split(&format!("\n  {name}: |\n")).nth(1).unwrap();
        let lines = text.lines().take_while(|line| line.starts_with("    ") || line.is_empty());
        lines.map(|line| line.get(4..).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let bare = |file: &str| {
        let text = read(file);
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(block("redis.conf"), bare("deploy/redis/single.conf"));
    assert_eq!(block("start"), bare("deploy/redis/start"));
}
