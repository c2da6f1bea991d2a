//! When an order warns, breaches and moves on by itself: the timers as an enum with a
//! "when" for each variant.

use super::ids::Unit;
use super::order::{Clock, ClockKind, Duty, Order, Stage};
use super::time::{Span, Timestamp};

/// What may fall due on an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// A warning point of a clock: the hundredth of its limit.
    Warn(ClockKind, u8),
    /// A clock's limit.
    Breach(ClockKind),
    /// The city's share ended while the order was still in triage.
    TriageOver,
    /// The holder's share of the hour ended; the order moves on without it.
    ShareOver(Unit),
    /// The wait for the citizen's verdict ended.
    FollowUpOver,
}

/// The next thing that falls due on the order, and when: at most one, the earliest.
/// `None` only when it is archived or after the last breach.
pub fn next_timer(order: &Order) -> Option<(Timestamp, Timer)> {
    let candidates = [
        holding_timer(order),
        clock_timer(order, ClockKind::Arrival),
        clock_timer(order, ClockKind::Closure),
    ];
    // The first of equals wins: the order moves on before the breach is booked to a holder.
    candidates.into_iter().flatten().min_by_key(|(at, _)| *at)
}

/// When the store must next wake the order; [`next_timer`] without the what.
pub fn next_deadline(order: &Order) -> Option<Timestamp> {
    next_timer(order).map(|(at, _)| at)
}

/// The clock's own next point. A stopped or breached clock has none.
pub fn clock_timer(order: &Order, kind: ClockKind) -> Option<(Timestamp, Timer)> {
    let Clock { limit, warned, breached_at, stopped_at, raised_to: _ } = order.clock(kind);
    if stopped_at.is_some() || breached_at.is_some() {
        return None;
    }
    Some(match order.policy.warn_at.get(usize::from(*warned)) {
        Some(percent) => {
            (order.heard_at.plus(limit.percent(*percent)), Timer::Warn(kind, *percent))
        }
        None => (order.due(kind), Timer::Breach(kind)),
    })
}

fn holding_timer(order: &Order) -> Option<(Timestamp, Timer)> {
    match order.stage {
        Stage::Triage => Some((share_ends(order), Timer::TriageOver)),
        Stage::Assigned => {
            // With nobody below, the holder is the front line: its limit is the clock's.
            order.next_down().map(|next| (share_ends(order), Timer::ShareOver(next)))
        }
        // Those who act are held by the closure clock alone.
        Stage::Handling | Stage::Review => None,
        Stage::FollowUp => {
            let closed_at = order.closure.stopped_at.unwrap_or(order.updated_at);
            Some((
                closed_at.plus(order.policy.follow_up.unwrap_or(Span::ZERO)),
                Timer::FollowUpOver,
            ))
        }
        Stage::Archived => None,
    }
}

/// When the share of the holder's level ends. A level has one share: what its units held
/// before counts against it.
fn share_ends(order: &Order) -> Timestamp {
    let leg = order.leg();
    let level = leg.unit.level();
    let before = order
        .legs
        .iter()
        .filter(|l| l.ended.is_some() && l.duty != Duty::Review && l.unit.level() == level)
        .fold(0, |sum, l| sum + l.held(leg.started_at).0);
    let left = Span((order.policy.share(level).0 - before).max(0));
    leg.started_at.plus(left)
}
