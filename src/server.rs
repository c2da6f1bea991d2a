//! Where all is wired: store, dispatcher, timers, services, probes, and how it all stops.
//!
//! ```text
//!  start: config ─▶ key, catalogue ─▶ store ─▶ Dispatch ─▶ timers and hints
//!                                                 └─▶ gRPC (listen) · HTTP (metrics_listen)
//!  stop:  health NOT_SERVING ─▶ long polls and streams end ─▶ no new connections
//!         ─▶ calls in flight finish ─▶ store closes ─▶ HTTP ends
//! ```

pub mod gathering;
mod grpc;
pub mod health;
mod observe;
pub mod opening;
mod reloading;
mod shedding;
mod watch;

use crate::api;
use crate::classify::Classifier;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::dispatch::{Archiving, BurstRule, Dispatch, Parts, Settings};
use crate::store::{Store, StoreError};
use crate::telemetry::{Exporter, Readiness, http, metrics, upkeep};
pub use reloading::Reloaded;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What must hold before work is taken.
const CONDITIONS: [&str; 4] = [watch::STORE, watch::CLOCK, watch::TIMERS, SERVING];
/// The condition that ends with the drain.
const SERVING: &str = "serving";
/// How long the timers may take to catch up before the start goes on without them.
const FIRST_ROUND: Duration = Duration::from_secs(1);
/// The loops of the dispatcher and the probes must end within this once they are told.
const LOOPS_END: Duration = Duration::from_secs(2);

/// In what manner a server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// For real.
    Service,
    /// To be looked at: order time runs faster than real time.
    Demonstration {
        /// How many times faster.
        speed: u32,
    },
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The settings do not go together.
    #[error("{0}")]
    Config(String),
    /// An address cannot be listened at.
    #[error("{key} = {address}: {why}; {}", bind_remedy(.why))]
    Bind {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why; no `source`, for it is in the words already.
        why: std::io::Error,
    },
    /// The model cannot be used.
    #[error("model: {0}")]
    Model(String),
    /// The catalogue cannot be used.
    #[error("catalogue: {0}")]
    Catalogue(String),
    /// The key that seals contacts cannot be used.
    #[error("key_file: {0}")]
    Key(String),
    /// The clock, or what the store knows of the time.
    #[error("clock: {0}")]
    Clock(String),
    /// The store cannot be opened.
    #[error("store: {0}")]
    Store(StoreError),
    /// Metrics or reflection cannot be set up: a fault of the program.
    #[error("{0}")]
    Internal(String),
}

fn bind_remedy(why: &std::io::Error) -> &'static str {
    match why.kind() {
        ErrorKind::AddrInUse => "name another address, or stop what has this one",
        ErrorKind::AddrNotAvailable => "name an address that this machine has",
        ErrorKind::PermissionDenied => "name a port above 1023",
        _ => "name another address",
    }
}

// Written out, so that the store's words are not a `source` as well and said twice.
impl From<StoreError> for ServerError {
    fn from(error: StoreError) -> ServerError {
        ServerError::Store(error)
    }
}

/// A server that runs.
pub struct Running {
    grpc: SocketAddr,
    http: SocketAddr,
    dispatch: Arc<Dispatch>,
    readiness: Readiness,
    drain: Duration,
    end_grpc: oneshot::Sender<()>,
    end_http: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    probes: JoinHandle<()>,
    loops: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
}

/// Opens what the settings name and serves it.
pub async fn start(config: Config, manner: Manner) -> Result<Running, ServerError> {
    config.check().map_err(ServerError::Config)?;
    let catalogue = opening::catalogue(&config)?;
    let classifier = opening::classifier(&config, &catalogue)?;
    let store = opening::store(&config).await?;
    if manner == Manner::Service {
        opening::clock(&config, &*store).await?;
    }
    let sealer = opening::sealer(&config, &*store).await?;
    let clock = Arc::new(match manner {
        Manner::Service => SystemClock::new(),
        Manner::Demonstration { speed } => SystemClock::at_speed(speed),
    });
    let settings = Settings {
        category_confidence: config.category_confidence.percent(),
        division_confidence: config.division_confidence.percent(),
        sweep: config.timer_sweep,
        archiving: Some(Archiving {
            folder: config.archive.clone(),
            retention: config.retention,
            feed_keep: config.feed_keep,
            feed_bound: config.feed_bound,
        }),
        park_after: config.park_after,
        burst: BurstRule { orders: config.burst_orders, within: config.burst_within.into() },
    };
    let parts = Parts {
        store,
        catalogue: Arc::new(catalogue),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        sealer,
        settings,
    };
    assemble_with(&config, parts, classifier, Some(clock)).await
}

/// Serves parts that are there already. `clock` is set by the store's time, where the store
/// has one; tests bring a clock of their own and leave it out.
pub async fn assemble(
    config: &Config,
    parts: Parts,
    clock: Option<Arc<SystemClock>>,
) -> Result<Running, ServerError> {
    let classifier = opening::classifier(config, &parts.catalogue)?;
    assemble_with(config, parts, classifier, clock).await
}

async fn assemble_with(
    config: &Config,
    parts: Parts,
    classifier: Classifier,
    clock: Option<Arc<SystemClock>>,
) -> Result<Running, ServerError> {
    let dispatch = Dispatch::with_classifier(parts, classifier);
    let exporter = Exporter::install(dispatch.cell());
    let exporter = exporter.map_err(|e| ServerError::Internal(e.to_string()))?;
    let readiness = Readiness::new(&CONDITIONS);
    // Both addresses are taken before anything is promised.
    let grpc_listener = bind("listen", config.listen).await?;
    let http_listener = bind("metrics_listen", config.metrics_listen).await?;
    let (grpc, http) = (address(&grpc_listener)?, address(&http_listener)?);
    if !grpc.ip().is_loopback() {
        tracing::warn!(
            %grpc,
            "INSECURE: anybody who reaches this address acts as whoever they say they are; \
             callers are not identified yet"
        );
    }
    dispatch.call_itself(format!("{} ({grpc})", machine()));
    let offset = watch::look(&dispatch, &readiness, clock.as_deref(), watch::Offset::UNKNOWN).await;

    let limits = api::Limits {
        lease_default: config.lease_default,
        lease_max: config.lease_max,
        long_poll_max: config.long_poll_max,
        slow_reader: config.slow_reader,
    };
    let services = grpc::Services::new(Arc::clone(&dispatch), limits, &readiness)?;
    let (end_grpc, grpc_ends) = oneshot::channel();
    let (end_http, http_ends) = oneshot::channel();
    let serving = tokio::spawn(services.serve(grpc_listener, async {
        let _ = grpc_ends.await;
    }));
    let router = http::router(exporter, readiness.clone());
    let probes = tokio::spawn(async move {
        let ends = async {
            let _ = http_ends.await;
        };
        if let Err(error) = axum::serve(http_listener, router).with_graceful_shutdown(ends).await {
            tracing::error!(%error, "the probes' listener ended");
        }
    });
    let loops = tokio::spawn(Arc::clone(&dispatch).run());
    let (done, caught_up) = oneshot::channel();
    let helpers = vec![
        tokio::spawn(upkeep(exporter)),
        tokio::spawn(watch::catch_up(Arc::clone(&dispatch), readiness.clone(), done)),
        tokio::spawn(watch::watch(Arc::clone(&dispatch), readiness.clone(), clock, offset)),
    ];
    // Mostly there is little to catch up with: then whoever reads that it serves finds it ready.
    let _ = tokio::time::timeout(FIRST_ROUND, caught_up).await;
    readiness.set(SERVING, Ok(()));
    opening::tell(&dispatch.classifier());
    tracing::info!(%grpc, %http, cell = %dispatch.cell(), "serving");
    let drain = config.drain_timeout;
    Ok(Running {
        grpc,
        http,
        dispatch,
        readiness,
        drain,
        end_grpc,
        end_http,
        serving,
        probes,
        loops,
        helpers,
    })
}

impl Running {
    /// Where gRPC is served.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc
    }

    /// Where metrics and probes are served.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// The dispatcher itself.
    pub fn dispatch(&self) -> &Arc<Dispatch> {
        &self.dispatch
    }

    /// Stops without losing anything: what is on its way is finished, within the drain's
    /// time; what takes longer is cut off, but never a commit.
    pub async fn stop(self) {
        let Running { dispatch, readiness, mut serving, loops, probes, helpers, .. } = self;
        readiness.set(SERVING, Err("stopping".to_owned()));
        dispatch.stop();
        let _ = self.end_grpc.send(());
        if tokio::time::timeout(self.drain, &mut serving).await.is_err() {
            tracing::warn!(after = ?self.drain, "calls were still in flight and are cut off");
            serving.abort();
        }
        if tokio::time::timeout(LOOPS_END, loops).await.is_err() {
            tracing::warn!("the timers did not end in time");
        }
        for helper in helpers {
            helper.abort();
        }
        // What was handed over is written before this returns.
        dispatch.store().close().await;
        metrics::withdraw_tallies();
        let _ = self.end_http.send(());
        let _ = tokio::time::timeout(LOOPS_END, probes).await;
        tracing::info!("stopped");
    }
}

/// Returns when somebody at the keyboard, or the machine's supervisor, wants an end. It is
/// listened for from the call on, not only once this is awaited.
pub fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let told = |kind| {
        let signal = signal(kind);
        async move {
            match signal {
                Ok(mut signal) => _ = signal.recv().await,
                // Then only the other, or kill -9, which loses nothing either.
                Err(_) => std::future::pending().await,
            }
        }
    };
    let (interrupted, terminated) = (told(SignalKind::interrupt()), told(SignalKind::terminate()));
    async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|why| ServerError::Bind { key, address, why })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, ServerError> {
    listener.local_addr().map_err(|e| ServerError::Internal(e.to_string()))
}

/// What this machine, or container, is called.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "an unnamed machine".to_owned(),
        name => name.to_owned(),
    }
}

/// Whether a store can be read and written.
async fn is_up(store: &dyn Store) -> Result<(), String> {
    store.check().await.map_err(|e| e.to_string())
}
