"""The catalogue in force: loaded at the start, read anew when its files change or at SIGHUP.

A catalogue is taken whole or not at all. One that does not load leaves the one before in force, and
`fault` says so until one loads.
"""

import asyncio
import time

import structlog

from accredit.catalogue import Catalogue, read, validate
from accredit.catalogue.model import Issuer
from accredit.engine import Engine
from accredit.errors import CatalogueError
from accredit.settings import Settings
from accredit.trust.configure import issuer_source
from accredit.trust.keys import KeyKeeper
from accredit.trust.sources import IssuerSource

__all__ = ["LiveCatalogue", "source_of"]

_log = structlog.stdlib.get_logger(__name__)


def source_of(issuer: Issuer, settings: Settings) -> IssuerSource:
    """Returns where the keys of an issuer of the catalogue come from."""
    keys = issuer.keys
    return issuer_source(
        issuer.issuer,
        jwks_uri=keys.jwks_uri,
        file=keys.file,
        inline=keys.inline,
        discovery=keys.discovery,
        openings=[(opening.host, opening.cidr) for opening in issuer.network],
        loopback_http=settings.insecure.loopback_http,
    )


class LiveCatalogue:
    """Follows a folder of YAML; lives on one event loop.

    Args:
        settings: `catalogue.dir`, `catalogue.reload_s` and `insecure.loopback_http` are read.
        engine: Takes each catalogue.
        keeper: Fetches the keys of its issuers.

    Attributes:
        fault: Why the last reload was refused; None while the files in force are those on disk.
        reloads: Catalogues taken, the first one included.
        refused: Catalogues refused.
        loaded_at_s: When the one in force was taken.
    """

    def __init__(self, settings: Settings, engine: Engine, keeper: KeyKeeper) -> None:
        self.fault: str | None = None
        self.reloads = 0
        self.refused = 0
        self.loaded_at_s = 0
        self._settings = settings
        self._engine = engine
        self._keeper = keeper
        self._fingerprint = ""
        self._current: Catalogue | None = None
        self._asked = asyncio.Event()

    @property
    def current(self) -> Catalogue | None:
        """The catalogue in force; None before the first."""
        return self._current

    async def load(self) -> None:
        """Takes what is on disk; does nothing where that was the last thing taken or refused.

        Raises:
            CatalogueError: It does not load; the one before stays.
        """
        sources = await asyncio.to_thread(read, self._settings.catalogue.dir)
        if sources.fingerprint == self._fingerprint:
            return
        self._fingerprint = sources.fingerprint
        loopback_http = self._settings.insecure.loopback_http
        catalogue = await asyncio.to_thread(validate, sources, loopback_http=loopback_http)
        digest = self._engine.load_catalogue(catalogue.compiled())
        self._current = catalogue
        self.fault = None
        self.reloads += 1
        self.loaded_at_s = int(time.time())
        _log.info(
            "catalogue_loaded",
            digest=digest,
            issuers=len(catalogue.issuers),
            resources=len(catalogue.resources),
        )
        await self._keeper.reconfigure(
            source_of(issuer, self._settings) for issuer in catalogue.issuers
        )

    def ask(self) -> None:
        """Asks for a look at the files now, as SIGHUP does, whether they changed or not."""
        self._fingerprint = ""
        self._asked.set()

    async def follow(self) -> None:
        """Looks at the files every `catalogue.reload_s`, until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._settings.catalogue.reload_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            try:
                await self.load()
            except CatalogueError as error:
                self._refuse(str(error), [str(fault) for fault in error.faults])
            except Exception as error:  # noqa: BLE001 - following goes on, whatever was on disk
                self._refuse(f"a defect of ours: {type(error).__name__}", [])

    def _refuse(self, fault: str, faults: list[str]) -> None:
        # A folder that stays unreadable is said once, not at every look.
        if fault != self.fault:
            self.refused += 1
            _log.error("catalogue_refused", faults=faults or [fault])
        self.fault = fault
