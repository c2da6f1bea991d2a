//! What a move asks for beside its stage: every refusal that has a reason of its own.

use super::table::Who::{self, *};
use crate::everywhere::everywhere;
use crate::modes::{switch, to};
use crate::moves::Life;
use crate::server::*;
use hotline::domain::Span;
use hotline::pb;
use pb::Stage::Handling;
use tonic::Code;

/// The way there, whose move, which, why it is refused.
const REFUSED: &[(&str, Who, &str, Code, &str)] = {
    use Code::{
        FailedPrecondition as Cannot, InvalidArgument as Wrong, PermissionDenied as Denied,
    };
    &[
        ("file_vague", Centre, "answer", Cannot, "NOT_AN_INQUIRY"),
        ("file_vague", Centre, "hand_over", Cannot, "NOT_CRITICAL"),
        ("file_vague adopt", Centre, "decline", Cannot, "HAS_MERGED_ORDERS"),
        ("file_vague adopt", Centre, "withdraw", Cannot, "HAS_MERGED_ORDERS"),
        ("file_vague adopt", Centre, "merge", Cannot, "CANNOT_MERGE"),
        ("file relay sign", Holder, "sign", Cannot, "ALREADY_SIGNED"),
        ("file relay relay relay", Holder, "relay", Cannot, "NOBODY_BELOW"),
        ("file", Holder, "return", Cannot, "NOBODY_ABOVE"),
        ("file relay return designate", Holder, "return", Cannot, "UNIT_DESIGNATED"),
        (
            "file relay return transfer return transfer_on return transfer",
            Holder,
            "return",
            Cannot,
            "USED_UP",
        ),
        ("file go_down add_co_handler", Holder, "report", Cannot, "CO_HANDLERS_PENDING"),
        ("file go_down add_co_handler co_sign", Holder, "report", Cannot, "CO_HANDLERS_PENDING"),
        ("file go_down add_co_handler", Holder, "add_co_handler", Cannot, "CANNOT_CO_HANDLE"),
        ("file go_down add_co_handler co_sign", Helper, "co_sign", Cannot, "ALREADY_SIGNED"),
        ("file go_down add_co_handler", Stranger, "co_sign", Cannot, "WRONG_STAGE"),
        ("file go_down add_co_handler", Stranger, "co_report", Denied, "NOT_HOLDER"),
        ("file_tip go_down", Holder, "report", Wrong, "EVIDENCE_MISSING"),
        ("file go_down ask_extension extend", Holder, "ask_extension", Cannot, "USED_UP"),
        ("file go_down", Above, "lift", Cannot, "NOT_SUPERVISED"),
        ("file go_down", Centre, "satisfied", Cannot, "NOT_YET_DUE"),
        (
            "file go_down report close satisfied reopen",
            Centre,
            "reopen",
            Cannot,
            "ALREADY_REOPENED",
        ),
        (
            "file go_down report close satisfied",
            Centre,
            "reopen_with_nothing_new",
            Wrong,
            "NOTHING_NEW",
        ),
    ]
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_move_asks_for_beside_its_stage() {
    everywhere(async |s| {
        switch(s, &to(pb::Mode::Ordinary, pb::InFlight::Keep, 0)).await;
        for (way, who, step, code, reason) in REFUSED {
            let life = Life::new(s);
            life.path(way).await;
            let before = s.order(&life.no()).await;
            let Err(refused) = life.ask(&who.of(&before), step).await else {
                panic!("`{way}`, then {step}")
            };
            let (said, why, _) = told(&refused);
            assert_eq!((said, &*why), (*code, *reason), "`{way}`, then {step}");
            let after = s.order(&life.no()).await;
            assert_eq!(before.version, after.version, "`{way}`, then {step}: nothing half-done");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_deadline_there_is_no_more_time_and_the_citizen_is_owed_a_word() {
    everywhere(async |s| {
        let (late, asked) = (Life::new(s), Life::new(s));
        late.path("file go_down").await;
        asked.path("file go_down ask_extension").await;
        let due = s.order(&late.no()).await.closure.unwrap().due_at;
        s.later(Span::minutes(181));
        for (life, step) in [(&late, "ask_extension"), (&asked, "extend")] {
            let holder = s.order(&life.no()).await.holder;
            let refused = life.ask(&holder, step).await.unwrap_err();
            let (code, reason, _) = told(&refused);
            assert_eq!((code, &*reason), (Code::FailedPrecondition, "DEADLINE_PASSED"), "{step}");
        }
        // Whoever decides may still refuse it, and the order goes on.
        let approver = s.order(&asked.no()).await.holder;
        asked.ask(&approver, "do_not_extend").await.unwrap();
        let order = s.order(&asked.no()).await;
        assert_eq!((order.stage(), order.extended), (Handling, 0));
        for outcome in ["unreached", "satisfied"] {
            late.path(outcome).await;
            let order = s.order(&late.no()).await;
            let closure = order.closure.clone().unwrap();
            assert_eq!((order.stage(), closure.stopped_at), (Handling, None), "it goes on");
            assert_eq!((closure.breached_at, closure.due_at), (due, due), "at the limit exactly");
        }
    })
    .await;
}
