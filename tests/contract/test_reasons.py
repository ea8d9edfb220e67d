"""A reason cannot be added in one place only: table, document, command and tests hold together."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from accredit.cli.reasons import markdown
from accredit.engine import reasons
from tests.conftest import ROOT

CODES = [entry["code"] for entry in reasons()]
DOCUMENT = ROOT / "docs/reasons.md"


def test_the_document_is_the_table() -> None:
    assert DOCUMENT.read_text() == markdown(reasons()), "run `make generated`"


def test_every_reason_says_what_happened_and_what_to_do() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == CODES
    for row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 7
        assert all(cells), row


def test_our_own_trouble_never_makes_a_client_drop_its_token() -> None:
    for entry in reasons():
        if entry["status"] == 503:
            assert entry["oauth"] is None, entry["code"]
            assert entry["blame"] == "us", entry["code"]


@pytest.fixture(scope="module")
def tested() -> set[str]:
    """Every code that a test names: as text, or as the variant of the enum in Rust."""
    text = "\n".join(_sources())
    found = set()
    for code in CODES:
        variant = "".join(part.capitalize() for part in code.split("_"))
        if re.search(rf"""["'`]{code}["'`]|\bReason::{variant}\b""", text):
            found.add(code)
    return found


def _sources() -> Iterator[str]:
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__) and "node_modules" not in path.parts:
            yield path.read_text()
    for path in (ROOT / "rust_core").rglob("*.rs"):
        parts = path.relative_to(ROOT / "rust_core").parts
        if "target" in parts or "fuzz" in parts:
            continue
        text = path.read_text()
        if "tests" in parts or path.stem == "tests":
            yield text
        elif "mod tests {" in text:
            yield text.partition("mod tests {")[2]


@pytest.mark.parametrize("code", CODES)
def test_every_reason_is_reached_by_a_test(tested: set[str], code: str) -> None:
    assert code in tested
