"""From settings and catalogue entries to what the keeper takes."""

import ipaddress
import json
from pathlib import Path

import pytest

from accredit.settings import TrustSettings
from accredit.trust.addresses import Opening
from accredit.trust.configure import guarded_client, issuer_source, key_policy
from accredit.trust.discovery import Flavour
from accredit.trust.freshness import Bounds
from accredit.trust.network import PUBLIC, Reach
from accredit.trust.sources import Discovery, File, Inline, JwksUri

ISSUER = "https://issuer.test"


def test_each_setting_has_its_place() -> None:
    settings = TrustSettings(
        refresh_min_s=61, refresh_max_s=62, refresh_hold_s=63, keys_max_age_s=64, connect_s=5,
        total_s=6, body_bytes=5000,
    )  # fmt: skip
    policy = key_policy(settings)
    assert policy.refresh == Bounds(61, 62)
    assert (policy.hold_s, policy.max_age_s, policy.max_bytes) == (63, 64, 5000)
    limits = guarded_client(settings)._limits
    assert (limits.connect_s, limits.total_s, limits.body_bytes) == (5, 6, 5000)


def test_each_kind_of_source() -> None:
    assert issuer_source(ISSUER, jwks_uri="https://a.test").keys == JwksUri("https://a.test")
    assert issuer_source(ISSUER, file=Path("a")).keys == File(Path("a"))
    assert issuer_source(ISSUER, discovery="oidc").keys == Discovery(Flavour.OIDC)
    assert issuer_source(ISSUER, discovery="oauth").keys == Discovery(Flavour.OAUTH)
    inline = issuer_source(ISSUER, inline={"keys": []}).keys
    assert isinstance(inline, Inline)
    assert json.loads(inline.jwks) == {"keys": []}


def test_the_reach_is_what_the_operator_wrote() -> None:
    assert issuer_source(ISSUER, discovery="oidc").reach == PUBLIC
    made = issuer_source(
        ISSUER,
        discovery="oidc",
        openings=[("a.test", "10.0.0.0/8")],
        loopback_http=True,
    )
    opening = Opening("a.test", ipaddress.ip_network("10.0.0.0/8"))
    assert made.reach == Reach((opening,), loopback_http=True)


def test_none_several_and_unknown_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        issuer_source(ISSUER)
    with pytest.raises(ValueError, match="exactly one"):
        issuer_source(ISSUER, jwks_uri="https://a.test", discovery="oidc")
    with pytest.raises(ValueError, match="saml"):
        issuer_source(ISSUER, discovery="saml")
    with pytest.raises(ValueError, match="may not be opened"):
        issuer_source(ISSUER, discovery="oidc", openings=[("a.test", "169.254.0.0/16")])


def test_sources_have_digests_of_their_own() -> None:
    sources = [
        issuer_source(ISSUER, jwks_uri="https://a.test"),
        issuer_source(ISSUER, jwks_uri="https://b.test"),
        issuer_source("https://b.test", jwks_uri="https://a.test"),
        issuer_source(ISSUER, discovery="oidc"),
        issuer_source(ISSUER, discovery="oauth"),
        issuer_source(ISSUER, file=Path("https://a.test")),
        issuer_source(ISSUER, inline={"keys": []}),
        issuer_source(ISSUER, inline={"keys": [1]}),
    ]
    assert len({source.digest() for source in sources}) == len(sources)
    assert [source.remote for source in sources] == [True] * 5 + [False] * 3
    opened = issuer_source(ISSUER, jwks_uri="https://a.test", openings=[("a.test", "10.0.0.0/8")])
    assert opened.digest() == sources[0].digest()
