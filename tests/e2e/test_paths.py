"""Attack 5: the path that was judged is the path that the API received, or the call was refused.

A token that may read orders is sent at every spelling of a path that it may not, through the shipped
Envoy file and through one that leaves paths as they came.
"""

import posixpath
import re
from typing import Any
from urllib.parse import unquote

import pytest

from tests.e2e.caller import call
from tests.e2e.conftest import Site
from tests.e2e.envoy import Change, Envoy, manager
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.attack(5)


def _as_they_came(config: dict[str, Any]) -> None:
    settings = manager(config)
    settings["normalize_path"] = False
    settings["merge_slashes"] = False
    settings["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"


def _unescaping(config: dict[str, Any]) -> None:
    manager(config)["path_with_escaped_slashes_action"] = "UNESCAPE_AND_FORWARD"


GATEWAYS: dict[str, Change | None] = {
    "shipped": None,
    "unescaping": _unescaping,
    "as-they-came": _as_they_came,
}

# None of these may be read as /orders/admin/… by whatever stands behind the gateway.
TARGETS = [
    "/orders/admin/1",
    "//orders/admin/1",
    "/orders//admin/1",
    "/orders/admin//1",
    "/orders/./admin/1",
    "/orders/x/../admin/1",
    "/orders/x/%2e%2e/admin/1",
    "/orders/x/%2E%2e/admin/1",
    "/orders/x/.%2e/admin/1",
    "/orders/%2e/admin/1",
    "/orders/x/..%2fadmin/1",
    "/orders/x%2f..%2fadmin/1",
    "/orders%2fadmin/1",
    "/orders/admin%2f1",
    "/orders/x/..%5cadmin/1",
    "/orders/x\\..\\admin\\1",
    "/orders%5cadmin/1",
    "/orders/admin;v=1/1",
    "/orders;/admin/1",
    "/orders/x/..;/admin/1",
    "/orders/x/..%3b/admin/1",
    "/orders/%61dmin/1",
    "/orders/%61%64%6d%69%6e/1",
    "/orders/%2561dmin/1",
    "/orders/x/%252e%252e/admin/1",
    "/orders/x/%c0%ae%c0%ae/admin/1",
    "/orders/x/%ef%bc%8e%ef%bc%8e/admin/1",
    "/orders/admin%00/1",
    "/orders/%00/../admin/1",
    "/orders/admin#/1",
    "/orders/1#/../admin/1",
    "/orders/admin%23/1",
    "/orders/admin%3f/1",
    "/orders/admin?/../1",
    "/orders/%/admin/1",
    "/orders/%zz/admin/1",
    "/orders/%u0061dmin/1",
    "/health/../orders/admin/1",
    "/health%2f..%2forders/admin/1",
    "/health/..;/orders/admin/1",
    "http://api.example/orders/admin/1",
    "http://api.example//orders/admin/1",
    "http://other.example/orders/1",
    "http://api.example",
    "*",
    "orders/admin/1",
    "/orders/1 /admin",
    "/orders/\x7f/admin/1",
    "/orders/\xe9/1",
]

CANONICAL = re.compile(r"^/[^\x00-\x20\x7f-\xff#\\;]*$")


@pytest.fixture(params=GATEWAYS, scope="module")
def envoy(request: pytest.FixtureRequest, site: Site) -> Envoy:
    return site.envoy(request.param, change=GATEWAYS[request.param])


def read_by_the_api(path: str) -> list[str]:
    """The segments that an ordinary server makes of a path: cut, decoded once, resolved."""
    return posixpath.normpath(unquote(path.partition("?")[0])).strip("/").split("/")


@pytest.mark.parametrize("target", TARGETS)
def test_no_spelling_reaches_what_the_token_may_not(site: Site, envoy: Envoy, target: str) -> None:
    reply = call(envoy.port, target, token=site.token())
    received = site.upstream.take()
    if reply.status != 200:
        assert received == []
        return
    (request,) = received
    assert CANONICAL.match(request.path)
    assert read_by_the_api(request.path)[:2] != ["orders", "admin"]
    assert read_by_the_api(request.path)[0] == "orders"


def test_the_path_that_was_judged_is_the_path_that_arrived(site: Site, envoy: Envoy) -> None:
    """By the decision log, which names each decision that let a request pass."""
    arrived = {}
    for target in TARGETS:
        call(envoy.port, target, token=site.token("orders:read orders:admin"))
        for request in site.upstream.take():
            (decision,) = request.header("x-accredit-decision-id")
            arrived[decision] = request.path.partition("?")[0]
    assert len(arrived) > len(TARGETS) // 10

    def judged() -> dict[str, str]:
        records = [record for record in site.accredit.records() if record["event"] == "decision"]
        return {record["decision_id"]: record["path"] for record in records if "path" in record}

    wait_until(lambda: arrived.keys() <= judged().keys(), what="every decision is in the log")
    assert {decision: judged()[decision] for decision in arrived} == arrived


@pytest.mark.parametrize("target", TARGETS)
def test_every_spelling_is_the_administrators_or_nobodys(
    site: Site, envoy: Envoy, target: str
) -> None:
    """The same paths with the scope for them: what arrives is in canonical form."""
    reply = call(envoy.port, target, token=site.token("orders:read orders:admin"))
    for request in site.upstream.take():
        assert reply.status == 200
        bare = request.path.partition("?")[0]
        assert CANONICAL.match(bare)
        assert not re.search(r"//|/\.{1,2}(/|$)|%2e|%2f|%5c|%00|%3b", bare, re.IGNORECASE)


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("api.example", True),
        ("API.Example", True),
        ("api.example.", True),
        ("api.example:80", True),
        ("api.example:443", True),
        ("API.EXAMPLE.:443", True),
        ("api.example:8443", False),
        ("api.example..", False),
        (".api.example", False),
        ("api.example.evil", False),
        ("xapi.example", False),
        ("api.example@other.example", False),
        ("other.example@api.example", False),
        ("api.example:99999", False),
        ("api.example:", False),
        ("api.example:+443", False),
        ("api.example/orders", False),
        ("api.example#", False),
        ("api%2eexample", False),
        ("api.example\x00", False),
        ("api .example", False),
        ("api\xe9.example", False),
        ("", False),
        ("[::1]", False),
    ],
)
def test_hosts(site: Site, envoy: Envoy, host: str, fits: bool) -> None:
    reply = call(envoy.port, host=host, token=site.token())
    received = site.upstream.take()
    assert (reply.status == 200) == fits
    assert len(received) == int(fits)


def test_two_hosts_are_refused(site: Site, envoy: Envoy) -> None:
    for other in ("api.example", "other.example"):
        reply = call(envoy.port, token=site.token(), headers=[("host", other)])
        assert reply.status != 200
        assert site.upstream.take() == []
