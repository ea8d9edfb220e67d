"""The JSON Schema of a catalogue document, for editors and for `docs/catalogue.schema.json`."""

import json
from typing import Any, Final

from accredit.catalogue.model import Document

SCHEMA_ID: Final = "urn:accredit:catalogue:1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Returns the schema (JSON Schema 2020-12).

    It holds for a document as YAML 1.2 reads it. What it cannot say (references between entries,
    ties, bounds between dates) is left to `accredit catalogue lint` and to loading.
    """
    made = _tidy(Document.model_json_schema(by_alias=True))
    return {"$schema": _DIALECT, "$id": SCHEMA_ID, **made, "title": "Accredit catalogue"}


def schema_text() -> str:
    """Returns the schema as the file that is published."""
    return json.dumps(schema(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _tidy(value: Any, *, names: bool = False) -> Any:
    """Drops the titles that pydantic makes of names, and joins descriptions into one line.

    Args:
        value: A part of the schema.
        names: Whether the members of this part are named by the operator's words, not the schema's.
    """
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    tidied = {}
    for name, inner in value.items():
        if name == "title" and not names:
            continue
        if name == "description" and isinstance(inner, str):
            tidied[name] = " ".join(inner.split())
        else:
            tidied[name] = _tidy(inner, names=name in {"properties", "$defs"})
    return tidied


if __name__ == "__main__":
    print(schema_text(), end="")  # noqa: T201 - this is what the command is for
