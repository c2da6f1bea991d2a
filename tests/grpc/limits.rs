//! The limits and the way an order has once somebody decided anew, and the job that stamps the
//! orders in flight when something goes wrong under it.

use crate::everywhere::everywhere;
use crate::faulty::Faulty;
use crate::modes::{closure_due, restamped, status, switch, to};
use crate::moves::Life;
use crate::server::*;
use hotline::domain::{
    Action, Actor, Correct, Kind, Order, OrderNo, Reading, Role, Span, Timestamp,
};
use hotline::pb;
use hotline::store::memory::Memory;
use hotline::store::{Change, Store};
use std::sync::Arc;
use tonic::Code;

/// 2022-03-25 at 24:00 in Beijing: a Friday.
const FRIDAY: i64 = 1_648_224_000;
const DAY: Span = Span::hours(24);
/// Schools: the county's education bureau answers for them.
const SCHOOLS: &str = "0901";
/// The town answers for it.
const OF_THE_TOWN: &str = "0203";

async fn filed(s: &Server, kind: pb::Kind) -> String {
    let submission = Some(pb::Submission { kind: kind.into(), ..matter() });
    let request = pb::SubmitOrderRequest { request_id: id(), submission, skip_repeats: true };
    let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
    answer.into_inner().receipt.unwrap().order_no
}

/// An order whose life goes on by the names of moves.
fn life<'a>(s: &'a Server, no: &str) -> Life<'a> {
    let life = Life::new(s);
    no.clone_into(&mut life.no.lock().unwrap());
    life
}

async fn correct(s: &Server, no: &str, what: pb::CorrectOrderRequest) -> pb::Order {
    let request = pb::CorrectOrderRequest { request_id: id(), order_no: no.to_owned(), ..what };
    s.command().correct_order(by(CENTRE, "dispatcher", request)).await.unwrap();
    s.order(no).await
}

async fn ordinary(s: &Server) {
    switch(s, &to(pb::Mode::Ordinary, pb::InFlight::Keep, 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_order_has_the_limits_of_what_it_was_decided_to_be() {
    everywhere(async |s| {
        let vague = Life::new(s);
        vague.path("file_vague").await;
        let guessed = s.order(&vague.no()).await;
        assert_eq!(guessed.policy_id, 1, "wartime's for everything");
        ordinary(s).await;
        let request = pb::AcceptOrderRequest {
            request_id: id(),
            order_no: vague.no(),
            category: category(),
            division: VILLAGE.to_owned(),
            kind: pb::Kind::Complaint.into(),
            urgency: pb::Urgency::Urgent.into(),
            ..Default::default()
        };
        s.command().accept_order(by(CENTRE, "dispatcher", request)).await.unwrap();
        let order = s.order(&vague.no()).await;
        assert_eq!(order.policy_id, 2, "what is urgent, in the mode in force");
        let (heard, due) =
            (order.heard_at.unwrap().seconds, order.closure.unwrap().due_at.unwrap());
        assert_eq!(due.seconds - heard, 24 * 3_600, "from when the citizen was heard");
        // Which policy, and of which catalogue, is on the order.
        assert!(order.policy_version > 0);
        assert_eq!((order.policy_version, order.catalogue_version), (1, 1));
        assert!(order.rule > 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_taken_back_gives_a_paused_order_exactly_what_it_had() {
    everywhere(async |s| {
        ordinary(s).await;
        let no = filed(s, pb::Kind::Complaint).await;
        let order = life(s, &no);
        order.path("go_down ask_extension extend").await;
        s.later(DAY);
        order.path("ask_suspension suspend").await;
        let before = closure_due(s, &no).await;
        switch(s, &to(pb::Mode::Wartime, pb::InFlight::Restamp, 1)).await;
        restamped(s).await;
        assert_eq!(closure_due(s, &no).await, s.now(), "three hours are long over: now");
        switch(s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 2)).await;
        restamped(s).await;
        assert_eq!(closure_due(s, &no).await, before);
        s.later(Span::minutes(20));
        order.path("resume").await;
        assert_eq!(closure_due(s, &no).await, before + 20 * 60);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_again_counts_its_own_working_days() {
    everywhere(async |s| {
        ordinary(s).await;
        let no = filed(s, pb::Kind::Complaint).await;
        let order = life(s, &no);
        order.path("go_down").await;
        s.later(Span::hours(3 * 24));
        order.path("report supply close").await;
        // From Thursday to Saturday: five working days from there end with Friday.
        s.later(Span::hours(2 * 24));
        order.path("dissatisfied").await;
        assert_eq!(closure_due(s, &no).await, FRIDAY);
        let reworked = s.order(&no).await;
        let round = &reworked.rounds[0];
        let get = pb::GetOrderRequest { order_no: no.clone() };
        let papers = s.intake().get_order(by(CENTRE, "agent", get)).await.unwrap();
        let papers = papers.into_inner().papers;
        let body = &papers[round.report as usize].body;
        assert_eq!(body, "现场已查看。", "the first result is the report, not what came after");
        // A switch there and back counts from the same zero.
        for (mode, version) in [(pb::Mode::Wartime, 1), (pb::Mode::Ordinary, 2)] {
            switch(s, &to(mode, pb::InFlight::Restamp, version)).await;
            restamped(s).await;
        }
        assert_eq!(closure_due(s, &no).await, FRIDAY);
        // As does a correction of the place.
        let town = VILLAGE[..9].to_owned();
        correct(s, &no, pb::CorrectOrderRequest { division: town, ..Default::default() }).await;
        assert_eq!(closure_due(s, &no).await, FRIDAY);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_order_never_goes_to_a_village_that_may_not_lead_it() {
    everywhere(async |s| {
        let no = filed(s, pb::Kind::Complaint).await;
        let order = life(s, &no);
        order.path("relay relay relay").await;
        let before = s.order(&no).await;
        assert_eq!(before.holder, VILLAGE);
        let schools = pb::CorrectOrderRequest { category: SCHOOLS.into(), ..Default::default() };
        let after = correct(s, &no, schools).await;
        let (county, bureau) = (&VILLAGE[..6], format!("{}-003", &VILLAGE[..6]));
        assert_eq!((after.holder.as_str(), after.next_down.as_str()), (county, bureau.as_str()));
        assert_eq!(after.chain, [CENTRE, county, &bureau]);
        assert_ne!(after.rule, before.rule);
        assert_eq!(after.arrival.unwrap().due_at, before.arrival.unwrap().due_at);

        // A village that gave back what is not its own is not made to keep it, either.
        let no = filed(s, pb::Kind::Complaint).await;
        let order = life(s, &no);
        order.path("relay relay relay return").await;
        let town = pb::CorrectOrderRequest { category: OF_THE_TOWN.into(), ..Default::default() };
        assert_eq!(correct(s, &no, town).await.holder, VILLAGE[..9]);
        let refused = order.step("designate").await.unwrap_err();
        assert_eq!(refused.0, Code::InvalidArgument);
        let request = pb::DecideReturnRequest {
            request_id: id(),
            order_no: no.clone(),
            to_unit: VILLAGE[..9].to_owned(),
            designate: false,
        };
        s.command().decide_return(by(CENTRE, "dispatcher", request)).await.unwrap();
        let kept = s.order(&no).await;
        assert_eq!((kept.holder.as_str(), kept.next_down.as_str()), (&VILLAGE[..9], ""));
    })
    .await;
}

async fn plain_weekends(s: &Server) -> u64 {
    let asked = by(CENTRE, "dispatcher", pb::DoctorRequest::default());
    s.admin().doctor(asked).await.unwrap().into_inner().plain_weekends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_in_a_year_without_holidays_says_so_on_the_order_and_to_the_doctor() {
    everywhere(async |s| {
        ordinary(s).await;
        // 2026-12-29 08:40 in Beijing: the next day is still of a published year.
        let then = Timestamp(1_798_504_800_000);
        s.later(then.since(NOW));
        let no = filed(s, pb::Kind::Inquiry).await;
        assert!(!s.order(&no).await.plain_weekends);
        assert_eq!(plain_weekends(s).await, 0);
        let order = life(s, &no);
        order.path("go_down report close").await;
        // Done again on the last day of the year it reaches into the next.
        s.later(Span::hours(48));
        order.path("dissatisfied").await;
        assert!(s.order(&no).await.plain_weekends);
        assert_eq!(plain_weekends(s).await, 1);
        let fixed =
            pb::CorrectOrderRequest { urgency: pb::Urgency::Critical.into(), ..Default::default() };
        assert!(!correct(s, &no, fixed).await.plain_weekends, "a fixed span needs no holidays");
        assert_eq!(plain_weekends(s).await, 0);
    })
    .await;
}

async fn faulty() -> (Arc<Faulty>, Server) {
    let store = Faulty::new(Arc::new(Memory::new(CENTRE.parse().unwrap())));
    let server = Server::on(Arc::clone(&store) as Arc<dyn Store>).await;
    (store, server)
}

async fn five(s: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(filed(s, pb::Kind::Complaint).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_that_cannot_be_stamped_keeps_no_other_from_it() {
    let (store, s) = faulty().await;
    let all = five(&s).await;
    store.faults.lock().unwrap().damaged.push(all[2].parse().unwrap());
    switch(&s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 0)).await;
    assert_eq!(restamped(&s).await, 4);
    let job = status(&s).await.restamping.unwrap();
    assert_eq!((job.failed, job.looked), (1, 5));
    store.faults.lock().unwrap().damaged.clear();
    for no in &all {
        let expected = if *no == all[2] { 1 } else { 4 };
        assert_eq!(s.order(no).await.policy_id, expected);
    }
    // Mended, it is stamped by asking again.
    switch(&s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 1)).await;
    assert_eq!(restamped(&s).await, 1);
    assert_eq!(status(&s).await.restamping.unwrap().failed, 0);
    assert_eq!(s.order(&all[2]).await.policy_id, 4);
    s.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_gone_through_again_counts_the_same() {
    let (store, s) = faulty().await;
    five(&s).await;
    store.faults.lock().unwrap().lost_progress = 2;
    switch(&s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 0)).await;
    assert_eq!(restamped(&s).await, 5);
    assert_eq!(store.faults.lock().unwrap().lost_progress, 0);
    s.running.stop().await;
}

/// An order that somebody corrects to an inquiry while another decides about it.
async fn corrected_meanwhile(store: &Faulty, no: &str) -> Change {
    let no: OrderNo = no.parse().unwrap();
    let before: Arc<Order> = store.store.load(no).await.unwrap().unwrap();
    let reading = Reading { kind: Kind::Inquiry, ..before.reading.clone() };
    let correct = Correct { reading, policy: before.policy.clone(), way: None };
    let actor = Actor { staff: "t002".into(), unit: no.cell().centre(), role: Role::Dispatcher };
    let command = hotline::domain::Command { actor, action: Action::Correct(Box::new(correct)) };
    let decision = hotline::domain::decide(Some(&before), &command, before.updated_at).unwrap();
    Change {
        before: Some(before),
        after: Arc::new(decision.after),
        events: decision.events,
        papers: Vec::new(),
        contact: None,
        request: None,
        lease: None,
        mode: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_of_the_order_as_it_is_when_it_is_stamped() {
    let (store, s) = faulty().await;
    // By a switch …
    let no = filed(&s, pb::Kind::Complaint).await;
    let sooner = corrected_meanwhile(&store, &no).await;
    store.faults.lock().unwrap().sooner = Some(sooner);
    switch(&s, &to(pb::Mode::Ordinary, pb::InFlight::Restamp, 0)).await;
    restamped(&s).await;
    assert!(store.faults.lock().unwrap().sooner.is_none());
    let order = s.order(&no).await;
    assert_eq!((order.reading.unwrap().kind(), order.policy_id), (pb::Kind::Inquiry, 3));
    // … and by another correction, which takes nothing back.
    let no = filed(&s, pb::Kind::Complaint).await;
    let sooner = corrected_meanwhile(&store, &no).await;
    store.faults.lock().unwrap().sooner = Some(sooner);
    let town = VILLAGE[..9].to_owned();
    let what = pb::CorrectOrderRequest { division: town.clone(), ..Default::default() };
    let order = correct(&s, &no, what).await;
    let reading = order.reading.clone().unwrap();
    assert_eq!((reading.kind(), order.policy_id), (pb::Kind::Inquiry, 3));
    assert!(reading.division.starts_with(&town));
    s.running.stop().await;
}
