//! Every row of the table, driven by whom it belongs to; and what no row allows, refused.

use super::clocks::{Clocks, Promises};
use super::table::{Leads, Row, helpers, rows, way_to};
use crate::everywhere::everywhere;
use crate::modes::{switch, to};
use crate::moves::{Life, filed_as};
use crate::server::*;
use hotline::domain::{ActionName, Span, Stage, allowed};
use hotline::pb;
use std::collections::BTreeSet;
use tonic::Code;
use tonic_types::StatusExt;

/// In ordinary times what is corrected or accepted has other limits, so that a stamp shows.
async fn ordinary(s: &Server) {
    switch(s, &to(pb::Mode::Ordinary, pb::InFlight::Keep, 0)).await;
}

fn stage_of(order: &pb::Order) -> Stage {
    Stage::from_byte(order.stage as u8).unwrap()
}

#[test]
fn every_move_that_is_allowed_has_its_row_and_no_other_has() {
    let rows = rows();
    for stage in Stage::ALL {
        let listed = rows.iter().filter(|row| row.from.contains(stage));
        let listed: BTreeSet<ActionName> = listed.map(|row| row.action).collect();
        let allowed: BTreeSet<ActionName> = allowed(*stage).iter().copied().collect();
        let without: Vec<_> = allowed.difference(&listed).map(|name| name.name()).collect();
        assert!(without.is_empty(), "no row drives, in {stage}: {}", without.join(", "));
        let forbidden: Vec<_> = listed.difference(&allowed).map(|name| name.name()).collect();
        assert!(forbidden.is_empty(), "in {stage} nobody may: {}", forbidden.join(", "));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_leads_where_it_says_and_does_to_the_clocks_what_it_says() {
    everywhere(async |s| {
        ordinary(s).await;
        for row in rows().iter().chain(&helpers()) {
            for stage in row.from {
                driven(s, row, *stage).await;
            }
        }
    })
    .await;
}

/// One row from one stage: first by whom it is not, then by whom it is.
async fn driven(s: &Server, row: &Row, from: Stage) {
    let life = Life::new(s);
    let past = row.past(from);
    life.path(&past).await;
    s.later(Span::minutes(1));
    let before = s.order(&life.no()).await;
    let what = format!("`{past}`, then {}", row.step);
    assert_eq!(stage_of(&before), from, "{what}");
    for (unit, reason) in row.who.not(&before) {
        let refused = life.ask(&unit, row.step).await.unwrap_err();
        let (code, said, _) = told(&refused);
        assert_eq!((code, &*said), (Code::PermissionDenied, reason), "{what}, by {unit}");
    }
    assert_eq!(s.order(&life.no()).await.version, before.version, "{what}: nothing half-done");

    let unit = row.who.of(&before);
    let came = life.ask(&unit, row.step).await;
    let after = s.order(&life.no()).await;
    let leads = match row.leads {
        Leads::To(stage) => stage,
        Leads::Stays | Leads::No(_) => from,
    };
    assert_eq!(stage_of(&after), leads, "{what}, by {unit}: {came:?}");
    match (row.leads, came) {
        (Leads::No(reason), Err(refused)) => {
            let (code, said, _) = told(&refused);
            assert_eq!((code, &*said), (Code::FailedPrecondition, reason), "{what}, by {unit}");
            assert_eq!(after.version, before.version, "{what}: nothing half-done");
        }
        (Leads::To(_) | Leads::Stays, Ok(_)) => assert!(after.version > before.version, "{what}"),
        (_, came) => panic!("{what}, by {unit}: {came:?}"),
    }
    let promised = Promises::of(&before).then(row.clocks, s.moment(), &before, &after);
    assert_eq!(Promises::of(&after), promised, "{what}");
    if row.action == ActionName::Reopened {
        // The new order goes its own way with clocks of its own; each names the other.
        let new = s.order(&after.reopened_as).await;
        assert_eq!((&new.reopens, new.stage()), (&after.order_no, pb::Stage::Assigned));
        assert_eq!(Promises::of(&new), Promises::new(&new, s.moment()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_clocks_begin_when_the_citizen_was_heard() {
    everywhere(async |s| {
        ordinary(s).await;
        for (step, stage) in [
            ("file", pb::Stage::Assigned),
            ("file_vague", pb::Stage::Triage),
            ("file_inquiry", pb::Stage::Triage),
            ("file_119", pb::Stage::HandedOver),
        ] {
            let heard_at = s.moment();
            s.later(Span::minutes(10));
            let submission = Some(pb::Submission { heard_at: Some(heard_at), ..filed_as(step) });
            let request =
                pb::SubmitOrderRequest { request_id: id(), submission, ..Default::default() };
            let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
            let order = s.order(&answer.into_inner().receipt.unwrap().order_no).await;
            assert_eq!(order.stage(), stage, "{step}");
            // Life and safety waits nowhere: it is handed over as it is written down.
            let does = if step == "file_119" { Clocks::Stop } else { Clocks::Untouched };
            let begun = Promises::new(&order, heard_at);
            let begun = begun.then(does, s.moment(), &order, &order);
            assert_eq!(Promises::of(&order), begun, "{step}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_row_allows_is_refused_with_the_stage_the_move_and_what_is_allowed() {
    everywhere(async |s| {
        let mut moves: Vec<_> = rows().iter().map(|row| (row.action, row.step)).collect();
        moves.sort();
        moves.dedup();
        for stage in Stage::ALL {
            let life = Life::new(s);
            life.path(way_to(*stage)).await;
            let before = s.order(&life.no()).await;
            assert_eq!(stage_of(&before), *stage);
            let names: Vec<_> = allowed(*stage).iter().map(|name| name.name()).collect();
            for (action, step) in &moves {
                if allowed(*stage).contains(action) {
                    continue;
                }
                let what = format!("{step} in {stage}");
                let Err(refused) = life.ask(CENTRE, step).await else { panic!("{what}") };
                let (code, reason, _) = told(&refused);
                let expected = (Code::FailedPrecondition, "WRONG_STAGE");
                assert_eq!((code, &*reason), expected, "{what}");
                let said = refused.get_details_error_info().unwrap().metadata;
                assert_eq!(said["stage"], stage.name(), "{what}");
                assert_eq!(said["action"], action.name(), "{what}");
                assert_eq!(said["allowed"], names.join(","), "{what}");
            }
            let after = s.order(&life.no()).await;
            assert_eq!(after.version, before.version, "nothing half-done in {stage}");
        }
    })
    .await;
}
