"""What a change makes looser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accredit.catalogue import Catalogue, Sources, validate
from accredit.catalogue.diff import diff
from accredit.catalogue.signing import Signer
from accredit.engine import Engine
from accredit.settings import Settings

Read = Callable[..., Catalogue]

BASE = """\
accredit: catalogue/1
issuers:
  - issuer: https://issuer.example
    keys: {jwks_uri: https://issuer.example/jwks}
    algorithms: [RS256, ES256]
    network: [{host: issuer.example, cidr: 10.0.0.0/24}]
  - {issuer: https://other.example, keys: {discovery: oidc}}
resources:
  - resource: https://api.example/orders
    owner: orders-team
    issuers: [https://issuer.example]
    audience: {mode: family, members: [https://api.example/a, https://api.example/b]}
    max_lifetime: 15m
    mode: report
    report_since: 2027-01-01
    report_until: 2027-02-01
    scopes: [read, write]
    selectors: {route_metadata: [orders]}
    routes:
      - {hosts: [api.example], paths: [/orders/**], methods: [GET, PUT], scopes: [read, write]}
      - {hosts: [api.example], paths: [/orders/any], methods: [GET], scopes: {any: [read, write]}}
      - {hosts: [api.example], paths: [/status], methods: [GET], access: public}
"""
ORDERS = "https://api.example/orders"
ISSUER = "issuer https://issuer.example"


@pytest.mark.parametrize(
    ("old", "new", "kind", "subject", "what"),
    [
        ("algorithms: [RS256, ES256]", "algorithms: [RS256, ES256, PS256]", "looser", ISSUER, "algorithms added"),
        ("jwks_uri: https://issuer.example/jwks", "jwks_uri: https://issuer.example/other", "looser", ISSUER, "keys come from elsewhere"),
        ("algorithms: [RS256, ES256]", "algorithms: [RS256, ES256]\n    profile: {legacy: {client: azp, scope: scope, marker: {typ: Bearer}}}", "looser", ISSUER, "profile"),
        ("cidr: 10.0.0.0/24}", "cidr: 10.0.0.0/24}, {host: issuer.example, cidr: 10.1.0.0/24}", "looser", ISSUER, "network added"),
        ("issuers: [https://issuer.example]", "issuers: [https://issuer.example, https://other.example]", "looser", ORDERS, "issuers added"),
        ("max_lifetime: 15m", "max_lifetime: 16m", "looser", ORDERS, "max_lifetime"),
        ("audience: {mode: family, members: [https://api.example/a, https://api.example/b]}", "audience: {mode: any}", "looser", ORDERS, "audience"),
        ("https://api.example/b]}", "https://api.example/b, https://api.example/c]}", "looser", ORDERS, "audience"),
        ("report_until: 2027-02-01", "report_until: 2027-02-02", "looser", ORDERS, "mode"),
        ("report_since: 2027-01-01", "report_since: 2026-12-31", "looser", ORDERS, "mode"),
        ("max_lifetime: 15m", "max_lifetime: 15m\n    paths: resolve", "looser", ORDERS, "paths"),
        ("max_lifetime: 15m", "max_lifetime: 15m\n    cors_preflight: true", "looser", ORDERS, "cors_preflight"),
        ("    scopes: [read, write]\n    sel", "    scopes: [read]\n    sel", "looser", ORDERS, "scopes of requests without a path"),
        ("    scopes: [read, write]\n    sel", "    scopes: {any: [read, write]}\n    sel", "looser", ORDERS, "scopes of requests without a path"),
        ("route_metadata: [orders]", "route_metadata: [orders, more]", "looser", ORDERS, "selectors.route_metadata added"),
        ("[GET, PUT], scopes: [read, write]", "[GET, PUT], scopes: [read]", "looser", ORDERS, "route GET /orders/** on api.example"),
        ("[GET, PUT], scopes: [read, write]", "[GET, PUT], scopes: []", "looser", ORDERS, "route PUT /orders/** on api.example"),
        ("[GET, PUT], scopes: [read, write]", "[GET, PUT], scopes: {any: [read, write]}", "looser", ORDERS, "route GET /orders/** on api.example"),
        ("[GET, PUT], scopes: [read, write]", "[GET, PUT, DELETE], scopes: [read, write]", "looser", ORDERS, "route DELETE /orders/** on api.example"),
        ("{any: [read, write]}}", "{any: [read, write, x]}}", "looser", ORDERS, "route GET /orders/any on api.example"),
        ("hosts: [api.example], paths: [/orders/**]", "hosts: [api.example, b.example], paths: [/orders/**]", "looser", ORDERS, "route GET /orders/** on b.example"),
        ("paths: [/orders/any], methods: [GET], scopes: {any: [read, write]}", "paths: [/orders/any], methods: [GET], access: public", "looser", ORDERS, "route GET /orders/any on api.example"),
        ("[/status], methods: [GET]", "[/status, /more], methods: [GET]", "looser", ORDERS, "route GET /more on api.example"),
        ("scopes: {any: [read, write]}}", "scopes: {any: [read, write]}, cors_preflight: true}", "looser", ORDERS, "cors_preflight GET /orders/any on api.example"),
        ("owner: orders-team", "owner: new-team", "neutral", ORDERS, "owner"),
        ("https://api.example/b]}", "https://api.example/b], max: 3}", "neutral", ORDERS, "audience.max"),
        ("owner: orders-team", "owner: orders-team\n    metadata_url: https://api.example/meta", "neutral", ORDERS, "metadata_url"),
    ],
)  # fmt: skip
def test_a_change_is_looser_and_its_undoing_tighter(
    *, read: Read, old: str, new: str, kind: str, subject: str, what: str
) -> None:
    assert BASE.count(old) == 1
    before, after = read(BASE), read(BASE.replace(old, new))
    found = {(one.kind, one.subject, one.what) for one in diff(before, after)}
    assert (kind, subject, what) in found
    if kind == "looser":
        assert not [one for one in found if one[0] == "tighter"]
    # A key source is never shown to be the better one.
    if what != "keys come from elsewhere":
        kinds = {one.kind for one in diff(after, before)}
        assert kinds == ({"tighter"} if kind == "looser" else {"neutral"})


def test_enforcing_is_tighter_than_reporting(read: Read) -> None:
    report = "mode: report\n    report_since: 2027-01-01\n    report_until: 2027-02-01"
    (change,) = diff(read(BASE), read(BASE.replace(report, "mode: enforce")))
    assert (change.kind, change.what) == ("tighter", "mode")
    assert change.before == "report from 2027-01-01 until 2027-02-01"
    (change,) = diff(read(BASE.replace(report, "mode: enforce")), read(BASE))
    assert (change.kind, change.after) == ("looser", change.after)
    shifted = BASE.replace("2027-01-01", "2027-01-02").replace("2027-02-01", "2027-02-02")
    (change,) = diff(read(BASE), read(shifted))
    assert change.kind == "looser"


def test_a_family_that_swaps_a_member_is_both(read: Read) -> None:
    swapped = BASE.replace("https://api.example/b]", "https://api.example/c]")
    found = [(one.kind, one.what) for one in diff(read(BASE), read(swapped))]
    assert found == [("looser", "audience"), ("tighter", "audience members removed")]


def test_resources_and_issuers_come_and_go(read: Read) -> None:
    more = BASE + (
        "  - resource: https://api.example/more\n    issuers: [https://other.example]\n"
        "    routes:\n      - {hosts: [more.example], paths: [/], methods: [GET], scopes: []}\n"
    )
    (change,) = diff(read(BASE), read(more))
    assert (change.kind, change.what, change.after) == ("looser", "resource added", "1 route")
    (change,) = diff(read(more), read(BASE))
    assert (change.kind, change.what) == ("tighter", "resource removed")
    fewer = BASE.replace("  - {issuer: https://other.example, keys: {discovery: oidc}}\n", "")
    assert [one.kind for one in diff(read(BASE), read(fewer))] == ["neutral"]
    assert [one.kind for one in diff(read(fewer), read(BASE))] == ["neutral"]


def test_a_new_resource_that_takes_paths_over_is_said_to(read: Read) -> None:
    more = BASE + (
        "  - resource: https://api.example/more\n    issuers: [https://other.example]\n"
        "    routes:\n      - {hosts: [api.example], paths: [/orders/x], methods: [GET], scopes: []}\n"
    )
    found = {(one.kind, one.what) for one in diff(read(BASE), read(more))}
    assert found == {
        ("looser", "resource added"),
        ("looser", "route GET /orders/x on api.example"),
        # The narrower path decides alone, and does not list PUT.
        ("tighter", "route PUT /orders/x on api.example"),
    }


def test_removing_a_narrow_route_can_be_looser(read: Read, minimal: str) -> None:
    narrow = "      - {hosts: [api.example], paths: [/orders/secret], methods: [GET], scopes: [secret]}\n"
    (change,) = diff(read(minimal + narrow), read(minimal))
    assert (change.kind, change.what) == ("looser", "route GET /orders/secret on api.example")
    (change,) = diff(read(minimal), read(minimal + narrow))
    assert (change.kind, change.what) == ("looser", "route GET /orders/secret on api.example")
    both = narrow.replace("[secret]", "[orders:read, secret]")
    (change,) = diff(read(minimal), read(minimal + both))
    assert change.kind == "tighter"


def test_another_spelling_is_no_change(read: Read) -> None:
    split = BASE.replace(
        "paths: [/orders/**], methods: [GET, PUT], scopes: [read, write]}",
        "paths: [/orders/**], methods: [GET], scopes: [write, read]}\n"
        "      - {hosts: [api.example], paths: [/orders/**], methods: [PUT], scopes: [read, write]}",
    ).replace("paths: [/orders/any]", "paths: ['/orders/%61ny']")
    assert diff(read(BASE), read(split)) == []
    assert diff(read(BASE), read(BASE)) == []


SCOPES = st.sampled_from([[], ["r"], ["w"], ["r", "w"], {"any": ["r"]}, {"any": ["r", "w"]}, None])
ROUTES = st.lists(
    st.fixed_dictionaries({
        "paths": st.sampled_from(["/", "/a", "/a/", "/*", "/a/*", "/*/b", "/a/**", "/**", "/a/b"]),
        "method": st.sampled_from(["GET", "PUT"]),
        "scopes": SCOPES,
        "resource": st.integers(0, 1),
    }),
    max_size=5,
    unique_by=lambda route: (route["paths"], route["method"]),
)  # fmt: skip
CATALOGUES = st.tuples(
    ROUTES,
    st.fixed_dictionaries({
        "max_lifetime": st.sampled_from(["5m", "15m"]),
        "audience": st.sampled_from([
            {"mode": "exactly_one"}, {"mode": "any"}, {"mode": "family", "members": ["a:9"]},
        ]),
        "issuers": st.sampled_from([["https://i.example"], ["https://i.example", "https://j.example"]]),
        "scopes": st.sampled_from([["r"], ["r", "w"], {"any": ["r", "w"]}]),
    }),
)  # fmt: skip


def built(drawn: tuple[list[dict[str, Any]], dict[str, Any]]) -> Catalogue:
    routes, common = drawn
    issuers = [
        {
            "issuer": f"https://{name}.example",
            "keys": {"discovery": "oidc"},
            "algorithms": ["Ed25519"],
        }
        for name in "ij"
    ]
    resources = []
    for index in range(2):
        own = []
        for route in routes:
            public = route["scopes"] is None and "*" not in route["paths"]
            if route["resource"] == index:
                needs = {"access": "public"} if public else {"scopes": route["scopes"] or []}
                own.append({
                    "hosts": ["a.example"], "paths": [route["paths"]], "methods": [route["method"]],
                    **needs,
                })  # fmt: skip
        resources.append({"resource": f"a:{index}", "routes": own, **common})
    document = {"accredit": "catalogue/1", "issuers": issuers, "resources": resources}
    return validate(Sources(Path(), (("a.yaml", json.dumps(document).encode()),)))


SIGNERS = {f"https://{name}.example": Signer(("Ed25519",)) for name in "ij"}
NOW_S = 1_800_000_000


def tokens() -> list[str | None]:
    found: list[str | None] = [None]
    for issuer, signer in SIGNERS.items():
        for audience in ("a:0", "a:1", ["a:0", "a:9"], ["a:1", "a:8"]):
            for scope in ("r", "w", "r w", "x"):
                for lifetime_s in (300, 900):
                    claims = {
                        "iss": issuer, "aud": audience, "scope": scope, "sub": "s", "client_id": "c",
                        "jti": "j", "iat": NOW_S, "exp": NOW_S + lifetime_s,
                    }  # fmt: skip
                    found.append(signer.sign({"typ": "at+jwt"}, claims, "Ed25519"))
    return found


TOKENS = tokens()
PATHS = ["/", "/a", "/a/", "/b", "/b/", "/a/b", "/a/c", "/c/b", "/c/d", "/a/b/c", "/a/b/", None]
QUESTIONS = [
    {"token": token, "host": "a.example", "path": path, "method": method, "at": NOW_S}
    for token in TOKENS for path in PATHS if path for method in ("GET", "PUT")
] + [{"token": token, "resource": f"a:{index}", "at": NOW_S} for token in TOKENS for index in range(2)]  # fmt: skip
LINES = b"".join(json.dumps(question).encode() + b"\n" for question in QUESTIONS)


def allowed(whole: Catalogue) -> list[bool]:
    engine = Engine(Settings().engine_json())
    engine.load_catalogue(whole.compiled())
    for issuer, signer in SIGNERS.items():
        engine.set_keys(issuer, signer.jwks(), requested_at_ms=0, usable_until_s=NOW_S * 2)
    answers = engine.query_lines(LINES, now_ms=NOW_S * 1_000).splitlines()
    return [json.loads(answer)["decision"] == "allow" for answer in answers]


@given(CATALOGUES, CATALOGUES)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_passes_anew_unless_the_difference_says_looser(
    old: tuple[list[dict[str, Any]], dict[str, Any]],
    new: tuple[list[dict[str, Any]], dict[str, Any]],
) -> None:
    before, after = built(old), built(new)
    kinds = {change.kind for change in diff(before, after)}
    pairs = list(zip(allowed(before), allowed(after), strict=True))
    if "looser" not in kinds:
        assert not [pair for pair in pairs if pair == (False, True)]
    if "tighter" not in kinds and "looser" not in kinds:
        assert not [pair for pair in pairs if pair == (True, False)]


@given(CATALOGUES, st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_catalogue_made_stricter_never_becomes_looser(
    drawn: tuple[list[dict[str, Any]], dict[str, Any]], data: st.DataObject
) -> None:
    routes, common = drawn
    stricter = dict(common)
    if data.draw(st.booleans()):
        stricter["max_lifetime"] = "1m"
    if data.draw(st.booleans()):
        stricter["audience"] = {"mode": "exactly_one"}
    if data.draw(st.booleans()):
        stricter["issuers"] = common["issuers"][:1]
    if data.draw(st.booleans()):
        stricter["scopes"] = ["r", "w", "x"]
    fewer = []
    for route in routes:
        scopes = route["scopes"]
        if isinstance(scopes, list) and data.draw(st.booleans()):
            scopes = [*scopes, "x"]
        fewer.append({**route, "scopes": scopes})
    changes = diff(built(drawn), built((fewer, stricter)))
    assert [change for change in changes if change.kind == "looser"] == []
