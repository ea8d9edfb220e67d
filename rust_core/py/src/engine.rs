//! The engine, for Python.

use std::collections::BTreeMap;
use std::sync::Arc;

use accredit_core::decide::Patience;
use accredit_core::engine::{self, Checked, EngineSettings, KeyFault, KeyReport};
use accredit_core::jose::{CompactJws, JwsLimits, KeySet, KeySetError, NotOne};
use accredit_core::reason::Reason;
use accredit_listen::moment;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use serde::Serialize;

use crate::{errors, json};

/// Decides. One serves every door.
#[pyclass(frozen, module = "accredit._core")]
pub(crate) struct Engine {
    pub(crate) inner: Arc<engine::Engine>,
}

/// A check that lacks the keys of an issuer.
#[pyclass(frozen, get_all, module = "accredit._core")]
pub(crate) struct Pending {
    /// Whose keys.
    issuer: String,
    /// Whether this check is the one that begins the refresh.
    start: bool,
}

type Bytes<'py> = Bound<'py, PyBytes>;

#[pymethods]
impl Engine {
    /// Makes an engine without a catalogue from the JSON of its settings.
    #[new]
    fn new(settings: PyBackedBytes) -> PyResult<Self> {
        let settings: EngineSettings = json::read("the engine's settings", &settings)?;
        Ok(Self { inner: Arc::new(engine::Engine::new(settings)) })
    }

    /// Takes a compiled catalogue and returns its digest; raises `CatalogueError`.
    fn load_catalogue(&self, py: Python<'_>, document: PyBackedBytes) -> PyResult<String> {
        py.detach(|| self.inner.load_catalogue(&document)).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            errors::CatalogueError::new_err((faults,))
        })
    }

    /// Takes an issuer's key set and returns a report in JSON; raises `KeySetError`.
    #[pyo3(signature = (issuer, jwks, *, requested_at_ms, usable_until_s))]
    fn set_keys<'py>(
        &self,
        py: Python<'py>,
        issuer: &str,
        jwks: PyBackedBytes,
        requested_at_ms: u64,
        usable_until_s: i64,
    ) -> PyResult<Bytes<'py>> {
        let report = py
            .detach(|| self.inner.set_keys(issuer, &jwks, requested_at_ms, usable_until_s))
            .map_err(|fault: KeyFault| errors::KeySetError::new_err(fault.to_string()))?;
        Ok(PyBytes::new(py, &json::write(&report)?))
    }

    /// Takes an issuer's keys away.
    fn drop_keys(&self, py: Python<'_>, issuer: &str) {
        py.detach(|| self.inner.drop_keys(issuer));
    }

    /// Ends a refresh that brought nothing.
    fn refresh_failed(&self, py: Python<'_>, issuer: &str) {
        py.detach(|| self.inner.refresh_failed(issuer));
    }

    /// Judges the bytes of a `CheckRequest`.
    #[pyo3(signature = (request, *, now_ms, r#final))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        request: PyBackedBytes,
        now_ms: u64,
        r#final: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let patience = if r#final { Patience::Final } else { Patience::MayWait };
        match py.detach(|| self.inner.check(&request, &moment::at(now_ms), patience)) {
            Checked::Answered(answer) => Ok(PyBytes::new(py, &answer).into_any()),
            Checked::Pending(need) => {
                let pending = Pending { issuer: need.issuer.to_string(), start: need.start };
                Ok(Bound::new(py, pending)?.into_any())
            }
        }
    }

    /// The denial for a check that was not judged; raises `EngineError` for an unknown reason.
    #[pyo3(signature = (reason, *, now_ms))]
    fn refusal<'py>(&self, py: Python<'py>, reason: &str, now_ms: u64) -> PyResult<Bytes<'py>> {
        let reason = Reason::from_code(reason)
            .filter(|reason| !reason.is_allow())
            .ok_or_else(|| errors::argument("no denial has this reason"))?;
        let answer = py.detach(|| self.inner.refusal(reason, &moment::at(now_ms)));
        Ok(PyBytes::new(py, &answer))
    }

    /// Answers one line of check JSON.
    #[pyo3(signature = (line, *, now_ms, explain = false))]
    fn query<'py>(
        &self,
        py: Python<'py>,
        line: PyBackedBytes,
        now_ms: u64,
        explain: bool,
    ) -> Bytes<'py> {
        let answer = py.detach(|| self.inner.query(&line, &moment::at(now_ms), explain));
        PyBytes::new(py, &answer)
    }

    /// Answers lines of check JSON, in the same order. The last line may lack its line feed.
    #[pyo3(signature = (lines, *, now_ms))]
    fn query_lines<'py>(&self, py: Python<'py>, lines: PyBackedBytes, now_ms: u64) -> Bytes<'py> {
        let answers = py.detach(|| {
            let mut answers = Vec::with_capacity(lines.len() / 4);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                answers.extend(self.inner.query(line, &moment::at(now_ms), false));
                answers.push(b'\n');
            }
            answers
        });
        PyBytes::new(py, &answers)
    }

    /// Takes the oldest decision records as JSON lines.
    fn drain_records<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bytes<'py>> {
        let lines = py.detach(|| json::write_lines(&self.inner.drain_records(most)))?;
        Ok(PyBytes::new(py, &lines))
    }

    /// The state, in JSON.
    #[pyo3(signature = (*, now_ms))]
    fn status<'py>(&self, py: Python<'py>, now_ms: u64) -> PyResult<Bytes<'py>> {
        let status = py.detach(|| json::write(&self.inner.status(now_ms)))?;
        Ok(PyBytes::new(py, &status))
    }

    /// The counters, in JSON.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bytes<'py>> {
        let counts = self.inner.counts();
        let counters = Counters {
            decided: counts.decided.into_iter().collect(),
            reported: counts.reported.into_iter().collect(),
            anonymous: counts.anonymous,
            pending: counts.pending,
        };
        Ok(PyBytes::new(py, &json::write(&counters)?))
    }
}

#[derive(Serialize)]
struct Counters {
    decided: BTreeMap<&'static str, u64>,
    reported: BTreeMap<&'static str, u64>,
    anonymous: u64,
    pending: u64,
}

#[derive(Serialize)]
struct ReasonLine {
    code: &'static str,
    blame: &'static str,
    status: u16,
    oauth: Option<&'static str>,
    softens: bool,
    meaning: &'static str,
    remedy: &'static str,
}

/// The table of reasons, in JSON.
#[pyfunction]
pub(crate) fn reasons(py: Python<'_>) -> PyResult<Bytes<'_>> {
    let lines: Vec<ReasonLine> = Reason::ALL
        .iter()
        .map(|reason| {
            let entry = reason.entry();
            ReasonLine {
                code: entry.code,
                blame: entry.blame.word(),
                status: entry.status,
                oauth: entry.oauth.map(accredit_core::reason::OAuthError::code),
                softens: entry.softens,
                meaning: entry.meaning,
                remedy: entry.remedy,
            }
        })
        .collect();
    Ok(PyBytes::new(py, &json::write(&lines)?))
}

/// What a key set holds, in JSON; raises `KeySetError`.
#[pyfunction]
pub(crate) fn inspect_keys(py: Python<'_>, jwks: PyBackedBytes) -> PyResult<Bytes<'_>> {
    let keys = py
        .detach(|| KeySet::parse(&jwks))
        .map_err(|error| errors::KeySetError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &json::write(&KeyReport::new(&keys))?))
}

/// Descriptor sets of all that a listener serves, serialised.
#[pyfunction]
pub(crate) fn descriptor_sets(py: Python<'_>) -> Vec<Bytes<'_>> {
    accredit_listen::reflection::descriptor_sets()
        .into_iter()
        .map(|set| PyBytes::new(py, set))
        .collect()
}

/// How far a compact JWS comes with a key set: a reason code, `ok` where the signature holds.
///
/// No decision: nothing is said about issuer, claims or resource. Raises `KeySetError`.
#[pyfunction]
pub(crate) fn verify_jws(
    py: Python<'_>,
    token: PyBackedBytes,
    jwks: PyBackedBytes,
) -> PyResult<&'static str> {
    py.detach(|| {
        let keys = KeySet::parse(&jwks)?;
        Ok(signature_of(&token, &keys).map_or_else(Reason::code, |()| Reason::Ok.code()))
    })
    .map_err(|error: KeySetError| errors::KeySetError::new_err(error.to_string()))
}

fn signature_of(token: &[u8], keys: &KeySet) -> Result<(), Reason> {
    let jws = CompactJws::parse(token, &JwsLimits::default()).map_err(|error| error.reason())?;
    let algorithm = jws.header().algorithm;
    let key = match jws.header().kid.as_deref() {
        Some(kid) => keys.find(kid).ok_or(Reason::KeyUnknown)?,
        None => keys.the_only_one_for(algorithm).map_err(|none| match none {
            NotOne::None => Reason::KeyUnknown,
            NotOne::Several => Reason::KeyAmbiguous,
        })?,
    };
    if !key.fits(algorithm) {
        return Err(Reason::KeyMismatch);
    }
    key.verify(algorithm, jws.signing_input(), jws.signature())
        .map(|_verified| ())
        .map_err(|_invalid| Reason::SignatureInvalid)
}
