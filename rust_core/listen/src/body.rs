//! Bodies on their way in and out: counted, bounded in time, and ended when the door closes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tonic::{Code, Status};

use crate::connection::{Shared, Slot};

// gRPC's message header: a compression flag and the length, big-endian.
const PREFIX_BYTES: usize = 5;

/// The code with which [`Received`] says that the cap on bytes being received is reached. Nothing
/// else on this path makes it.
pub(crate) const SHED: Code = Code::ResourceExhausted;

/// A request's body: what it announces is charged to the door until it has arrived, and it must
/// arrive in time.
///
/// The announced length is charged and not only what came, because a buffer of that length is set
/// aside as soon as it is announced.
#[derive(Debug)]
pub(crate) struct Received {
    inner: Incoming,
    shared: Arc<Shared>,
    prefix: Prefix,
    arrived: usize,
    charged: usize,
    // Made when the body first has to be waited for: most arrive with their headers.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Received {
    pub(crate) fn new(inner: Incoming, shared: &Arc<Shared>) -> Self {
        Self {
            inner,
            shared: Arc::clone(shared),
            prefix: Prefix::default(),
            arrived: 0,
            charged: 0,
            patience: None,
        }
    }

    fn charge(&mut self, data: &Bytes) -> Result<(), Status> {
        self.arrived = self.arrived.saturating_add(data.len());
        let announced = self
            .prefix
            .read(data)
            .map_or(0, |length| length.min(self.shared.message_bytes).saturating_add(PREFIX_BYTES));
        let more = announced.max(self.arrived).saturating_sub(self.charged);
        if more > 0 {
            let before = self.shared.counters.receiving_bytes.fetch_add(more, Ordering::Relaxed);
            self.charged = self.charged.saturating_add(more);
            if before.saturating_add(more) > self.shared.receiving_bytes {
                return Err(Status::new(SHED, ""));
            }
        }
        Ok(())
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.shared.counters.receiving_bytes.fetch_sub(self.charged, Ordering::Relaxed);
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let charged = frame.data_ref().map_or(Ok(()), |data| self.charge(data));
                Poll::Ready(Some(charged.map(|()| frame)))
            }
            // The text of the error is the peer's business; it goes to nobody.
            Poll::Ready(Some(Err(_))) => {
                Poll::Ready(Some(Err(Status::internal("the message was cut off"))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let within = self.shared.timeouts.read;
                let patience =
                    self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
                patience.as_mut().poll(context).map(|()| {
                    Some(Err(Status::deadline_exceeded("the message did not arrive in time")))
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The first five bytes of a body, in whatever pieces they come.
#[derive(Debug, Default)]
struct Prefix {
    bytes: [u8; PREFIX_BYTES],
    seen: usize,
}

impl Prefix {
    /// Takes the next piece; returns the announced length once it is known.
    fn read(&mut self, data: &[u8]) -> Option<usize> {
        for byte in data {
            let Some(place) = self.bytes.get_mut(self.seen) else { break };
            *place = *byte;
            self.seen = self.seen.saturating_add(1);
        }
        let [_, length @ ..] = self.bytes;
        (self.seen == PREFIX_BYTES)
            .then(|| usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX))
    }
}

/// An answer's body: holds the stream's place in the counts, and ends an endless answer (a watch
/// on health, a reflection dialogue) when the door closes, so that it does not hold up a drain.
pub(crate) struct Held {
    inner: tonic::body::Body,
    _slot: Slot,
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ended: bool,
}

impl Held {
    pub(crate) fn new(
        inner: tonic::body::Body,
        slot: Slot,
        closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ) -> Self {
        Self { inner, _slot: slot, closing, ended: false }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if polled.is_ready() {
            return polled;
        }
        let closing = self.closing.as_mut().map(|closing| closing.as_mut().poll(context));
        if closing.is_some_and(|closing| closing.is_ready()) {
            self.ended = true;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers("14")))));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.closing.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

/// A whole answer with status OK.
pub(crate) fn reply(message: &Bytes) -> Response<tonic::body::Body> {
    let mut data = BytesMut::with_capacity(message.len().saturating_add(PREFIX_BYTES));
    data.put_u8(0);
    data.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    data.put_slice(message);
    let whole = Whole { data: Some(data.freeze()), trailers: Some(trailers("0")) };
    let mut response = Response::new(tonic::body::Body::new(whole));
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn trailers(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers
}

/// One data frame, then trailers.
struct Whole {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use super::Prefix;

    #[test]
    fn the_announced_length_is_read_from_any_pieces() {
        let message = [0, 0, 1, 0, 2, 9, 9, 9];
        for cut in 0..message.len() {
            let (first, second) = message.split_at(cut);
            let mut prefix = Prefix::default();
            let early = prefix.read(first);
            assert_eq!(early.is_some(), cut >= 5, "{cut}");
            assert_eq!(prefix.read(second), Some(65_538), "{cut}");
        }
    }
}
