//! What is over leaves the store, and nobody who asks for it notices.

use crate::everywhere::{findings, on_every_store, sound};
use crate::faulty::Faulty;
use crate::moves::Life;
use crate::server::*;
use hotline::archive::{Archive, Keeper};
use hotline::dispatch::Archiving;
use hotline::domain::{OrderNo, Span};
use hotline::pb;
use hotline::store::Store;
use hotline::store::memory::Memory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn start(store: Arc<dyn Store>, folder: &Path) -> Server {
    let archiving = Archiving {
        folder: folder.join("archive"),
        retention: Some(30 * DAY),
        feed_keep: Some(30 * DAY),
        feed_bound: Some(60 * DAY),
    };
    Server::archiving(store, archiving).await
}

/// Waits until an order is in the store no more.
async fn gone(s: &Server, no: &str) {
    let no: OrderNo = no.parse().unwrap();
    for _ in 0..1_000 {
        if s.store.load(no).await.unwrap().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{no} is still in the store");
}

async fn whole(s: &Server, no: &str) -> Result<pb::GetOrderResponse, Status> {
    let request = pb::GetOrderRequest { order_no: no.to_owned() };
    let answer = s.intake().get_order(by(CENTRE, "agent", request)).await;
    answer.map(tonic::Response::into_inner)
}

async fn listed(s: &Server) -> Vec<pb::ArchiveDay> {
    let request = by(CENTRE, "dispatcher", pb::ListArchiveRequest {});
    s.admin().list_archive(request).await.unwrap().into_inner().days
}

async fn read(s: &Server, unit: &str, cursor: &str) -> Result<pb::ReadFeedResponse, Status> {
    let request = pb::ReadFeedRequest { cursor: cursor.to_owned(), max_events: 1_000 };
    let answer = s.feed().read_feed(by(unit, "handler", request)).await;
    answer.map(tonic::Response::into_inner)
}

/// The archived order and the one that takes it up say so in one step: no order that is over
/// changes by itself.
#[tokio::test]
async fn an_order_and_the_one_that_takes_it_up_change_together() {
    let store = Faulty::new(Arc::new(Memory::new(CENTRE.parse().unwrap())));
    let s = Server::on(store.clone()).await;
    let life = Life::new(&s);
    life.path("file go_down report close satisfied").await;
    store.faults.lock().unwrap().over_alone = true;
    assert_eq!(life.step("reopen").await, Ok(pb::Stage::Assigned));
    let old = s.order(&life.no()).await;
    assert_eq!(s.order(&old.reopened_as).await.reopens, life.no());
    sound(&s).await;
    s.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_left_the_store_is_still_found_and_can_be_reopened() {
    on_every_store(async |store| {
        let folder = tempfile::tempdir().unwrap();
        let s = start(store, folder.path()).await;
        let filing = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(matter()),
            skip_repeats: true,
        };
        let submit = || {
            let (mut client, request) = (s.intake(), by(CENTRE, "agent", filing.clone()));
            async move { client.submit_order(request).await }
        };
        let receipt = submit().await.unwrap().into_inner().receipt.unwrap();
        let life = Life::new(&s);
        life.no.lock().unwrap().clone_from(&receipt.order_no);
        life.path("recuse go_down report reject report close satisfied").await;
        let no = life.no();
        let withdrawn = Life::new(&s);
        withdrawn.path("file withdraw").await;
        let open = s.filed().await.order_no;
        let before = whole(&s, &no).await.unwrap();
        assert_eq!(before.papers.len(), 4);

        s.later(Span::hours(29 * 24));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(listed(&s).await, [], "not before its time");
        s.later(Span::hours(3 * 24));
        gone(&s, &no).await;
        gone(&s, &withdrawn.no()).await;
        assert_eq!(whole(&s, &no).await.unwrap(), before);
        let explain = pb::ExplainOrderRequest { order_no: no.clone() };
        let story = s.intake().explain_order(by(CENTRE, "agent", explain)).await.unwrap();
        let story = story.into_inner();
        let before_legs = before.order.as_ref().unwrap().legs.len();
        assert_eq!((story.holdings.len(), story.next.unwrap().calm), (before_legs, "over".into()));
        assert_eq!(s.order(&open).await.stage(), pb::Stage::Assigned);
        let track = pb::TrackOrderRequest { order_no: no.clone(), phone_last4: "5678".to_owned() };
        s.intake().track_order(by(CENTRE, "agent", track)).await.unwrap();
        let again = submit().await.unwrap().into_inner().receipt.unwrap();
        one_is_the_other_again(&receipt, &again);
        let hidden = pb::GetOrderRequest { order_no: no.clone() };
        let hidden = s.intake().get_order(by(crate::moves::OTHER, "handler", hidden)).await;
        assert_eq!(told(&hidden.unwrap_err()).1, "ORDER_NOT_FOUND", "recused is recused");
        let refused = life.step("withdraw").await;
        assert_eq!(refused, Err((Code::FailedPrecondition, "WRONG_STAGE".to_owned())));
        let nothing_new = life.step("reopen_with_nothing_new").await;
        assert_eq!(nothing_new, Err((Code::InvalidArgument, "NOTHING_NEW".to_owned())));
        sound(&s).await;

        // Taken up again: it comes back for that, and leaves again.
        assert_eq!(life.step("reopen").await, Ok(pb::Stage::Assigned));
        let old = s.order(&no).await;
        let new = Life::new(&s);
        new.no.lock().unwrap().clone_from(&old.reopened_as);
        assert_eq!(s.order(&new.no()).await.reopens, no);
        new.path("withdraw").await;
        sound(&s).await;
        s.later(Span::hours(40 * 24));
        gone(&s, &no).await;
        gone(&s, &new.no()).await;
        assert_eq!(s.order(&no).await.reopened_as, new.no());
        let twice = life.step("reopen").await;
        assert_eq!(twice, Err((Code::FailedPrecondition, "ALREADY_REOPENED".to_owned())));
        assert_eq!(s.order(&new.no()).await.stage(), pb::Stage::Withdrawn);
        let days = listed(&s).await;
        assert!(days.iter().all(|day| day.broken.is_empty() && day.bytes > 0));
        assert_eq!(days.iter().map(|day| day.orders).sum::<u64>(), 4);
        sound(&s).await;
        s.running.stop().await;
    })
    .await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_is_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = hotline::store::memory::Memory::new(CENTRE.parse().unwrap());
    let s = start(Arc::new(store), folder.path()).await;
    let (first, second) = (Life::new(&s), Life::new(&s));
    first.path("file withdraw").await;
    s.later(Span::hours(24));
    second.path("file withdraw").await;
    s.later(Span::hours(32 * 24));
    gone(&s, &first.no()).await;
    gone(&s, &second.no()).await;
    let file = files(&folder.path().join("archive/orders")).remove(0);
    let sound_bytes = std::fs::read(&file).unwrap();
    let day = file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let (lost, read) = match day.ends_with("2022-03-14") {
        true => (first.no(), second.no()),
        false => (second.no(), first.no()),
    };
    let cut = sound_bytes[..sound_bytes.len() / 2].to_vec();
    let mut other = sound_bytes.clone();
    for byte in &mut other[4..40] {
        *byte = !*byte;
    }
    for bytes in [cut, Vec::new(), b"PAR1 no more PAR1".to_vec(), other] {
        std::fs::write(&file, bytes).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let status = whole(&s, &lost).await.unwrap_err();
        assert_eq!(told(&status).1, "STORE_DAMAGED", "{status:?}");
        assert_eq!(status.code(), Code::DataLoss);
        assert!(status.message().contains(name), "{}", status.message());
        assert!(whole(&s, &read).await.is_ok());
    }
    std::fs::write(&file, b"nothing").unwrap();
    let broken: Vec<_> = listed(&s).await.into_iter().flat_map(|day| day.broken).collect();
    assert!(matches!(&broken[..], [one] if one.contains(&day)), "{broken:?}");
    let doctor = s.admin().doctor(by(CENTRE, "dispatcher", pb::DoctorRequest::default())).await;
    let findings = doctor.unwrap().into_inner().findings;
    assert!(matches!(&findings[..], [one] if one.text.contains(&day)), "{findings:?}");
    std::fs::write(&file, sound_bytes).unwrap();
    assert!(whole(&s, &lost).await.is_ok());
    sound(&s).await;
    s.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_waits_for_whom_it_knows_and_tells_who_came_too_late() {
    on_every_store(async |store| {
        let folder = tempfile::tempdir().unwrap();
        let s = start(store, folder.path()).await;
        let life = Life::new(&s);
        life.path("file go_down").await;
        let page = read(&s, CENTRE, "").await.unwrap();
        let count = page.events.len();
        let middle = page.events[count / 2].cursor.clone();
        let acknowledge = |consumer: &str, cursor: &str| {
            let (consumer, cursor) = (consumer.to_owned(), cursor.to_owned());
            let request = pb::AcknowledgeFeedRequest { consumer, cursor };
            let mut client = s.feed();
            async move { client.acknowledge_feed(by(COUNTY, "handler", request)).await }
        };
        acknowledge("district-330402", &middle).await.unwrap();
        for (name, cursor, reason) in [
            ("", "", "INVALID_FIELD"),
            ("With Blanks", "", "INVALID_FIELD"),
            ("board", "x", "BAD_CURSOR"),
            ("board", "1-1-1", "FEED_DIVERGED"),
        ] {
            let status = acknowledge(name, cursor).await.unwrap_err();
            assert_eq!(told(&status).1, reason, "{name:?} {cursor:?}");
        }
        let consumers = async || {
            let request = by(CENTRE, "dispatcher", pb::ListConsumersRequest {});
            s.feed().list_consumers(request).await.unwrap().into_inner()
        };
        let known = consumers().await.consumers;
        assert_eq!((known.len(), &known[0].cursor), (1, &middle));

        s.later(Span::hours(32 * 24));
        s.filed().await;
        let trimmed = async |cursor: &str| {
            for _ in 0..1_000 {
                if let Err(status) = read(&s, CENTRE, cursor).await {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("the feed still reaches back to {cursor:?}");
        };
        let status = trimmed("").await;
        assert_eq!((status.code(), told(&status).1), (Code::OutOfRange, "FEED_TRIMMED".to_owned()));
        let details = status.get_error_details();
        let oldest = details.error_info().unwrap().metadata["oldest_cursor"].clone();
        assert!(status.message().contains(&oldest), "{}", status.message());
        // What it has not read is there, and from the oldest place everything is.
        let rest = read(&s, CENTRE, &middle).await.unwrap();
        assert_eq!(rest.events[0], page.events[count / 2 + 1]);
        assert!(read(&s, CENTRE, &oldest).await.unwrap().events.len() > rest.events.len());
        assert_eq!(consumers().await.oldest_cursor, oldest);
        // A month went by, and the district has not been heard of.
        let found = findings(&s).await;
        assert!(matches!(&found[..], [one] if one.kind == "feed"), "{found:?}");

        // Beyond the bound it is waited for no more.
        s.later(Span::hours(40 * 24));
        let status = trimmed(&middle).await;
        assert_eq!(told(&status).1, "FEED_TRIMMED");
        let forget = |unit: &'static str| {
            let request = pb::ForgetConsumerRequest { consumer: "district-330402".to_owned() };
            let mut client = s.feed();
            async move { client.forget_consumer(by(unit, "handler", request)).await }
        };
        assert_eq!(told(&forget(COUNTY).await.unwrap_err()).1, "NOT_CENTRE");
        forget(CENTRE).await.unwrap();
        let status = forget(CENTRE).await.unwrap_err();
        assert_eq!(
            (status.code(), told(&status).1),
            (Code::NotFound, "UNKNOWN_CONSUMER".to_owned())
        );
        assert_eq!(consumers().await.consumers, []);

        // Archive and feed together have every event of the order.
        let archive = Archive::new(folder.path().join("archive"), CENTRE.parse().unwrap());
        let mut cursors = Vec::new();
        for day in archive.days().await.unwrap() {
            let events = archive.events(day.day).await.unwrap();
            cursors.extend(events.into_iter().map(|(cursor, _)| cursor.to_string()));
        }
        let oldest = consumers().await.oldest_cursor;
        let rest = read(&s, CENTRE, &oldest).await.unwrap();
        cursors.extend(rest.events.into_iter().map(|event| event.cursor));
        let first: Vec<_> = page.events.iter().map(|event| event.cursor.clone()).collect();
        assert_eq!(cursors[..count], first);
        sound(&s).await;
        s.running.stop().await;
    })
    .await;
}
