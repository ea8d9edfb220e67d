"""From an issuer to its jwks_uri, by both specifications."""

import json

import pytest

from accredit.trust.addresses import Opening
from accredit.trust.discovery import Discovered, Flavour, discover, metadata_url
from accredit.trust.failure import CodedFetchError, FetchCode
from accredit.trust.network import PUBLIC, Reach
from tests.unit.trust.harness import (
    HOST,
    LOOPBACK,
    OPEN,
    Authority,
    Seen,
    Write,
    client,
    fixed,
    home,
    origin,
)


@pytest.mark.parametrize(
    ("issuer", "oidc", "oauth"),
    [
        ("https://a.test", "https://a.test/.well-known/openid-configuration",
         "https://a.test/.well-known/oauth-authorization-server"),
        ("https://a.test/", "https://a.test/.well-known/openid-configuration",
         "https://a.test/.well-known/oauth-authorization-server"),
        ("https://a.test/realms/b", "https://a.test/realms/b/.well-known/openid-configuration",
         "https://a.test/.well-known/oauth-authorization-server/realms/b"),
        ("https://a.test:8443/b/", "https://a.test:8443/b/.well-known/openid-configuration",
         "https://a.test:8443/.well-known/oauth-authorization-server/b"),
    ],
)  # fmt: skip
def test_where_the_metadata_stands(issuer: str, oidc: str, oauth: str) -> None:
    assert metadata_url(issuer, Flavour.OIDC) == oidc
    assert metadata_url(issuer, Flavour.OAUTH) == oauth


@pytest.mark.parametrize(
    "issuer",
    ["https://a.test/?b", "https://a.test/#b", "https://a.test?", "https://[::1"],
)
def test_an_issuer_with_a_query_or_fragment_has_none(issuer: str) -> None:
    with pytest.raises(CodedFetchError) as caught:
        metadata_url(issuer, Flavour.OIDC)
    assert caught.value.code is FetchCode.URL_REFUSED


async def ask(
    authority: Authority,
    *,
    says: object,
    path: str = "/realm",
    reach: Reach = OPEN,
) -> Discovered | FetchCode:
    """Asks a server for the metadata of its own issuer; `says` maps the issuer to the document."""

    async def answer(seen: Seen, write: Write) -> None:
        assert seen.path == f"{path}/.well-known/openid-configuration"
        document = says(server.url(path)) if callable(says) else says
        await fixed(json.dumps(document).encode())(seen, write)

    async with origin(answer, authority.server) as server:
        try:
            return await discover(
                client(authority, home()),
                server.url(path),
                Flavour.OIDC,
                reach=reach,
            )
        except CodedFetchError as error:
            return error.code


async def test_the_keys_at_the_issuers_own_origin_have_its_reach(authority: Authority) -> None:
    found = await ask(authority, says=lambda own: {"issuer": own, "jwks_uri": f"{own}/keys"})
    assert isinstance(found, Discovered)
    assert found.jwks_uri.endswith("/realm/keys")
    assert found.reach is OPEN
    assert found.headers["content-type"] == "application/json"


@pytest.mark.attack(15)
@pytest.mark.parametrize(
    "jwks_uri",
    ["https://keys.issuer.test/jwks", "https://issuer.test/jwks", "https://10.0.0.1/jwks"],
)
async def test_keys_elsewhere_have_the_public_network_alone(
    authority: Authority,
    jwks_uri: str,
) -> None:
    own_and_other = Reach((Opening(HOST, LOOPBACK), Opening("keys.issuer.test", LOOPBACK)))
    found = await ask(
        authority,
        says=lambda own: {"issuer": own, "jwks_uri": jwks_uri},
        reach=own_and_other,
    )
    assert isinstance(found, Discovered)
    assert found.reach is PUBLIC


@pytest.mark.parametrize(
    "change",
    ["{}/", "{}x", "https://issuer.test/realm", "", None, 1, ["{}"]],
)
async def test_a_document_of_another_issuer_is_refused(
    authority: Authority,
    change: object,
) -> None:
    def says(own: str) -> dict[str, object]:
        issuer = change.format(own) if isinstance(change, str) else change
        return {"issuer": issuer, "jwks_uri": f"{own}/keys"}

    assert await ask(authority, says=says) is FetchCode.ISSUER_MISMATCH


@pytest.mark.parametrize("upper", ["HTTPS://issuer.test", "https://ISSUER.test"])
async def test_an_issuer_is_compared_by_code_point(authority: Authority, upper: str) -> None:
    def says(own: str) -> dict[str, object]:
        return {"issuer": own.replace("https://issuer.test", upper), "jwks_uri": f"{own}/keys"}

    assert await ask(authority, says=says) is FetchCode.ISSUER_MISMATCH


async def test_a_document_without_an_issuer_is_refused(authority: Authority) -> None:
    assert await ask(authority, says={"jwks_uri": "https://a.test/"}) is FetchCode.ISSUER_MISMATCH


@pytest.mark.parametrize(
    "jwks_uri",
    [None, 1, ["https://a.test/"], "", "http://a.test/keys", "http://127.0.0.1/keys", "file:///a",
     "https://u@a.test/", "javascript:x", "/keys"],
)  # fmt: skip
async def test_a_jwks_uri_that_cannot_be_fetched_is_refused(
    authority: Authority,
    jwks_uri: object,
) -> None:
    # Even where the operator allowed http on loopback: that was for the URL the operator wrote.
    reach = Reach(OPEN.openings, loopback_http=True)
    found = await ask(
        authority,
        says=lambda own: {"issuer": own, "jwks_uri": jwks_uri},
        reach=reach,
    )
    assert found is FetchCode.METADATA
