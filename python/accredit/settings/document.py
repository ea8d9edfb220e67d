"""Writes `docs/settings.md` from the models, so that what operators read is what is checked."""

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accredit.settings.model import Settings

_HEAD: Final = """\
# Settings

Written from `python/accredit/settings/model.py` by `python -m accredit.settings.document`; do not
edit it here.

A setting comes from, the later the stronger: its default, the settings file, a variable, a flag.

- The file is TOML: the one that `--settings` names, else the one that `ACCREDIT_SETTINGS` names,
  else `./accredit.toml` if it is there.
- The variable of `limits.token_bytes` is `ACCREDIT_LIMITS__TOKEN_BYTES`. Numbers, booleans and
  tables are written as in TOML, strings without quotes. Any other variable whose name begins with
  `ACCREDIT_` is an error, so that a misspelt one is noticed; `ACCREDIT_SETTINGS` and
  `ACCREDIT_VECTORS`, which the tests read, are not settings.
- Flags of `accredit serve`: `--listen` is `listen.check`, `--catalogue` is `catalogue.dir`.

Settings are read once, at the start. Everything that is wrong is reported at once, and the server
does not start: an unknown key, a wrong type, a number out of bounds. Bounds are inclusive. Names
end in their unit: `_s` seconds, `_ms` milliseconds, `_bytes` bytes. Relative paths are relative to
the working directory.

    [listen]
    check = "127.0.0.1:9191"

    [catalogue]
    dir = "/etc/accredit/catalogue"

    [limits]
    token_bytes = 8192
"""


def document() -> str:
    """Returns the whole of `docs/settings.md`."""
    return "\n".join([_HEAD, *_sections(Settings, ())])


def _sections(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        key = (*above, name)
        yield f"## `{'.'.join(key)}`\n\n{_one_line(section.__doc__)}\n"
        rows = [
            _row((*key, inner), one)
            for inner, one in section.model_fields.items()
            if not (isinstance(one.annotation, type) and issubclass(one.annotation, BaseModel))
        ]
        if rows:
            yield "| key | default | values | meaning |\n| --- | --- | --- | --- |"
            yield "\n".join(rows) + "\n"
        yield from _sections(section, key)


def _row(key: tuple[str, ...], field: FieldInfo) -> str:
    cells = (f"`{'.'.join(key)}`", _default(field), _values(field), _one_line(field.description))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None:
        return "number of processors"
    if value is None:
        return "none"
    if isinstance(value, Path):
        return f'`"{_dotted(value)}"`'
    # TOML writes booleans in lower case, and numbers and strings as JSON does.
    return f"`{json.dumps(value)}`"


def _dotted(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"


def _values(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    choices = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f'`"{choice}"`' for choice in choices)
    if annotation is bool:
        return "`true`, `false`"
    if annotation is int:
        bounds = {
            name: getattr(one, name)
            for one in field.metadata
            for name in ("ge", "le")
            if hasattr(one, name)
        }
        return f"{bounds['ge']} to {bounds['le']}"
    if any(isinstance(one, type) and issubclass(one, BaseModel) for one in choices):
        return "table"
    return "address" if annotation is str else "path"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 - this is what the command is for
