"""A smoke test on every older Envoy that is still supported: allow, deny, spoof, both forms."""

from collections.abc import Iterator

import pytest

from tests.e2e.caller import call
from tests.e2e.conftest import BILLING, Site
from tests.e2e.envoy import SMOKE, Envoy, ext_authz

pytestmark = pytest.mark.attack(28)


def _folded(config: dict[str, object]) -> None:
    ext_authz(config)["encode_raw_headers"] = False


@pytest.fixture(params=SMOKE, scope="module")
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=["header_map", "headers"], scope="module")
def envoy(request: pytest.FixtureRequest, site: Site, version: str) -> Iterator[Envoy]:
    change = None if request.param == "header_map" else _folded
    made = Envoy(
        site.folder,
        accredit=site.accredit.port,
        api=site.upstream.port,
        version=version,
        change=change,
        name=f"envoy-{version}-{request.param}",
    )
    with made:
        yield made


def test_smoke(site: Site, envoy: Envoy) -> None:
    assert call(envoy.port, token=site.token()).status == 200
    (received,) = site.upstream.take()
    assert received.header("x-accredit-subject") == ["partner"]

    reply = call(envoy.port, token=site.token("orders:read", BILLING))
    assert reply.status == 401
    assert 'error="invalid_token"' in reply.header("www-authenticate")[0]
    assert call(envoy.port).status == 401
    two = [("authorization", f"Bearer {site.token()}")]
    assert call(envoy.port, token=site.token(), headers=two).status == 400
    assert site.upstream.take() == []

    spoofed = [("x-accredit-subject", "admin"), ("x-accredit-role", "admin")]
    assert call(envoy.port, token=site.token(), headers=spoofed).status == 200
    (received,) = site.upstream.take()
    assert received.header("x-accredit-subject") == ["partner"]
    assert received.header("x-accredit-role") == []
    assert (
        call(envoy.port, token=site.token(), headers=[("x_accredit_subject", "admin")]).status
        == 400
    )
    assert site.upstream.take() == []

    site.accredit.stop()
    assert call(envoy.port, token=site.token()).status == 503
    assert site.upstream.take() == []
    site.accredit.start()
