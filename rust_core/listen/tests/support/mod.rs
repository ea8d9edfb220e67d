//! A door on a loopback port and a client that speaks HTTP/2 by hand, so that it can break rules.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly, and each test file uses a part of this"
)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use accredit_listen::{Deadline, Door, DoorSettings, Handler};
use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Answers with what was asked; `panic` and `wait:MS` in the request do what they say.
#[derive(Debug, Default)]
pub struct Echo;

impl Handler for Echo {
    async fn check(&self, request: Bytes, _: Deadline) -> Bytes {
        assert!(request.as_ref() != b"panic", "asked to");
        if let Some(millis) = request.strip_prefix(b"wait:") {
            let millis: u64 = std::str::from_utf8(millis).unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        request
    }
}

/// Settings for a test: a free port, and time-outs that only the tests of time-outs shorten.
pub fn settings() -> DoorSettings {
    DoorSettings { address: "127.0.0.1:0".to_owned(), ..DoorSettings::default() }
}

/// An open door, and the runtime of its clients.
pub struct Bed<H: Handler> {
    pub door: Arc<Door<H>>,
    pub address: String,
    pub runtime: Runtime,
}

impl<H: Handler> Bed<H> {
    pub fn new(handler: H, settings: DoorSettings) -> Self {
        let door = Arc::new(Door::new(Arc::new(handler), settings).unwrap());
        let address = door.start().unwrap().remove(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { door, address, runtime }
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_mins(1), work).await.expect("the test hangs")
        })
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }
}

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    pub http_status: u16,
    pub grpc_status: Option<String>,
    pub messages: Vec<Bytes>,
    pub headers: HeaderMap,
}

impl Answer {
    /// The one message of an answer with status OK.
    pub fn message(&self) -> &[u8] {
        assert_eq!(self.grpc_status.as_deref(), Some("0"), "{self:?}");
        assert_eq!(self.messages.len(), 1, "{self:?}");
        &self.messages[0]
    }
}

/// One connection.
#[derive(Clone)]
pub struct Client {
    pub send: SendRequest<Bytes>,
    pub connection: Arc<JoinHandle<Result<(), h2::Error>>>,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub async fn try_connect(address: &str) -> Result<Self, h2::Error> {
        let stream = TcpStream::connect(address).await.unwrap();
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(4 << 20)
            .initial_connection_window_size(16 << 20)
            .initial_max_send_streams(10_000)
            .handshake(stream)
            .await?;
        Ok(Self { send, connection: Arc::new(tokio::spawn(connection)) })
    }

    pub async fn check(&self, message: &[u8]) -> Answer {
        self.call(CHECK, &[], framed(message)).await.unwrap()
    }

    /// Sends a body as it is, and reads the whole answer.
    pub async fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (response, mut stream) = send.send_request(request(path, headers), body.is_empty())?;
        if !body.is_empty() {
            send_all(&mut stream, body).await?;
        }
        answer(response).await
    }
}

/// Sends a body within the peer's window, and ends the stream. A peer that has answered and reset
/// the stream has heard enough.
pub async fn send_all(
    stream: &mut h2::SendStream<Bytes>,
    mut body: Bytes,
) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
            Some(Ok(room)) if room > 0 => {
                let piece = body.split_to(room.min(body.len()));
                if stream.send_data(piece, body.is_empty()).is_err() {
                    return Ok(());
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Ok(()),
        }
    }
    Ok(())
}

pub fn request(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

pub async fn answer(response: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let response = response.await?;
    let (head, mut body) = response.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?;
    let mut messages = Vec::new();
    let mut bytes = bytes.freeze();
    while !bytes.is_empty() {
        let head = bytes.split_to(5);
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        messages.push(bytes.split_to(usize::try_from(length).unwrap()));
    }
    let status =
        |map: &HeaderMap| map.get("grpc-status").map(|value| value.to_str().unwrap().to_owned());
    Ok(Answer {
        http_status: head.status.as_u16(),
        grpc_status: trailers.as_ref().and_then(status).or_else(|| status(&head.headers)),
        messages,
        headers: head.headers,
    })
}

/// A message with gRPC's five bytes before it.
pub fn framed(message: &[u8]) -> Bytes {
    announced(u32::try_from(message.len()).unwrap(), message)
}

/// A message behind a length that may be a lie.
pub fn announced(length: u32, message: &[u8]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u8(0);
    body.put_u32(length);
    body.put_slice(message);
    body.freeze()
}

/// Lets the clients that tonic generates use a [`Client`].
#[derive(Clone)]
pub struct Channel(pub Client);

impl tower::Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Full<Bytes>>;
    type Error = h2::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, h2::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let answer = client.call(&path, &[], body).await?;
            let mut response = Response::builder().header("content-type", "application/grpc");
            if let Some(status) = &answer.grpc_status {
                response = response.header("grpc-status", status);
            }
            let body = answer.messages.iter().flat_map(|message| framed(message)).collect();
            Ok(response.body(Full::new(body)).unwrap())
        })
    }
}

/// Waits until something holds; panics after ten seconds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never came: {what}");
}
