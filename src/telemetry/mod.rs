//! What operators see: metrics, probes, logs.
//!
//! Nothing here ever carries a citizen's word, name or number: labels are levels, clocks,
//! methods and codes.

pub mod archiving;
pub mod cell;
mod exporter;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod process;
pub mod readiness;
pub mod similar;
pub mod standing;

pub use exporter::{Exporter, upkeep};
pub use metrics::*;
pub use readiness::Readiness;
