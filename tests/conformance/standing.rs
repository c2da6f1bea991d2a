//! What operators watch of a store: how its open orders stand, and how much there is.

use crate::Factory;
use crate::commands::{some_command, some_register};
use crate::commits::put;
use crate::support::*;
use hotline::catalogue::Catalogue;
use hotline::clock::ManualClock;
use hotline::dispatch::{Dispatch, Parts, Settings};
use hotline::domain::*;
use hotline::store::seal::Sealer;
use hotline::store::*;
use hotline::telemetry::standing::{Place, Standing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn dispatch(store: &Arc<dyn Store>, now: Timestamp) -> Arc<Dispatch> {
    Dispatch::new(Parts {
        store: store.clone(),
        catalogue: Arc::new(Catalogue::builtin().unwrap()),
        clock: Arc::new(ManualClock::at(now)),
        sealer: Sealer::new(&[7; 32]).unwrap(),
        settings: Settings::default(),
    })
}

/// Where there are any.
async fn counted(store: &Arc<dyn Store>, now: Timestamp) -> BTreeMap<Place, Standing> {
    let mut all = dispatch(store, now).standing().await.unwrap().places;
    assert!(all.len() > 10, "an empty place says so: {all:?}");
    all.retain(|_, standing| standing.held > 0);
    all
}

/// The same by reading every order there is.
async fn by_hand(store: &Arc<dyn Store>, now: Timestamp) -> BTreeMap<Place, Standing> {
    let (mut all, mut after) = (BTreeMap::<Place, Standing>::new(), None);
    let (catalogue, mut unpulled) = (Catalogue::builtin().unwrap(), BTreeSet::new());
    loop {
        let page = store.scan(after, MAX_BATCH).await.unwrap();
        let Some(last) = page.last() else {
            for (_, place) in unpulled {
                all.entry(place).or_default().unpulled += 1;
            }
            return all;
        };
        after = Some(last.no);
        for order in page {
            let Some(holder) = order.holder() else { continue };
            let county = holder.division().code() / 1_000_000 * 1_000_000;
            let county = Division::new(county).unwrap();
            let county = (holder.level() > Level::City).then_some(county);
            let place = Place { level: holder.level(), county };
            let standing = all.entry(place).or_default();
            standing.count(peril(&order, now), now.since(order.heard_at));
            let due = next_deadline(&order).unwrap_or(now);
            standing.stuck += u64::from(now.since(due) > Span::minutes(1));
            let leg = order.leg();
            let (came, fetched) = (leg.started_at.max(order.registered_at), leg.delivered_at);
            let waits = order.stage == Stage::Assigned && fetched.or(leg.signed_at).is_none();
            // Every unit of Jiaxing's has a system.
            let waits = waits && catalogue.unit(holder).is_some();
            if waits && now.since(came) > Span::minutes(5) {
                unpulled.insert((holder, place));
            }
        }
    }
}

pub async fn every_open_order_counts_where_it_is(factory: &impl Factory) {
    let store = factory.fresh().await;
    assert_eq!(counted(&store, HEARD).await, BTreeMap::new());
    assert_eq!(store.load_now().await.unwrap(), Load::default());
    // More in one tray than fit on a page, some of them out.
    const MANY: u32 = 2 * MAX_BATCH as u32 + 9;
    for seq in 1..=MANY {
        put(&store, new_order(seq, HEARD.plus(Span::seconds(seq.into())))).await;
    }
    let out = store.claim(&[cell().centre()], Desk::Lead, 20, Duration::from_secs(600)).await;
    assert_eq!(out.unwrap().len(), 20);
    let centre = Place { level: Level::City, county: None };
    let held = u64::from(MANY);
    // Arrival is promised within the hour: at risk from 45:00 on, broken after 60:00. Nobody
    // runs the timers here, which would send each on after 5:00; nor does the centre come.
    for (minutes, at_risk, overdue, stuck, unpulled) in
        [(2, 0, 0, 0, 0), (7, 0, 0, 59, 1), (50, 300, 0, held, 1), (65, held - 299, 299, held, 1)]
    {
        let oldest = Span(Span::minutes(minutes).0 - 1_000);
        let expected = Standing { held, at_risk, overdue, stuck, unpulled, oldest };
        let now = HEARD.plus(Span::minutes(minutes));
        assert_eq!(counted(&store, now).await, BTreeMap::from([(centre, expected)]));
    }
    let now = HEARD.plus(Span::minutes(2));
    let load = Load { leases: 20, timers: MANY.into() };
    assert_eq!(store.load_now().await.unwrap(), load);
    // One that is parked is listed with three units and held by one.
    let mut order = put(&store, new_order(MANY + 61, HEARD)).await;
    let again = Action::Redeliver { at_most: 1 };
    for action in [Action::Relay { to: None }, Action::Deliver, again] {
        order = put(&store, step(&order, action, now)).await;
    }
    assert!(order.is_parked());
    assert_eq!(counted(&store, now).await, by_hand(&store, now).await);
    // And whatever is done to others.
    let (mut dice, mut now) = (Dice::new(5), now);
    for round in 0..900 {
        now = now.plus(Span::seconds(dice.below(40) as i64));
        let no = number(MANY + 1 + dice.below(60) as u32);
        let before = store.load(no).await.unwrap();
        let command = match &before {
            Some(order) => some_command(&mut dice, order, &BTreeSet::new()),
            None => some_register(&mut dice, no, now),
        };
        let Ok(Some(change)) = change(before, &command, now) else { continue };
        put(&store, change).await;
        if round % 300 == 0 {
            assert_eq!(counted(&store, now).await, by_hand(&store, now).await, "round {round}");
        }
    }
    let end = counted(&store, now).await;
    assert_eq!(end, by_hand(&store, now).await);
    let sum = |of: fn(&Standing) -> u64| end.values().map(of).sum::<u64>();
    assert!(sum(|s| s.overdue) > 0 && sum(|s| s.unpulled) > 1 && end.len() > 3, "{end:?}");
    let open = store.tallies().await.unwrap().into_iter().find(|(tally, _)| *tally == "open");
    assert_eq!(open, Some(("open", sum(|s| s.held) as i64)));
}
