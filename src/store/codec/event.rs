//! The events of one step. They share nearly everything, so it is written once.

use super::bytes::{Bad, In, Kind, Out};
use super::what;
use crate::domain::{Actor, Category, Cell, Event, Role, Stage, Timestamp, Unit};
use crate::store::StoreError;
use std::sync::Arc;

// What an event has of its own; the rest is as in the event before it.
const PLACE: u8 = 0x80;
const ACTOR: u8 = 0x40;
const ORDER: u8 = 0x20;
// The low bits name what happened.
const WHAT: u8 = 0x1f;
/// In the low bits: the name does not fit and follows in a byte of its own.
const LONG: u8 = 0x1f;
/// With the stage: a list of units that must not see the event follows.
const HIDDEN: u8 = 0x80;

/// As long as one event seldom is.
pub const EVENT: usize = 96;

/// Writes all events of one step.
pub fn encode_events(events: &[Event]) -> Vec<u8> {
    encode_events_behind(Vec::new(), events)
}

/// The same behind what stands there.
pub fn encode_events_behind(bytes: Vec<u8>, events: &[Event]) -> Vec<u8> {
    let mut out = Out::behind(bytes, EVENT * events.len().max(1));
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
        let name = what::kind(&event.what);
        out.byte(own | name.min(LONG));
        if name >= LONG {
            out.byte(name);
        }
        let cell = event.order.cell();
        if order {
            out.order_no(event.order);
        }
        if place {
            out.number(u64::from(event.version));
            out.signed(event.at.0);
            out.byte(event.stage.byte() | has(!event.hidden_from.is_empty(), HIDDEN));
            out.unit(event.unit, cell);
            out.number(u64::from(event.category.0));
            if !event.hidden_from.is_empty() {
                out.number(event.hidden_from.len() as u64);
                event.hidden_from.iter().for_each(|unit| out.unit(*unit, cell));
            }
        }
        if actor {
            out.text(&event.actor.staff);
            out.unit(event.actor.unit, cell);
            out.byte(event.actor.role.byte());
        }
        what::put(&mut out, &event.what, event.at, cell);
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
        && a.hidden_from == b.hidden_from
}

/// Reads all events of one step.
pub fn decode_events(bytes: &[u8]) -> Result<Vec<Event>, StoreError> {
    let content = In::open(Kind::Events, bytes)?;
    read(content).map_err(|bad| In::damaged(Kind::Events, bytes, bad))
}

#[derive(Clone)]
struct Place {
    version: u32,
    at: Timestamp,
    stage: Stage,
    unit: Unit,
    category: Category,
    hidden_from: Vec<Unit>,
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
        let name = match head & WHAT {
            LONG => f.byte()?,
            name => name,
        };
        if head & ORDER != 0 {
            order = f.order_no()?;
        }
        if head & PLACE != 0 {
            place = Some(read_place(&mut f, order.cell())?);
        }
        let Place { version, at, stage, unit, category, hidden_from } =
            place.clone().ok_or(Bad("the first event lacks its order"))?;
        if head & ACTOR != 0 {
            actor = Some(read_actor(&mut f, order.cell())?);
        }
        let actor = actor.clone().ok_or(Bad("the first event lacks its actor"))?;
        let what = what::read(&mut f, name, at, order.cell())?;
        events.push(Event { order, version, at, actor, stage, unit, category, hidden_from, what });
    }
    Ok(events)
}

fn read_place(f: &mut In<'_>, cell: Cell) -> Result<Place, Bad> {
    let (version, at) = (f.small()?, Timestamp(f.signed()?));
    let stage = f.byte()?;
    let (unit, category) = (f.unit(cell)?, Category(f.small()?));
    let mut hidden_from = Vec::new();
    if stage & HIDDEN != 0 {
        let count: u8 = f.small()?;
        for _ in 0..count {
            hidden_from.push(f.unit(cell)?);
        }
    }
    let stage =
        Stage::from_byte(stage & !HIDDEN).ok_or(Bad("a stage in it is unknown to this version"))?;
    Ok(Place { version, at, stage, unit, category, hidden_from })
}

fn read_actor(f: &mut In<'_>, cell: Cell) -> Result<Actor, Bad> {
    Ok(Actor { staff: Arc::from(f.text()?), unit: f.unit(cell)?, role: f.named(Role::from_byte)? })
}
