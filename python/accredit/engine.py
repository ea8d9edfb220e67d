"""Snapshots in, decisions out: the typed face of the extension, and its only importer.

An `Engine` holds the catalogue and each issuer's keys, and decides. A `FastDoor` lets gateways ask
it over gRPC on threads that never touch Python. Both are safe to use from any thread.

Times are Unix time, in the unit that the name says. A denial is an answer, never an exception.
"""

import json
from typing import Any, TypedDict

from accredit import _core  # noqa: TID251 - this is the one place
from accredit._core import Pending  # noqa: TID251 - as above

__all__ = [
    "Engine",
    "FastDoor",
    "KeyReport",
    "Pending",
    "Reason",
    "descriptor_sets",
    "inspect_keys",
    "reasons",
    "verify_jws",
]


class Reason(TypedDict):
    """One row of the table of reasons.

    Attributes:
        code: The stable name.
        blame: Who has to act: nobody, token, client, issuer, gateway, operator or us.
        status: HTTP status of the answer; 200 for an allow.
        oauth: Error code of RFC 6750, section 3.1, that the challenge carries; None for none.
        softens: Whether `mode: report` may turn this denial into an allow.
        meaning: What happened.
        remedy: What to do.
    """

    code: str
    blame: str
    status: int
    oauth: str | None
    softens: bool
    meaning: str
    remedy: str


class KeyReport(TypedDict):
    """What a key set holds.

    Attributes:
        keys: `{"kid", "kind", "thumbprint"}` of each usable key; the thumbprint is RFC 7638's with
            SHA-256, base64url.
        skipped: `{"kid", "why"}` of each key that was passed over (RFC 7517, section 5).
    """

    keys: list[dict[str, Any]]
    skipped: list[dict[str, Any]]


def reasons() -> list[Reason]:
    """Returns every reason of a decision, in the order of the table."""
    table: list[Reason] = json.loads(_core.reasons())
    return table


def inspect_keys(jwks: bytes) -> KeyReport:
    """Returns what a JWK set (RFC 7517, section 5) holds.

    Raises:
        KeySetError: The set is refused as a whole.
    """
    report: KeyReport = json.loads(_core.inspect_keys(jwks))
    return report


def verify_jws(token: bytes, jwks: bytes) -> str:
    """Returns how far a compact JWS (RFC 7515, section 7.1) comes with a key set.

    This is no decision: nothing is said about issuer, claims, lifetime or resource.

    Returns:
        `ok` where the signature holds, else the code of the first reason that it does not.

    Raises:
        KeySetError: The set is refused as a whole.
    """
    return _core.verify_jws(token, jwks)


def descriptor_sets() -> list[bytes]:
    """Returns serialised `google.protobuf.FileDescriptorSet`s of all that a listener serves.

    They are ext_authz v3 with its imports, health, and reflection v1 and v1alpha. A file may stand
    in more than one set.
    """
    return _core.descriptor_sets()


class Engine:
    """Decides about tokens. Without a catalogue it denies everything, `catalogue_missing`.

    Args:
        settings: JSON, as `Settings.engine_json` writes it.

    Raises:
        EngineError: The settings cannot be read.
    """

    def __init__(self, settings: bytes) -> None:
        self._core = _core.Engine(settings)

    def load_catalogue(self, document: bytes) -> str:
        """Takes a compiled catalogue, as `Catalogue.compiled` writes it.

        Keys of issuers that stay are kept. On a fault the catalogue before stays in force.

        Returns:
            The catalogue's digest: SHA-256 of the document, hexadecimal.

        Raises:
            CatalogueError: The document does not compile; each fault names its place.
        """
        return self._core.load_catalogue(document)

    def set_keys(
        self, issuer: str, jwks: bytes, *, requested_at_ms: int, usable_until_s: int
    ) -> bytes:
        """Takes an issuer's key set and ends a refresh of it that is under way.

        Args:
            issuer: As it stands in the catalogue.
            jwks: A JWK set (RFC 7517, section 5), as it arrived.
            requested_at_ms: When the fetch began: a `kid` that was seen before then and is not in
                the set is unknown for good.
            usable_until_s: The second from which the set may no longer be used.

        Returns:
            A `KeyReport` in JSON.

        Raises:
            KeySetError: The set is refused, or the catalogue has no such issuer; the set before
                stays.
        """
        return self._core.set_keys(
            issuer, jwks, requested_at_ms=requested_at_ms, usable_until_s=usable_until_s
        )

    def drop_keys(self, issuer: str) -> None:
        """Takes an issuer's keys away."""
        self._core.drop_keys(issuer)

    def refresh_failed(self, issuer: str) -> None:
        """Ends a refresh that brought nothing."""
        self._core.refresh_failed(issuer)

    def check(self, request: bytes, *, now_ms: int, final: bool) -> bytes | Pending:
        """Judges a `envoy.service.auth.v3.CheckRequest`.

        Args:
            request: The bytes of the message, whatever they are: bad input is a denial.
            now_ms: The clock.
            final: Whether what is still missing is a denial.

        Returns:
            The bytes of a `CheckResponse`, or, unless final, a `Pending`: `issuer` says whose keys
            are missing, `start` that this check is the one that began their refresh.
        """
        return self._core.check(request, now_ms=now_ms, final=final)

    def refusal(self, reason: str, *, now_ms: int) -> bytes:
        """Returns the `CheckResponse` for a check that was not judged, such as `overloaded`.

        Raises:
            EngineError: No denial has this reason.
        """
        return self._core.refusal(reason, now_ms=now_ms)

    def query(self, line: bytes, *, now_ms: int, explain: bool = False) -> bytes:
        """Answers one question in check JSON; `explain` adds every step and the facts it used."""
        return self._core.query(line, now_ms=now_ms, explain=explain)

    def query_lines(self, lines: bytes, *, now_ms: int) -> bytes:
        """Answers lines of check JSON with as many lines, in the same order."""
        return self._core.query_lines(lines, now_ms=now_ms)

    def drain_records(self, most: int) -> bytes:
        """Takes the oldest decision records, at most `most`, as JSON lines.

        None of them holds a token. A record begins with `at_ms`, the milliseconds of the decision.
        """
        return self._core.drain_records(most)

    def status(self, *, now_ms: int) -> dict[str, Any]:
        """Returns the catalogue's digest and each issuer's keys."""
        status: dict[str, Any] = json.loads(self._core.status(now_ms=now_ms))
        return status

    def counters(self) -> dict[str, Any]:
        """Returns counts of decisions: `decided` and `reported` by reason, and totals."""
        counters: dict[str, Any] = json.loads(self._core.counters())
        return counters


class FastDoor:
    """Serves ext_authz `Authorization`, health and reflection over an engine.

    It has threads of its own and refuses to be used in a process that was forked after it was made.

    Args:
        engine: Decides.
        settings: JSON, as `Settings.door_json` writes it.

    Raises:
        DoorError: The address is not loopback or a setting is out of range.
        EngineError: The settings cannot be read.
    """

    def __init__(self, engine: Engine, settings: bytes) -> None:
        self._core = _core.FastDoor(engine._core, settings)  # noqa: SLF001 - the other half

    def start(self) -> list[str]:
        """Binds and accepts.

        Returns:
            The bound addresses, in the form of the setting and with the port that was picked.

        Raises:
            DoorError: The address cannot be bound, or the door was started before.
        """
        return self._core.start()

    def needs_fd(self) -> int:
        """Returns a descriptor that is readable while issuers wait to be taken; never read it."""
        return self._core.needs_fd()

    def take_needs(self) -> list[str]:
        """Takes the issuers whose keys are asked for, each once, and resets the descriptor."""
        return self._core.take_needs()

    def resolve(self, issuer: str) -> None:
        """Wakes the checks that wait for an issuer, once its refresh has ended."""
        self._core.resolve(issuer)

    def set_ready(self, ready: bool) -> None:
        """Answers health checks with SERVING or NOT_SERVING, which it is until the first call.

        Raises:
            DoorError: The process was forked.
        """
        self._core.set_ready(ready)

    def drain(self, timeout_s: float) -> bool:
        """Stops accepting, sends every peer elsewhere, waits for calls in flight, joins threads.

        Blocks, without holding the interpreter's lock; call it on a thread.

        Returns:
            Whether every call was answered in time; those that were not are cut off.

        Raises:
            DoorError: The process was forked.
        """
        return self._core.drain(timeout_s)

    def counters(self) -> dict[str, int]:
        """Returns the door's counters by name; those that end in `_open` or `_now` are gauges."""
        counters: dict[str, int] = json.loads(self._core.counters())
        return counters
