//! What would only be refused is refused before it is read. Where more comes in than can be
//! borne the processor is what is short, and most of what a refusal costs is in reading what is
//! refused.

use crate::api::status::Fault;
use crate::dispatch::{Dispatch, Refusal};
use crate::pb::intake_service_server::SERVICE_NAME;
use std::sync::Arc;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Response};

/// Who knows whether there is a turn, and what a submission is answered for which there is none.
#[derive(Clone)]
pub(super) struct Shedding {
    dispatch: Arc<Dispatch>,
    refusal: Arc<HeaderMap>,
}

impl Shedding {
    pub(super) fn of(dispatch: Arc<Dispatch>) -> Shedding {
        let refusal = Status::from(Fault::from(Refusal::Overloaded)).into_http::<Body>();
        Shedding { dispatch, refusal: Arc::new(refusal.headers().clone()) }
    }

    /// What a call is answered at once: a SubmitOrder while there is no turn to file.
    pub(super) fn refusal(&self, path: &str) -> Option<Response<Body>> {
        if !is_submission(path) || self.dispatch.has_turn() {
            return None;
        }
        // All of it is in the headers: gRPC calls that "Trailers-Only".
        let mut refusal = Response::new(Body::empty());
        *refusal.headers_mut() = HeaderMap::clone(&self.refusal);
        Some(refusal)
    }
}

fn is_submission(path: &str) -> bool {
    let method = path.strip_prefix('/').and_then(|path| path.strip_prefix(SERVICE_NAME));
    method == Some("/SubmitOrder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_submissions_are_shed() {
        for (path, is_one) in [
            ("/hotline.v1.IntakeService/SubmitOrder", true),
            ("/hotline.v1.IntakeService/SubmitOrders", false),
            ("/hotline.v1.IntakeService/GetOrder", false),
            ("/hotline.v1.IntakeService", false),
            ("hotline.v1.IntakeService/SubmitOrder", false),
            ("/", false),
        ] {
            assert_eq!(is_submission(path), is_one, "{path}");
        }
    }
}
