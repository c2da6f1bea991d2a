//! What happened, as people read it and as programs do.

use super::show::{
    card, card_zh, clock_kind, clock_kind_zh, decline_reason, decline_reason_zh, emergency,
    emergency_zh, mode, mode_zh, moment_json, outcome, outcome_zh, return_reason, return_reason_zh,
    span_json,
};
use crate::pb;
use serde_json::{Value, json};

/// One event: its name for programs and for people, and what else there is to say.
pub(super) fn event(event: &pb::FeedEvent) -> (&'static str, String, Value) {
    use pb::feed_event::What;
    let Some(what) = &event.what else { return ("unknown", "未知".to_owned(), json!({})) };
    let (name, zh, details) = match what {
        What::Registered(e) => {
            ("registered", "登记", json!({ "heard_at": moment_json(&e.heard_at) }))
        }
        What::Accepted(e) => ("accepted", "受理", json!({ "by_clock": e.by_clock })),
        What::Delivered(e) => ("delivered", "送达", json!({ "unit": e.unit })),
        What::Redelivered(e) => {
            ("redelivered", "再次送达", json!({ "unit": e.unit, "deliveries": e.deliveries }))
        }
        What::Parked(e) => {
            ("parked", "滞留", json!({ "unit": e.unit, "deliveries": e.deliveries }))
        }
        What::Released(e) => ("released", "放行", json!({ "unit": e.unit })),
        What::Signed(e) => (
            "signed",
            "签收",
            json!({ "unit": e.unit, "arrived_after_ms": span_json(&e.arrived_after) }),
        ),
        What::Relayed(e) => (
            "relayed",
            if e.late.is_some() { "超时下派" } else { "下派" },
            json!({
                "from": e.from, "to": e.to, "held_ms": span_json(&e.held),
                "late_ms": span_json(&e.late),
            }),
        ),
        What::Returned(e) => (
            "returned",
            "退单",
            json!({
                "from": e.from, "to": e.to, "held_ms": span_json(&e.held),
                "reason": return_reason(e.reason),
            }),
        ),
        What::Reported(e) => ("reported", "反馈", json!({ "from": e.from, "to": e.to })),
        What::ReportRejected(e) => ("report_rejected", "驳回", json!({ "by": e.by, "to": e.to })),
        What::Closed(e) => {
            ("closed", "办结", json!({ "by": e.by, "after_ms": span_json(&e.after) }))
        }
        What::Warned(e) => (
            "warned",
            "提醒",
            json!({
                "clock": clock_kind(e.clock), "percent": e.percent, "holder": e.holder,
                "due": moment_json(&e.due),
            }),
        ),
        What::Breached(e) => (
            "breached",
            "超时",
            json!({
                "clock": clock_kind(e.clock), "holder": e.holder, "raised_to": e.raised_to,
                "due": moment_json(&e.due),
            }),
        ),
        What::ContactViewed(e) => ("contact_viewed", "查看联系方式", json!({ "unit": e.unit })),
        What::Archived(_) => ("archived", "归档", json!({})),
        What::InformationAsked(e) => {
            ("information_asked", "要求补充", json!({ "until": moment_json(&e.until) }))
        }
        What::InformationSupplied(_) => ("information_supplied", "补充", json!({})),
        What::Answered(_) => ("answered", "直接答复", json!({})),
        What::Declined(e) => {
            ("declined", "不予受理", json!({ "reason": decline_reason(e.reason) }))
        }
        What::HandedOver(e) => ("handed_over", "转接", json!({ "to": emergency(e.to) })),
        What::Merged(e) => ("merged", "并单", json!({ "into": e.into })),
        What::Adopted(e) => ("adopted", "并入", json!({ "child": e.child })),
        What::Disowned(e) => ("disowned", "移出并单", json!({ "child": e.child })),
        What::ResultHeard(e) => ("result_heard", "结果可告知", json!({ "of": e.of })),
        What::ChildrenTold(e) => ("children_told", "并单已告知", json!({ "count": e.count })),
        What::Dispatched(e) => ("dispatched", "派遣", json!({ "to": e.to })),
        What::ReturnDecided(e) => (
            "return_decided",
            if e.designated { "指定办理" } else { "转办" },
            json!({ "by": e.by, "to": e.to, "designated": e.designated }),
        ),
        What::CoHandlerAdded(e) => ("co_handler_added", "增加协办", json!({ "unit": e.unit })),
        What::CoSigned(e) => ("co_signed", "协办签收", json!({ "unit": e.unit })),
        What::CoReported(e) => ("co_reported", "协办反馈", json!({ "unit": e.unit })),
        What::Escalated(e) => ("escalated", "上报", json!({ "from": e.from, "to": e.to })),
        What::ExtensionRequested(e) => (
            "extension_requested",
            "申请延期",
            json!({ "from": e.from, "to": e.to, "by_ms": span_json(&e.by) }),
        ),
        What::ExtensionDecided(e) => (
            "extension_decided",
            if e.granted { "同意延期" } else { "不同意延期" },
            json!({ "by": e.by, "granted": e.granted, "due": moment_json(&e.due) }),
        ),
        What::SuspensionRequested(e) => (
            "suspension_requested",
            "申请挂账",
            json!({ "from": e.from, "to": e.to, "until": moment_json(&e.until) }),
        ),
        What::SuspensionDecided(e) => (
            "suspension_decided",
            if e.granted { "同意挂账" } else { "不同意挂账" },
            json!({ "by": e.by, "granted": e.granted }),
        ),
        What::Resumed(e) => (
            "resumed",
            if e.by_clock { "到期恢复" } else { "恢复" },
            json!({ "by_clock": e.by_clock, "paused_ms": span_json(&e.paused) }),
        ),
        What::Urged(_) => ("urged", "催办", json!({})),
        What::Supervised(e) => (
            "supervised",
            if e.card == 0 { "解除督办" } else { "督办" },
            json!({ "card": if e.card == 0 { Value::Null } else { json!(card(e.card)) } }),
        ),
        What::Terminated(_) => ("terminated", "终止", json!({})),
        What::Withdrawn(_) => ("withdrawn", "撤回", json!({})),
        What::FollowedUp(e) => {
            ("followed_up", "回访", json!({ "outcome": outcome(e.outcome), "round": e.round }))
        }
        What::Reworked(e) => ("reworked", "重办", json!({ "to": e.to, "round": e.round })),
        What::Reopened(e) => ("reopened", "重启", json!({ "by": e.by })),
        What::Recused(e) => ("recused", "回避", json!({ "unit": e.unit })),
        What::Corrected(_) => ("corrected", "更正", json!({})),
        What::ModeSwitched(e) => {
            ("mode_switched", "切换模式", json!({ "mode": mode(e.mode), "restamp": e.restamp }))
        }
        What::Burst(e) => (
            "burst",
            "类案预警",
            json!({
                "town": e.town,
                "order_nos": e.order_nos,
                "since": moment_json(&e.since),
            }),
        ),
        What::Restamped(e) => (
            "restamped",
            "重定时限",
            json!({
                "arrival_due": moment_json(&e.arrival_due),
                "closure_due": moment_json(&e.closure_due),
            }),
        ),
    };
    (name, zh.to_owned() + &more(what), details)
}

/// What people want to know besides the name.
fn more(what: &pb::feed_event::What) -> String {
    use pb::feed_event::What;
    if let What::Warned(e) = what {
        return format!("（{} {}%）", clock_kind_zh(e.clock), e.percent);
    }
    if let What::Burst(e) = what {
        return format!("（{} {} 件）", e.town, e.order_nos.len());
    }
    let word = if let What::Breached(e) = what {
        clock_kind_zh(e.clock)
    } else if let What::Returned(e) = what {
        return_reason_zh(e.reason)
    } else if let What::Declined(e) = what {
        decline_reason_zh(e.reason)
    } else if let What::HandedOver(e) = what {
        emergency_zh(e.to)
    } else if let What::FollowedUp(e) = what {
        outcome_zh(e.outcome)
    } else if let What::ModeSwitched(e) = what {
        mode_zh(e.mode)
    } else if let What::Supervised(e) = what
        && e.card != 0
    {
        card_zh(e.card)
    } else {
        return String::new();
    };
    format!("（{word}）")
}
