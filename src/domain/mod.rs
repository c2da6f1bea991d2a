//! The order and everything that may happen to it. Pure: no I/O, no clock, no randomness.

pub mod ids;
pub mod matter;
pub mod policy;
pub mod time;

pub use ids::*;
pub use matter::*;
pub use policy::*;
pub use time::*;
