//! To come.
pub mod metrics;
