//! Each call's method, gRPC code and time, for the metrics; what is shed gets no further.

use super::shedding::Shedding;
use crate::clock::tick;
use crate::telemetry::metrics;
use http_body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response, Uri};
use tonic::codegen::{Body as HttpBody, BoxFuture, Bytes, Service};

/// What a call counts as whose answer was never read to its end.
const CANCELLED: i32 = 1;
const STATUS: &str = "grpc-status";

/// The same services; what became of each call is counted.
#[derive(Clone)]
pub(super) struct Observed<S> {
    inner: S,
    shedding: Shedding,
}

impl<S> Observed<S> {
    pub(super) fn over(inner: S, shedding: Shedding) -> Observed<S> {
        Observed { inner, shedding }
    }
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Response<Body>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // A caller who leaves before there is an answer drops this, too.
        let mut call = Call { uri: request.uri().clone(), began: tick(), code: None };
        let answer = match self.shedding.refusal(call.uri.path()) {
            Some(refusal) => Err(refusal),
            None => Ok(self.inner.call(request)),
        };
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => answer.await?,
                Err(refusal) => refusal,
            };
            call.code = code(response.headers());
            Ok(response.map(|body| Body::new(Answer { body, call })))
        })
    }
}

fn code(headers: &HeaderMap) -> Option<i32> {
    headers.get(STATUS)?.to_str().ok()?.parse().ok()
}

/// Told when it is over, however it ends.
struct Call {
    uri: Uri,
    began: Instant,
    code: Option<i32>,
}

impl Drop for Call {
    fn drop(&mut self) {
        metrics::rpc_done(self.uri.path(), self.code.unwrap_or(CANCELLED), self.began.elapsed());
    }
}

/// An answer that looks out for its trailers, where the code is.
struct Answer {
    body: Body,
    call: Call,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.code = code(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
