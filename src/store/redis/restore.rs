//! Making a cell from an image. Until it is whole its format says so, and nobody opens it. No
//! step is taken meanwhile, so nothing here needs to happen in one piece; whatever fails is
//! begun again from an empty cell. Of two who would restore it at once one has the right to,
//! and holds it as whoever serves a cell holds the timers.

use super::greeting::LIBRARY;
use super::keys::{self, Keys};
use super::reads::ask;
use super::step::intake;
use super::value::{bytes, integer, items, must, pairs};
use super::{RedisOptions, RedisStore};
use crate::domain::{Cell, OrderNo, entries, next_deadline};
use crate::store::image::restore::{UNFINISHED, not_empty};
use crate::store::image::{Kind, Moment, Out, Row, Target, Whole};
use crate::store::{Cursor, MAX_OF_CALLER, Store, StoreError, codec};
use ::redis::{Pipeline, Value, cmd, pipe};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long the right to restore lasts that is not renewed.
const HOLD: Duration = Duration::from_secs(2);
/// And how often it is, or tried for, where nothing else is to be done.
const HOLD_AGAIN: Duration = Duration::from_millis(500);
/// How often it is tried for: as long as it lasts when its holder was killed, and a little longer.
const HOLD_TRIES: u32 = 6;
/// The hours of request ids that expire whole, in seconds (`lua/commit.lua`).
const BUCKET_SECONDS: i64 = 172_800;
/// How many keys one step of a walk through the database looks at.
const WALK: usize = 1_000;
/// What an order of one caller takes in the list of theirs.
const ID: usize = size_of::<keys::Id>();

/// A cell in the making.
pub struct Restoring {
    store: Arc<RedisStore>,
    keys: Keys,
    /// Who restores.
    holder: u64,
    /// The bucket that every remembered request is put in: each is remembered as long again.
    bucket: i64,
    /// The contact of an order whose first paper has not come yet.
    held: Option<(OrderNo, Vec<u8>)>,
    /// Which orders are not over.
    open: Option<OrderNo>,
    /// The last batch of the feed, or the last that left.
    last: Option<u64>,
    mode: Option<Vec<u8>>,
}

impl Restoring {
    /// Opens the cell, or makes it, and marks it. Refuses one in which there is anything, unless
    /// that was left by a restore; and one that somebody serves.
    pub async fn begin(
        url: &str,
        cell: Cell,
        options: RedisOptions,
    ) -> Result<Restoring, StoreError> {
        let store = RedisStore::open_as(url, cell, options, true).await?;
        let holder = getrandom::u64().map_err(|_| {
            StoreError::Unreachable("the system gives no random numbers".to_owned())
        })?;
        let restoring = Restoring {
            bucket: store.read_clock().await?.0 / 1_000 / BUCKET_SECONDS,
            store,
            keys: Keys::of(cell),
            holder,
            held: None,
            open: None,
            last: None,
            mode: None,
        };
        restoring.must_be_empty().await?;
        let mut tries = 1..HOLD_TRIES;
        while let Err(refused) = restoring.hold(HOLD).await {
            tries.next().ok_or(refused)?;
            tokio::time::sleep(HOLD_AGAIN).await;
        }
        // Another may just have restored it.
        restoring.must_be_empty().await?;
        let mut mark = cmd("HSET");
        mark.arg(restoring.keys.meta()).arg("format").arg(UNFINISHED);
        mark.arg("cell").arg(cell.to_string());
        ask(&restoring.store.write, &mark).await?;
        restoring.sweep().await?;
        Ok(restoring)
    }

    async fn must_be_empty(&self) -> Result<(), StoreError> {
        let Restoring { store, keys, .. } = self;
        let meta = pairs(ask(&store.read, cmd("HGETALL").arg(keys.meta())).await?)?;
        let meta: HashMap<_, _> = meta.into_iter().collect();
        let number = |name: &str| {
            let value = meta.get(name.as_bytes()).cloned();
            value.and_then(|value| integer(&Value::BulkString(value)))
        };
        if number("format") == Some(i64::from(UNFINISHED)) {
            return Ok(());
        }
        let used = number("sequence") != Some(0) || meta.contains_key(b"mode".as_slice());
        let listed = ask(&store.read, cmd("EXISTS").arg(keys.blocks())).await?;
        if used || integer(&listed) == Some(1) { Err(not_empty()) } else { Ok(()) }
    }

    /// Takes the right to restore, or renews it.
    async fn hold(&self, for_: Duration) -> Result<(), StoreError> {
        match self.store.hold_timer_lease(self.holder, for_).await? {
            true => Ok(()),
            false => Err(StoreError::Unreachable(
                "a hotline serves or restores this cell, or did a moment ago: stop it first"
                    .to_owned(),
            )),
        }
    }

    /// Renews it until somebody else has it.
    async fn lost(&self) -> StoreError {
        loop {
            if let Err(lost) = self.hold(HOLD).await {
                return lost;
            }
            tokio::time::sleep(HOLD_AGAIN).await;
        }
    }

    /// What is to be written of a row.
    fn row(&mut self, row: Row, batch: &mut Batch) -> Result<(), StoreError> {
        let keys = &self.keys;
        match row.kind {
            Kind::Order | Kind::OrderAgain => {
                self.let_go(batch);
                self.order(&row, batch)?;
            }
            Kind::Contact => {
                let no = row.order()?;
                if self.open == Some(no) {
                    let caller = codec::decode_contact(&row.value)?.phone;
                    batch.callers.entry(caller).or_default().insert(keys::id(no));
                }
                self.held = Some((no, row.value));
            }
            Kind::Paper => {
                let no = row.order()?;
                let [.., high, low] = row.key::<10>()?;
                match u16::from_be_bytes([high, low]) {
                    0 => {
                        let held = self.held.take_if(|(of, _)| *of == no);
                        let contact = held.map(|(_, contact)| contact).unwrap_or_default();
                        let value = intake(&row.value, &contact);
                        batch.write.set(keys.intake(keys::id(no)), value).ignore();
                    }
                    index => {
                        let key = keys.paper(keys::id(no), index);
                        batch.write.set(key, row.value).ignore();
                    }
                }
            }
            Kind::Feed => {
                let sequence = u64::from_be_bytes(row.key()?);
                if let Some(last) = self.last.replace(sequence).filter(|l| l + 1 < sequence) {
                    leap(&mut batch.write, keys, last, sequence - 1);
                }
                let id = format!("{sequence}-0");
                batch.write.cmd("XADD").arg(keys.feed()).arg(id).arg("e").arg(row.value);
            }
            Kind::Request => {
                let key = keys.requests(self.bucket.unsigned_abs());
                batch.write.cmd("HSET").arg(&key).arg(row.key).arg(row.value);
                batch.expire = Some((key, (self.bucket + 2) * BUCKET_SECONDS));
            }
            Kind::Indicator => {
                let [high, low, of, number @ ..] = row.key::<11>()?;
                let of = crate::domain::Dimension::from_byte(of).ok_or_else(|| row.odd())?;
                let key = keys.indicators(u16::from_be_bytes([high, low]), of);
                batch.write.cmd("HSET").arg(key).arg(&number[..]).arg(row.value);
            }
            Kind::Tally => {
                let n = row.value.as_slice().try_into().map_err(|_| row.odd())?;
                let n = i64::from_be_bytes(n);
                batch.write.cmd("HSET").arg(keys.tallies()).arg(row.key).arg(n);
            }
            Kind::Mode => self.mode = Some(row.value),
            Kind::Consumer => {
                let place = row.place()?;
                let Cursor { epoch, sequence, index } = place.cursor;
                let value = format!("{epoch} {sequence} {index} {}", place.at.0);
                batch.write.cmd("HSET").arg(keys.consumers()).arg(place.name).arg(value);
            }
            Kind::Trimmed => {
                let trimmed = row.number()?;
                self.last = Some(trimmed);
                batch.write.cmd("HSET").arg(keys.meta()).arg("trimmed").arg(trimmed);
            }
            // Told with the whole.
            Kind::Number => {}
        }
        Ok(())
    }

    /// An order and all that is derived from it.
    fn order(&mut self, row: &Row, batch: &mut Batch) -> Result<(), StoreError> {
        let (keys, order) = (&self.keys, codec::decode_order(&row.value)?);
        if order.no != row.order()? {
            return Err(row.odd());
        }
        self.open = (!order.is_over()).then_some(order.no);
        let id = keys::id(order.no);
        let value = [&order.version.to_be_bytes()[..], &row.value].concat();
        batch.write.set(keys.order(id), value).ignore();
        batch.write.cmd("ZADD").arg(keys.blocks()).arg(0).arg(&keys::block(order.no)[..]);
        for entry in entries(&order) {
            let place = keys::place(order.no, &entry);
            let tray = keys.tray(place.tray);
            batch.write.cmd("ZADD").arg(tray).arg(place.score).arg(&place.member[..]);
            batch.write.cmd("SADD").arg(keys.trays()).arg(&place.tray[..]);
        }
        if let Some(due) = next_deadline(&order) {
            batch.write.cmd("ZADD").arg(keys.due()).arg(keys::score(due)).arg(&id[..]);
        }
        Ok(())
    }

    /// A contact without a first paper stands alone.
    fn let_go(&mut self, batch: &mut Batch) {
        if let Some((no, contact)) = self.held.take() {
            let key = self.keys.intake(keys::id(no));
            batch.write.set(key, intake(&[], &contact)).ignore();
        }
    }

    async fn write(&self, mut batch: Batch) -> Result<(), StoreError> {
        self.remember_callers(&mut batch).await?;
        if let Some((key, at)) = batch.expire {
            batch.write.cmd("EXPIREAT").arg(key).arg(at);
        }
        if batch.write.cmd_iter().next().is_some() {
            self.store.write.call_each(&batch.write).await?;
        }
        Ok(())
    }

    /// Puts orders among those of their callers, newest first.
    async fn remember_callers(&self, batch: &mut Batch) -> Result<(), StoreError> {
        if batch.callers.is_empty() {
            return Ok(());
        }
        let callers: Vec<_> = batch.callers.iter().collect();
        let mut call = cmd("HMGET");
        call.arg(self.keys.callers());
        callers.iter().for_each(|(caller, _)| _ = call.arg(&caller[..]));
        let known = items(ask(&self.store.write, &call).await?)?;
        for ((caller, new), known) in callers.into_iter().zip(&known) {
            let (known, _) = bytes(known).unwrap_or_default().as_chunks::<ID>();
            let all: BTreeSet<keys::Id> = known.iter().chain(new).copied().collect();
            let latest: Vec<u8> = all.into_iter().rev().take(MAX_OF_CALLER).flatten().collect();
            batch.write.cmd("HSET").arg(self.keys.callers()).arg(&caller[..]).arg(latest);
        }
        Ok(())
    }
}

/// What is sent at once.
#[derive(Default)]
struct Batch {
    write: Pipeline,
    /// Whose orders came.
    callers: BTreeMap<[u8; 16], BTreeSet<keys::Id>>,
    /// When the bucket of requests is to expire.
    expire: Option<(Vec<u8>, i64)>,
}

/// Numbers of the feed that were given to nothing here.
fn leap(write: &mut Pipeline, keys: &Keys, from: u64, to: u64) {
    write.cmd("XADD").arg(keys.feed()).arg(format!("{to}-0")).arg("l").arg(from);
}

#[async_trait]
impl Target for Restoring {
    async fn put(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        self.hold(HOLD).await?;
        let mut batch = Batch::default();
        for row in rows {
            self.row(row, &mut batch)?;
        }
        self.write(batch).await
    }

    async fn settle(&mut self, whole: &Whole) -> Result<(), StoreError> {
        self.hold(HOLD).await?;
        let mut batch = Batch::default();
        self.let_go(&mut batch);
        let keys = &self.keys;
        leap(&mut batch.write, keys, self.last.unwrap_or(0), whole.sequence);
        let meta = batch.write.cmd("HSET").arg(keys.meta());
        meta.arg("epoch").arg(whole.epoch).arg("sequence").arg(whole.sequence);
        meta.arg("claim").arg(whole.claims).arg("losses").arg(0).arg("bucket").arg(self.bucket);
        if let Some(row) = &self.mode {
            let mode = codec::decode_mode(row)?;
            meta.arg("mode").arg(row).arg("mode_version").arg(mode.version);
            meta.arg("mode_revision").arg(mode.revision);
        }
        for (day, highest) in &whole.numbers {
            let day_lost = format!("{day}l");
            let write = batch.write.cmd("HSET").arg(keys.numbers());
            write.arg(*day).arg(*highest).arg(day_lost).arg(0);
        }
        self.write(batch).await
    }

    async fn dump(&self, out: Out) -> Result<Moment, StoreError> {
        tokio::select! {
            image = self.store.take_image(out) => image,
            lost = self.lost() => Err(lost),
        }
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.hold(HOLD).await?;
        let mut mark = cmd("HSET");
        mark.arg(self.keys.meta()).arg("format").arg(codec::FORMAT);
        let (_, safe) = self.store.replicas.confirmed(&self.store.write, &mark).await?;
        safe?;
        // Whoever serves it now need not wait.
        self.hold(Duration::ZERO).await?;
        self.store.close().await;
        tracing::info!(cell = %self.keys.cell(), library = LIBRARY, "restored");
        Ok(())
    }
}

impl Restoring {
    /// Takes everything of the cell away but its meta record, of which the mark stays, and the
    /// right to restore it.
    async fn sweep(&self) -> Result<(), StoreError> {
        let Restoring { store, keys, .. } = self;
        let kept = [keys.meta(), keys.timers()];
        let mut at = b"0".to_vec();
        let pattern = format!("{{{}}}*", keys.cell());
        loop {
            let mut call = cmd("SCAN");
            call.arg(&at).arg("MATCH").arg(&pattern).arg("COUNT").arg(WALK);
            let mut parts = items(ask(&store.write, &call).await?)?.into_iter();
            at = must(&parts.next().unwrap_or_default())?.to_vec();
            let found = items(parts.next().unwrap_or_default())?;
            let found: Result<Vec<_>, _> = found.iter().map(|key| must(key)).collect();
            let old: Vec<_> =
                found?.into_iter().filter(|key| !kept.iter().any(|kept| kept == key)).collect();
            if !old.is_empty() {
                self.hold(HOLD).await?;
                store.write.call_each(pipe().cmd("UNLINK").arg(old)).await?;
            }
            if at == b"0" {
                break;
            }
        }
        let mut old = cmd("HDEL");
        old.arg(keys.meta()).arg(&["epoch", "sequence", "bucket", "claim", "history", "losses"]);
        old.arg(&["mode", "mode_version", "mode_revision", "trimmed", "checked"]);
        ask(&store.write, &old).await?;
        Ok(())
    }
}
