"""docs/settings.md is written from the models."""

from pathlib import Path

from accredit.settings.document import document
from accredit.settings.load import keys

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_settings_document_is_what_the_code_says() -> None:
    # Mended by: python -m accredit.settings.document > docs/settings.md
    assert (DOCS / "settings.md").read_text() == document()


def test_every_key_has_a_row_with_a_meaning() -> None:
    text = document()
    nested = ("selectors", "route_metadata")
    for key in {nested if key[:2] == nested else key for key in keys()}:
        rows = [line for line in text.splitlines() if line.startswith(f"| `{'.'.join(key)}` |")]
        assert len(rows) == 1, key
        assert all(cell.strip() for cell in rows[0].split("|")[1:-1]), key
