"""Keycloak's tokens, which are no RFC 9068 access tokens, under the `legacy` profile.

Outside of `make test`, since Keycloak takes minutes to start: `make test-keycloak`.
"""

import json
import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, free_port, note_part
from tests.e2e import processes
from tests.e2e.accredit import Accredit, catalogue
from tests.e2e.caller import call
from tests.e2e.envoy import Envoy
from tests.e2e.upstream import Upstream

VERSION = "26.7.4"
HOME = ROOT / ".cache" / f"keycloak-{VERSION}"
REALM = ROOT / "tests/beds/keycloak/partners-realm.json"
START_S = 420.0

pytestmark = [pytest.mark.keycloak, pytest.mark.timeout(600)]


class Keycloak(processes.Server):
    """A fresh Keycloak on 127.0.0.1 with one realm.

    Args:
        folder: For its database and log.
    """

    def __init__(self, folder: Path) -> None:
        assert HOME.is_dir(), "Keycloak is not installed: run `make test-keycloak`"
        home = folder / "keycloak"
        # Its start writes into its own folders.
        shutil.copytree(HOME, home)
        imports = home / "data/import"
        imports.mkdir(parents=True, exist_ok=True)
        shutil.copy(REALM, imports)
        self.port, management = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/realms/partners"
        super().__init__(
            "keycloak",
            [
                *("sh", home / "bin/kc.sh", "start-dev", "--import-realm"),
                *("--http-host", "127.0.0.1", "--http-port", str(self.port)),
                *("--http-management-host", "127.0.0.1"),
                *("--http-management-port", str(management)),
            ],
            folder=folder,
            environ={
                "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
                "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin",
                "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
                "PATH": os.environ["PATH"],
            },
            ready=lambda: processes.answers_200(f"{self.issuer}/.well-known/openid-configuration"),
        )

    def token(self, answer: str = "access_token", **form: str) -> str:
        """Fetches a token by client credentials."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": "partner",
            "client_secret": "partner-secret",
            **form,
        }
        url = f"{self.issuer}/protocol/openid-connect/token"
        data = urllib.parse.urlencode(asked).encode()
        with urllib.request.urlopen(url, data, timeout=60) as reply:
            granted: dict[str, Any] = json.load(reply)
        note_part("keycloak", VERSION)
        token: str = granted[answer]
        return token


class Site:
    """Keycloak, and a site that trusts it under the `legacy` profile."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as stack:
            self.keycloak = stack.enter_context(Keycloak(folder))
            self.upstream = stack.enter_context(Upstream())
            document = catalogue(self.keycloak.issuer)
            document["issuers"][0] |= {
                "algorithms": ["RS256"],
                "profile": {
                    "legacy": {"client": "azp", "scope": "scope", "marker": {"typ": "Bearer"}}
                },
            }
            self.accredit = stack.enter_context(Accredit(folder, document))
            self.envoy = stack.enter_context(
                Envoy(folder, accredit=self.accredit.port, api=self.upstream.port)
            )
            self.close = stack.pop_all().close


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "START_S", START_S)
        made = Site(tmp_path_factory.mktemp("keycloak"))
    yield made
    made.close()


def test_an_access_token_passes(site: Site) -> None:
    site.upstream.take()
    assert call(site.envoy.port, token=site.keycloak.token()).status == 200
    (received,) = site.upstream.take()
    assert received.header("x-accredit-client") == ["partner"]
    assert "orders:read" in received.header("x-accredit-scopes")[0].split()


def test_an_access_token_is_not_good_for_a_sibling(site: Site) -> None:
    site.upstream.take()
    assert call(site.envoy.port, "/billing/1", token=site.keycloak.token()).status == 401
    assert site.upstream.take() == []


def test_an_id_token_is_refused(site: Site) -> None:
    """Keycloak signs it with the same key; only the payload's `typ` tells the two apart."""
    site.upstream.take()
    token = site.keycloak.token("id_token", scope="openid")
    assert call(site.envoy.port, token=token).status == 401
    assert site.upstream.take() == []
