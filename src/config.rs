//! Typed settings: one table of them, layered (default, file, environment, flag), checked.
//!
//! Every setting has one key. `lease_max` in the file is `HOTLINE_LEASE_MAX` in the
//! environment and `--lease-max` as a flag; what is set later in that list wins. A key that
//! does not exist is refused, whoever wrote it: a misspelt limit must not pass for a set one.

mod layers;
mod settings;
mod store_url;

pub use layers::{Effective, Origin, load};
pub use settings::{SETTINGS, Setting};
pub use store_url::StoreUrl;

use crate::domain::{Cell, Confidence, Division};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where the catalogue is read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CatalogueSource {
    /// The one built into the binary: Jiaxing.
    Builtin,
    /// A folder of the same layout as `deploy/jiaxing`.
    Folder(PathBuf),
}

/// Everything that can be set, with its effective value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where orders are kept.
    pub store: StoreUrl,
    /// Where the store's password is read from; `None` if the URL has it, or there is none.
    pub store_password_file: Option<PathBuf>,
    /// How many Redis replicas at least must have a change before it is answered, besides all
    /// that are in step; `None` is 1 behind Sentinels and in a Cluster, and 0, which waits for
    /// none, for a single Redis.
    pub replicas_ack: Option<u32>,
    /// Whether to serve even from a Redis that may throw orders away.
    pub redis_allow_unsafe: bool,
    /// Whether to serve a store that wrote something down later than the clock says.
    pub allow_clock_behind: bool,
    /// The city served.
    pub cell: Cell,
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub metrics_listen: SocketAddr,
    /// Whether gRPC may be served beyond loopback although callers are not yet identified.
    pub insecure_bind: bool,
    /// The key that seals contacts.
    pub key_file: PathBuf,
    /// Where the catalogue is read from.
    pub catalogue: CatalogueSource,
    /// The trained model; `None`: the keywords classify alone.
    pub model: Option<PathBuf>,
    /// Below this the category is a person's decision.
    pub category_confidence: Confidence,
    /// Below this the place is a person's decision.
    pub division_confidence: Confidence,
    /// How long a pulled order stays with its puller who named no time.
    pub lease_default: Duration,
    /// The longest a puller may ask for.
    pub lease_max: Duration,
    /// How often an order is handed out unsigned before it is parked.
    pub park_after: u8,
    /// How many orders of one town that are alike make a burst.
    pub burst_orders: usize,
    /// Within how long they are written down.
    pub burst_within: Duration,
    /// The longest an empty pull waits.
    pub long_poll_max: Duration,
    /// How long a watcher of the feed may take nothing of what is sent before it is cut.
    pub slow_reader: Duration,
    /// How long calls in flight may take to finish once the server is told to stop.
    pub drain_timeout: Duration,
    /// How often timers and waiting pulls are looked at even if nothing woke them.
    pub timer_sweep: Duration,
    /// The folder of what left the store.
    pub archive: PathBuf,
    /// How long an order stays in the store that is over; `None` for ever.
    pub retention: Option<Duration>,
    /// How long an event stays in the feed at least; `None` for ever.
    pub feed_keep: Option<Duration>,
    /// How long an event stays for consumers that have not read it; `None` for ever.
    pub feed_bound: Option<Duration>,
    /// What is logged.
    pub log: String,
}

/// The city of the founding case.
const JIAXING: u64 = 330_400_000_000;

impl Default for Config {
    fn default() -> Config {
        #[allow(clippy::expect_used, reason = "a constant, held by the test below")]
        let city = Division::new(JIAXING).expect("a city");
        Config {
            store: StoreUrl::Redb(PathBuf::from("hotline.redb")),
            store_password_file: None,
            replicas_ack: None,
            redis_allow_unsafe: false,
            allow_clock_behind: false,
            cell: Cell::of(city),
            listen: SocketAddr::from(([127, 0, 0, 1], 12345)),
            metrics_listen: SocketAddr::from(([127, 0, 0, 1], 12346)),
            insecure_bind: false,
            key_file: PathBuf::from("hotline.key"),
            catalogue: CatalogueSource::Builtin,
            model: None,
            category_confidence: Confidence::new(50),
            division_confidence: Confidence::new(50),
            lease_default: Duration::from_secs(60),
            lease_max: Duration::from_secs(3_600),
            park_after: 10,
            burst_orders: 5,
            burst_within: Duration::from_secs(3_600),
            long_poll_max: Duration::from_secs(60),
            slow_reader: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            timer_sweep: Duration::from_secs(1),
            archive: PathBuf::from("hotline.archive"),
            retention: None,
            feed_keep: None,
            feed_bound: None,
            log: "info".to_owned(),
        }
    }
}

impl Config {
    /// What no single setting can tell: whether they go together. The error names the keys.
    pub fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() && !self.insecure_bind {
            return Err(format!(
                "listen = {}: callers are not yet identified, so only loopback addresses \
                 (127.0.0.1, [::1]) are served; put a gateway in front, or set \
                 insecure_bind = true if the network itself is trusted",
                self.listen
            ));
        }
        if self.listen == self.metrics_listen && self.listen.port() != 0 {
            return Err(format!(
                "listen and metrics_listen are both {}: give metrics a port of its own",
                self.listen
            ));
        }
        if self.lease_default > self.lease_max {
            return Err(format!(
                "lease_default = {} is longer than lease_max = {}",
                humantime::format_duration(self.lease_default),
                humantime::format_duration(self.lease_max)
            ));
        }
        if let Some(bound) = self.feed_bound
            && self.feed_keep.is_none_or(|keep| keep > bound)
        {
            return Err(format!(
                "feed_bound = {} is shorter than feed_keep = {}: what is kept at least cannot \
                 go before",
                humantime::format_duration(bound),
                self.feed_keep.map_or("never".to_owned(), |keep| {
                    humantime::format_duration(keep).to_string()
                })
            ));
        }
        Ok(())
    }
}

/// What is wrong with the settings, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config file {path}: {problem}")]
    File {
        /// The file, with the line where one is known.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{key}`{nearest}; allowed: {allowed}")]
    UnknownKey {
        /// Who wrote it.
        origin: Origin,
        /// As written.
        key: String,
        /// ` (did you mean …?)`, or nothing.
        nearest: String,
        /// Every key.
        allowed: String,
    },
    /// The value is none of the setting's.
    #[error("{origin}: {key} = {value}: {problem}")]
    BadValue {
        /// Who wrote it.
        origin: Origin,
        /// The setting.
        key: &'static str,
        /// As written; a secret is not shown.
        value: String,
        /// What is allowed.
        problem: String,
    },
    /// A variable of the environment that is no text.
    #[error("environment {name}: not valid UTF-8; write it again, or unset it")]
    NotText {
        /// Which.
        name: String,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Together(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut Config);

    #[test]
    fn the_defaults_go_together() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.cell.to_string(), "3304");
        assert!(config.listen.ip().is_loopback() && config.metrics_listen.ip().is_loopback());
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let cases: [(Spoil, &str); 4] = [
            (|c| c.listen = SocketAddr::from(([0, 0, 0, 0], 1)), "insecure_bind"),
            (|c| c.metrics_listen = c.listen, "metrics_listen"),
            (|c| c.lease_default = Duration::from_secs(9_999), "lease_max = 1h"),
            (|c| c.feed_bound = Some(Duration::from_secs(9_999)), "feed_keep = never"),
        ];
        for (spoil, said) in cases {
            let mut config = Config::default();
            spoil(&mut config);
            let error = config.check().unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
