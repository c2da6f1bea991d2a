//! The API over real sockets: a server on a port of its own and a real client.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should panic")]

mod archiving;
mod at_risk;
mod bad_input;
mod bad_moves;
mod belonging;
mod changes;
mod clocks;
mod everywhere;
mod life;
mod life_table;
mod limits;
mod modes;
mod moves;
mod parking;
mod races;
mod recusal;
mod redelivery;
mod restarts;
mod similar;
mod stale;
mod telling;
mod together;

#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/server.rs"]
mod server;
mod serving;
mod streams;
#[path = "../support/mod.rs"]
mod support;
