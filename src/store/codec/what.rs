//! What happened, as part of an event.

use super::bytes::{Bad, In, Out};
use crate::domain::{
    Card, Cell, ClockKind, DeclineReason, Emergency, Likeness, Mode, Outcome, ReturnReason,
    SimHash, Timestamp, What,
};

// A number once used keeps its meaning for ever.
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
const INFORMATION_ASKED: u8 = 14;
const INFORMATION_SUPPLIED: u8 = 15;
const ANSWERED: u8 = 16;
const DECLINED: u8 = 17;
const HANDED_OVER: u8 = 18;
const MERGED: u8 = 19;
const ADOPTED: u8 = 20;
const RESULT_HEARD: u8 = 21;
const CHILDREN_TOLD: u8 = 22;
const DISPATCHED: u8 = 23;
const RETURN_DECIDED: u8 = 24;
const CO_HANDLER_ADDED: u8 = 25;
const CO_SIGNED: u8 = 26;
const CO_REPORTED: u8 = 27;
const ESCALATED: u8 = 28;
const EXTENSION_REQUESTED: u8 = 29;
const EXTENSION_DECIDED: u8 = 30;
const SUSPENSION_REQUESTED: u8 = 31;
const SUSPENSION_DECIDED: u8 = 32;
const RESUMED: u8 = 33;
const URGED: u8 = 34;
const SUPERVISED: u8 = 35;
const TERMINATED: u8 = 36;
const WITHDRAWN: u8 = 37;
const FOLLOWED_UP: u8 = 38;
const REWORKED: u8 = 39;
const REOPENED: u8 = 40;
const RECUSED: u8 = 41;
const CORRECTED: u8 = 42;
const RESTAMPED: u8 = 43;
const MODE_SWITCHED: u8 = 44;
const REDELIVERED: u8 = 45;
const PARKED: u8 = 46;
const RELEASED: u8 = 47;
const DISOWNED: u8 = 48;
/// Written down, and what it is like.
const REGISTERED_LIKE: u8 = 49;
const BURST: u8 = 50;

/// The citizen was called about no closing, but about a broken promise.
const NO_ROUND: u8 = 0xff;

/// The number of an event's name.
pub(super) fn kind(what: &What) -> u8 {
    match what {
        What::Registered { like: None, .. } => REGISTERED,
        What::Registered { like: Some(_), .. } => REGISTERED_LIKE,
        What::Accepted { .. } => ACCEPTED,
        What::Delivered { .. } => DELIVERED,
        What::Redelivered { .. } => REDELIVERED,
        What::Parked { .. } => PARKED,
        What::Released { .. } => RELEASED,
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
        What::InformationAsked { .. } => INFORMATION_ASKED,
        What::InformationSupplied => INFORMATION_SUPPLIED,
        What::Answered => ANSWERED,
        What::Declined { .. } => DECLINED,
        What::HandedOver { .. } => HANDED_OVER,
        What::Merged { .. } => MERGED,
        What::Adopted { .. } => ADOPTED,
        What::Disowned { .. } => DISOWNED,
        What::ResultHeard { .. } => RESULT_HEARD,
        What::ChildrenTold { .. } => CHILDREN_TOLD,
        What::Dispatched { .. } => DISPATCHED,
        What::ReturnDecided { .. } => RETURN_DECIDED,
        What::CoHandlerAdded { .. } => CO_HANDLER_ADDED,
        What::CoSigned { .. } => CO_SIGNED,
        What::CoReported { .. } => CO_REPORTED,
        What::Escalated { .. } => ESCALATED,
        What::ExtensionRequested { .. } => EXTENSION_REQUESTED,
        What::ExtensionDecided { .. } => EXTENSION_DECIDED,
        What::SuspensionRequested { .. } => SUSPENSION_REQUESTED,
        What::SuspensionDecided { .. } => SUSPENSION_DECIDED,
        What::Resumed { .. } => RESUMED,
        What::Urged => URGED,
        What::Supervised { .. } => SUPERVISED,
        What::Terminated => TERMINATED,
        What::Withdrawn => WITHDRAWN,
        What::FollowedUp { .. } => FOLLOWED_UP,
        What::Reworked { .. } => REWORKED,
        What::Reopened { .. } => REOPENED,
        What::Recused { .. } => RECUSED,
        What::Corrected => CORRECTED,
        What::Restamped { .. } => RESTAMPED,
        What::ModeSwitched { .. } => MODE_SWITCHED,
        What::Burst { .. } => BURST,
    }
}

/// Writes what belongs to the name.
pub(super) fn put(out: &mut Out, what: &What, at: Timestamp, cell: Cell) {
    match what {
        What::Registered { heard_at, like } => {
            out.moment(*heard_at, at);
            if let Some(Likeness { hash, division }) = like {
                out.raw(&hash.0.to_be_bytes());
                out.division(*division, cell);
            }
        }
        What::Accepted { by_clock } => out.byte(u8::from(*by_clock)),
        What::Delivered { unit } | What::ContactViewed { unit } | What::Released { unit } => {
            out.unit(*unit, cell);
        }
        What::Redelivered { unit, deliveries } | What::Parked { unit, deliveries } => {
            out.unit(*unit, cell);
            out.byte(*deliveries);
        }
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
        What::Archived
        | What::InformationSupplied
        | What::Answered
        | What::Urged
        | What::Terminated
        | What::Withdrawn
        | What::Corrected => {}
        What::InformationAsked { until } => out.moment(*until, at),
        What::Declined { reason } => out.byte(reason.byte()),
        What::HandedOver { to } => out.byte(to.byte()),
        What::Merged { into: other }
        | What::Adopted { child: other }
        | What::Disowned { child: other }
        | What::ResultHeard { of: other }
        | What::Reopened { by: other } => out.order_no(*other),
        What::ChildrenTold { count } => out.byte(*count),
        What::Dispatched { to: unit }
        | What::CoHandlerAdded { unit }
        | What::CoSigned { unit }
        | What::CoReported { unit }
        | What::Recused { unit } => out.unit(*unit, cell),
        What::ReturnDecided { by, to, designated } => {
            out.unit(*by, cell);
            out.unit(*to, cell);
            out.byte(u8::from(*designated));
        }
        What::Escalated { from, to } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
        }
        What::ExtensionRequested { from, to, by } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
            out.span(*by);
        }
        What::ExtensionDecided { by, granted, due } => {
            out.unit(*by, cell);
            out.byte(u8::from(*granted));
            out.moment(*due, at);
        }
        What::SuspensionRequested { from, to, until } => {
            out.unit(*from, cell);
            out.unit(*to, cell);
            out.moment(*until, at);
        }
        What::SuspensionDecided { by, granted } => {
            out.unit(*by, cell);
            out.byte(u8::from(*granted));
        }
        What::Resumed { by_clock, paused } => {
            out.byte(u8::from(*by_clock));
            out.span(*paused);
        }
        What::Supervised { card } => out.byte(card.map_or(0, Card::byte)),
        What::FollowedUp { outcome, round } => {
            out.byte(outcome.byte());
            out.byte(round.unwrap_or(NO_ROUND));
        }
        What::Reworked { to, round } => {
            out.unit(*to, cell);
            out.byte(*round);
        }
        What::ModeSwitched { mode, restamp } => out.raw(&[mode.byte(), u8::from(*restamp)]),
        What::Burst { town, orders, since } => {
            out.division(*town, cell);
            out.moment(*since, at);
            out.number(orders.len() as u64);
            orders.iter().for_each(|no| out.order_no(*no));
        }
        What::Restamped { arrival_due, closure_due } => {
            out.moment(*arrival_due, at);
            out.moment(*closure_due, at);
        }
    }
}

/// Reads what belongs to a name.
pub(super) fn read(f: &mut In<'_>, kind: u8, at: Timestamp, cell: Cell) -> Result<What, Bad> {
    Ok(match kind {
        REGISTERED => What::Registered { heard_at: f.moment(at)?, like: None },
        REGISTERED_LIKE => What::Registered {
            heard_at: f.moment(at)?,
            like: Some(Likeness {
                hash: SimHash(u64::from_be_bytes(f.array()?)),
                division: f.division(cell)?,
            }),
        },
        ACCEPTED => What::Accepted { by_clock: f.byte()? != 0 },
        DELIVERED => What::Delivered { unit: f.unit(cell)? },
        REDELIVERED => What::Redelivered { unit: f.unit(cell)?, deliveries: f.byte()? },
        PARKED => What::Parked { unit: f.unit(cell)?, deliveries: f.byte()? },
        RELEASED => What::Released { unit: f.unit(cell)? },
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
        INFORMATION_ASKED => What::InformationAsked { until: f.moment(at)? },
        INFORMATION_SUPPLIED => What::InformationSupplied,
        ANSWERED => What::Answered,
        DECLINED => What::Declined { reason: f.named(DeclineReason::from_byte)? },
        HANDED_OVER => What::HandedOver { to: f.named(Emergency::from_byte)? },
        MERGED => What::Merged { into: f.order_no()? },
        ADOPTED => What::Adopted { child: f.order_no()? },
        DISOWNED => What::Disowned { child: f.order_no()? },
        RESULT_HEARD => What::ResultHeard { of: f.order_no()? },
        CHILDREN_TOLD => What::ChildrenTold { count: f.byte()? },
        DISPATCHED => What::Dispatched { to: f.unit(cell)? },
        RETURN_DECIDED => {
            What::ReturnDecided { by: f.unit(cell)?, to: f.unit(cell)?, designated: f.byte()? != 0 }
        }
        CO_HANDLER_ADDED => What::CoHandlerAdded { unit: f.unit(cell)? },
        CO_SIGNED => What::CoSigned { unit: f.unit(cell)? },
        CO_REPORTED => What::CoReported { unit: f.unit(cell)? },
        ESCALATED => What::Escalated { from: f.unit(cell)?, to: f.unit(cell)? },
        EXTENSION_REQUESTED => {
            What::ExtensionRequested { from: f.unit(cell)?, to: f.unit(cell)?, by: f.span()? }
        }
        EXTENSION_DECIDED => What::ExtensionDecided {
            by: f.unit(cell)?,
            granted: f.byte()? != 0,
            due: f.moment(at)?,
        },
        SUSPENSION_REQUESTED => What::SuspensionRequested {
            from: f.unit(cell)?,
            to: f.unit(cell)?,
            until: f.moment(at)?,
        },
        SUSPENSION_DECIDED => {
            What::SuspensionDecided { by: f.unit(cell)?, granted: f.byte()? != 0 }
        }
        RESUMED => What::Resumed { by_clock: f.byte()? != 0, paused: f.span()? },
        URGED => What::Urged,
        SUPERVISED => What::Supervised {
            card: match f.byte()? {
                0 => None,
                byte => Some(Card::from_byte(byte).ok_or(Bad("a card in it is unknown"))?),
            },
        },
        TERMINATED => What::Terminated,
        WITHDRAWN => What::Withdrawn,
        FOLLOWED_UP => What::FollowedUp {
            outcome: f.named(Outcome::from_byte)?,
            round: Some(f.byte()?).filter(|round| *round != NO_ROUND),
        },
        REWORKED => What::Reworked { to: f.unit(cell)?, round: f.byte()? },
        REOPENED => What::Reopened { by: f.order_no()? },
        RECUSED => What::Recused { unit: f.unit(cell)? },
        CORRECTED => What::Corrected,
        MODE_SWITCHED => {
            What::ModeSwitched { mode: f.named(Mode::from_byte)?, restamp: f.byte()? != 0 }
        }
        BURST => {
            let (town, since) = (f.division(cell)?, f.moment(at)?);
            let count: u8 = f.small()?;
            let orders = (0..count).map(|_| f.order_no()).collect::<Result<_, _>>()?;
            What::Burst { town, orders, since }
        }
        RESTAMPED => What::Restamped { arrival_due: f.moment(at)?, closure_due: f.moment(at)? },
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
