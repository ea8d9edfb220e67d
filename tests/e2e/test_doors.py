"""Both doors over loopback with grpcio as the client: one engine, one behaviour."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from accredit.dev.keys import SigningKey
from tests.e2e.doors import (
    AUTHORIZATION,
    CHECK,
    DOORS,
    OK,
    Bed,
    Issuer,
    check_request,
    parse,
    reason,
)
from tests.e2e.processes import wait_until

BILLING: Final = "https://api.example/billing"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    made = Bed(tmp_path_factory.mktemp("doors") / "bed")
    yield made
    made.close()


def same(answer: bytes) -> Any:
    """The answer without what differs between any two decisions."""
    parsed = parse(answer)
    decision_id = parsed.dynamic_metadata.fields["decision_id"].string_value
    assert decision_id.startswith("dec_")
    text = str(parsed)
    assert decision_id in text
    return text.replace(decision_id, "dec_")


def requests(issuer: Issuer) -> list[tuple[str, bytes, str]]:
    right = check_request(issuer.token())
    return [
        ("right", right, OK),
        ("of a sibling", check_request(issuer.token(audience=BILLING)), "audience_mismatch"),
        ("no scope", check_request(issuer.token(scope="orders:list")), "scope_insufficient"),
        ("expired", check_request(issuer.token(exp=1_000_000, iat=999_900)), "token_expired"),
        ("no token", check_request(None), "credential_missing"),
        ("not a token", check_request("abc"), "token_malformed"),
        ("unknown path", check_request(issuer.token(), path="/x"), "resource_unknown"),
        ("dot segments", check_request(issuer.token(), path="/orders/../x"), "path_not_canonical"),
        ("other method", check_request(issuer.token(), method="PUT"), "route_method"),
        ("nothing", b"", "request_not_http"),
        ("truncated", right[: len(right) // 2], "request_malformed"),
        ("no protobuf", b"\xff" * 100, "request_malformed"),
        ("not UTF-8", right.replace(b"api.example", b"api\xff\xfexample"), "request_malformed"),
        ("over the limit", b"\0" * 1_048_577, "request_too_large"),
        ("over 4 MiB", b"\0" * (4 * 1_048_576 + 1), "request_too_large"),
        ("just under the cap", b"\0" * 16_777_216, "request_too_large"),
    ]


@pytest.mark.attack(1)
def test_both_doors_answer_the_same_bytes_alike(bed: Bed) -> None:
    """Whatever the bytes are, the answer has status OK: any other would be open to fail open."""
    with bed.channel("fast") as fast, bed.channel("python") as python:
        for name, request, expected in requests(bed.issuer):
            answers = [
                channel.unary_unary(CHECK)(request, timeout=30) for channel in (fast, python)
            ]
            assert [reason(answer) for answer in answers] == [expected] * 2, name
            assert same(answers[0]) == same(answers[1]), name


@pytest.mark.parametrize("door", DOORS)
def test_what_breaks_the_transport_is_a_status(bed: Bed, door: str) -> None:
    codes = {grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED}
    with bed.channel(door) as channel:
        with pytest.raises(grpc.RpcError) as over:
            channel.unary_unary(CHECK)(b"\0" * 16_777_217, timeout=30)
        assert over.value.code() in codes
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary(f"/{AUTHORIZATION}/Chec")(b"", timeout=30)
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as packed:
            channel.unary_unary(CHECK)(
                check_request(None) * 50, timeout=30, compression=grpc.Compression.Gzip
            )
        assert packed.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert reason(channel.unary_unary(CHECK)(check_request(None), timeout=30))


@pytest.mark.parametrize("door", DOORS)
def test_health_is_told_per_service(bed: Bed, door: str) -> None:
    serving = health_pb2.HealthCheckResponse.SERVING
    with bed.channel(door) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for service in ("", AUTHORIZATION):
            answer = check(health_pb2.HealthCheckRequest(service=service), timeout=30)
            assert answer.status == serving, service
        with pytest.raises(grpc.RpcError) as unknown:
            check(health_pb2.HealthCheckRequest(service="a.Stranger"), timeout=30)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_what_is_served(bed: Bed, door: str, version: str) -> None:
    ask = reflection_pb2.ServerReflectionRequest
    questions = [
        ask(list_services=""),
        ask(file_containing_symbol=AUTHORIZATION),
        ask(file_containing_symbol="grpc.health.v1.Health"),
        ask(file_containing_symbol="envoy.service.auth.v3.CheckRequest"),
    ]
    with bed.channel(door) as channel:
        method = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answers = list(method(iter(questions), timeout=30))
    names = {service.name for service in answers[0].list_services_response.service}
    assert names == {
        AUTHORIZATION,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    for answer in answers[1:]:
        assert answer.file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.attack(17)
def test_a_thousand_checks_that_wait_for_a_key_cost_one_fetch(tmp_path: Path, door: str) -> None:
    bed = Bed(tmp_path / "bed")
    try:
        _a_thousand_wait(bed, door)
    finally:
        bed.close()


def _a_thousand_wait(bed: Bed, door: str) -> None:
    before = bed.issuer.fetches
    bed.issuer.keys.append(SigningKey.generate("ES256"))
    bed.issuer.open.clear()
    request = check_request(bed.issuer.token())

    async def ask() -> list[bytes]:
        async with grpc.aio.insecure_channel(bed.address(door)) as channel:
            check = channel.unary_unary(CHECK)
            calls = [check(request, timeout=50) for _ in range(1_000)]
            gauge = "accredit_door_needs_waiting"
            for _ in range(600):
                if await asyncio.to_thread(bed.gauge, gauge, door) == 1_000:
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("not all of them wait")
            bed.issuer.open.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(ask())
    assert {reason(answer) for answer in answers} == {OK}
    assert bed.issuer.fetches - before == 1


@pytest.mark.parametrize("door", DOORS)
def test_a_slow_key_fetch_is_a_denial_before_the_callers_deadline(
    tmp_path: Path, door: str
) -> None:
    bed = Bed(tmp_path / "bed", time={"need_wait_ms": 10_000})
    try:
        bed.issuer.keys.append(SigningKey.generate("ES256"))
        bed.issuer.open.clear()
        request = check_request(bed.issuer.token())
        with bed.channel(door) as channel:
            # A status DEADLINE_EXCEEDED would raise.
            answer = channel.unary_unary(CHECK)(request, timeout=2)
        assert reason(answer) == "keys_refreshing"
        assert parse(answer).denied_response.status.code == 503
    finally:
        bed.close()


@pytest.mark.parametrize("door", DOORS)
def test_sigterm_answers_what_is_in_flight(tmp_path: Path, door: str) -> None:
    bed = Bed(tmp_path / "bed")
    try:
        bed.issuer.keys.append(SigningKey.generate("ES256"))
        bed.issuer.open.clear()
        request = check_request(bed.issuer.token())
        with bed.channel(door) as channel:
            call = channel.unary_unary(CHECK).future(request, timeout=50)
            gauge = "accredit_door_needs_waiting"
            wait_until(lambda: bed.gauge(gauge, door) == 1, what="the check waits")
            bed.server.send(signal.SIGTERM)
            wait_until(lambda: '"draining"' in bed.server.output(), what="it drains")
            bed.issuer.open.set()
            assert reason(call.result()) == OK
        assert bed.server.stop() == 0
        assert '"drained"' in bed.server.output()
    finally:
        bed.close()


# grpcio's server cancels what reaches it in the moment in which it begins to stop, unjudged: there
# is no way to send GOAWAY before. Its callers try again, as any caller of two replicas does.
@pytest.mark.parametrize(("door", "tries"), [("fast", 1), ("python", 3)])
def test_a_rolling_restart_fails_no_call(tmp_path: Path, door: str, tries: int) -> None:
    beds = [Bed(tmp_path / "one"), Bed(tmp_path / "two")]
    stop = threading.Event()
    answers: list[str] = []
    failures: list[object] = []
    addresses = ",".join(bed.address(door) for bed in beds)
    policy = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
    options = [
        ("grpc.service_config", policy),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Else it is the whole list, which is no authority (RFC 3986, section 3.2).
        ("grpc.default_authority", "localhost"),
    ]
    # Each server has an issuer of its own, so a token is right at one and of nobody at the other.
    request = check_request(beds[0].issuer.token())
    expected = {OK, "issuer_unknown"}

    def ask(channel: grpc.Channel) -> None:
        check = channel.unary_unary(CHECK)
        while not stop.is_set():
            failed: list[object] = []
            for _ in range(tries):
                try:
                    answers.append(reason(check(request, timeout=30)))
                    break
                except grpc.RpcError as error:
                    failed.append((error.code(), error.details()))
            else:
                failures.append(failed)
            time.sleep(0.002)  # the servers that start need a processor too

    try:
        with grpc.insecure_channel(f"ipv4:{addresses}", options=options) as channel:
            grpc.channel_ready_future(channel).result(30)
            callers = [threading.Thread(target=ask, args=(channel,)) for _ in range(4)]
            for caller in callers:
                caller.start()
            for bed in beds:
                _both_answer(answers, expected)
                assert bed.server.stop() == 0
                bed.server.start()
            _both_answer(answers, expected)
            stop.set()
            for caller in callers:
                caller.join()
        assert failures == []
    finally:
        stop.set()
        for bed in beds:
            bed.close()


def _both_answer(answers: list[str], expected: set[str]) -> None:
    answers.clear()
    wait_until(lambda: set(answers) == expected and len(answers) > 50, what="both answer")


def test_the_python_door_serves_gateways_too_where_it_is_set(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "bed")
    try:
        bed.server.stop()
        settings = tmp_path / "bed" / "accredit.toml"
        simple = f'check = "{bed.address("fast")}"'
        assert simple in settings.read_text()
        table = f'check = {{address = "{bed.address("fast")}", transport = "grpcio"}}'
        settings.write_text(settings.read_text().replace(simple, table))
        bed.server.start()
        request = check_request(bed.issuer.token())
        for door in DOORS:
            with bed.channel(door) as channel:
                assert reason(channel.unary_unary(CHECK)(request, timeout=30)) == OK
        assert bed.gauge("accredit_door_checks_total", "python") == 2
    finally:
        bed.close()


def test_no_part_of_a_token_is_said_anywhere(bed: Bed) -> None:
    """Attack 20, as far as the doors go: log, metrics, status and the answers themselves."""
    token = bed.issuer.token()
    path = f"/orders/1?access_token={token}"
    asked = [
        check_request(token),
        check_request(token, path=path),
        check_request(token[:-2]),
        check_request(None, path=f"/orders/{token}"),
        check_request(None, x_other=token, cookie=token),
    ]
    said = []
    with bed.channel("fast") as fast, bed.channel("python") as python:
        for channel in (fast, python):
            said += [str(parse(channel.unary_unary(CHECK)(one, timeout=30))) for one in asked]
    decisions = '"event":"decision"'
    wait_until(lambda: bed.server.output().count(decisions) >= len(said), what="they are logged")
    said += [bed.server.output(), bed.server.get("/metrics")[1], bed.server.get("/status")[1]]
    payload, signature = token.split(".")[1:]
    for place in said:
        assert signature[:24] not in place
        assert payload[:40] not in place
