//! Hotline: the dispatcher of a 12345 government hotline.
//!
//! Everything that happens to an order is one step of the same shape: load, decide, commit.

pub mod clock;
pub mod config;
pub mod domain;
pub mod store;
pub mod telemetry;
