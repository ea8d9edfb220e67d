"""A small catalogue to change one thing of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from accredit.catalogue import Catalogue, Sources, validate

MINIMAL = """\
accredit: catalogue/1
issuers:
  - issuer: https://issuer.example
    keys: {jwks_uri: https://issuer.example/jwks}
resources:
  - resource: https://api.example/orders
    owner: orders-team
    issuers: [https://issuer.example]
    routes:
      - {hosts: [api.example], paths: [/orders/**], methods: [GET], scopes: [orders:read]}
"""


@pytest.fixture
def read() -> Callable[..., Catalogue]:
    """Validates documents given as text."""

    def of(*texts: str, loopback_http: bool = False) -> Catalogue:
        files = tuple((f"{index}.yaml", text.encode()) for index, text in enumerate(texts))
        return validate(Sources(Path("/catalogue"), files), loopback_http=loopback_http)

    return of


@pytest.fixture
def minimal() -> str:
    return MINIMAL
