//! One connection to one server, and who is at its other end.

use super::greeting::loading;
use super::master::{Masters, joined, without_deadlines};
use super::trouble::{Diagnosis, Fault, Remedy, broken, diagnose, loading_still};
use super::value::{integer, items, text};
use crate::store::StoreError;
use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, Value, cmd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// What is sent at once.
pub enum Ask<'a> {
    /// One command.
    One(&'a Cmd),
    /// Commands one right behind the other, of which the first tells how it went: the others
    /// ask which replicas have it.
    Confirmed(&'a Pipeline),
}

/// Who is at the other end, so that the connection can be told from any other and ended from
/// another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The server's process.
    pub run: String,
    /// The connection, by the server's count.
    pub client: i64,
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub enum Role {
    /// It takes writes.
    Master(Following),
    /// It does not.
    Replica,
    /// It does not say.
    Unsaid,
}

/// Who follows a master.
#[derive(Clone, Debug)]
pub struct Following {
    /// How far the master is.
    pub offset: i64,
    /// Where each connected replica is, and how far.
    pub replicas: Vec<(String, i64)>,
}

impl Role {
    /// Reads the answer to `ROLE`.
    pub fn read(answer: &Value) -> Role {
        let Value::Array(parts) = answer else { return Role::Unsaid };
        match (parts.first().map(text).as_deref(), parts.get(2)) {
            (Some("master"), Some(Value::Array(replicas))) => {
                let offset = parts.get(1).and_then(integer).unwrap_or(0);
                let read = |replica: &Value| match replica {
                    Value::Array(parts) => match &parts[..] {
                        [host, port, offset, ..] => {
                            (joined(&text(host), &text(port)), integer(offset).unwrap_or(-1))
                        }
                        _ => (String::new(), -1),
                    },
                    _ => (String::new(), -1),
                };
                Role::Master(Following { offset, replicas: replicas.iter().map(read).collect() })
            }
            (Some("slave"), _) => Role::Replica,
            _ => Role::Unsaid,
        }
    }
}

/// One connection.
pub struct Wire {
    connection: MultiplexedConnection,
    address: String,
    /// Which connection of its link it is.
    generation: u64,
    masters: Arc<Masters>,
    /// To the master that a moving slot is on its way to.
    aside: Mutex<Option<(String, MultiplexedConnection)>>,
    /// Whether that one was ever asked.
    went_aside: AtomicBool,
}

impl Wire {
    /// Connects to wherever the master is said to be.
    pub async fn connect(
        masters: Arc<Masters>,
        patience: Duration,
        generation: u64,
    ) -> Result<Wire, StoreError> {
        let (client, address) = masters.find(patience).await?;
        let config = without_deadlines();
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connecting = async {
            tokio::select! {
                connected = timeout(patience, connecting) => Some(connected),
                () = masters.elsewhere(&address, patience) => None,
            }
        };
        let Some(connected) = connecting.await else {
            let text = format!("Redis at {address} hung, and another has taken its place");
            return Err(StoreError::Unreachable(text));
        };
        let connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) if error.is_io_error() || error.is_connection_refusal() => {
                let text = format!("no Redis answers at {address}: start it, or correct the URL");
                return Err(StoreError::Unreachable(text));
            }
            Ok(Err(error)) => return Err(diagnose(&error, &address, generation).fault.into()),
            Err(_) => return Err(silent(&address, patience)),
        };
        let (aside, went_aside) = (Mutex::new(None), AtomicBool::new(false));
        Ok(Wire { connection, address, generation, masters, aside, went_aside })
    }

    /// Where it leads; never with a password.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether what was sent on it may have been answered by another master.
    pub fn went_aside(&self) -> bool {
        self.went_aside.load(Relaxed)
    }

    /// Sends and waits for as many answers as there were commands.
    pub async fn send(&self, ask: &Ask<'_>) -> Result<Vec<Value>, Diagnosis> {
        let mut connection = self.connection.clone();
        let answers = match ask {
            Ask::One(command) => connection.send_packed_command(command).await.map(|v| vec![v]),
            Ask::Confirmed(both) => {
                connection.send_packed_commands(both, 0, both.cmd_iter().count()).await
            }
        };
        match self.read(answers, &self.address) {
            Err(Diagnosis { remedy: Remedy::Aside(place), .. }) => {
                self.ask_aside(&place, ask).await
            }
            other => other,
        }
    }

    /// The first answer tells how it went.
    fn read(
        &self,
        answers: ::redis::RedisResult<Vec<Value>>,
        address: &str,
    ) -> Result<Vec<Value>, Diagnosis> {
        let told = answers.and_then(|mut answers| {
            if let Some(first) = answers.first_mut() {
                *first = std::mem::take(first).extract_error()?;
            }
            Ok(answers)
        });
        told.map_err(|error| diagnose(&error, address, self.generation))
    }

    /// Asks the master that the slot is on its way to, for a key that is there already or was
    /// never anywhere. The words `ASKING` and the command must not be parted.
    async fn ask_aside(&self, place: &str, ask: &Ask<'_>) -> Result<Vec<Value>, Diagnosis> {
        self.went_aside.store(true, Relaxed);
        let mut connection = self.to(place).await?;
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ASKING");
        match ask {
            Ask::One(command) => _ = pipeline.add_command((*command).clone()),
            Ask::Confirmed(both) => {
                both.cmd_iter().for_each(|command| _ = pipeline.add_command(command.clone()));
            }
        }
        let count = pipeline.cmd_iter().count() - 1;
        // Once more when the library was not there.
        for again in [true, false] {
            let answers = connection.send_packed_commands(&pipeline, 1, count).await;
            return match self.read(answers, place) {
                Err(Diagnosis { fault: Fault::NoLibrary, .. }) if again => {
                    let loaded = connection.send_packed_command(&loading()).await;
                    self.read(loaded.map(|v| vec![v]), place)?;
                    continue;
                }
                // That connection is not ours to bury: what is lost on it stays unknown.
                Err(Diagnosis { fault: Fault::Lost(trouble, _), .. }) => {
                    *self.aside.lock().await = None;
                    Err(Diagnosis { fault: Fault::Unknown(trouble), remedy: Remedy::Tell })
                }
                Err(Diagnosis { fault, remedy: Remedy::Aside(_) }) => {
                    Err(Diagnosis { fault, remedy: Remedy::Later })
                }
                other => other,
            };
        }
        Err(Diagnosis { fault: Fault::NoLibrary, remedy: Remedy::Tell })
    }

    async fn to(&self, place: &str) -> Result<MultiplexedConnection, Diagnosis> {
        let mut aside = self.aside.lock().await;
        if let Some((known, connection)) = &*aside
            && known == place
        {
            return Ok(connection.clone());
        }
        let unreached =
            |trouble| Diagnosis { fault: Fault::NotDone(trouble), remedy: Remedy::Later };
        let client = self.masters.client(place).map_err(unreached)?;
        let config = without_deadlines();
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await.map_err(|_| unreached(broken(place)))?;
        *aside = Some((place.to_owned(), connection.clone()));
        Ok(connection)
    }
}

/// No answer in time.
pub fn silent(address: &str, patience: Duration) -> StoreError {
    StoreError::Unreachable(format!(
        "Redis at {address} did not answer within {patience:?}: is it held up, or no Redis?"
    ))
}

/// A connection not yet in use.
pub struct Fresh<'a> {
    wire: &'a Wire,
    patience: Duration,
    /// Who is there.
    pub identity: Identity,
    /// As what.
    pub role: Role,
    info: String,
}

impl<'a> Fresh<'a> {
    /// Asks who is there.
    pub async fn meet(wire: &'a Wire, patience: Duration) -> Result<Fresh<'a>, StoreError> {
        let identity = Identity { run: String::new(), client: 0 };
        let mut fresh = Fresh { wire, patience, identity, role: Role::Unsaid, info: String::new() };
        fresh.info = text(&fresh.ask(&cmd("INFO")).await?);
        if fresh.said("loading:") == "1" {
            return Err(loading_still(fresh.address()));
        }
        fresh.identity.run = fresh.said("run_id:").to_owned();
        fresh.identity.client = integer(&fresh.ask(cmd("CLIENT").arg("ID")).await?).unwrap_or(0);
        fresh.role = Role::read(&fresh.ask(&cmd("ROLE")).await?);
        Ok(fresh)
    }

    /// A line of what the server says of itself; empty if it does not say.
    pub fn said(&self, name: &str) -> &str {
        line(&self.info, name)
    }

    /// Asks on it.
    pub async fn ask(&self, command: &Cmd) -> Result<Value, Fault> {
        let ask = Ask::One(command);
        match timeout(self.patience, self.wire.send(&ask)).await {
            Ok(Ok(answers)) => Ok(answers.into_iter().next().unwrap_or_default()),
            Ok(Err(diagnosis)) => Err(diagnosis.fault),
            Err(_) => Err(Fault::Lost(silent(self.address(), self.patience), self.wire.generation)),
        }
    }

    /// A setting of the server, if it lets us see it.
    pub async fn setting(&self, name: &str) -> Option<String> {
        let answer = self.ask(cmd("CONFIG").arg("GET").arg(name)).await.ok()?;
        items(answer).ok()?.get(1).map(text)
    }

    /// Where it leads.
    pub fn address(&self) -> &str {
        self.wire.address()
    }

    /// Ends another connection to the same server, so that nothing it brought is done any
    /// more: the server does one thing at a time, and this is it. Whether that is certain.
    pub async fn end(&self, client: i64) -> bool {
        let ended = self.ask(cmd("CLIENT").arg("KILL").arg("ID").arg(client)).await;
        // It answers 1, or 0 when that connection had ended by itself.
        matches!(ended, Ok(Value::Int(_)))
    }
}

/// The rest of the line that begins so; empty if there is none.
pub(super) fn line<'a>(info: &'a str, name: &str) -> &'a str {
    info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}
