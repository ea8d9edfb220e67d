//! The server that is measured: the product's door in a process of its own.
//!
//! The measuring process starts its own program again with [`COMMAND`], writes one line of JSON to
//! it and reads one line back, the bound address. Closing its input ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use accredit_core::engine::{Engine, EngineSettings};
use accredit_listen::{Deadline, Door, DoorSettings, EngineHandler, Handler, Needs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Fail;
use crate::fixture::{Fixture, ISSUER, catalogue};
use crate::raw::Raw;
use crate::system;

/// The argument that makes this program a server.
pub(crate) const COMMAND: &str = "serve";

/// What a server is told on its first line.
#[derive(Debug, Deserialize, Serialize)]
struct Orders {
    worker_threads: usize,
    behind: Behind,
}

/// What stands behind the door.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Behind {
    /// The product's engine, with this catalogue and these keys.
    Engine { catalogue: Value, jwks: Value, now_s: u64 },
    /// Nothing: every request gets this answer, in base64.
    Empty { answer: String },
    /// A signature alone: each request verifies the next of these tokens and gets this answer.
    Raw { answer: String, jwks: Value, alg: String, tokens: Vec<String> },
}

/// Takes the request's bytes, does not look at them, and allows.
#[derive(Debug)]
struct EmptyHandler {
    answer: Bytes,
}

impl Handler for EmptyHandler {
    async fn check(&self, _: Bytes, _: Deadline) -> Bytes {
        self.answer.clone()
    }
}

/// As [`EmptyHandler`], with one verification in the place where the engine makes it.
struct RawHandler {
    answer: Bytes,
    raw: Raw,
    next: AtomicUsize,
}

impl Handler for RawHandler {
    async fn check(&self, _: Bytes, _: Deadline) -> Bytes {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // No answer at all counts as a wrong one.
        if self.raw.verifies(number) { self.answer.clone() } else { Bytes::new() }
    }
}

/// The server's side.
pub(crate) fn serve() -> Result<(), Fail> {
    system::keep_to_one_core()?;
    let mut lines = std::io::stdin().lock();
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let orders: Orders = serde_json::from_str(&first)?;
    let settings = DoorSettings {
        address: "127.0.0.1:0".to_owned(),
        worker_threads: orders.worker_threads,
        ..DoorSettings::default()
    };
    match orders.behind {
        Behind::Empty { answer } => {
            let answer = Bytes::from(STANDARD.decode(answer)?);
            open(EmptyHandler { answer }, settings, lines)
        }
        Behind::Raw { answer, jwks, alg, tokens } => {
            let answer = Bytes::from(STANDARD.decode(answer)?);
            let raw = Raw::new(&jwks, &alg, &tokens)?;
            open(RawHandler { answer, raw, next: AtomicUsize::new(0) }, settings, lines)
        }
        Behind::Engine { catalogue, jwks, now_s } => {
            let engine = Arc::new(engine(&catalogue, &jwks, now_s)?);
            let needs = Arc::new(Needs::new()?);
            let over = Arc::new(AtomicBool::new(false));
            let tending = Tending {
                engine: Arc::clone(&engine),
                needs: Arc::clone(&needs),
                over: Arc::clone(&over),
            };
            let tender = std::thread::Builder::new().spawn(move || tending.run())?;
            let wait = Duration::from_millis(settings.need_wait_ms);
            let served = open(EngineHandler::new(engine, needs, wait), settings, lines);
            over.store(true, Ordering::Relaxed);
            tender.join().map_err(|_| "the thread that tends the engine panicked")?;
            served
        }
    }
}

fn open<H: Handler>(
    handler: H,
    settings: DoorSettings,
    mut lines: impl BufRead,
) -> Result<(), Fail> {
    let door = Door::new(Arc::new(handler), settings)?;
    let bound = door.start()?;
    door.set_ready(true)?;
    let address = bound.first().ok_or("the door has no address")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()?;
    // Returns at the end of the input: when the measuring process closes it, or is gone.
    let mut rest = String::new();
    lines.read_line(&mut rest)?;
    door.drain(Duration::from_secs(5))?;
    Ok(())
}

/// An engine as the product starts it.
pub(crate) fn engine(catalogue: &Value, jwks: &Value, now_s: u64) -> Result<Engine, Fail> {
    let engine = Engine::new(EngineSettings::default());
    engine
        .load_catalogue(catalogue.to_string().as_bytes())
        .map_err(|faults| format!("the catalogue does not load: {faults:?}"))?;
    let until_s = i64::try_from(now_s.saturating_add(86_400))?;
    engine.set_keys(ISSUER, jwks.to_string().as_bytes(), now_s.saturating_mul(1_000), until_s)?;
    Ok(engine)
}

/// What the product's Python does beside the door, as far as it costs Rust anything: it takes the
/// decision records as JSON lines, and answers needs (here: nothing new could be fetched).
struct Tending {
    engine: Arc<Engine>,
    needs: Arc<Needs>,
    over: Arc<AtomicBool>,
}

impl Tending {
    fn run(&self) {
        let mut lines = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            for issuer in self.needs.take() {
                self.engine.refresh_failed(&issuer);
                self.needs.resolve(&issuer);
            }
            loop {
                let records = self.engine.drain_records(1_024);
                if records.is_empty() {
                    break;
                }
                lines.clear();
                for record in &records {
                    // Writing to memory cannot fail.
                    let _ = serde_json::to_writer(&mut lines, record);
                    lines.push(b'\n');
                }
            }
        }
    }
}

/// A server, as the measuring process sees it. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    /// The engine behind the door.
    pub(crate) fn engine(fixture: &Fixture) -> Result<Self, Fail> {
        let (catalogue, jwks) = (catalogue(), fixture.jwks()?);
        Self::start(Behind::Engine { catalogue, jwks, now_s: fixture.now_s })
    }

    /// Nothing behind the door but this answer.
    pub(crate) fn empty(answer: &[u8]) -> Result<Self, Fail> {
        Self::start(Behind::Empty { answer: STANDARD.encode(answer) })
    }

    /// Nothing behind the door but a verification and this answer.
    pub(crate) fn raw(
        fixture: &Fixture,
        answer: &[u8],
        alg: &str,
        tokens: &[String],
    ) -> Result<Self, Fail> {
        Self::start(Behind::Raw {
            answer: STANDARD.encode(answer),
            jwks: fixture.jwks()?,
            alg: alg.to_owned(),
            tokens: tokens.to_vec(),
        })
    }

    fn start(behind: Behind) -> Result<Self, Fail> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut orders = serde_json::to_vec(&Orders { worker_threads: 1, behind })?;
        orders.push(b'\n');
        child.stdin.as_mut().ok_or("the server has no input")?.write_all(&orders)?;
        let mut address = String::new();
        let out = child.stdout.take().ok_or("the server has no output")?;
        BufReader::new(out).read_line(&mut address)?;
        let address = address.trim().to_owned();
        if address.is_empty() {
            return Err("the server did not start".into());
        }
        Ok(Self { child, address })
    }

    /// Nanoseconds of CPU that it has used.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Fail> {
        system::cpu_ns(self.child.id())
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64, Fail> {
        system::resident_kib(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its sign to go.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
