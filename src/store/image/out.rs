//! How a store hands out its rows, and what they are made into on the way: pieces of a file.
//! Nothing of it is ever held whole: rows wait in a few batches, and whoever makes them waits
//! for whoever takes them.

use super::file::{Encoder, Head, Summary};
use super::{Kind, Moment, Row};
use crate::clock::tick;
use crate::store::{Store, StoreError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Rows travel in batches of about so many bytes.
const BATCH: usize = 256 << 10;
/// How many batches, or pieces of the file, may wait.
pub const AHEAD: usize = 4;
/// The longest that a store which is being served rests between two batches.
const REST: Duration = Duration::from_millis(100);

/// Takes the rows of a store.
pub struct Out {
    rows: mpsc::Sender<Vec<Row>>,
    batch: Vec<Row>,
    weight: usize,
    /// Since when it has been worked on the batch, if whoever makes it is to rest, too.
    paced: Option<Instant>,
}

impl Out {
    /// Hands batches over to `rows`. If `paced`, after each batch it rests as long as the batch
    /// took: whoever is served meanwhile has at least half of what there is.
    pub fn new(rows: mpsc::Sender<Vec<Row>>, paced: bool) -> Out {
        Out { rows, batch: Vec::new(), weight: 0, paced: paced.then(tick) }
    }

    /// From here on there is no time to rest.
    pub fn hurry(&mut self) {
        self.paced = None;
    }

    /// One more row.
    pub async fn put(&mut self, row: Row) -> Result<(), StoreError> {
        if self.is_full_with(row) {
            self.flush().await?;
        }
        Ok(())
    }

    /// One more row, for a thread that may stand still.
    pub fn put_blocking(&mut self, row: Row) -> Result<(), StoreError> {
        if self.is_full_with(row) {
            self.flush_blocking()?;
        }
        Ok(())
    }

    /// Hands over what there is.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        let rest = self.rest();
        let batch = self.take();
        self.rows.send(batch).await.map_err(|_| unwanted())?;
        if let Some(rest) = rest {
            tokio::time::sleep(rest).await;
            self.paced = Some(tick());
        }
        Ok(())
    }

    /// Hands over what there is, for a thread that may stand still.
    pub fn flush_blocking(&mut self) -> Result<(), StoreError> {
        let rest = self.rest();
        let batch = self.take();
        self.rows.blocking_send(batch).map_err(|_| unwanted())?;
        if let Some(rest) = rest {
            std::thread::sleep(rest);
            self.paced = Some(tick());
        }
        Ok(())
    }

    fn is_full_with(&mut self, row: Row) -> bool {
        self.weight += row.weight();
        self.batch.push(row);
        self.weight >= BATCH
    }

    fn take(&mut self) -> Vec<Row> {
        self.weight = 0;
        std::mem::take(&mut self.batch)
    }

    fn rest(&self) -> Option<Duration> {
        self.paced.map(|since| since.elapsed().min(REST))
    }
}

fn unwanted() -> StoreError {
    StoreError::Unreachable("nobody takes the image any more".to_owned())
}

/// A piece of the file.
#[derive(Debug)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many orders there are up to its end.
    pub orders: u64,
}

/// Takes the image of a store, and hands over the file piece by piece. Only when this answers
/// `Ok` was it all.
pub async fn take(
    store: &dyn Store,
    head: Head,
    paced: bool,
    pieces: mpsc::Sender<Piece>,
) -> Result<Summary, StoreError> {
    let (sender, mut rows) = mpsc::channel(AHEAD);
    let dumping = store.dump(Out::new(sender, paced));
    let (pieces, mut encoder) = (&pieces, Encoder::new(head));
    let encoding = async move {
        let mut bytes = encoder.begin();
        loop {
            let orders = encoder.tallied().count(Kind::Order);
            pieces.send(Piece { bytes, orders }).await.map_err(|_| unwanted())?;
            match rows.recv().await {
                Some(batch) => bytes = encoder.rows(&batch),
                None => return Ok::<_, StoreError>(encoder),
            }
        }
    };
    let (moment, encoder) = tokio::join!(dumping, encoding);
    let moment: Moment = moment?;
    let (bytes, summary) = encoder?.end(moment);
    let orders = summary.tallied.count(Kind::Order);
    pieces.send(Piece { bytes, orders }).await.map_err(|_| unwanted())?;
    Ok(summary)
}
