//! Whether a store keeps its law: every order against everything that is derived from it.
//!
//! Safe on a running system: what does not agree is looked at again, and only reported if
//! the order stood still meanwhile. Reads everything once. Of what left the feed nothing is
//! known here; of orders that left the store, what [`Elsewhere`] says.

use super::{Store, StoreError};
use crate::domain::{Date, Entry, Order, OrderNo, Span, Stage, TALLIES, Tally, Timestamp};
use crate::domain::{entries, next_deadline, tallies};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// How often a disagreement is looked at again before it is believed, or given up because
/// the order never stands still.
const LOOKS: usize = 5;

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// With which order; `None` for a counter.
    pub order: Option<OrderNo>,
    /// What is wrong.
    pub what: String,
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
    /// Those that were registered on a day, with the version they left at.
    async fn of_day(&self, day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError>;
}

/// No order left.
struct Nowhere;

#[async_trait]
impl Elsewhere for Nowhere {
    async fn of_day(&self, _day: Date) -> Result<BTreeMap<OrderNo, u32>, StoreError> {
        Ok(BTreeMap::new())
    }
}

/// Checks a whole store that no order left; nothing found is an empty list.
pub async fn audit(store: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    audit_with(store, &Nowhere).await
}

/// Checks a whole store; nothing found is an empty list.
pub async fn audit_with(
    store: &dyn Store,
    elsewhere: &dyn Elsewhere,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let mut suspects = BTreeSet::new();
    let mut versions = BTreeMap::new();
    let index = Index::read(store).await?;
    let before = store.tallies().await?;
    let mut gauges = HashMap::new();
    let mut after = None;
    while let Some(page) = next_page(store, after).await? {
        for order in &page {
            after = Some(order.no);
            versions.insert(order.no, order.version);
            count(&mut gauges, order);
            findings.extend(invariants(order).into_iter().map(|what| of(order.no, what)));
            if !index.disagreements(order.no, Some(order)).is_empty() {
                suspects.insert(order.no);
            }
            findings.extend(records(store, order).await?);
        }
    }
    suspects.extend(index.numbers().filter(|no| !versions.contains_key(no)));
    findings.extend(feed(store, elsewhere, &versions).await?);
    findings.extend(believe(store, suspects).await?);
    findings.extend(counters(store, before, gauges).await?);
    findings.sort();
    Ok(findings)
}

fn of(no: OrderNo, what: String) -> Finding {
    Finding { order: Some(no), what }
}

async fn next_page(
    store: &dyn Store,
    after: Option<OrderNo>,
) -> Result<Option<Vec<std::sync::Arc<Order>>>, StoreError> {
    let page = store.scan(after, super::MAX_BATCH).await?;
    Ok((!page.is_empty()).then_some(page))
}

/// Where orders wait and when they are due, as stored.
struct Index {
    entries: BTreeMap<OrderNo, Vec<Entry>>,
    deadlines: BTreeMap<OrderNo, Vec<Timestamp>>,
}

impl Index {
    async fn read(store: &dyn Store) -> Result<Index, StoreError> {
        let mut index = Index { entries: BTreeMap::new(), deadlines: BTreeMap::new() };
        for (entry, no) in store.all_entries().await? {
            index.entries.entry(no).or_default().push(entry);
        }
        for (at, no) in store.all_deadlines().await? {
            index.deadlines.entry(no).or_default().push(at);
        }
        index.entries.values_mut().for_each(|entries| entries.sort());
        Ok(index)
    }

    fn numbers(&self) -> impl Iterator<Item = OrderNo> {
        self.entries.keys().chain(self.deadlines.keys()).copied()
    }

    /// What is stored and not derived, or derived and not stored.
    fn disagreements(&self, no: OrderNo, order: Option<&Order>) -> Vec<String> {
        let mut found = Vec::new();
        let mut derived = order.map_or_else(Vec::new, entries);
        derived.sort();
        let stored = self.entries.get(&no).map_or(&[][..], Vec::as_slice);
        if derived != stored {
            let (stored, derived) = (Places(stored), Places(&derived));
            found.push(format!("waits in {stored}, but must wait in {derived}"));
        }
        let due: Vec<Timestamp> = order.and_then(next_deadline).into_iter().collect();
        let stored = self.deadlines.get(&no).map_or(&[][..], Vec::as_slice);
        if due != stored {
            found.push(format!("is due at {stored:?}, but must be due at {due:?}"));
        }
        if order.is_none() && !found.is_empty() {
            found.push("does not exist".to_owned());
        }
        found
    }
}

struct Places<'a>(&'a [Entry]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "no tray");
        }
        for (i, entry) in self.0.iter().enumerate() {
            let Entry { unit, desk, assignment, deadline } = entry;
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{desk} of {unit} (holding {assignment}, by {deadline})")?;
        }
        Ok(())
    }
}

/// Looks at the suspects until each agrees, or disagrees while standing still.
async fn believe(
    store: &dyn Store,
    mut suspects: BTreeSet<OrderNo>,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for _ in 0..LOOKS {
        if suspects.is_empty() {
            break;
        }
        let mut orders = BTreeMap::new();
        for no in &suspects {
            orders.insert(*no, store.load(*no).await?);
        }
        let index = Index::read(store).await?;
        for (no, order) in orders {
            let version =
                |order: &Option<_>| order.as_ref().map(|o: &std::sync::Arc<Order>| o.version);
            if version(&store.load(no).await?) != version(&order) {
                continue;
            }
            suspects.remove(&no);
            let wrong = index.disagreements(no, order.as_deref());
            findings.extend(wrong.into_iter().map(|what| of(no, what)));
        }
    }
    Ok(findings)
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
    must(order.papers >= 1, "lacks the citizen's words");
    wrong
}

/// Whether everything that was written beside the order is there.
async fn records(store: &dyn Store, order: &Order) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for index in 0..order.papers {
        if store.paper(order.no, index).await?.is_none() {
            findings.push(of(order.no, format!("lacks paper {index} of {}", order.papers)));
        }
    }
    if store.contact(order.no).await?.is_none() {
        findings.push(of(order.no, "lacks its contact".to_owned()));
    }
    Ok(findings)
}

/// Whether the feed tells of every step of every order, in order. Read after the orders, so
/// it can only know more than they did.
async fn feed(
    store: &dyn Store,
    elsewhere: &dyn Elsewhere,
    versions: &BTreeMap<OrderNo, u32>,
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
                findings.push(of(event.order, what));
            }
            *last = event.version;
        }
    }
    // Registered after the orders were read, gone elsewhere, or lost: another look tells.
    let mut missing = Vec::new();
    for (no, version) in told.iter().filter(|(no, _)| !versions.contains_key(no)) {
        if store.load(*no).await?.is_none() {
            missing.push((*no, *version));
        }
    }
    findings.extend(sought(elsewhere, &missing).await?);
    for (no, version) in versions {
        let told = told.get(no).copied();
        let told = told.unwrap_or(if all_is_there { 0 } else { *version });
        if told < *version {
            findings.push(of(*no, format!("is at version {version}, the feed ends at {told}")));
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
                findings.push(Finding { order: None, what });
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
            findings.push(of(*no, what));
        }
    }
    Ok(findings)
}

/// The gauges an order stands in: what a first step with no events would add.
fn count(gauges: &mut HashMap<Tally, i64>, order: &Order) {
    for (tally, n) in tallies(None, order, &[]) {
        *gauges.entry(tally).or_default() += n;
    }
}

/// The counters that say how many orders stand somewhere. They can only be compared with a
/// count that nothing disturbed; on a system that never rests they are not judged.
async fn counters(
    store: &dyn Store,
    mut before: Vec<(Tally, i64)>,
    mut counted: HashMap<Tally, i64>,
) -> Result<Vec<Finding>, StoreError> {
    const GAUGES: [Tally; 8] = [
        "open",
        "triage",
        "review",
        "follow_up",
        "waiting.city",
        "waiting.county",
        "waiting.town",
        "waiting.village",
    ];
    for _ in 0..LOOKS {
        let stored = store.tallies().await?;
        if stored == before {
            let wrong = stored.iter().filter(|(tally, n)| {
                GAUGES.contains(tally) && *n != counted.get(tally).copied().unwrap_or(0)
            });
            let mut findings: Vec<Finding> = wrong
                .map(|(tally, n)| {
                    let really = counted.get(tally).copied().unwrap_or(0);
                    let what = format!("the counter {tally} says {n}, but {really} orders do");
                    Finding { order: None, what }
                })
                .collect();
            let missing = TALLIES.iter().filter(|t| !stored.iter().any(|(s, _)| s == *t));
            findings.extend(missing.map(|tally| Finding {
                order: None,
                what: format!("the counter {tally} is missing"),
            }));
            return Ok(findings);
        }
        before = stored;
        counted.clear();
        let mut after = None;
        while let Some(page) = next_page(store, after).await? {
            for order in &page {
                after = Some(order.no);
                count(&mut counted, order);
            }
        }
    }
    Ok(Vec::new())
}
