"""Waiting for keys in the Python door, and the bridge from the fast door."""

import asyncio
import json
from typing import Any

import pytest

from accredit.engine import Engine, FastDoor
from accredit.errors import DoorError, EngineError
from accredit.serve.needs import Sink, Waiters
from accredit.settings import Settings


@pytest.fixture
def engine() -> Engine:
    return Engine(Settings().engine_json())


async def test_all_that_wait_for_an_issuer_are_woken_and_no_other() -> None:
    waiters = Waiters()
    first = [asyncio.create_task(waiters.wait("a", 60)) for _ in range(100)]
    other = asyncio.create_task(waiters.wait("b", 60))
    await asyncio.sleep(0)
    assert len(waiters) == 101
    waiters.resolve("a")
    await asyncio.gather(*first)
    assert not other.done()
    assert len(waiters) == 1
    waiters.resolve("b")
    await other
    assert len(waiters) == 0
    waiters.resolve("nobody waits for this one")


async def test_a_wait_ends_with_its_time_and_leaves_nothing() -> None:
    waiters = Waiters()
    await waiters.wait("a", 0.01)
    await waiters.wait("a", 0)
    await waiters.wait("a", -5)
    assert len(waiters) == 0


async def test_a_caller_that_hangs_up_leaves_nothing() -> None:
    waiters = Waiters()
    task = asyncio.create_task(waiters.wait("a", 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(waiters) == 0
    waiters.resolve("a")


async def test_a_resolve_wakes_both_doors(engine: Engine) -> None:
    waiters = Waiters()
    door = FastDoor(engine, b'{"address":"127.0.0.1:0"}')
    waiting = asyncio.create_task(waiters.wait("a", 60))
    await asyncio.sleep(0)
    sink = Sink(engine, waiters, door)
    sink.refresh_failed("a")
    sink.resolve("a")
    await waiting


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        (b"{", EngineError, "cannot be read"),
        (b'{"adress":"127.0.0.1:0"}', EngineError, "adress"),
        (b'{"address":"0.0.0.0:0"}', DoorError, "loopback"),
        (b'{"address":"192.0.2.7:80"}', DoorError, "loopback"),
        (b'{"address":"localhost:80"}', DoorError, "digits"),
        (b'{"worker_threads":0}', DoorError, "worker_threads"),
        (b'{"receiving_bytes":5}', DoorError, "receiving_bytes"),
    ],
)
def test_a_door_says_what_is_wrong_with_its_settings(
    engine: Engine, settings: bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        FastDoor(engine, settings)


def test_the_settings_are_those_that_the_core_takes(engine: Engine) -> None:
    """The models and the core name the same settings; a name in one alone is an error here."""
    FastDoor(engine, Settings().door_json())
    door: dict[str, Any] = json.loads(Settings().door_json())
    assert {"address", "need_wait_ms", "streams", "receiving_bytes"} <= door.keys()


def test_a_door_opens_once_and_drains_more_than_once(engine: Engine) -> None:
    door = FastDoor(engine, b'{"address":"127.0.0.1:0"}')
    (address,) = door.start()
    assert address.startswith("127.0.0.1:")
    with pytest.raises(DoorError, match="started before"):
        door.start()
    taken = FastDoor(engine, json.dumps({"address": address}).encode())
    with pytest.raises(DoorError, match=address):
        taken.start()
    assert door.drain(60)
    assert door.drain(60)
    with pytest.raises(EngineError):
        door.drain(float("nan"))
