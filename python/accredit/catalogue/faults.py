"""Puts what validation finds into words for the person who wrote the catalogue."""

import difflib
import re
import typing
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from accredit.catalogue.durations import format_duration_s
from accredit.catalogue.yaml import Document, Path
from accredit.errors import Fault

# Names that later steps will give a meaning. To ignore one would be to skip a check that the
# operator asked for.
RESERVED: Final = {
    "binding": "proof of possession (step 11: DPoP, mutual TLS) is not built yet",
    "introspection": "introspection (step 12) is not built yet",
    "log_required": "a decision log that decisions can depend on is not built yet",
    "replay": "replay protection (step 11: DPoP proofs) is not built yet",
    "status": "token status lists (step 12) are not built yet",
    "tenant": "the check of the tenant (step 9) is not built yet",
}
_SHOWN_MAX_CHARACTERS: Final = 128
# What stands before the last `@` of a URL's host: a fault goes to logs and to `/healthz`.
_USER_OF_URL: Final = re.compile(r"//[^/?#]*@")
_NO_LIST: Final = ("is not a list", "write - before each element, or [brackets]")
_NO_MAPPING: Final = ("is not a mapping", "write names and values, name: value")
# From pydantic's kinds of errors to ours: what is wrong, and what to do.
_WORDS: Final = {
    "bool_type": ("is not a boolean", "use true or false"),
    "dict_type": _NO_MAPPING,
    "greater_than_equal": ("is too small", "use at least {ge}"),
    "int_type": ("is not a whole number", "write digits without quotes"),
    "less_than_equal": ("is too large", "use at most {le}"),
    "list_type": _NO_LIST,
    "literal_error": ("is not one of the choices", "use {expected}"),
    "mapping_type": _NO_MAPPING,
    "missing": ("is missing", "write it"),
    "model_type": _NO_MAPPING,
    "path_type": ("is not text", "put it in quotes"),
    "string_too_long": ("is too long", "use at most {max_length} characters"),
    "string_too_short": ("is empty", "write something"),
    "string_type": ("is not text", "put it in quotes"),
    "too_long": ("is too long", "use at most {max_length}"),
    "too_short": ("is empty", "give at least one"),
    "tuple_type": _NO_LIST,
}


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, at: Path
) -> list[Fault]:
    """Returns a fault for each finding about the value at `at` of a document."""
    details = error.errors(include_url=False)
    faults = []
    for detail in details:
        place = tuple(part for part in detail["loc"] if part != "[key]")
        if _follows_from_another(detail, details):
            continue
        message, remedy = _say(detail, place, model)
        faults.append(document.fault((*at, *place), message, remedy))
    return faults


def _follows_from_another(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list counts as too short only since its elements are refused."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in details
    )


def _say(detail: ErrorDetails, place: Path, model: type[BaseModel]) -> tuple[str, str]:
    """Returns what is wrong and what to do."""
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    shown = _shown(detail["input"], place)
    name = str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        if name in RESERVED:
            return f"`{name}` is reserved: {RESERVED[name]}", "remove it"
        close = difflib.get_close_matches(name, _names_at(model, place[:-1]), n=1)
        return "unknown name", f"did you mean `{close[0]}`?" if close else "remove it"
    if kind == "value_error":
        message, _, remedy = str(context["error"]).partition("; ")
        return f"{shown}{message}", remedy
    if kind == "less_than_equal" and name == "max_lifetime":
        context = {"le": format_duration_s(int(context["le"]))}
    if kind in _WORDS:
        message, remedy = _WORDS[kind]
        return f"{shown}{message}", remedy.format(**context)
    text = detail["msg"]
    return f"{shown}{text[:1].lower()}{text[1:]}", "see docs/catalogue.md"


def _shown(value: object, place: Path) -> str:
    """Quotes a scalar that is short enough to help; never one out of a key set, nor a password."""
    if "inline" in place or not isinstance(value, str | int | float):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = _USER_OF_URL.sub("//…@", text)
    return f"`{text}` " if len(text) <= _SHOWN_MAX_CHARACTERS and text.isprintable() else ""


def _names_at(model: type[BaseModel], place: Path) -> list[str]:
    """Returns the names that the mapping at a place of a model can have."""
    models = [model]
    for part in place:
        if isinstance(part, int):
            continue
        models = [
            inner
            for outer in models
            for name, field in outer.model_fields.items()
            if (field.alias or name) == part
            for inner in _models_in(field.annotation)
        ]
    return [field.alias or name for found in models for name, field in found.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
