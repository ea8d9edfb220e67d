"""Accredit stopped, slow or restarted, and requests that try to make it fail: no answer means no."""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from accredit.dev.keys import SigningKey
from accredit.dev.mint import access_token_claims, mint
from tests.e2e.caller import call
from tests.e2e.conftest import ORDERS, Site
from tests.e2e.envoy import Envoy, ext_authz, manager
from tests.e2e.processes import wait_until

ERRORS = "http.callers.ext_authz.error"
PASSED_OPEN = "http.callers.ext_authz.failure_mode_allowed"
MEBIBYTE = 1024 * 1024


def _failing_open(config: dict[str, Any]) -> None:
    """What no operator should do: then at least nothing a caller sends may be a failure."""
    ext_authz(config)["failure_mode_allow"] = True
    ext_authz(config)["with_request_body"] = {
        "max_request_bytes": 8 * MEBIBYTE,
        "pack_as_bytes": True,
    }
    manager(config)["max_request_headers_kb"] = 96


@pytest.fixture(scope="module")
def open_envoy(site: Site) -> Envoy:
    return site.envoy("failing-open", change=_failing_open)


class Traffic:
    """Callers that do not stop: one with a right token, one with a wrong one.

    Args:
        site: Makes the tokens, and says what arrived.
        envoy: Is called.
    """

    def __init__(self, site: Site, envoy: Envoy) -> None:
        self.right: list[int] = []
        self.wrong: list[int] = []
        self._port = envoy.port
        self._tokens = (site.token(), site.token("orders:read", "https://api.example/billing"))
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=arguments)
            for arguments in zip(("/orders/right", "/orders/wrong"), self._tokens, (self.right, self.wrong), strict=True)
        ]  # fmt: skip

    def _send(self, target: str, token: str, statuses: list[int]) -> None:
        while not self._end.is_set():
            statuses.append(call(self._port, target, token=token).status)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, status: int, *, more: int = 3) -> None:
        """Waits until right tokens have got a status that many times more."""
        wanted = self.right.count(status) + more
        wait_until(lambda: self.right.count(status) >= wanted, what=f"{more} more {status}")


@pytest.mark.attack(26)
@pytest.mark.parametrize("trouble", ["stopped", "killed", "slow", "restarted"])
def test_envoy_refuses_while_accredit_is_away_and_recovers(site: Site, trouble: str) -> None:
    envoy = site.envoy()
    with Traffic(site, envoy) as traffic:
        traffic.wait_for(200)
        match trouble:
            case "stopped":
                site.accredit.stop()
                traffic.wait_for(503)
                site.accredit.start()
            case "killed":
                site.accredit.kill()
                traffic.wait_for(503)
                site.accredit.start()
            case "slow":
                site.accredit.send(signal.SIGSTOP)
                traffic.wait_for(503)
                site.accredit.send(signal.SIGCONT)
            case "restarted":
                assert site.accredit.stop() == 0
                site.accredit.start()
        traffic.wait_for(200)
    # A right token passes or waits; a wrong one is refused for its fault or for ours.
    assert set(traffic.right) <= {200, 503}
    assert set(traffic.wrong) <= {401, 503}
    arrived = site.upstream.take()
    assert {request.path for request in arrived} == {"/orders/right"}
    assert len(arrived) == traffic.right.count(200)


def test_a_catalogue_is_changed_under_traffic(site: Site) -> None:
    """A reload loses no call; a bad one leaves the old catalogue serving, and says so."""
    with Traffic(site, site.envoy()) as traffic:
        traffic.wait_for(200)
        stricter = site.catalogue()
        stricter["resources"][0]["routes"][0]["scopes"] = ["orders:admin"]
        site.accredit.write_catalogue(stricter)
        traffic.wait_for(403)
        site.accredit.write_catalogue({"accredit": "catalogue/1", "resources": "none"})
        traffic.wait_for(403, more=20)
        site.accredit.write_catalogue(site.catalogue())
        traffic.wait_for(200)
    assert set(traffic.right) == {200, 403}
    assert set(traffic.wrong) == {401}
    assert {request.path for request in site.upstream.take()} == {"/orders/right"}


HUGE = "x" * 7_900
# Requests that may not pass, whatever becomes of the check. 60 KiB is Envoy's own default cap.
OVERSIZED_HEADERS = [(f"x-filler-{number}", HUGE) for number in range(7)] + [
    ("x-last", "y" * 4_000)
]


def wrong_requests(site: Site) -> Iterator[tuple[str, dict[str, Any]]]:
    sibling = site.token("orders:read", "https://api.example/billing")
    for name, token in (("no token", None), ("sibling", sibling), ("huge", "a" * 30_000 + ".b.c")):
        yield (
            f"{name}, 60 KiB of headers",
            {"token": token, "headers": OVERSIZED_HEADERS if name != "huge" else []},
        )
        yield (
            f"{name}, 8 MiB of body",
            {"token": token, "method": "POST", "body": b"x" * (8 * MEBIBYTE)},
        )
        yield (
            f"{name}, 1.5 MiB of body",
            {"token": token, "method": "POST", "body": b"x" * (3 * MEBIBYTE // 2)},
        )
        yield f"{name}, invalid bytes", {"token": token, "headers": [("x-bytes", b"\xff\xfe\x80")]}
    yield "invalid bytes as credential", {"headers": [("authorization", b"Bearer \xff\xfe")]}
    yield "a thousand headers", {"headers": [(f"x-{number}", "v") for number in range(90)]}


@pytest.mark.attack(1)
@pytest.mark.attack(12)
@pytest.mark.parametrize(
    "name",
    ["no token, 60 KiB of headers", "sibling, 60 KiB of headers", "huge, 60 KiB of headers",
     "no token, 8 MiB of body", "sibling, 8 MiB of body", "huge, 8 MiB of body",
     "no token, 1.5 MiB of body", "sibling, 1.5 MiB of body", "huge, 1.5 MiB of body",
     "no token, invalid bytes", "sibling, invalid bytes", "huge, invalid bytes",
     "invalid bytes as credential", "a thousand headers"],
)  # fmt: skip
def test_nothing_a_caller_sends_is_a_failure(site: Site, open_envoy: Envoy, name: str) -> None:
    request = dict(wrong_requests(site))[name]
    before = (open_envoy.stat(ERRORS), open_envoy.stat(PASSED_OPEN))
    reply = call(open_envoy.port, **request)
    assert reply.status in {400, 401, 413, 431}
    assert site.upstream.take() == []
    assert (open_envoy.stat(ERRORS), open_envoy.stat(PASSED_OPEN)) == before


def test_a_large_request_with_a_right_token_has_an_answer(site: Site, open_envoy: Envoy) -> None:
    """Below the cap it is allowed, above it denied; it is an answer in both cases."""
    small = call(open_envoy.port, method="POST", token=site.token(), body=b"x" * 65_536)
    assert small.status == 200
    assert [received.body_bytes for received in site.upstream.take()] == [65_536]
    large = call(open_envoy.port, method="POST", token=site.token(), body=b"x" * (2 * MEBIBYTE))
    assert large.status == 400
    assert site.upstream.take() == []
    assert open_envoy.stat(PASSED_OPEN) == 0


class SlowKeys:
    """An issuer whose key set can be made to take long; usable as a context manager."""

    def __init__(self) -> None:
        self.key = SigningKey.generate("ES256")
        self.delay_s = 0.0
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                time.sleep(outer.delay_s)
                body = json.dumps({"keys": [outer.key.public_jwk()]}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # the asker may have given up, as it should
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Stays silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self) -> str:
        claims = access_token_claims(
            issuer=self.issuer,
            client="partner",
            audience=ORDERS,
            now_s=int(time.time()),
            scope="orders:read",
        )
        return mint(self.key, claims)


@pytest.mark.attack(16)
def test_a_slow_key_fetch_is_an_answer_in_time(site: Site, open_envoy: Envoy) -> None:
    with SlowKeys() as slow:
        with_slow = site.catalogue()
        with_slow["issuers"].append(
            {"issuer": slow.issuer, "keys": {"jwks_uri": f"{slow.issuer}/jwks"}}
        )
        with_slow["resources"][0]["issuers"].append(slow.issuer)
        site.accredit.write_catalogue(with_slow)
        wait_until(
            lambda: call(open_envoy.port, token=slow.token()).status == 200,
            what="the new issuer's tokens pass",
        )
        site.upstream.take()
        slow.key, slow.delay_s = SigningKey.generate("ES256"), 4.0
        before = (open_envoy.stat(ERRORS), open_envoy.stat(PASSED_OPEN))
        for _ in range(5):
            reply = call(open_envoy.port, token=slow.token())
            assert reply.status == 503
            assert int(reply.header("retry-after")[0]) >= 1
        assert site.upstream.take() == []
        assert (open_envoy.stat(ERRORS), open_envoy.stat(PASSED_OPEN)) == before
        # The others are not taken down with it.
        assert call(open_envoy.port, token=site.token()).status == 200
    site.accredit.write_catalogue(site.catalogue())
