//! What an order gathers in a hard life: pauses, rounds, helpers, links. Fields that most
//! orders do not have are not written.

use super::bytes::{Bad, In, Out};
use super::order::{
    CO_HANDLERS, CO_PLACES, GRANTED, LINKS, MARKS, PAUSES, RECUSED, REPORT, ROUNDS, TRIES, all,
    clock, put_clock,
};
use crate::domain::{
    Asked, Card, Cell, Clock, CoHandler, Links, Marks, Order, OrderNo, Pause, Policy, Round, Span,
    Timestamp, Tries, Unit,
};

/// Marks and what is being decided.
#[derive(Default)]
pub(super) struct More {
    pub(super) marks: Marks,
    pub(super) direct: bool,
    pub(super) overdue_told: bool,
    pub(super) designated: Option<Unit>,
    pub(super) asked: Option<Asked>,
}

// What is said of an order, by bits.
const DIRECT: u8 = 1;
const OVERDUE_TOLD: u8 = 2;
const DESIGNATED: u8 = 4;
const EXTENSION: u8 = 8;
const SUSPENSION: u8 = 16;

pub(super) fn put(out: &mut Out, order: &Order) {
    let (cell, heard_at) = (order.no.cell(), order.heard_at);
    let Marks { returned: _, rejected: _, urged, extended, followed_up, card } = order.marks;
    let has = |yes: bool, flag: u8| if yes { flag } else { 0 };
    let said = has(order.direct, DIRECT)
        | has(order.overdue_told, OVERDUE_TOLD)
        | has(order.designated.is_some(), DESIGNATED)
        | match order.asked {
            Some(Asked::Extension(_)) => EXTENSION,
            Some(Asked::Suspension(_)) => SUSPENSION,
            None => 0,
        };
    let marks = [said, urged, extended, followed_up, card.map_or(0, Card::byte)];
    if marks != [0; 5] {
        out.field(MARKS, |out| {
            out.raw(&marks);
            if let Some(unit) = order.designated {
                out.unit(unit, cell);
            }
            match order.asked {
                Some(Asked::Extension(by)) => out.span(by),
                Some(Asked::Suspension(until)) => out.moment(until, heard_at),
                None => {}
            }
        });
    }
    if !order.recused.is_empty() {
        out.field(RECUSED, |out| order.recused.iter().for_each(|unit| out.unit(*unit, cell)));
    }
    if !order.pauses.is_empty() {
        out.field(PAUSES, |out| {
            for Pause { from, review_at, until } in &order.pauses {
                out.moment(*from, heard_at);
                out.moment(*review_at, *from);
                put_maybe(out, *until, heard_at);
            }
        });
    }
    if !order.rounds.is_empty() {
        out.field(ROUNDS, |out| {
            for Round { closure, report, reworked_at } in &order.rounds {
                put_clock(out, closure, heard_at, cell);
                out.number(u64::from(*report));
                out.moment(*reworked_at, heard_at);
            }
        });
    }
    if !order.co_handlers.is_empty() {
        out.field(CO_HANDLERS, |out| {
            for CoHandler { unit, place: _, added_at, signed_at, reported_at } in &order.co_handlers
            {
                out.unit(*unit, cell);
                out.moment(*added_at, heard_at);
                put_maybe(out, *signed_at, heard_at);
                put_maybe(out, *reported_at, heard_at);
            }
        });
    }
    // Mostly they stand in the order of their places.
    if (0_u8..).zip(&order.co_handlers).any(|(at, co)| co.place != at) {
        out.field(CO_PLACES, |out| order.co_handlers.iter().for_each(|co| out.byte(co.place)));
    }
    if order.links != Links::default() {
        out.field(LINKS, |out| {
            let Links { merged_into, children, told, reopens, reopened_as } = &order.links;
            out.byte(u8::from(*told));
            for other in [merged_into, reopens, reopened_as] {
                out.byte(u8::from(other.is_some()));
                if let Some(other) = other {
                    out.order_no(*other);
                }
            }
            children.iter().for_each(|child| out.order_no(*child));
        });
    }
    // An extended order without it was written before it was kept.
    if order.granted != Span::ZERO || extended > 0 {
        out.field(GRANTED, |out| out.span(order.granted));
    }
    if let Some(report) = order.report {
        out.field(REPORT, |out| out.number(u64::from(report)));
    }
    if order.tries != Tries::default() {
        out.field(TRIES, |out| {
            out.byte(order.tries.deliveries);
            put_maybe(out, order.tries.parked_at, heard_at);
        });
    }
}

/// How much more time an order was granted that does not say so: what its limit has beyond
/// its policy's, unless it was never extended.
pub(super) fn granted_before(marks: &Marks, closure: &Clock, policy: &Policy) -> Span {
    match marks.extended {
        0 => Span::ZERO,
        _ => Span(closure.limit.0.saturating_sub(policy.closure.0)).max(Span::ZERO),
    }
}

impl More {
    pub(super) fn read(f: &mut In<'_>, heard_at: Timestamp, cell: Cell) -> Result<More, Bad> {
        let [said, urged, extended, followed_up, card] = f.array()?;
        let card = match card {
            0 => None,
            byte => Some(Card::from_byte(byte).ok_or(Bad("a card in it is unknown"))?),
        };
        let designated = if said & DESIGNATED != 0 { Some(f.unit(cell)?) } else { None };
        let asked = match (said & EXTENSION, said & SUSPENSION) {
            (0, 0) => None,
            (_, 0) => Some(Asked::Extension(f.span()?)),
            (_, _) => Some(Asked::Suspension(f.moment(heard_at)?)),
        };
        Ok(More {
            marks: Marks { urged, extended, followed_up, card, ..Marks::default() },
            direct: said & DIRECT != 0,
            overdue_told: said & OVERDUE_TOLD != 0,
            designated,
            asked,
        })
    }
}

pub(super) fn pause(f: &mut In<'_>, heard_at: Timestamp) -> Result<Pause, Bad> {
    let from = f.moment(heard_at)?;
    Ok(Pause { from, review_at: f.moment(from)?, until: maybe(f, heard_at)? })
}

pub(super) fn round(f: &mut In<'_>, heard_at: Timestamp, cell: Cell) -> Result<Round, Bad> {
    Ok(Round {
        closure: clock(f, heard_at, cell)?,
        report: f.small()?,
        reworked_at: f.moment(heard_at)?,
    })
}

pub(super) fn co_handler(
    f: &mut In<'_>,
    heard_at: Timestamp,
    cell: Cell,
) -> Result<CoHandler, Bad> {
    Ok(CoHandler {
        unit: f.unit(cell)?,
        place: 0,
        added_at: f.moment(heard_at)?,
        signed_at: maybe(f, heard_at)?,
        reported_at: maybe(f, heard_at)?,
    })
}

/// Gives each its place: where it stands, unless others have gone.
pub(super) fn placed(
    mut co_handlers: Vec<CoHandler>,
    places: Option<Vec<u8>>,
) -> Result<Vec<CoHandler>, Bad> {
    let places = places.unwrap_or_else(|| (0_u8..).take(co_handlers.len()).collect());
    if places.len() != co_handlers.len() {
        return Err(Bad("its co-handlers are not as many as their places"));
    }
    for (co, place) in co_handlers.iter_mut().zip(places) {
        co.place = place;
    }
    Ok(co_handlers)
}

pub(super) fn tries(f: &mut In<'_>, heard_at: Timestamp) -> Result<Tries, Bad> {
    Ok(Tries { deliveries: f.byte()?, parked_at: maybe(f, heard_at)? })
}

pub(super) fn links(f: &mut In<'_>) -> Result<Links, Bad> {
    let told = f.byte()? != 0;
    let mut other = || -> Result<Option<OrderNo>, Bad> {
        Ok(if f.byte()? == 0 { None } else { Some(f.order_no()?) })
    };
    let (merged_into, reopens, reopened_as) = (other()?, other()?, other()?);
    let children = all(f, 1, |f| f.order_no())?;
    Ok(Links { merged_into, children, told, reopens, reopened_as })
}

/// A moment that may be missing: a byte says whether it is there.
fn put_maybe(out: &mut Out, at: Option<Timestamp>, since: Timestamp) {
    out.byte(u8::from(at.is_some()));
    if let Some(at) = at {
        out.moment(at, since);
    }
}

fn maybe(f: &mut In<'_>, since: Timestamp) -> Result<Option<Timestamp>, Bad> {
    Ok(if f.byte()? == 0 { None } else { Some(f.moment(since)?) })
}
