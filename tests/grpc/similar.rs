//! Similar orders: offered while the agent types, and told of when many come at once.

use crate::everywhere::{everywhere, on_every_store};
use crate::server::*;
use hotline::dispatch::{Dispatch, Reader};
use hotline::domain::{Span, What};
use hotline::pb;
use std::time::Duration;

const TEXT: &str =
    "幸福小区北门外的工地每天夜里十一点以后还在打桩，孩子没法睡觉，打电话给物业也没有人管。";

fn told(text: &str) -> pb::Submission {
    pb::Submission { title: "夜间施工噪音".to_owned(), text: text.to_owned(), ..matter() }
}

async fn file(s: &Server, matter: pb::Submission) -> String {
    let (request_id, submission) = (id(), Some(matter));
    let request = pb::SubmitOrderRequest { request_id, submission, skip_repeats: true };
    let answer = s.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
    answer.into_inner().receipt.unwrap().order_no
}

async fn preview(
    s: &Server,
    unit: &str,
    matter: &pb::Submission,
    phone: &str,
) -> pb::PreviewOrderResponse {
    let request = pb::PreviewOrderRequest {
        title: matter.title.clone(),
        text: matter.text.clone(),
        phone: phone.to_owned(),
        category: matter.category.clone(),
        ..Default::default()
    };
    s.intake().preview_order(by(unit, "agent", request)).await.unwrap().into_inner()
}

async fn similar(s: &Server, unit: &str) -> Vec<String> {
    let found = preview(s, unit, &told(TEXT), "").await.similar;
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score), "{found:?}");
    found.into_iter().map(|other| other.order_no).collect()
}

async fn bursts(s: &Server, unit: &str) -> Vec<pb::SimilarBurst> {
    let answer = s.command().get_board(by(unit, "dispatcher", pb::GetBoardRequest {})).await;
    answer.unwrap().into_inner().bursts
}

/// Waits until it is so: the index is a moment behind the feed.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be");
}

/// Reads the feed to its end, as [`Dispatch::run`] does in the background.
async fn read(dispatch: &Dispatch, reader: &mut Reader) {
    let end = dispatch.store().feed_end().await.unwrap();
    while reader.cursor().is_none_or(|read| read < end) {
        dispatch.read_likeness(reader).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_orders_that_read_alike_are_offered_with_a_score() {
    everywhere(async |s| {
        let first = file(s, told(TEXT)).await;
        let second = file(s, told(&TEXT.replace("打电话给物业也没有人管", "物业不管"))).await;
        file(s, matter()).await;
        let found = until(async || Some(similar(s, CENTRE).await).filter(|f| f.len() == 2)).await;
        assert_eq!(found, [first.clone(), second.clone()]);
        let offered = preview(s, CENTRE, &told(TEXT), "").await.similar;
        assert_eq!(offered[0].score, 100);
        assert!((60..100).contains(&offered[1].score));
        assert_eq!((&*offered[0].title, &*offered[0].division), ("夜间施工噪音", VILLAGE));
        assert!(offered[0].division_name.contains('区') && !offered[0].category_name.is_empty());
        // What the caller called about before is offered as that, and once.
        let own = preview(s, CENTRE, &told(TEXT), "13812345678").await;
        assert_eq!(own.repeats.len(), 3);
        assert_eq!(own.similar, []);
        // Too little to tell by, and the unlike.
        for text in ["", "噪音", "我父亲的医保卡在第一医院结算时一直提示余额不足，请问怎么办？"]
        {
            let other = pb::Submission { title: String::new(), ..told(text) };
            assert_eq!(preview(s, CENTRE, &other, "").await.similar, [], "{text}");
        }
        // Closed, it is offered no more.
        let (request_id, order_no) = (id(), second);
        let request = pb::WithdrawOrderRequest { request_id, order_no };
        s.intake().withdraw_order(by(CENTRE, "agent", request)).await.unwrap();
        assert_eq!(similar(s, CENTRE).await, [first]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_starts_finds_what_was_there() {
    let s = Server::start().await;
    let no = file(&s, told(TEXT)).await;
    let again = Server::on(s.store.clone()).await;
    assert_eq!(
        until(async || Some(similar(&again, CENTRE).await).filter(|f| !f.is_empty())).await,
        [no]
    );
    again.running.stop().await;
    s.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_beginning_has_left_the_feed_is_found_after_a_start() {
    on_every_store(async |store| {
        let s = Server::on(store).await;
        let (first, over) = (file(&s, told(TEXT)).await, file(&s, told(TEXT)).await);
        let request = pb::WithdrawOrderRequest { request_id: id(), order_no: over };
        s.intake().withdraw_order(by(CENTRE, "agent", request)).await.unwrap();
        let last = file(&s, told(TEXT)).await;
        let end = s.store.feed_end().await.unwrap();
        assert!(s.store.trim_feed(end, &[]).await.unwrap());
        let left = s.store.feed(Some(s.store.feed_start().await.unwrap()), 10).await.unwrap();
        assert!(left.iter().all(|(_, event)| event.order.to_string() == last), "{left:?}");
        let again = Server::on(s.store.clone()).await;
        let found =
            until(async || Some(similar(&again, CENTRE).await).filter(|f| f.len() == 2)).await;
        assert_eq!(found, [last, first]);
        // The store is not its own to close.
        again.running.dispatch().stop();
        s.running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_alike_in_one_town_are_told_of_once_whoever_sees_them() {
    everywhere(async |s| {
        // Another process on the same store, which reads when it is told to.
        let other = Server::on(s.store.clone()).await;
        let mut orders = Vec::new();
        for n in 0..9 {
            // The fourth complains about the county.
            let recused_units = if n == 3 { vec!["330411".to_owned()] } else { Vec::new() };
            orders.push(file(s, pb::Submission { recused_units, ..told(TEXT) }).await);
        }
        let board = tokio::time::timeout(
            Duration::from_secs(10),
            until(async || {
                let bursts = bursts(s, CENTRE).await;
                let elsewhere = self::bursts(&other, CENTRE).await;
                (!bursts.is_empty() && bursts == elsewhere).then_some(bursts)
            }),
        );
        let board = board.await.expect("within 10 s");
        assert_eq!(board.len(), 1, "{board:?}");
        assert_eq!((board[0].orders, &board[0].order_nos), (9, &orders[..5].to_vec()));
        assert_eq!(board[0].town, "330411104000");
        // More come, both processes read on and on: it is told of no more.
        for _ in 0..5 {
            orders.push(file(s, told(TEXT)).await);
        }
        for dispatch in [s.running.dispatch(), other.running.dispatch()] {
            let mut reader = Reader::default();
            read(dispatch, &mut reader).await;
            dispatch.read_likeness(&mut reader).await.unwrap();
            dispatch.read_likeness(&mut reader).await.unwrap();
        }
        let events = s.store.feed(None, 1_000).await.unwrap();
        let told: Vec<_> =
            events.iter().filter(|(_, e)| matches!(e.what, What::Burst { .. })).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].1.order.is_city());
        // Who is complained about in one of them hears of none of it.
        assert_eq!(bursts(s, "330411").await, []);
        let request = pb::ReadFeedRequest { max_events: 1_000, ..Default::default() };
        let seen = s.feed().read_feed(by("330411", "handler", request)).await.unwrap().into_inner();
        let tells = |e: &pb::FeedEvent| matches!(e.what, Some(pb::feed_event::What::Burst(_)));
        assert!(!seen.events.iter().any(tells));
        let known = similar(s, "330411").await;
        assert!(known.len() == 5 && !known.contains(&orders[3]));
        // An hour later it is over.
        s.later(Span::minutes(61));
        until(async || bursts(s, CENTRE).await.is_empty().then_some(())).await;
        // The store is not its own to close.
        other.running.dispatch().stop();
    })
    .await;
}
