//! Every service of the package, each behind the actor's seam and with its sizes bounded. A call
//! goes straight to the service that its path names: a router for any path boxes and copies each
//! call on the way.

use super::actor::Seam;
use super::{Api, Limits, MAX_ANSWER, MAX_INTAKE_MESSAGE, MAX_MESSAGE};
use crate::dispatch::Dispatch;
use crate::pb::admin_service_server::{self as admin, AdminServiceServer};
use crate::pb::command_service_server::{self as command, CommandServiceServer};
use crate::pb::feed_service_server::{self as feed, FeedServiceServer};
use crate::pb::intake_service_server::{self as intake, IntakeServiceServer};
use crate::pb::work_order_service_server::{self as work_order, WorkOrderServiceServer};
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::codegen::{BoxFuture, Service};

/// The names of the services, for health.
pub const SERVICES: [&str; 5] = [
    intake::SERVICE_NAME,
    work_order::SERVICE_NAME,
    command::SERVICE_NAME,
    feed::SERVICE_NAME,
    admin::SERVICE_NAME,
];

/// The services, and whoever answers what is asked of others. Cloned for every call.
#[derive(Clone)]
pub struct Services<Others> {
    own: Arc<Own>,
    others: Others,
}

struct Own {
    seam: Seam,
    intake: IntakeServiceServer<Api>,
    work_order: WorkOrderServiceServer<Api>,
    command: CommandServiceServer<Api>,
    feed: FeedServiceServer<Api>,
    admin: AdminServiceServer<Api>,
}

impl<Others> Services<Others> {
    /// The services of a dispatcher.
    pub fn new(dispatch: Arc<Dispatch>, limits: Limits, others: Others) -> Services<Others> {
        let seam = Seam::new(Arc::clone(&dispatch));
        let api = Arc::new(Api { dispatch, limits });
        macro_rules! bounded {
            ($server:ident, $most:expr) => {
                $server::from_arc(Arc::clone(&api))
                    .max_decoding_message_size($most)
                    .max_encoding_message_size(MAX_ANSWER)
            };
        }
        let own = Own {
            seam,
            intake: bounded!(IntakeServiceServer, MAX_INTAKE_MESSAGE),
            work_order: bounded!(WorkOrderServiceServer, MAX_MESSAGE),
            command: bounded!(CommandServiceServer, MAX_MESSAGE),
            feed: bounded!(FeedServiceServer, MAX_MESSAGE),
            admin: bounded!(AdminServiceServer, MAX_MESSAGE),
        };
        Services { own: Arc::new(own), others }
    }
}

impl<Others> Service<Request<Body>> for Services<Others>
where
    Others: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    Others::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Ours always are.
        self.others.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        macro_rules! admit {
            ($service:ident) => {
                match self.own.seam.admit(&mut request) {
                    Ok(()) => self.own.$service.clone().call(request),
                    Err(status) => Box::pin(ready(Ok(status.into_http()))),
                }
            };
        }
        match named(request.uri().path()) {
            intake::SERVICE_NAME => admit!(intake),
            work_order::SERVICE_NAME => admit!(work_order),
            command::SERVICE_NAME => admit!(command),
            feed::SERVICE_NAME => admit!(feed),
            admin::SERVICE_NAME => admit!(admin),
            _ => Box::pin(self.others.call(request)),
        }
    }
}

/// The service that a path names.
fn named(path: &str) -> &str {
    let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    parts.map_or("", |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_service() {
        for (path, service) in [
            ("/hotline.v1.IntakeService/SubmitOrder", intake::SERVICE_NAME),
            ("/hotline.v1.AdminService/", admin::SERVICE_NAME),
            ("/grpc.health.v1.Health/Check", "grpc.health.v1.Health"),
            ("/hotline.v1.IntakeService", ""),
            ("hotline.v1.IntakeService/SubmitOrder", ""),
            ("//SubmitOrder", ""),
            ("/", ""),
        ] {
            assert_eq!(named(path), service, "{path}");
        }
    }
}
