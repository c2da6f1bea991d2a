//! The rules of the order's life, as tables and properties.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calendar;
mod clocks;
mod hard;
mod indicators;
mod ledger;
mod limits;
mod make;
mod parking;
mod picture;
mod properties;
mod table;
mod telling;
mod together;
