//! What clients asked for and what they were told: the other side of every promise.

use super::auditor::Auditor;
use super::call::Call;
use super::wrong::{Promise, Wrong, must};
use crate::dispatch::{Done, Receipt, Refusal, RequestId};
use crate::domain::{Actor, Order, OrderNo};
use crate::store::Lease;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One wish of a client, kept until it is settled.
pub(super) struct Wish {
    pub(super) actor: Actor,
    pub(super) call: Arc<Call>,
    /// What was acknowledged, if it was.
    receipt: Option<Acked>,
    /// Attempts that have not been answered.
    in_flight: usize,
    /// An attempt ended without an answer that says whether it took effect.
    unsettled: bool,
    /// More than one attempt was on its way at once, or one may be still.
    blurred: bool,
    refused: bool,
}

impl Wish {
    /// Whether who asks again may be told nothing of what it came to.
    fn is_withheld(&self, no: OrderNo, auditor: &Auditor) -> bool {
        let hidden = |order: &Arc<Order>| order.hidden_from(self.actor.unit);
        matches!(*self.call, Call::LookAtContact(_)) || auditor.order(no).is_some_and(hidden)
    }
}

/// An acknowledgement.
#[derive(Clone, PartialEq, Debug)]
enum Acked {
    /// With a receipt.
    Done(Receipt),
    /// By showing what was asked for.
    Shown,
}

/// What an attempt came to.
pub(super) type Answer = Result<Option<Done>, Refusal>;

/// What may have happened since an attempt was sent that changes what its answer is worth.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Excuse {
    /// Reads showed what was.
    pub(super) stale: bool,
    /// The store lost what it may lose.
    pub(super) rolled_back: bool,
}

/// What an answer tells about the effect of a wish.
enum Told {
    Done(Option<Receipt>),
    Refused,
    Reused,
    Nothing,
}

fn told(answer: &Answer) -> Told {
    match answer {
        Ok(done) => Told::Done(done.as_ref().map(|done| done.receipt.clone())),
        Err(
            Refusal::Rejected(_)
            | Refusal::Invalid { .. }
            | Refusal::LeaseStale
            | Refusal::ModeMoved { .. }
            | Refusal::ModeUnchanged { .. },
        ) => Told::Refused,
        Err(Refusal::RequestReused { .. }) => Told::Reused,
        // Some of these say that nothing happened, but a call of several steps may have done
        // the first: whoever wants to know asks again.
        Err(
            Refusal::Busy
            | Refusal::Unknown(_)
            | Refusal::Unavailable(_)
            | Refusal::FeedDiverged { .. }
            | Refusal::FeedTrimmed { .. }
            | Refusal::Overloaded
            | Refusal::Stopping,
        ) => Told::Nothing,
    }
}

/// Every wish there was.
#[derive(Default)]
pub(super) struct Ledger {
    wishes: BTreeMap<RequestId, Wish>,
    /// How many were acknowledged.
    pub(super) acknowledged: u64,
    /// How many attempts were repetitions.
    pub(super) repeated: u64,
    /// How many outcomes nobody knew were settled by asking again.
    pub(super) settled: u64,
    /// How many acknowledged changes were lost, each where that was allowed.
    pub(super) lost: u64,
}

impl Ledger {
    pub(super) fn wish(&self, id: RequestId) -> Option<&Wish> {
        self.wishes.get(&id)
    }

    /// The lease that a client meant to act under.
    pub(super) fn lease_of(&self, id: RequestId) -> Option<Lease> {
        self.wishes.get(&id).and_then(|wish| wish.call.lease())
    }

    /// Writes a new wish down.
    pub(super) fn add(&mut self, id: RequestId, actor: Actor, call: Call) {
        let call = Arc::new(call);
        let (receipt, in_flight) = (None, 0);
        let (unsettled, blurred, refused) = (false, false, false);
        let wish = Wish { actor, call, receipt, in_flight, unsettled, blurred, refused };
        self.wishes.insert(id, wish);
    }

    /// An attempt is on its way.
    pub(super) fn sent(&mut self, id: RequestId) {
        let Some(wish) = self.wishes.get_mut(&id) else { return };
        self.repeated += u64::from(wish.receipt.is_some() || wish.unsettled || wish.refused);
        wish.in_flight += 1;
        wish.blurred |= wish.in_flight > 1;
    }

    /// The process that had it died.
    pub(super) fn cut_off(&mut self, id: RequestId) {
        let Some(wish) = self.wishes.get_mut(&id) else { return };
        wish.in_flight = wish.in_flight.saturating_sub(1);
        wish.unsettled = true;
    }

    /// An attempt was answered.
    pub(super) fn answered(
        &mut self,
        id: RequestId,
        answer: &Answer,
        auditor: &Auditor,
        excuse: Excuse,
    ) -> Result<(), Wrong> {
        let Some(wish) = self.wishes.get_mut(&id) else { return Ok(()) };
        wish.in_flight = wish.in_flight.saturating_sub(1);
        let (effect, id) = (auditor.effect(id), id.0);
        match told(answer) {
            Told::Nothing => wish.unsettled = true,
            Told::Reused => {
                return Err(Wrong::of(
                    Promise::SameAnswer,
                    format!("request {id:x} was answered as if its body were another"),
                ));
            }
            // Who may not look any more, or is complained about since, is told nothing, whatever
            // they were told before.
            Told::Refused if effect.is_some_and(|(no, _)| wish.is_withheld(no, auditor)) => {
                wish.blurred = true;
                self.settled += u64::from(std::mem::take(&mut wish.unsettled));
            }
            Told::Refused => {
                must(wish.receipt.is_none(), Promise::SameAnswer, || {
                    format!("request {id:x} was acknowledged, and then: {answer:?}")
                })?;
                // Two attempts at once, one of which saw the past, may end differently.
                let excused = excuse.stale && (wish.blurred || wish.unsettled);
                must(effect.is_none() || excused, Promise::SameAnswer, || {
                    format!("request {id:x} took effect as {effect:?}, and then: {answer:?}")
                })?;
                // The one that was never answered may land yet.
                wish.blurred |= excused;
                wish.refused = true;
                self.settled += u64::from(std::mem::take(&mut wish.unsettled));
            }
            Told::Done(receipt) => {
                let there = receipt.as_ref().map(|r| (r.order, r.version)).or(effect);
                // Told before of what was done again after that, this is of what was lost.
                let older = |receipt: &Receipt| match &wish.receipt {
                    Some(Acked::Done(told)) => told != receipt,
                    Some(Acked::Shown) | None => false,
                };
                let other = there != effect || receipt.as_ref().is_some_and(older);
                if excuse.rolled_back && (effect.is_none() || other) {
                    // It was done, lost, and only then told.
                    wish.unsettled = true;
                    self.lost += 1;
                    return Ok(());
                }
                let acked = match (receipt, effect) {
                    (Some(receipt), Some(effect)) => {
                        let said = (receipt.order, receipt.version);
                        must(said == effect, Promise::SameAnswer, || {
                            format!("request {id:x} took effect as {effect:?}, told was {said:?}")
                        })?;
                        Acked::Done(receipt)
                    }
                    (None, Some(_)) => Acked::Shown,
                    (_, None) => {
                        let what = format!("request {id:x} was acknowledged and is not there");
                        return Err(Wrong::of(Promise::NothingLost, what));
                    }
                };
                let before = wish.receipt.replace(acked.clone());
                let same = before.as_ref().is_none_or(|before| *before == acked);
                must(same, Promise::SameAnswer, || {
                    format!("request {id:x} was answered {before:?}, and now {acked:?}")
                })?;
                self.acknowledged += u64::from(before.is_none());
                self.settled += u64::from(std::mem::take(&mut wish.unsettled));
            }
        }
        Ok(())
    }

    /// An attempt with another body than the first was answered.
    pub(super) fn answered_other(&mut self, id: RequestId, answer: &Answer) -> Result<(), Wrong> {
        match told(answer) {
            Told::Reused | Told::Nothing => Ok(()),
            Told::Done(_) | Told::Refused => Err(Wrong::of(
                Promise::SameAnswer,
                format!("another body for request {:x} was answered {answer:?}", id.0),
            )),
        }
    }

    /// The store lost what these requests had done. Whoever was told that it was done must be
    /// among them, and nobody else; and nobody where an acknowledgement is for good.
    pub(super) fn rolled_back(
        &mut self,
        lost: &[RequestId],
        remembers: impl Fn(RequestId) -> bool,
        lossy: bool,
    ) -> Result<(), Wrong> {
        let mut missing = Vec::new();
        for (id, wish) in &mut self.wishes {
            let told = wish.receipt.is_some();
            if told && !remembers(*id) {
                missing.push(*id);
                wish.receipt = None;
                wish.unsettled = true;
            } else {
                let listed = lost.contains(id) && told;
                must(!listed, Promise::NothingLost, || {
                    format!("request {:x} is said to be lost and is not", id.0)
                })?;
            }
        }
        let unlisted = missing.iter().find(|id| !lost.contains(id));
        must(unlisted.is_none(), Promise::NothingLost, || {
            format!("request {unlisted:x?} was acknowledged, is lost, and nobody says so")
        })?;
        must(lossy || missing.is_empty(), Promise::NothingLost, || {
            format!("{} acknowledged requests were lost: {:x?}", missing.len(), missing.first())
        })?;
        self.lost += missing.len() as u64;
        Ok(())
    }

    /// What nobody knows the outcome of.
    pub(super) fn unsettled(&self) -> Vec<RequestId> {
        let open = |wish: &&Wish| wish.unsettled && wish.in_flight == 0;
        self.wishes.iter().filter(|(_, wish)| open(wish)).map(|(id, _)| *id).collect()
    }

    /// A wish that has had an answer, or none, some time ago: one to send again.
    pub(super) fn pick(&self, at: u64) -> Option<RequestId> {
        let from = RequestId(u128::from(at % (self.wishes.len().max(1) as u64) + 1));
        self.wishes.range(from..).next().map(|(id, _)| *id)
    }

    /// Whether it was acknowledged with an effect that is there.
    pub(super) fn is_done(&self, id: RequestId) -> bool {
        self.wishes.get(&id).is_some_and(|wish| wish.receipt.is_some())
    }

    /// At the end: every wish is settled, what was acknowledged is there and what was refused
    /// is not.
    pub(super) fn close(&self, auditor: &Auditor) -> Result<(), Wrong> {
        for (id, wish) in &self.wishes {
            let (effect, id) = (auditor.effect(*id), id.0);
            must(!wish.unsettled && wish.in_flight == 0, Promise::Answered, || {
                format!("request {id:x} was never settled")
            })?;
            match &wish.receipt {
                Some(_) => {
                    must(effect.is_some(), Promise::NothingLost, || {
                        format!("request {id:x} was acknowledged and is not there")
                    })?;
                }
                None => must(effect.is_none() || wish.blurred, Promise::SameAnswer, || {
                    format!("request {id:x} was refused and took effect as {effect:?}")
                })?,
            }
        }
        Ok(())
    }
}
