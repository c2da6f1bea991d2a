//! Each call's method, gRPC code and time, for the metrics.

use crate::clock::tick;
use crate::telemetry::metrics;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http_body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::service::Routes;

/// What a call counts as whose answer was never read to its end.
const CANCELLED: i32 = 1;
const STATUS: &str = "grpc-status";

/// The same services; what became of each call is counted.
pub(super) fn observed(routes: Routes) -> Routes {
    Routes::from(routes.into_axum_router().layer(from_fn(observe)))
}

async fn observe(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // A caller who leaves before there is an answer drops this, too.
    let mut call = Call { path, began: tick(), code: None };
    let response = next.run(request).await;
    call.code = code(response.headers());
    response.map(|body| Body::new(Observed { body, call }))
}

fn code(headers: &HeaderMap) -> Option<i32> {
    headers.get(STATUS)?.to_str().ok()?.parse().ok()
}

/// Told when it is over, however it ends.
struct Call {
    path: String,
    began: Instant,
    code: Option<i32>,
}

impl Drop for Call {
    fn drop(&mut self) {
        metrics::rpc_done(&self.path, self.code.unwrap_or(CANCELLED), self.began.elapsed());
    }
}

/// An answer that looks out for its trailers, where the code is.
struct Observed {
    body: Body,
    call: Call,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
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
