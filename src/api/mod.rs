//! What clients can ask: one file for each gRPC service, all of the same three steps: read,
//! dispatch, answer.
//!
//! - [`services`]: which service a call is for
//! - [`actor`]: who asks; the one seam that identity will replace
//! - [`from_proto`] and [`text`]: what may be asked, each refusal naming its field
//! - [`indicators`]: what the hotline is judged by
//! - [`mode`]: which policies are in force
//! - [`offers`]: what is offered while the agent still types
//! - [`moves`]: the moves of one order, which differ in nothing but what they want
//! - [`story`]: what an order went through, told
//! - [`to_proto`], [`feed_proto`]: what is answered; [`enums`]: words in both directions
//! - [`status`]: which gRPC code and why

pub mod actor;
mod admin;
mod command;
mod enums;
mod feed;
mod feed_proto;
mod from_proto;
mod indicators;
mod intake;
mod mode;
mod moves;
mod offers;
mod page;
mod push;
mod services;
pub mod status;
mod story;
mod text;
mod to_proto;
mod work_order;

use crate::dispatch::Dispatch;
use crate::pb;
pub use services::{SERVICES, Services};
use std::sync::Arc;
use std::time::Duration;

/// The largest message of the intake: far more than 20,000 characters take, so that a text too
/// long is told which field and how long, not cut off.
pub const MAX_INTAKE_MESSAGE: usize = 1024 * 1024;
/// The largest message of the other services: a bulk call of 256 items.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// The largest answer: a page of 200 orders with every leg, an order with every paper.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// The most items of one bulk call.
pub const MAX_ITEMS: usize = 256;
/// The most items of one stream that are on their way at a time.
pub const MAX_IN_FLIGHT: usize = 256;

/// Whether a matter is one that can be filed, as far as that can be told without a server: the
/// field at fault and what is wrong, in Chinese.
pub fn check(matter: pb::Submission) -> Result<(), (String, String)> {
    from_proto::submission(matter).map(|_| ()).map_err(status::Fault::for_people)
}

/// What pullers may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The lease of a puller who names none.
    pub lease_default: Duration,
    /// The longest lease.
    pub lease_max: Duration,
    /// The longest wait of an empty pull.
    pub long_poll_max: Duration,
    /// How long a watcher of the feed may take nothing of what is sent before it is cut.
    pub slow_reader: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lease_default: Duration::from_secs(60),
            lease_max: Duration::from_secs(600),
            long_poll_max: Duration::from_secs(30),
            slow_reader: Duration::from_secs(30),
        }
    }
}

/// What every service is made of.
pub struct Api {
    dispatch: Arc<Dispatch>,
    limits: Limits,
}

/// Returns once the server stops: what never ends by itself ends then.
async fn stopped(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // A sender that is gone has stopped, too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
