//! The events of one step. They share nearly everything, so it is written once.

use super::bytes::{Bad, In, Kind, Out};
use crate::domain::{
    Actor, Category, Cell, ClockKind, Event, ReturnReason, Role, Stage, Timestamp, Unit, What,
};
use crate::store::StoreError;
use std::sync::Arc;

// What an event has of its own; the rest is as in the event before it.
const PLACE: u8 = 0x80;
const ACTOR: u8 = 0x40;
const ORDER: u8 = 0x20;
// The low bits name what happened. A number once used keeps its meaning for ever.
const WHAT: u8 = 0x1f;
const REGISTERED: u8 = 1;
const ACCEPTED: u8 = 2;
const DELIVERED: u8 = 3;
const SIGNED: u8 = 4;
const RELAYED: u8 = 5;
const RETURNED: u8 = 6;
const REPORTED: u8 = 7;
const REPORT_REJECTED: u8 = 8;
const CLOSED: u8 = 9;
const WARNED: u8 = 10;
const BREACHED: u8 = 11;
const CONTACT_VIEWED: u8 = 12;
const ARCHIVED: u8 = 13;

const TYPICAL: usize = 96;

/// Writes all events of one step.
pub fn encode_events(events: &[Event]) -> Vec<u8> {
    let mut out = Out::new(TYPICAL * events.len().max(1));
    let mut last: Option<&Event> = None;
    // The number leads, so that damaged events can be named.
    if let Some(first) = events.first() {
        out.order_no(first.order);
    }
    for event in events {
        let order = last.is_some_and(|last| last.order != event.order);
        let place = last.is_none_or(|last| !same_place(last, event));
        let actor = last.is_none_or(|last| last.order != event.order || last.actor != event.actor);
        let has = |yes: bool, flag: u8| if yes { flag } else { 0 };
        let own = has(order, ORDER) | has(place, PLACE) | has(actor, ACTOR);
        out.byte(own | kind(&event.what));
        let cell = event.order.cell();
        if order {
            out.order_no(event.order);
        }
        if place {
            out.number(u64::from(event.version));
            out.signed(event.at.0);
            out.byte(event.stage.byte());
            out.unit(event.unit, cell);
            out.number(u64::from(event.category.0));
        }
        if actor {
            out.text(&event.actor.staff);
            out.unit(event.actor.unit, cell);
            out.byte(event.actor.role.byte());
        }
        put_what(&mut out, &event.what, event.at, cell);
        last = Some(event);
    }
    out.finish(Kind::Events)
}

/// Always `false` across two orders: the unit is written against the order's city.
fn same_place(a: &Event, b: &Event) -> bool {
    a.order == b.order
        && a.version == b.version
        && a.at == b.at
        && a.stage == b.stage
        && a.unit == b.unit
        && a.category == b.category
}

/// Reads all events of one step.
pub fn decode_events(bytes: &[u8]) -> Result<Vec<Event>, StoreError> {
    let content = In::open(Kind::Events, bytes)?;
    read(content).map_err(|bad| In::damaged(Kind::Events, bytes, bad))
}

#[derive(Clone, Copy)]
struct Place {
    version: u32,
    at: Timestamp,
    stage: Stage,
    unit: Unit,
    category: Category,
}

fn read(mut f: In<'_>) -> Result<Vec<Event>, Bad> {
    let mut events: Vec<Event> = Vec::with_capacity(1);
    if f.is_empty() {
        return Ok(events);
    }
    let mut order = f.order_no()?;
    let mut place: Option<Place> = None;
    let mut actor: Option<Actor> = None;
    while !f.is_empty() {
        let head = f.byte()?;
        if head & ORDER != 0 {
            order = f.order_no()?;
        }
        if head & PLACE != 0 {
            place = Some(read_place(&mut f, order.cell())?);
        }
        let Place { version, at, stage, unit, category } =
            place.ok_or(Bad("the first event lacks its order"))?;
        if head & ACTOR != 0 {
            actor = Some(read_actor(&mut f, order.cell())?);
        }
        let actor = actor.clone().ok_or(Bad("the first event lacks its actor"))?;
        let what = read_what(&mut f, head & WHAT, at, order.cell())?;
        events.push(Event { order, version, at, actor, stage, unit, category, what });
    }
    Ok(events)
}

fn read_place(f: &mut In<'_>, cell: Cell) -> Result<Place, Bad> {
    Ok(Place {
        version: f.small()?,
        at: Timestamp(f.signed()?),
        stage: f.named(Stage::from_byte)?,
        unit: f.unit(cell)?,
        category: Category(f.small()?),
    })
}

fn read_actor(f: &mut In<'_>, cell: Cell) -> Result<Actor, Bad> {
    Ok(Actor { staff: Arc::from(f.text()?), unit: f.unit(cell)?, role: f.named(Role::from_byte)? })
}

fn kind(what: &What) -> u8 {
    match what {
        What::Registered { .. } => REGISTERED,
        What::Accepted { .. } => ACCEPTED,
        What::Delivered { .. } => DELIVERED,
        What::Signed { .. } => SIGNED,
        What::Relayed { .. } => RELAYED,
        What::Returned { .. } => RETURNED,
        What::Reported { .. } => REPORTED,
        What::ReportRejected { .. } => REPORT_REJECTED,
        What::Closed { .. } => CLOSED,
        What::Warned { .. } => WARNED,
        What::Breached { .. } => BREACHED,
        What::ContactViewed { .. } => CONTACT_VIEWED,
        What::Archived => ARCHIVED,
    }
}

fn put_what(out: &mut Out, what: &What, at: Timestamp, cell: Cell) {
    match what {
        What::Registered { heard_at } => out.moment(*heard_at, at),
        What::Accepted { by_clock } => out.byte(u8::from(*by_clock)),
        What::Delivered { unit } | What::ContactViewed { unit } => out.unit(*unit, cell),
        What::Signed { unit, arrived_after } => {
            out.unit(*unit, cell);
            put_span(out, *arrived_after);
        }
        What::Relayed { from, to, held, late } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
            out.span(*held);
            put_span(out, *late);
        }
        What::Returned { from, to, held, reason } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
            out.span(*held);
            out.byte(reason.byte());
        }
        What::Reported { from, to } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
        }
        What::ReportRejected { by, to } => {
            out.unit(*by, cell);
            out.unit(*to, cell);
        }
        What::Closed { by, after } => {
            out.unit(*by, cell);
            out.span(*after);
        }
        What::Warned { clock, percent, holder, due } => {
            out.byte(clock.byte());
            out.byte(*percent);
            out.unit(*holder, cell);
            out.moment(*due, at);
        }
        What::Breached { clock, holder, raised_to, due } => {
            out.byte(clock.byte());
            out.unit(*holder, cell);
            out.unit(*raised_to, cell);
            out.moment(*due, at);
        }
        What::Archived => {}
    }
}

fn read_what(f: &mut In<'_>, kind: u8, at: Timestamp, cell: Cell) -> Result<What, Bad> {
    Ok(match kind {
        REGISTERED => What::Registered { heard_at: f.moment(at)? },
        ACCEPTED => What::Accepted { by_clock: f.byte()? != 0 },
        DELIVERED => What::Delivered { unit: f.unit(cell)? },
        SIGNED => What::Signed { unit: f.unit(cell)?, arrived_after: read_span(f)? },
        RELAYED => What::Relayed {
            from: f.unit(cell)?,
            to: f.unit(cell)?,
            held: f.span()?,
            late: read_span(f)?,
        },
        RETURNED => What::Returned {
            from: f.unit(cell)?,
            to: f.unit(cell)?,
            held: f.span()?,
            reason: f.named(ReturnReason::from_byte)?,
        },
        REPORTED => What::Reported { from: f.unit(cell)?, to: f.unit(cell)? },
        REPORT_REJECTED => What::ReportRejected { by: f.unit(cell)?, to: f.unit(cell)? },
        CLOSED => What::Closed { by: f.unit(cell)?, after: f.span()? },
        WARNED => What::Warned {
            clock: f.named(ClockKind::from_byte)?,
            percent: f.byte()?,
            holder: f.unit(cell)?,
            due: f.moment(at)?,
        },
        BREACHED => What::Breached {
            clock: f.named(ClockKind::from_byte)?,
            holder: f.unit(cell)?,
            raised_to: f.unit(cell)?,
            due: f.moment(at)?,
        },
        CONTACT_VIEWED => What::ContactViewed { unit: f.unit(cell)? },
        ARCHIVED => What::Archived,
        _ => return Err(Bad("an event in it is unknown to this version")),
    })
}

/// A span that may be missing: a byte says whether it is there.
fn put_span(out: &mut Out, span: Option<crate::domain::Span>) {
    out.byte(u8::from(span.is_some()));
    if let Some(span) = span {
        out.span(span);
    }
}

fn read_span(f: &mut In<'_>) -> Result<Option<crate::domain::Span>, Bad> {
    Ok(if f.byte()? == 0 { None } else { Some(f.span()?) })
}
