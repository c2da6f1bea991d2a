//! The feed: a stream with one entry per batch, and one reader of it per process that wakes
//! everybody who waits.

use super::greeting::Opening;
use super::keys::Keys;
use super::link::Link;
use super::step::FRAME_HEAD;
use super::value::{integer, items, must, must_integer, text};
use crate::domain::Event;
use crate::store::{Cursor, MAX_FEED, StoreError, codec};
use ::redis::{Value, cmd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How many batches one call reads.
const PAGE: usize = 16;
/// How long one blocking read waits; then everything is looked at anyway.
pub const SWEEP: Duration = Duration::from_secs(1);
/// The pause after a read that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// An entry of the feed: its number, and what it is.
pub(super) struct Batch {
    pub(super) sequence: u64,
    pub(super) frames: Vec<u8>,
    /// No batch at all, but the end of a leap from this number to its own.
    pub(super) leapt_from: Option<u64>,
}

impl Batch {
    pub(super) fn of(entry: Value) -> Result<Batch, StoreError> {
        let odd = || StoreError::Damaged("an entry of the feed".to_owned());
        let parts = items(entry)?;
        let [id, fields] = &parts[..] else { return Err(odd()) };
        let sequence = text(id).split('-').next().and_then(|n| n.parse().ok()).ok_or_else(odd)?;
        let Value::Array(fields) = fields else { return Err(odd()) };
        let [name, value, ..] = &fields[..] else { return Err(odd()) };
        if must(name)? == b"l" {
            let leapt_from = Some(must_integer(value)?.unsigned_abs());
            return Ok(Batch { sequence, frames: Vec::new(), leapt_from });
        }
        Ok(Batch { sequence, frames: must(value)?.to_vec(), leapt_from: None })
    }

    /// Each step's events, as bytes, and how many there are.
    pub(super) fn steps(&self) -> impl Iterator<Item = Result<(u32, &[u8]), StoreError>> {
        let mut rest = &self.frames[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let step = rest.split_first_chunk::<FRAME_HEAD>().and_then(|(head, after)| {
                let [a, b, c, d, e, f, g, h] = *head;
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                let (events, after) = after.split_at_checked(length)?;
                Some((u32::from_be_bytes([e, f, g, h]), events, after))
            });
            Some(match step {
                Some((count, events, after)) => {
                    rest = after;
                    Ok((count, events))
                }
                None => {
                    rest = &[];
                    Err(StoreError::Damaged(format!("batch {} of the feed", self.sequence)))
                }
            })
        })
    }

    fn count(&self) -> Result<u32, StoreError> {
        self.steps().try_fold(0, |sum, step| Ok(sum + step?.0))
    }
}

/// Events after a cursor.
pub async fn read(
    link: &Link,
    keys: &Keys,
    epoch: u64,
    after: Option<Cursor>,
    max: usize,
) -> Result<Vec<(Cursor, Event)>, StoreError> {
    let max = max.min(MAX_FEED);
    let after = after.unwrap_or(Cursor { epoch, sequence: 0, index: 0 });
    if after.epoch != epoch {
        return Err(StoreError::FeedDiverged { epoch });
    }
    let mut found = Vec::new();
    // The batch the cursor stands in is read again: if it is not there, or is shorter, then
    // this is not the history the cursor came from.
    let mut expected =
        if after.is_after_batch() { after.sequence + 1 } else { after.sequence.max(1) };
    let first = expected;
    loop {
        let mut call = cmd("XRANGE");
        call.arg(keys.feed()).arg(format!("{expected}-0")).arg("+").arg("COUNT").arg(PAGE);
        let page = items(link.call(&call).await?)?;
        let short = page.len() < PAGE;
        // The last batch never leaves: something follows what has left.
        if page.is_empty() && expected == first && after.sequence > 0 {
            return Err(missing(link, keys, after).await);
        }
        for entry in page {
            let batch = Batch::of(entry)?;
            // A leap is passed over by those who have read what it follows, not by those who
            // stand in what was lost.
            if expected > after.sequence && batch.leapt_from == Some(expected - 1) {
                expected = batch.sequence + 1;
                continue;
            }
            let is_another = batch.sequence != expected
                || (batch.sequence == after.sequence && after.index >= batch.count()?);
            if is_another {
                return Err(missing(link, keys, after).await);
            }
            expected += 1;
            let mut index = 0;
            for step in batch.steps() {
                let (count, events) = step?;
                let last = Cursor { epoch, sequence: batch.sequence, index: index + count };
                // Steps that lie before the cursor whole are not decoded.
                if last > after {
                    for event in codec::decode_events(events)? {
                        let cursor = Cursor { epoch, sequence: batch.sequence, index };
                        if cursor > after && found.len() < max {
                            found.push((cursor, event));
                        }
                        index += 1;
                    }
                }
                index = last.index;
            }
            if found.len() >= max {
                return Ok(found);
            }
        }
        if short {
            return Ok(found);
        }
    }
}

/// Why what follows a cursor is not there.
async fn missing(link: &Link, keys: &Keys, after: Cursor) -> StoreError {
    match start(link, keys, after.epoch).await {
        Ok(start) if after < start => StoreError::FeedTrimmed { start },
        Ok(_) => StoreError::FeedDiverged { epoch: after.epoch },
        Err(trouble) => trouble,
    }
}

/// Where what is left of the feed begins.
pub async fn start(link: &Link, keys: &Keys, epoch: u64) -> Result<Cursor, StoreError> {
    let trimmed = link.call(cmd("HGET").arg(keys.meta()).arg("trimmed")).await?;
    Ok(Cursor::after_batch(epoch, integer(&trimmed).map_or(0, i64::unsigned_abs)))
}

/// Where the feed ends.
pub struct End {
    /// The place of the last event.
    pub cursor: Cursor,
    /// The number of the last entry, which may be a leap that nothing has followed yet.
    pub last: u64,
}

/// Where the feed ends.
pub async fn end(link: &Link, keys: &Keys, epoch: u64) -> Result<End, StoreError> {
    let mut call = cmd("XREVRANGE");
    call.arg(keys.feed()).arg("+").arg("-").arg("COUNT").arg(2);
    let mut end = End { cursor: Cursor { epoch, sequence: 0, index: 0 }, last: 0 };
    for entry in items(link.call(&call).await?)? {
        let batch = Batch::of(entry)?;
        end.last = end.last.max(batch.sequence);
        if batch.leapt_from.is_none() {
            let index = batch.count()?.saturating_sub(1);
            end.cursor = Cursor { epoch, sequence: batch.sequence, index };
            break;
        }
    }
    Ok(end)
}

/// The one blocking reader of a process. It rests while nobody waits.
pub struct FeedReader {
    end: watch::Sender<Cursor>,
    wanted: Arc<Notify>,
    link: Arc<Link>,
    task: JoinHandle<()>,
}

impl FeedReader {
    /// Starts it on a connection of its own: a blocking read holds up what comes behind it.
    pub fn start(link: Link, opening: Arc<Opening>, keys: Keys) -> FeedReader {
        let (link, wanted) = (Arc::new(link), Arc::new(Notify::new()));
        let epoch = opening.epoch.load(Relaxed);
        let end = watch::Sender::new(Cursor { epoch, sequence: 0, index: 0 });
        let task = tokio::spawn(follow(link.clone(), opening, keys, end.clone(), wanted.clone()));
        FeedReader { end, wanted, link, task }
    }

    /// Waits until the feed's end is past the cursor, or is of another epoch.
    pub async fn grown(&self, after: Cursor, at_most: Duration) {
        let mut end = self.end.subscribe();
        self.wanted.notify_one();
        let news = end.wait_for(|end| end.epoch != after.epoch || *end > after);
        // Running out of time is an answer too.
        let _ = tokio::time::timeout(at_most, news).await;
    }

    /// Ends it.
    pub fn close(&self) {
        self.task.abort();
        self.link.close();
    }
}

impl Drop for FeedReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    link: Arc<Link>,
    opening: Arc<Opening>,
    keys: Keys,
    end_of_feed: watch::Sender<Cursor>,
    wanted: Arc<Notify>,
) {
    loop {
        while end_of_feed.receiver_count() == 0 {
            wanted.notified().await;
        }
        let epoch = opening.epoch.load(Relaxed);
        let Ok(End { cursor: now, last }) = end(&link, &keys, epoch).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if epoch == opening.epoch.load(Relaxed) {
            opening.saw(last);
        }
        end_of_feed.send_if_modified(|known| {
            let news = *known != now;
            *known = now;
            news
        });
        let mut call = cmd("XREAD");
        call.arg("COUNT").arg(1).arg("BLOCK").arg(SWEEP.as_millis() as u64);
        call.arg("STREAMS").arg(keys.feed()).arg(format!("{last}-0"));
        // What it brings is not looked at: the end is read next, however far it has come.
        if link.call_blocking(&call).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
