//! The table of settings: key, meaning, how it is read and shown. One row each.

use super::{CatalogueSource, Config, StoreUrl};
use crate::domain::{Confidence, MAX_BURST};
use std::path::PathBuf;
use std::time::Duration;

/// One setting.
pub struct Setting {
    /// Its name in the file; the environment and the flags derive theirs from it.
    pub key: &'static str,
    /// The flag that sets it, without its dashes.
    pub flag: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
    /// What it looks like, for the flag's help.
    pub value: &'static str,
    /// Reads a value into the config; the error says what is allowed.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    /// The effective value as it would be written; never a secret.
    get: fn(&Config) -> String,
}

impl Setting {
    /// The effective value as it would be written; never a secret.
    pub fn show(&self, config: &Config) -> String {
        (self.get)(config)
    }

    /// The variable of the environment that sets it.
    pub fn env(&self) -> String {
        format!("HOTLINE_{}", self.key.to_ascii_uppercase())
    }

    /// Whether a server that runs takes up another value when it is told to reload.
    pub fn reloads(&self) -> bool {
        matches!(self.key, "catalogue" | "model" | "log")
    }

    /// Whether it is a switch: the flag alone means `true`.
    pub fn is_switch(&self) -> bool {
        self.value == "BOOL"
    }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "store",
        flag: "store",
        help: "Where orders are kept",
        value: "URL",
        set: |c, v| StoreUrl::parse(v).map(|url| c.store = url),
        get: |c| c.store.to_string(),
    },
    Setting {
        key: "store_password_file",
        flag: "store-password-file",
        help: "A file that holds the password of the Redis store, which then stands in no URL; \
               or `none`",
        value: "FILE",
        set: |c, v| {
            c.store_password_file = match v {
                "none" => None,
                file => Some(path(file)?),
            };
            Ok(())
        },
        get: |c| {
            let file = c.store_password_file.as_ref();
            file.map_or_else(|| "none".to_owned(), |p| p.display().to_string())
        },
    },
    Setting {
        key: "cell",
        flag: "cell",
        help: "The city served, by the first four digits of its division code",
        value: "CITY",
        set: |c, v| v.parse().map(|cell| c.cell = cell).map_err(said),
        get: |c| c.cell.to_string(),
    },
    Setting {
        key: "replicas_ack",
        flag: "replicas-ack",
        help: "How many Redis replicas must have a change before it is answered, besides all \
               that are in step: a number, or `auto` (1 behind Sentinels and in a Cluster, else \
               0, which waits for none)",
        value: "NUMBER",
        set: |c, v| replicas(v).map(|n| c.replicas_ack = n),
        get: |c| c.replicas_ack.map_or_else(|| "auto".to_owned(), |n| n.to_string()),
    },
    Setting {
        key: "redis_allow_unsafe",
        flag: "redis-allow-unsafe",
        help: "Serve even from a Redis that may throw orders away: one that evicts, or has no \
               append-only file",
        value: "BOOL",
        set: |c, v| switch(v).map(|on| c.redis_allow_unsafe = on),
        get: |c| c.redis_allow_unsafe.to_string(),
    },
    Setting {
        key: "allow_clock_behind",
        flag: "allow-clock-behind",
        help: "Serve a store that wrote something down later than the clock says: the clock was \
               wrong then and is right now",
        value: "BOOL",
        set: |c, v| switch(v).map(|on| c.allow_clock_behind = on),
        get: |c| c.allow_clock_behind.to_string(),
    },
    Setting {
        key: "listen",
        flag: "listen",
        help: "Where gRPC is served",
        value: "ADDR",
        set: |c, v| address(v).map(|a| c.listen = a),
        get: |c| c.listen.to_string(),
    },
    Setting {
        key: "metrics_listen",
        flag: "metrics-listen",
        help: "Where /metrics, /livez and /readyz are served",
        value: "ADDR",
        set: |c, v| address(v).map(|a| c.metrics_listen = a),
        get: |c| c.metrics_listen.to_string(),
    },
    Setting {
        key: "insecure_bind",
        flag: "insecure-bind",
        help: "Serve gRPC beyond loopback although callers are not yet identified",
        value: "BOOL",
        set: |c, v| switch(v).map(|on| c.insecure_bind = on),
        get: |c| c.insecure_bind.to_string(),
    },
    Setting {
        key: "key_file",
        flag: "key-file",
        help: "The key that seals contacts",
        value: "PATH",
        set: |c, v| path(v).map(|p| c.key_file = p),
        get: |c| c.key_file.display().to_string(),
    },
    Setting {
        key: "catalogue",
        flag: "catalogue",
        help: "The catalogue: `builtin` (Jiaxing) or a folder laid out like deploy/jiaxing",
        value: "DIR",
        set: |c, v| {
            c.catalogue = match v {
                "builtin" => CatalogueSource::Builtin,
                folder => CatalogueSource::Folder(path(folder)?),
            };
            Ok(())
        },
        get: |c| match &c.catalogue {
            CatalogueSource::Builtin => "builtin".to_owned(),
            CatalogueSource::Folder(path) => path.display().to_string(),
        },
    },
    Setting {
        key: "model",
        flag: "model",
        help: "The model that `hotline train` made, or `none`: the catalogue's keywords classify \
               alone",
        value: "FILE",
        set: |c, v| {
            c.model = match v {
                "none" => None,
                file => Some(path(file)?),
            };
            Ok(())
        },
        get: |c| c.model.as_ref().map_or_else(|| "none".to_owned(), |p| p.display().to_string()),
    },
    Setting {
        key: "category_confidence",
        flag: "category-confidence",
        help: "Below this percentage the category is a person's decision",
        value: "PERCENT",
        set: |c, v| percent(v).map(|p| c.category_confidence = p),
        get: |c| c.category_confidence.percent().to_string(),
    },
    Setting {
        key: "division_confidence",
        flag: "division-confidence",
        help: "Below this percentage the place is a person's decision",
        value: "PERCENT",
        set: |c, v| percent(v).map(|p| c.division_confidence = p),
        get: |c| c.division_confidence.percent().to_string(),
    },
    Setting {
        key: "lease_default",
        flag: "lease-default",
        help: "How long a pulled order stays with a puller who named no time",
        value: "DURATION",
        set: |c, v| duration(v, SECOND, HOUR).map(|d| c.lease_default = d),
        get: |c| written(c.lease_default),
    },
    Setting {
        key: "lease_max",
        flag: "lease-max",
        help: "The longest lease a puller may ask for",
        value: "DURATION",
        set: |c, v| duration(v, SECOND, HOUR).map(|d| c.lease_max = d),
        get: |c| written(c.lease_max),
    },
    Setting {
        key: "park_after",
        flag: "park-after",
        help: "How often an order is handed out and not signed before it is parked for a person",
        value: "NUMBER",
        set: |c, v| times(v).map(|n| c.park_after = n),
        get: |c| c.park_after.to_string(),
    },
    Setting {
        key: "burst_orders",
        flag: "burst-orders",
        help: "How many similar orders of one town raise an alert",
        value: "NUMBER",
        set: |c, v| several(v).map(|n| c.burst_orders = n),
        get: |c| c.burst_orders.to_string(),
    },
    Setting {
        key: "burst_within",
        flag: "burst-within",
        help: "Within how long they come in",
        value: "DURATION",
        set: |c, v| duration(v, 60 * SECOND, 24 * HOUR).map(|d| c.burst_within = d),
        get: |c| written(c.burst_within),
    },
    Setting {
        key: "long_poll_max",
        flag: "long-poll-max",
        help: "The longest an empty pull waits",
        value: "DURATION",
        set: |c, v| duration(v, SECOND, 60 * SECOND).map(|d| c.long_poll_max = d),
        get: |c| written(c.long_poll_max),
    },
    Setting {
        key: "slow_reader",
        flag: "slow-reader",
        help: "How long a watcher of the feed may take nothing of what is sent before it is cut",
        value: "DURATION",
        set: |c, v| duration(v, SECOND, HOUR).map(|d| c.slow_reader = d),
        get: |c| written(c.slow_reader),
    },
    Setting {
        key: "drain_timeout",
        flag: "drain-timeout",
        help: "How long calls in flight may take once the server is told to stop",
        value: "DURATION",
        set: |c, v| duration(v, Duration::ZERO, HOUR).map(|d| c.drain_timeout = d),
        get: |c| written(c.drain_timeout),
    },
    Setting {
        key: "timer_sweep",
        flag: "timer-sweep",
        help: "How often timers and waiting pulls are looked at even if nothing woke them",
        value: "DURATION",
        set: |c, v| duration(v, Duration::from_millis(10), 60 * SECOND).map(|d| c.timer_sweep = d),
        get: |c| written(c.timer_sweep),
    },
    Setting {
        key: "archive",
        flag: "archive",
        help: "The folder of what left the store; all processes of a city share it",
        value: "DIR",
        set: |c, v| path(v).map(|p| c.archive = p),
        get: |c| c.archive.display().to_string(),
    },
    Setting {
        key: "retention",
        flag: "retention",
        help: "How long an order that is over stays in the store before it moves to the archive, \
               for example 30d, or `never`",
        value: "DURATION",
        set: |c, v| age(v).map(|d| c.retention = d),
        get: |c| aged(c.retention),
    },
    Setting {
        key: "feed_keep",
        flag: "feed-keep",
        help: "How old an event is before it may move from the feed to the archive, once every \
               named consumer has read it; or `never`",
        value: "DURATION",
        set: |c, v| age(v).map(|d| c.feed_keep = d),
        get: |c| aged(c.feed_keep),
    },
    Setting {
        key: "feed_bound",
        flag: "feed-bound",
        help: "How old an event is before it moves even if a named consumer has not read it; or \
               `never`",
        value: "DURATION",
        set: |c, v| age(v).map(|d| c.feed_bound = d),
        get: |c| aged(c.feed_bound),
    },
    Setting {
        key: "log",
        flag: "log",
        help: "What is logged: error, warn, info, debug or trace, or a filter such as \
               `info,hotline::dispatch=debug`",
        value: "FILTER",
        set: |c, v| {
            let filter = v.parse::<tracing_subscriber::EnvFilter>();
            filter.map(|_| c.log = v.to_owned()).map_err(|e| format!("not a log filter: {e}"))
        },
        get: |c| c.log.clone(),
    },
];

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn address(v: &str) -> Result<std::net::SocketAddr, String> {
    v.parse().map_err(|_| "expected IP:PORT, for example 127.0.0.1:12345".to_owned())
}

fn switch(v: &str) -> Result<bool, String> {
    match v {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// More replicas than this nobody has.
const MAX_REPLICAS: u32 = 16;

fn replicas(v: &str) -> Result<Option<u32>, String> {
    if v == "auto" {
        return Ok(None);
    }
    let number = v.parse().ok().filter(|n| *n <= MAX_REPLICAS);
    number.map(Some).ok_or_else(|| format!("expected auto, or a number from 0 to {MAX_REPLICAS}"))
}

/// Fewer than this and one crash of a client would park what is sound.
const LEAST_DELIVERIES: u8 = 2;
/// More than this and nobody would ever hear of it.
const MOST_DELIVERIES: u8 = 100;

fn times(v: &str) -> Result<u8, String> {
    let allowed = LEAST_DELIVERIES..=MOST_DELIVERIES;
    let number = v.parse().ok().filter(|n| allowed.contains(n));
    number.ok_or_else(|| format!("expected a number from {LEAST_DELIVERIES} to {MOST_DELIVERIES}"))
}

fn several(v: &str) -> Result<usize, String> {
    let number = v.parse().ok().filter(|n| (2..=MAX_BURST).contains(n));
    number.ok_or_else(|| format!("expected a number from 2 to {MAX_BURST}"))
}

fn path(v: &str) -> Result<PathBuf, String> {
    if v.is_empty() { Err("expected a path".to_owned()) } else { Ok(PathBuf::from(v)) }
}

fn percent(v: &str) -> Result<Confidence, String> {
    let percent = v.parse::<u8>().ok().filter(|p| *p <= 100);
    percent.map(Confidence::new).ok_or_else(|| "expected a percentage from 0 to 100".to_owned())
}

fn duration(v: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(v).ok().filter(|d| (least..=most).contains(d));
    parsed.ok_or_else(|| {
        format!(
            "expected a duration from {} to {}, written like 90s, 10m or 1h 30m",
            written(least),
            written(most)
        )
    })
}

/// Longer than this nothing is kept by a setting.
const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3_600);

fn age(v: &str) -> Result<Option<Duration>, String> {
    if v == "never" {
        return Ok(None);
    }
    let parsed = humantime::parse_duration(v).ok().filter(|d| (HOUR..=CENTURY).contains(d));
    parsed.map(Some).ok_or_else(|| {
        "expected never, or a duration of at least 1h, written like 30d or 12h".to_owned()
    })
}

fn aged(age: Option<Duration>) -> String {
    age.map_or_else(|| "never".to_owned(), written)
}

/// The way durations read everywhere.
fn written(d: Duration) -> String {
    humantime::format_duration(d).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_keys_with_dashes() {
        for setting in SETTINGS {
            assert_eq!(setting.flag, setting.key.replace('_', "-"));
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for setting in SETTINGS {
            let mut config = Config::default();
            let shown = setting.show(&config);
            (setting.set)(&mut config, &shown).unwrap();
            assert_eq!(config, Config::default(), "{}", setting.key);
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_is_allowed() {
        for (key, value, said) in [
            ("store", "x", "redb:PATH"),
            ("store_password_file", "", "a path"),
            ("cell", "33", "3304"),
            ("listen", "12345", "IP:PORT"),
            ("insecure_bind", "yes", "true or false"),
            ("replicas_ack", "all", "auto, or a number from 0 to 16"),
            ("redis_allow_unsafe", "1", "true or false"),
            ("allow_clock_behind", "", "true or false"),
            ("category_confidence", "101", "0 to 100"),
            ("park_after", "1", "2 to 100"),
            ("burst_orders", "17", "2 to 16"),
            ("lease_max", "forever", "90s"),
            ("lease_max", "2h", "1s to 1h"),
            ("log", "hotline=loud", "log filter"),
            ("key_file", "", "a path"),
            ("archive", "", "a path"),
            ("retention", "30", "30d"),
            ("feed_keep", "59m", "at least 1h"),
            ("feed_bound", "off", "never"),
        ] {
            let setting = SETTINGS.iter().find(|s| s.key == key).unwrap();
            let error = (setting.set)(&mut Config::default(), value).unwrap_err();
            assert!(error.contains(said), "{key}: {error}");
        }
    }
}
