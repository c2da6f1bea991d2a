//! The order and everything that may happen to it. Pure: no I/O, no clock, no randomness.
//!
//! ```text
//!             register                accept · fallback
//!  caller ──▶ [Triage 待受理] ───────────────┐      ┌──────────────┐ relay · share used up (down)
//!         └─────────────────────────▶ [Assigned 待签收] ◀───────────┘ return (up)
//!                                            │ sign at the front line: arrival stops
//!                                            ▼
//!                        reject ┌───▶ [Handling 办理中]
//!                               │            │ report
//!                               └──── [Review 待审核]
//!                                            │ accept: closure stops
//!                                            ▼
//!                                     [FollowUp 待回访] ── follow-up over ──▶ [Archived 归档]
//! ```
//!
//! [`transition::decide`] is the only way from one stage to another.

pub mod actor;
pub mod calendar;
pub mod command;
pub mod contact;
pub mod event;
pub mod ids;
pub mod index;
pub mod indicators;
pub mod matter;
mod named;
pub mod order;
pub mod order_no;
pub mod policy;
pub mod rejection;
pub mod sla;
pub mod stage;
pub mod time;
pub mod transition;

pub use actor::*;
pub use calendar::*;
pub use command::*;
pub use contact::*;
pub use event::*;
pub use ids::*;
pub use index::*;
pub use indicators::*;
pub use matter::*;
pub use order::*;
pub use order_no::*;
pub use policy::*;
pub use rejection::*;
pub use sla::*;
pub use stage::*;
pub use time::*;
pub use transition::{Decision, allowed, decide};
