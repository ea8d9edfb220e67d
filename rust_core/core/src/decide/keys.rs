//! Step 4, second half: the issuer's key that a token means, or what is missing to know it.

use crate::jose::{Algorithm, Header, Key, NotOne};
use crate::reason::Reason;
use crate::snapshot::Issuer;
use crate::snapshot::keys::{Gate, IssuerKeys, UnknownKids};

use super::pipeline::Patience;

/// The clocks and memories that the search for a key needs.
pub(super) struct Search<'s> {
    pub(super) now_ms: u64,
    pub(super) now_s: i64,
    pub(super) hold_ms: u64,
    pub(super) patience: Patience,
    pub(super) unknown: &'s UnknownKids,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoKey {
    /// The token is refused.
    Refused(Reason),
    /// Our own trouble: refused for now, and when to try again.
    NotNow(Reason, u32),
    /// The issuer's keys are needed; `start` says that this check begins the refresh.
    Needed { start: bool },
}

impl Search<'_> {
    /// Finds the one key, among this issuer's alone.
    pub(super) fn find<'k>(
        &self,
        issuer: &Issuer,
        slot: &'k IssuerKeys,
        header: &Header,
    ) -> Result<&'k Key, NoKey> {
        let usable = slot.loaded.as_deref().filter(|loaded| self.now_s < loaded.usable_until_s);
        let Some(loaded) = usable else {
            return Err(self.missing(issuer, slot, Reason::KeysUnavailable));
        };
        let algorithm = header.algorithm;
        match header.kid.as_deref() {
            Some(kid) => match loaded.keys.find(kid) {
                Some(key) => fitting(key, algorithm),
                None => Err(self.unknown(issuer, slot, loaded.requested_at_ms, kid)),
            },
            None => match loaded.keys.the_only_one_for(algorithm) {
                Ok(key) => Ok(key),
                Err(NotOne::Several) => Err(NoKey::Refused(Reason::KeyAmbiguous)),
                Err(NotOne::None) => Err(self.unknown(issuer, slot, loaded.requested_at_ms, "")),
            },
        }
    }

    /// A `kid` that the set lacks: unknown once a set fetched after it was seen lacks it.
    ///
    /// That word holds for one hold time. A name can be shown before its key is published, by
    /// somebody who guesses it, and must not be unknown from then on until the next planned fetch.
    fn unknown(
        &self,
        issuer: &Issuer,
        slot: &IssuerKeys,
        requested_at_ms: u64,
        kid: &str,
    ) -> NoKey {
        if !issuer.refreshable {
            return NoKey::Refused(Reason::KeyUnknown);
        }
        let first_seen_ms = self.unknown.first_seen_ms(&issuer.issuer, kid, self.now_ms);
        if requested_at_ms < first_seen_ms {
            return self.missing(issuer, slot, Reason::KeysRefreshing);
        }
        let fresh = self.now_ms.saturating_sub(requested_at_ms) < self.hold_ms;
        if fresh || self.patience == Patience::Final {
            return NoKey::Refused(Reason::KeyUnknown);
        }
        match slot.gate.ask(self.now_ms, self.hold_ms) {
            Gate::Begin => NoKey::Needed { start: true },
            Gate::UnderWay => NoKey::Needed { start: false },
            Gate::Held => NoKey::Refused(Reason::KeyUnknown),
        }
    }

    fn missing(&self, issuer: &Issuer, slot: &IssuerKeys, reason: Reason) -> NoKey {
        let retry = || NoKey::NotNow(reason, slot.gate.retry_after_s(self.now_ms));
        if !issuer.refreshable || self.patience == Patience::Final {
            return retry();
        }
        match slot.gate.ask(self.now_ms, self.hold_ms) {
            Gate::Begin => NoKey::Needed { start: true },
            Gate::UnderWay => NoKey::Needed { start: false },
            Gate::Held => retry(),
        }
    }
}

fn fitting(key: &Key, algorithm: Algorithm) -> Result<&Key, NoKey> {
    if key.fits(algorithm) { Ok(key) } else { Err(NoKey::Refused(Reason::KeyMismatch)) }
}
