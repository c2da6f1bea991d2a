//! Hotline: the dispatcher of a 12345 government hotline.
//!
//! Everything that happens to an order is one step of the same shape: load, decide, commit.
//! The modules stand in the order the data flows.

pub mod cli;
pub mod config;

pub mod server;

pub mod api;
pub mod pb;

pub mod dispatch;

pub mod catalogue;
pub mod classify;
pub mod locate;
pub mod route;
pub mod similar;
pub mod story;
pub mod train;

pub mod archive;
pub mod domain;
pub mod store;

pub mod clock;
pub mod telemetry;

pub mod simulation;
