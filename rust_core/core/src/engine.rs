//! The engine: holds what decisions are made from, and answers.
//!
//! One engine serves every door. Its root is swapped as a whole, so each decision sees one catalogue
//! and the keys that go with it. It has no clock and does no I/O; what it lacks it names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

use crate::decide::{Decision, Need, Outcome, Patience, Scene, Silent, decide};
use crate::facts::{Facts, Moment, RouteMetadataKey, SelectorSettings};
use crate::jose::{KeySet, KeySetError};
use crate::reason::Reason;
use crate::snapshot::keys::{IssuerKeys, LoadedKeys, UnknownKids};
use crate::snapshot::{Catalogue, Fault, Root};
use crate::watch::counters::Counts;
use crate::watch::{Counters, Record, Ring};
use crate::wire::{read_check_request, write_check_response};

/// Bounds and switches of an engine, fixed for its life.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// Seconds of clock difference allowed in the token's favour, 0 to 300.
    pub clock_skew_s: u16,
    /// Largest token, in bytes.
    pub token_bytes: usize,
    /// Largest check request, in bytes.
    pub request_bytes: usize,
    /// Seconds between two refreshes of one issuer's keys that tokens ask for.
    pub refresh_hold_s: u16,
    /// Which selectors the gateway may use.
    #[serde(default)]
    pub selectors: SelectorSettings,
    /// Decision records kept until they are drained.
    pub record_capacity: usize,
    /// Whether allows are recorded too; denials always are.
    pub record_allows: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            clock_skew_s: 30,
            token_bytes: 16_384,
            request_bytes: 1_048_576,
            refresh_hold_s: 30,
            selectors: SelectorSettings::default(),
            record_capacity: 65_536,
            record_allows: true,
        }
    }
}

// The facts know nothing of JSON; the settings do.
impl<'de> Deserialize<'de> for SelectorSettings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            context_extension: bool,
            route_metadata: Option<Key>,
            destination_principal: bool,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Key {
            namespace: String,
            key: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self {
            context_extension: wire.context_extension,
            route_metadata: wire
                .route_metadata
                .map(|key| RouteMetadataKey { namespace: key.namespace, key: key.key }),
            destination_principal: wire.destination_principal,
        })
    }
}

/// What became of an ext_authz check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Checked {
    /// The bytes of a `CheckResponse`.
    Answered(Vec<u8>),
    /// Ask again when the need is met, or with [`Patience::Final`] when it is not.
    Pending(Need),
}

/// Why a key set was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// The catalogue has no such issuer.
    #[error("no issuer of the catalogue is named so")]
    UnknownIssuer,
    /// The set itself is refused; the one before stays.
    #[error("{0}")]
    Refused(#[from] KeySetError),
}

/// One key, for people.
#[derive(Clone, Debug, Serialize)]
pub struct KeyLine {
    /// `kid`
    pub kid: Option<String>,
    /// Kind and size, for example `RSA-2048`.
    pub kind: String,
    /// RFC 7638 thumbprint with SHA-256, base64url.
    pub thumbprint: String,
}

/// What a key set holds.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    /// The usable keys.
    pub keys: Vec<KeyLine>,
    /// What was skipped, and why.
    pub skipped: Vec<SkippedLine>,
}

/// A key that was skipped.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedLine {
    /// `kid`
    pub kid: Option<String>,
    /// Why.
    pub why: String,
}

impl KeyReport {
    /// The report on a parsed set.
    #[must_use]
    pub fn new(keys: &KeySet) -> Self {
        Self {
            keys: keys
                .keys()
                .iter()
                .map(|key| KeyLine {
                    kid: key.kid().map(str::to_owned),
                    kind: key.kind().to_string(),
                    thumbprint: key.thumbprint().to_owned(),
                })
                .collect(),
            skipped: keys
                .skipped()
                .iter()
                .map(|skipped| SkippedLine {
                    kid: skipped.kid.clone(),
                    why: skipped.why.to_string(),
                })
                .collect(),
        }
    }
}

/// The state of one issuer's keys.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: String,
    /// Usable keys; none where there is no set.
    pub keys: Vec<KeyLine>,
    /// When the fetch that brought them began, in milliseconds since the epoch.
    pub requested_at_ms: Option<u64>,
    /// The second from which they may no longer be used.
    pub usable_until_s: Option<i64>,
    /// Whether tokens of this issuer can be judged now.
    pub usable: bool,
}

/// The engine's state, for health and people.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// SHA-256 of the catalogue in force; none before the first load.
    pub catalogue_digest: Option<String>,
    /// How many resources it has.
    pub resources: usize,
    /// Each issuer's keys.
    pub issuers: Vec<IssuerStatus>,
    /// Records lost because nobody drained them.
    pub records_lost: u64,
    /// Unknown kids remembered.
    pub unknown_kids: usize,
}

/// Decides. Shared by reference between threads.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    root: ArcSwapOption<Root>,
    // Writers take turns; readers never wait.
    writing: Mutex<()>,
    epoch: AtomicU64,
    unknown: UnknownKids,
    counters: Counters,
    records: Ring,
}

impl Engine {
    /// An engine without a catalogue: it denies everything with `catalogue_missing`.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Self {
        let records = Ring::new(settings.record_capacity);
        Self {
            settings,
            root: ArcSwapOption::empty(),
            writing: Mutex::new(()),
            epoch: AtomicU64::new(0),
            unknown: UnknownKids::default(),
            counters: Counters::default(),
            records,
        }
    }

    /// Takes a compiled catalogue and returns its digest. On a fault the one before stays.
    pub fn load_catalogue(&self, document: &[u8]) -> Result<String, Vec<Fault>> {
        let catalogue = Catalogue::compile(document)?;
        let digest = catalogue.digest().to_owned();
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.root.load_full();
        self.root.store(Some(Arc::new(Root::new(catalogue, before.as_deref()))));
        Ok(digest)
    }

    /// Takes an issuer's key set as a JWK Set document (RFC 7517, section 5).
    ///
    /// `requested_at_ms` is when the fetch began, `usable_until_s` the second from which the set
    /// may no longer be used. On a fault the set before stays. Ends a refresh that is under way.
    pub fn set_keys(
        &self,
        issuer: &str,
        jwks: &[u8],
        requested_at_ms: u64,
        usable_until_s: i64,
    ) -> Result<KeyReport, KeyFault> {
        let parsed = KeySet::parse(jwks);
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let root = self.root.load_full().ok_or(KeyFault::UnknownIssuer)?;
        let index = root.catalogue.issuer_index(issuer).ok_or(KeyFault::UnknownIssuer)?;
        let mut keys = root.keys.clone();
        let slot = keys.get_mut(index).ok_or(KeyFault::UnknownIssuer)?;
        slot.gate.end();
        let parsed = parsed?;
        let report = KeyReport::new(&parsed);
        slot.loaded = Some(Arc::new(LoadedKeys {
            keys: parsed,
            requested_at_ms,
            usable_until_s,
            epoch: self.epoch.fetch_add(1, Ordering::Relaxed).saturating_add(1),
        }));
        let catalogue = Arc::clone(&root.catalogue);
        self.root.store(Some(Arc::new(Root { catalogue, keys })));
        Ok(report)
    }

    /// Takes an issuer's keys away, for example when its key source was replaced.
    pub fn drop_keys(&self, issuer: &str) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(root) = self.root.load_full() else { return };
        let keys = root
            .keys
            .iter()
            .map(|slot| {
                let mut slot: IssuerKeys = slot.clone();
                if *slot.issuer == *issuer {
                    slot.loaded = None;
                }
                slot
            })
            .collect();
        self.root.store(Some(Arc::new(Root { catalogue: Arc::clone(&root.catalogue), keys })));
    }

    /// Ends a refresh that brought nothing.
    pub fn refresh_failed(&self, issuer: &str) {
        if let Some(root) = self.root.load_full()
            && let Some(slot) = root.keys.iter().find(|slot| *slot.issuer == *issuer)
        {
            slot.gate.end();
        }
    }

    /// Judges the bytes of an ext_authz `CheckRequest`. Bad input is a denial like any other.
    #[must_use]
    pub fn check(&self, request: &[u8], at: &Moment, patience: Patience) -> Checked {
        if request.len() > self.settings.request_bytes {
            return self.refuse(Reason::RequestTooLarge, at);
        }
        let facts = match read_check_request(request, &self.settings.selectors) {
            Ok(facts) => facts,
            Err(reason) => return self.refuse(reason, at),
        };
        let root = self.root.load();
        let Some(root) = root.as_deref() else {
            return self.refuse(Reason::CatalogueMissing, at);
        };
        match decide(&self.scene(root, at, patience), &facts, &mut Silent) {
            Outcome::Decided(decision) => {
                let answer = write_check_response(&decision.answer(Some(&facts)));
                self.note(&decision, Some(&facts));
                Checked::Answered(answer)
            }
            Outcome::Pending(need) => {
                self.counters.count_pending();
                Checked::Pending(need)
            }
        }
    }

    /// The denial of a request that was never judged: overload, or a fault of our own.
    #[must_use]
    pub fn refusal(&self, reason: Reason, at: &Moment) -> Vec<u8> {
        let decision = Decision::refused(reason, at);
        let answer = write_check_response(&decision.answer(None));
        self.note(&decision, None);
        answer
    }

    fn refuse(&self, reason: Reason, at: &Moment) -> Checked {
        Checked::Answered(self.refusal(reason, at))
    }

    /// Runs `judge` on the facts in the current root, or refuses where there is none.
    pub(crate) fn with_root<V>(&self, judge: impl FnOnce(Option<&Root>) -> V) -> V {
        judge(self.root.load().as_deref())
    }

    pub(crate) fn scene<'s>(
        &'s self,
        root: &'s Root,
        at: &Moment,
        patience: Patience,
    ) -> Scene<'s> {
        Scene {
            root,
            unknown: &self.unknown,
            at: *at,
            patience,
            clock_skew_s: i64::from(self.settings.clock_skew_s),
            token_bytes: self.settings.token_bytes,
            refresh_hold_ms: u64::from(self.settings.refresh_hold_s).saturating_mul(1_000),
        }
    }

    fn note(&self, decision: &Decision<'_>, facts: Option<&Facts<'_>>) {
        self.counters.count(decision);
        if self.settings.record_allows || !decision.reason().is_allow() {
            self.records.push(Record::new(decision, facts));
        }
    }

    /// Takes the oldest decision records, at most `most`.
    #[must_use]
    pub fn drain_records(&self, most: usize) -> Vec<Record> {
        self.records.drain(most)
    }

    /// Reads the counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The state at `now_ms`.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Status {
        let now_s = i64::try_from(now_ms / 1_000).unwrap_or(i64::MAX);
        let root = self.root.load();
        let root = root.as_deref();
        Status {
            catalogue_digest: root.map(|root| root.catalogue.digest().to_owned()),
            resources: root.map_or(0, |root| root.catalogue.resources().len()),
            issuers: root
                .map(|root| root.keys.iter().map(|slot| issuer_status(slot, now_s)).collect())
                .unwrap_or_default(),
            records_lost: self.records.lost(),
            unknown_kids: self.unknown.len(),
        }
    }
}

fn issuer_status(slot: &IssuerKeys, now_s: i64) -> IssuerStatus {
    let loaded = slot.loaded.as_deref();
    IssuerStatus {
        issuer: slot.issuer.to_string(),
        keys: loaded.map(|loaded| KeyReport::new(&loaded.keys).keys).unwrap_or_default(),
        requested_at_ms: loaded.map(|loaded| loaded.requested_at_ms),
        usable_until_s: loaded.map(|loaded| loaded.usable_until_s),
        usable: loaded.is_some_and(|loaded| now_s < loaded.usable_until_s),
    }
}
