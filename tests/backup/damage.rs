//! What is not whole is not restored, and what was not restored whole is not served.

use crate::live::Work;
use crate::same::{same, seen};
use crate::support::*;
use crate::{Place, Places, backup};
use hotline::store::image::{self, Head, Moment, Out, Plan, Row, Target, Whole};
use hotline::store::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A store with some hundred orders, and its backup.
async fn worked_on(places: &Places, place: &Place) -> (Arc<dyn Store>, PathBuf) {
    let store = place.open().await.unwrap();
    let work = Work::start(store.clone(), HEARD);
    work.until(1_500).await;
    work.stop().await;
    let file = places.path("backup");
    backup(&*store, &file, false).await.unwrap();
    (store, file)
}

/// A target that fails at some point, as if its process had ended there.
struct Breaks {
    inner: Box<dyn Target>,
    puts: u32,
    settles: bool,
}

fn broke<T>() -> Result<T, StoreError> {
    Err(StoreError::Unreachable("here it ends".to_owned()))
}

#[async_trait::async_trait]
impl Target for Breaks {
    async fn put(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        match self.puts.checked_sub(1) {
            Some(left) => self.puts = left,
            None => return broke(),
        }
        self.inner.put(rows).await
    }

    async fn settle(&mut self, whole: &Whole) -> Result<(), StoreError> {
        if self.settles { self.inner.settle(whole).await } else { broke() }
    }

    async fn dump(&self, out: Out) -> Result<Moment, StoreError> {
        self.inner.dump(out).await
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        broke()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_was_cut_short_is_not_served_and_can_be_begun_again() {
    let places = Places::here();
    let (store, file) = worked_on(&places, &places.file()).await;
    let before = seen(&store, &[]).await;
    for place in [places.file(), places.redis()] {
        for (puts, settles) in [(0, false), (1, false), (u32::MAX, false), (u32::MAX, true)] {
            let plan = Plan::read(&file, |_| {}).unwrap();
            let inner = place.begin().await.unwrap();
            let ended = plan.apply(Box::new(Breaks { inner, puts, settles }), |_| {}).await;
            assert!(ended.unwrap_err().to_string().contains("here it ends"));
            let said = place.open().await.err().expect("it must not open").to_string();
            assert!(said.contains("hotline restore") && said.contains("beginning"), "{said}");
        }
        let restored = place.restored(&file).await;
        same(&before, &seen(&restored, &[]).await);
        assert_eq!(audit::audit(&*restored).await.unwrap(), []);
        restored.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_does_not_hold_what_was_written_is_found_out() {
    struct Forgets(Box<dyn Target>);
    #[async_trait::async_trait]
    impl Target for Forgets {
        async fn put(&mut self, mut rows: Vec<Row>) -> Result<(), StoreError> {
            rows.retain(|row| row.kind != image::Kind::Contact);
            self.0.put(rows).await
        }
        async fn settle(&mut self, whole: &Whole) -> Result<(), StoreError> {
            self.0.settle(whole).await
        }
        async fn dump(&self, out: Out) -> Result<Moment, StoreError> {
            self.0.dump(out).await
        }
        async fn finish(self: Box<Self>) -> Result<(), StoreError> {
            self.0.finish().await
        }
    }
    let places = Places::here();
    let (_store, file) = worked_on(&places, &places.file()).await;
    for place in [places.file(), places.redis()] {
        let plan = Plan::read(&file, |_| {}).unwrap();
        let target = Box::new(Forgets(place.begin().await.unwrap()));
        let said = plan.apply(target, |_| {}).await.unwrap_err().to_string();
        assert!(said.contains("(contacts)"), "{said}");
        assert!(place.open().await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_anything_in_it_is_left_alone() {
    let places = Places::here();
    let (_store, file) = worked_on(&places, &places.file()).await;
    for place in [places.file(), places.redis()] {
        let store = place.open().await.unwrap();
        store.commit(new_order(1, HEARD)).await.unwrap();
        let before = seen(&store, &[]).await;
        store.close().await;
        drop(store);
        let said = place.restore(&file).await.unwrap_err().to_string();
        assert!(said.contains("not empty"), "{said}");
        same(&before, &seen(&place.open().await.unwrap(), &[]).await);
    }
    // One that was opened, and in which nothing ever happened, is empty.
    for place in [places.file(), places.redis()] {
        let store = place.open().await.unwrap();
        assert!(store.hold_timers(1, Duration::from_secs(5)).await.unwrap());
        if let Place::Redis(_) = place {
            let said = place.restore(&file).await.unwrap_err().to_string();
            assert!(said.contains("stop it first"), "{said}");
        }
        // Whoever holds them no longer is waited for a moment.
        assert!(store.hold_timers(1, Duration::from_secs(1)).await.unwrap());
        store.close().await;
        drop(store);
        place.restore(&file).await.unwrap();
    }
}

/// Its right lapses in the midst of it, as if it had stood still, and another begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_restore_one_cell_only_one_does() {
    let places = Places::here();
    let (store, file) = worked_on(&places, &places.file()).await;
    let before = seen(&store, &[]).await;
    let place = places.redis();
    let (one, two) = tokio::join!(place.restore(&file), place.restore(&file));
    let refused = if one.is_ok() { two } else { one }.unwrap_err().to_string();
    assert!(refused.contains("stop it first") || refused.contains("not empty"), "{refused}");
    same(&before, &seen(&place.open().await.unwrap(), &[]).await);

    let place = places.redis();
    let stood_still = place.begin().await.unwrap();
    let begun = place.begin().await.unwrap();
    let plan = Plan::read(&file, |_| {}).unwrap();
    let said = plan.apply(stood_still, |_| {}).await.unwrap_err().to_string();
    assert!(said.contains("stop it first"), "{said}");
    plan.apply(begun, |_| {}).await.unwrap();
    same(&before, &seen(&place.open().await.unwrap(), &[]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_whole_touches_nothing_and_says_where() {
    let places = Places::here();
    let (_store, file) = worked_on(&places, &places.redis()).await;
    let whole = std::fs::read(&file).unwrap();
    let mut dice = Dice::new(7);
    for _ in 0..40 {
        let at = dice.below(whole.len() as u64) as usize;
        let (mut flipped, cut) = (whole.clone(), &whole[..at]);
        flipped[at] ^= 1 << dice.below(8);
        for bytes in [&flipped[..], cut] {
            let bad = places.path("backup");
            std::fs::write(&bad, bytes).unwrap();
            let target = places.path("redb");
            let said = Place::File(target.clone()).restore(&bad).await.unwrap_err().to_string();
            assert!(said.starts_with(bad.to_str().unwrap()), "{said}");
            assert!(said.contains("at byte ") || at < 17, "{at}: {said}");
            assert!(!target.exists());
        }
    }
    let said = Place::File(places.path("redb")).restore(Path::new("/nowhere")).await;
    assert!(said.unwrap_err().to_string().starts_with("/nowhere cannot be read"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_taking_a_backup_leaves_the_store_as_it_was() {
    let places = Places::here();
    for place in [places.file(), places.redis()] {
        let (store, _) = worked_on(&places, &place).await;
        let head = Head { cell: cell(), began: HEARD, key: None };
        let (sender, mut pieces) = mpsc::channel(1);
        let stops = async {
            let first = pieces.recv().await;
            pieces.close();
            first.is_some()
        };
        let (taken, got) = tokio::join!(image::take(&*store, head, true, sender), stops);
        assert!(got && taken.is_err());
        store.commit(new_order(9_000, HEARD)).await.unwrap();
        // And a file can be closed at once while it is read.
        let (sender, mut pieces) = mpsc::channel(1);
        let head = Head { cell: cell(), began: HEARD, key: None };
        let closes = async {
            pieces.recv().await;
            store.close().await;
            while pieces.recv().await.is_some() {}
        };
        let (taken, ()) = tokio::join!(image::take(&*store, head, true, sender), closes);
        assert!(taken.is_err() || matches!(place, Place::Redis(_)));
        drop(store);
        let again = place.open().await.unwrap();
        assert!(again.load(number(9_000)).await.unwrap().is_some());
        again.close().await;
    }
}
