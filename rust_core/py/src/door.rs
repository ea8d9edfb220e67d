//! The fast door, for Python.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use accredit_listen::needs::NeedCounts;
use accredit_listen::{Door, DoorCounts, DoorSettings, EngineHandler, Needs};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use serde::Serialize;

use crate::engine::Engine;
use crate::{errors, json};

/// Serves ext_authz, health and reflection on threads that never take the interpreter's lock.
#[pyclass(frozen, module = "accredit._core")]
pub(crate) struct FastDoor {
    door: Door<EngineHandler>,
    needs: Arc<Needs>,
}

#[derive(Serialize)]
struct Counters {
    #[serde(flatten)]
    door: DoorCounts,
    #[serde(flatten)]
    needs: NeedCounts,
}

#[pymethods]
impl FastDoor {
    /// Makes a door that is not open yet, from the JSON of its settings.
    #[new]
    fn new(engine: PyRef<'_, Engine>, settings: PyBackedBytes) -> PyResult<Self> {
        let settings: DoorSettings = json::read("the door's settings", &settings)?;
        let needs = Arc::new(Needs::new().map_err(errors::door)?);
        let wait = Duration::from_millis(settings.need_wait_ms);
        let handler = EngineHandler::new(Arc::clone(&engine.inner), Arc::clone(&needs), wait);
        let door = Door::new(Arc::new(handler), settings).map_err(errors::door)?;
        Ok(Self { door, needs })
    }

    /// Binds and accepts; returns the bound addresses.
    fn start(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| self.door.start()).map_err(errors::door)
    }

    /// The descriptor that is readable while issuers wait to be taken.
    fn needs_fd(&self) -> RawFd {
        self.needs.descriptor().as_raw_fd()
    }

    /// Takes the issuers whose keys are asked for, and resets the descriptor.
    fn take_needs(&self) -> Vec<String> {
        self.needs.take().iter().map(ToString::to_string).collect()
    }

    /// Wakes every check that waits for this issuer.
    fn resolve(&self, py: Python<'_>, issuer: &str) {
        py.detach(|| self.needs.resolve(issuer));
    }

    /// Says `SERVING` or `NOT_SERVING` to health checks.
    fn set_ready(&self, py: Python<'_>, ready: bool) -> PyResult<()> {
        py.detach(|| self.door.set_ready(ready)).map_err(errors::door)
    }

    /// Closes the door; returns whether every call was answered in time.
    fn drain(&self, py: Python<'_>, timeout_s: f64) -> PyResult<bool> {
        let limit = Duration::try_from_secs_f64(timeout_s).map_err(errors::argument)?;
        py.detach(|| self.door.drain(limit)).map_err(errors::door)
    }

    /// The counters, in JSON.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let counters = Counters { door: self.door.counts(), needs: self.needs.counts() };
        Ok(PyBytes::new(py, &json::write(&counters)?))
    }
}
