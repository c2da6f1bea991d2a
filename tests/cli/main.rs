//! The command line as people and scripts meet it: the real binary, its exit codes, what it
//! prints and where.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ailing;
mod archiving;
mod backing_up;
mod benching;
mod disks;
mod learning;
mod moving;
mod offline;
mod program;
#[path = "../support/redis.rs"]
mod redis;
mod refusing;
mod reloading;
mod showing;
mod silence;
mod spooling;
mod submitting;
mod training;
mod upgrading;
mod wall;
mod working;
