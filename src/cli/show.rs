//! What the server sends, as people read it and as programs do.

use crate::domain::{
    Card, Channel, ClockKind, DeclineReason, Duty, Emergency, Ending, Kind, Level, Mode, Outcome,
    ReturnReason, Role, Span, Stage, Timestamp, Urgency,
};
use crate::pb;
use serde_json::{Value, json};

/// Makes the two words of an enum of the wire: its English name (`"unspecified"` and
/// numbers this version does not know included) and its Chinese one.
macro_rules! words {
    ($($name:ident $zh:ident $prefix:literal $enum:ident;)+) => { $(
        /// The name in JSON.
        pub(super) fn $name(number: i32) -> String {
            match pb::$enum::try_from(number) {
                Ok(value) => english(value.as_str_name(), $prefix),
                Err(_) => format!("unknown_{number}"),
            }
        }

        /// The name on screens.
        pub(super) fn $zh(number: i32) -> String {
            let name = $name(number);
            $enum::from_name(&name).map_or(name, |value| value.zh().to_owned())
        }
    )+ };
}

words! {
    card card_zh "CARD_" Card;
    emergency emergency_zh "EMERGENCY_" Emergency;
    decline_reason decline_reason_zh "DECLINE_REASON_" DeclineReason;
    outcome outcome_zh "OUTCOME_" Outcome;
    mode mode_zh "MODE_" Mode;
    stage stage_zh "STAGE_" Stage;
    kind kind_zh "KIND_" Kind;
    urgency urgency_zh "URGENCY_" Urgency;
    duty duty_zh "DUTY_" Duty;
    ending ending_zh "ENDING_" Ending;
    clock_kind clock_kind_zh "CLOCK_KIND_" ClockKind;
    role role_zh "ROLE_" Role;
    return_reason return_reason_zh "RETURN_REASON_" ReturnReason;
    channel channel_zh "CHANNEL_" Channel;
}

/// Where an order stands in a unit's eyes, on screens.
pub(super) fn view_zh(number: i32) -> String {
    if number == i32::from(pb::Stage::PassedOn) {
        return "已转办".to_owned();
    }
    stage_zh(number)
}

fn english(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

/// The level's Chinese name.
pub(super) fn level_zh(level: Level) -> &'static str {
    match level {
        Level::City => "市",
        Level::County => "县",
        Level::Town => "镇",
        Level::Village => "村",
    }
}

pub(super) fn moment(at: &Option<prost_types::Timestamp>) -> Option<Timestamp> {
    at.as_ref().map(|at| Timestamp(at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000))
}

pub(super) fn span(of: &Option<prost_types::Duration>) -> Option<Span> {
    of.as_ref().map(|d| Span(d.seconds * 1_000 + i64::from(d.nanos) / 1_000_000))
}

/// `03-14 08:40:00`: what fits a column; the year is on the order itself.
pub(super) fn short_moment(at: &Option<prost_types::Timestamp>) -> String {
    moment(at).map_or_else(|| "-".to_owned(), |at| at.to_string()[5..19].replace('T', " "))
}

pub(super) fn long_moment(at: &Option<prost_types::Timestamp>) -> String {
    moment(at).map_or_else(|| "-".to_owned(), |at| at.to_string())
}

pub(super) fn moment_json(at: &Option<prost_types::Timestamp>) -> Value {
    moment(at).map_or(Value::Null, |at| json!(at.to_string()))
}

pub(super) fn span_json(of: &Option<prost_types::Duration>) -> Value {
    span(of).map_or(Value::Null, |span| json!(span.0))
}

pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn clock_json(clock: &Option<pb::Clock>) -> Value {
    let Some(clock) = clock else { return Value::Null };
    json!({
        "limit_ms": span_json(&clock.limit),
        "due_at": moment_json(&clock.due_at),
        "warned": clock.warned,
        "breached_at": moment_json(&clock.breached_at),
        "stopped_at": moment_json(&clock.stopped_at),
        "raised_to": clock.raised_to,
    })
}

pub(super) fn leg_json(leg: &pb::Leg) -> Value {
    json!({
        "unit": leg.unit,
        "duty": duty(leg.duty),
        "started_at": moment_json(&leg.started_at),
        "delivered_at": moment_json(&leg.delivered_at),
        "signed_at": moment_json(&leg.signed_at),
        "ended_at": moment_json(&leg.ended_at),
        "ending": leg.ended_at.as_ref().map(|_| ending(leg.ending)),
        "held_ms": span_json(&leg.held),
    })
}

/// The order for programs: moments in RFC 3339, spans in milliseconds.
pub(super) fn order_json(order: &pb::Order) -> Value {
    let reading = order.reading.clone().unwrap_or_default();
    let mut all = json!({
        "order_no": order.order_no,
        "version": order.version,
        "stage": stage(order.stage),
        "channel": channel(order.channel),
        "kind": kind(reading.kind),
        "category": reading.category,
        "category_confidence": reading.category_confidence,
        "urgency": urgency(reading.urgency),
        "division": reading.division,
        "division_confidence": reading.division_confidence,
        "chain": order.chain,
        "holder": order.holder,
        "next_down": order.next_down,
        "catalogue_version": order.catalogue_version,
        "rule": order.rule,
        "model_version": order.model_version,
        "heard_at": moment_json(&order.heard_at),
        "registered_at": moment_json(&order.registered_at),
        "updated_at": moment_json(&order.updated_at),
        "next_deadline": moment_json(&order.next_deadline),
        "arrival": clock_json(&order.arrival),
        "closure": clock_json(&order.closure),
        "legs": order.legs.iter().map(leg_json).collect::<Vec<_>>(),
        "refused_by": order.refused_by,
        "returned": order.returned,
        "rejected": order.rejected,
        "papers": order.papers,
    });
    if let (Value::Object(all), Value::Object(life)) = (&mut all, life_json(order)) {
        all.extend(life);
    }
    all
}

/// What an order gathers in a hard life.
fn life_json(order: &pb::Order) -> Value {
    json!({
        "stage_for_actor": stage(order.stage_for_actor),
        "recused_units": order.recused_units,
        "direct": order.direct,
        "designated_unit": order.designated_unit,
        "pauses": order.pauses.iter().map(pause_json).collect::<Vec<_>>(),
        "rounds": order.rounds.iter().map(round_json).collect::<Vec<_>>(),
        "co_handlers": order.co_handlers.iter().map(co_handler_json).collect::<Vec<_>>(),
        "merged_into": order.merged_into,
        "merged_orders": order.merged_orders,
        "reopens": order.reopens,
        "reopened_as": order.reopened_as,
        "card": if order.card == 0 { Value::Null } else { json!(card(order.card)) },
        "urged": order.urged,
        "extended": order.extended,
        "followed_up": order.followed_up,
        "plain_weekends": order.plain_weekends,
        "policy_id": order.policy_id,
        "policy_version": order.policy_version,
        "deliveries": order.deliveries,
        "parked_at": moment_json(&order.parked_at),
    })
}

pub(super) fn pause_json(pause: &pb::Pause) -> Value {
    json!({
        "from": moment_json(&pause.from),
        "review_at": moment_json(&pause.review_at),
        "until": moment_json(&pause.until),
    })
}

fn round_json(round: &pb::Round) -> Value {
    json!({
        "closed_at": moment_json(&round.closed_at),
        "late": round.late,
        "report": round.report,
        "reworked_at": moment_json(&round.reworked_at),
    })
}

fn co_handler_json(co: &pb::CoHandler) -> Value {
    json!({
        "unit": co.unit,
        "added_at": moment_json(&co.added_at),
        "signed_at": moment_json(&co.signed_at),
        "reported_at": moment_json(&co.reported_at),
    })
}

/// What was written, for programs.
pub(super) fn paper_json(paper: &pb::Paper) -> Value {
    let evidence = paper.evidence.iter().map(|e| json!({ "uri": e.uri, "sha256": e.sha256 }));
    json!({
        "index": paper.index,
        "title": paper.title,
        "body": paper.body,
        "evidence": evidence.collect::<Vec<_>>(),
    })
}

/// A receipt for programs.
pub(super) fn receipt_json(receipt: &pb::Receipt) -> Value {
    json!({
        "order_no": receipt.order_no,
        "version": receipt.version,
        "stage": stage(receipt.stage),
        "holder": receipt.holder,
        "category": receipt.category,
        "division": receipt.division,
        "arrival_due": moment_json(&receipt.arrival_due),
        "closure_due": moment_json(&receipt.closure_due),
        "at": moment_json(&receipt.at),
        "replayed": receipt.replayed,
    })
}

/// How a clock stands: when it is due, or how it ended.
pub(super) fn clock_line(clock: &Option<pb::Clock>) -> String {
    let Some(clock) = clock else { return "-".to_owned() };
    let due = long_moment(&clock.due_at);
    let limit = span(&clock.limit).unwrap_or_default();
    match (&clock.stopped_at, &clock.breached_at) {
        (Some(_), None) => format!("按时 {}（限 {limit}）", long_moment(&clock.stopped_at)),
        (Some(_), Some(_)) => format!("超时 {}（应于 {due}）", long_moment(&clock.stopped_at)),
        (None, None) => format!("应于 {due}（限 {limit}，已提醒 {} 次）", clock.warned),
        (None, Some(_)) => format!("已超时，应于 {due}，已报 {}", or_dash(&clock.raised_to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_wire_are_words_of_the_domain() {
        for (i, value) in Stage::ALL.iter().enumerate() {
            assert_eq!(stage(i as i32 + 1), value.name());
            assert_eq!(stage_zh(i as i32 + 1), value.zh());
        }
        for (i, value) in ReturnReason::ALL.iter().enumerate() {
            assert_eq!(return_reason(i as i32 + 1), value.name());
        }
        assert_eq!(stage(0), "unspecified");
        assert_eq!(stage_zh(99), "unknown_99");
        assert_eq!(clock_kind_zh(1), "到达");
        assert_eq!(ending(2), "passed_by");
    }

    #[test]
    fn moments_are_shown_in_china_standard_time() {
        let at = Some(prost_types::Timestamp { seconds: 1_647_218_400, nanos: 123_000_000 });
        assert_eq!(long_moment(&at), "2022-03-14T08:40:00.123+08:00");
        assert_eq!(short_moment(&at), "03-14 08:40:00");
        assert_eq!(short_moment(&None), "-");
    }
}
