//! Everything the store holds, handed out as a file while service goes on.

use super::{Dispatch, Refusal};
use crate::clock::wall_now;
use crate::domain::Actor;
use crate::store::image::{self, Head, Piece};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many pieces may wait for whoever takes them.
const AHEAD: usize = 2;

/// A backup under way.
pub struct Backup {
    /// The file, piece by piece. It is whole if the last is no refusal.
    pub pieces: mpsc::Receiver<Result<Piece, Refusal>>,
    /// About how many orders it will have.
    pub orders_expected: u64,
}

impl Dispatch {
    /// Begins a backup. It ends when nobody takes it any more, and with the server.
    pub async fn backup(self: &Arc<Self>, actor: &Actor) -> Result<Backup, Refusal> {
        self.must_be_centre(actor)?;
        let received = self.board().await?.into_iter().find(|(tally, _)| *tally == "received");
        let orders_expected = received.map_or(0, |(_, n)| n.max(0).unsigned_abs());
        let key = Some(self.sealer.fingerprint());
        let head = Head { cell: self.cell(), began: wall_now(), key };
        let (sender, pieces) = mpsc::channel(AHEAD);
        tracing::info!(staff = %actor.staff, "backup begins");
        tokio::spawn(Arc::clone(self).hand_out(head, sender));
        Ok(Backup { pieces, orders_expected })
    }

    async fn hand_out(self: Arc<Self>, head: Head, out: mpsc::Sender<Result<Piece, Refusal>>) {
        let (sender, made) = mpsc::channel(AHEAD);
        let taking = async {
            let store = Arc::clone(self.store());
            image::take(&*store, head, true, sender).await
        };
        let passing = async {
            // It goes with whoever takes the pieces: then no more are made.
            let mut made = made;
            while let Some(piece) = made.recv().await {
                if out.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
        };
        let mut stopping = self.stopping();
        let ended = tokio::select! {
            (taken, ()) = async { tokio::join!(taking, passing) } => match taken {
                Ok(summary) => {
                    tracing::info!(bytes = summary.bytes, "backup is whole");
                    return;
                }
                Err(error) => Refusal::from(error),
            },
            _ = stopping.wait_for(|stop| *stop) => Refusal::Stopping,
        };
        tracing::warn!(%ended, "backup ended before it was whole");
        // Nobody left to tell is nobody harmed.
        let _ = out.send(Err(ended)).await;
    }
}
