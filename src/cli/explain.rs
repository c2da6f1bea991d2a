//! `hotline order explain`: an order's story.

use super::client::ClientArgs;
use super::failure::Failure;
use super::output::OutputArgs;
use super::show;
use crate::domain::{Level, Role};
use crate::pb;
use crate::pb::intake_service_client::IntakeServiceClient;
use clap::Args;
use serde_json::{Value, json};

/// Tells an order's story: who held it how long, why it went where it went, what each clock
/// says, what happens next.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hotline order explain 3304-261123-00042-5\n  \
                        hotline order explain 3304-261123-00042-5 -o json")]
pub(super) struct ExplainArgs {
    /// The order's number.
    order_no: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: ExplainArgs) -> Result<(), Failure> {
    let server = args.client.connect(Role::Dispatcher).await?;
    let request = server.stamp(pb::ExplainOrderRequest { order_no: args.order_no });
    let answer = IntakeServiceClient::new(server.channel.clone()).explain_order(request).await;
    let story = server.answer(answer)?;
    args.output.print(|| story_json(&story), || screen(&story))
}

/// The story on a screen: a heading, and a line for each piece.
fn screen(story: &pb::ExplainOrderResponse) -> String {
    let levels = story.levels.iter().map(|level| {
        let held = show::span(&level.held).unwrap_or_default();
        format!("{} {held}", level_of(level).map_or("?", show::level_zh))
    });
    let levels = format!("各级用时：{}", levels.collect::<Vec<_>>().join("，"));
    let holdings = story.holdings.iter().map(|holding| holding.text.clone()).chain([levels]);
    let what = if story.complete {
        "经过"
    } else {
        "经过（更早或更多的已不在事件流中）"
    };
    let next = story.next.iter().map(|next| next.text.clone());
    let parts: [(&str, Vec<String>); 5] = [
        ("谁持有、多久", holdings.collect()),
        ("为何到此", story.reasons.iter().map(|reason| reason.text.clone()).collect()),
        ("时钟", story.clocks.iter().map(|clock| clock.text.clone()).collect()),
        (what, story.passages.iter().map(|passage| passage.text.clone()).collect()),
        ("接下来", next.collect()),
    ];
    let mut screen = format!("{}\n", story.text);
    for (heading, lines) in parts {
        screen += &format!("\n{heading}\n");
        for line in lines {
            screen += &format!("  {line}\n");
        }
    }
    screen
}

fn level_of(held: &pb::LevelHeld) -> Option<Level> {
    usize::try_from(held.level).ok()?.checked_sub(1).and_then(|at| Level::ALL.get(at)).copied()
}

/// The story for programs: moments in RFC 3339, spans in milliseconds.
fn story_json(story: &pb::ExplainOrderResponse) -> Value {
    let levels = story.levels.iter().map(|level| {
        json!({
            "level": level_of(level).map(Level::name),
            "held_ms": show::span_json(&level.held),
        })
    });
    let reasons = story.reasons.iter().map(|reason| {
        json!({
            "name": reason.name,
            "at": show::moment_json(&reason.at),
            "clues": reason.clues,
            "text": reason.text,
        })
    });
    let passages = story.passages.iter().map(|passage| {
        json!({
            "at": show::moment_json(&passage.at),
            "version": passage.version,
            "event": passage.event,
            "unit": passage.unit,
            "role": show::role(passage.role),
            "text": passage.text,
        })
    });
    json!({
        "order_no": story.order_no,
        "version": story.version,
        "stage": show::stage(story.stage),
        "at": show::moment_json(&story.at),
        "text": story.text,
        "holdings": story.holdings.iter().map(holding_json).collect::<Vec<_>>(),
        "levels": levels.collect::<Vec<_>>(),
        "reasons": reasons.collect::<Vec<_>>(),
        "clocks": story.clocks.iter().map(clock_json).collect::<Vec<_>>(),
        "next": story.next.as_ref().map(next_json),
        "passages": passages.collect::<Vec<_>>(),
        "complete": story.complete,
    })
}

fn holding_json(holding: &pb::Holding) -> Value {
    let mut all = show::leg_json(&holding.leg.clone().unwrap_or_default());
    all["unit_name"] = json!(holding.unit_name);
    all["share_ms"] = show::span_json(&holding.share);
    all["to"] = json!(holding.to);
    all["reason"] = match holding.reason {
        0 => Value::Null,
        reason => json!(show::return_reason(reason)),
    };
    all["text"] = json!(holding.text);
    all
}

fn clock_json(clock: &pb::ClockStory) -> Value {
    let warnings = clock.warnings.iter().map(|warning| {
        json!({
            "percent": warning.percent,
            "at": show::moment_json(&warning.at),
            "holder": warning.holder,
        })
    });
    json!({
        "clock": show::clock_kind(clock.clock),
        "round": clock.round,
        "from": show::moment_json(&clock.from),
        "limit_ms": show::span_json(&clock.limit),
        "granted_ms": show::span_json(&clock.granted),
        "due_at": show::moment_json(&clock.due_at),
        "used_ms": show::span_json(&clock.used),
        "stood_ms": show::span_json(&clock.stood),
        "pauses": clock.pauses.iter().map(show::pause_json).collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "standing": clock.standing,
        "breached_at": show::moment_json(&clock.breached_at),
        "breached_by": clock.breached_by,
        "raised_to": clock.raised_to,
        "stopped_at": show::moment_json(&clock.stopped_at),
        "text": clock.text,
    })
}

fn next_json(next: &pb::NextStep) -> Value {
    json!({
        "unit": next.unit,
        "task": next.task,
        "at": show::moment_json(&next.at),
        "timer": next.timer,
        "moves_to": next.moves_to,
        "at_stake": match next.at_stake {
            0 => Value::Null,
            kind => json!(show::clock_kind(kind)),
        },
        "due_at": show::moment_json(&next.due_at),
        "co_handlers": next.co_handlers,
        "calm": next.calm,
        "text": next.text,
    })
}
