"""The Python door's own faults and limits, in process; what it answers is tried end to end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog

from accredit.engine import Engine
from accredit.errors import DoorError
from accredit.serve.descriptors import message_class
from accredit.serve.needs import Waiters
from accredit.serve.python_door import PythonDoor
from accredit.settings import Address, Settings

ISSUER = "https://issuer.example"
RESOURCE = "https://api.example/orders"
SECRET = "a-text-that-an-exception-could-quote"


class Panic(BaseException):
    """As a panic in Rust arrives: no `Exception`."""


class Faulty(Engine):
    """An engine with a defect."""

    fault: BaseException = RuntimeError(SECRET)
    silent = False

    def check(self, request: bytes, *, now_ms: int, final: bool) -> Any:
        raise self.fault

    def refusal(self, reason: str, *, now_ms: int) -> bytes:
        if self.silent:
            raise Panic
        return super().refusal(reason, now_ms=now_ms)


def nobody(_issuer: str) -> None:
    """Fetches nothing."""


@asynccontextmanager
async def opened(
    engine: Engine,
    *,
    settings: Settings | None = None,
    waiters: Waiters | None = None,
    request: Callable[[str], None] = nobody,
) -> AsyncIterator[tuple[PythonDoor, Any]]:
    door = PythonDoor(
        engine,
        settings or Settings(),
        waiters=Waiters() if waiters is None else waiters,
        request=request,
        addresses=(Address("127.0.0.1", 0),),
    )
    (address,) = await door.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield door, channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")
    await door.drain(0)


def reason(answer: bytes) -> str:
    parsed: Any = message_class("envoy.service.auth.v3.CheckResponse").FromString(answer)
    assert parsed.status.code != 0
    said: str = parsed.dynamic_metadata.fields["reason"].string_value
    return said


@pytest.mark.attack(26)
@pytest.mark.parametrize("fault", [RuntimeError(SECRET), Panic(SECRET), MemoryError(SECRET)])
@pytest.mark.parametrize("silent", [False, True])
async def test_a_fault_of_ours_is_a_denial_and_is_named_alone(
    fault: BaseException, silent: bool
) -> None:
    engine = Faulty(Settings().engine_json())
    engine.fault, engine.silent = fault, silent
    with structlog.testing.capture_logs() as said:
        async with opened(engine) as (door, check):
            for _ in range(3):
                answer = await check(b"", timeout=30)
                assert reason(answer) == "internal"
                assert SECRET.encode() not in answer
            assert door.counters.panics == 3
            assert door.counters.streams_open == 0
    assert SECRET not in str(said)
    assert {entry["error"] for entry in said} == {type(fault).__name__}


def waiting_engine() -> tuple[Engine, bytes]:
    """An engine that lacks a key, and a request that asks for it."""
    route = {
        "hosts": ["api.example"],
        "paths": ["/orders/**"],
        "methods": ["GET"],
        "scopes": {"all": ["a"]},
        "access": "token",
        "cors_preflight": False,
    }
    resource: dict[str, Any] = {
        "resource": RESOURCE,
        "owner": None,
        "issuers": [ISSUER],
        "audience": {"mode": "exactly_one"},
        "max_lifetime_s": 900,
        "mode": "enforce",
        "report_since_s": None,
        "report_until_s": None,
        "paths": "refuse",
        "scopes": None,
        "metadata_url": None,
        "cors_preflight": False,
        "selectors": {"route_metadata": [], "destination_principal": []},
        "routes": [route],
    }
    issuer = {
        "issuer": ISSUER,
        "algorithms": ["ES256"],
        "profile": {"kind": "rfc9068"},
        "refreshable": True,
    }
    document = {"format": "accredit-compiled/1", "issuers": [issuer], "resources": [resource]}
    engine = Engine(Settings().engine_json())
    engine.load_catalogue(json.dumps(document).encode())
    request: Any = message_class("envoy.service.auth.v3.CheckRequest")()
    http = request.attributes.request.http
    http.method, http.host, http.path = "GET", "api.example", "/orders/1"
    # A header and a payload that name the key and the issuer; the signature is never reached.
    head = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsifQ"
    payload = "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0"
    http.headers["authorization"] = f"Bearer {head}.{payload}.{'A' * 86}"
    return engine, request.SerializeToString()


async def test_a_check_above_the_cap_is_denied_while_the_others_wait() -> None:
    engine, request = waiting_engine()
    asked: list[str] = []
    waiters = Waiters()
    base = Settings()
    settings = base.model_copy(
        update={
            "limits": base.limits.model_copy(update={"streams": 2}),
            "time": base.time.model_copy(update={"need_wait_ms": 10_000}),
        }
    )
    async with opened(engine, settings=settings, waiters=waiters, request=asked.append) as (
        door,
        check,
    ):
        waiting = [asyncio.ensure_future(check(request, timeout=60)) for _ in range(2)]
        while door.counters.needs_waiting_now < 2:
            await asyncio.sleep(0.001)
        assert reason(await check(request, timeout=30)) == "overloaded"
        engine.refresh_failed(ISSUER)
        waiters.resolve(ISSUER)
        answers = await asyncio.gather(*waiting)
        assert [reason(answer) for answer in answers] == ["keys_unavailable"] * 2
        assert door.counters.checks_shed_streams == 1
        assert door.counters.needs_waiting_now == 0
    assert asked == [ISSUER]


async def test_only_loopback_is_listened_on() -> None:
    engine = Engine(Settings().engine_json())
    for host in ("0.0.0.0", "192.0.2.1", "::"):
        door = PythonDoor(
            engine,
            Settings(),
            waiters=Waiters(),
            request=nobody,
            addresses=(Address(host, 0),),
        )
        with pytest.raises(DoorError, match="cannot listen"):
            await door.start()


async def test_a_unix_socket_serves(tmp_path: Any) -> None:
    path = tmp_path / "door.sock"
    door = PythonDoor(
        Engine(Settings().engine_json()),
        Settings(),
        waiters=Waiters(),
        request=nobody,
        addresses=(Address(unix_path=str(path)),),
    )
    assert await door.start() == [f"unix:{path}"]
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        check = channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")
        assert reason(await check(b"", timeout=30)) == "request_not_http"
    assert await door.drain(5)
    assert await door.drain(5)
