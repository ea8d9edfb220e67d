"""Reads settings from a TOML file, variables and flags, and says everything that is wrong at once.

A later source wins, key by key: default, file, variable, flag.
"""

import difflib
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from accredit.errors import Fault, SettingsError
from accredit.settings.address import Address
from accredit.settings.model import Settings

_PREFIX: Final = "ACCREDIT_"
SETTINGS_VARIABLE: Final = "ACCREDIT_SETTINGS"
# Names under the prefix that are no settings: the file's own path, and where tests find vectors.
_NO_SETTINGS: Final = frozenset({SETTINGS_VARIABLE, "ACCREDIT_VECTORS"})
_DEFAULT_FILE: Final = Path("accredit.toml")
_FLAGS: Final = "command line"
_FILE_MAX_BYTES: Final = 1_048_576
_SHOWN_MAX_CHARACTERS: Final = 64

# A key as its parts: ("listen", "check", "address").
_Key = tuple[str, ...]


def load(
    settings_file: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str]
) -> Settings:
    """Returns the settings in force.

    Args:
        settings_file: The file that `--settings` names. Without it, the one that
            `ACCREDIT_SETTINGS` names; without that, `./accredit.toml` if it is there.
        overrides: What flags say, by dotted key, for example `{"listen.check": "127.0.0.1:0"}`.
            None stands for a flag that was not given.
        environ: The process's environment.

    Raises:
        SettingsError: With every fault, each naming its source, its key and a remedy.
    """
    merge = _Merge()
    file = settings_file
    if file is None and environ.get(SETTINGS_VARIABLE):
        file = Path(environ[SETTINGS_VARIABLE])
    if file is None and _DEFAULT_FILE.is_file():
        file = _DEFAULT_FILE
    if file is not None:
        merge.add_file(file)
    for name, text in sorted(environ.items()):
        if name.startswith(_PREFIX) and name not in _NO_SETTINGS:
            merge.add_variable(name, text)
    for dotted, value in overrides.items():
        if value is not None:
            plain = str(value) if isinstance(value, Path) else value
            merge.set(tuple(dotted.split(".")), plain, _FLAGS)
    return merge.settle()


class _Merge:
    """The sources, laid over each other, with where each key came from."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._origins: dict[_Key, str] = {}
        self._faults: list[Fault] = []

    def add_file(self, file: Path) -> None:
        try:
            data = file.read_bytes()
            if len(data) > _FILE_MAX_BYTES:
                self._fault(
                    str(file),
                    (),
                    f"the file has more than {_FILE_MAX_BYTES} bytes",
                    "settings are short; is this the right file?",
                )
                return
            document = tomllib.loads(data.decode())
        except OSError as error:
            self._fault(
                str(file),
                (),
                f"cannot be read: {error.strerror or 'unknown error'}",
                "name a readable TOML file with --settings or ACCREDIT_SETTINGS",
            )
        except UnicodeDecodeError:
            self._fault(str(file), (), "is not UTF-8", "save it as UTF-8")
        except tomllib.TOMLDecodeError as error:
            self._fault(
                str(file), (), f"is not TOML: {_lower_first(str(error))}", "mend the syntax there"
            )
        else:
            for key, value in _leaves(document):
                self.set(key, value, str(file))

    def add_variable(self, name: str, text: str) -> None:
        parts = tuple(part.lower() for part in name.removeprefix(_PREFIX).split("__"))
        if name != name.upper() or len(parts) < 2 or not _known(parts):  # noqa: PLR2004
            # Compared without the prefix, which would make any two names look alike.
            known = [known.removeprefix(_PREFIX) for known in _variable_names()]
            close = difflib.get_close_matches(name.upper().removeprefix(_PREFIX), known, n=1)
            unlike = "remove it, or see docs/settings.md"
            remedy = f"did you mean {_PREFIX}{close[0]}?" if close else unlike
            self._fault(
                name,
                (),
                "is no setting",
                f"variables are named ACCREDIT_<SECTION>__<KEY>; {remedy}",
            )
            return
        self.set(parts, _from_text(parts, text), name)

    def set(self, key: _Key, value: object, origin: str) -> None:
        if len(key) == 2 and key[0] == "listen" and isinstance(value, str):  # noqa: PLR2004
            key = (*key, "address")  # the shorthand
        if isinstance(value, dict) and _is_section(key):
            for inner, leaf in _leaves(value):
                self.set((*key, *inner), leaf, origin)
            return
        place = self._values
        for depth, part in enumerate(key[:-1]):
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                # An earlier source gave something that is no table; it is reported from there.
                self._fault(
                    origin,
                    key,
                    f"`{'.'.join(key[: depth + 1])}` is not a table elsewhere",
                    "make it one",
                )
                return
            place = inner
        place[key[-1]] = value
        self._origins[key] = origin

    def settle(self) -> Settings:
        settings = None
        try:
            settings = Settings.model_validate(self._values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._faults.append(self._explain(detail))
        self._refuse_insecure_in_the_open()
        if self._faults or settings is None:
            raise SettingsError(self._faults)
        return settings

    def _refuse_insecure_in_the_open(self) -> None:
        # Reported beside an address that is refused for its own reason, and meant to outlive it.
        insecure = self._values.get("insecure")
        text = self._get(("listen", "check", "address"))
        if not isinstance(insecure, dict) or not isinstance(text, str):
            return
        try:
            is_local = Address.parse(text).is_local
        except ValueError:
            return
        for name, value in insecure.items():
            if value is True and not is_local:
                self._fault(
                    self._origin(("insecure", name)),
                    ("insecure", name),
                    "cannot be used while `listen.check` is open to other hosts",
                    "remove it, or listen on 127.0.0.1, [::1] or unix:PATH",
                )

    def _get(self, key: _Key) -> object:
        place: object = self._values
        for part in key:
            place = place.get(part) if isinstance(place, dict) else None
        return place

    def _explain(self, detail: ErrorDetails) -> Fault:
        key = tuple(str(part) for part in detail["loc"])
        message, remedy = _say(detail, key)
        return Fault(message, file=self._origin(key), path=".".join(key), remedy=remedy)

    def _origin(self, key: _Key) -> str:
        """Returns where a key, the nearest one above it or one below it came from."""
        for end in range(len(key), 0, -1):
            if key[:end] in self._origins:
                return self._origins[key[:end]]
        below = [origin for known, origin in self._origins.items() if known[: len(key)] == key]
        return below[-1] if below else ""

    def _fault(self, origin: str, key: _Key, message: str, remedy: str) -> None:
        self._faults.append(Fault(message, file=origin, path=".".join(key), remedy=remedy))


_WORDS: Final = {
    "bool_parsing": ("is not a boolean", "use true or false, without quotes"),
    "bool_type": ("is not a boolean", "use true or false, without quotes"),
    "dict_type": ("is not a table", "write [{section}] and its keys"),
    "greater_than_equal": ("is out of bounds", "use a whole number {bounds}"),
    "int_from_float": ("is not a whole number", "use one {bounds}"),
    "int_parsing": ("is not a whole number", "use one {bounds}"),
    "int_type": ("is not a whole number", "use one {bounds}"),
    "less_than_equal": ("is out of bounds", "use a whole number {bounds}"),
    "literal_error": ("is not one of the choices", "use {expected}"),
    "missing": ("is missing", "give it a value"),
    "model_type": ("is not a table", "write [{section}] and its keys"),
    "path_type": ("is not a string", "put it in quotes"),
    "string_too_long": ("is too long", "use at most {max_length} characters"),
    "string_too_short": ("is empty", "write something"),
    "string_type": ("is not a string", "put it in quotes"),
}


def _say(detail: ErrorDetails, key: _Key) -> tuple[str, str]:
    """Puts one of pydantic's findings into our words: what is wrong, and what to do."""
    kind = detail["type"]
    shown = _shown(detail["input"])
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(key[-1], _names_at(key[:-1]), n=1)
        where = "remove it; docs/settings.md lists the keys"
        return "unknown key", f"did you mean `{close[0]}`?" if close else where
    if kind == "value_error":
        message, _, remedy = str(context["error"]).partition("; ")
        return f"{shown}{message}", remedy
    if kind in _WORDS:
        message, remedy = _WORDS[kind]
        facts = {**context, "bounds": _bounds(key), "section": ".".join(key)}
        return f"{shown}{message}", remedy.format(**facts)
    return f"{shown}{_lower_first(detail['msg'])}", "see docs/settings.md"


def _shown(value: object) -> str:
    """Quotes a scalar that is short enough to help."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}` "
    if isinstance(value, str | int | float):
        text = str(value)
        if len(text) <= _SHOWN_MAX_CHARACTERS and text.isprintable():
            return f"`{text}` "
    return ""


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _leaves(table: Mapping[str, Any], above: _Key = ()) -> Iterator[tuple[_Key, Any]]:
    """Walks nested tables down to what is no table, or to a table that no section stands for."""
    for name, value in table.items():
        key = (*above, name)
        if isinstance(value, dict) and _is_section(key):
            yield from _leaves(value, key)
        else:
            yield key, value


def _field_type(key: _Key) -> Any:
    """Returns the annotation of a key, or None where no model has it."""
    model: Any = Settings
    for part in key:
        sections = [
            choice
            for choice in (model, *typing.get_args(model))
            if isinstance(choice, type) and issubclass(choice, BaseModel)
        ]
        if not sections or part not in sections[0].model_fields:
            return None
        model = sections[0].model_fields[part].annotation
    return model


def _is_section(key: _Key) -> bool:
    annotation = _field_type(key)
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _known(key: _Key) -> bool:
    return _field_type(key) is not None


def _names_at(key: _Key) -> list[str]:
    annotation = _field_type(key) if key else Settings
    models = [annotation, *typing.get_args(annotation)]
    return [
        name
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    ]


def keys() -> Iterator[_Key]:
    """Yields every key that can be set, in the order of the models."""

    def walk(model: type[BaseModel], above: _Key) -> Iterator[_Key]:
        for name, field in model.model_fields.items():
            annotation = field.annotation
            choices = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
            inner = [
                choice
                for choice in choices
                if isinstance(choice, type) and issubclass(choice, BaseModel)
            ]
            if inner:
                yield from walk(inner[0], (*above, name))
            else:
                yield (*above, name)

    return walk(Settings, ())


def _is_union(annotation: object) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _variable_names() -> list[str]:
    return [_PREFIX + "__".join(key).upper() for key in keys()]


def _from_text(key: _Key, text: str) -> object:
    """Reads a variable as the type of its key: numbers, booleans and tables as TOML writes them."""
    annotation = _field_type(key)
    listener = len(key) == 2 and key[0] == "listen"  # noqa: PLR2004 - the shorthand is text
    if listener and not text.lstrip().startswith("{"):
        return text
    if annotation not in (int, bool) and not _names_at(key):
        return text
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if document.keys() == {"value"} else text


def _bounds(key: _Key) -> str:
    """Returns the inclusive bounds of a number in words."""
    model = _field_type(key[:-1]) if key[:-1] else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ""
    field = model.model_fields.get(key[-1])
    low = high = None
    for item in field.metadata if field else ():
        low = getattr(item, "ge", low)
        high = getattr(item, "le", high)
    return f"from {low} to {high}" if low is not None else ""
