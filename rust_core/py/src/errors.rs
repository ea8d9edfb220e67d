//! Exceptions are declared in Python, where their tree is documented.

use pyo3::PyErr;
use pyo3::import_exception;

import_exception!(accredit.errors, CatalogueError);
import_exception!(accredit.errors, DoorError);
import_exception!(accredit.errors, EngineError);
import_exception!(accredit.errors, KeySetError);

/// The exception for a fault of a listener.
pub(crate) fn door(error: impl std::fmt::Display) -> PyErr {
    DoorError::new_err(error.to_string())
}

/// The exception for an argument that our own code got wrong.
pub(crate) fn argument(error: impl std::fmt::Display) -> PyErr {
    EngineError::new_err(error.to_string())
}
