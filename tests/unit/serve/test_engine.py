"""The typed face of the extension."""

import json
import time

import pytest

from accredit.engine import Engine, descriptor_sets, inspect_keys, reasons
from accredit.errors import CatalogueError, EngineError, KeySetError
from accredit.serve.descriptors import message_class, pool
from accredit.settings import Settings

NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture
def engine() -> Engine:
    return Engine(Settings().engine_json())


def test_reasons_say_what_each_means() -> None:
    table = reasons()
    codes = [entry["code"] for entry in table]
    assert len(set(codes)) == len(codes)
    assert {"ok", "internal", "overloaded", "keys_refreshing"} <= set(codes)
    for entry in table:
        assert entry["meaning"].endswith(".")
        assert entry["remedy"].endswith(".")
        assert (entry["status"] == 200) == (entry["code"] == "ok")


def test_an_engine_without_a_catalogue_denies(engine: Engine) -> None:
    answer = engine.check(b"\x0a\x06\x22\x04\x12\x02\x12\x00", now_ms=NOW_MS, final=False)
    assert isinstance(answer, bytes)
    assert b"catalogue_missing" in answer
    assert engine.counters()["decided"]["catalogue_missing"] == 1
    assert engine.status(now_ms=NOW_MS)["catalogue_digest"] is None


def test_a_refusal_is_a_denial_and_an_allow_is_not_to_be_had(engine: Engine) -> None:
    assert b"overloaded" in engine.refusal("overloaded", now_ms=NOW_MS)
    for reason in ("ok", "", "no_such_reason"):
        with pytest.raises(EngineError):
            engine.refusal(reason, now_ms=NOW_MS)


def test_faults_of_a_catalogue_come_one_by_one(engine: Engine) -> None:
    for document in (b"", b"{", b"[]", b'{"format":"accredit-compiled/9"}'):
        with pytest.raises(CatalogueError) as error:
            engine.load_catalogue(document)
        assert error.value.faults
        assert engine.status(now_ms=NOW_MS)["catalogue_digest"] is None


def test_a_key_set_is_refused_by_name(engine: Engine) -> None:
    private = {"kty": "oct", "kid": "secret-kid", "k": "AAAA"}
    with pytest.raises(KeySetError, match="secret-kid") as error:
        inspect_keys(json.dumps({"keys": [private]}).encode())
    assert "AAAA" not in str(error.value)
    with pytest.raises(KeySetError):
        inspect_keys(b"no json")
    with pytest.raises(KeySetError, match="issuer"):
        engine.set_keys("https://stranger.example", b"{}", requested_at_ms=0, usable_until_s=0)


def test_settings_that_the_core_does_not_know_are_refused() -> None:
    settings = json.loads(Settings().engine_json())
    with pytest.raises(EngineError, match="surprise"):
        Engine(json.dumps({**settings, "surprise": 1}).encode())
    with pytest.raises(EngineError):
        Engine(b"\xff")


def test_lines_are_answered_in_order(engine: Engine) -> None:
    lines = b'{"token":"a"}\nnot json\n\n{"token":"b"}'
    answers = engine.query_lines(lines, now_ms=NOW_MS).splitlines()
    assert len(answers) == 4
    assert [json.loads(answer)["decision"] for answer in answers] == ["deny"] * 4
    assert json.loads(answers[1])["reason"] == "request_malformed"
    assert engine.query_lines(b"", now_ms=NOW_MS) == b""


def test_records_are_drained_once(engine: Engine) -> None:
    for _ in range(3):
        engine.check(b"", now_ms=NOW_MS, final=True)
    first = engine.drain_records(2).splitlines()
    assert [json.loads(line)["at_ms"] for line in first] == [NOW_MS] * 2
    assert len(engine.drain_records(10).splitlines()) == 1
    assert engine.drain_records(10) == b""


def test_the_pool_is_our_own_and_whole() -> None:
    assert len(descriptor_sets()) == 4
    service = pool().FindServiceByName("envoy.service.auth.v3.Authorization")
    assert service.methods_by_name["Check"].input_type.name == "CheckRequest"
    assert message_class("envoy.service.auth.v3.CheckResponse")().SerializeToString() == b""
    with pytest.raises(KeyError):
        message_class("envoy.service.auth.v3.Stranger")
