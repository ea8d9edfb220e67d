"""Time as the keeper of keys sees it; tests pass a clock of their own."""

import asyncio
import contextlib
import time

__all__ = ["Clock"]


class Clock:
    """The machine's clocks."""

    def now_s(self) -> float:
        """Returns seconds since the Unix epoch, for what is compared with documents and files."""
        return time.time()

    def monotonic_s(self) -> float:
        """Returns seconds of a clock that no one sets, for what is paced and held back."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Returns when the event is set, or after `seconds`; None waits for the event alone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
