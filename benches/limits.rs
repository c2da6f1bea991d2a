//! What a decision costs, for every command, and a deadline on the calendar of working days.
//! `cargo bench --bench limits`

#![allow(missing_docs, dead_code, clippy::unwrap_used, reason = "a measurement may panic")]

#[path = "../tests/domain/make.rs"]
mod make;
#[path = "../tests/domain/table.rs"]
mod table;

use criterion::{Criterion, criterion_group, criterion_main};
use hotline::catalogue::Catalogue;
use hotline::domain::*;
use make::*;
use std::hint::black_box;
use std::time::Duration;
use table::{Says, cell_of, rows};

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    group.sample_size(20).warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_millis(400));
    let new = Command { actor: actor("3304"), action: register(Some(&CHAIN)) };
    group.bench_function("register", |b| b.iter(|| decide(None, black_box(&new), HEARD)));
    let mut measured = vec![ActionName::Register];
    for (i, row) in rows().into_iter().enumerate() {
        let moves = |stage: &&Stage| matches!(cell_of(&row, **stage), Says::To(_));
        let Some(stage) = Stage::ALL.iter().find(moves) else { continue };
        let order = order_in(*stage);
        let now = order.updated_at.plus(Span(1));
        let command = Command { actor: actor("3304"), action: row.0 };
        let name = command.action.name();
        measured.push(name);
        group.bench_function(format!("{name} in {stage}, row {i}"), |b| {
            b.iter(|| decide(black_box(Some(&order)), black_box(&command), now));
        });
    }
    for (order, by, action) in particular() {
        let now = order.updated_at.plus(Span(1));
        let command = Command { actor: actor(by), action };
        let name = command.action.name();
        measured.push(name);
        assert!(!decide(Some(&order), &command, now).unwrap().events.is_empty(), "{name}");
        group.bench_function(format!("{name} in {}", order.stage), |b| {
            b.iter(|| decide(black_box(Some(&order)), black_box(&command), now));
        });
    }
    for name in ActionName::ALL {
        assert!(measured.contains(name) || *name == ActionName::Tick, "{name} is not measured");
    }
    // The order's worst hour: every point of both clocks falls due in one step.
    let order = new_order(Some(&CHAIN), HEARD);
    let tick = Command { actor: actor("3304"), action: tick() };
    group.bench_function("tick, all points at once", |b| {
        b.iter(|| decide(black_box(Some(&order)), black_box(&tick), at(200)));
    });
    group.finish();
}

/// What the table's one order of each stage does not take, on an order that does.
fn particular() -> Vec<(Order, &'static str, Action)> {
    let told =
        |kind, urgency| step(&order_in(Stage::Triage), "3304", correct(urgency, kind), at(1)).after;
    let handling = order_in(Stage::Handling);
    let watched = step(&handling, "3304", Action::Supervise { card: Card::Red }, at(6)).after;
    let helper = unit("330482");
    let helped = step(&handling, CHAIN[3], Action::AddCoHandler { unit: helper }, at(6)).after;
    let parent = (1..=MAX_CHILDREN as u32)
        .fold(handling, |to, seq| step(&to, "3304", adopt(other(100 + seq)), at(6)).after);
    let closed = step(&parent, "3304", DISPOSE, at(7)).after;
    let relayed = step(&order_in(Stage::Assigned), "3304", RELAY, at(2)).after;
    let seen = step(&relayed, CHAIN[1], Action::Deliver, at(3)).after;
    let parked = step(&seen, CHAIN[1], Action::Redeliver { at_most: 0 }, at(4)).after;
    let fire = Action::HandOver { to: Emergency::Fire };
    vec![
        (told(Kind::Inquiry, Urgency::Normal), "3304", Action::Answer),
        (told(Kind::Request, Urgency::Critical), "3304", fire),
        (relayed, CHAIN[1], RETURN),
        (seen, CHAIN[1], Action::Redeliver { at_most: 9 }),
        (parked, CHAIN[1], Action::Release),
        (watched, "3304", Action::LiftSupervision),
        (helped.clone(), "330482", Action::CoSign { unit: helper }),
        (helped, "330482", Action::CoReport { unit: helper }),
        (parent, "3304", Action::Disown { child: other(101) }),
        (closed, "3304", Action::ChildrenTold),
    ]
}

fn deadlines(c: &mut Criterion) {
    let catalogue = Catalogue::builtin().unwrap();
    let calendar = catalogue.calendar();
    // 2026-09-30 in Beijing, before the longest holidays.
    let heard = Timestamp(1_790_730_000_000);
    let mut group = c.benchmark_group("deadline");
    for days in [1, 5, 15, 60] {
        group.bench_function(format!("{days} working days"), |b| {
            b.iter(|| calendar.working_days(black_box(heard), black_box(days)));
        });
    }
    group.bench_function("60 days", |b| {
        b.iter(|| calendar.days(black_box(heard), black_box(60)));
    });
    group.bench_function("stamping a policy", |b| {
        b.iter(|| {
            let (kind, urgency) = (Kind::Suggestion, Urgency::Normal);
            catalogue.policy_for(kind, urgency, black_box(Mode::Ordinary), black_box(heard))
        });
    });
    group.finish();
}

criterion_group!(benches, decisions, deadlines);
criterion_main!(benches);
