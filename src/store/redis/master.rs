//! Where the cell's master is. A fixed address is just that; Sentinels and the nodes of a
//! Cluster are asked again for every connection, all of them at once, and of those that
//! answer the one that knows the latest epoch is believed. What they name is only a hint:
//! the greeting makes sure that a master of this cell is really there.
//!
//! A cell lives in one slot, so one plain connection to that slot's master is all that a
//! Cluster takes.

use super::value::{integer, items, must_integer, pairs, text};
use crate::store::StoreError;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, RedisResult, Value, cmd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The most nodes that are remembered and asked.
const MAX_NODES: usize = 64;
/// How long one node is asked before the others' word must do.
const ASKING: Duration = Duration::from_millis(500);
/// How long the rest is waited for once most have spoken.
const REST: Duration = Duration::from_millis(100);
/// How often it is asked whether a master that does not answer is still the master.
const LOOKING: Duration = Duration::from_millis(200);
/// What a store's URL may be.
const ALLOWED: &str = "the store's URL is none for Redis: write redis://HOST:PORT, \
                       redis://USER:PASSWORD@HOST:PORT/NUMBER, \
                       redis+sentinel://HOST:PORT,HOST:PORT/MASTER or \
                       redis+cluster://HOST:PORT,HOST:PORT";

/// Where to look for the master of a cell.
pub struct Masters {
    pub(super) kind: Kind,
    /// User and password as the URL has them, with the `@`.
    user_info: String,
    database: u32,
    /// The nodes known; of a Cluster they become more.
    nodes: Mutex<Vec<String>>,
    /// A key of the cell: its slot is the cell's.
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Fixed,
    Sentinel { name: String },
    Cluster,
}

/// One node's word on where the master is.
pub(super) struct Hint {
    /// The higher one knows better.
    pub(super) epoch: (bool, u64),
    pub(super) address: Option<String>,
    /// It is about to have another take that one's place.
    pub(super) changing: bool,
    /// What else is there to ask.
    pub(super) others: Vec<String>,
}

impl Masters {
    /// From the store's URL. What is wrong with it is not repeated: it may hold a password.
    pub fn parse(url: &str, key: Vec<u8>) -> Result<Masters, StoreError> {
        let bad = || StoreError::Unreachable(ALLOWED.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let (user_info, rest) = match rest.rsplit_once('@') {
            Some((user_info, rest)) => (format!("{user_info}@"), rest),
            None => (String::new(), rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (kind, database) = match scheme {
            "redis" => (Kind::Fixed, path),
            "redis+cluster" if path.is_empty() => (Kind::Cluster, ""),
            "redis+sentinel" => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                if name.is_empty() {
                    return Err(bad());
                }
                (Kind::Sentinel { name: name.to_owned() }, database)
            }
            _ => return Err(bad()),
        };
        let default_port = if matches!(kind, Kind::Sentinel { .. }) { 26_379 } else { 6_379 };
        let nodes: Vec<_> = hosts.split(',').map(|host| with_port(host, default_port)).collect();
        let several = kind != Kind::Fixed;
        if nodes.len() > MAX_NODES || (nodes.len() > 1 && !several) {
            return Err(bad());
        }
        let database = if database.is_empty() { Ok(0) } else { database.parse() };
        let database = database.map_err(|_| bad())?;
        let masters = Masters { kind, user_info, database, nodes: Mutex::new(nodes), key };
        // Whatever is wrong with an address or the password is found now, not later.
        for node in masters.nodes() {
            masters.client(&node).map_err(|_| bad())?;
        }
        Ok(masters)
    }

    /// Whether replicas are there that can take the master's place.
    pub fn has_replicas(&self) -> bool {
        self.kind != Kind::Fixed
    }

    /// Asks where the master is now: its address and a client for it.
    pub async fn find(&self, patience: Duration) -> Result<(Client, String), StoreError> {
        let address = match &self.kind {
            Kind::Fixed => self.nodes().first().cloned().unwrap_or_default(),
            Kind::Sentinel { name } => self.ask_sentinels(name, patience).await?,
            Kind::Cluster => self.ask_cluster(patience).await?,
        };
        Ok((self.client(&address)?, address))
    }

    /// Whether the master is known to be another one than at this address.
    pub async fn is_elsewhere(&self, address: &str, patience: Duration) -> bool {
        self.kind != Kind::Fixed
            && self.find(patience).await.is_ok_and(|(_, found)| found != address)
    }

    /// Returns once it is.
    pub async fn elsewhere(&self, address: &str, patience: Duration) {
        loop {
            sleep(LOOKING).await;
            if self.is_elsewhere(address, patience).await {
                return;
            }
        }
    }

    /// A client for a node that holds data.
    pub fn client(&self, address: &str) -> Result<Client, StoreError> {
        let url = format!("redis://{}{address}/{}", self.user_info, self.database);
        Client::open(url).map_err(|_| {
            StoreError::Unreachable(format!("{address} is no address of a Redis: write HOST:PORT"))
        })
    }

    fn nodes(&self) -> Vec<String> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask_sentinels(&self, name: &str, patience: Duration) -> Result<String, StoreError> {
        let list = self.nodes().join(", ");
        match self.best(self.ask_all(false)?, patience).await {
            Some(Hint { address: Some(address), .. }) => Ok(address),
            Some(Hint { address: None, .. }) => Err(StoreError::Unreachable(format!(
                "the Sentinels at {list} know no master called {name}: correct the URL, which \
                 ends in the master's name"
            ))),
            None => Err(StoreError::Unreachable(format!(
                "none of the Sentinels at {list} answers: start them, or correct the URL"
            ))),
        }
    }

    async fn ask_cluster(&self, patience: Duration) -> Result<String, StoreError> {
        let list = self.nodes().join(", ");
        match self.best(self.ask_all(false)?, patience).await {
            Some(Hint { address: Some(address), others, .. }) => {
                let mut known = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
                for other in others {
                    if known.len() < MAX_NODES && !known.contains(&other) {
                        known.push(other);
                    }
                }
                Ok(address)
            }
            Some(Hint { address: None, .. }) => Err(StoreError::Unreachable(
                "no master of the Cluster serves the cell's slot: see `redis-cli --cluster check`"
                    .to_owned(),
            )),
            None => Err(StoreError::Unreachable(format!(
                "no node of the Redis Cluster answers as one at {list}: start them, or correct \
                 the URL"
            ))),
        }
    }

    /// Asks every node that can know where the master is, and Sentinels for its replicas, too.
    fn ask_all(&self, replicas: bool) -> Result<JoinSet<RedisResult<Hint>>, StoreError> {
        let mut asking = JoinSet::new();
        for node in self.nodes() {
            match &self.kind {
                Kind::Fixed => {}
                Kind::Sentinel { name } => {
                    // A Sentinel has no user of its own unless it says so, and no databases.
                    let (plain, user) = (bare(&node, "")?, bare(&node, &self.user_info)?);
                    let name = name.to_owned();
                    asking.spawn(async move {
                        match sentinel(&plain, &name, replicas).await {
                            Err(error) if error.code() == Some("NOAUTH") => {
                                sentinel(&user, &name, replicas).await
                            }
                            other => other,
                        }
                    });
                }
                Kind::Cluster => {
                    let (client, key) = (self.client(&node)?, self.key.clone());
                    asking.spawn(async move { slot_master(&client, &node, &key).await });
                }
            }
        }
        Ok(asking)
    }

    /// How many were asked, and what all said that answered in time.
    pub(super) async fn every_hint(&self, patience: Duration) -> (usize, Vec<Hint>) {
        let Ok(mut asking) = self.ask_all(true) else { return (0, Vec::new()) };
        let (asked, mut hints) = (asking.len(), Vec::new());
        let listening = async {
            while let Some(answer) = asking.join_next().await {
                hints.extend(answer.ok().and_then(Result::ok));
            }
        };
        let _ = timeout(patience, listening).await;
        (asked, hints)
    }

    /// The word of whoever knows the latest epoch, once most have spoken or time is up.
    async fn best(
        &self,
        mut asking: JoinSet<RedisResult<Hint>>,
        patience: Duration,
    ) -> Option<Hint> {
        let most = asking.len() / 2 + 1;
        let (mut best, mut heard) = (None::<Hint>, 0);
        let listening = async {
            loop {
                let next = asking.join_next();
                let answer = match heard < most {
                    true => next.await,
                    // Whoever led a failover knows it before the others do.
                    false => timeout(REST, next).await.ok().flatten(),
                };
                let Some(answer) = answer else { break };
                let Ok(Ok(hint)) = answer else { continue };
                heard += 1;
                let knows = |hint: &Hint| (hint.address.is_some(), hint.epoch);
                if best.as_ref().is_none_or(|best| knows(&hint) > knows(best)) {
                    best = Some(hint);
                }
            }
        };
        // Who has not answered by then has nothing to say.
        let _ = timeout(patience.min(ASKING), listening).await;
        best
    }
}

async fn sentinel(client: &Client, name: &str, replicas: bool) -> RedisResult<Hint> {
    let mut connection = connect(client).await?;
    // The address is the promoted one's as soon as it took the role, before the rest.
    let mut ask = cmd("SENTINEL");
    let address = ask_one(&mut connection, ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name)).await?;
    let parts = items(address).unwrap_or_default();
    let [host, port] = &parts[..] else {
        return Ok(Hint { epoch: (true, 0), address: None, changing: false, others: Vec::new() });
    };
    let address = joined(&text(host), &text(port));
    let mut ask = cmd("SENTINEL");
    let master = pairs(ask_one(&mut connection, ask.arg("MASTER").arg(name)).await?);
    let master = master.unwrap_or_default();
    let field = |name: &str| {
        let field = master.iter().find(|(field, _)| field == name.as_bytes());
        field.map_or("".into(), |(_, value)| String::from_utf8_lossy(value))
    };
    let epoch = field("config-epoch").parse().unwrap_or(0);
    // Once another is promoted, the Sentinel gives out that one's address, though the failover
    // goes on under the old one's. What does not fit changed between the questions.
    let same = joined(&field("ip"), &field("port")) == address;
    let changing = field("flags").contains("failover_in_progress") == same;
    if !replicas {
        return Ok(Hint {
            epoch: (true, epoch),
            address: Some(address),
            changing,
            others: Vec::new(),
        });
    }
    let mut ask = cmd("SENTINEL");
    let others = ask_one(&mut connection, ask.arg("REPLICAS").arg(name)).await.unwrap_or_default();
    let others = items(others).unwrap_or_default().into_iter().filter_map(|replica| {
        let replica = pairs(replica).ok()?;
        let (_, address) = replica.into_iter().find(|(field, _)| field == b"name")?;
        String::from_utf8(address).ok()
    });
    let others = others.collect();
    Ok(Hint { epoch: (true, epoch), address: Some(address), changing, others })
}

async fn slot_master(client: &Client, node: &str, key: &[u8]) -> RedisResult<Hint> {
    let mut connection = connect(client).await?;
    let slot = ask_one(&mut connection, cmd("CLUSTER").arg("KEYSLOT").arg(key)).await?;
    let info = text(&ask_one(&mut connection, cmd("CLUSTER").arg("INFO")).await?);
    let slots = ask_one(&mut connection, cmd("CLUSTER").arg("SLOTS")).await?;
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let epoch = field("cluster_current_epoch:").and_then(|n| n.parse().ok()).unwrap_or(0);
    let (address, others) = in_slots(&slots, integer(&slot).unwrap_or(-1), node);
    let epoch = (field("cluster_state:") == Some("ok"), epoch);
    Ok(Hint { epoch, address, changing: false, others })
}

/// The master of a slot and all nodes, of what `CLUSTER SLOTS` says: ranges, each with its
/// first and last slot and its nodes, the master first.
fn in_slots(slots: &Value, slot: i64, asked: &str) -> (Option<String>, Vec<String>) {
    let (mut master, mut all) = (None, Vec::new());
    let Value::Array(ranges) = slots else { return (None, all) };
    for range in ranges {
        let Value::Array(range) = range else { continue };
        let [first, last, nodes @ ..] = &range[..] else { continue };
        let (Ok(first), Ok(last)) = (must_integer(first), must_integer(last)) else { continue };
        let nodes: Vec<_> = nodes.iter().filter_map(|node| address_of(node, asked)).collect();
        if (first..=last).contains(&slot) {
            master = nodes.first().cloned();
        }
        all.extend(nodes);
    }
    (master, all)
}

/// A node of `CLUSTER SLOTS`. One that does not know its own host is where it was asked.
fn address_of(node: &Value, asked: &str) -> Option<String> {
    let Value::Array(parts) = node else { return None };
    let (host, port) = (parts.first()?, parts.get(1)?);
    let port = integer(port)?.to_string();
    match text(host) {
        host if host == "?" => None,
        host if host.is_empty() => Some(format!("{}:{port}", asked.rsplit_once(':')?.0)),
        host => Some(joined(&host, &port)),
    }
}

/// Host and port as a URL has them.
pub(super) fn joined(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn with_port(host: &str, port: u16) -> String {
    let bare = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if bare.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

fn bare(node: &str, user_info: &str) -> Result<Client, StoreError> {
    Client::open(format!("redis://{user_info}{node}"))
        .map_err(|_| StoreError::Unreachable(ALLOWED.to_owned()))
}

/// Our own deadlines are the ones that count: the crate's are off.
pub fn without_deadlines() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

pub(super) async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    client.get_multiplexed_async_connection_with_config(&without_deadlines()).await
}

pub(super) async fn ask_one(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> RedisResult<Value> {
    connection.send_packed_command(command).await.and_then(Value::extract_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(Kind, Vec<String>, u32), String> {
        let masters = Masters::parse(url, b"{3304}m".to_vec()).map_err(|e| e.to_string())?;
        Ok((masters.kind.clone(), masters.nodes(), masters.database))
    }

    #[test]
    fn urls_say_where_to_look() {
        let sentinel = |name: &str| Kind::Sentinel { name: name.to_owned() };
        for (url, kind, nodes, database) in [
            ("redis://db", Kind::Fixed, "db:6379", 0),
            ("redis://:geheim@[::1]:7/3", Kind::Fixed, "[::1]:7", 3),
            ("redis+sentinel://a:1,b,c:3/city", sentinel("city"), "a:1 b:26379 c:3", 0),
            ("redis+sentinel://u:p@a:1/city/2", sentinel("city"), "a:1", 2),
            ("redis+cluster://a:1,b:2", Kind::Cluster, "a:1 b:2", 0),
            ("redis+cluster://a:1/", Kind::Cluster, "a:1", 0),
        ] {
            let nodes: Vec<_> = nodes.split(' ').map(str::to_owned).collect();
            assert_eq!(parsed(url).unwrap(), (kind, nodes, database), "{url}");
        }
        for bad in [
            "redis://:secret@a:1,b:2",
            "redis://:secret@:bad",
            "redis+sentinel://:secret@a:1",
            "redis+sentinel://:secret@a:1/city/x",
            "redis+cluster://:secret@a:1/1",
            "rediss://:secret@a:1",
        ] {
            let said = parsed(bad).unwrap_err();
            assert!(said.contains("redis+cluster://") && !said.contains("secret"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_slots_master_is_read_from_the_map() {
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port)]);
        let host = |name: &str| Value::BulkString(name.as_bytes().to_vec());
        let range = |from, to, nodes: Vec<Value>| {
            Value::Array([vec![Value::Int(from), Value::Int(to)], nodes].concat())
        };
        let map = Value::Array(vec![
            range(0, 99, vec![node(host("10.0.0.1"), 1), node(host("10.0.0.2"), 2)]),
            range(100, 199, vec![node(Value::Nil, 3), node(host("?"), 4), node(host("::1"), 5)]),
        ]);
        let master = |slot| in_slots(&map, slot, "asked:7").0;
        assert_eq!(master(99).as_deref(), Some("10.0.0.1:1"));
        assert_eq!(master(100).as_deref(), Some("asked:3"));
        assert_eq!(master(200), None);
        assert_eq!(in_slots(&map, 0, "asked:7").1.last().map(String::as_str), Some("[::1]:5"));
    }
}
