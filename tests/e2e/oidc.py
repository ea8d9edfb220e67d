"""A real authorization server, `oidc-provider`, with keys that a test makes and withdraws."""

import base64
import json
import signal
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.conftest import ROOT, free_port, note_part
from tests.e2e.processes import Server, answers_200, wait_until

BED = ROOT / "tests/beds/oidc"


class AuthorizationServer(Server):
    """The provider on 127.0.0.1.

    Args:
        folder: For its keys and log.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._keys = folder / "keys.json"
        self._made = 0
        self.keys: list[dict[str, str]] = []
        self.add_keys()
        self._write()
        module = BED / "node_modules/oidc-provider/package.json"
        assert module.exists(), "oidc-provider is not installed: run `make test`, which installs it"
        self.version: str = json.loads(module.read_text())["version"]
        super().__init__(
            "oidc-provider",
            ["node", BED / "op.mjs", str(self.port), self._keys],
            folder=folder,
            ready=lambda: answers_200(f"{self.issuer}/.well-known/openid-configuration"),
        )

    def add_keys(self) -> list[str]:
        """Puts a new RSA and a new P-256 key first, so that they sign; returns their `kid`s."""
        self._made += 1
        made = [_rsa(f"rs-{self._made}"), _p256(f"es-{self._made}")]
        self.keys[:0] = made
        return [key["kid"] for key in made]

    def withdraw(self, *kids: str) -> None:
        """Takes keys out of the set."""
        self.keys[:] = [key for key in self.keys if key["kid"] not in kids]

    def publish(self) -> None:
        """Makes the running server use the keys, and waits until its key set shows them."""
        self._write()
        self.send(signal.SIGHUP)
        wanted = {key["kid"] for key in self.keys}
        wait_until(lambda: self.published() == wanted, what="the new key set is served")

    def published(self) -> set[str]:
        """The `kid`s that are served now."""
        with urllib.request.urlopen(f"{self.issuer}/jwks", timeout=5) as answer:
            return {key["kid"] for key in json.load(answer)["keys"]}

    def token(self, resource: str, scope: str) -> str:
        """Fetches an access token by client credentials."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        basic = base64.b64encode(b"partner:partner-secret").decode()
        request = urllib.request.Request(
            f"{self.issuer}/token",
            urllib.parse.urlencode(form).encode(),
            {"authorization": f"Basic {basic}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            granted: dict[str, Any] = json.load(answer)
        note_part("oidc-provider", self.version)
        token: str = granted["access_token"]
        return token

    def _write(self) -> None:
        self._keys.touch(mode=0o600)
        self._keys.write_text(json.dumps({"keys": self.keys}))


def _rsa(kid: str) -> dict[str, str]:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    public = numbers.public_numbers
    members = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    members |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    encoded = {name: _number(value) for name, value in members.items()}
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", **encoded}


def _p256(kid: str) -> dict[str, str]:
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    members = {"x": public.x, "y": public.y, "d": numbers.private_value}
    encoded = {name: _number(value, 32) for name, value in members.items()}
    return {"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", **encoded}


def _number(value: int, size: int | None = None) -> str:
    size = size or (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()
