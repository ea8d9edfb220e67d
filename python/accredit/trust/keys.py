"""Keeps the key set of every issuer fresh, and hands each new one to the core.

One task an issuer. It begins with the last good set from disk, fetches at once, then again as the
answer's headers say within bounds. A need of the core (a token with an unknown `kid`) may force one
fetch an issuer in each holding period. Whatever happens to a fetch, the core hears of its end, so
that no check waits longer than it must; and whatever arrives, a set that the core refuses leaves
the old one in place.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from accredit.trust.clock import Clock
from accredit.trust.http import GuardedClient
from accredit.trust.issuer_keys import IssuerKeys, KeyPolicy, KeySink, Surroundings, end_refresh
from accredit.trust.sources import IssuerSource
from accredit.trust.state import IssuerState
from accredit.trust.store import KeyStore

__all__ = ["KeyKeeper", "KeyPolicy", "KeySink"]


class KeyKeeper:
    """The keys of all issuers of a catalogue; lives on one event loop, and is called from it alone.

    Args:
        client: Fetches.
        sink: Takes the sets; the engine and the doors stand behind it.
        policy: Bounds and periods.
        folder: Where last good sets are kept, `<state.dir>/keys`; None keeps none.
        clock: The machine's by default.

    Raises:
        StateError: The folder cannot be used, or others can write to it.
    """

    def __init__(
        self,
        client: GuardedClient,
        sink: KeySink,
        policy: KeyPolicy,
        *,
        folder: Path | None,
        clock: Clock | None = None,
    ) -> None:
        self._sink = sink
        store = None if folder is None else KeyStore(folder)
        self._surroundings = Surroundings(client, sink, policy, store, clock or Clock())
        self._issuers: dict[str, IssuerKeys] = {}
        self._changing = asyncio.Lock()

    async def reconfigure(self, sources: Iterable[IssuerSource]) -> None:
        """Follows a catalogue that the core has loaded; also the way to start.

        An issuer that stays as it was goes on undisturbed. One whose source changed keeps its set
        until the new source gives one; a fetch from the old source is cancelled, and what it would
        have brought is never used. One that left is forgotten, but for its file.
        """
        wanted = {source.issuer: source for source in sources}
        async with self._changing:
            old = self._issuers
            leaving = [keys for issuer, keys in old.items() if wanted.get(issuer) != keys.source]
            # Before the await: from here on a need goes to the new source or to none.
            self._issuers = {
                issuer: old[issuer]
                if issuer in old and old[issuer].source == source
                else IssuerKeys(source, self._surroundings, before=_state(old.get(issuer)))
                for issuer, source in wanted.items()
            }
            await asyncio.gather(*(keys.aclose() for keys in leaving))
            for keys in self._issuers.values():
                keys.start()

    def request(self, issuer: str) -> None:
        """Takes a need of the core: a token names a key that the set of `issuer` lacks.

        Never waits. Many needs make one fetch; at most one fetch an issuer in each holding period
        is made for needs. The end of the fetch, or the refusal to make one, reaches the sink.
        """
        keys = self._issuers.get(issuer)
        if keys is None:
            end_refresh(self._sink, issuer, succeeded=False)
        else:
            keys.demand()

    async def tried(self) -> None:
        """Returns when every issuer has been tried once, well or badly."""
        await asyncio.gather(*(keys.tried.wait() for keys in self._issuers.values()))

    def states(self) -> tuple[IssuerState, ...]:
        """Returns the state of each issuer, by name."""
        return tuple(self._issuers[issuer].state() for issuer in sorted(self._issuers))

    async def aclose(self) -> None:
        """Ends every task; what waits for a fetch is told that it failed."""
        await self.reconfigure(())


def _state(keys: IssuerKeys | None) -> IssuerState | None:
    return None if keys is None else keys.state()
