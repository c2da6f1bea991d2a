//! What is kept of the city as a whole: its counters, its indicators, its callers, its mode.

use super::RedisStore;
use super::batch::replaced;
use super::reads::{ask, function};
use super::step::frame;
use super::trouble::Fault;
use super::value::{bytes, integer, items, pairs, text};
use crate::domain::{Counts, Date, Dimension, Event, Marginal, OrderNo, TALLIES, Tally};
use crate::store::{CommitError, Cursor, ModeRow, StoreError, Sums, codec, day_of, read_counts};
use ::redis::{Cmd, cmd};

impl RedisStore {
    pub(super) async fn read_tallies(&self) -> Result<Vec<(Tally, i64)>, StoreError> {
        let mut call = cmd("HMGET");
        call.arg(self.keys.tallies()).arg(TALLIES);
        let values = items(ask(&self.read, &call).await?)?;
        Ok(TALLIES
            .iter()
            .zip(&values)
            .map(|(t, value)| (*t, integer(value).unwrap_or(0)))
            .collect())
    }

    pub(super) async fn read_callers(&self, phone: [u8; 16]) -> Result<Vec<OrderNo>, StoreError> {
        let value = self.callers.ask(phone.to_vec()).await?;
        let (ids, _) = bytes(&value).unwrap_or_default().as_chunks::<6>();
        ids.iter().map(|id| self.keys.order_no(id)).collect()
    }

    pub(super) async fn read_mode(&self) -> Result<Option<ModeRow>, StoreError> {
        let mut call = cmd("HGET");
        call.arg(self.keys.meta()).arg("mode");
        bytes(&ask(&self.read, &call).await?).map(codec::decode_mode).transpose()
    }

    pub(super) async fn write_mode(
        &self,
        row: &ModeRow,
        event: Option<&Event>,
    ) -> Result<(), CommitError> {
        let frame = event.map(|event| frame(std::slice::from_ref(event))).unwrap_or_default();
        let keys = [self.keys.meta(), self.keys.feed()];
        let mut call = function("FCALL", "hotline_v5_set_mode", &keys);
        call.arg(self.epoch()).arg(row.revision - 1).arg(row.revision).arg(row.version);
        call.arg(codec::encode_mode(row)).arg(frame);
        self.write_city(&call).await
    }

    pub(super) async fn write_announcement(
        &self,
        read: Cursor,
        event: &Event,
    ) -> Result<(), CommitError> {
        let frame = frame(std::slice::from_ref(event));
        let keys = [self.keys.meta(), self.keys.feed()];
        let mut call = function("FCALL", "hotline_v5_announce", &keys);
        call.arg(self.epoch()).arg(read.epoch).arg(read.sequence).arg(frame);
        self.write_city(&call).await
    }

    /// Has something of the city itself written.
    async fn write_city(&self, call: &Cmd) -> Result<(), CommitError> {
        // Without an answer it may have happened: whoever asked looks again.
        let written = self.replicas.confirmed(&self.write, call).await;
        let (answer, safe) = written.map_err(Fault::of_commit)?;
        let parts = items(answer).map_err(CommitError::Unknown)?;
        match parts.first().map(text).as_deref() {
            Some("ok") => safe.map_err(CommitError::Unknown),
            Some("conflict") => Err(CommitError::Conflict),
            _ => Err(CommitError::Unavailable(replaced(&self.write))),
        }
    }

    pub(super) async fn read_indicators(
        &self,
        from: Date,
        to: Date,
        of: Dimension,
    ) -> Result<Vec<(Marginal, Counts)>, StoreError> {
        let mut sums = Sums::default();
        for day in day_of(from)..=day_of(to) {
            let mut call = cmd("HGETALL");
            call.arg(self.keys.indicators(day, of));
            for (field, value) in pairs(ask(&self.read, &call).await?)? {
                let code = field.as_slice().try_into().map(u64::from_be_bytes).ok();
                if let Some(marginal) = code.and_then(|code| Marginal::from_code(of, code)) {
                    sums.add(marginal, &read_counts(&value));
                }
            }
        }
        Ok(sums.done())
    }
}
