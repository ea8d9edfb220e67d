"""The keys of one issuer: a task that loads, hands over, waits, and begins again."""

import asyncio
import json
import random
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog

from accredit.errors import KeySetError, StateError
from accredit.trust.clock import Clock
from accredit.trust.failure import CodedFetchError
from accredit.trust.freshness import Bounds
from accredit.trust.http import GuardedClient
from accredit.trust.loader import Loader
from accredit.trust.sources import File, Inline, IssuerSource
from accredit.trust.state import IssuerState
from accredit.trust.store import KeyStore, StoredKeys

__all__ = ["FOREVER_S", "IssuerKeys", "KeyPolicy", "KeySink", "Surroundings", "end_refresh"]

FOREVER_S: Final = 253_402_300_799
"""The last second of the year 9999: until then keys that stand in the catalogue are usable."""

_log = structlog.stdlib.get_logger(__name__)


class KeySink(Protocol):
    """Takes what the keeper finds out; the engine and the doors stand behind it."""

    def set_keys(
        self, issuer: str, jwks: bytes, *, requested_at_ms: int, usable_until_s: int
    ) -> bytes:
        """Makes `jwks` the set of `issuer`.

        Args:
            issuer: As it stands in the catalogue.
            jwks: The bytes of a JWK set (RFC 7517, section 5).
            requested_at_ms: Milliseconds since the epoch when the fetch began.
            usable_until_s: Seconds since the epoch after which the set is too old.

        Returns:
            A JSON report: `{"keys": [...], "skipped": [...]}`.

        Raises:
            KeySetError: The set is refused; the old one stays.
        """

    def refresh_failed(self, issuer: str) -> None:
        """Ends a refresh that brought no new set."""

    def resolve(self, issuer: str) -> None:
        """Wakes the checks that wait for the keys of `issuer`."""


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """How often, how long, how large.

    Attributes:
        refresh: Bounds of the time between two fetches, in seconds.
        hold_s: At most one fetch an issuer is made for needs in this time.
        max_age_s: A set is usable for this long, counted from its fetch, over a restart too.
        max_bytes: The cap on a key set.
        file_poll_s: How often a key file is looked at.
    """

    refresh: Bounds = field(default_factory=lambda: Bounds(60, 3600))
    hold_s: float = 30.0
    max_age_s: int = 86_400
    max_bytes: int = 262_144
    file_poll_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the issuers of one keeper share."""

    client: GuardedClient
    sink: KeySink
    policy: KeyPolicy
    store: KeyStore | None
    clock: Clock
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


def end_refresh(sink: KeySink, issuer: str, *, succeeded: bool) -> None:
    """Tells the core that a refresh has ended, and wakes what waits for it, come what may."""
    steps = (sink.resolve,) if succeeded else (sink.refresh_failed, sink.resolve)
    for step in steps:
        try:
            step(issuer)
        except Exception as error:  # noqa: BLE001 - the next step and the task must go on
            _log.error("sink_failed", issuer=issuer, error=type(error).__name__)


class IssuerKeys:
    """The task of one issuer.

    Args:
        source: The issuer and where its keys come from.
        surroundings: What all issuers share.
        before: The state under an older source, whose set the core still holds.
    """

    def __init__(
        self, source: IssuerSource, surroundings: Surroundings, *, before: IssuerState | None
    ) -> None:
        self.source = source
        self.tried = asyncio.Event()
        self._around = surroundings
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        # The first attempt is under way from the start: a need that comes before it waits for it.
        self._busy = True
        self._closed = False
        self._hold_until_s = float("-inf")
        self._not_before_s = float("-inf")
        self._next_at_s: float | None = None
        self._loader = Loader(
            source,
            client=surroundings.client,
            clock=surroundings.clock,
            refresh=surroundings.policy.refresh,
            max_bytes=surroundings.policy.max_bytes,
        )
        kept = before or IssuerState(source.issuer, source.kind)
        self._state = replace(
            kept, source=source.kind, tried=False, fetching=False, next_refresh_s=None
        )

    def start(self) -> None:
        """Begins; does nothing where it has begun."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name=f"keys of {self.source.issuer}")

    async def aclose(self) -> None:
        """Cancels the task and waits for its end; waiters are told."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.tried.set()
        self._give_up()

    def demand(self) -> None:
        """Takes a need: joins the attempt under way, begins one, or says that none is made."""
        if self._busy and not self._closed:
            return
        now_s = self._around.clock.monotonic_s()
        if (
            self._closed
            or isinstance(self.source.keys, Inline)
            or self._hold_until_s - now_s > _SLACK_S
        ):
            end_refresh(self._around.sink, self.source.issuer, succeeded=False)
            return
        self._busy = True
        self._not_before_s = max(now_s, self._hold_until_s)
        self._hold_until_s = self._not_before_s + self._around.policy.hold_s
        self._wake.set()

    def state(self) -> IssuerState:
        """Returns the state of this moment."""
        clock = self._around.clock
        planned_s = self._next_at_s
        return replace(
            self._state,
            tried=self.tried.is_set(),
            fetching=self._busy,
            next_refresh_s=None
            if planned_s is None
            else int(clock.now_s() + planned_s - clock.monotonic_s()),
        )

    async def _run(self) -> None:
        try:
            await self._restore()
            while True:
                delay_s = await self._refresh()
                self.tried.set()
                await self._rest(delay_s)
        finally:
            self._give_up()

    def _give_up(self) -> None:
        """Ends an attempt that was cancelled, or awaited and never begun."""
        if self._busy:
            self._busy = False
            end_refresh(self._around.sink, self.source.issuer, succeeded=False)

    async def _rest(self, delay_s: float | None) -> None:
        """Waits for the next attempt: its time, a need, or a changed file."""
        clock = self._around.clock
        self._next_at_s = None if delay_s is None else clock.monotonic_s() + delay_s
        while True:
            left_s = None if self._next_at_s is None else self._next_at_s - clock.monotonic_s()
            if self._wake.is_set() or (left_s is not None and left_s <= 0):
                break
            if isinstance(self.source.keys, File):
                poll_s = self._around.policy.file_poll_s
                left_s = poll_s if left_s is None else min(poll_s, left_s)
            await clock.wait(self._wake, left_s)
            if await self._loader.changed():
                break
        self._next_at_s = None
        self._busy = True
        early_s = self._not_before_s - clock.monotonic_s()
        if early_s > 0:
            await clock.wait(asyncio.Event(), early_s)
        self._wake.clear()

    async def _refresh(self) -> float | None:
        """Makes one attempt; returns in how many seconds the next one is due, None for never."""
        clock, sink, policy = self._around.clock, self._around.sink, self._around.policy
        issuer = self.source.issuer
        requested_at_ms = int(clock.now_s() * 1000)
        succeeded = False
        try:
            loaded = await self._loader.load()
            fetched_at_s = int(clock.now_s())
            fixed = isinstance(self.source.keys, Inline)
            until_s = FOREVER_S if fixed else fetched_at_s + policy.max_age_s
            report = sink.set_keys(
                issuer, loaded.jwks, requested_at_ms=requested_at_ms, usable_until_s=until_s
            )
            self._succeeded(report, fetched_at_s, until_s)
            succeeded = True
        except CodedFetchError as error:
            return self._failed(error.code.value, f"{error.url}: {error.reason}")
        except KeySetError as error:
            return self._failed("key_set_refused", error.reason)
        except StateError as error:
            return self._failed("file_unreadable", str(error))
        except Exception as error:  # noqa: BLE001 - one issuer's trouble must not end its task
            # Not its text: it may quote what arrived.
            return self._failed("internal", type(error).__name__)
        finally:
            self._busy = False
            end_refresh(sink, issuer, succeeded=succeeded)
        if self.source.remote:
            await self._keep(
                StoredKeys(issuer, self.source.digest(), loaded.jwks, requested_at_ms, fetched_at_s)
            )
        return loaded.refresh_after_s

    def _succeeded(self, report: bytes, fetched_at_s: int, until_s: int) -> None:
        keys, skipped = _counts(report)
        self._state = replace(
            self._state,
            keys=keys,
            skipped=skipped,
            last_success_s=fetched_at_s,
            usable_until_s=until_s,
            last_error=None,
            last_error_detail=None,
            last_error_s=None,
            failures=0,
        )
        _log.info("keys_refreshed", issuer=self.source.issuer, keys=keys, skipped=skipped)

    def _failed(self, code: str, detail: str) -> float | None:
        """Notes a failed attempt; returns when to try again, sooner at first, then ever later."""
        # What was discovered may be why.
        self._loader.forget()
        failures = self._state.failures + 1
        self._state = replace(
            self._state,
            last_error=code,
            last_error_detail=detail,
            last_error_s=int(self._around.clock.now_s()),
            failures=failures,
        )
        _log.warning("keys_refresh_failed", issuer=self.source.issuer, code=code, detail=detail)
        if isinstance(self.source.keys, Inline):
            return None
        wait_s = min(self._around.policy.refresh.min_s, 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
        return wait_s * (1 + random.random()) / 2  # noqa: S311 - spreads load, protects nothing

    async def _restore(self) -> None:
        """Hands the last good set to the core, where it is from this source and not too old."""
        store = self._around.store
        if store is None or not self.source.remote:
            return
        issuer = self.source.issuer
        try:
            stored = await asyncio.to_thread(store.read, issuer)
            if stored is not None and stored.source == self.source.digest():
                self._adopt(stored)
        except (StateError, KeySetError) as error:
            _log.warning("stored_keys_ignored", issuer=issuer, detail=str(error))
        except Exception as error:  # noqa: BLE001 - the fetch that follows must be tried
            _log.error("stored_keys_ignored", issuer=issuer, error=type(error).__name__)

    def _adopt(self, stored: StoredKeys) -> None:
        clock, sink = self._around.clock, self._around.sink
        # A clock that was set back must not make a set younger than its file.
        fetched_at_s = min(stored.fetched_at_s, int(clock.now_s()))
        until_s = fetched_at_s + self._around.policy.max_age_s
        if until_s <= clock.now_s() or (self._state.usable_until_s or 0) >= until_s:
            return
        report = sink.set_keys(
            stored.issuer,
            stored.jwks,
            requested_at_ms=min(stored.requested_at_ms, fetched_at_s * 1000),
            usable_until_s=until_s,
        )
        self._succeeded(report, fetched_at_s, until_s)
        sink.resolve(stored.issuer)

    async def _keep(self, keys: StoredKeys) -> None:
        store = self._around.store
        if store is None:
            return
        try:
            async with self._around.writing:
                await asyncio.to_thread(store.write, keys)
        except StateError as error:
            # A full disk costs the next restart its head start, and no decision now.
            _log.warning("keys_not_stored", issuer=keys.issuer, detail=str(error))


def _counts(report: bytes) -> tuple[int, int]:
    document = json.loads(report)
    return len(document["keys"]), len(document["skipped"])


# The core paces needs by a clock of its own; its next need may come a little before our period.
_SLACK_S: Final = 1.0
_MAX_DOUBLINGS: Final = 16
