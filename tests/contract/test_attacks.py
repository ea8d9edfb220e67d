"""Every attack that docs/attacks.md calls tested has a test that carries its number."""

import re

from tests.conftest import ROOT

ROW = re.compile(r"^\| (\d+) \| (yes|later) \|", re.MULTILINE)
# Of Python a marker, of Rust a comment.
PYTHON = re.compile(r"mark\.attack\((\d+)\)")
RUST = re.compile(r"[Aa]ttacks? ((?:\d+(?:, | and | to )?)+)")


def declared() -> dict[int, str]:
    rows = {int(n): state for n, state in ROW.findall((ROOT / "docs/attacks.md").read_text())}
    assert list(rows) == list(range(1, 29))
    return rows


def tried() -> set[int]:
    found: set[int] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        found |= {int(number) for number in PYTHON.findall(file.read_text())}
    for folder in ("core", "listen"):
        for file in (ROOT / "rust_core" / folder).rglob("*.rs"):
            for numbers in RUST.findall(file.read_text()):
                found |= {int(number) for number in re.findall(r"\d+", numbers)}
    return found


def test_every_attack_that_is_said_to_be_tested_is_tested() -> None:
    wanted = {number for number, state in declared().items() if state == "yes"}
    assert wanted - tried() == set()


def test_no_test_tries_an_attack_that_nobody_knows() -> None:
    assert tried() <= set(declared())
