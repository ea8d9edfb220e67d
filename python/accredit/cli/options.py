"""Options that several commands share, and how their values are read."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from accredit.errors import InputError

if TYPE_CHECKING:
    from accredit.settings import Settings

__all__ = [
    "CatalogueDir",
    "Json",
    "Now",
    "SettingsFile",
    "load_settings",
    "now_ms",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CatalogueDir = Annotated[
    Path | None,
    typer.Option(
        "--catalogue", metavar="DIR", help="Folder or file of the catalogue, over the settings."
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Settings file (TOML)."),
]
Now = Annotated[
    str | None,
    typer.Option(
        "--now",
        metavar="MOMENT",
        help="Fix the clock: seconds since the epoch, 2027-01-01 or 2027-01-01T12:00:00Z.",
    ),
]

_LATEST_S: Final = 253_402_300_799


def load_settings(
    settings_file: Path | None, catalogue: Path | None = None, **overrides: object
) -> "Settings":
    """Returns the settings in force for a command.

    Raises:
        SettingsError: With every fault.
    """
    from accredit import settings

    flags = {name.replace("__", "."): value for name, value in overrides.items()}
    return settings.load(settings_file, {"catalogue.dir": catalogue, **flags}, os.environ)


def now_ms(text: str | None) -> int:
    """Returns the moment that `--now` fixes, else this one, in milliseconds since the epoch.

    Raises:
        InputError: The text is no moment.
    """
    from accredit.catalogue.durations import parse_moment_s

    if text is None:
        return time.time_ns() // 1_000_000
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= len(str(_LATEST_S)) else _LATEST_S + 1
        if seconds > _LATEST_S:
            raise InputError("--now is after the year 9999; write seconds, not milliseconds")
        return seconds * 1_000
    try:
        return parse_moment_s(text) * 1_000
    except ValueError as error:
        raise InputError(f"--now {error}, or seconds since the epoch") from None
