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
    for (i, row) in rows().into_iter().enumerate() {
        let moves = |stage: &&Stage| matches!(cell_of(&row, **stage), Says::To(_));
        let Some(stage) = Stage::ALL.iter().find(moves) else { continue };
        let order = order_in(*stage);
        let now = order.updated_at.plus(Span(1));
        let command = Command { actor: actor("3304"), action: row.0 };
        let name = format!("{} in {stage}, row {i}", command.action.name());
        group.bench_function(name, |b| {
            b.iter(|| decide(black_box(Some(&order)), black_box(&command), now));
        });
    }
    // The order's worst hour: every point of both clocks falls due in one step.
    let order = new_order(Some(&CHAIN), HEARD);
    let tick = Command { actor: actor("3304"), action: tick() };
    group.bench_function("tick, all points at once", |b| {
        b.iter(|| decide(black_box(Some(&order)), black_box(&tick), at(200)));
    });
    group.finish();
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
