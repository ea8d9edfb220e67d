//! The floor of every check with a token: its signature, verified and nothing else.

use std::time::Duration;

use serde_json::Value;

use accredit_core::jose::base64url;
use accredit_core::jose::{Algorithm, Key, KeySet};

use crate::Fail;
use crate::stats::per;
use crate::system::{self, Until};

/// What is signed, and the signature.
struct Signed {
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// The same keys and messages as those of the checks.
pub(crate) struct Raw {
    keys: KeySet,
    kid: String,
    algorithm: Algorithm,
    signed: Vec<Signed>,
}

impl Raw {
    pub(crate) fn new(jwks: &Value, alg: &str, tokens: &[String]) -> Result<Self, Fail> {
        let keys = KeySet::parse(jwks.to_string().as_bytes())?;
        let algorithm = Algorithm::from_name(alg).ok_or("no such algorithm")?;
        let signed = tokens
            .iter()
            .map(|token| {
                let (message, signature) = token.rsplit_once('.').ok_or("a token has dots")?;
                let signature = base64url::decode(signature.as_bytes())?;
                Ok(Signed { message: message.as_bytes().to_vec(), signature })
            })
            .collect::<Result<_, Fail>>()?;
        Ok(Self { keys, kid: alg.to_owned(), algorithm, signed })
    }

    /// Microseconds of CPU a verification.
    pub(crate) fn measure(&self, count: u64) -> Result<f64, Fail> {
        let key = self.keys.find(&self.kid).ok_or("the key set lacks the key")?;
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                system::keep_to_one_core()?;
                let until = Until::after(Duration::from_secs(15));
                // Warm first, as the server is.
                self.verify(key, count.div_ceil(10), until)?;
                let (ns, done) = system::own_cpu_ns(|| self.verify(key, count, until))?;
                Ok(per(ns, done?) / 1_000.0)
            });
            worker.join().map_err(|_| "the thread that verifies panicked")?
        })
    }

    /// Whether the signature with this number holds; the numbers go round.
    pub(crate) fn verifies(&self, number: usize) -> bool {
        let signed = number.checked_rem(self.signed.len()).and_then(|at| self.signed.get(at));
        self.keys.find(&self.kid).zip(signed).is_some_and(|(key, signed)| {
            key.verify(self.algorithm, &signed.message, &signed.signature).is_ok()
        })
    }

    /// Verifies until either bound; returns how often.
    fn verify(&self, key: &Key, count: u64, until: Until) -> Result<u64, Fail> {
        let mut done = 0_u64;
        for signed in self.signed.iter().cycle() {
            if done == count || (done.is_multiple_of(256) && until.passed()) {
                break;
            }
            key.verify(self.algorithm, &signed.message, &signed.signature)?;
            done = done.saturating_add(1);
        }
        Ok(done)
    }
}
