//! Where the feed leapt when the store was restored: whoever was served by the original after
//! the image was taken has read what is not here, and is told so.

use super::tables::{META_FEED, META_LEAPS};
use super::unreadable;
use crate::store::{Cursor, StoreError};
use redb::ReadableTable;

/// Numbers that were given to nothing here, though perhaps by the original: those after the
/// first, up to and including the second.
#[derive(Clone, Default)]
pub(super) struct Leaps(Vec<(u64, u64)>);

impl Leaps {
    /// As they are written.
    pub(super) fn read(
        meta: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ) -> Result<Leaps, StoreError> {
        let value = meta.get(META_LEAPS).map_err(|e| unreadable(e.into()))?;
        let Some(value) = value else { return Ok(Leaps::default()) };
        let (numbers, _) = value.value().as_chunks::<8>();
        let (pairs, _) = numbers.as_chunks::<2>();
        Ok(Leaps(
            pairs.iter().map(|pair| pair.map(u64::from_be_bytes)).map(|[a, b]| (a, b)).collect(),
        ))
    }

    /// One more.
    pub(super) fn push(&mut self, from: u64, to: u64) {
        self.0.push((from, to));
    }

    /// As they are to be written.
    pub(super) fn written(&self) -> Vec<u8> {
        let numbers = self.0.iter().flat_map(|(from, to)| [from.to_be_bytes(), to.to_be_bytes()]);
        numbers.flatten().collect()
    }

    /// Whether somebody who has read so far has read what is not here.
    pub(super) fn pass_over(&self, cursor: Cursor) -> bool {
        self.0.iter().any(|(from, to)| (from + 1..=*to).contains(&cursor.sequence))
    }
}

/// After which number the feed goes on at least; 0 for one that never leapt.
pub(super) fn goes_on_after(
    meta: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<u64, StoreError> {
    let value = meta.get(META_FEED).map_err(|e| unreadable(e.into()))?;
    let value = value.and_then(|value| value.value().try_into().ok());
    Ok(value.map_or(0, u64::from_be_bytes))
}
