//! How a store stays small: what is over leaves it whole and can come back, and the feed loses
//! its beginning only.

use crate::Factory;
use crate::commits::{all_events, put, tally, to_the_archive};
use crate::lives::replayed;
use crate::support::*;
use hotline::archive::moving::{Keep, Moved, Mover, trim};
use hotline::archive::{Archive, Keeper};
use hotline::domain::*;
use hotline::store::*;
use std::slice::from_ref;
use std::sync::Arc;

/// Long after everything the tests do.
fn later() -> Date {
    Date { year: 2030, month: 1, day: 1 }
}

fn in_a_folder() -> (tempfile::TempDir, Archive) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path().join("archive"), cell());
    (folder, archive)
}

/// Moves all that was over before a day; how much that was.
pub async fn move_all(store: &Arc<dyn Store>, archive: &Archive, before: Date) -> u64 {
    let (mut mover, mut left) = (Mover::new(Arc::new(archive.clone())), 0);
    loop {
        let Moved { left: now, done, .. } = mover.step(&**store, before).await.unwrap();
        left += now;
        if done {
            return left;
        }
    }
}

/// Trims all that may be trimmed; how many events that were.
pub async fn trim_all(store: &Arc<dyn Store>, archive: &Archive, keep: Keep) -> u64 {
    let mut left = 0;
    loop {
        let moved = trim(archive, &**store, keep).await.unwrap();
        left += moved.left;
        if moved.done {
            return left;
        }
    }
}

async fn whole(store: &Arc<dyn Store>, order: &Arc<Order>) -> Whole {
    Whole::of(&**store, order.clone()).await.unwrap()
}

/// Everything counted, which nothing that leaves may change.
async fn counted(store: &Arc<dyn Store>) -> String {
    let mut all = format!("{:?}", store.tallies().await.unwrap());
    for of in Dimension::ALL {
        all += &format!("{:?}", store.indicators(date(), later(), *of).await.unwrap());
    }
    all
}

/// 归档 → the number of the order that takes it up.
fn reopened(order: &Arc<Order>, now: Timestamp) -> Change {
    let action = Action::Reopened { by: number(77) };
    let command = Command { actor: actor(cell().centre(), Role::Agent), action };
    change(Some(order.clone()), &command, now).unwrap().unwrap()
}

pub async fn what_is_over_leaves_whole_and_reads_back(factory: &impl Factory) {
    let store = factory.fresh().await;
    let (_folder, archive) = in_a_folder();
    let id = fresh_id();
    let open = put(&store, with_id(new_order(1, HEARD), id, [1; 16])).await;
    let mut over = Vec::new();
    for seq in 2..=5 {
        over.push(to_the_archive(&store, seq).await);
    }
    let mut kept = Vec::new();
    for order in &over {
        kept.push(whole(&store, order).await);
        assert_eq!(kept[kept.len() - 1].papers.len(), usize::from(order.papers));
    }
    let before = counted(&store).await;
    // Not before the day after it was over.
    let day = over[0].updated_at.date();
    assert_eq!(move_all(&store, &archive, day).await, 0);
    assert_eq!(move_all(&store, &archive, Date { day: day.day + 1, ..day }).await, 4);
    for whole in &kept {
        let no = whole.order.no;
        assert_eq!(archive.find(no).await.unwrap().as_ref(), Some(whole));
        assert_eq!(store.load(no).await.unwrap(), None);
        for index in 0..=whole.order.papers {
            assert_eq!(store.paper(no, index).await.unwrap(), None);
        }
        assert_eq!(store.contact(no).await.unwrap(), None);
        let caller = store.of_caller(sealed(no).phone).await.unwrap();
        assert_eq!(caller, [], "nobody is led to an order that is not there");
    }
    assert_eq!(archive.orders(date()).await.unwrap(), kept);
    assert_eq!(archive.find(open.no).await.unwrap(), None);
    assert_eq!(store.scan(None, 10).await.unwrap(), std::slice::from_ref(&open));
    assert_eq!(counted(&store).await, before);
    assert_eq!(tally(&store, "archived").await, 4);
    assert!(store.remembered(id).await.unwrap().is_some());
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    let lacking = audit::audit(&*store).await.unwrap();
    assert_eq!(lacking.len(), 5, "without the archive they lack, each and by their number");
    // Again, it changes nothing.
    assert_eq!(move_all(&store, &archive, later()).await, 0);
    if let Some(store) = factory.reopen(store).await {
        assert_eq!(store.load(over[0].no).await.unwrap(), None);
        assert_eq!(counted(&store).await, before);
        assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
        put(&store, new_order(6, HEARD)).await;
    }
}

pub async fn only_what_is_kept_as_it_is_leaves(factory: &impl Factory) {
    let store = factory.fresh().await;
    let over = to_the_archive(&store, 1).await;
    let leaving = Leaving::of(&whole(&store, &over).await);
    let open = put(&store, new_order(2, HEARD)).await;
    let still_open = Leaving::of(&whole(&store, &open).await);
    assert_eq!(store.dismiss(&[still_open]).await.unwrap(), 0);
    // It moved on meanwhile, or something else has its version.
    let another = Order { rule: over.rule + 1, ..Order::clone(&over) };
    let other = Leaving { order: Arc::new(another), ..leaving.clone() };
    assert_eq!(store.dismiss(&[other]).await.unwrap(), 0);
    let now = over.updated_at.plus(Span::hours(1));
    let after = put(&store, reopened(&over, now)).await;
    assert_eq!(store.dismiss(std::slice::from_ref(&leaving)).await.unwrap(), 0);
    assert_eq!(store.load(over.no).await.unwrap(), Some(after.clone()));
    let unknown =
        Leaving { order: Arc::new(Order { no: number(9), ..Order::clone(&over) }), ..leaving };
    let now = Leaving::of(&whole(&store, &after).await);
    assert_eq!(store.dismiss(&[unknown, now.clone(), now]).await.unwrap(), 1);
    assert_eq!(store.load(over.no).await.unwrap(), None);
    assert_eq!(store.dismiss(&[]).await.unwrap(), 0);
}

pub async fn what_comes_back_is_as_it_was_and_goes_on(factory: &impl Factory) {
    let store = factory.fresh().await;
    let (_folder, archive) = in_a_folder();
    let over = to_the_archive(&store, 1).await;
    let kept = whole(&store, &over).await;
    let before = counted(&store).await;
    assert_eq!(move_all(&store, &archive, later()).await, 1);
    let now = over.updated_at.plus(Span::hours(1));
    let gone = store.commit(reopened(&over, now)).await;
    assert!(matches!(gone, Err(CommitError::Conflict)), "what is not there does not change");
    for _ in 0..2 {
        store.readmit(&archive.find_surely(over.no).await.unwrap().unwrap()).await.unwrap();
        assert_eq!(store.load(over.no).await.unwrap(), Some(over.clone()));
        assert_eq!(whole(&store, &over).await, kept);
    }
    assert_eq!(counted(&store).await, before);
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
    let after = put(&store, reopened(&over, now)).await;
    store.readmit(&kept).await.unwrap();
    assert_eq!(store.load(over.no).await.unwrap(), Some(after.clone()), "never in its place");
    // And away again: then the higher version counts.
    assert_eq!(move_all(&store, &archive, later()).await, 1);
    assert_eq!(archive.find(over.no).await.unwrap().unwrap().order, after);
    assert_eq!(archive.orders(date()).await.unwrap().len(), 1);
    assert_eq!(archive.days().await.unwrap()[0].orders, 2);
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
}

fn further_on(place: Cursor) -> Cursor {
    Cursor { sequence: place.sequence + 1_000, ..place }
}

fn trimmed(read: Result<Vec<(Cursor, Event)>, StoreError>) -> Cursor {
    match read {
        Err(StoreError::FeedTrimmed { start }) => start,
        other => panic!("{other:?}"),
    }
}

pub async fn the_feed_loses_its_beginning_only(factory: &impl Factory) {
    let store = factory.fresh().await;
    let nothing_yet = store.feed_start().await.unwrap();
    assert_eq!(store.feed(Some(nothing_yet), 10).await.unwrap(), []);
    assert!(store.trim_feed(further_on(nothing_yet), &[]).await.unwrap());
    assert_eq!(store.feed_start().await.unwrap(), nothing_yet);
    for seq in 1..=8 {
        put(&store, new_order(seq, HEARD)).await;
    }
    let all = all_events(&store).await;
    let first = all[3].0;
    assert!(first.sequence > 1);
    // Not if somebody reads whom it was thought of without, or who was thought to be further.
    let slow = Consumer { name: "slow".to_owned(), cursor: all[0].0, at: HEARD };
    let further = Consumer { cursor: all[5].0, ..slow.clone() };
    assert!(store.acknowledge(&slow).await.unwrap());
    assert!(!store.trim_feed(first, &[]).await.unwrap());
    assert!(!store.trim_feed(first, &[further]).await.unwrap());
    assert_eq!(store.feed_start().await.unwrap(), nothing_yet);
    // Nor by what was read of another feed.
    let other = Cursor { epoch: first.epoch + 1, ..first };
    assert!(!store.trim_feed(other, from_ref(&slow)).await.unwrap());
    assert_eq!(store.feed_start().await.unwrap(), nothing_yet);
    assert!(store.trim_feed(first, &[slow]).await.unwrap());
    assert!(store.forget_consumer("slow").await.unwrap());
    assert!(store.trim_feed(all[2].0, &[]).await.unwrap());
    let start = store.feed_start().await.unwrap();
    assert!(start > all[2].0 && start < all[3].0);
    assert_eq!(trimmed(store.feed(None, 10).await), start);
    assert_eq!(trimmed(store.feed(Some(all[0].0), 10).await), start);
    assert_eq!(store.feed(Some(start), 100).await.unwrap(), all[3..]);
    for (i, (cursor, _)) in all.iter().enumerate().skip(3) {
        assert_eq!(store.feed(Some(*cursor), 100).await.unwrap(), all[i + 1..]);
    }
    let other = Cursor { epoch: start.epoch + 1, ..start };
    assert!(matches!(store.feed(Some(other), 1).await, Err(StoreError::FeedDiverged { .. })));
    // The last one stays, or nobody would know where the feed ends.
    let end = store.feed_end().await.unwrap();
    assert!(store.trim_feed(further_on(end), &[]).await.unwrap());
    assert_eq!(store.feed_end().await.unwrap(), end);
    let start = store.feed_start().await.unwrap();
    let left = store.feed(Some(start), 100).await.unwrap();
    assert_eq!(left.last().unwrap().0, end);
    assert!(left.iter().all(|(cursor, _)| cursor.sequence == end.sequence));
    let store = factory.reopen(store.clone()).await.unwrap_or(store);
    assert_eq!(store.feed_start().await.unwrap(), start);
    assert_eq!(store.feed_end().await.unwrap(), end);
    assert_eq!(trimmed(store.feed(None, 10).await), start);
    put(&store, new_order(9, HEARD)).await;
    assert_eq!(store.feed(Some(end), 100).await.unwrap().len(), 1);
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn consumers_are_known_by_name(factory: &impl Factory) {
    let store = factory.fresh().await;
    let said = |name: &str, sequence, minute| Consumer {
        name: name.to_owned(),
        cursor: Cursor { epoch: 7, sequence, index: 2 },
        at: HEARD.plus(Span::minutes(minute)),
    };
    assert_eq!(store.consumers().await.unwrap(), []);
    assert!(store.acknowledge(&said("district", 5, 1)).await.unwrap());
    assert!(store.acknowledge(&said("board", 9, 1)).await.unwrap());
    // It never goes back, save in another epoch.
    assert!(store.acknowledge(&said("district", 4, 2)).await.unwrap());
    let stands = [said("board", 9, 1), said("district", 5, 2)];
    assert_eq!(store.consumers().await.unwrap(), stands);
    let store = factory.reopen(store.clone()).await.unwrap_or(store);
    assert_eq!(store.consumers().await.unwrap(), stands);
    let anew =
        Consumer { cursor: Cursor { epoch: 8, sequence: 1, index: 0 }, ..said("district", 0, 3) };
    assert!(store.acknowledge(&anew).await.unwrap());
    assert_eq!(store.consumers().await.unwrap()[1], anew);
    assert!(store.forget_consumer("board").await.unwrap());
    assert!(!store.forget_consumer("board").await.unwrap());
    for n in 1..MAX_CONSUMERS {
        assert!(store.acknowledge(&said(&format!("c{n}"), 1, 1)).await.unwrap());
    }
    assert!(!store.acknowledge(&said("one too many", 1, 1)).await.unwrap());
    assert!(store.acknowledge(&said("c1", 2, 1)).await.unwrap(), "who is known goes on");
}

pub async fn what_a_consumer_has_not_read_stays_up_to_a_bound(factory: &impl Factory) {
    let store = factory.fresh().await;
    let (_folder, archive) = in_a_folder();
    for seq in 1..=6 {
        put(&store, new_order(seq, HEARD.plus(Span::hours(24 * i64::from(seq))))).await;
    }
    let all = all_events(&store).await;
    let day = |n: usize| all[n].1.at.date();
    let keep = |read: Date, unread| Keep { read, unread };
    // Nobody is known: only time counts.
    assert_eq!(trim_all(&store, &archive, keep(day(1), None)).await, 1);
    let slow = Consumer { name: "slow".to_owned(), cursor: all[2].0, at: HEARD };
    assert!(store.acknowledge(&slow).await.unwrap());
    let quick = Consumer { name: "quick".to_owned(), cursor: all[4].0, at: HEARD };
    assert!(store.acknowledge(&quick).await.unwrap());
    // The batch it stands in stays, so that it can be seen to be of this history.
    assert_eq!(trim_all(&store, &archive, keep(later(), None)).await, 1);
    assert_eq!(store.feed(Some(slow.cursor), 100).await.unwrap(), all[3..]);
    // Beyond the bound nobody is waited for; who is behind is told.
    assert_eq!(trim_all(&store, &archive, keep(later(), Some(day(4)))).await, 2);
    trimmed(store.feed(Some(slow.cursor), 100).await);
    assert_eq!(store.feed(Some(quick.cursor), 100).await.unwrap(), all[5..]);
    assert!(store.forget_consumer("slow").await.unwrap());
    assert!(store.forget_consumer("quick").await.unwrap());
    assert_eq!(trim_all(&store, &archive, keep(later(), None)).await, 1);
    assert_eq!(trim_all(&store, &archive, keep(later(), None)).await, 0);
    // What left is in the archive, event for event.
    let mut read = Vec::new();
    for of in archive.days().await.unwrap() {
        read.extend(archive.events(of.day).await.unwrap());
    }
    assert_eq!(read, all[..5]);
    assert_eq!(audit::audit_with(&*store, &archive).await.unwrap(), []);
}

/// Called at the end of random lives: the archive and what is left of the feed count what the
/// store has counted.
pub async fn replayed_from_archive_and_feed(store: &Arc<dyn Store>) {
    let (_folder, archive) = in_a_folder();
    let (before, events) = (counted(store).await, all_events(store).await);
    let mut wholes = Vec::new();
    for page in store.scan(None, MAX_BATCH).await.unwrap().chunks(50) {
        for order in page.iter().filter(|order| order.is_over()) {
            wholes.push(whole(store, order).await);
        }
    }
    let middle = events[events.len() / 2].0;
    let reader = Consumer { name: "copy".to_owned(), cursor: middle, at: HEARD };
    assert!(store.acknowledge(&reader).await.unwrap());
    let keep = Keep { read: later(), unread: None };
    let gone = trim_all(store, &archive, keep).await;
    assert!(gone > 0 && gone < events.len() as u64, "{gone} of {} events", events.len());
    assert_eq!(move_all(store, &archive, later()).await, wholes.len() as u64);
    assert_eq!(counted(store).await, before);
    let mut all = Vec::new();
    for of in archive.days().await.unwrap() {
        assert_eq!(of.broken, [""; 0]);
        all.extend(archive.events(of.day).await.unwrap());
    }
    let start = store.feed_start().await.unwrap();
    let mut after = start;
    loop {
        let page = store.feed(Some(after), 100).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        all.extend(page);
    }
    assert_eq!(all, events);
    let all: Vec<Event> = all.into_iter().map(|(_, event)| event).collect();
    replayed(store, &all).await;
    for whole in wholes {
        assert_eq!(archive.find(whole.order.no).await.unwrap(), Some(whole));
    }
    assert_eq!(audit::audit_with(&**store, &archive).await.unwrap(), []);
}
