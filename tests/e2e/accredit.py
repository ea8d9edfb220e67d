"""The server under test, started as an operator starts it: `accredit serve` and two files."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conftest import free_port
from tests.e2e.processes import Server, answers_200

PROGRAM = Path(sys.executable).with_name("accredit")


class Accredit(Server):
    """One `accredit serve` on loopback.

    Args:
        folder: For settings, state and log.
        catalogue: A catalogue document.
        settings: Sections over those that the tests need, as `{"trust": {"refresh_min_s": 1}}`.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Mapping[str, Any],
        *,
        settings: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        self.port = free_port()
        self.http = free_port()
        self._catalogue = folder / "catalogue" / "catalogue.yaml"
        self._catalogue.parent.mkdir()
        self.write_catalogue(catalogue)
        file = folder / "accredit.toml"
        sections: dict[str, dict[str, object]] = {
            "listen": {
                "check": f"127.0.0.1:{self.port}",
                "services": f"127.0.0.1:{free_port()}",
                "http": f"127.0.0.1:{self.http}",
            },
            "catalogue": {"dir": str(self._catalogue.parent)},
            "state": {"dir": str(folder / "state")},
            "insecure": {"loopback_http": True},
            "log": {"format": "json"},
        }
        for section, values in (settings or {}).items():
            sections[section] = sections.get(section, {}) | dict(values)
        file.write_text(_toml(sections))
        super().__init__(
            "accredit",
            [PROGRAM, "serve", "--settings", file],
            folder=folder,
            ready=lambda: answers_200(f"http://127.0.0.1:{self.http}/readyz"),
        )

    def write_catalogue(self, catalogue: Mapping[str, Any]) -> None:
        """Writes the catalogue; a running server notices by itself."""
        # JSON is a part of YAML 1.2.
        self._catalogue.write_text(json.dumps(catalogue))

    def records(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON objects."""
        lines = self.output().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the HTTP listener."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def _toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        # A JSON string, number or boolean is one of TOML too.
        lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def catalogue(
    issuer: str, jwks_uri: str | None = None, *, more_issuers: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Two sibling APIs of one issuer, and a public page.

    Args:
        issuer: Its identifier.
        jwks_uri: Where its keys are; by default they are discovered.
        more_issuers: Further entries; the `orders` API accepts them too.
    """
    keys = {"jwks_uri": jwks_uri} if jwks_uri else {"discovery": "oidc"}
    algorithms = ["RS256", "PS256", "ES256", "Ed25519"]
    issuers = [{"issuer": issuer, "keys": keys, "algorithms": algorithms}, *(more_issuers or [])]
    host = "api.example"
    return {
        "accredit": "catalogue/1",
        "issuers": issuers,
        "resources": [
            {
                "resource": "https://api.example/orders",
                "owner": "orders-team",
                "issuers": [entry["issuer"] for entry in issuers],
                "routes": [
                    _route(host, "/orders/**", ["GET", "POST"], ["orders:read"]),
                    _route(host, "/orders/admin/**", ["GET", "POST"], ["orders:admin"]),
                    _route(host, "/shop.Orders/*", ["POST"], ["orders:read"]),
                    {
                        "hosts": [host],
                        "paths": ["/health"],
                        "methods": ["GET"],
                        "access": "public",
                    },
                ],
            },
            {
                "resource": "https://api.example/billing",
                "owner": "billing-team",
                "issuers": [issuer],
                "routes": [_route(host, "/billing/**", ["GET", "POST"], ["billing:read"])],
            },
        ],
    }


def _route(host: str, path: str, methods: list[str], scopes: list[str]) -> dict[str, Any]:
    return {"hosts": [host], "paths": [path], "methods": methods, "scopes": scopes}
