//! JSON at the boundary.

use pyo3::PyResult;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors;

/// Reads settings; `what` names them in the error.
pub(crate) fn read<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> PyResult<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| errors::argument(format_args!("{what} cannot be read: {error}")))
}

/// Writes a report.
pub(crate) fn write(value: &impl Serialize) -> PyResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(errors::argument)
}

/// Writes one line for each value.
pub(crate) fn write_lines<T: Serialize>(values: &[T]) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    for value in values {
        serde_json::to_writer(&mut out, value).map_err(errors::argument)?;
        out.push(b'\n');
    }
    Ok(out)
}
