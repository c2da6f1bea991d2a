//! The API over real sockets: a server on a port of its own and a real client.

mod bad_input;
mod changes;
mod life;
mod together;

#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/server.rs"]
mod server;
mod serving;
mod streams;
