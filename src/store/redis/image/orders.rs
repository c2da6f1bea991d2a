//! The orders of an image, each followed by its contact and its papers.

use super::Taking;
use crate::domain::OrderNo;
use crate::store::image::{Kind, Row};
use crate::store::redis::keys::{self, BLOCK};
use crate::store::redis::pages::numbers_of;
use crate::store::redis::reads::ask;
use crate::store::redis::step::{VERSION, split_intake};
use crate::store::redis::value::{bytes, items, must};
use crate::store::{StoreError, codec};
use ::redis::{Value, cmd};

/// What came in with so many orders is read at once.
const INTAKES: usize = 64;

impl Taking<'_> {
    /// Hands out every order, by number; answers the first day on which there is one.
    pub(super) async fn all_orders(&mut self) -> Result<u16, StoreError> {
        let (mut from, mut first) = (b"-".to_vec(), u16::MAX);
        loop {
            let mut call = cmd("ZRANGE");
            call.arg(self.store.keys.blocks()).arg(&from).arg("+").arg("BYLEX").arg("LIMIT");
            call.arg(0).arg(1);
            let found = items(ask(&self.store.read, &call).await?)?;
            let Some(block) = found.first() else { return Ok(first) };
            let block = must(block)?;
            let numbers = numbers_of(self.store.keys.cell(), block)?;
            first = first.min(numbers.first().map_or(u16::MAX, |no| no.day()));
            for some in numbers.chunks(BLOCK as usize / 2) {
                let values = self.values(some).await?;
                let found = some.iter().copied().zip(values);
                self.found(Kind::Order, found.filter(|(_, v)| bytes(v).is_some()).collect())
                    .await?;
            }
            from = [&b"("[..], block].concat();
        }
    }

    /// Reads orders again that moved.
    pub(super) async fn orders_again(&mut self, moved: &[OrderNo]) -> Result<(), StoreError> {
        for some in moved.chunks(BLOCK as usize / 2) {
            let values = self.values(some).await?;
            self.found_again(some.iter().copied().zip(values).collect()).await?;
        }
        Ok(())
    }

    /// Orders that moved, as they are now. One that was never one is the city itself.
    pub(super) async fn found_again(
        &mut self,
        found: Vec<(OrderNo, Value)>,
    ) -> Result<(), StoreError> {
        let city = OrderNo::city(self.store.keys.cell());
        let orders = found.into_iter().filter(|(no, _)| *no != city).collect();
        self.found(Kind::OrderAgain, orders).await
    }

    async fn values(&self, numbers: &[OrderNo]) -> Result<Vec<Value>, StoreError> {
        let all = numbers.iter().map(|no| self.store.keys.order(keys::id(*no)));
        self.get(all.collect()).await
    }

    async fn get(&self, all: Vec<Vec<u8>>) -> Result<Vec<Value>, StoreError> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        items(ask(&self.store.read, cmd("MGET").arg(all)).await?)
    }

    async fn found(&mut self, kind: Kind, found: Vec<(OrderNo, Value)>) -> Result<(), StoreError> {
        for some in found.chunks(INTAKES) {
            let intakes = some.iter().map(|(no, _)| self.store.keys.intake(keys::id(*no)));
            let intakes = self.get(intakes.collect()).await?;
            for ((no, value), intake) in some.iter().zip(intakes) {
                let mut whole = None;
                if let Some(record) = bytes(value).and_then(|value| value.get(VERSION..)) {
                    whole = self.beside(*no, record, &intake).await?.map(|rows| (record, rows));
                }
                match whole {
                    Some((record, beside)) => {
                        self.out.put(Row::of_order(kind, *no, record)).await?;
                        for row in beside {
                            self.out.put(row).await?;
                        }
                    }
                    // It has left: what stands in the file of it does not count.
                    None if kind == Kind::OrderAgain => {
                        self.out.put(Row::of_order(kind, *no, [])).await?;
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// An order's contact and papers; `None` if it left for the archive while they were read.
    async fn beside(
        &self,
        no: OrderNo,
        record: &[u8],
        intake: &Value,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        let papers = codec::decode_order(record)?.papers;
        let split = bytes(intake).map(|value| {
            split_intake(value)
                .ok_or_else(|| StoreError::Damaged(format!("what came in with {no}")))
        });
        let (paper, contact) = split.transpose()?.unwrap_or_default();
        let mut rows = Vec::with_capacity(usize::from(papers) + 1);
        if !contact.is_empty() {
            rows.push(Row::of_order(Kind::Contact, no, contact));
        }
        // The first may stand by itself.
        let first = u16::from(!paper.is_empty());
        if !paper.is_empty() {
            rows.push(Row::paper(no, 0, paper));
        }
        let later: Vec<_> = (first..papers).collect();
        let all = later.iter().map(|index| self.store.keys.paper(keys::id(no), *index));
        let found = self.get(all.collect()).await?;
        let mut missing = false;
        for (index, paper) in later.into_iter().zip(found) {
            match bytes(&paper) {
                Some(paper) => rows.push(Row::paper(no, index, paper)),
                None => missing = true,
            }
        }
        if missing && self.store.read_order(no).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(rows))
    }
}
