//! Which timers a step fired, and that none of them was early or fired before.

use super::wrong::{Promise, Wrong, must};
use crate::domain::{ClockKind, Event, Order, Role, Span, Timestamp, What, next_deadline};

/// How far off a process's clock may be while it runs timers and takes work: as far ahead of
/// the true time a timer may fire.
pub(super) const MOST_OFF: Span = Span::seconds(1);

/// One timer of an order: each is there once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fired {
    /// A warning point of a clock, in a round of work.
    Warned(ClockKind, u8, usize),
    /// A limit, in a round of work.
    Breached(ClockKind, usize),
    /// A share of the hour: which holding it ended.
    PassedBy(usize),
    /// The share of the triage: which holding it ended.
    FellBack(usize),
    /// A pause: which.
    Resumed(usize),
    /// The wait for the citizen's verdict, after a round of work.
    Archived(usize),
}

/// The timers that the events of a step speak of.
pub(super) fn fired(
    before: Option<&Order>,
    events: &[Event],
    at: Timestamp,
    already: &[Fired],
) -> Result<Vec<Fired>, Wrong> {
    let Some(before) = before else { return Ok(Vec::new()) };
    let mut found: Vec<Fired> = Vec::new();
    for event in events.iter().filter(|event| event.actor.role == Role::Clock) {
        let passed = found.iter().filter(|f| matches!(f, Fired::PassedBy(_) | Fired::FellBack(_)));
        let legs = before.legs.len() + passed.count();
        let Some((fired, due)) = timer_of(before, event, legs) else { continue };
        // What does not say when it was due was the first thing due, or came after it.
        let due = due.or_else(|| next_deadline(before));
        let no = event.order;
        must(due.is_some_and(|due| due <= at.plus(MOST_OFF)), Promise::NoTimerEarly, || {
            format!("{fired:?} of {no} was due at {due:?} and fired at {at}")
        })?;
        let twice = already.contains(&fired) || found.contains(&fired);
        must(!twice, Promise::NoTimerTwice, || format!("{fired:?} of {no} fired again"))?;
        found.push(fired);
    }
    Ok(found)
}

/// The timer that an event of the clock's speaks of, and when it was due, if it says so.
fn timer_of(before: &Order, event: &Event, legs: usize) -> Option<(Fired, Option<Timestamp>)> {
    let rounds = before.rounds.len();
    match &event.what {
        What::Warned { clock, percent, due, .. } => {
            Some((Fired::Warned(*clock, *percent, rounds), Some(*due)))
        }
        What::Breached { clock, due, .. } => Some((Fired::Breached(*clock, rounds), Some(*due))),
        What::Relayed { late: Some(late), .. } => {
            Some((Fired::PassedBy(legs), Some(event.at.minus(*late))))
        }
        What::Accepted { by_clock: true } => Some((Fired::FellBack(legs), None)),
        What::Resumed { by_clock: true, .. } => Some((Fired::Resumed(before.pauses.len()), None)),
        What::Archived => Some((Fired::Archived(rounds), None)),
        What::Registered { .. }
        | What::Accepted { by_clock: false }
        | What::Delivered { .. }
        | What::Redelivered { .. }
        | What::Parked { .. }
        | What::Released { .. }
        | What::Signed { .. }
        | What::Relayed { late: None, .. }
        | What::Returned { .. }
        | What::Reported { .. }
        | What::ReportRejected { .. }
        | What::Closed { .. }
        | What::ContactViewed { .. }
        | What::InformationAsked { .. }
        | What::InformationSupplied
        | What::Answered
        | What::Declined { .. }
        | What::HandedOver { .. }
        | What::Merged { .. }
        | What::Adopted { .. }
        | What::Disowned { .. }
        | What::ResultHeard { .. }
        | What::ChildrenTold { .. }
        | What::Dispatched { .. }
        | What::ReturnDecided { .. }
        | What::CoHandlerAdded { .. }
        | What::CoSigned { .. }
        | What::CoReported { .. }
        | What::Escalated { .. }
        | What::ExtensionRequested { .. }
        | What::ExtensionDecided { .. }
        | What::SuspensionRequested { .. }
        | What::SuspensionDecided { .. }
        | What::Resumed { by_clock: false, .. }
        | What::Urged
        | What::Supervised { .. }
        | What::Terminated
        | What::Withdrawn
        | What::FollowedUp { .. }
        | What::Reworked { .. }
        | What::Reopened { .. }
        | What::Recused { .. }
        | What::Corrected
        | What::ModeSwitched { .. }
        | What::Burst { .. }
        | What::Restamped { .. } => None,
    }
}
