//! The order and everything that may happen to it. Pure: no I/O, no clock, no randomness.
//!
//! The main way, which most orders go:
//!
//! ```text
//!  caller ─▶ Triage 待受理 ─▶ Assigned 待签收 ─▶ … each level down … ─▶ Handling 办理中
//!                                                                          │ report
//!            Archived 归档 ◀─ FollowUp 待回访 ◀─ accept ─ Review 待审核 ◀──┘
//! ```
//!
//! Every stage, move and edge is in the README's picture, which `tests/domain/picture.rs`
//! compares with the code; [`allowed`] is the one table of moves. What each move does is in
//! [`transition`]: `registering` (in, and out of triage), `chain` (down and signed),
//! `returning`, `asking` (more time, a pause, the unit above), `reporting` (and helpers),
//! `closing` (follow-up, rework, reopening), `merging`, `correcting` (and other limits), `centre`,
//! and `ticking` (the clock).
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
pub mod likeness;
pub mod matter;
mod named;
pub mod order;
pub mod order_no;
pub mod policy;
pub mod refused;
pub mod rejection;
pub mod sla;
pub mod stage;
pub mod time;
pub mod transition;
pub mod view;

pub use actor::*;
pub use calendar::*;
pub use command::*;
pub use contact::*;
pub use event::*;
pub use ids::*;
pub use index::*;
pub use indicators::*;
pub use likeness::*;
pub use matter::*;
pub use order::*;
pub use order_no::*;
pub use policy::*;
pub use refused::*;
pub use rejection::*;
pub use sla::*;
pub use stage::*;
pub use time::*;
pub use transition::{Decision, allowed, beside, decide, decide_new};
pub use view::*;
