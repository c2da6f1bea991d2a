//! The picture of the life cycle in the README is what the table says, line by line.

use crate::make::*;
use crate::table::{Says, cell_of, rows};
use hotline::domain::*;
use std::collections::BTreeMap;
use std::fmt::Write;

/// From so many stages on, a move is written beside the picture instead of into it.
const EVERYWHERE: usize = 5;

/// An edge that the table's one order for each stage does not take, tried here.
fn variant(order: Order, by: &str, action: Action, minute: i64) -> (Stage, Stage, &'static str) {
    let (from, name) = (order.stage, action.name().zh());
    (from, step(&order, by, action, at(minute)).after.stage, name)
}

/// Where each move leads: by name and destination, the stages it leads there from.
fn edges() -> BTreeMap<(Stage, &'static str), Vec<Stage>> {
    let mut edges: BTreeMap<(Stage, &'static str), Vec<Stage>> = BTreeMap::new();
    let mut add = |from: Stage, to: Stage, name| {
        let all = edges.entry((to, name)).or_default();
        if from != to && !all.contains(&from) {
            all.push(from);
        }
    };
    for row in rows() {
        for from in Stage::ALL.iter().copied() {
            if let Says::To(to) = cell_of(&row, from) {
                let dissatisfied = follow_up(Outcome::Dissatisfied);
                let name = if row.0 == dissatisfied { "重办" } else { row.0.name().zh() };
                add(from, to, name);
            }
        }
    }
    let told =
        |kind, urgency| step(&order_in(Stage::Triage), "3304", correct(urgency, kind), at(1)).after;
    let at_the_front = {
        let direct = accept_to(Some(plan(&CHAIN)), true);
        step(&order_in(Stage::Triage), "3304", direct, at(1)).after
    };
    for (from, to, name) in [
        variant(told(Kind::Inquiry, Urgency::Normal), "3304", Action::Answer, 2),
        variant(
            told(Kind::Request, Urgency::Critical),
            "3304",
            Action::HandOver { to: Emergency::Fire },
            2,
        ),
        variant(at_the_front, CHAIN[3], Action::Sign, 2),
        variant(step(&order_in(Stage::Assigned), "3304", RELAY, at(2)).after, CHAIN[1], RETURN, 3),
        variant(order_in(Stage::Triage), "3304", tick(), 6),
        variant(order_in(Stage::Dispatching), "3304", tick(), 6),
        variant(order_in(Stage::Suspended), "3304", tick(), 70),
        variant(order_in(Stage::FollowUp), "3304", tick(), 10_000),
    ] {
        add(from, to, name);
    }
    edges.retain(|_, from| !from.is_empty());
    edges
}

fn painted() -> String {
    let mut picture = String::from("```mermaid\nstateDiagram-v2\n");
    let name = |stage: Stage| format!("{stage:?}");
    for stage in Stage::ALL {
        writeln!(picture, "    {}: {} {stage}", name(*stage), stage.zh()).unwrap();
    }
    let (mut lines, mut beside) = (BTreeMap::new(), Vec::new());
    for to in ["Triage", "Assigned", "HandedOver"] {
        lines.insert(("[*]".to_owned(), to.to_owned()), vec!["登记"]);
    }
    for ((to, action), from) in edges() {
        if from.len() >= EVERYWHERE {
            let all: Vec<_> = from.iter().map(|stage| stage.zh()).collect();
            beside.push(format!("- {action} → {}：{}", to.zh(), all.join("、")));
            continue;
        }
        for from in from {
            lines.entry((name(from), name(to))).or_insert_with(Vec::new).push(action);
        }
    }
    for ((from, to), actions) in lines {
        writeln!(picture, "    {from} --> {to}: {}", actions.join(" · ")).unwrap();
    }
    picture.push_str("```\n\n");
    picture.push_str(&beside.join("\n"));
    picture.push_str("\n\n| stage | 中文 | what may be done |\n|---|---|---|\n");
    for stage in Stage::ALL {
        let moves: Vec<_> = allowed(*stage).iter().map(|action| action.name()).collect();
        let moves = if moves.is_empty() { "–".to_owned() } else { moves.join(", ") };
        writeln!(picture, "| `{stage}` | {} | {moves} |", stage.zh()).unwrap();
    }
    picture
}

#[test]
fn the_readme_shows_the_life_cycle_as_it_is() {
    let readme = include_str!("../../README.md");
    let (begin, end) = ("<!-- life cycle -->\n", "<!-- /life cycle -->");
    let shown = readme.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    let shown = shown.map_or("", |(shown, _)| shown);
    let painted = painted();
    assert!(shown == painted, "between {begin}and {end} the README must say:\n{painted}");
}
