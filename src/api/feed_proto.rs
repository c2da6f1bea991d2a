//! What happened, onto the wire.

use super::enums::Wire;
use super::to_proto::{span, time};
use crate::dispatch::Cursor;
use crate::domain::{Actor, Event, What};
use crate::pb;

fn actor(actor: &Actor) -> pb::Actor {
    pb::Actor {
        staff: actor.staff.to_string(),
        unit: actor.unit.to_string(),
        role: actor.role.to_pb().into(),
    }
}

pub(super) fn event(cursor: Cursor, event: &Event) -> pb::FeedEvent {
    let of_city = event.order.is_city();
    pb::FeedEvent {
        cursor: cursor.to_string(),
        order_no: if of_city { String::new() } else { event.order.to_string() },
        version: event.version,
        at: Some(time(event.at)),
        actor: Some(actor(&event.actor)),
        stage: if of_city { 0 } else { event.stage.to_pb().into() },
        unit: event.unit.to_string(),
        category: event.category.to_string(),
        what: Some(what(&event.what)),
    }
}

fn what(what: &What) -> pb::feed_event::What {
    use pb::feed_event::What as Wire;
    match what {
        // What it is like is for finding others like it, here.
        What::Registered { heard_at, like: _ } => {
            Wire::Registered(pb::Registered { heard_at: Some(time(*heard_at)) })
        }
        What::Accepted { by_clock } => Wire::Accepted(pb::Accepted { by_clock: *by_clock }),
        What::Redelivered { unit, deliveries } => Wire::Redelivered(pb::Redelivered {
            unit: unit.to_string(),
            deliveries: (*deliveries).into(),
        }),
        What::Parked { unit, deliveries } => {
            Wire::Parked(pb::Parked { unit: unit.to_string(), deliveries: (*deliveries).into() })
        }
        What::Released { unit } => Wire::Released(pb::Released { unit: unit.to_string() }),
        What::Delivered { unit } => Wire::Delivered(pb::Delivered { unit: unit.to_string() }),
        What::Signed { unit, arrived_after } => Wire::Signed(pb::Signed {
            unit: unit.to_string(),
            arrived_after: arrived_after.map(span),
        }),
        What::Relayed { from, to, held, late } => Wire::Relayed(pb::Relayed {
            from: from.to_string(),
            to: to.to_string(),
            held: Some(span(*held)),
            late: late.map(span),
        }),
        What::Returned { from, to, held, reason } => Wire::Returned(pb::Returned {
            from: from.to_string(),
            to: to.to_string(),
            held: Some(span(*held)),
            reason: reason.to_pb().into(),
        }),
        What::Reported { from, to } => {
            Wire::Reported(pb::Reported { from: from.to_string(), to: to.to_string() })
        }
        What::ReportRejected { by, to } => {
            Wire::ReportRejected(pb::ReportRejected { by: by.to_string(), to: to.to_string() })
        }
        What::Closed { by, after } => {
            Wire::Closed(pb::Closed { by: by.to_string(), after: Some(span(*after)) })
        }
        What::Warned { clock, percent, holder, due } => Wire::Warned(pb::Warned {
            clock: clock.to_pb().into(),
            percent: (*percent).into(),
            holder: holder.to_string(),
            due: Some(time(*due)),
        }),
        What::Breached { clock, holder, raised_to, due } => Wire::Breached(pb::Breached {
            clock: clock.to_pb().into(),
            holder: holder.to_string(),
            raised_to: raised_to.to_string(),
            due: Some(time(*due)),
        }),
        What::ContactViewed { unit } => {
            Wire::ContactViewed(pb::ContactViewed { unit: unit.to_string() })
        }
        What::Archived => Wire::Archived(pb::Archived {}),
        What::InformationAsked { until } => {
            Wire::InformationAsked(pb::InformationAsked { until: Some(time(*until)) })
        }
        What::InformationSupplied => Wire::InformationSupplied(pb::InformationSupplied {}),
        What::Answered => Wire::Answered(pb::Answered {}),
        What::Declined { reason } => Wire::Declined(pb::Declined { reason: reason.to_pb().into() }),
        What::HandedOver { to } => Wire::HandedOver(pb::HandedOver { to: to.to_pb().into() }),
        What::Merged { into } => Wire::Merged(pb::Merged { into: into.to_string() }),
        What::Adopted { child } => Wire::Adopted(pb::Adopted { child: child.to_string() }),
        What::Disowned { child } => Wire::Disowned(pb::Disowned { child: child.to_string() }),
        What::ResultHeard { of } => Wire::ResultHeard(pb::ResultHeard { of: of.to_string() }),
        What::ChildrenTold { count } => {
            Wire::ChildrenTold(pb::ChildrenTold { count: (*count).into() })
        }
        What::Dispatched { to } => Wire::Dispatched(pb::Dispatched { to: to.to_string() }),
        What::ReturnDecided { by, to, designated } => Wire::ReturnDecided(pb::ReturnDecided {
            by: by.to_string(),
            to: to.to_string(),
            designated: *designated,
        }),
        What::CoHandlerAdded { unit } => {
            Wire::CoHandlerAdded(pb::CoHandlerAdded { unit: unit.to_string() })
        }
        What::CoSigned { unit } => Wire::CoSigned(pb::CoSigned { unit: unit.to_string() }),
        What::CoReported { unit } => Wire::CoReported(pb::CoReported { unit: unit.to_string() }),
        What::Escalated { from, to } => {
            Wire::Escalated(pb::Escalated { from: from.to_string(), to: to.to_string() })
        }
        What::ExtensionRequested { from, to, by } => {
            Wire::ExtensionRequested(pb::ExtensionRequested {
                from: from.to_string(),
                to: to.to_string(),
                by: Some(span(*by)),
            })
        }
        What::ExtensionDecided { by, granted, due } => {
            Wire::ExtensionDecided(pb::ExtensionDecided {
                by: by.to_string(),
                granted: *granted,
                due: Some(time(*due)),
            })
        }
        What::SuspensionRequested { from, to, until } => {
            Wire::SuspensionRequested(pb::SuspensionRequested {
                from: from.to_string(),
                to: to.to_string(),
                until: Some(time(*until)),
            })
        }
        What::SuspensionDecided { by, granted } => {
            Wire::SuspensionDecided(pb::SuspensionDecided { by: by.to_string(), granted: *granted })
        }
        What::Resumed { by_clock, paused } => {
            Wire::Resumed(pb::Resumed { by_clock: *by_clock, paused: Some(span(*paused)) })
        }
        What::Urged => Wire::Urged(pb::Urged {}),
        What::Supervised { card } => {
            Wire::Supervised(pb::Supervised { card: card.map_or(0, |card| card.to_pb().into()) })
        }
        What::Terminated => Wire::Terminated(pb::Terminated {}),
        What::Withdrawn => Wire::Withdrawn(pb::Withdrawn {}),
        What::FollowedUp { outcome, round } => Wire::FollowedUp(pb::FollowedUp {
            outcome: outcome.to_pb().into(),
            round: round.map(u32::from),
        }),
        What::Reworked { to, round } => {
            Wire::Reworked(pb::Reworked { to: to.to_string(), round: (*round).into() })
        }
        What::Reopened { by } => Wire::Reopened(pb::Reopened { by: by.to_string() }),
        What::Recused { unit } => Wire::Recused(pb::Recused { unit: unit.to_string() }),
        What::Corrected => Wire::Corrected(pb::Corrected {}),
        What::ModeSwitched { mode, restamp } => {
            Wire::ModeSwitched(pb::ModeSwitched { mode: mode.to_pb().into(), restamp: *restamp })
        }
        What::Burst { town, orders, since } => Wire::Burst(pb::Burst {
            town: town.to_string(),
            order_nos: orders.iter().map(ToString::to_string).collect(),
            since: Some(time(*since)),
        }),
        What::Restamped { arrival_due, closure_due } => Wire::Restamped(pb::Restamped {
            arrival_due: Some(time(*arrival_due)),
            closure_due: Some(time(*closure_due)),
        }),
    }
}
