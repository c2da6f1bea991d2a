//! An order's story: who held it how long, why it went where it went, what each clock says,
//! what happens next. Pure: [`tell`] is a function of the order, its events, the catalogue and
//! the moment; [`Words`] puts it into Chinese.
//!
//! It knows codes, moments and the catalogue's own words; of the citizen it knows nothing.

mod clocks;
mod next;
mod passages;
mod reasons;
mod words;

pub use clocks::{ClockStory, Standing, Warning};
pub use next::{Calm, Next, Task, timer_name};
pub use reasons::{Clue, Reason, Source};
pub use words::Words;

use crate::catalogue::Catalogue;
use crate::domain::{
    ClockKind, Duty, Ending, Event, Level, Order, OrderNo, ReturnReason, Span, Stage, Timestamp,
    Unit, What, next_timer,
};

/// What an order went through and what it waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Story {
    /// Its number.
    pub no: OrderNo,
    /// Its version.
    pub version: u32,
    /// Where it stands.
    pub stage: Stage,
    /// The moment of the telling, never before the order's last change.
    pub now: Timestamp,
    /// Every holding, oldest first; never empty.
    pub holdings: Vec<Holding>,
    /// How long each level held it, from the top down; levels that never did are left out.
    /// Their sum is the time from when the citizen was heard to the end of the last holding.
    pub levels: Vec<(Level, Span)>,
    /// Why it went where it went, in the order in which that was decided.
    pub reasons: Vec<Reason>,
    /// Arrival, then closure; closings that did not last stand before the one that runs.
    pub clocks: Vec<ClockStory>,
    /// What happens next.
    pub next: Next,
    /// What happened, oldest first, as far as the feed still has it.
    pub passages: Vec<Event>,
    /// Whether [`Story::passages`] are all there are.
    pub complete: bool,
}

/// One holding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Who.
    pub unit: Unit,
    /// To do what.
    pub duty: Duty,
    /// When it came.
    pub from: Timestamp,
    /// When somebody of the unit was first handed it.
    pub delivered_at: Option<Timestamp>,
    /// When the unit signed.
    pub signed_at: Option<Timestamp>,
    /// How long: to the end, or to now.
    pub held: Span,
    /// The level's share of the way down, as last stamped, where one bounds or bounded the holding.
    pub share: Option<Span>,
    /// When and how it ended, and who had the order then; `None` while it lasts.
    pub left: Option<Left>,
}

/// The end of a holding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Ending,
    /// Who held it then; `None` when nobody did.
    pub to: Option<Unit>,
    /// Why it was given back, where the event is still known.
    pub reason: Option<ReturnReason>,
}

/// What is told from.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The order, as the one who asks may see it.
    pub order: &'a Order,
    /// What happened to it, and switches of the city's mode, oldest first.
    pub events: &'a [Event],
    /// Whether these are all.
    pub complete: bool,
    /// Words of the catalogue that its text holds, if it was read again.
    pub clues: &'a [Clue],
}

/// Tells an order's story as it stands at `now`.
pub fn tell(told: Told, catalogue: &Catalogue, now: Timestamp) -> Story {
    let Told { order, events, complete, clues } = told;
    let now = now.max(order.updated_at);
    let mut levels: Vec<(Level, Span)> = Vec::with_capacity(4);
    for level in Level::ALL {
        let of_level: Vec<_> = order.legs.iter().filter(|leg| leg.unit.level() == level).collect();
        if !of_level.is_empty() {
            levels.push((level, Span(of_level.iter().map(|leg| leg.held(now).0).sum())));
        }
    }
    Story {
        no: order.no,
        version: order.version,
        stage: order.stage,
        now,
        holdings: holdings(order, events, now),
        levels,
        reasons: reasons::of(order, events, clues, catalogue),
        clocks: clocks::of(order, events, now),
        next: next::of(order, catalogue, now),
        passages: events.to_vec(),
        complete,
    }
}

fn holdings(order: &Order, events: &[Event], now: Timestamp) -> Vec<Holding> {
    let each = order.legs.iter().enumerate().map(|(at, leg)| {
        let next = order.legs.get(at + 1);
        let left = leg.ended.map(|(ended, how)| Left {
            at: ended,
            how,
            to: next.map(|next| next.unit),
            reason: events.iter().find_map(|event| {
                let What::Returned { from, reason, .. } = event.what else { return None };
                (from == leg.unit && event.at == ended).then_some(reason)
            }),
        });
        let shared = match leg.ended {
            Some((_, Ending::Passed | Ending::PassedBy)) => true,
            Some((
                _,
                Ending::Returned
                | Ending::Reported
                | Ending::Rejected
                | Ending::Closed
                | Ending::Transferred
                | Ending::Designated
                | Ending::Escalated
                | Ending::Requested
                | Ending::Decided
                | Ending::Ended,
            )) => false,
            None => next_timer(order).is_some_and(|(_, timer)| next::is_share(timer)),
        };
        Holding {
            unit: leg.unit,
            duty: leg.duty,
            from: leg.started_at,
            delivered_at: leg.delivered_at,
            signed_at: leg.signed_at,
            held: leg.held(now),
            share: shared.then(|| order.policy.share(leg.unit.level())),
            left,
        }
    });
    each.collect()
}

impl Story {
    /// The story of one clock, the one that runs or ran last.
    pub fn clock(&self, kind: ClockKind) -> &ClockStory {
        let of_kind = |clock: &&ClockStory| clock.kind == kind;
        self.clocks.iter().rev().find(of_kind).unwrap_or(&self.clocks[0])
    }
}
