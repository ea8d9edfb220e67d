"""The command line in this process: what it prints, and how it ends."""

import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from accredit.cli import main
from accredit.dev.keys import SigningKey
from accredit.dev.mint import access_token_claims, mint

ISSUER = "https://issuer.example"
ORDERS = "https://api.example/orders"
INVOICES = "https://api.example/invoices"
# 2027-01-15T12:00:00Z
NOW_S = 1_800_014_400
REQUEST = ("--host", "api.example", "--path", "/orders/17")


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away a width that whoever runs the tests may have set."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `accredit` with arguments, in an empty folder; `stdin` is what it reads there."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def _run(*arguments: str | Path, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, captured.out, captured.err)

    return _run


@dataclass(frozen=True)
class Bench:
    """A catalogue on disk whose issuer's key is ours."""

    folder: Path
    key: SigningKey
    resources: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def token(self, *, header: Mapping[str, object] | None = None, **claims: object) -> str:
        """A token for orders, minted at `NOW_S`; a claim that is None is left out."""
        usual = access_token_claims(
            issuer=ISSUER, client="partner", audience=ORDERS, now_s=NOW_S, scope="orders:read"
        )
        kept = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return mint(self.key, kept, header=header)

    def write(self, document: Mapping[str, Any], name: str = "catalogue.yaml") -> Path:
        """Writes a document into the catalogue; JSON is a part of YAML."""
        self.folder.mkdir(exist_ok=True)
        file = self.folder / name
        file.write_text(json.dumps(document))
        return file


def resource(name: str = "orders", **more: Any) -> dict[str, Any]:
    """A resource `https://api.example/NAME` with one route below `/NAME/`."""
    return {
        "resource": f"https://api.example/{name}",
        "owner": f"{name}-team",
        "issuers": [ISSUER],
        "routes": [
            {
                "hosts": ["api.example"],
                "paths": [f"/{name}/**"],
                "methods": ["GET"],
                "scopes": [f"{name}:read"],
            }
        ],
        **more,
    }


def document(key: SigningKey, *resources: Mapping[str, Any], **issuer: Any) -> dict[str, Any]:
    """A catalogue of one issuer, its key inline, and these resources."""
    keys = {"inline": {"keys": [key.public_jwk()]}}
    return {
        "accredit": "catalogue/1",
        "issuers": [{"issuer": ISSUER, "keys": keys, **issuer}],
        "resources": list(resources) or [resource(), resource("invoices")],
    }


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """The issuer's key."""
    return SigningKey.generate("ES256", kid="k1")


@pytest.fixture
def bench(tmp_path: Path, key: SigningKey) -> Bench:
    """Two sibling APIs of one issuer."""
    made = Bench(tmp_path / "catalogue", key)
    made.write(document(key))
    return made
