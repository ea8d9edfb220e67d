"""A real authorization server: client credentials with a resource, and keys that rotate."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.accredit import Accredit, catalogue
from tests.e2e.caller import call
from tests.e2e.conftest import BILLING, ORDERS
from tests.e2e.envoy import Envoy
from tests.e2e.oidc import AuthorizationServer
from tests.e2e.processes import wait_until
from tests.e2e.upstream import Upstream

# The bound within which a key that left the set must stop verifying, and a new one must be known.
REFRESH_MAX_S = 3
HOLD_S = 2


class Realm:
    """The server and a site that trusts it alone."""

    def __init__(self, folder: Path, discovery: str) -> None:
        with ExitStack() as stack:
            self.server = stack.enter_context(AuthorizationServer(folder))
            self.upstream = stack.enter_context(Upstream())
            document: dict[str, Any] = catalogue(self.server.issuer)
            document["issuers"][0]["keys"] = {"discovery": discovery}
            document["issuers"][0]["algorithms"] = ["RS256", "ES256"]
            trust = {"refresh_min_s": 1, "refresh_max_s": REFRESH_MAX_S, "refresh_hold_s": HOLD_S}
            self.accredit = stack.enter_context(
                Accredit(folder, document, settings={"trust": trust})
            )
            self.envoy = stack.enter_context(
                Envoy(folder, accredit=self.accredit.port, api=self.upstream.port)
            )
            self.close = stack.pop_all().close


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    made = Realm(tmp_path_factory.mktemp("realm"), "oidc")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("resource", "scope", "target"),
    [(ORDERS, "orders:read", "/orders/1"), (BILLING, "billing:read", "/billing/1")],
    ids=["RS256", "ES256"],
)
def test_client_credentials_with_a_resource(
    realm: Realm, resource: str, scope: str, target: str
) -> None:
    realm.upstream.take()
    token = realm.server.token(resource, scope)
    assert call(realm.envoy.port, target, token=token).status == 200
    (received,) = realm.upstream.take()
    assert received.header("x-accredit-client") == ["partner"]
    assert received.header("x-accredit-scopes") == [scope]
    sibling = "/billing/1" if target == "/orders/1" else "/orders/1"
    assert call(realm.envoy.port, sibling, token=token).status == 401
    assert realm.upstream.take() == []


@pytest.mark.attack(16)
def test_keys_rotate_under_traffic(realm: Realm) -> None:
    """No wrong deny longer than the refresh bound, and no token of a withdrawn key after it."""
    server, port = realm.server, realm.envoy.port
    old_kids = [key["kid"] for key in server.keys]
    old_token = server.token(ORDERS, "orders:read")
    assert call(port, token=old_token).status == 200

    newest = [old_token]
    outcomes: list[tuple[float, int]] = []
    end = threading.Event()

    def traffic() -> None:
        while not end.is_set():
            outcomes.append((time.monotonic(), call(port, token=newest[0]).status))

    caller = threading.Thread(target=traffic)
    caller.start()
    try:
        # New keys sign; the old ones still stand in the set.
        server.add_keys()
        server.publish()
        newest[0] = server.token(ORDERS, "orders:read")
        rotated_s = time.monotonic()
        wait_until(
            lambda: any(at_s > rotated_s and status == 200 for at_s, status in outcomes),
            within_s=REFRESH_MAX_S + HOLD_S + 10,
            what="tokens of the new key pass",
        )
        learned_s = time.monotonic()
        assert call(port, token=old_token).status == 200
        # The old keys go.
        server.withdraw(*old_kids)
        server.publish()
        wait_until(
            lambda: call(port, token=old_token).status == 401,
            within_s=REFRESH_MAX_S + HOLD_S + 10,
            what="tokens of the withdrawn key are refused",
        )
        time.sleep(0.5)
    finally:
        end.set()
        caller.join()
    # Until the new key was known the answer was ours to give again later, never `invalid_token`;
    # after that no right token was refused at all.
    assert {status for _, status in outcomes} <= {200, 503}
    assert {status for at_s, status in outcomes if at_s > learned_s} == {200}
    # Withdrawn means withdrawn.
    assert {call(port, token=old_token).status for _ in range(20)} == {401}


def test_keys_are_found_by_authorization_server_metadata(tmp_path: Path) -> None:
    """RFC 8414, whose well-known place `oidc-provider` serves as well."""
    realm = Realm(tmp_path, "oauth")
    try:
        token = realm.server.token(BILLING, "billing:read")
        assert call(realm.envoy.port, "/billing/1", token=token).status == 200
    finally:
        realm.close()
