//! An order's story onto the wire: each piece as fields, and as a sentence.

use super::enums::Wire;
use super::to_proto::{pause, span, time, unit, units};
use crate::dispatch::{ClockStory, Holding, Next, Reason, Story, Words, timer_name};
use crate::domain::{Event, Level, OrderNo, Span};
use crate::pb;

pub(super) fn told(story: &Story, words: Words) -> pb::ExplainOrderResponse {
    let level = |(level, held): &(Level, Span)| pb::LevelHeld {
        level: level.to_pb().into(),
        held: Some(span(*held)),
    };
    pb::ExplainOrderResponse {
        order_no: story.no.to_string(),
        version: story.version,
        stage: story.stage.to_pb().into(),
        at: Some(time(story.now)),
        text: words.summary(story),
        holdings: story.holdings.iter().map(|h| holding(h, words)).collect(),
        levels: story.levels.iter().map(level).collect(),
        reasons: story.reasons.iter().map(|r| reason(r, words)).collect(),
        clocks: story.clocks.iter().map(|c| clock(c, words)).collect(),
        next: Some(next(&story.next, words)),
        passages: story.passages.iter().map(|event| passage(event, story.no, words)).collect(),
        complete: story.complete,
    }
}

fn holding(holding: &Holding, words: Words) -> pb::Holding {
    let left = holding.left;
    let leg = pb::Leg {
        unit: holding.unit.to_string(),
        duty: holding.duty.to_pb().into(),
        started_at: Some(time(holding.from)),
        delivered_at: holding.delivered_at.map(time),
        signed_at: holding.signed_at.map(time),
        ended_at: left.map(|left| time(left.at)),
        ending: left.map_or(0, |left| left.how.to_pb().into()),
        held: Some(span(holding.held)),
    };
    pb::Holding {
        leg: Some(leg),
        unit_name: words.unit(holding.unit),
        share: holding.share.map(span),
        to: unit(left.and_then(|left| left.to)),
        reason: left.and_then(|left| left.reason).map_or(0, |reason| reason.to_pb().into()),
        text: words.holding(holding),
    }
}

fn reason(reason: &Reason, words: Words) -> pb::Reason {
    let mut words_found = Vec::new();
    if let Reason::Read { clues, .. } = reason {
        words_found.extend(clues.iter().map(|clue| clue.word.clone()));
    }
    pb::Reason {
        name: reason.name().to_owned(),
        at: reason.at().map(time),
        text: words.reason(reason),
        clues: words_found,
    }
}

fn clock(clock: &ClockStory, words: Words) -> pb::ClockStory {
    let warnings = clock.warnings.iter().map(|warning| pb::ClockWarning {
        percent: warning.percent.into(),
        at: warning.at.map(time),
        holder: unit(warning.holder),
    });
    pb::ClockStory {
        clock: clock.kind.to_pb().into(),
        round: clock.round.into(),
        from: Some(time(clock.from)),
        limit: Some(span(clock.limit)),
        granted: Some(span(clock.granted)),
        due_at: Some(time(clock.due)),
        used: Some(span(clock.used)),
        stood: Some(span(clock.stood)),
        pauses: clock.pauses.iter().map(pause).collect(),
        warnings: warnings.collect(),
        standing: clock.standing.name().to_owned(),
        breached_at: clock.breached_at.map(time),
        breached_by: unit(clock.breached_by),
        raised_to: unit(clock.raised_to),
        stopped_at: clock.stopped_at.map(time),
        text: words.clock(clock),
    }
}

fn next(next: &Next, words: Words) -> pb::NextStep {
    pb::NextStep {
        unit: unit(next.task.map(|(unit, _)| unit)),
        task: next.task.map(|(_, task)| task.name().to_owned()).unwrap_or_default(),
        at: next.timer.map(|(at, _, _)| time(at)),
        timer: next.timer.map(|(_, timer, _)| timer_name(timer).to_owned()).unwrap_or_default(),
        moves_to: unit(next.moves_to),
        at_stake: next.at_stake.map_or(0, |(kind, _)| kind.to_pb().into()),
        due_at: next.at_stake.map(|(_, due)| time(due)),
        co_handlers: units(&next.helpers),
        calm: next.calm.map(|calm| calm.name().to_owned()).unwrap_or_default(),
        text: words.next(next),
    }
}

fn passage(event: &Event, of: OrderNo, words: Words) -> pb::Passage {
    pb::Passage {
        at: Some(time(event.at)),
        version: if event.order == of { event.version } else { 0 },
        event: event.what.name().to_owned(),
        unit: event.actor.unit.to_string(),
        role: event.actor.role.to_pb().into(),
        text: words.passage(event),
    }
}
