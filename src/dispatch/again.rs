//! The same request again: what it was answered before is the answer.

use super::{Dispatch, Done, Refusal, Request};
use crate::domain::{Actor, Rejection};
use crate::store::{CommitError, Remembered};
use crate::telemetry::metrics;

impl Dispatch {
    /// What an error of a commit means to the caller; a repeated request is no error.
    pub(super) async fn refused(
        &self,
        error: CommitError,
        request: Option<Request>,
        actor: &Actor,
    ) -> Result<Option<Done>, Refusal> {
        match error {
            CommitError::Repeated(remembered) => match request {
                Some(request) => self.same_answer(*remembered, request, actor).await.map(Some),
                None => Ok(None),
            },
            CommitError::Conflict => Err(Refusal::Busy),
            CommitError::LeaseStale => Err(Refusal::LeaseStale),
            CommitError::Unavailable(error) => Err(error.into()),
            CommitError::Unknown(error) => {
                metrics::commit_unknown();
                Err(Refusal::Unknown(error))
            }
        }
    }

    /// What this request was answered before, if it was.
    pub(super) async fn recall(
        &self,
        request: Option<Request>,
        actor: &Actor,
    ) -> Result<Option<Done>, Refusal> {
        let Some(request) = request else { return Ok(None) };
        match self.store.remembered(request.id).await? {
            Some(remembered) => self.same_answer(remembered, request, actor).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same answer again to the same request; none to whom the order has come to complain
    /// about since.
    async fn same_answer(
        &self,
        remembered: Remembered,
        request: Request,
        actor: &Actor,
    ) -> Result<Done, Refusal> {
        if remembered.digest != self.sealer.body_digest(&request.digest) {
            return Err(Refusal::RequestReused { id: request.id });
        }
        let receipt = remembered.receipt;
        if self.hides(receipt.order, actor.unit).await? {
            return Err(Rejection::NoSuchOrder.into());
        }
        Ok(Done { receipt, repeated: true })
    }

    /// Does what a request asks for. What is refused now, by whatever is looked at first, may
    /// have been done before, by this very request: then that is the answer.
    pub(super) async fn once(
        &self,
        request: Option<Request>,
        actor: &Actor,
        asked: impl Future<Output = Result<Done, Refusal>>,
    ) -> Result<Done, Refusal> {
        match asked.await {
            Err(
                refusal @ (Refusal::Rejected(_) | Refusal::Invalid { .. } | Refusal::LeaseStale),
            ) => self.recall(request, actor).await?.ok_or(refusal),
            answer => answer,
        }
    }
}
