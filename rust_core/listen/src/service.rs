//! One call: which service it is for, and how a check goes through.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::server::Grpc;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use crate::body::{Held, Received, SHED, reply};
use crate::codec::BytesCodec;
use crate::connection::{Connection, Shared, Slot};
use crate::counters::count;
use crate::handler::{Deadline, Handler, Trouble};

/// The service's full name, as reflection and health spell it.
pub const AUTHORIZATION: &str = "envoy.service.auth.v3.Authorization";
/// The path of its one method.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// All services of one connection.
pub(crate) struct Front<H> {
    pub(crate) handler: Arc<H>,
    /// Everything but the check: health and reflection.
    pub(crate) routes: Routes,
    pub(crate) connection: Arc<Connection>,
    pub(crate) closing: watch::Receiver<bool>,
}

impl<H: Handler> hyper::service::Service<Request<Incoming>> for Front<H> {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Answer<Result<Response<Held>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let check = request.uri().path() == CHECK;
        let (slot, room) = Slot::take(&self.connection, check);
        if check {
            let handler = Arc::clone(&self.handler);
            let shared = Arc::clone(&self.connection.shared);
            return Box::pin(async move {
                let answered = answer(handler, shared, request, room).await;
                Ok(answered.map(|body| Held::new(body, slot, None)))
            });
        }
        let mut routes = self.routes.clone();
        let mut closing = self.closing.clone();
        Box::pin(async move {
            let answered = if room {
                match routes.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            } else {
                Status::resource_exhausted("too many calls at a time").into_http()
            };
            let closed: Answer<()> = Box::pin(async move {
                closed(&mut closing).await;
            });
            Ok(answered.map(|body| Held::new(body, slot, Some(closed))))
        })
    }
}

/// Waits until the door closes. The watched value is not kept borrowed.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that the door is gone, which is closed too.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Takes one check from its first byte to its answer.
async fn answer<H: Handler>(
    handler: Arc<H>,
    shared: Arc<Shared>,
    request: Request<Incoming>,
    room: bool,
) -> Response<tonic::body::Body> {
    count(&shared.counters.checks);
    if !room {
        count(&shared.counters.checks_shed_streams);
        return reply(&handler.refuse(Trouble::Overloaded));
    }
    let deadline = Deadline::of(request.headers());
    let request = request.map(|body| Received::new(body, &shared));
    let ask = Ask { handler: Arc::clone(&handler), shared: Arc::clone(&shared), deadline };
    let response = Grpc::new(BytesCodec)
        .max_decoding_message_size(shared.message_bytes)
        .unary(ask, request)
        .await;
    // Only a call that failed before it was judged has its status in the headers.
    match Status::from_header_map(response.headers()).map(|status| status.code()) {
        Some(code) if code == SHED => {
            count(&shared.counters.checks_shed_bytes);
            reply(&handler.refuse(Trouble::Overloaded))
        }
        Some(code) if code != Code::Ok => {
            count(&shared.counters.checks_status);
            response
        }
        _ => response,
    }
}

/// The unary service that tonic drives once a message is whole.
struct Ask<H> {
    handler: Arc<H>,
    shared: Arc<Shared>,
    deadline: Deadline,
}

impl<H: Handler> Service<tonic::Request<Bytes>> for Ask<H> {
    type Response = tonic::Response<Bytes>;
    type Error = Status;
    type Future = Answer<Result<tonic::Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let handler = Arc::clone(&self.handler);
        let shared = Arc::clone(&self.shared);
        let deadline = self.deadline;
        Box::pin(async move {
            let asked = unwound(async { handler.check(request.into_inner(), deadline).await });
            if let Some(answer) = asked.await {
                return Ok(tonic::Response::new(answer));
            }
            count(&shared.counters.panics);
            // A second panic, in making the denial, is left with a status: there is no answer.
            catch_unwind(AssertUnwindSafe(|| handler.refuse(Trouble::Internal)))
                .map(tonic::Response::new)
                .map_err(|_| Status::internal("no answer could be made"))
        })
    }
}

/// Runs a future; a panic in it is `None`.
///
/// What the future touched may be half changed after a panic: the handler's state is behind
/// atomics and locks that recover from poisoning, and everything else is dropped with the future.
async fn unwound<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}
