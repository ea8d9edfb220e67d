"""Plain HTTP for operators, on loopback: health, readiness, metrics, status."""

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from accredit.errors import DoorError
from accredit.serve.view import View
from accredit.settings import Address

__all__ = ["HttpListener", "application"]

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BACKLOG: Final = 128
_STOP_S: Final = 2


def application(view: View) -> Starlette:
    """Builds the pages. None of them changes anything."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse(view.health(), headers=_NO_STORE)

    async def readyz(_request: Request) -> Response:
        return JSONResponse(
            {"ready": view.ready}, status_code=200 if view.ready else 503, headers=_NO_STORE
        )

    async def status(_request: Request) -> Response:
        return JSONResponse(view.status(), headers=_NO_STORE)

    async def metrics(_request: Request) -> Response:
        return Response(view.metrics(), media_type=_METRICS_TYPE, headers=_NO_STORE)

    pages = {"/healthz": healthz, "/readyz": readyz, "/status": status, "/metrics": metrics}
    return Starlette(
        routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()],
        middleware=[Middleware(_OnlyLocalNames)],
    )


class _OnlyLocalNames:
    """Refuses a Host that is not this machine: a web page could have its own name lead here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not _is_local(hosts[0].decode("latin-1")):
                refusal = PlainTextResponse("ask by loopback address", status_code=421)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_local(host: str) -> bool:
    name = host[1 : host.index("]")] if host.startswith("[") and "]" in host else host
    if name is host:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Uvicorn(uvicorn.Server):
    """Uvicorn without hands on the signals: they belong to the server as a whole."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpListener:
    """Serves the pages; lives on one event loop.

    Args:
        address: Loopback or a Unix socket.
        view: What the pages show.
    """

    def __init__(self, address: Address, view: View) -> None:
        self._address = address
        config = uvicorn.Config(
            application(view),
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="none",
            http="h11",
            ws="none",
            server_header=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=_STOP_S,
            limit_concurrency=64,
            h11_max_incomplete_event_size=16_384,
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> list[str]:
        """Binds and serves.

        Returns:
            The bound address, with the port that was picked.

        Raises:
            DoorError: The address is not loopback or cannot be bound.
        """
        listening = _bind(self._address)
        name = listening.getsockname()
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]), name="http")
        up = asyncio.ensure_future(self._server.up.wait())
        await asyncio.wait((up, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            raise DoorError(f"cannot serve http on `{self._address}`")
        if self._address.unix_path:
            return [str(self._address)]
        return [str(Address(self._address.host, name[1]))]

    async def stop(self) -> None:
        """Ends; a page under way is finished."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._address.unix_path:
            await asyncio.to_thread(Path(self._address.unix_path).unlink, missing_ok=True)


def _bind(address: Address) -> socket.socket:
    if not address.is_local:
        raise DoorError(f"cannot listen on `{address}`: use a loopback address such as 127.0.0.1")
    try:
        return _bind_unix(address.unix_path) if address.unix_path else _bind_tcp(address)
    except OSError as error:
        raise DoorError(
            f"cannot listen on `{address}`: {error.strerror or error};"
            " free it, or set another `listen.http`"
        ) from error


def _bind_tcp(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _bind_unix(path: str) -> socket.socket:
    if Path(path).is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(path) == 0:
                raise OSError(0, "somebody listens there")
        # Left over from a process that ended without a drain.
        Path(path).unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        os.chmod(path, 0o660)  # noqa: PTH101 - the path as it was bound
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
