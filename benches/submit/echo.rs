//! A bare tonic server that answers a SubmitOrderRequest with itself.

use hotline::pb::{SubmitOrderRequest, codec::Codec};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "hotline.bench.Echo";
}

struct Same;

impl UnaryService<SubmitOrderRequest> for Same {
    type Response = SubmitOrderRequest;
    type Future = Ready<Result<Response<SubmitOrderRequest>, Status>>;

    fn call(&mut self, request: Request<SubmitOrderRequest>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(Codec::default()).unary(Same, request).await) })
    }
}
