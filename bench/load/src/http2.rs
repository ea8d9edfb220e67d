//! The least of HTTP/2 that asks unary gRPC calls (RFC 9113), so that the one who asks costs little
//! beside the one who is measured.
//!
//! Header blocks that come back are not read: what an answer says stands in its message, and a call
//! without a message is a wrong answer.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Fail;
use crate::message::{Expected, PREFIX_BYTES};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER_BYTES: usize = 9;
/// The least that every peer takes (section 4.2); nothing larger is sent.
const FRAME_BYTES: usize = 16_384;
/// Section 6.9.2.
const FIRST_WINDOW: i64 = 65_535;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;

/// The identifier of `SETTINGS_INITIAL_WINDOW_SIZE` (section 6.5.2).
const INITIAL_WINDOW: u16 = 4;

/// The answer to one call.
pub(crate) struct Answer {
    /// From the first byte written to the last byte read.
    pub(crate) took: Duration,
    /// The message, if it came whole.
    pub(crate) message: Option<Vec<u8>>,
}

impl Answer {
    pub(crate) fn fits(&self, expected: &Expected) -> bool {
        self.message.as_deref().is_some_and(|message| expected.fits(message))
    }
}

/// A call on its way.
struct Call {
    began: Instant,
    body: Bytes,
    window: i64,
    answer: Vec<u8>,
}

/// One connection with several calls on it at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The header block of every call: literals alone, so that it has no state.
    block: Vec<u8>,
    next_stream: u32,
    calls: HashMap<u32, Call>,
    /// Calls whose body is not sent yet, in order.
    sending: VecDeque<u32>,
    window: i64,
    stream_window: i64,
    received: u32,
    out: Vec<u8>,
    read: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub(crate) fn open(address: &str, path: &str) -> Result<Self, Fail> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut connection = Self {
            stream,
            block: header_block(path)?,
            next_stream: 1,
            calls: HashMap::new(),
            sending: VecDeque::new(),
            window: FIRST_WINDOW,
            stream_window: FIRST_WINDOW,
            received: 0,
            out: PREFACE.to_vec(),
            read: vec![0; 1 << 18],
            filled: 0,
        };
        // Room for every answer: windows are the server's business here, not the client's.
        let mut settings = Vec::new();
        settings.extend_from_slice(&INITIAL_WINDOW.to_be_bytes());
        settings.extend_from_slice(&(1_u32 << 24).to_be_bytes());
        connection.frame(SETTINGS, 0, 0, &settings)?;
        connection.frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes())?;
        Ok(connection)
    }

    /// Begins a call; it is on its way after [`Self::flush`].
    pub(crate) fn begin(&mut self, body: Bytes) -> Result<(), Fail> {
        let id = self.next_stream;
        self.next_stream = id.checked_add(2).ok_or("the connection has no streams left")?;
        let block = std::mem::take(&mut self.block);
        self.frame(HEADERS, END_HEADERS, id, &block)?;
        self.block = block;
        let window = self.stream_window;
        self.calls.insert(id, Call { began: Instant::now(), body, window, answer: Vec::new() });
        self.sending.push_back(id);
        Ok(())
    }

    /// Calls that are not answered yet.
    pub(crate) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Writes what the peer's windows allow.
    pub(crate) fn flush(&mut self) -> Result<(), Fail> {
        while let Some(id) = self.sending.front().copied() {
            let Some(call) = self.calls.get_mut(&id) else {
                // Answered before it was sent whole.
                self.sending.pop_front();
                continue;
            };
            let room = call.window.min(self.window);
            let room = usize::try_from(room).unwrap_or_default().min(FRAME_BYTES);
            if room == 0 && !call.body.is_empty() {
                break;
            }
            let piece = call.body.split_to(room.min(call.body.len()));
            let sent = i64::try_from(piece.len())?;
            call.window = call.window.saturating_sub(sent);
            self.window = self.window.saturating_sub(sent);
            let last = call.body.is_empty();
            if last {
                self.sending.pop_front();
            }
            self.frame(DATA, if last { END_STREAM } else { 0 }, id, &piece)?;
        }
        if !self.out.is_empty() {
            self.stream.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits for bytes and takes what they complete.
    pub(crate) fn receive(&mut self, answers: &mut Vec<Answer>) -> Result<(), Fail> {
        if self.filled == self.read.len() {
            self.read.resize(self.filled.saturating_mul(2), 0);
        }
        let room = self.read.get_mut(self.filled..).unwrap_or_default();
        let count = self.stream.read(room)?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        self.filled = self.filled.saturating_add(count);
        let read = std::mem::take(&mut self.read);
        let taken = self.frames(read.get(..self.filled).unwrap_or_default(), answers);
        self.read = read;
        let taken = taken?;
        self.read.copy_within(taken..self.filled, 0);
        self.filled = self.filled.saturating_sub(taken);
        Ok(())
    }

    /// Takes whole frames; returns how many bytes they were.
    fn frames(&mut self, bytes: &[u8], answers: &mut Vec<Answer>) -> Result<usize, Fail> {
        let mut rest = bytes;
        while let Some((head, after)) = rest.split_at_checked(FRAME_HEADER_BYTES) {
            let [high, middle, low, kind, flags, stream @ ..] = head else { break };
            let length = usize::try_from(u32::from_be_bytes([0, *high, *middle, *low]))?;
            let Some((payload, after)) = after.split_at_checked(length) else { break };
            let stream = u32::from_be_bytes(stream.try_into()?) & 0x7fff_ffff;
            self.take(*kind, *flags, stream, payload, answers)?;
            rest = after;
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }

    fn take(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
        answers: &mut Vec<Answer>,
    ) -> Result<(), Fail> {
        match kind {
            DATA => {
                if flags & PADDED != 0 {
                    return Err("padding is not read here".into());
                }
                self.received = self.received.saturating_add(u32::try_from(payload.len())?);
                if self.received > 1 << 28 {
                    let received = std::mem::take(&mut self.received);
                    self.frame(WINDOW_UPDATE, 0, 0, &received.to_be_bytes())?;
                }
                if let Some(call) = self.calls.get_mut(&stream) {
                    call.answer.extend_from_slice(payload);
                }
                if flags & END_STREAM != 0 {
                    self.end(stream, answers);
                }
            }
            HEADERS if flags & END_STREAM != 0 => self.end(stream, answers),
            RST_STREAM => {
                // Without an error it follows an answer and says that no more body is wanted.
                self.end(stream, answers);
            }
            SETTINGS if flags & ACK == 0 => {
                self.settings(payload)?;
                self.frame(SETTINGS, ACK, 0, &[])?;
            }
            PING if flags & ACK == 0 => self.frame(PING, ACK, 0, payload)?,
            GOAWAY => return Err("the server sent GOAWAY".into()),
            WINDOW_UPDATE => {
                let more = i64::from(u32::from_be_bytes(payload.try_into()?) & 0x7fff_ffff);
                if stream == 0 {
                    self.window = self.window.saturating_add(more);
                } else if let Some(call) = self.calls.get_mut(&stream) {
                    call.window = call.window.saturating_add(more);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8]) -> Result<(), Fail> {
        for entry in payload.chunks_exact(6) {
            let (name, value) = entry.split_at_checked(2).ok_or("a setting has six bytes")?;
            if name == INITIAL_WINDOW.to_be_bytes() {
                let window = i64::from(u32::from_be_bytes(value.try_into()?));
                let more = window.saturating_sub(self.stream_window);
                self.stream_window = window;
                for call in self.calls.values_mut() {
                    call.window = call.window.saturating_add(more);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, stream: u32, answers: &mut Vec<Answer>) {
        let Some(call) = self.calls.remove(&stream) else { return };
        let mut message = call.answer;
        let whole = match message.first_chunk::<PREFIX_BYTES>() {
            Some([0, length @ ..]) => {
                usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX)
                    == message.len().saturating_sub(PREFIX_BYTES)
            }
            _ => false,
        };
        let message = whole.then(|| {
            message.drain(..PREFIX_BYTES);
            message
        });
        answers.push(Answer { took: call.began.elapsed(), message });
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<(), Fail> {
        let length = u32::try_from(payload.len())?.to_be_bytes();
        self.out.extend_from_slice(length.get(1..).unwrap_or_default());
        self.out.extend_from_slice(&[kind, flags]);
        self.out.extend_from_slice(&stream.to_be_bytes());
        self.out.extend_from_slice(payload);
        Ok(())
    }
}

/// The headers of a unary call (RFC 7541, sections 6.1 and 6.2.2), with the deadline that Envoy
/// sends by default.
fn header_block(path: &str) -> Result<Vec<u8>, Fail> {
    // :method POST and :scheme http stand whole in the static table.
    let mut block = vec![0x83, 0x86];
    for (name, value) in [
        // Names that the static table has, as literals without indexing.
        (&[0x04][..], path),
        (&[0x01], "accredit"),
        (&[0x0f, 0x10], "application/grpc"),
        (b"\x00\x02te", "trailers"),
        (b"\x00\x0cgrpc-timeout", "5S"),
    ] {
        let length = u8::try_from(value.len()).ok().filter(|length| *length < 127);
        block.extend_from_slice(name);
        block.push(length.ok_or("a header value is too long")?);
        block.extend_from_slice(value.as_bytes());
    }
    Ok(block)
}
