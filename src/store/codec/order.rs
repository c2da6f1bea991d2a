//! The order's snapshot.

use super::bytes::{Bad, In, Kind, Out};
use super::life::{self, More, co_handler, granted_before, links, pause, placed, round, tries};
use super::terms::{has_terms, limits, put_limits, put_terms, terms};
use crate::domain::{
    Category, Cell, Channel, Clock, Confidence, Duty, Ending, Leg, Marks, ModelVersion, Order,
    OrderNo, Plan, Reading, Stage, Timestamp, Unit, Urgency,
};
use crate::store::StoreError;

// The tags of the fields. A tag once used keeps its meaning for ever.
const STANDING: u8 = 1;
const READING: u8 = 2;
const PLAN: u8 = 3;
const TIMES: u8 = 4;
const POLICY: u8 = 5;
const ARRIVAL: u8 = 6;
const CLOSURE: u8 = 7;
const LEGS: u8 = 8;
const REFUSED: u8 = 9;
const TERMS: u8 = 10;
pub(super) const MARKS: u8 = 11;
pub(super) const RECUSED: u8 = 12;
pub(super) const PAUSES: u8 = 13;
pub(super) const ROUNDS: u8 = 14;
pub(super) const CO_HANDLERS: u8 = 15;
pub(super) const LINKS: u8 = 16;
pub(super) const GRANTED: u8 = 17;
pub(super) const REPORT: u8 = 18;
pub(super) const TRIES: u8 = 19;
const MODEL: u8 = 20;
pub(super) const CO_PLACES: u8 = 21;
/// The last tag this version knows.
const LAST: u8 = CO_PLACES;

/// A snapshot of four legs fits without growing.
pub const SNAPSHOT: usize = 320;

/// Writes a snapshot.
pub fn encode_order(order: &Order) -> Vec<u8> {
    encode_order_behind(Vec::new(), order)
}

/// The same behind what stands there.
pub fn encode_order_behind(bytes: Vec<u8>, order: &Order) -> Vec<u8> {
    let mut out = Out::behind(bytes, SNAPSHOT + order.carried.len());
    let (cell, heard_at) = (order.no.cell(), order.heard_at);
    out.order_no(order.no);
    out.field(STANDING, |out| {
        out.number(u64::from(order.version));
        out.byte(order.stage.byte());
        out.byte(order.channel.byte());
        out.number(u64::from(order.catalogue));
        out.number(u64::from(order.rule));
        out.number(u64::from(order.papers));
        out.byte(order.marks.returned);
        out.byte(order.marks.rejected);
    });
    out.field(READING, |out| put_reading(out, &order.reading, cell));
    if let Some(plan) = &order.plan {
        out.field(PLAN, |out| plan.units().iter().for_each(|unit| out.unit(*unit, cell)));
    }
    out.field(TIMES, |out| {
        out.signed(heard_at.0);
        out.moment(order.registered_at, heard_at);
        out.moment(order.updated_at, heard_at);
    });
    out.field(POLICY, |out| put_limits(out, &order.policy));
    if has_terms(&order.policy) {
        out.field(TERMS, |out| put_terms(out, &order.policy));
    }
    out.field(ARRIVAL, |out| put_clock(out, &order.arrival, heard_at, cell));
    out.field(CLOSURE, |out| put_clock(out, &order.closure, heard_at, cell));
    out.field(LEGS, |out| {
        order.legs.iter().for_each(|leg| put_leg(out, leg, heard_at, cell));
    });
    if !order.refused_by.is_empty() {
        out.field(REFUSED, |out| order.refused_by.iter().for_each(|unit| out.unit(*unit, cell)));
    }
    life::put(&mut out, order);
    if let Some(model) = order.model {
        out.field(MODEL, |out| out.number(u64::from(model.0)));
    }
    out.raw(&order.carried);
    out.finish(Kind::Order)
}

/// Reads a snapshot.
pub fn decode_order(bytes: &[u8]) -> Result<Order, StoreError> {
    let content = In::open(Kind::Order, bytes)?;
    read(content).map_err(|bad| In::damaged(Kind::Order, bytes, bad))
}

/// The fields of a snapshot, each found once.
#[derive(Default)]
struct Fields<'a> {
    known: [Option<In<'a>>; LAST as usize],
    carried: Vec<u8>,
}

impl<'a> Fields<'a> {
    fn split(mut content: In<'a>) -> Result<Fields<'a>, Bad> {
        let mut fields = Fields::default();
        while !content.is_empty() {
            let all = content.left();
            let (tag, field) = content.field()?;
            match tag {
                0 => return Err(Bad("it has a field without a name")),
                STANDING..=LAST => {
                    if fields.known[usize::from(tag) - 1].replace(field).is_some() {
                        return Err(Bad("it has a field twice"));
                    }
                }
                // A newer version's: kept as it is, written back as it was.
                _ => fields.carried.extend_from_slice(&all[..all.len() - content.left().len()]),
            }
        }
        Ok(fields)
    }

    fn take<T>(
        &mut self,
        tag: u8,
        read: impl FnOnce(&mut In<'a>) -> Result<T, Bad>,
    ) -> Result<T, Bad> {
        self.maybe(tag, read)?.ok_or(Bad("it lacks a field"))
    }

    fn maybe<T>(
        &mut self,
        tag: u8,
        read: impl FnOnce(&mut In<'a>) -> Result<T, Bad>,
    ) -> Result<Option<T>, Bad> {
        let Some(mut field) = self.known[usize::from(tag) - 1].take() else { return Ok(None) };
        let value = read(&mut field)?;
        field.end()?;
        Ok(Some(value))
    }
}

fn read(mut content: In<'_>) -> Result<Order, Bad> {
    let no: OrderNo = content.order_no()?;
    let cell = no.cell();
    let mut fields = Fields::split(content)?;
    let (heard_at, registered_at, updated_at) = fields.take(TIMES, |f| {
        let heard_at = Timestamp(f.signed()?);
        Ok((heard_at, f.moment(heard_at)?, f.moment(heard_at)?))
    })?;
    let standing = fields.take(STANDING, Standing::read)?;
    let legs = fields.take(LEGS, |f| all(f, 4, |f| leg(f, heard_at, cell)))?;
    if legs.is_empty() {
        return Err(Bad("nobody ever held it"));
    }
    let limits = fields.take(POLICY, limits)?;
    let policy = match fields.maybe(TERMS, |f| terms(f, limits.clone()))? {
        Some(policy) => policy,
        None => limits,
    };
    let more = fields.maybe(MARKS, |f| More::read(f, heard_at, cell))?.unwrap_or_default();
    let Marks { returned, rejected, .. } = standing.marks;
    let marks = Marks { returned, rejected, ..more.marks };
    let closure = fields.take(CLOSURE, |f| clock(f, heard_at, cell))?;
    let granted = fields.maybe(GRANTED, |f| f.span())?;
    let granted = granted.unwrap_or_else(|| granted_before(&marks, &closure, &policy));
    Ok(Order {
        no,
        version: standing.version,
        stage: standing.stage,
        channel: standing.channel,
        reading: fields.take(READING, |f| reading(f, cell))?,
        plan: fields.maybe(PLAN, |f| Plan::new(all(f, 4, |f| f.unit(cell))?).map_err(Bad))?,
        catalogue: standing.catalogue,
        rule: standing.rule,
        model: fields.maybe(MODEL, |f| f.small().map(ModelVersion))?,
        heard_at,
        registered_at,
        updated_at,
        policy,
        arrival: fields.take(ARRIVAL, |f| clock(f, heard_at, cell))?,
        closure,
        granted,
        legs,
        tries: fields.maybe(TRIES, |f| tries(f, heard_at))?.unwrap_or_default(),
        refused_by: fields.maybe(REFUSED, |f| all(f, 1, |f| f.unit(cell)))?.unwrap_or_default(),
        marks,
        recused: fields.maybe(RECUSED, |f| all(f, 1, |f| f.unit(cell)))?.unwrap_or_default(),
        direct: more.direct,
        designated: more.designated,
        asked: more.asked,
        overdue_told: more.overdue_told,
        pauses: fields.maybe(PAUSES, |f| all(f, 1, |f| pause(f, heard_at)))?.unwrap_or_default(),
        rounds: fields
            .maybe(ROUNDS, |f| all(f, 1, |f| round(f, heard_at, cell)))?
            .unwrap_or_default(),
        co_handlers: placed(
            fields
                .maybe(CO_HANDLERS, |f| all(f, 1, |f| co_handler(f, heard_at, cell)))?
                .unwrap_or_default(),
            fields.maybe(CO_PLACES, |f| all(f, 1, |f| f.byte()))?,
        )?,
        links: fields.maybe(LINKS, links)?.unwrap_or_default(),
        report: fields.maybe(REPORT, |f| f.small())?,
        papers: standing.papers,
        carried: fields.carried,
    })
}

/// As many as the field holds.
pub(super) fn all<'a, T>(
    field: &mut In<'a>,
    expected: usize,
    mut read: impl FnMut(&mut In<'a>) -> Result<T, Bad>,
) -> Result<Vec<T>, Bad> {
    let mut items = Vec::with_capacity(expected);
    while !field.is_empty() {
        items.push(read(field)?);
    }
    Ok(items)
}

struct Standing {
    version: u32,
    stage: Stage,
    channel: Channel,
    catalogue: u32,
    rule: u16,
    papers: u16,
    marks: Marks,
}

impl Standing {
    fn read(f: &mut In<'_>) -> Result<Standing, Bad> {
        Ok(Standing {
            version: f.small()?,
            stage: f.named(Stage::from_byte)?,
            channel: f.named(Channel::from_byte)?,
            catalogue: f.small()?,
            rule: f.small()?,
            papers: f.small()?,
            marks: Marks { returned: f.byte()?, rejected: f.byte()?, ..Marks::default() },
        })
    }
}

fn put_reading(out: &mut Out, reading: &Reading, cell: Cell) {
    out.byte(reading.kind.byte());
    out.number(u64::from(reading.category.0));
    out.byte(reading.urgency.byte());
    out.byte(reading.category_confidence.percent());
    out.division(reading.division, cell);
    out.byte(reading.division_confidence.percent());
}

fn reading(f: &mut In<'_>, cell: Cell) -> Result<Reading, Bad> {
    Ok(Reading {
        kind: f.named(crate::domain::Kind::from_byte)?,
        category: Category(f.small()?),
        urgency: f.named(Urgency::from_byte)?,
        category_confidence: Confidence::new(f.byte()?),
        division: f.division(cell)?,
        division_confidence: Confidence::new(f.byte()?),
    })
}

// What a clock has besides its limit.
const BREACHED: u8 = 1;
const STOPPED: u8 = 2;
const RAISED: u8 = 4;

pub(super) fn put_clock(out: &mut Out, clock: &Clock, heard_at: Timestamp, cell: Cell) {
    let has = |yes: bool, flag: u8| if yes { flag } else { 0 };
    out.byte(
        has(clock.breached_at.is_some(), BREACHED)
            | has(clock.stopped_at.is_some(), STOPPED)
            | has(clock.raised_to.is_some(), RAISED),
    );
    out.span(clock.limit);
    out.byte(clock.warned);
    if let Some(at) = clock.breached_at {
        out.moment(at, heard_at);
    }
    if let Some(at) = clock.stopped_at {
        out.moment(at, heard_at);
    }
    if let Some(unit) = clock.raised_to {
        out.unit(unit, cell);
    }
}

pub(super) fn clock(f: &mut In<'_>, heard_at: Timestamp, cell: Cell) -> Result<Clock, Bad> {
    let has = f.byte()?;
    Ok(Clock {
        limit: f.span()?,
        warned: f.byte()?,
        breached_at: if has & BREACHED != 0 { Some(f.moment(heard_at)?) } else { None },
        stopped_at: if has & STOPPED != 0 { Some(f.moment(heard_at)?) } else { None },
        raised_to: if has & RAISED != 0 { Some(f.unit(cell)?) } else { None },
    })
}

// Above the duty, which takes the low bits of a leg's first byte.
const DELIVERED: u8 = 0x10;
const SIGNED: u8 = 0x20;
const ENDED: u8 = 0x40;
const DUTY: u8 = 0x0f;

fn put_leg(out: &mut Out, leg: &Leg, heard_at: Timestamp, cell: Cell) {
    let has = |yes: bool, flag: u8| if yes { flag } else { 0 };
    out.byte(
        leg.duty.byte()
            | has(leg.delivered_at.is_some(), DELIVERED)
            | has(leg.signed_at.is_some(), SIGNED)
            | has(leg.ended.is_some(), ENDED),
    );
    out.unit(leg.unit, cell);
    out.moment(leg.started_at, heard_at);
    if let Some(at) = leg.delivered_at {
        out.moment(at, heard_at);
    }
    if let Some(at) = leg.signed_at {
        out.moment(at, heard_at);
    }
    if let Some((at, ending)) = leg.ended {
        out.moment(at, heard_at);
        out.byte(ending.byte());
    }
}

fn leg(f: &mut In<'_>, heard_at: Timestamp, cell: Cell) -> Result<Leg, Bad> {
    let has = f.byte()?;
    let duty = Duty::from_byte(has & DUTY).ok_or(Bad("a duty in it is unknown"))?;
    let unit: Unit = f.unit(cell)?;
    let started_at = f.moment(heard_at)?;
    let delivered_at = if has & DELIVERED != 0 { Some(f.moment(heard_at)?) } else { None };
    let signed_at = if has & SIGNED != 0 { Some(f.moment(heard_at)?) } else { None };
    let ended = match has & ENDED {
        0 => None,
        _ => Some((f.moment(heard_at)?, f.named(Ending::from_byte)?)),
    };
    Ok(Leg { unit, duty, started_at, delivered_at, signed_at, ended })
}
