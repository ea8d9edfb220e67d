"""One version, stated by the Python package and by the Cargo workspace."""

import tomllib
from pathlib import Path

import accredit

ROOT = Path(__file__).resolve().parents[2]


def test_python_and_rust_state_one_version() -> None:
    cargo = tomllib.loads((ROOT / "rust_core" / "Cargo.toml").read_text())
    assert accredit.__version__ == cargo["workspace"]["package"]["version"]
