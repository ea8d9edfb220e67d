"""The life of the server: start, follow, drain."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog
import uvloop

from accredit.engine import Engine, FastDoor
from accredit.errors import SettingsError
from accredit.serve import log
from accredit.serve.http import HttpListener
from accredit.serve.live_catalogue import LiveCatalogue
from accredit.serve.needs import NeedsBridge, Sink, Waiters
from accredit.serve.python_door import PythonDoor
from accredit.serve.records import RecordWriter
from accredit.serve.view import View
from accredit.settings import Settings
from accredit.trust.configure import guarded_client, key_policy
from accredit.trust.keys import KeyKeeper

__all__ = ["run", "serve"]

_log = structlog.stdlib.get_logger(__name__)
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; returns once every call in flight is answered.

    Raises:
        SettingsError: `trust.ca_file` cannot be used.
        CatalogueError: The catalogue does not load.
        StateError: The state folder cannot be used, or others can write to it.
        DoorError: A listener cannot be opened.
    """
    log.configure(settings.log)
    uvloop.run(serve(settings))


async def serve(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """As `run`, on the loop that calls it; `stop` ends it too.

    Raises:
        SettingsError: `trust.ca_file` cannot be used.
        CatalogueError: The catalogue does not load.
        StateError: The state folder cannot be used, or others can write to it.
        DoorError: A listener cannot be opened.
    """
    stop = stop or asyncio.Event()
    async with AsyncExitStack() as stack:
        server = _Server(settings, stack)
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop.set)
            stack.callback(loop.remove_signal_handler, number)
        loop.add_signal_handler(signal.SIGHUP, server.catalogue.ask)
        stack.callback(loop.remove_signal_handler, signal.SIGHUP)
        await server.start()
        await stop.wait()
        await server.drain()


class _Server:
    """Everything that one process serves with; what it starts, the stack stops."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        listen = settings.listen
        self.engine = Engine(settings.engine_json())
        fast = listen.check.transport == "tonic"
        self.fast_door = FastDoor(self.engine, settings.door_json()) if fast else None
        waiters = Waiters()
        sink = Sink(self.engine, waiters, self.fast_door)
        try:
            client = guarded_client(settings.trust)
        except OSError:
            raise SettingsError(
                [f"trust.ca_file: {settings.trust.ca_file} holds no certificate; name a PEM file"]
            ) from None
        self.keeper = KeyKeeper(
            client, sink, key_policy(settings.trust), folder=settings.state.dir / "keys"
        )
        self.catalogue = LiveCatalogue(settings, self.engine, self.keeper)
        addresses = (listen.services.parsed,)
        self.python_door = PythonDoor(
            self.engine,
            settings,
            waiters=waiters,
            request=self.keeper.request,
            addresses=addresses if fast else (listen.check.parsed, *addresses),
        )
        self._records = RecordWriter(self.engine, console=log.is_console(settings.log))
        self.view = View(
            self.engine,
            self.keeper,
            self.catalogue,
            self.python_door,
            self.fast_door,
            self._records,
        )
        self._http = HttpListener(listen.http.parsed, self.view)

    async def start(self) -> None:
        """Loads, binds and becomes ready once each issuer was tried."""
        stack = self._stack
        self._records.start()
        # On a thread: a pipe that nobody reads must not hold up the rest of the end.
        stack.push_async_callback(asyncio.to_thread, self._records.stop)
        stack.push_async_callback(self.keeper.aclose)
        await self.catalogue.load()
        listeners = {"http": await self._http.start()}
        stack.push_async_callback(self._http.stop)
        stack.push_async_callback(self.python_door.drain, 0)
        bound = await self.python_door.start()
        if self.fast_door is not None:
            bridge = NeedsBridge(self.fast_door, self.keeper.request)
            stack.push_async_callback(asyncio.to_thread, self.fast_door.drain, 0)
            bound = [*self.fast_door.start(), *bound]
            bridge.start()
            stack.callback(bridge.stop)
        listeners |= {"check": bound[:1], "services": bound[1:]}
        self.view.listeners = listeners
        _log.info("listening", **{name: addresses[0] for name, addresses in listeners.items()})
        await stack.enter_async_context(_running(self.catalogue.follow(), "catalogue"))
        await stack.enter_async_context(_running(self._become_ready(), "readiness"))

    async def _become_ready(self) -> None:
        await self.keeper.tried()
        await self._set_ready(ready=True)
        _log.info("ready")

    async def _set_ready(self, *, ready: bool) -> None:
        self.view.ready = ready
        await self.python_door.set_ready(ready)
        if self.fast_door is not None:
            self.fast_door.set_ready(ready)

    async def drain(self) -> None:
        """Says that it is not ready, and answers what is in flight; keys still arrive meanwhile."""
        _log.info("draining")
        await self._set_ready(ready=False)
        limit_s = self._settings.time.drain_s
        drains = [self.python_door.drain(limit_s)]
        if self.fast_door is not None:
            drains.append(asyncio.to_thread(self.fast_door.drain, limit_s))
        clean = all(await asyncio.gather(*drains))
        if clean:
            _log.info("drained")
        else:
            _log.warning("calls_cut_off", drain_s=limit_s)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Runs a task for as long as the context lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
