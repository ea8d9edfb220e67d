"""What a real Envoy sent, judged from Python. From Rust every field is compared: vectors_envoy.rs."""

import json
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from accredit.engine import Engine, descriptor_sets
from accredit.settings import Settings
from tests.vectors.book import Book

NOW_MS = 1_795_000_000_000
# In the order of requests.txt: what the first step that fails says.
REASONS = [
    "token_malformed",  # Bearer abc.def.ghi
    "credential_multiple",  # one in the query, one in the header
    "credential_multiple",  # two Authorization headers, which Envoy joins
    "binding_unsupported",  # DPoP with two proofs, which the folded form has joined
    "path_not_canonical",
    "credential_missing",
    "credential_missing",  # a certificate header of the caller's own
    "credential_missing",
    "credential_missing",
    "credential_missing",  # API.Example:443
    "credential_missing",  # a preflight where none is declared
    "credential_missing",
    "token_malformed",
    "token_malformed",
]
# Raw headers show two proofs for what they are.
RAW_REASONS = [*REASONS[:3], "credential_multiple", *REASONS[4:]]
FORMS = {"folded-headers": REASONS, "raw-header-map": RAW_REASONS}
CATALOGUE = {
    "format": "accredit-compiled/1",
    "issuers": [
        {
            "issuer": "https://issuer.example",
            "algorithms": ["RS256"],
            "profile": {"kind": "rfc9068"},
            "refreshable": False,
        }
    ],
    "resources": [
        {
            "resource": "https://api.example/orders",
            "owner": "orders-team",
            "issuers": ["https://issuer.example"],
            "audience": {"mode": "exactly_one"},
            "max_lifetime_s": 900,
            "mode": "enforce",
            "report_since_s": None,
            "report_until_s": None,
            "paths": "refuse",
            "scopes": None,
            "metadata_url": None,
            "cors_preflight": False,
            "selectors": {"route_metadata": [], "destination_principal": []},
            "routes": [
                {
                    "hosts": ["127.0.0.1:19080", "localhost:19443", "api.example"],
                    "paths": ["/orders"],
                    "methods": ["GET", "OPTIONS", "POST"],
                    "scopes": {"all": ["orders:read"]},
                    "access": "token",
                    "cors_preflight": False,
                }
            ],
        }
    ],
}


def messages() -> dict[str, Any]:
    """Message classes of ext_authz by name, from the descriptors that reflection serves."""
    pool = descriptor_pool.DescriptorPool()
    added = set()
    for serialized in descriptor_sets():
        for file in descriptor_pb2.FileDescriptorSet.FromString(serialized).file:
            if file.name not in added:
                pool.Add(file)
                added.add(file.name)
    package = "envoy.service.auth.v3"
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in ("CheckRequest", "CheckResponse")
    }


def test_recorded_requests(vectors: Path) -> None:
    classes = messages()
    engine = Engine(Settings().engine_json())
    document = json.dumps(CATALOGUE, sort_keys=True, separators=(",", ":")).encode()
    engine.load_catalogue(document)
    book = Book("envoy-recorded")

    def check(line: str, expected: str) -> None:
        request = json_format.Parse(line, classes["CheckRequest"]())
        answer = engine.check(request.SerializeToString(), now_ms=NOW_MS, final=True)
        assert isinstance(answer, bytes)
        response = classes["CheckResponse"].FromString(answer)
        assert response.status.code != 0
        assert response.dynamic_metadata["reason"] == expected

    for form, reasons in FORMS.items():
        file = vectors / "envoy-recorded" / f"envoy-1.40.0.{form}.jsonl"
        lines = file.read_text().splitlines()
        assert len(lines) == len(reasons)
        for number, (line, expected) in enumerate(zip(lines, reasons, strict=True), start=1):
            book.case(f"{form}:{number}", lambda s=line, e=expected: check(s, e))  # type: ignore[misc]
    book.end(28)
