"""An engine for one command: the catalogue of the settings, and each issuer's keys fetched once."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from accredit import catalogue as catalogue_package
from accredit.catalogue import Catalogue
from accredit.catalogue.model import Issuer
from accredit.cli.logs import quiet
from accredit.cli.output import note
from accredit.engine import Engine
from accredit.errors import SettingsError
from accredit.serve.live_catalogue import source_of
from accredit.settings import Settings
from accredit.trust.configure import guarded_client, key_policy
from accredit.trust.keys import KeyKeeper
from accredit.trust.state import IssuerState

__all__ = ["Offline", "open_offline"]

_FOREVER_S: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Offline:
    """What a command decides with.

    Attributes:
        engine: Holds the catalogue and the keys.
        catalogue: As it was read.
        states: How the fetch of each issuer's keys went.
        reports: The core's report on each issuer's key set: `{"keys": […], "skipped": […]}`.
    """

    engine: Engine
    catalogue: Catalogue
    states: tuple[IssuerState, ...]
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)


def open_offline(settings: Settings, *, only: Collection[str] | None = None) -> Offline:
    """Reads the catalogue and gets the keys of its issuers, once, through the guarded client.

    Args:
        settings: Where the catalogue is, and what a fetch may cost.
        only: The issuers whose keys are wanted; None for all.

    Raises:
        CatalogueError: The catalogue does not load.
        SettingsError: `trust.ca_file` cannot be used.
    """
    quiet()
    read = catalogue_package.load(settings.catalogue.dir, settings)
    engine = Engine(settings.engine_json())
    engine.load_catalogue(read.compiled())
    sink = _Sink(engine)
    wanted = [issuer for issuer in read.issuers if only is None or issuer.issuer in only]
    states = asyncio.run(_fetch(settings, wanted, sink))
    return Offline(engine, read, states, sink.reports)


def warn_of_missing_keys(offline: Offline) -> None:
    """Says on stderr which issuers have no keys, since their tokens are denied for that alone."""
    for state in offline.states:
        if not state.keys:
            note(
                f"no keys of {state.issuer} ({state.last_error_detail or 'not fetched'});"
                " its tokens are denied `keys_unavailable`",
                style="yellow",
            )


async def _fetch(
    settings: Settings, issuers: list[Issuer], sink: "_Sink"
) -> tuple[IssuerState, ...]:
    try:
        client = guarded_client(settings.trust)
    except OSError:
        raise SettingsError(
            [f"trust.ca_file: {settings.trust.ca_file} holds no certificate; name a PEM file"]
        ) from None
    # No folder: a command neither reads nor leaves what a server keeps.
    keeper = KeyKeeper(client, sink, key_policy(settings.trust), folder=None)
    try:
        await keeper.reconfigure([source_of(issuer, settings) for issuer in issuers])
        await keeper.tried()
        return keeper.states()
    finally:
        await keeper.aclose()


class _Sink:
    """Hands key sets to the engine as the last word: there is no later fetch to wait for.

    So a `kid` that a set lacks is unknown, not about to come, and a fixed clock in another year
    does not make a set too old.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reports: dict[str, dict[str, Any]] = {}

    def set_keys(
        self,
        issuer: str,
        jwks: bytes,
        *,
        requested_at_ms: int,  # noqa: ARG002 - see the class
        usable_until_s: int,  # noqa: ARG002 - see the class
    ) -> bytes:
        report = self._engine.set_keys(
            issuer, jwks, requested_at_ms=_FOREVER_S * 1_000, usable_until_s=_FOREVER_S
        )
        self.reports[issuer] = json.loads(report)
        return report

    def refresh_failed(self, issuer: str) -> None:
        self._engine.refresh_failed(issuer)

    def resolve(self, issuer: str) -> None:
        """Nothing waits here."""
