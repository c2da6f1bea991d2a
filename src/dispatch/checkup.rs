//! What is wrong with this process, its store and what lies between them, in words: each finding
//! one sentence with the cause and the remedy. What is wrong with single orders is
//! [`super::archiving`]'s to say, by `store::audit`.

use super::{Dispatch, Finding, Refusal};
use crate::catalogue::Catalogue;
use crate::clock::{tick, wall_now};
use crate::domain::{Actor, ModelVersion, Order, Span, Timestamp, Unit};
use crate::store::audit::next_page;
use crate::store::{Cursor, Guided, MAX_FEED, Store, StoreError};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A machine whose clock is further off the store's than this runs no timers and takes no work.
pub const MOST_OFF: Span = Span::seconds(1);
/// A store without a clock of its own that knows of a time later than the machine's by more than
/// this: one of the two clocks was wrong. Less is a correction.
pub const MOST_BEHIND: Span = Span::minutes(1);
/// So long after it fell due a thing should have happened, however much falls due at once.
const LATE: Duration = Duration::from_secs(10);
/// How often that is looked at before it is believed, a sweep of the timers between.
const LOOKS: u32 = 3;
/// A consumer of the feed that has said nothing for so long, and has not read it all, has gone
/// or stands still.
const SILENT: Span = Span::hours(24);
/// How many contacts are tried with the key, of the oldest open orders, and of the newest.
const SAMPLE: usize = 16;
/// How many names a sentence lists.
const NAMES: usize = 8;
/// How many units that do not pull are named at most.
const MAX_UNPULLED: usize = 64;

/// What a doctor says.
#[derive(Clone, Debug, Default)]
pub struct Checkup {
    /// How many orders were looked at.
    pub orders: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many open orders have a limit for which plain weekends were counted.
    pub plain_weekends: u64,
    /// Units whose system does not pull, those with the most orders first; at most
    /// [`MAX_UNPULLED`].
    pub unpulled: Vec<Unpulled>,
}

/// A unit before which orders stand that its system does not fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unpulled {
    /// Which.
    pub unit: Unit,
    /// Its name.
    pub name: String,
    /// How many.
    pub orders: u64,
}

/// When the last thing that the store's feed tells of happened; `None` where it has left, or
/// nothing ever did.
pub async fn last_written(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    let end = store.feed_end().await?;
    let Some(before) = end.sequence.checked_sub(1) else { return Ok(None) };
    match store.feed(Some(Cursor::after_batch(end.epoch, before)), MAX_FEED).await {
        Ok(events) => Ok(events.into_iter().map(|(_, event)| event.at).max()),
        Err(StoreError::FeedTrimmed { .. } | StoreError::FeedDiverged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// That the store knows of a later time than the clock, in words; `None` if all is well.
pub fn behind(now: Timestamp, last: Option<Timestamp>) -> Option<String> {
    let last = last.filter(|last| last.since(now) > MOST_BEHIND)?;
    Some(format!(
        "the clock says {now}, but the store wrote something down at {last}, {} later",
        last.since(now)
    ))
}

impl Dispatch {
    /// Looks at store, clocks, key, catalogue, timers and readers of the feed, and at every
    /// order. A store that does not answer is a finding, the only one then.
    pub async fn checkup(&self, actor: &Actor, mend: bool) -> Result<Checkup, Refusal> {
        if mend {
            self.must_be_centre(actor)?;
        }
        if let Err(trouble) = self.store.check().await {
            let findings = vec![of("store", format!("the store cannot be used: {trouble}"))];
            return Ok(Checkup { findings, ..Checkup::default() });
        }
        let mut findings = self.store.ailments().await?;
        findings.extend(self.clocks().await?);
        let mut survey = Survey::default();
        self.survey(&mut survey).await?;
        findings.extend(survey.catalogue(self.catalogue().version()));
        findings.extend(self.not_reloaded().map(|why| {
            let what = format!(
                "what was read anew is not in force, and the next start may fail ({why}): correct \
                 it and send this process SIGHUP"
            );
            of("settings", what)
        }));
        findings.extend(self.others().await?);
        findings.extend(self.key(&survey).await?);
        let orders = self.doctor(actor, mend).await?;
        findings.extend(self.lateness(&orders).await?);
        findings.extend(self.readers().await?);
        findings.extend(orders);
        let tallies = self.store.tallies().await?;
        let received = tallies.iter().find(|(tally, _)| *tally == "received");
        Ok(Checkup {
            orders: received.map_or(0, |(_, n)| (*n).max(0) as u64),
            findings,
            plain_weekends: survey.plain_weekends,
            unpulled: survey.unpulled(&self.catalogue()),
        })
    }

    /// The machine's clock against the store's, or what the store knows.
    async fn clocks(&self) -> Result<Option<Finding>, StoreError> {
        let (asked, began) = (wall_now(), tick());
        let Some(there) = self.store.wall_clock().await? else {
            let behind = behind(self.now(), last_written(&*self.store).await?);
            return Ok(behind.map(|what| {
                of("clock", format!("{what}: set this machine's clock right, and restart"))
            }));
        };
        // It looked at its clock at some moment between.
        let took = Span::from(began.elapsed());
        let (ahead, late) = (there.since(asked.plus(took)), asked.since(there));
        let (off, which) = if ahead > late { (ahead, "behind") } else { (late, "ahead of") };
        Ok((off > MOST_OFF).then(|| {
            let what = format!(
                "this machine's clock is {off} {which} the store's, and {MOST_OFF} is allowed, so \
                 this process runs no timers and takes no work: mend the time synchronisation of \
                 the one that is wrong"
            );
            of("clock", what)
        }))
    }

    /// One pass over all orders.
    async fn survey(&self, survey: &mut Survey) -> Result<(), StoreError> {
        let catalogue = self.catalogue();
        let mut after = None;
        while let Some(page) = next_page(&*self.store, after).await? {
            after = Some(page.last);
            let now = self.now();
            for order in page.orders {
                survey.stamped = survey.stamped.max(order.policy.version).max(order.catalogue);
                let Some(holder) = order.holder() else { continue };
                survey.plain_weekends += u64::from(order.policy.plain_weekends);
                if self.is_unpulled(&order, now) {
                    *survey.unpulled.entry(holder).or_default() += 1;
                }
                if catalogue.unit(holder).is_none() {
                    survey.units.insert(holder.to_string());
                    survey.strangers += 1;
                }
                survey.sampled(order);
            }
        }
        Ok(())
    }

    /// The processes of the city that serve by something else than this one.
    async fn others(&self) -> Result<Vec<Finding>, StoreError> {
        // What it said last may be older than a reload.
        self.attend().await?;
        let ours = self.guided();
        let others = self.store.present().await?.into_iter();
        Ok(others.flat_map(|(name, by)| differences(&ours, &name, &by)).collect())
    }

    /// Whether this process's key opens what the city's processes sealed.
    async fn key(&self, survey: &Survey) -> Result<Option<Finding>, StoreError> {
        let (mut tried, mut shut) = (0, 0);
        for order in survey.oldest.iter().chain(&survey.newest) {
            // What is damaged is a finding of the order's.
            let Ok(Some(contact)) = self.store.contact(order.no).await else { continue };
            tried += 1;
            shut += usize::from(self.sealer.open(order.no, &contact).is_err());
        }
        Ok((shut > 0).then(|| {
            let what = format!(
                "of {tried} contacts that were tried {shut} do not open with this process's key: \
                 another process of this city has another key_file, or they were changed; give \
                 every process the key that was there first"
            );
            of("key", what)
        }))
    }

    /// What has fallen due and does not happen, although nothing is wrong with its order.
    async fn lateness(&self, known: &[Finding]) -> Result<Option<Finding>, StoreError> {
        let mut late = None;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(self.settings.sweep).await;
            }
            let now = self.now();
            let due = self.store.due(now, 1).await?.into_iter().next();
            let due = due.filter(|(_, no)| known.iter().all(|f| f.order != Some(*no)));
            late = due.map(|(at, _)| now.since(at)).filter(|l| self.clock.really(*l) > LATE);
            if late.is_none() {
                return Ok(None);
            }
        }
        Ok(late.map(|late| {
            let what = format!(
                "what fell due {late} ago has not happened: no process of this city runs the \
                 timers, or the store is too slow for all that falls due; see that one is ready \
                 (hotline health) and take load away"
            );
            of("timers", what)
        }))
    }

    /// Consumers of the feed that have stopped reading.
    async fn readers(&self) -> Result<Vec<Finding>, StoreError> {
        let (end, now) = (self.store.feed_end().await?, self.now());
        let silent = |consumer: &crate::store::Consumer| {
            consumer.cursor < end && now.since(consumer.at) > SILENT
        };
        let consumers = self.store.consumers().await?.into_iter().filter(silent);
        Ok(consumers
            .map(|consumer| {
                let lag = end.sequence.saturating_sub(consumer.cursor.sequence);
                let what = format!(
                    "the feed's consumer {:?} has said nothing for {} and is {lag} batches behind, \
                     and what it has not read stays: start it again, or let it go with \
                     `hotline feed consumers forget`",
                    consumer.name,
                    now.since(consumer.at)
                );
                of("feed", what)
            })
            .collect())
    }
}

/// What one pass over all orders tells of them together.
#[derive(Default)]
struct Survey {
    plain_weekends: u64,
    unpulled: BTreeMap<Unit, u64>,
    /// The latest catalogue that any was routed or stamped by.
    stamped: u32,
    /// Open orders whose holder is not in the catalogue, and who that is.
    strangers: u64,
    units: BTreeSet<String>,
    oldest: Vec<Arc<Order>>,
    newest: VecDeque<Arc<Order>>,
}

impl Survey {
    fn sampled(&mut self, order: Arc<Order>) {
        if self.oldest.len() < SAMPLE {
            self.oldest.push(order);
            return;
        }
        if self.newest.len() == SAMPLE {
            self.newest.pop_front();
        }
        self.newest.push_back(order);
    }

    fn unpulled(&self, catalogue: &Catalogue) -> Vec<Unpulled> {
        let named = |(unit, orders): (&Unit, &u64)| {
            let name = catalogue.unit(*unit)?.name.clone();
            Some(Unpulled { unit: *unit, name, orders: *orders })
        };
        let mut all: Vec<_> = self.unpulled.iter().filter_map(named).collect();
        all.sort_by_key(|unpulled| Reverse(unpulled.orders));
        all.truncate(MAX_UNPULLED);
        all
    }

    /// Whether this process goes by the catalogue that the city goes by.
    fn catalogue(&self, ours: u32) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.stamped > ours {
            let what = format!(
                "orders are stamped with version {} of the catalogue, but this process goes by \
                 version {ours}: give it the folder of the newer one and send it SIGHUP",
                self.stamped
            );
            findings.push(of("catalogue", what));
        }
        if self.strangers > 0 {
            let some: Vec<_> = self.units.iter().take(NAMES).map(String::as_str).collect();
            let more = if self.units.len() > NAMES { ", …" } else { "" };
            let what = format!(
                "{} open orders stand before units that this process's catalogue (version {ours}) \
                 does not have ({}{more}): put the units back into units.csv, or give the orders \
                 to others",
                self.strangers,
                some.join(", ")
            );
            findings.push(of("catalogue", what));
        }
        findings
    }
}

/// How what another process serves by differs from what this one does.
fn differences(ours: &Guided, name: &str, theirs: &Guided) -> Vec<Finding> {
    let mut findings = Vec::new();
    if theirs.catalogue != ours.catalogue {
        let which = match theirs.version == ours.version {
            true => format!("{} too, but with other contents", ours.version),
            false => theirs.version.to_string(),
        };
        let what = format!(
            "this process goes by version {} of the catalogue, the one at {name} by version \
             {which}: give every process of the city the same folder and send it SIGHUP",
            ours.version
        );
        findings.push(of("catalogue", what));
    }
    if theirs.model != ours.model {
        let named = |model: Option<ModelVersion>| {
            model.map_or_else(|| "no model".to_owned(), |model| format!("the model {model}"))
        };
        let what = format!(
            "this process classifies by {}, the one at {name} by {}: give every process of the \
             city the same model and send it SIGHUP",
            named(ours.model),
            named(theirs.model)
        );
        findings.push(of("model", what));
    }
    findings
}

fn of(name: &'static str, what: String) -> Finding {
    Finding { order: None, name, mended: false, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_behind_by_more_than_a_correction() {
        let now = Timestamp(1_000_000_000_000);
        for (last, said) in [
            (None, false),
            (Some(Span::hours(-3)), false),
            (Some(MOST_BEHIND), false),
            (Some(Span(MOST_BEHIND.0 + 1)), true),
            (Some(Span::hours(3)), true),
        ] {
            let words = behind(now, last.map(|later| now.plus(later)));
            assert_eq!(words.is_some(), said, "{last:?}");
            assert!(words.is_none_or(|words| words.contains("later")));
        }
    }

    #[test]
    fn who_serves_by_something_else_is_told() {
        let ours = Guided { version: 2, catalogue: "0f".to_owned(), model: None };
        let other = Guided { catalogue: "f0".to_owned(), ..ours.clone() };
        let model = Some(ModelVersion(0x9c41_f07e));
        for (theirs, said) in [
            (ours.clone(), &[][..]),
            (other.clone(), &["by version 2 too, but with other contents: give"]),
            (Guided { version: 3, ..other.clone() }, &["the one at b by version 3: give"]),
            (Guided { model, ..ours.clone() }, &["no model, the one at b by the model 9c41f07e"]),
            (Guided { model, ..other }, &["other contents", "9c41f07e"]),
        ] {
            let found = differences(&ours, "b", &theirs);
            assert_eq!(found.len(), said.len(), "{found:?}");
            assert!(found.iter().zip(said).all(|(is, said)| is.what.contains(said)), "{found:?}");
        }
    }

    #[test]
    fn a_catalogue_that_is_behind_or_lacks_a_unit_is_told() {
        let mut survey = Survey { stamped: 3, ..Survey::default() };
        assert_eq!(survey.catalogue(3), []);
        let words = survey.catalogue(2).remove(0).what;
        assert!(words.contains("version 3") && words.contains("version 2:"), "{words}");
        survey.strangers = 12;
        survey.units = (330_402..330_411).map(|code| code.to_string()).collect();
        let words = survey.catalogue(3).remove(0).what;
        assert!(words.starts_with("12 open orders") && words.contains("330409, …)"), "{words}");
    }
}
