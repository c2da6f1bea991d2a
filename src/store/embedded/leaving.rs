//! What leaves, what comes back, and who reads: each in a transaction of its own, between two
//! groups.

use super::hot::Hot;
use super::opening::{damaged, unwritable};
use super::tables::*;
use super::writer::{Job, Writer};
use super::{Embedded, archived, reads::no_answer};
use crate::store::image::{Kind, Row};
use crate::store::leaving::{further, have_read};
use crate::store::{
    Consumer, Cursor, Leaving, MAX_BATCH, MAX_CONSUMERS, Shedding, StoreError, Whole, codec,
};
use async_trait::async_trait;
use redb::{Database, ReadableTable, WriteTransaction};
use tokio::sync::oneshot;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What is asked of the writer besides steps.
pub(super) enum Aside {
    Dismiss(Vec<Leaving>, Answer<u64>),
    Readmit(Box<Whole>, Answer<()>),
    Trim(Cursor, Vec<Consumer>, Answer<bool>),
    Acknowledge(Consumer, Answer<bool>),
    Forget(String, Answer<bool>),
}

impl Aside {
    /// The file cannot be used.
    pub(super) fn refuse(self, why: StoreError) {
        // Whoever asked may be gone.
        match self {
            Aside::Dismiss(_, answer) => _ = answer.send(Err(why)),
            Aside::Readmit(_, answer) => _ = answer.send(Err(why)),
            Aside::Trim(_, _, answer) => _ = answer.send(Err(why)),
            Aside::Acknowledge(_, answer) | Aside::Forget(_, answer) => {
                _ = answer.send(Err(why));
            }
        }
    }
}

impl Writer {
    /// Does it, and answers when it is on the disk.
    pub(super) fn aside(&mut self, db: &Database, aside: Aside) {
        match aside {
            Aside::Dismiss(leaving, answer) => _ = answer.send(self.dismiss(db, &leaving)),
            Aside::Readmit(whole, answer) => _ = answer.send(self.readmit(db, &whole)),
            Aside::Trim(first, known, answer) => {
                _ = answer.send(self.trim(db, first, &known));
            }
            Aside::Acknowledge(consumer, answer) => {
                _ = answer.send(self.acknowledge(db, consumer));
            }
            Aside::Forget(name, answer) => _ = answer.send(self.forget(db, &name)),
        }
    }

    fn write_aside(
        &mut self,
        db: &Database,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            fill(&txn)?;
            txn.commit()?;
            Ok(())
        };
        write().map_err(|e| {
            // It may have reached the disk: the file is opened again before it is believed.
            let error = unwritable(e);
            self.let_go(error.clone());
            error
        })
    }

    fn dismiss(&mut self, db: &Database, leaving: &[Leaving]) -> Result<u64, StoreError> {
        let mut going = Vec::with_capacity(leaving.len());
        for Leaving { order, caller: _ } in leaving.iter().take(MAX_BATCH) {
            if order.is_over() && archived(db, order.no)?.as_ref() == Some(order) {
                going.push(order);
            }
        }
        if going.is_empty() {
            return Ok(0);
        }
        let mut left = 0;
        self.write_aside(db, |txn| {
            let mut orders = txn.open_table(ARCHIVED)?;
            let mut papers = txn.open_table(PAPERS)?;
            let mut contacts = txn.open_table(CONTACTS)?;
            for order in &going {
                let key = order_key(order.no);
                left += u64::from(orders.remove(&key)?.is_some());
                contacts.remove(&key)?;
                for index in 0..order.papers {
                    papers.remove(&paper_key(order.no, index))?;
                }
            }
            Ok(())
        })?;
        Ok(left)
    }

    fn readmit(&mut self, db: &Database, whole: &Whole) -> Result<(), StoreError> {
        let Whole { order, papers, contact } = whole;
        let no = order.no;
        if self.shared.read().orders.contains_key(&no) || archived(db, no)?.is_some() {
            return Ok(());
        }
        self.write_aside(db, |txn| {
            let key = order_key(no);
            txn.open_table(ARCHIVED)?.insert(&key, codec::encode_order(order).as_slice())?;
            let mut table = txn.open_table(PAPERS)?;
            for (index, paper) in papers {
                table.insert(&paper_key(no, *index), codec::encode_paper(paper).as_slice())?;
            }
            if let Some(contact) = contact {
                let sealed = codec::encode_contact(contact);
                txn.open_table(CONTACTS)?.insert(&key, sealed.as_slice())?;
            }
            Ok(())
        })?;
        let mut hot = self.shared.write();
        hot.archive_end = hot.archive_end.max(Some(no));
        Ok(())
    }

    fn trim(
        &mut self,
        db: &Database,
        first: Cursor,
        known: &[Consumer],
    ) -> Result<bool, StoreError> {
        let gone = {
            let mut hot = self.shared.write();
            let same_feed = first.epoch == hot.feed_end.epoch;
            if !same_feed || !have_read(hot.consumers.values(), known) {
                return Ok(false);
            }
            let gone = first.sequence.min(hot.feed_end.sequence).saturating_sub(1);
            if gone <= hot.trimmed {
                return Ok(true);
            }
            // Before it is gone: a reader that misses it is then told so.
            hot.trimmed = gone;
            gone
        };
        self.write_aside(db, |txn| {
            let mut feed = txn.open_table(FEED)?;
            feed.retain_in::<&[u8; 8], _>(..=&gone.to_be_bytes(), |_, _| false)?;
            txn.open_table(META)?.insert(META_TRIMMED, gone.to_be_bytes().as_slice())?;
            Ok(())
        })?;
        Ok(true)
    }

    fn acknowledge(&mut self, db: &Database, consumer: Consumer) -> Result<bool, StoreError> {
        let now = {
            let hot = self.shared.read();
            let known = hot.consumers.get(&consumer.name);
            if known.is_none() && hot.consumers.len() == MAX_CONSUMERS {
                return Ok(false);
            }
            further(known, &consumer)
        };
        self.write_aside(db, |txn| {
            let Row { key, value, .. } = Row::consumer(&now);
            let key = [META_CONSUMER, &key].concat();
            txn.open_table(META)?.insert(key.as_slice(), value.as_slice())?;
            Ok(())
        })?;
        self.shared.write().consumers.insert(now.name.clone(), now);
        Ok(true)
    }

    fn forget(&mut self, db: &Database, name: &str) -> Result<bool, StoreError> {
        if !self.shared.read().consumers.contains_key(name) {
            return Ok(false);
        }
        self.write_aside(db, |txn| {
            let key = [META_CONSUMER, name.as_bytes()].concat();
            txn.open_table(META)?.remove(key.as_slice())?;
            Ok(())
        })?;
        self.shared.write().consumers.remove(name);
        Ok(true)
    }
}

/// What is known at opening of who reads, and of what left.
pub(super) fn load(
    meta: &impl ReadableTable<&'static [u8], &'static [u8]>,
    hot: &mut Hot,
) -> Result<(), StoreError> {
    let bad = |what: &str| StoreError::Damaged(format!("meta {what}; restore a backup"));
    if let Some(value) = meta.get(META_TRIMMED).map_err(damaged)? {
        let bytes = value.value().try_into().map_err(|_| bad("trimmed"))?;
        hot.trimmed = u64::from_be_bytes(bytes);
    }
    for row in meta.range(META_CONSUMER..).map_err(damaged)? {
        let (key, value) = row.map_err(damaged)?;
        let Some(name) = key.value().strip_prefix(META_CONSUMER) else { break };
        let row = Row::new(Kind::Consumer, name, value.value());
        let consumer = row.place().map_err(|_| bad("consumer"))?;
        hot.consumers.insert(consumer.name.clone(), consumer);
    }
    Ok(())
}

impl Embedded {
    async fn ask_aside<T>(&self, aside: impl FnOnce(Answer<T>) -> Aside) -> Result<T, StoreError> {
        let answer = self.ask(|answer| Job::Aside(aside(answer))).await?;
        answer.await.map_err(|_| no_answer())?
    }
}

#[async_trait]
impl Shedding for Embedded {
    async fn dismiss(&self, leaving: &[Leaving]) -> Result<u64, StoreError> {
        self.ask_aside(|answer| Aside::Dismiss(leaving.to_vec(), answer)).await
    }

    async fn readmit(&self, whole: &Whole) -> Result<(), StoreError> {
        self.ask_aside(|answer| Aside::Readmit(Box::new(whole.clone()), answer)).await
    }

    async fn feed_start(&self) -> Result<Cursor, StoreError> {
        let (hot, _) = self.hot()?;
        Ok(Cursor::after_batch(hot.feed_end.epoch, hot.trimmed))
    }

    async fn trim_feed(&self, first: Cursor, known: &[Consumer]) -> Result<bool, StoreError> {
        self.ask_aside(|answer| Aside::Trim(first, known.to_vec(), answer)).await
    }

    async fn consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        Ok(self.hot()?.0.consumers.values().cloned().collect())
    }

    async fn acknowledge(&self, consumer: &Consumer) -> Result<bool, StoreError> {
        self.ask_aside(|answer| Aside::Acknowledge(consumer.clone(), answer)).await
    }

    async fn forget_consumer(&self, name: &str) -> Result<bool, StoreError> {
        self.ask_aside(|answer| Aside::Forget(name.to_owned(), answer)).await
    }
}
