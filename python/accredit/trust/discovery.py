"""From an issuer to the place of its keys: OpenID Connect Discovery 1.0 and RFC 8414."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx2

from accredit.trust.failure import CodedFetchError, FetchCode
from accredit.trust.http import GuardedClient
from accredit.trust.network import Reach, target_of

__all__ = ["Discovered", "Flavour", "discover", "metadata_url"]


class Flavour(StrEnum):
    """Which specification says where the metadata stands; the values of `keys.discovery`."""

    OIDC = "oidc"
    """OpenID Connect Discovery 1.0, section 4: the well-known path follows the issuer's."""
    OAUTH = "oauth"
    """RFC 8414, section 3.1: the well-known path stands before the issuer's."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What discovery found.

    Attributes:
        jwks_uri: Where the key set stands.
        reach: How far a fetch of it may reach: the issuer's own reach at the issuer's own origin,
            else the public network alone, since the URL came in a document.
        headers: Those of the metadata, for its freshness.
    """

    jwks_uri: str
    reach: Reach
    headers: httpx2.Headers


async def discover(
    client: GuardedClient, issuer: str, flavour: Flavour, *, reach: Reach
) -> Discovered:
    """Fetches the metadata of `issuer` and reads where its keys are.

    The `issuer` in the document must equal the configured one by code point (RFC 8414, section
    3.3): a document that speaks for another issuer could lend it this one's name.

    Raises:
        CodedFetchError: As a fetch does, and with `issuer_mismatch` or `metadata`.
    """
    url = metadata_url(issuer, flavour)
    fetched = await client.get_json(url, reach=reach, max_bytes=_MAX_BYTES)
    if fetched.document.get("issuer") != issuer:
        reason = "the document's issuer is not the configured issuer, by code point"
        raise CodedFetchError(FetchCode.ISSUER_MISMATCH, url, reason)
    jwks_uri = fetched.document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise CodedFetchError(FetchCode.METADATA, url, "the document has no jwks_uri string")
    keys_reach = reach.towards(jwks_uri, configured=issuer)
    try:
        target_of(jwks_uri, keys_reach)
    except CodedFetchError as error:
        reason = f"the document's jwks_uri is refused: {error.reason}"
        raise CodedFetchError(FetchCode.METADATA, url, reason) from error
    return Discovered(jwks_uri, keys_reach, fetched.headers)


def metadata_url(issuer: str, flavour: Flavour) -> str:
    """Returns where the metadata of `issuer` stands.

    Raises:
        CodedFetchError: With `url_refused`, where the issuer has a query or a fragment, which
            neither specification allows.
    """
    try:
        parts = urlsplit(issuer)
    except ValueError as error:
        raise CodedFetchError(FetchCode.URL_REFUSED, issuer, "not a URL") from error
    if "?" in issuer or "#" in issuer:
        reason = "an issuer with a query or a fragment has no metadata"
        raise CodedFetchError(FetchCode.URL_REFUSED, issuer, reason)
    path = parts.path.removesuffix("/")
    path = f"{path}{_OIDC}" if flavour is Flavour.OIDC else f"{_OAUTH}{path}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


_OIDC: Final = "/.well-known/openid-configuration"
_OAUTH: Final = "/.well-known/oauth-authorization-server"
# Metadata documents seen in the field are 2 to 10 KiB.
_MAX_BYTES: Final = 65_536
