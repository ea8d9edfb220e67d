"""What the keeper's tests share: a clock that stands still, and a sink that writes down."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from accredit.dev.keys import SigningKey
from accredit.errors import KeySetError
from accredit.trust.clock import Clock
from accredit.trust.freshness import Bounds
from accredit.trust.keys import KeyKeeper, KeyPolicy
from accredit.trust.network import Reach
from accredit.trust.sources import IssuerSource, JwksUri, KeySource
from tests.unit.trust.harness import (
    LIMITS,
    OPEN,
    Answer,
    Authority,
    Names,
    Seen,
    Write,
    client,
    fixed,
)

ISSUER = "https://issuer.test"
NOW_S = 1_800_000_000
POLICY = KeyPolicy(refresh=Bounds(60, 3600), hold_s=30, max_age_s=86_400, file_poll_s=2)


class ManualClock(Clock):
    """Time that passes when a test says so."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.start_s = now_s
        self.elapsed_s = 0.0

    def now_s(self) -> float:
        return self.start_s + self.elapsed_s

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        until_s = None if seconds is None else self.elapsed_s + seconds
        while not event.is_set() and (until_s is None or self.elapsed_s < until_s):
            await asyncio.sleep(0.001)


@dataclass(frozen=True)
class Taken:
    """A set that reached the sink."""

    issuer: str
    kids: list[str]
    requested_at_ms: int
    usable_until_s: int


@dataclass
class Book:
    """A sink that writes down what it is told, and refuses what a test says."""

    refuse: Callable[[bytes], bool] = lambda jwks: b'"d"' in jwks
    taken: list[Taken] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def set_keys(
        self,
        issuer: str,
        jwks: bytes,
        *,
        requested_at_ms: int,
        usable_until_s: int,
    ) -> bytes:
        if self.refuse(jwks):
            raise KeySetError("key `a` holds private material")
        kids = [str(key["kid"]) for key in json.loads(jwks)["keys"]]
        self.taken.append(Taken(issuer, kids, requested_at_ms, usable_until_s))
        self.told.append(("set", issuer))
        return json.dumps({"keys": [{"kid": kid} for kid in kids], "skipped": []}).encode()

    def refresh_failed(self, issuer: str) -> None:
        self.told.append(("failed", issuer))
        if self.broken:
            raise RuntimeError("the sink is broken")

    def resolve(self, issuer: str) -> None:
        self.told.append(("resolve", issuer))

    def count(self, what: str, issuer: str = ISSUER) -> int:
        return self.told.count((what, issuer))


KEY = SigningKey.generate("ES256", kid="a")


def jwks(*kids: str) -> bytes:
    return json.dumps({"keys": [{**KEY.public_jwk(), "kid": kid} for kid in kids]}).encode()


def keys_answer(*kids: str, max_age_s: int = 600) -> Answer:
    return fixed(
        jwks(*kids),
        f"cache-control: max-age={max_age_s}",
        kind="application/jwk-set+json",
    )


class Gate:
    """An answer that waits until the test opens it."""

    def __init__(self, answer: Answer) -> None:
        self.open = asyncio.Event()
        self._answer = answer

    async def __call__(self, seen: Seen, write: Write) -> None:
        await self.open.wait()
        await self._answer(seen, write)


def source(keys: KeySource | str, issuer: str = ISSUER, reach: Reach = OPEN) -> IssuerSource:
    return IssuerSource(issuer, JwksUri(keys) if isinstance(keys, str) else keys, reach)


def keeper(
    authority: Authority | None,
    book: Book,
    clock: Clock,
    *,
    folder: Path | None = None,
    policy: KeyPolicy = POLICY,
    names: Names | None = None,
) -> KeyKeeper:
    guarded = client(authority, names or Names(issuer_test=[["127.0.0.1"]]), limits=LIMITS)
    return KeyKeeper(guarded, book, policy, folder=folder, clock=clock)


async def rest() -> None:
    """Lets everything that could run now run."""
    for _ in range(20):
        await asyncio.sleep(0.002)
