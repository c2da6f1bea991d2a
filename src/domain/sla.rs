//! When an order warns, breaches and moves on by itself: the timers as an enum with a
//! "when" for each variant.

use super::ids::Unit;
use super::order::{Clock, Order, Pause};
use super::stage::{ClockKind, Duty, Stage};
use super::time::{Span, Timestamp};

/// How long the caller of a merged order is tried where no policy says how long.
pub const OWED_CALL: Span = Span::hours(24);

/// From which hundredth of a limit on an order is at risk.
pub const AT_RISK: u8 = 75;

/// How an open order's promises stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Peril {
    /// All that run have time left.
    InTime,
    /// Of one that runs [`AT_RISK`] hundredths have passed.
    AtRisk,
    /// One that is still to be done is broken.
    Overdue,
}

/// How they stand at a moment, whether or not the timers have come to it: the worse of the two.
pub fn peril(order: &Order, now: Timestamp) -> Peril {
    let of = |kind: &ClockKind| peril_of(order, *kind, now);
    ClockKind::ALL.iter().map(of).max().unwrap_or(Peril::InTime)
}

/// How one of them stands. What is kept or done says nothing any more, and what stands still gets
/// no worse.
pub fn peril_of(order: &Order, kind: ClockKind, now: Timestamp) -> Peril {
    let clock = order.clock(kind);
    let ran = order.ran(kind, now);
    if clock.stopped_at.is_some() {
        Peril::InTime
    } else if clock.breached_at.is_some() || ran > clock.limit {
        Peril::Overdue
    } else if ran >= clock.limit.percent(AT_RISK) {
        Peril::AtRisk
    } else {
        Peril::InTime
    }
}

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
    /// Nobody decided in a level's share who takes what was given back; the level above does.
    ReviewOver(Unit),
    /// A pause reached its review date.
    PauseOver,
    /// The callers of merged orders can hear the result.
    TellChildren,
    /// The wait for the citizen's verdict ended.
    FollowUpOver,
}

/// The next thing that falls due on the order, and when: at most one, the earliest.
/// `None` only when it is over, or after the last breach.
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
    let Clock { limit: _, warned, breached_at, stopped_at, raised_to: _ } = order.clock(kind);
    if stopped_at.is_some() || breached_at.is_some() || order.paused().is_some() {
        return None;
    }
    Some(match order.policy.warn_at.get(usize::from(*warned)) {
        Some(percent) => (order.due_at(kind, *percent), Timer::Warn(kind, *percent)),
        None => (order.due(kind), Timer::Breach(kind)),
    })
}

fn holding_timer(order: &Order) -> Option<(Timestamp, Timer)> {
    if order.has_untold() {
        return Some((order.updated_at, Timer::TellChildren));
    }
    match order.stage {
        Stage::Triage | Stage::Dispatching => Some((share_ends(order), Timer::TriageOver)),
        Stage::Supplement | Stage::Suspended => {
            order.paused().map(|pause| (pause.review_at, Timer::PauseOver))
        }
        Stage::Assigned => {
            // With nobody below, the holder is the front line: its limit is the clock's.
            order.next_down().map(|next| (share_ends(order), Timer::ShareOver(next)))
        }
        Stage::ReturnReview => {
            let above = order.above(order.leg().unit)?;
            Some((share_ends(order), Timer::ReviewOver(above)))
        }
        // Those who act, and those who decide about them, are held by the closure clock alone.
        Stage::Handling
        | Stage::Escalated
        | Stage::ExtensionReview
        | Stage::SuspensionReview
        | Stage::Review => None,
        Stage::FollowUp => {
            let closed_at =
                order.legs[order.legs.len() - 1].ended.map_or(order.updated_at, |e| e.0);
            let wait = order.policy.follow_up;
            // A merged order's wait begins when there is something to tell, and there is one
            // whether or not its policy has the citizens called: the result is owed.
            let (from, wait) = match order.links.merged_into {
                Some(_) => (order.updated_at, wait.unwrap_or(OWED_CALL)),
                None => (closed_at, wait.unwrap_or(Span::ZERO)),
            };
            Some((from.plus(wait), Timer::FollowUpOver))
        }
        Stage::Archived
        | Stage::Declined
        | Stage::HandedOver
        | Stage::Merged
        | Stage::Terminated
        | Stage::Withdrawn => None,
    }
}

/// When the share of the holder's level ends. A level has one share: what its units held
/// before counts against it, what stood still in their hands does not.
fn share_ends(order: &Order) -> Timestamp {
    let leg = order.leg();
    let level = leg.unit.level();
    let counts = |duty: Duty| match duty {
        Duty::Triage | Duty::Lead | Duty::Returned => true,
        Duty::Review | Duty::Approve => false,
    };
    let of_level = || order.legs.iter().filter(|l| counts(l.duty) && l.unit.level() == level);
    let before =
        of_level().filter(|l| l.ended.is_some()).fold(0, |sum, l| sum + l.held(leg.started_at).0);
    let stood = of_level().fold(0, |sum, l| {
        let within = |pause: &Pause| {
            let until = pause.until?.min(l.ended.map_or(Timestamp(i64::MAX), |(at, _)| at));
            Some(until.since(pause.from.max(l.started_at)).0.max(0))
        };
        sum + order.pauses.iter().filter_map(within).sum::<i64>()
    });
    let left = Span((order.policy.share(level).0 - before + stood).max(0));
    leg.started_at.plus(left)
}
