//! What is answered: from the domain onto the wire.

use super::enums::Wire;
use crate::dispatch::{Done, Lease, Paper};
use crate::domain::{
    Clock, ClockKind, CoHandler, Contact, Leg, Links, Order, OrderNo, Pause, Plan, Reading, Round,
    Span, Timestamp, Unit, View, next_deadline,
};
use crate::pb;
use std::fmt::Write;

pub(super) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000),
        nanos: (at.0.rem_euclid(1_000) * 1_000_000) as i32,
    }
}

pub(super) fn span(span: Span) -> prost_types::Duration {
    prost_types::Duration { seconds: span.0 / 1_000, nanos: (span.0 % 1_000 * 1_000_000) as i32 }
}

pub(super) fn unit(unit: Option<Unit>) -> String {
    unit.map(|unit| unit.to_string()).unwrap_or_default()
}

pub(super) fn units(units: &[Unit]) -> Vec<String> {
    units.iter().map(Unit::to_string).collect()
}

pub(super) fn reading(reading: &Reading) -> pb::Reading {
    pb::Reading {
        kind: reading.kind.to_pb().into(),
        category: reading.category.to_string(),
        urgency: reading.urgency.to_pb().into(),
        category_confidence: reading.category_confidence.percent().into(),
        division: reading.division.to_string(),
        division_confidence: reading.division_confidence.percent().into(),
    }
}

fn leg(leg: &Leg, now: Timestamp) -> pb::Leg {
    pb::Leg {
        unit: leg.unit.to_string(),
        duty: leg.duty.to_pb().into(),
        started_at: Some(time(leg.started_at)),
        delivered_at: leg.delivered_at.map(time),
        signed_at: leg.signed_at.map(time),
        ended_at: leg.ended.map(|(at, _)| time(at)),
        ending: leg.ended.map_or(0, |(_, ending)| ending.to_pb().into()),
        held: Some(span(leg.held(now))),
    }
}

fn clock(order: &Order, kind: ClockKind) -> pb::Clock {
    let Clock { limit, warned, breached_at, stopped_at, raised_to } = order.clock(kind);
    pb::Clock {
        limit: Some(span(*limit)),
        due_at: Some(time(order.due(kind))),
        warned: (*warned).into(),
        breached_at: breached_at.map(time),
        stopped_at: stopped_at.map(time),
        raised_to: unit(*raised_to),
    }
}

/// A number with its sequence, up to seven digits, takes no more than this.
const NUMBER: usize = 24;

fn number(no: OrderNo) -> String {
    let mut text = String::with_capacity(NUMBER);
    // A string takes everything.
    let _ = write!(text, "{no}");
    text
}

pub(super) fn pause(pause: &Pause) -> pb::Pause {
    pb::Pause {
        from: Some(time(pause.from)),
        review_at: Some(time(pause.review_at)),
        until: pause.until.map(time),
    }
}

fn round(round: &Round) -> pb::Round {
    pb::Round {
        closed_at: round.closure.stopped_at.map(time),
        late: round.closure.breached_at.is_some(),
        report: round.report.into(),
        reworked_at: Some(time(round.reworked_at)),
    }
}

fn co_handler(co: &CoHandler) -> pb::CoHandler {
    pb::CoHandler {
        unit: co.unit.to_string(),
        added_at: Some(time(co.added_at)),
        signed_at: co.signed_at.map(time),
        reported_at: co.reported_at.map(time),
    }
}

fn view(view: View) -> pb::Stage {
    match view {
        View::Stage(stage) => stage.to_pb(),
        View::PassedOn => pb::Stage::PassedOn,
    }
}

/// The whole order as `viewer` sees it; `now` ends the holding that runs.
pub(super) fn order(order: &Order, now: Timestamp, viewer: Unit) -> pb::Order {
    let now = now.max(order.updated_at);
    let Links { merged_into, children, told: _, reopens, reopened_as } = &order.links;
    pb::Order {
        order_no: number(order.no),
        version: order.version,
        stage: order.stage.to_pb().into(),
        channel: order.channel.to_pb().into(),
        reading: Some(reading(&order.reading)),
        chain: units(order.plan.as_ref().map_or(&[], Plan::units)),
        holder: unit(order.holder()),
        next_down: unit(order.holder().and_then(|_| order.next_down())),
        catalogue_version: order.catalogue,
        rule: order.rule.into(),
        heard_at: Some(time(order.heard_at)),
        registered_at: Some(time(order.registered_at)),
        updated_at: Some(time(order.updated_at)),
        next_deadline: next_deadline(order).map(time),
        arrival: Some(clock(order, ClockKind::Arrival)),
        closure: Some(clock(order, ClockKind::Closure)),
        legs: order.legs.iter().map(|l| leg(l, now)).collect(),
        refused_by: units(&order.refused_by),
        returned: order.marks.returned.into(),
        rejected: order.marks.rejected.into(),
        papers: order.papers.into(),
        recused_units: units(&order.recused),
        direct: order.direct,
        designated_unit: unit(order.designated),
        pauses: order.pauses.iter().map(pause).collect(),
        rounds: order.rounds.iter().map(round).collect(),
        co_handlers: order.co_handlers.iter().map(co_handler).collect(),
        merged_into: merged_into.map(number).unwrap_or_default(),
        merged_orders: children.iter().copied().map(number).collect(),
        reopens: reopens.map(number).unwrap_or_default(),
        reopened_as: reopened_as.map(number).unwrap_or_default(),
        card: order.marks.card.map_or(0, |card| card.to_pb().into()),
        urged: order.marks.urged.into(),
        extended: order.marks.extended.into(),
        followed_up: order.marks.followed_up.into(),
        stage_for_actor: view(order.stage_for(viewer)).into(),
        plain_weekends: order.policy.plain_weekends,
        policy_id: order.policy.id.into(),
        policy_version: order.policy.version,
        deliveries: order.tries.deliveries.into(),
        parked_at: order.tries.parked_at.map(time),
        model_version: order.model.map(|model| model.to_string()).unwrap_or_default(),
    }
}

/// A lease as one opaque word; [`super::from_proto::lease`] reads it back.
pub(super) fn lease(lease: &Lease) -> String {
    format!("{}-{}", lease.assignment, lease.claim)
}

pub(super) fn receipt(done: &Done) -> pb::Receipt {
    let receipt = &done.receipt;
    pb::Receipt {
        order_no: number(receipt.order),
        version: receipt.version,
        stage: receipt.stage.to_pb().into(),
        holder: unit(receipt.holder),
        category: receipt.category.to_string(),
        division: receipt.division.to_string(),
        arrival_due: Some(time(receipt.arrival_due)),
        closure_due: Some(time(receipt.closure_due)),
        at: Some(time(receipt.at)),
        replayed: done.repeated,
    }
}

pub(super) fn paper(index: u16, paper: Paper) -> pb::Paper {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
    let file = |e: crate::dispatch::Evidence| pb::Evidence { uri: e.uri, sha256: hex(&e.sha256) };
    pb::Paper {
        index: index.into(),
        title: paper.title,
        body: paper.body,
        evidence: paper.evidence.into_iter().map(file).collect(),
    }
}

pub(super) fn contact(contact: &Contact) -> pb::Contact {
    pb::Contact {
        name: contact.name.reveal().clone(),
        phone: contact.phone.reveal().clone(),
        address: contact.address.reveal().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_and_negative_spans_keep_their_sign() {
        assert_eq!(time(Timestamp(-1)), prost_types::Timestamp { seconds: -1, nanos: 999_000_000 });
        assert_eq!(span(Span(-1)), prost_types::Duration { seconds: 0, nanos: -1_000_000 });
        assert_eq!(span(Span(1_500)), prost_types::Duration { seconds: 1, nanos: 500_000_000 });
    }
}
