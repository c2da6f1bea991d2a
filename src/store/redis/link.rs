//! A connection that is looked after. Every call has its own deadline; a supervisor rebuilds
//! the connection after [`TIMEOUTS`] timeouts in a row (a half-open link answers nothing, for
//! ever), after an error of the wire, and after READONLY (the master moved). While it is
//! down, calls are refused at once and nothing is sent.

use super::trouble::{Diagnosis, Fault, diagnose};
use crate::store::StoreError;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, Value};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// So many calls in a row without an answer, and the connection counts as dead.
const TIMEOUTS: u32 = 2;
/// How often an idle connection is tried out.
const PING_EVERY: Duration = Duration::from_secs(1);
/// The first and the longest pause between attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a call.
    pub call: Duration,
}

/// What must be true of a fresh connection before it is used.
#[async_trait::async_trait]
pub trait Greeting: Send + Sync + 'static {
    /// Looks at the server and prepares it.
    async fn greet(&self, fresh: &mut Fresh) -> Result<(), StoreError>;
}

/// A connection not yet in use.
pub struct Fresh {
    connection: MultiplexedConnection,
    address: String,
    patience: Patience,
}

impl Fresh {
    /// Asks on it.
    pub async fn ask(&mut self, command: &Cmd) -> Result<Value, Fault> {
        send(&mut self.connection, command, self.patience.call, &self.address)
            .await
            .map_err(|diagnosis| diagnosis.fault)
    }

    /// Where it leads.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// One supervised connection.
pub struct Link {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

struct Shared {
    client: Client,
    address: String,
    patience: Patience,
    greeting: Arc<dyn Greeting>,
    state: RwLock<State>,
    /// Which connection it is, counted from 1.
    generation: AtomicU64,
    timeouts: AtomicU32,
    broken: Notify,
}

#[derive(Clone)]
enum State {
    Up(MultiplexedConnection, u64),
    Down(StoreError),
}

impl Link {
    /// Connects, greets, and looks after the connection from then on.
    pub async fn open(
        client: Client,
        patience: Patience,
        greeting: Arc<dyn Greeting>,
    ) -> Result<Link, StoreError> {
        // The address alone: a URL may hold a password.
        let address = client.get_connection_info().addr().to_string();
        let first = connect(&client, &address, patience, greeting.as_ref()).await?;
        let shared = Arc::new(Shared {
            client,
            address,
            patience,
            greeting,
            state: RwLock::new(State::Up(first, 1)),
            generation: AtomicU64::new(1),
            timeouts: AtomicU32::new(0),
            broken: Notify::new(),
        });
        let supervisor = tokio::spawn(supervise(shared.clone()));
        Ok(Link { shared, supervisor })
    }

    /// Sends a command and waits for its answer, as long as calls are given.
    pub async fn call(&self, command: &Cmd) -> Result<Value, Fault> {
        self.shared.call(command, self.shared.patience.call).await
    }

    /// Sends a command that Redis may keep waiting for `blocks`.
    pub async fn call_blocking(&self, command: &Cmd, blocks: Duration) -> Result<Value, Fault> {
        self.shared.call(command, blocks + self.shared.patience.call).await
    }

    /// Why nothing can be sent now, if so.
    pub fn trouble(&self) -> Option<StoreError> {
        match self.shared.state() {
            State::Up(..) => None,
            State::Down(trouble) => Some(trouble),
        }
    }

    /// Rebuilds the connection: what was greeted is no longer there.
    pub fn distrust(&self, trouble: StoreError) {
        if let State::Up(_, generation) = self.shared.state() {
            self.shared.take_down(generation, trouble);
        }
    }

    /// Gives the connection up for good.
    pub fn close(&self) {
        self.supervisor.abort();
        self.shared.set(State::Down(closed()));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// What a closed store answers.
pub fn closed() -> StoreError {
    StoreError::Unreachable("the store is closed".to_owned())
}

impl Shared {
    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Only the connection that broke is taken down, not one that has replaced it.
    fn take_down(&self, generation: u64, trouble: StoreError) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Up(_, current) if current == generation) {
            tracing::warn!(redis = self.address, %trouble, "connection given up, building another");
            *state = State::Down(trouble);
            self.broken.notify_one();
        }
    }

    async fn call(&self, command: &Cmd, patience: Duration) -> Result<Value, Fault> {
        let (mut connection, generation) = match self.state() {
            State::Up(connection, generation) => (connection, generation),
            State::Down(trouble) => return Err(Fault::NotDone(trouble)),
        };
        match timeout(patience, send_unbounded(&mut connection, command, &self.address)).await {
            Ok(Ok(value)) => {
                self.timeouts.store(0, Relaxed);
                Ok(value)
            }
            Ok(Err(Diagnosis { fault, broken })) => {
                self.timeouts.store(0, Relaxed);
                if broken {
                    self.take_down(generation, fault.clone().into());
                }
                Err(fault)
            }
            Err(_) => {
                let trouble = silent(&self.address, patience);
                if self.timeouts.fetch_add(1, Relaxed) + 1 >= TIMEOUTS {
                    self.take_down(generation, trouble.clone());
                }
                Err(Fault::Unknown(trouble))
            }
        }
    }
}

fn silent(address: &str, patience: Duration) -> StoreError {
    StoreError::Unreachable(format!("Redis at {address} did not answer within {patience:?}"))
}

async fn supervise(shared: Arc<Shared>) {
    loop {
        if timeout(PING_EVERY, shared.broken.notified()).await.is_err() {
            // Faults take the connection down by themselves.
            let _ = shared.call(&::redis::cmd("PING"), shared.patience.call).await;
        }
        let mut pause = PAUSE.0;
        while matches!(shared.state(), State::Down(_)) {
            let Shared { client, address, patience, greeting, .. } = &*shared;
            match connect(client, address, *patience, greeting.as_ref()).await {
                Ok(connection) => {
                    let generation = shared.generation.fetch_add(1, Relaxed) + 1;
                    shared.timeouts.store(0, Relaxed);
                    shared.set(State::Up(connection, generation));
                    tracing::info!(redis = shared.address, "connected again");
                }
                Err(trouble) => {
                    shared.set(State::Down(trouble));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }
}

async fn connect(
    client: &Client,
    address: &str,
    patience: Patience,
    greeting: &dyn Greeting,
) -> Result<MultiplexedConnection, StoreError> {
    // Our own deadlines are the ones that count: the crate's are off.
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connection = match timeout(patience.connect, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) if error.is_io_error() || error.is_connection_refusal() => {
            let text = format!("no Redis answers at {address}: start it, or correct the URL");
            return Err(StoreError::Unreachable(text));
        }
        Ok(Err(error)) => return Err(diagnose(&error, address).fault.into()),
        Err(_) => return Err(silent(address, patience.connect)),
    };
    let mut fresh = Fresh { connection, address: address.to_owned(), patience };
    greeting.greet(&mut fresh).await?;
    Ok(fresh.connection)
}

async fn send(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    patience: Duration,
    address: &str,
) -> Result<Value, Diagnosis> {
    timeout(patience, send_unbounded(connection, command, address)).await.unwrap_or_else(|_| {
        Err(Diagnosis { fault: Fault::Unknown(silent(address, patience)), broken: true })
    })
}

async fn send_unbounded(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    address: &str,
) -> Result<Value, Diagnosis> {
    let answer = connection.send_packed_command(command).await;
    answer.and_then(Value::extract_error).map_err(|error| diagnose(&error, address))
}
