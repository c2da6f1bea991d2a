//! A batch whose answer was lost is settled by asking for its request ids.
//!
//! *Remembered as we sent it*: it was done. *Not remembered* proves nothing while the
//! connection that carried it may still be read at the server: bytes that lie in a socket
//! are done as soon as the server comes to them. So the next connection to the same process
//! first ends the lost one there ([`Live::alone`](super::link::Live)); a process does one
//! thing at a time, and from then on that batch is either done and remembered, or never will
//! be. Where another process answers, the lost one has ended or is the master no longer:
//! whatever it still does is not in the history that is served now, and never comes into it.
//! What is certainly not done is sent again, and nobody hears of it. Where neither is certain,
//! and for steps that have no request id, the outcome stays unknown. What is found is answered
//! once replicas have it, on the connection on which it is found: by the next one another may
//! be the master, which lacks it.

use super::batch::{Batcher, Outcome};
use super::reads::remembered;
use super::step::Step;
use super::trouble::Fault;
use crate::store::{CommitError, StoreError, codec};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The pause before a question that was refused is asked again.
const AGAIN: Duration = Duration::from_millis(20);

impl Batcher {
    /// What became of the steps that were sent on the connection of that number; `None` of
    /// what is certainly not done.
    pub(super) async fn settle(
        &self,
        steps: &[Step],
        trouble: &StoreError,
        mut lost: u64,
    ) -> Vec<Option<Outcome>> {
        let unknown = || Err(CommitError::Unknown(trouble.clone()));
        let mut outcomes: Vec<_> = steps.iter().map(|_| Some(unknown())).collect();
        let mut settled = Vec::with_capacity(steps.len());
        // What time does not suffice for stays unknown.
        let in_time = timeout(self.settling, async {
            for step in steps {
                settled.push(match &step.request {
                    // What is written with the step before it was done with it, or not at all.
                    None if step.tied => settled.last().cloned().unwrap_or_else(|| Some(unknown())),
                    None => Some(unknown()),
                    Some((id, sent)) => match self.found(id, &mut lost, trouble).await {
                        Some((Some(found), _)) if found == *sent => Some(Ok(())),
                        Some((Some(found), _)) => {
                            Some(Err(match codec::decode_remembered(&found) {
                                Ok(found) => CommitError::Repeated(Box::new(found)),
                                Err(trouble) => CommitError::Unavailable(trouble),
                            }))
                        }
                        Some((None, true)) => None,
                        Some((None, false)) | None => Some(unknown()),
                    },
                });
            }
        });
        let _ = in_time.await;
        for (outcome, settled) in outcomes.iter_mut().zip(settled) {
            *outcome = settled;
        }
        outcomes
    }

    /// What is remembered of a request, on whichever connection tells, and whether nothing
    /// that was sent before can be done any more. `None` once the store is closed.
    async fn found(
        &self,
        id: &[u8; 16],
        lost: &mut u64,
        trouble: &StoreError,
    ) -> Option<(Option<Vec<u8>>, bool)> {
        loop {
            let live = self.link.renewed(*lost, trouble.clone(), self.settling).await?;
            let ask = |replicas| remembered(&self.link, replicas, &self.opening, &self.keys, id);
            // Mostly it is not there: then nobody need confirm it.
            let found = match ask(None).await {
                Ok(Some(_)) => ask(Some(&*self.replicas)).await,
                other => other,
            };
            match found {
                Ok(found) => return Some((found, live.alone)),
                Err(fault) => self.after(fault, lost).await,
            }
        }
    }

    async fn after(&self, fault: Fault, lost: &mut u64) {
        match fault {
            Fault::Lost(_, now) => *lost = now,
            Fault::NotDone(_) | Fault::Unknown(_) | Fault::NoLibrary => sleep(AGAIN).await,
        }
    }
}
