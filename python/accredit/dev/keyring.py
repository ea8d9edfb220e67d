"""The keys of a running dev issuer: those that sign, and those that only stand in the set still."""

import threading
import time
from collections.abc import Callable, Sequence

from accredit.dev.keys import SigningKey

__all__ = ["Keyring"]


class Keyring:
    """One signing key for each algorithm; may be used from several threads.

    Args:
        algorithms: In the order of preference; the first signs where none is asked for.
        monotonic_s: A clock.

    Raises:
        ValueError: No algorithm, or one that cannot be signed with.
    """

    def __init__(
        self, algorithms: Sequence[str], *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        if not algorithms:
            raise ValueError("a keyring needs an algorithm")
        self._algorithms = tuple(algorithms)
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._current = self._make()
        self._retired: list[tuple[SigningKey, float]] = []

    def key(self, algorithm: str | None = None) -> SigningKey:
        """Returns the key that signs now.

        Raises:
            KeyError: There is none for this algorithm.
        """
        with self._lock:
            return self._current[algorithm or self._algorithms[0]]

    def rotate(self, *, keep_s: float = 0) -> None:
        """Replaces every key; the old ones stay in the set for `keep_s` seconds, 0 for none."""
        fresh = self._make()
        with self._lock:
            until_s = self._monotonic_s() + keep_s
            self._retired = [] if keep_s <= 0 else self._retired
            self._retired += [(key, until_s) for key in self._current.values() if keep_s > 0]
            self._current = fresh

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Returns the public keys as a JWK set (RFC 7517, section 5)."""
        with self._lock:
            now_s = self._monotonic_s()
            self._retired = [(key, until_s) for key, until_s in self._retired if until_s > now_s]
            keys = [*self._current.values(), *(key for key, _ in self._retired)]
        return {"keys": [key.public_jwk() for key in keys]}

    def _make(self) -> dict[str, SigningKey]:
        return {algorithm: SigningKey.generate(algorithm) for algorithm in self._algorithms}
