"""From settings and catalogue entries to what the keeper of keys takes."""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from accredit.settings import TrustSettings
from accredit.trust.addresses import Opening
from accredit.trust.discovery import Flavour
from accredit.trust.freshness import Bounds
from accredit.trust.http import FetchLimits, GuardedClient
from accredit.trust.keys import KeyPolicy
from accredit.trust.network import Reach
from accredit.trust.sources import Discovery, File, Inline, IssuerSource, JwksUri, KeySource

__all__ = ["guarded_client", "issuer_source", "key_policy"]


def guarded_client(settings: TrustSettings) -> GuardedClient:
    """Builds the client of `[trust]`.

    Raises:
        OSError: `trust.ca_file` cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    limits = FetchLimits(
        connect_s=settings.connect_s, total_s=settings.total_s, body_bytes=settings.body_bytes
    )
    return GuardedClient(limits, ca_file=settings.ca_file)


def key_policy(settings: TrustSettings) -> KeyPolicy:
    """Reads the pace and the age of key sets from `[trust]`."""
    return KeyPolicy(
        refresh=Bounds(settings.refresh_min_s, settings.refresh_max_s),
        hold_s=settings.refresh_hold_s,
        max_age_s=settings.keys_max_age_s,
        max_bytes=settings.body_bytes,
    )


def issuer_source(
    issuer: str,
    *,
    jwks_uri: str | None = None,
    file: Path | None = None,
    inline: Mapping[str, object] | None = None,
    discovery: str | None = None,
    openings: Iterable[tuple[str, str]] = (),
    loopback_http: bool = False,
) -> IssuerSource:
    """Builds the source of one issuer of a catalogue.

    Args:
        issuer: As it stands in the catalogue.
        jwks_uri: One of the four is given: the URL of a key set;
        file: a file that holds one;
        inline: the set itself;
        discovery: `oidc` or `oauth`.
        openings: Pairs of host and CIDR, the issuer's `network`.
        loopback_http: The setting `insecure.loopback_http`.

    Raises:
        ValueError: None or several of the four, an unknown discovery, or a range that may not be
            opened.
    """
    given: list[KeySource] = []
    if jwks_uri is not None:
        given.append(JwksUri(jwks_uri))
    if file is not None:
        given.append(File(file))
    if inline is not None:
        given.append(Inline(json.dumps(inline).encode()))
    if discovery is not None:
        given.append(Discovery(Flavour(discovery)))
    if len(given) != 1:
        raise ValueError("an issuer has exactly one of jwks_uri, file, inline and discovery")
    opened = tuple(Opening(host, ipaddress.ip_network(cidr)) for host, cidr in openings)
    return IssuerSource(issuer, given[0], Reach(opened, loopback_http=loopback_http))
