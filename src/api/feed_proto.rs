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
    pb::FeedEvent {
        cursor: cursor.to_string(),
        order_no: event.order.to_string(),
        version: event.version,
        at: Some(time(event.at)),
        actor: Some(actor(&event.actor)),
        stage: event.stage.to_pb().into(),
        unit: event.unit.to_string(),
        category: event.category.to_string(),
        what: Some(what(&event.what)),
    }
}

fn what(what: &What) -> pb::feed_event::What {
    use pb::feed_event::What as Wire;
    match what {
        What::Registered { heard_at } => {
            Wire::Registered(pb::Registered { heard_at: Some(time(*heard_at)) })
        }
        What::Accepted { by_clock } => Wire::Accepted(pb::Accepted { by_clock: *by_clock }),
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
    }
}
