//! The door itself: bind, accept, bound, drain.
//!
//! A door has a runtime of its own, made by [`Door::start`] and joined by [`Door::drain`]. Threads
//! do not survive a fork, so a door refuses to be used in any process but the one that made it.

use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as std_mpsc};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use thiserror::Error;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tonic::service::Routes;

use crate::address::{Address, AddressError};
use crate::connection::{Connection, Pulse, Shared, Watch, Watched};
use crate::counters::{Counters, DoorCounts, count};
use crate::handler::Handler;
use crate::health::Health;
use crate::listener::{Bound, Io, Listener};
use crate::reflection;
use crate::service::{Front, closed};
use crate::settings::{DoorSettings, SettingError};

/// Why a door could not be made, opened or closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DoorError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The address is no place to listen.
    #[error("cannot listen on `{address}`: {reason}")]
    Address {
        /// As set.
        address: String,
        /// Why.
        reason: AddressError,
    },
    /// The address cannot be bound.
    #[error("cannot listen on `{address}`: {source}; free the address, or set another one")]
    Bind {
        /// As set.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The threads could not be started.
    #[error("cannot start the threads of the door: {0}")]
    Threads(io::Error),
    /// The committed descriptor sets cannot be read: a broken build.
    #[error("cannot describe the services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The process is a child of the one that made the door.
    #[error(
        "this process was forked from the one that made the door, whose threads did not come along; \
         make the door after the fork"
    )]
    Forked,
    /// A door opens once.
    #[error("the door was started before; make a new one")]
    Started,
}

/// A listener with a handler behind it.
pub struct Door<H> {
    settings: DoorSettings,
    address: Address,
    handler: Arc<H>,
    shared: Arc<Shared>,
    health: Health,
    state: Mutex<State>,
    pid: u32,
}

#[derive(Debug)]
enum State {
    New,
    Open(Box<Running>),
    Closed,
}

#[derive(Debug)]
struct Running {
    runtime: Runtime,
    closing: watch::Sender<bool>,
    /// Closed once the accept loop and every connection have ended.
    ended: mpsc::Receiver<()>,
}

// How long threads may take to stop once nothing runs on them any more.
const JOIN: Duration = Duration::from_secs(2);

impl<H: Handler> Door<H> {
    /// A door that is not open yet. Fails where a setting is out of range or the address is not
    /// loopback.
    pub fn new(handler: Arc<H>, settings: DoorSettings) -> Result<Self, DoorError> {
        let timeouts = settings.timeouts()?;
        let address = settings
            .address
            .parse()
            .map_err(|reason| DoorError::Address { address: settings.address.clone(), reason })?;
        let shared = Arc::new(Shared {
            counters: Counters::default(),
            message_bytes: settings.transport_message_bytes,
            receiving_bytes: settings.receiving_bytes,
            streams: settings.streams,
            timeouts,
            need_wait: settings.need_wait(),
        });
        Ok(Self {
            settings,
            address,
            handler,
            shared,
            health: Health::new(),
            state: Mutex::new(State::New),
            pid: std::process::id(),
        })
    }

    /// Binds, starts the threads and accepts. Returns the bound addresses, in the form of the
    /// setting and with the port that was picked.
    pub fn start(&self) -> Result<Vec<String>, DoorError> {
        self.at_home()?;
        let mut state = self.lock();
        if !matches!(*state, State::New) {
            return Err(DoorError::Started);
        }
        let bound = Bound::to(&self.address).map_err(|source| self.bind_error(source))?;
        let address = bound.address().map_err(|source| self.bind_error(source))?;
        let routes = reflection::add(self.health.add(Routes::default()))?.prepare();
        let runtime = Builder::new_multi_thread()
            .worker_threads(self.settings.worker_threads)
            .thread_name("accredit-door")
            .enable_all()
            .build()
            .map_err(DoorError::Threads)?;
        let listener = {
            let _inside = runtime.enter();
            bound.listen().map_err(|source| self.bind_error(source))?
        };
        let (closing, closing_seen) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let accepting = Accepting {
            listener,
            builder: self.builder(),
            handler: Arc::clone(&self.handler),
            shared: Arc::clone(&self.shared),
            routes,
            connections: self.settings.connections,
            closing: closing_seen,
            alive,
        };
        runtime.spawn(accepting.run());
        *state = State::Open(Box::new(Running { runtime, closing, ended }));
        Ok(vec![address])
    }

    /// Tells health checks whether this door should be sent traffic. Until the first call it is
    /// `NOT_SERVING`.
    pub fn set_ready(&self, ready: bool) -> Result<(), DoorError> {
        self.at_home()?;
        self.health.set(ready);
        Ok(())
    }

    /// Closes the door: says `NOT_SERVING`, stops accepting, tells every peer to go elsewhere
    /// (GOAWAY), waits for the calls in flight, joins the threads. Returns whether all calls were
    /// answered within `limit`; those that were not are cut off. A second call changes nothing.
    pub fn drain(&self, limit: Duration) -> Result<bool, DoorError> {
        self.at_home()?;
        let State::Open(running) = std::mem::replace(&mut *self.lock(), State::Closed) else {
            return Ok(true);
        };
        self.health.set(false);
        let Running { runtime, closing, mut ended } = *running;
        closing.send_replace(true);
        // By way of a task, since the caller may itself stand on a thread of some runtime.
        let (done, wait) = std_mpsc::channel();
        runtime.spawn(async move {
            // Nothing is ever sent: this returns when the last sender is dropped.
            let _ = ended.recv().await;
            // Nobody listens any more where the limit passed.
            let _ = done.send(());
        });
        let clean = wait.recv_timeout(limit).is_ok();
        runtime.shutdown_timeout(JOIN);
        Ok(clean)
    }

    /// Reads the counters.
    #[must_use]
    pub fn counts(&self) -> DoorCounts {
        self.shared.counters.read()
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &Arc<H> {
        &self.handler
    }

    fn builder(&self) -> http2::Builder<TokioExecutor> {
        let timeouts = &self.shared.timeouts;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.settings.streams_per_connection)
            .max_header_list_size(self.settings.header_list_bytes)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(timeouts.keepalive)
            .keep_alive_timeout(timeouts.keepalive_answer)
            .auto_date_header(false);
        builder
    }

    fn bind_error(&self, source: io::Error) -> DoorError {
        DoorError::Bind { address: self.settings.address.clone(), source }
    }

    fn at_home(&self) -> Result<(), DoorError> {
        if self.pid == std::process::id() { Ok(()) } else { Err(DoorError::Forked) }
    }
}

impl<H> Door<H> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Answers are a few KiB; a stream never buffers more than this for a peer that reads slowly.
const SEND_BUFFER_BYTES: usize = 65_536;
// A check arrives in one go; the windows are those of hyper's servers.
const STREAM_WINDOW_BYTES: u32 = 1_048_576;
const CONNECTION_WINDOW_BYTES: u32 = 4_194_304;

impl<H> std::fmt::Debug for Door<H> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Door").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<H> Drop for Door<H> {
    fn drop(&mut self) {
        let State::Open(running) = std::mem::replace(&mut *self.lock(), State::Closed) else {
            return;
        };
        if self.pid != std::process::id() {
            // The threads to join are in the parent: waiting for them would never end.
            std::mem::forget(running);
        } else if Handle::try_current().is_ok() {
            running.runtime.shutdown_background();
        } else {
            running.runtime.shutdown_timeout(JOIN);
        }
    }
}

/// The accept loop.
struct Accepting<H> {
    listener: Listener,
    builder: http2::Builder<TokioExecutor>,
    handler: Arc<H>,
    shared: Arc<Shared>,
    routes: Routes,
    connections: usize,
    closing: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
}

// How long to wait after a connection could not be accepted, as when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl<H: Handler> Accepting<H> {
    async fn run(self) {
        let mut closing = self.closing.clone();
        loop {
            tokio::select! {
                biased;
                () = closed(&mut closing) => break,
                accepted = self.listener.accept() => if let Ok(io) = accepted {
                    self.admit(io);
                } else {
                    count(&self.shared.counters.accept_errors);
                    sleep(ACCEPT_PAUSE).await;
                },
            }
        }
        // Who has connected and was not seen yet would be reset by closing the socket: they are
        // let in, and told to go at once.
        while let Ok(Ok(io)) = timeout(Duration::ZERO, self.listener.accept()).await {
            self.admit(io);
        }
    }

    fn admit(&self, io: Io) {
        let counters = &self.shared.counters;
        if counters.connections_open.load(Ordering::Relaxed) >= self.connections {
            count(&counters.connections_refused);
            return;
        }
        count(&counters.connections_accepted);
        let connection = Arc::new(Connection::new(&self.shared));
        let front = Front {
            handler: Arc::clone(&self.handler),
            routes: self.routes.clone(),
            connection: Arc::clone(&connection),
            closing: self.closing.clone(),
        };
        let open = Open::new(&self.shared);
        let alive = self.alive.clone();
        let serving = serve(self.builder.clone(), io, front, connection, self.closing.clone());
        tokio::spawn(async move {
            serving.await;
            drop((open, alive));
        });
    }
}

/// A connection's place in the count.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.counters.connections_open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one connection until it ends, by itself or because it was given up.
async fn serve<H: Handler>(
    builder: http2::Builder<TokioExecutor>,
    io: Io,
    front: Front<H>,
    connection: Arc<Connection>,
    mut closing: watch::Receiver<bool>,
) {
    let counters = &connection.shared.counters;
    let io = TokioIo::new(Watched::new(io, Arc::clone(&connection)));
    let mut serving = pin!(builder.serve_connection(io, front));
    let mut beats = interval(connection.shared.timeouts.beat());
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watched = Watch::new(&connection.shared);
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if ended.is_err() {
                    count(&counters.connections_failed);
                }
                return;
            }
            () = closed(&mut closing), if !leaving => {
                leaving = true;
                serving.as_mut().graceful_shutdown();
            }
            _ = beats.tick() => match watched.beat(&connection) {
                Pulse::Well => {}
                Pulse::Silent => {
                    count(&counters.connections_silent);
                    return;
                }
                Pulse::Stalled => {
                    count(&counters.connections_stalled);
                    return;
                }
                Pulse::Idle if leaving => {
                    // It was told to go and has had as long again.
                    count(&counters.connections_stalled);
                    return;
                }
                Pulse::Idle => {
                    count(&counters.connections_idle);
                    leaving = true;
                    watched.again();
                    serving.as_mut().graceful_shutdown();
                }
            },
        }
    }
}
