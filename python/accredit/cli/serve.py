"""`accredit serve`: the server."""

from pathlib import Path
from typing import Annotated

import typer

from accredit.cli.options import CatalogueDir, Json, SettingsFile, load_settings

__all__ = ["serve"]


def serve(
    *,
    catalogue: CatalogueDir = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            help="Where gateways ask: IP:PORT or unix:PATH, over `listen.check`.",
        ),
    ] = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Serve gateways and services until SIGTERM or Ctrl-C.

    Logs go to stderr; with --json as JSON lines on a terminal too. SIGHUP reads the catalogue anew.
    """
    run(settings, catalogue, listen, log_format="json" if as_json else None)


def run(
    settings: Path | None, catalogue: Path | None, listen: str | None, *, log_format: str | None
) -> None:
    """Loads the settings and serves.

    Raises:
        SettingsError: The settings cannot be used.
        CatalogueError: The catalogue does not load.
        StateError: The state folder cannot be used.
        DoorError: A listener cannot be opened.
    """
    from accredit.serve import run as serve_until_stopped

    loaded = load_settings(settings, catalogue, listen__check=listen, log__format=log_format)
    serve_until_stopped(loaded)
