"""docs/cli.md is what the commands say of themselves."""

from accredit.cli.exits import EXITS
from accredit.cli.reference import reference
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs/cli.md"


def test_the_document_is_generated_from_the_commands() -> None:
    assert DOCUMENT.read_text() == reference(), "run `make generated`"


def test_it_states_every_exit_code() -> None:
    text = DOCUMENT.read_text()
    for code, meaning in EXITS.items():
        assert f"| {int(code)} | {meaning} |" in text
