//! The API over real sockets: a server on a port of its own and a real client.

mod bad_input;
mod changes;
mod life;
#[path = "../support/server.rs"]
mod server;
mod serving;
mod streams;
