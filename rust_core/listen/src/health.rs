//! gRPC health: `NOT_SERVING` until someone says that the door is ready.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::service::AUTHORIZATION;

const QUESTION_BYTES: usize = 4_096;

/// The state that is told, for the listener as a whole (`""`) and for its one service.
#[derive(Debug)]
pub(crate) struct Health(HealthReporter);

impl Health {
    pub(crate) fn new() -> Self {
        let health = Self(HealthReporter::new());
        health.set(false);
        health
    }

    /// Tells everyone who asks or watches.
    pub(crate) fn set(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        wait(async {
            self.0.set_service_status("", status).await;
            self.0.set_service_status(AUTHORIZATION, status).await;
        });
    }

    pub(crate) fn add(&self, routes: Routes) -> Routes {
        let service = HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
            .max_decoding_message_size(QUESTION_BYTES);
        routes.add_service(service)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on whatever thread this is, inside a runtime or out. The lock that it waits
/// for is never held across anything slow.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
