"""Every attack that docs/attacks.md calls tested has a test that carries its number."""

import re

from tests.conftest import ROOT

ROW = re.compile(r"^\| (\d+) \| (yes|later) \|", re.MULTILINE)
# The attacks that can be tried today; the others wait for the step that they aim at.
TODAY = {*range(1, 6), *range(9, 18), 19, 20, *range(22, 25), *range(26, 29)}
# Of Python a marker. Of Rust the name of a test, or a comment right above one: a comment elsewhere
# would still stand after its tests have gone.
PYTHON = re.compile(r"mark\.attack\((\d+)\)")
RUST_NAME = re.compile(r"#\[test\]\n\s*fn attack_(\d+)_")
RUST_COMMENT = re.compile(r"// Attacks? ([^:\n]*):(?:[^\n]*\n\s*//)*[^\n]*\n\s*#\[test\]")


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
            text = file.read_text()
            found |= {int(number) for number in RUST_NAME.findall(text)}
            for numbers in RUST_COMMENT.findall(text):
                found |= {int(number) for number in re.findall(r"\d+", numbers)}
    return found


def test_every_attack_that_is_said_to_be_tested_is_tested() -> None:
    assert {number for number, state in declared().items() if state == "yes"} == TODAY
    assert TODAY - tried() == set()


def test_no_test_tries_an_attack_that_nobody_knows() -> None:
    assert tried() <= set(declared())
