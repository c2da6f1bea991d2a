//! Whether a store keeps its law: every order against everything that is derived from it.
//!
//! Safe on a running system: what does not agree is compared again in one look, and only
//! reported if the order stood still meanwhile. Reads everything once. Of what left the feed
//! nothing is known here; of orders that left the store, what [`Elsewhere`] says. [`mend`] writes anew what follows from the orders and is not as it must be.

mod mending;
mod records;

use super::{Cursor, Store, StoreError};
use crate::domain::{Date, Timestamp};
use crate::domain::{Entry, Order, OrderNo, Span, Stage, Tally, entries, next_deadline, tallies};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use mending::Callers;
use records::{Records, records};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// How often a disagreement is looked at again before it is believed, or given up because
/// the order never stands still.
const LOOKS: usize = 5;
/// What is beside so many orders, or so many callers' lists, is asked for at a time: one after
/// the other a city of 400,000 orders took minutes, and whoever asked had been given up.
const TOGETHER: usize = 64;

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// With which order; `None` for a counter.
    pub order: Option<OrderNo>,
    /// What kind of disagreement it is, by a stable name.
    pub name: &'static str,
    /// It was, and is as it must be by now.
    pub mended: bool,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// Something about the archive that can no longer be read.
    pub fn of_the_archive(what: String) -> Finding {
        Finding { order: None, name: "archive", mended: false, what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.order {
            Some(no) => write!(f, "order {no}: {}", self.what),
            None => write!(f, "{}", self.what),
        }
    }
}

/// Where orders are that left the store.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// On which days those were registered.
    async fn days_of_orders(&self) -> Result<Vec<Date>, StoreError>;

    /// Those that were registered on a day, with the version they left at.
    async fn of_day(&self, day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError>;
}

/// No order left.
pub struct Nowhere;

#[async_trait]
impl Elsewhere for Nowhere {
    async fn days_of_orders(&self) -> Result<Vec<Date>, StoreError> {
        Ok(Vec::new())
    }

    async fn of_day(&self, _day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError> {
        Ok(BTreeMap::new())
    }
}

/// Checks a whole store that no order left; nothing found is an empty list. Writes nothing.
pub async fn audit(store: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    examine(store, &Nowhere, false).await
}

/// The same of a store that some orders left.
pub async fn audit_with(
    store: &dyn Store,
    elsewhere: &dyn Elsewhere,
) -> Result<Vec<Finding>, StoreError> {
    examine(store, elsewhere, false).await
}

/// Checks a whole store and mends what can be mended: trays, leases, timers, lists and the counters of
/// what stands where. What an order itself lacks, or the feed, is only reported.
pub async fn mend(store: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    examine(store, &Nowhere, true).await
}

/// Checks a whole store, and mends it if it is to be.
pub async fn examine(
    store: &dyn Store,
    elsewhere: &dyn Elsewhere,
    mend: bool,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let received = store.tallies().await?.into_iter().find(|(tally, _)| *tally == "received");
    let (mut suspects, mut unreadable) = (BTreeSet::new(), BTreeSet::new());
    let mut versions = BTreeMap::new();
    let mut callers = Callers::default();
    let index = Index::read(store, &mut suspects).await?;
    let since = store.mark().await?;
    let mut gauges = HashMap::new();
    let mut after = None;
    while let Some(Page { orders, damaged, last }) = next_page(store, after).await? {
        after = Some(last);
        for (no, what) in damaged {
            unreadable.insert(no);
            findings.push(of(no, "damaged", format!("cannot be read: {what}; restore a backup")));
        }
        for order in &orders {
            versions.insert(order.no, order.version);
            count(&mut gauges, order);
            findings.extend(invariants(order).into_iter().map(|what| of(order.no, "order", what)));
            if !index.agrees(order) {
                suspects.insert(order.no);
            }
        }
        let mut read = stream::iter(orders).map(|order| records(store, order)).buffered(TOGETHER);
        while let Some(records) = read.next().await {
            let Records { no, over, caller, wrong } = records?;
            findings.extend(wrong);
            if let Some(phone) = caller {
                callers.add(no, over, phone);
            }
        }
    }
    suspects.extend(index.numbers().filter(|no| !versions.contains_key(no)));
    let known = Known { versions: &versions, unreadable: &unreadable };
    findings.extend(feed(store, elsewhere, known, &mut suspects).await?);
    // What it would be compared with cannot be read.
    suspects.retain(|no| !unreadable.contains(no));
    findings.extend(mending::closer(store, &index, suspects, mend).await?);
    if let Some((_, received)) = received {
        // They were not read with the others.
        let unlisted = findings.iter().filter(|finding| finding.name == "unlisted_order").count();
        findings.extend(missing(elsewhere, received, unlisted, known).await?);
    }
    findings.extend(callers.check(store, mend).await?);
    // What was in no list was not counted either.
    let counted = !findings.iter().any(|finding| finding.mended && finding.order.is_some());
    let since = if counted { since } else { Cursor::default() };
    // Nobody knows where one that cannot be read stands.
    if unreadable.is_empty() {
        findings.extend(mending::counters(store, since, gauges, mend).await?);
    }
    findings.sort();
    Ok(findings)
}

fn of(no: OrderNo, name: &'static str, what: String) -> Finding {
    Finding { order: Some(no), name, mended: false, what }
}

/// Some orders, one after the other.
pub(crate) struct Page {
    pub(crate) orders: Vec<Arc<Order>>,
    /// Those that cannot be read, and why.
    pub(crate) damaged: Vec<(OrderNo, String)>,
    /// Behind it the next page begins.
    pub(crate) last: OrderNo,
}

/// The orders behind a number. One that cannot be read does not hide the others.
pub(crate) async fn next_page(
    store: &dyn Store,
    after: Option<OrderNo>,
) -> Result<Option<Page>, StoreError> {
    match store.scan(after, super::MAX_BATCH).await {
        Ok(orders) => {
            let last = orders.last().map(|order| order.no);
            return Ok(last.map(|last| Page { orders, damaged: Vec::new(), last }));
        }
        Err(StoreError::Damaged(_)) => {}
        Err(error) => return Err(error),
    }
    let numbers = store.numbers(after, super::MAX_BATCH).await?;
    let Some(last) = numbers.last().copied() else { return Ok(None) };
    let mut page = Page { orders: Vec::new(), damaged: Vec::new(), last };
    for no in numbers {
        match store.load(no).await {
            Ok(order) => page.orders.extend(order),
            Err(StoreError::Damaged(what)) => page.damaged.push((no, what)),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(page))
}

/// What the orders were read as.
#[derive(Clone, Copy)]
struct Known<'a> {
    versions: &'a BTreeMap<OrderNo, u32>,
    unreadable: &'a BTreeSet<OrderNo>,
}

/// Where orders wait and when they are due, as stored.
struct Index {
    entries: BTreeMap<OrderNo, Vec<Entry>>,
    deadlines: BTreeMap<OrderNo, Vec<Timestamp>>,
}

impl Index {
    /// Everything that is indexed; and what the store itself finds worth a closer look.
    async fn read(
        store: &dyn Store,
        suspects: &mut BTreeSet<OrderNo>,
    ) -> Result<Index, StoreError> {
        let mut index = Index { entries: BTreeMap::new(), deadlines: BTreeMap::new() };
        for (entry, no) in store.all_entries().await? {
            index.entries.entry(no).or_default().push(entry);
        }
        for (at, no) in store.all_deadlines().await? {
            index.deadlines.entry(no).or_default().push(at);
        }
        index.entries.values_mut().for_each(|entries| entries.sort());
        for (no, place) in store.hints().await? {
            suspects.insert(no);
            if let Some(place) = place {
                let known = index.entries.entry(no).or_default();
                let same = |e: &Entry| {
                    (e.unit, e.desk, e.assignment) == (place.unit, place.desk, place.assignment)
                };
                if !known.iter().any(same) {
                    known.push(place);
                }
            }
        }
        Ok(index)
    }

    fn numbers(&self) -> impl Iterator<Item = OrderNo> {
        self.entries.keys().chain(self.deadlines.keys()).copied()
    }

    /// Whether what is stored is what is derived.
    fn agrees(&self, order: &Order) -> bool {
        let mut derived = entries(order);
        derived.sort();
        let stored = self.entries.get(&order.no).map_or(&[][..], Vec::as_slice);
        let due: Vec<Timestamp> = next_deadline(order).into_iter().collect();
        let timers = self.deadlines.get(&order.no).map_or(&[][..], Vec::as_slice);
        derived == stored && due == timers
    }
}

/// What must be true of an order by itself and is not.
pub fn invariants(order: &Order) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let last = order.leg();
    let over = !order.is_open();
    must(order.version >= 1, "has no version");
    must(order.heard_at <= order.registered_at, "was written down before it was heard");
    must(order.registered_at <= order.updated_at, "changed before it was written down");
    must(order.legs[0].started_at == order.heard_at, "its first holding begins elsewhere");
    // Between closing and a rework nobody holds it.
    let reworked = |at| order.rounds.iter().any(|round| round.reworked_at == at);
    let contiguous = order.legs.windows(2).all(|pair| {
        let next = pair[1].started_at;
        pair[0].ended.is_some_and(|(at, _)| {
            (at == next || (at < next && reworked(next))) && at >= pair[0].started_at
        })
    });
    must(contiguous, "its holdings do not follow each other");
    must(last.ended.is_some() == over, "its last holding does not end when it is closed");
    must(order.closure.stopped_at.is_some() == over, "its closure clock stopped at another time");
    let on_its_way = matches!(order.stage, Stage::Assigned | Stage::Handling | Stage::Review);
    // What the centre closed at once, and the citizen did not accept, the centre works itself.
    let planned = order.plan.is_some() || !order.recused.is_empty() || !order.rounds.is_empty();
    must(!on_its_way || planned, "has no chain");
    let pauses = order.pauses.iter().rev().skip(1).all(|pause| pause.until.is_some());
    must(pauses && (order.is_open() || order.paused().is_none()), "has a pause that never ends");
    let until = order.closure.stopped_at.unwrap_or(order.updated_at);
    let held = order.legs.iter().fold(Span::ZERO, |sum, leg| Span(sum.0 + leg.held(until).0));
    let idle = order.rounds.iter().fold(Span::ZERO, |sum, round| {
        let closed = round.closure.stopped_at.unwrap_or(round.reworked_at);
        Span(sum.0 + round.reworked_at.since(closed).0)
    });
    let counted = Span(held.0 + idle.0);
    must(counted == until.since(order.heard_at), "its holdings do not add up to its time");
    must(!order.is_parked() || order.is_unsigned(), "is parked though nobody need sign it");
    must(order.papers >= 1, "lacks the citizen's words");
    wrong
}

/// Whether the feed tells of every step of every order, in order. Read after the orders, so
/// it can only know more than they did.
async fn feed(
    store: &dyn Store,
    elsewhere: &dyn Elsewhere,
    Known { versions, unreadable }: Known<'_>,
    suspects: &mut BTreeSet<OrderNo>,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let mut told: BTreeMap<OrderNo, u32> = BTreeMap::new();
    let mut after = store.feed_start().await?;
    let all_is_there = after.sequence == 0;
    loop {
        let page = match store.feed(Some(after), super::MAX_FEED).await {
            // What it was about to read left meanwhile.
            Err(StoreError::FeedTrimmed { start }) => {
                after = start;
                continue;
            }
            page => page?,
        };
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, event) in page {
            if event.order.is_city() {
                continue;
            }
            // The steps before the first that is told may have left.
            let before = if all_is_there { 0 } else { event.version };
            let last = told.entry(event.order).or_insert(before);
            if event.version != *last && event.version != *last + 1 {
                let what = format!("the feed tells of version {} after {last}", event.version);
                findings.push(of(event.order, "feed", what));
            }
            *last = event.version;
        }
    }
    // Registered after the orders were read, gone elsewhere, or lost: another look tells.
    let mut missing = Vec::new();
    let unseen = |no: &OrderNo| !versions.contains_key(no) && !unreadable.contains(no);
    for (no, version) in told.iter().filter(|(no, _)| unseen(no)) {
        if store.load(*no).await?.is_none() {
            missing.push((*no, *version));
        } else {
            // Registered since, or in no list that it would have been found by.
            suspects.insert(*no);
        }
    }
    findings.extend(sought(elsewhere, &missing).await?);
    for (no, version) in versions {
        let told = told.get(no).copied();
        let told = told.unwrap_or(if all_is_there { 0 } else { *version });
        if told < *version {
            let what = format!("is at version {version}, the feed ends at {told}");
            findings.push(of(*no, "feed", what));
        }
    }
    Ok(findings)
}

/// Whether orders that the feed tells of, up to a version, are elsewhere; by number.
async fn sought(
    elsewhere: &dyn Elsewhere,
    missing: &[(OrderNo, u32)],
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for of_day in missing.chunk_by(|(a, _), (b, _)| a.day() == b.day()) {
        let Some((first, _)) = of_day.first() else { continue };
        let kept = match elsewhere.of_day(first.date()).await {
            Err(StoreError::Damaged(what)) => {
                findings.push(Finding::of_the_archive(what));
                continue;
            }
            kept => kept?,
        };
        for (no, told) in of_day {
            let what = match kept.get(no) {
                None => "the feed tells of it, but it does not exist".to_owned(),
                Some(version) if version < told => {
                    format!("left the store at version {version}, the feed tells of {told}")
                }
                Some(_) => continue,
            };
            findings.push(of(*no, "feed", what));
        }
    }
    Ok(findings)
}

/// Whether as many orders are somewhere as were counted when they were registered, before the
/// orders were read: the feed forgets. What leaves meanwhile is elsewhere first.
async fn missing(
    elsewhere: &dyn Elsewhere,
    received: i64,
    unlisted: usize,
    Known { versions, unreadable }: Known<'_>,
) -> Result<Option<Finding>, StoreError> {
    let here = |no: &OrderNo| versions.contains_key(no) || unreadable.contains(no);
    let mut there = versions.len() + unreadable.len() + unlisted;
    let enough = |there: usize| i64::try_from(there).is_ok_and(|there| there >= received);
    if enough(there) {
        return Ok(None);
    }
    for day in elsewhere.days_of_orders().await? {
        match elsewhere.of_day(day).await {
            // Nobody knows how many those are; the file is named where all are opened.
            Err(StoreError::Damaged(_)) => return Ok(None),
            kept => there += kept?.keys().filter(|no| !here(no)).count(),
        }
        if enough(there) {
            return Ok(None);
        }
    }
    let what = format!(
        "{received} orders were registered, but only {there} are in the store or the archive"
    );
    Ok(Some(Finding { order: None, name: "missing_orders", mended: false, what }))
}

/// The gauges an order stands in: what a first step with no events would add.
fn count(gauges: &mut HashMap<Tally, i64>, order: &Order) {
    for (tally, n) in tallies(None, order, &[]) {
        *gauges.entry(tally).or_default() += n;
    }
}
