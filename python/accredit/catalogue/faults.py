"""Puts what validation finds into words for the person who wrote the catalogue."""

import difflib
import typing
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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
    context: dict[str, Any] = detail.get("ctx", {})
    shown = _shown(detail["input"], place)
    name = str(place[-1]) if place else ""
    match detail["type"]:
        case "extra_forbidden" if name in RESERVED:
            return f"`{name}` is reserved: {RESERVED[name]}", "remove it"
        case "extra_forbidden":
            close = difflib.get_close_matches(name, _names_at(model, place[:-1]), n=1)
            return "unknown name", f"did you mean `{close[0]}`?" if close else "remove it"
        case "missing":
            return "is missing", "write it"
        case "literal_error":
            return f"{shown}is not one of the choices", f"use {context.get('expected')}"
        case "string_type" | "path_type":
            return f"{shown}is not text", "put it in quotes"
        case "bool_type":
            return f"{shown}is not a boolean", "use true or false"
        case "int_type":
            return f"{shown}is not a whole number", ""
        case "tuple_type" | "list_type":
            return f"{shown}is not a list", "write - before each element, or [brackets]"
        case "model_type" | "dict_type" | "mapping_type":
            return f"{shown}is not a mapping", "write names and values, name: value"
        case "too_short" | "string_too_short":
            return "is empty", "give at least one"
        case "too_long" | "string_too_long":
            return "is too long", f"use at most {context.get('max_length')}"
        case "greater_than_equal":
            return f"{shown}is too small", f"use at least {context.get('ge')}"
        case "less_than_equal":
            return f"{shown}is too large", _at_most(name, context)
        case "value_error":
            message, _, remedy = str(context["error"]).partition("; ")
            return f"{shown}{message}", remedy
        case _:
            text = detail["msg"]
            return f"{shown}{text[:1].lower()}{text[1:]}", "see docs/catalogue.md"


def _at_most(name: str, context: dict[str, Any]) -> str:
    return "use at most 30d" if name == "max_lifetime" else f"use at most {context.get('le')}"


def _shown(value: object, place: Path) -> str:
    """Quotes a scalar that is short enough to help; never one out of a key set."""
    if "inline" in place or not isinstance(value, str | int | float):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
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
    return [
        field.alias or name for found in models for name, field in found.model_fields.items()
    ]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
