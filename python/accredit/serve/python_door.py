"""The Python door: ext_authz, health and reflection over grpc.aio, from the same engine.

Bytes in, bytes out, as at the fast door: a message that cannot be read is a denial and never a gRPC
status, so no deserialiser stands before the handler.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from accredit.engine import Engine, Pending
from accredit.errors import DoorError
from accredit.serve.descriptors import pool
from accredit.serve.needs import Waiters
from accredit.settings import Address, Settings

__all__ = ["AUTHORIZATION", "DoorCounters", "PythonDoor"]

AUTHORIZATION: Final = "envoy.service.auth.v3.Authorization"
_SERVICES: Final = (
    AUTHORIZATION,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)
# Kept back of a caller's time, so that the answer arrives before it gives up.
_MARGIN_S: Final = 0.020
_IDENTITY_ONLY: Final = 1
_FLUSH_S: Final = 0.5

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class DoorCounters:
    """What the door counts; each number but the last two only grows.

    Attributes:
        checks: Calls of `Check`.
        checks_shed_streams: Of those, denied `overloaded`.
        panics: Faults of our own that were caught and denied.
        needs_waited: Checks that waited for a key.
        streams_open: Checks in flight now.
        needs_waiting_now: Checks that wait for a key now.
    """

    checks: int = 0
    checks_shed_streams: int = 0
    panics: int = 0
    needs_waited: int = 0
    streams_open: int = 0
    needs_waiting_now: int = 0


class PythonDoor:
    """A grpc.aio server over an engine; lives on one event loop.

    Args:
        engine: Decides.
        settings: `limits` and `time` are read.
        waiters: Where checks wait for keys.
        request: Asks for an issuer's keys; never waits.
        addresses: Where to listen; loopback or Unix sockets alone.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        waiters: Waiters,
        request: Callable[[str], None],
        addresses: tuple[Address, ...],
    ) -> None:
        self.counters = DoorCounters()
        self._engine = engine
        self._waiters = waiters
        self._request = request
        self._addresses = addresses
        self._streams = settings.limits.streams
        self._need_wait_s = settings.time.need_wait_ms / 1_000
        self._health = HealthServicer()
        # For a fault in making the denial too. From an engine of its own, which counts nothing.
        self._last_word = Engine(settings.engine_json()).refusal("internal", now_ms=_now_ms())
        self._options = _options(settings)
        self._server: grpc.aio.Server | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def start(self) -> list[str]:
        """Binds and serves.

        Returns:
            The bound addresses, with the ports that were picked.

        Raises:
            DoorError: An address is not loopback or cannot be bound.
        """
        for address in self._addresses:
            if not address.is_local:
                raise DoorError(f"cannot listen on `{address}`: there is no TLS yet; use 127.0.0.1")
        await self.set_ready(False)
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers((self._authorization(), *_reflection()))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        bound = []
        for address in self._addresses:
            try:
                port = server.add_insecure_port(str(address))
            except RuntimeError as error:
                raise DoorError(
                    f"cannot listen on `{address}`: it is in use or not ours; free it,"
                    " or set another address under `listen`"
                ) from error
            bound.append(str(address if address.unix_path else Address(address.host, port)))
        await server.start()
        self._server = server
        return bound

    async def set_ready(self, ready: bool) -> None:
        """Answers health checks with SERVING or NOT_SERVING, which it is until the first call."""
        status = health_pb2.HealthCheckResponse
        for service in ("", AUTHORIZATION):
            await self._health.set(service, status.SERVING if ready else status.NOT_SERVING)

    async def drain(self, timeout_s: float) -> bool:
        """Stops accepting, sends every peer elsewhere and waits for calls in flight.

        Returns:
            Whether every check was answered in time; those that were not are cut off.
        """
        await self._health.enter_graceful_shutdown()
        if self._server is None:
            return True
        server, self._server = self._server, None
        # An endless call, such as a watch on health, would take the whole time: no check is lost
        # by ending it.
        stopping = asyncio.ensure_future(server.stop(timeout_s))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._quiet.wait()
        clean = not self.counters.streams_open
        # The last answers are on their way out of the server when their handlers have ended.
        await asyncio.wait((stopping,), timeout=_FLUSH_S)
        await server.stop(0)
        await stopping
        return clean

    def _authorization(self) -> grpc.GenericRpcHandler:
        check = grpc.unary_unary_rpc_method_handler(self._check)
        return grpc.method_handlers_generic_handler(AUTHORIZATION, {"Check": check})

    async def _check(self, request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        self.counters.checks += 1
        if self.counters.streams_open >= self._streams:
            self.counters.checks_shed_streams += 1
            return self._engine.refusal("overloaded", now_ms=_now_ms())
        self.counters.streams_open += 1
        self._quiet.clear()
        try:
            return await self._judge(request, context)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
            self.counters.panics += 1
            # The text could hold what the request held: the kind alone is told.
            _log.error("check_failed", error=type(error).__name__)
            return self._refusal()
        finally:
            self.counters.streams_open -= 1
            if not self.counters.streams_open:
                self._quiet.set()

    def _refusal(self) -> bytes:
        try:
            return self._engine.refusal("internal", now_ms=_now_ms())
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as above
            return self._last_word

    async def _judge(self, request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        answer = self._engine.check(request, now_ms=_now_ms(), final=False)
        if isinstance(answer, bytes):
            return answer
        # Nothing awaits between the check and the wait, so no refresh can end unheard.
        await self._wait(answer, context)
        answer = self._engine.check(request, now_ms=_now_ms(), final=True)
        if isinstance(answer, bytes):
            return answer
        raise AssertionError("a final check is never pending")

    async def _wait(self, need: Pending, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        remaining_s = context.time_remaining()
        timeout_s = self._need_wait_s
        if remaining_s is not None:
            timeout_s = min(timeout_s, remaining_s - _MARGIN_S)
        if need.start:
            # On the loop's next turn, for then the check waits already.
            asyncio.get_running_loop().call_soon(self._request, need.issuer)
        self.counters.needs_waited += 1
        self.counters.needs_waiting_now += 1
        try:
            await self._waiters.wait(need.issuer, timeout_s)
        finally:
            self.counters.needs_waiting_now -= 1


def _reflection() -> tuple[grpc.GenericRpcHandler, ...]:
    servicer = ReflectionServicer(_SERVICES, pool=pool())
    # The messages of both versions are the same on the wire.
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return tuple(
        grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})
        for service in _SERVICES
        if service.startswith("grpc.reflection.")
    )


def _options(settings: Settings) -> list[tuple[str, int]]:
    limits, times = settings.limits, settings.time
    return [
        # A second process on the same port is an error, not a share of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.transport_message_bytes),
        ("grpc.max_concurrent_streams", limits.streams_per_connection),
        ("grpc.max_metadata_size", limits.header_list_bytes),
        ("grpc.absolute_max_metadata_size", limits.header_list_bytes),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
        ("grpc.keepalive_time_ms", times.http2_keepalive_s * 1_000),
        ("grpc.keepalive_timeout_ms", times.http2_keepalive_timeout_s * 1_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.server_handshake_timeout_ms", times.header_read_s * 1_000),
    ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
