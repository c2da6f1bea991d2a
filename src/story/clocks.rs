//! What each clock says.

use crate::domain::{Clock, ClockKind, Event, Order, Pause, Round, Span, Timestamp, Unit, What};

/// One clock's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClockStory {
    /// Which promise.
    pub kind: ClockKind,
    /// Which closing: 0 is the first, 1 the first rework. 0 for arrival.
    pub round: u8,
    /// From when it counts.
    pub from: Timestamp,
    /// The limit, with what was granted.
    pub limit: Span,
    /// What of it was granted on top.
    pub granted: Span,
    /// When it falls, or fell, due, with what it stood still.
    pub due: Timestamp,
    /// How long it ran, standing still deducted.
    pub used: Span,
    /// How long it stood still.
    pub stood: Span,
    /// The stretches of that; the last may last.
    pub pauses: Vec<Pause>,
    /// The warnings given.
    pub warnings: Vec<Warning>,
    /// How it stands.
    pub standing: Standing,
    /// When the limit passed unkept.
    pub breached_at: Option<Timestamp>,
    /// In whose hands the order was then.
    pub breached_by: Option<Unit>,
    /// Whom the breach was raised to.
    pub raised_to: Option<Unit>,
    /// When the promise was kept, or at last done.
    pub stopped_at: Option<Timestamp>,
}

/// How a clock stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Counting.
    Running,
    /// The order is paused.
    Paused,
    /// Ended in time.
    Kept,
    /// The limit passed, and it still counts.
    Overdue,
    /// Ended after the limit.
    Late,
}

impl Standing {
    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Kept => "kept",
            Standing::Overdue => "overdue",
            Standing::Late => "late",
        }
    }
}

/// A warning that was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Warning {
    /// At which hundredth of the limit.
    pub percent: u8,
    /// When that point was; `None` where the event is no longer known.
    pub at: Option<Timestamp>,
    /// In whose hands the order was; `None` likewise.
    pub holder: Option<Unit>,
}

/// Arrival, the closings that did not last, and the closing that runs.
pub(super) fn of(order: &Order, events: &[Event], now: Timestamp) -> Vec<ClockStory> {
    let mut all = vec![running(order, ClockKind::Arrival, events, now)];
    let mut from = order.heard_at;
    for (round, past) in order.rounds.iter().enumerate() {
        all.push(earlier(order, round as u8, past, from, events));
        from = past.reworked_at;
    }
    all.push(running(order, ClockKind::Closure, events, now));
    all
}

fn running(order: &Order, kind: ClockKind, events: &[Event], now: Timestamp) -> ClockStory {
    let clock = order.clock(kind);
    let from = order.zero(kind);
    let end = clock.stopped_at.unwrap_or(now);
    let (round, granted) = match kind {
        ClockKind::Arrival => (0, Span::ZERO),
        ClockKind::Closure => (order.rounds.len() as u8, order.granted),
    };
    let standing = match (clock.stopped_at, clock.breached_at) {
        (Some(_), None) => Standing::Kept,
        (Some(_), Some(_)) => Standing::Late,
        (None, Some(_)) => Standing::Overdue,
        (None, None) if order.paused().is_some() => Standing::Paused,
        (None, None) => Standing::Running,
    };
    ClockStory {
        kind,
        round,
        from,
        limit: clock.limit,
        granted,
        due: order.due(kind),
        used: order.ran(kind, now),
        stood: order.stood(kind, end),
        pauses: order.counted_pauses(kind).copied().collect(),
        warnings: warnings(order, clock, kind, (from, end), events),
        standing,
        breached_at: clock.breached_at,
        breached_by: clock.breached_at.map(|at| held_by(order, at)),
        raised_to: clock.raised_to,
        stopped_at: clock.stopped_at,
    }
}

/// A closing that did not last: the pauses that fell into it are counted, the limit is the one
/// it ended with.
fn earlier(
    order: &Order,
    round: u8,
    past: &Round,
    from: Timestamp,
    events: &[Event],
) -> ClockStory {
    let clock = &past.closure;
    let end = clock.stopped_at.unwrap_or(past.reworked_at);
    let counts = |pause: &&Pause| {
        let over = clock.breached_at.is_some_and(|at| pause.from >= at);
        pause.from >= from && pause.from < end && !over
    };
    let pauses: Vec<_> = order.pauses.iter().filter(counts).copied().collect();
    let stood = Span(pauses.iter().map(|p| p.until.unwrap_or(end).since(p.from).0).sum());
    ClockStory {
        kind: ClockKind::Closure,
        round,
        from,
        limit: clock.limit,
        granted: Span::ZERO,
        due: from.plus(clock.limit).plus(stood),
        used: Span(end.since(from).0 - stood.0),
        stood,
        pauses,
        warnings: warnings(order, clock, ClockKind::Closure, (from, end), events),
        standing: if clock.breached_at.is_some() { Standing::Late } else { Standing::Kept },
        breached_at: clock.breached_at,
        breached_by: clock.breached_at.map(|at| held_by(order, at)),
        raised_to: clock.raised_to,
        stopped_at: clock.stopped_at,
    }
}

/// The order's own record says how many were given; when and to whom is told by events.
fn warnings(
    order: &Order,
    clock: &Clock,
    of: ClockKind,
    (from, end): (Timestamp, Timestamp),
    events: &[Event],
) -> Vec<Warning> {
    let given = order.policy.warn_at.iter().take(usize::from(clock.warned));
    let told = |point: u8| {
        events.iter().rev().find_map(|event| {
            let What::Warned { clock, percent, holder, due } = event.what else { return None };
            let this_one = clock == of && percent == point && due >= from && due <= end;
            this_one.then_some((due, holder))
        })
    };
    given
        .map(|percent| Warning {
            percent: *percent,
            at: told(*percent).map(|(at, _)| at),
            holder: told(*percent).map(|(_, holder)| holder),
        })
        .collect()
}

/// In whose hands the order was at a moment.
fn held_by(order: &Order, at: Timestamp) -> Unit {
    let then = order.legs.iter().rev().find(|leg| leg.started_at <= at);
    then.unwrap_or(&order.legs[0]).unit
}
