//! Whole lives of orders: at random against the model, by many hands, through reopening.

use crate::Factory;
use crate::commands::{some_command, some_register};
use crate::commits::{all_events, put, to_the_archive};
use crate::support::*;
use hotline::domain::*;
use hotline::store::memory::Memory;
use hotline::store::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How many commands a random life has: enough for each to take effect.
const ROUNDS: u32 = 4_000;
const LONG: Duration = Duration::from_secs(600);

/// Everything an outsider can see, in a form that two stores can be compared in.
async fn seen(store: &Arc<dyn Store>, ids: &[RequestId]) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.no);
        for order in page {
            for index in 0..=order.papers {
                all.push(format!("{:?}", store.paper(order.no, index).await.unwrap()));
            }
            all.push(format!("{:?}", store.contact(order.no).await.unwrap()));
            all.push(format!("{order:?}"));
        }
    }
    let mut entries = store.all_entries().await.unwrap();
    entries.sort();
    for (entry, _) in &entries {
        let tray = store.tray(entry.unit, entry.desk, None, MAX_BATCH).await.unwrap();
        all.push(format!("{tray:?}"));
    }
    all.push(format!("{entries:?}"));
    let mut deadlines = store.all_deadlines().await.unwrap();
    deadlines.sort();
    all.push(format!("{deadlines:?} {:?}", store.next_due().await.unwrap()));
    let due = store.due(HEARD.plus(Span::hours(2)), MAX_BATCH).await.unwrap();
    all.push(format!("{due:?} {:?}", store.tallies().await.unwrap()));
    for id in ids {
        all.push(format!("{:?}", store.remembered(*id).await.unwrap()));
    }
    let events: Vec<_> = all_events(store).await.into_iter().map(|(_, event)| event).collect();
    replayed(store, &events).await;
    all.push(format!("{events:?}"));
    all
}

/// Whoever reads the feed from the beginning counts what the store has counted, to the digit.
pub async fn replayed(store: &Arc<dyn Store>, events: &[Event]) {
    let mut facts: HashMap<OrderNo, Facts> = HashMap::new();
    let mut counted: BTreeMap<(Date, Marginal), Counts> = BTreeMap::new();
    for event in events {
        let day = event.at.date();
        facts.entry(event.order).or_default().count(event, |marginal, measure| {
            counted.entry((day, marginal)).or_default().count(measure);
        });
    }
    let days: BTreeSet<Date> = counted.keys().map(|(day, _)| *day).collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
    // And the counters of promises kept are of the same levels.
    let levels = store.indicators(*first, *last, Dimension::Level).await.unwrap();
    let tallies: HashMap<Tally, i64> = store.tallies().await.unwrap().into_iter().collect();
    for level in Level::ALL {
        for (clock, measure) in
            [("arrival", Measure::ArrivedOnTime), ("closure", Measure::ClosedOnTime)]
        {
            let counts = levels.iter().find(|(m, _)| *m == Marginal::Level(level));
            let counted = counts.map_or(0, |(_, counts)| i64::from(counts.of(measure)));
            let name = format!("kept.{clock}.{}", level.name());
            assert_eq!(tallies[&*name], counted, "{name}");
        }
    }
    for of in Dimension::ALL {
        for (from, to) in days.iter().map(|day| (day, day)).chain([(first, last)]) {
            let mut sums: BTreeMap<Marginal, Counts> = BTreeMap::new();
            for ((_, marginal), counts) in counted.iter().filter(|((day, marginal), _)| {
                (from..=to).contains(&day) && marginal.dimension() == *of
            }) {
                sums.entry(*marginal).or_default().add(counts);
            }
            let stored = store.indicators(*from, *to, *of).await.unwrap();
            assert_eq!(stored, sums.into_iter().collect::<Vec<_>>(), "{of} from {from} to {to}");
        }
    }
}

fn name(outcome: &Result<(), CommitError>) -> String {
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(CommitError::Repeated(remembered)) => format!("{remembered:?}"),
        Err(e) => e.to_string(),
    }
}

/// Whatever is done, the stores agree, and whoever reads the feed counts what they counted.
pub async fn random_lives_are_as_in_the_model(factory: &impl Factory) {
    let mut done = BTreeSet::new();
    let mut measured = BTreeSet::new();
    for seed in 1..=3 {
        let mut store = factory.fresh().await;
        let model: Arc<dyn Store> = Arc::new(Memory::new(cell()));
        let mut dice = Dice::new(seed);
        let mut ids: Vec<RequestId> = Vec::new();
        let mut now = HEARD;
        let mut seq = 0;
        for round in 0..ROUNDS {
            // A minute at most, now and then half a day; of the last few orders.
            now = now.plus(Span::seconds(dice.below(60) as i64));
            if dice.below(150) == 0 {
                now = now.plus(Span::hours(12));
            }
            let new = seq == 0 || dice.below(20) == 0;
            let no = number(if new { seq + 1 } else { seq - dice.below(8.min(seq.into())) as u32 });
            let before = model.load(no).await.unwrap();
            let command = match &before {
                Some(order) => some_command(&mut dice, order, &done),
                None => {
                    seq = seq.max(no.seq());
                    some_register(&mut dice, no, now)
                }
            };
            let Ok(Some(mut change)) = change(before, &command, now) else { continue };
            match dice.below(10) {
                0 if !ids.is_empty() => change = with_id(change, *dice.pick(&ids), [2; 16]),
                1..4 => {
                    ids.push(fresh_id());
                    change = with_id(change, ids[ids.len() - 1], [1; 16]);
                }
                _ => {}
            }
            // Somebody else was quicker: decided upon a version that is not the stored one.
            if dice.below(20) == 0 && change.after.version > 1 {
                let mut older = Order::clone(&change.after);
                older.version -= 1;
                let mut before = older.clone();
                before.version -= 1;
                change.before = (before.version > 0).then(|| Arc::new(before));
                change.after = Arc::new(older);
            }
            let outcome = name(&store.commit(change.clone()).await);
            assert_eq!(outcome, name(&model.commit(change).await), "seed {seed}, round {round}");
            if outcome == "done" {
                done.insert(command.action.name());
            }
        }
        for of in Dimension::ALL {
            let stored = store.indicators(HEARD.date(), now.date(), *of).await.unwrap();
            let counted = |measure: &Measure| stored.iter().any(|(_, c)| c.of(*measure) > 0);
            measured.extend(Measure::ALL.iter().copied().filter(counted));
        }
        assert_eq!(seen(&store, &ids).await, seen(&model, &ids).await, "seed {seed}");
        assert_eq!(audit::audit(&*model).await.unwrap(), []);
        assert_eq!(audit::audit(&*store).await.unwrap(), []);
        if seed == 1
            && let Some(again) = factory.reopen(store.clone()).await
        {
            store = again;
            assert_eq!(seen(&store, &ids).await, seen(&model, &ids).await, "after reopening");
            assert_eq!(audit::audit(&*store).await.unwrap(), []);
        }
        crate::leaving::replayed_from_archive_and_feed(&store).await;
        store.close().await;
    }
    assert!(done.iter().eq(ActionName::ALL), "everything was done, and not only {done:?}");
    assert!(measured.iter().eq(Measure::ALL), "everything was counted: {measured:?}");
}

pub async fn many_hands_at_once_leave_a_sound_store(factory: &impl Factory) {
    let store = factory.fresh().await;
    const ORDERS: u32 = 30;
    for seq in 1..=ORDERS {
        put(&store, new_order(seq, HEARD)).await;
    }
    let hand = |seed| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut dice = Dice::new(seed);
            for round in 0..60 {
                let now = HEARD.plus(Span::minutes(round * 4));
                let no = number(1 + dice.below(u64::from(ORDERS)) as u32);
                let Some(order) = store.load(no).await.unwrap() else { panic!("{no} is lost") };
                let command = some_command(&mut dice, &order, &BTreeSet::new());
                let Ok(Some(mut change)) = change(Some(order), &command, now) else { continue };
                change = with_id(change, fresh_id(), [1; 16]);
                match store.commit(change).await {
                    Ok(()) | Err(CommitError::Conflict) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        })
    };
    for task in (100..108).map(hand).collect::<Vec<_>>() {
        // An audit of a store that is being worked on finds nothing either.
        assert_eq!(audit::audit(&*store).await.unwrap(), []);
        task.await.unwrap();
    }
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

pub async fn reopening_keeps_everything(factory: &impl Factory) {
    let store = factory.fresh().await;
    let mut ids = Vec::new();
    for seq in 1..=10 {
        ids.push(fresh_id());
        put(&store, with_id(new_order(seq, HEARD), ids[ids.len() - 1], [1; 16])).await;
    }
    to_the_archive(&store, 11).await;
    let before = seen(&store, &ids).await;
    let (end, events) = (store.feed_end().await.unwrap(), all_events(&store).await);
    let Some(store) = factory.reopen(store).await else { return };
    assert_eq!(seen(&store, &ids).await, before);
    // The same epoch and places: a reader goes on as if nothing had happened.
    assert_eq!(store.feed_end().await.unwrap(), end);
    assert_eq!(all_events(&store).await, events);
    assert_eq!(store.feed(Some(events[3].0), 100).await.unwrap(), events[4..]);
    let again = store.commit(with_id(new_order(50, HEARD), ids[0], [1; 16])).await;
    assert!(matches!(again, Err(CommitError::Repeated(_))));
    let taken = store.commit(new_order(11, HEARD)).await;
    assert!(matches!(taken, Err(CommitError::Conflict)), "an archived number stays taken");
    put(&store, new_order(12, HEARD)).await;
    assert_eq!(audit::audit(&*store).await.unwrap(), []);
}

/// A store may keep leases or forget them with its process, but never confuse them.
pub async fn leases_do_not_outlive_their_process(factory: &impl Factory) {
    let store = factory.fresh().await;
    put(&store, new_order(1, HEARD)).await;
    put(&store, new_order(2, HEARD.plus(Span::seconds(1)))).await;
    let city = [unit("3304")];
    let old = store.claim(&city, Desk::Lead, 1, LONG).await.unwrap().pop().unwrap();
    let Some(store) = factory.reopen(store).await else { return };
    let mut news = store.claim(&city, Desk::Lead, 2, LONG).await.unwrap();
    let new = news.pop().unwrap();
    assert!(new.lease.claim > old.lease.claim, "claims grow over all processes");
    for claimed in news {
        // If it was given again, the former holder's token is stale.
        if claimed.order.no == old.order.no {
            let mut late = step(&old.order, Action::Deliver, HEARD.plus(Span::minutes(1)));
            late.lease = Some(old.lease);
            assert!(matches!(store.commit(late).await, Err(CommitError::LeaseStale)));
        }
    }
}

pub async fn a_closed_store_says_so(factory: &impl Factory) {
    let store = factory.fresh().await;
    let order = put(&store, new_order(1, HEARD)).await;
    store.check().await.unwrap();
    store.close().await;
    store.close().await;
    let unreachable = |error| matches!(error, StoreError::Unreachable(_));
    assert!(unreachable(store.load(order.no).await.unwrap_err()));
    assert!(unreachable(store.check().await.unwrap_err()));
    assert!(unreachable(store.feed(None, 1).await.unwrap_err()));
    assert!(unreachable(store.reserve(date(), 1, 0).await.unwrap_err()));
    let late = store.commit(new_order(2, HEARD)).await;
    assert!(matches!(late, Err(CommitError::Unavailable(_))));
}
