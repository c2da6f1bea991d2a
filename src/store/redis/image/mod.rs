//! Taking the image of a cell that is served meanwhile, by all its processes.
//!
//! Redis shows no older state than that of now, and the orders cannot be read in one piece. So:
//!
//! 1. All orders are read, page by page ([`orders`]), and the feed from its beginning. From
//!    where the feed stood when this began its events say which orders have moved since.
//! 2. Those are read again; and those that moved meanwhile, again; each time they are fewer.
//! 3. When few are left, one function reads, at one moment, those, whatever came in the feed
//!    after it was last looked at, the orders of that, and all that every step changes:
//!    counters, indicators, mode, numbers. That is the moment of the image. An order that is
//!    not among them has not moved since it was read.
//! 4. Request ids are read last: all that were remembered until that moment are there. Those
//!    that came later belong to steps that the feed tells of after it, by order and version,
//!    and are left out ([`requests`]).
//!
//! Papers and contacts never change once they are there. Whether the data became another on
//! the way (a failover, a flush) is looked at in the end: then there is no image.

mod orders;
mod requests;

use super::RedisStore;
use super::feed::Batch;
use super::greeting::LIBRARY;
use super::reads::{ask, function};
use super::value::{Pair, integer, items, must, pairs, text};
use crate::clock::wall_now;
use crate::domain::{Dimension, OrderNo};
use crate::store::image::{Kind, Moment, Out, Row, without_zeros};
use crate::store::{Shedding, StoreError, codec, day_of};
use ::redis::{Value, cmd};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many batches of the feed one call reads.
const BATCHES: usize = 16;
/// So many orders, and the orders of so many batches, are read at the moment of the image: it
/// holds Redis up for a few milliseconds.
const AT_ONCE: usize = 512;
const AT_ONCE_BATCHES: usize = 32;
/// How often orders are read again before it is said that they move too fast.
const ROUNDS: usize = 1_000;
/// How far order numbers skip for every time that history may have been lost (`lua/cell.lua`).
const SKIP: u32 = 100_000;

/// Which data it is.
#[derive(PartialEq, Eq)]
struct History {
    epoch: u64,
    losses: u64,
}

/// The cell's meta record.
struct Meta(HashMap<Vec<u8>, Vec<u8>>);

impl Meta {
    fn of(fields: Vec<Pair>) -> Meta {
        Meta(fields.into_iter().collect())
    }

    fn number(&self, name: &str) -> u64 {
        let value = self.0.get(name.as_bytes()).cloned().unwrap_or_default();
        integer(&Value::BulkString(value)).map_or(0, i64::unsigned_abs)
    }

    fn history(&self) -> History {
        History { epoch: self.number("epoch"), losses: self.number("losses") }
    }
}

/// An image under way.
struct Taking<'a> {
    store: &'a RedisStore,
    out: Out,
    /// How far the feed was read.
    at: u64,
    /// Orders that moved since they were read.
    moved: BTreeSet<OrderNo>,
    /// Days on which something happened since this began.
    days: BTreeSet<u16>,
    /// The last day on which anything happened.
    latest: u16,
}

impl RedisStore {
    /// Everything there is.
    pub(super) async fn take_image(&self, out: Out) -> Result<Moment, StoreError> {
        let began = self.read_meta().await?;
        let mut taking = Taking {
            store: self,
            out,
            at: 0,
            moved: BTreeSet::new(),
            days: BTreeSet::new(),
            latest: 0,
        };
        // Before the moment: nobody can have read beyond it then.
        for consumer in self.consumers().await? {
            taking.out.put(Row::consumer(&consumer)).await?;
        }
        let first = taking.all_orders().await?;
        taking.follow(began.number("sequence")).await?;
        let past = taking.past_days(first).await?;
        taking.out.hurry();
        let (meta, moment) = taking.moment(&past).await?;
        taking.requests(&meta, moment.sequence).await?;
        taking.out.flush().await?;
        if self.read_meta().await?.history() != began.history() || meta.history() != began.history()
        {
            return Err(StoreError::Unreachable(
                "Redis lost its data, or another took its place, while it was read: begin again"
                    .to_owned(),
            ));
        }
        Ok(moment)
    }

    async fn read_meta(&self) -> Result<Meta, StoreError> {
        Ok(Meta::of(pairs(ask(&self.read, cmd("HGETALL").arg(self.keys.meta())).await?)?))
    }

    /// Batches of the feed after a number, and whether there may be more.
    async fn batches(&self, after: u64) -> Result<(Vec<Batch>, bool), StoreError> {
        let mut call = cmd("XRANGE");
        call.arg(self.keys.feed()).arg(format!("({after}-0")).arg("+");
        call.arg("COUNT").arg(BATCHES);
        let page = items(ask(&self.read, &call).await?)?;
        let more = page.len() == BATCHES;
        Ok((page.into_iter().map(Batch::of).collect::<Result<_, _>>()?, more))
    }
}

impl Taking<'_> {
    /// Reads the feed to its end. What moved after `since` must be read again.
    async fn follow(&mut self, since: u64) -> Result<(), StoreError> {
        loop {
            let (batches, more) = self.store.batches(self.at).await?;
            for batch in batches {
                self.batch(batch, since).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn batch(&mut self, batch: Batch, since: u64) -> Result<(), StoreError> {
        self.at = batch.sequence;
        if batch.leapt_from.is_some() {
            return Ok(());
        }
        if batch.sequence > since {
            // What is being written now is not to be chased at leisure.
            self.out.hurry();
            for event in steps_of(&batch)? {
                self.moved.insert(event.order);
                self.days.insert(day_of(event.at.date()));
            }
        } else if let Some(step) = batch.steps().next() {
            // A batch is of one day.
            let first = codec::decode_events(step?.1)?;
            let day = first.first().map(|event| day_of(event.at.date()));
            self.latest = self.latest.max(day.unwrap_or(0));
        }
        let row = Row::new(Kind::Feed, batch.sequence.to_be_bytes(), batch.frames);
        self.out.put(row).await
    }

    /// Hands out what was counted on the days that are over, and answers which those are: from
    /// the first on to the day before the last on which something happened.
    async fn past_days(&mut self, first: u16) -> Result<std::ops::Range<u16>, StoreError> {
        let numbers = cmd("HKEYS").arg(self.store.keys.numbers()).to_owned();
        let numbers = items(ask(&self.store.read, &numbers).await?)?;
        let reserved = numbers.iter().filter_map(|day| text(day).parse::<u16>().ok()).min();
        let first = first.min(reserved.unwrap_or(u16::MAX));
        let today = day_of(wall_now().date());
        self.latest = if self.latest == 0 { today } else { self.latest };
        let recent = self.days.first().map_or(self.latest, |day| self.latest.min(*day));
        // A process whose clock is behind may be in the day before.
        let past = first..recent.saturating_sub(1).max(first);
        for day in past.clone() {
            for of in Dimension::ALL {
                let call = cmd("HGETALL").arg(self.store.keys.indicators(day, *of)).to_owned();
                let counted = pairs(ask(&self.store.read, &call).await?)?;
                self.indicators(day, *of, counted).await?;
            }
        }
        Ok(past)
    }

    async fn indicators(
        &mut self,
        day: u16,
        of: Dimension,
        counted: Vec<Pair>,
    ) -> Result<(), StoreError> {
        for (number, counts) in counted {
            let counts = without_zeros(&counts);
            if !counts.is_empty() {
                let [high, low] = day.to_be_bytes();
                let key = [&[high, low, of.byte()][..], &number].concat();
                self.out.put(Row::new(Kind::Indicator, key, counts)).await?;
            }
        }
        Ok(())
    }

    /// Reads what moved until so little is left that it can be read at one moment, and hands
    /// out everything of that moment. Days of `past` were handed out.
    async fn moment(&mut self, past: &std::ops::Range<u16>) -> Result<(Meta, Moment), StoreError> {
        for _ in 0..ROUNDS {
            self.follow(0).await?;
            if self.moved.len() > AT_ONCE {
                let moved: Vec<_> = std::mem::take(&mut self.moved).into_iter().collect();
                self.orders_again(&moved).await?;
                continue;
            }
            if self.days.iter().any(|day| past.contains(day)) {
                return Err(StoreError::Unreachable(
                    "something happened on a day that was over: the clock of a process is wrong"
                        .to_owned(),
                ));
            }
            let today = day_of(wall_now().date());
            let near = |day: u16| day.saturating_sub(1)..=day.saturating_add(1);
            let days = near(self.latest).chain(near(today)).chain(self.days.iter().copied());
            let days = days.filter(|day| !past.contains(day)).collect();
            if let Some(taken) = self.at_once(&days).await? {
                return Ok(taken);
            }
        }
        Err(StoreError::Unreachable(
            "the orders move faster than they can be read: back up at a quieter hour".to_owned(),
        ))
    }

    /// The moment itself; `None` if too much had come meanwhile.
    async fn at_once(
        &mut self,
        days: &BTreeSet<u16>,
    ) -> Result<Option<(Meta, Moment)>, StoreError> {
        let keys = &self.store.keys;
        let moved: Vec<_> = self.moved.iter().copied().collect();
        let mut all = vec![keys.meta(), keys.feed(), keys.tallies(), keys.numbers()];
        let hashes: Vec<_> =
            days.iter().flat_map(|day| Dimension::ALL.iter().map(|of| (*day, *of))).collect();
        all.extend(hashes.iter().map(|(day, of)| keys.indicators(*day, *of)));
        all.extend(moved.iter().map(|no| keys.order(super::keys::id(*no))));
        let mut call = function("FCALL_RO", &format!("{LIBRARY}_image"), &all);
        call.arg(hashes.len()).arg(self.at).arg(AT_ONCE_BATCHES);
        let at = wall_now();
        let answer = items(ask(&self.store.read, &call).await?)?;
        if answer.first().map(text).as_deref() == Some("far") {
            return Ok(None);
        }
        let odd = || StoreError::Damaged("what was read of the cell at once".to_owned());
        let [_, meta, tallies, numbers, batches, indicators, orders, tail]: [Value; 8] =
            answer.try_into().map_err(|_| odd())?;
        let batches: Vec<_> =
            items(batches)?.into_iter().map(Batch::of).collect::<Result<_, _>>()?;
        let mut values: BTreeMap<OrderNo, Value> =
            moved.iter().copied().zip(items(orders)?).collect();
        for pair in items(tail)?.chunks_exact(2) {
            values.insert(keys.order_no(must(&pair[0])?)?, pair[1].clone());
        }
        for batch in batches.iter().filter(|batch| batch.leapt_from.is_none()) {
            for event in steps_of(batch)? {
                // Not looked at, or on a day that was not: the next round does.
                let known = values.contains_key(&event.order);
                if !known || !days.contains(&day_of(event.at.date())) {
                    return Ok(None);
                }
            }
        }
        for batch in batches {
            self.batch(batch, 0).await?;
        }
        self.moved.clear();
        let meta = Meta::of(pairs(meta)?);
        self.city(&meta, pairs(tallies)?, pairs(numbers)?).await?;
        for ((day, of), counted) in hashes.into_iter().zip(items(indicators)?) {
            self.indicators(day, of, pairs(counted)?).await?;
        }
        let values: Vec<_> = values.into_iter().collect();
        self.found_again(values).await?;
        let History { epoch, .. } = meta.history();
        let (sequence, claims) = (meta.number("sequence"), meta.number("claim"));
        Ok(Some((meta, Moment { epoch, sequence, claims, at })))
    }

    /// What is kept of the city as a whole.
    async fn city(
        &mut self,
        meta: &Meta,
        tallies: Vec<Pair>,
        numbers: Vec<Pair>,
    ) -> Result<(), StoreError> {
        if let Some(row) = meta.0.get(b"mode".as_slice()) {
            self.out.put(Row::new(Kind::Mode, [], row.as_slice())).await?;
        }
        for (name, n) in tallies {
            let n = integer(&Value::BulkString(n)).unwrap_or(0);
            if n != 0 {
                self.out.put(Row::new(Kind::Tally, name, n.to_be_bytes())).await?;
            }
        }
        let trimmed = meta.number("trimmed");
        if trimmed > 0 {
            self.out.put(Row::trimmed(trimmed)).await?;
        }
        let losses = meta.number("losses");
        let fields: HashMap<Vec<u8>, u64> = numbers
            .into_iter()
            .map(|(field, n)| (field, integer(&Value::BulkString(n)).map_or(0, i64::unsigned_abs)))
            .collect();
        for (field, highest) in &fields {
            let Some(day) = text(&Value::BulkString(field.clone())).parse::<u16>().ok() else {
                continue;
            };
            // As they would go on here: past what was lost.
            let known = fields.get(&[field, &b"l"[..]].concat()).copied().unwrap_or(0);
            let skipped = losses.saturating_sub(known).saturating_mul(u64::from(SKIP));
            let highest = u32::try_from(highest.saturating_add(skipped)).unwrap_or(u32::MAX);
            let row = Row::new(Kind::Number, day.to_be_bytes(), highest.to_be_bytes());
            self.out.put(row).await?;
        }
        Ok(())
    }
}

/// Every event of a batch.
fn steps_of(batch: &Batch) -> Result<Vec<crate::domain::Event>, StoreError> {
    let mut events = Vec::new();
    for step in batch.steps() {
        events.extend(codec::decode_events(step?.1)?);
    }
    Ok(events)
}
