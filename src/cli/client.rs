//! How every verb reaches a server, and who it says it is.

use super::failure::Failure;
use crate::domain::{MAX_STAFF, Role, Unit};
use clap::Args;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

/// How long reaching the server may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(30);

/// Which server, and who asks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct ClientArgs {
    /// The server.
    #[arg(
        long,
        env = "HOTLINE_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:12345",
        global = true
    )]
    pub server: String,
    /// The staff number of who asks.
    #[arg(long, env = "HOTLINE_STAFF", default_value = "cli", value_parser = staff, global = true)]
    pub staff: String,
    /// The unit they act for.
    #[arg(long, env = "HOTLINE_UNIT", default_value = "3304", value_parser = parse::<Unit>, global = true)]
    pub unit: Unit,
    /// In what capacity: agent, handler or dispatcher; else what suits the verb.
    #[arg(long, env = "HOTLINE_ROLE", value_parser = role, global = true)]
    pub role: Option<Role>,
}

/// Reads what has a `FromStr` whose error says what is allowed.
pub(super) fn parse<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

fn staff(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    match text.len() {
        1..=MAX_STAFF if text.bytes().all(plain) => Ok(text.to_owned()),
        _ => Err(format!("expected 1 to {MAX_STAFF} of A-Z a-z 0-9 . - _")),
    }
}

fn role(text: &str) -> Result<Role, String> {
    match Role::from_name(text) {
        Some(role @ (Role::Agent | Role::Handler | Role::Dispatcher)) => Ok(role),
        Some(Role::Clock) | None => Err("expected agent, handler or dispatcher".to_owned()),
    }
}

/// A connection and the one who speaks over it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) channel: Channel,
    server: String,
    staff: String,
    unit: Unit,
    role: Role,
}

impl ClientArgs {
    /// Connects; `role` is what suits the verb.
    pub(super) async fn connect(&self, role: Role) -> Result<Connection, Failure> {
        self.connection(role, Some(ANSWER)).await
    }

    /// Connects for a call that may take as long as it takes.
    pub(super) async fn connect_patiently(&self, role: Role) -> Result<Connection, Failure> {
        self.connection(role, None).await
    }

    async fn connection(
        &self,
        role: Role,
        answer: Option<Duration>,
    ) -> Result<Connection, Failure> {
        let endpoint = self.endpoint()?;
        let endpoint = match answer {
            Some(limit) => endpoint.timeout(limit),
            None => endpoint,
        };
        let channel = endpoint
            .connect()
            .await
            .map_err(|e| Failure::Unreachable { server: self.server.clone(), cause: cause(&e) })?;
        Ok(Connection {
            channel,
            server: self.server.clone(),
            staff: self.staff.clone(),
            unit: self.unit,
            role: self.role.unwrap_or(role),
        })
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let wrong = || {
            Failure::Usage(format!(
                "--server {}: expected http://HOST:PORT, for example http://127.0.0.1:12345",
                self.server
            ))
        };
        if !self.server.starts_with("http://") {
            return Err(wrong());
        }
        let endpoint = Endpoint::from_shared(self.server.clone()).map_err(|_| wrong())?;
        Ok(endpoint
            .connect_timeout(CONNECT)
            // A server that vanished without a word is noticed even on an idle stream.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .tcp_nodelay(true))
    }
}

/// The innermost reason: "Connection refused" says more than "transport error".
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

impl Connection {
    /// A message with the one who speaks.
    pub(super) fn stamp<T>(&self, message: T) -> Request<T> {
        stamp(message, &self.staff, self.unit, self.role)
    }

    /// The answer of a call, or why there is none.
    pub(super) fn answer<T>(&self, answer: Result<Response<T>, Status>) -> Result<T, Failure> {
        answer.map(Response::into_inner).map_err(|status| self.failure(status))
    }

    /// Why a call came to nothing.
    pub(super) fn failure(&self, status: Status) -> Failure {
        Failure::of_call(&self.server, status)
    }
}

/// A message that says who sends it.
pub fn stamp<T>(message: T, staff: &str, unit: Unit, role: Role) -> Request<T> {
    let mut request = Request::new(message);
    let parts = [
        ("hotline-staff", staff.to_owned()),
        ("hotline-unit", unit.to_string()),
        ("hotline-role", role.name().to_owned()),
    ];
    for (key, value) in parts {
        // What cannot be a header stays out, and the server says which one it misses.
        if let Ok(value) = value.parse::<MetadataValue<Ascii>>() {
            request.metadata_mut().insert(key, value);
        }
    }
    request
}
