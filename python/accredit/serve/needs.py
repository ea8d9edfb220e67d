"""Brings keys to the checks that wait for them, in either door, and tells everyone of the end."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

import structlog

from accredit.engine import Engine, FastDoor

__all__ = ["NeedsBridge", "Sink", "Waiters"]

_log = structlog.stdlib.get_logger(__name__)


class Waiters:
    """Checks of the Python door that wait for an issuer's keys; lives on one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    async def wait(self, issuer: str, timeout_s: float) -> None:
        """Returns once the refresh of `issuer` has ended, at the latest after `timeout_s`."""
        if timeout_s <= 0:
            return
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting[issuer]
        waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=timeout_s)
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(issuer) is waiting:
                del self._waiting[issuer]

    def resolve(self, issuer: str) -> None:
        """Wakes every check that waits for `issuer`."""
        for future in self._waiting.pop(issuer, ()):
            if not future.done():
                future.set_result(None)

    def __len__(self) -> int:
        """Returns how many checks wait."""
        return sum(len(waiting) for waiting in self._waiting.values())


class Sink:
    """Takes what the keeper of keys finds out, for the engine and for both doors.

    Args:
        engine: Holds the keys.
        waiters: The checks of the Python door.
        door: The fast door, where there is one.
    """

    def __init__(self, engine: Engine, waiters: Waiters, door: FastDoor | None) -> None:
        self._engine = engine
        self._waiters = waiters
        self._door = door

    def set_keys(
        self, issuer: str, jwks: bytes, *, requested_at_ms: int, usable_until_s: int
    ) -> bytes:
        """Makes `jwks` the key set of `issuer`; as `Engine.set_keys`."""
        return self._engine.set_keys(
            issuer, jwks, requested_at_ms=requested_at_ms, usable_until_s=usable_until_s
        )

    def refresh_failed(self, issuer: str) -> None:
        """Ends a refresh that brought no new set."""
        self._engine.refresh_failed(issuer)

    def resolve(self, issuer: str) -> None:
        """Wakes the checks that wait for `issuer`, in both doors."""
        self._waiters.resolve(issuer)
        if self._door is not None:
            self._door.resolve(issuer)


class NeedsBridge:
    """Hands the needs of the fast door to whoever fetches, on the event loop.

    Args:
        door: Asks for keys.
        request: Takes an issuer; never waits.
    """

    def __init__(self, door: FastDoor, request: Callable[[str], None]) -> None:
        self._door: Final = door
        self._request: Final = request
        self._descriptor: int | None = None

    def start(self) -> None:
        """Watches the door's descriptor from now on; call it on the event loop."""
        self._descriptor = self._door.needs_fd()
        asyncio.get_running_loop().add_reader(self._descriptor, self._take)

    def stop(self) -> None:
        """Watches no longer; what still waits is denied when its time is up."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = None

    def _take(self) -> None:
        for issuer in self._door.take_needs():
            try:
                self._request(issuer)
            except Exception as error:  # noqa: BLE001 - the needs behind it must not be lost
                _log.error("need_failed", issuer=issuer, error=type(error).__name__)
