"""What a catalogue may say, and what is said about one that does not load."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accredit.catalogue import Catalogue, Sources, validate
from accredit.catalogue.core_check import compile_faults
from accredit.catalogue.signing import Signer
from accredit.errors import CatalogueError

Read = Callable[..., Catalogue]

ISSUER = "issuers:\n  - {issuer: https://issuer.example, keys: {jwks_uri: https://issuer.example/jwks}}\n"
HEAD = f"accredit: catalogue/1\n{ISSUER}"


def faults_of(read: Read, *texts: str, loopback_http: bool = False) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        read(*texts, loopback_http=loopback_http)
    return [str(fault) for fault in caught.value.faults]


def with_issuer(members: str, issuer: str = "https://issuer.example") -> str:
    return f"accredit: catalogue/1\nissuers:\n  - {{issuer: '{issuer}', {members}}}\n"


def with_resource(members: str, resource: str = "https://api.example/orders") -> str:
    return (
        f"{HEAD}resources:\n  - resource: {resource}\n    issuers: [https://issuer.example]\n"
        f"    scopes: [x]\n    {members}\n"
    )


def with_route(route: str) -> str:
    return (
        f"{HEAD}resources:\n  - resource: https://api.example/orders\n"
        f"    issuers: [https://issuer.example]\n    routes:\n      - {{{route}}}\n"
    )


def test_the_defaults_are_those_of_the_format(read: Read, minimal: str) -> None:
    whole = read(minimal)
    (issuer,), (resource,) = whole.issuers, whole.resources
    assert issuer.algorithms == ("RS256", "PS256", "ES256", "Ed25519")
    assert issuer.profile.legacy is None
    assert resource.mode == "enforce"
    assert resource.audience.mode == "exactly_one"
    assert resource.max_lifetime_s == 3_600
    assert resource.paths == "refuse"
    assert resource.registration == "off"
    assert resource.routes[0].access == "token"


def test_the_compiled_form_is_what_the_core_reads(read: Read) -> None:
    text = """\
accredit: catalogue/1
issuers:
  - issuer: https://issuer.example
    keys: {inline: INLINE}
    algorithms: [RS256, EdDSA, Ed25519]
    profile: {legacy: {client: azp, scope: scp, marker: {typ: Bearer}}}
resources:
  - resource: https://api.example/orders
    owner: orders-team
    issuers: [https://issuer.example]
    audience: {mode: family, members: [https://api.example/b, https://api.example/a]}
    max_lifetime: 15m
    mode: report
    report_since: 2027-01-01
    report_until: 2027-03-01
    registration: off
    paths: resolve
    scopes: {any: [z, a]}
    metadata_url: https://api.example/meta
    cors_preflight: true
    selectors: {route_metadata: [orders], destination_principal: ["spiffe://x/orders"]}
    routes:
      - {hosts: [b.example, a.example], paths: [/z, /a/**], methods: [PUT, GET], scopes: [z, a]}
      - {paths: [/any], methods: [GET], scopes: [], cors_preflight: true}
      - {hosts: [a.example], paths: [/p], methods: [GET], access: public}
"""
    text = text.replace("INLINE", Signer(("Ed25519",)).jwks().decode())
    assert json.loads(read(text).compiled()) == {
        "format": "accredit-compiled/1",
        "issuers": [{
            "issuer": "https://issuer.example",
            "algorithms": ["Ed25519", "RS256"],
            "profile": {"kind": "legacy", "client": "azp", "scope": "scp", "marker": {"typ": "Bearer"}},
            "refreshable": False,
        }],
        "resources": [{
            "resource": "https://api.example/orders",
            "owner": "orders-team",
            "issuers": ["https://issuer.example"],
            "audience": {"mode": "family", "members": ["https://api.example/a", "https://api.example/b"], "max": 4},
            "max_lifetime_s": 900,
            "mode": "report",
            "report_since_s": 1_798_761_600,
            "report_until_s": 1_803_859_200,
            "paths": "resolve",
            "scopes": {"any": ["z", "a"]},
            "metadata_url": "https://api.example/meta",
            "cors_preflight": True,
            "selectors": {"route_metadata": ["orders"], "destination_principal": ["spiffe://x/orders"]},
            "routes": [
                {"access": "public", "cors_preflight": False, "hosts": ["a.example"], "methods": ["GET"], "paths": ["/p"], "scopes": None},
                {"access": "token", "cors_preflight": False, "hosts": ["a.example", "b.example"], "methods": ["GET", "PUT"], "paths": ["/a/**", "/z"], "scopes": {"all": ["z", "a"]}},
                {"access": "token", "cors_preflight": True, "hosts": [], "methods": ["GET"], "paths": ["/any"], "scopes": None},
            ],
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("keys: {}", "keys: needs exactly one of jwks_uri, file, inline and discovery"),
        ("keys: {jwks_uri: https://i.example, file: x}", "keys: needs exactly one of jwks_uri, file, inline and discovery"),
        ("keys: {jwks_uri: null}", "keys: needs exactly one of jwks_uri, file, inline and discovery"),
        ("keys: {jwks_uri: http://i.example/jwks}", "keys.jwks_uri: `http://i.example/jwks` is not https; only a demo may use http on loopback (`insecure.loopback_http`)"),
        ("keys: {jwks_uri: 'https://u:p@i.example/jwks'}", "keys.jwks_uri: `https://…@i.example/jwks` holds a user or a password; write the URL without them"),
        ("keys: {jwks_uri: 'https:///jwks'}", "keys.jwks_uri: `https:///jwks` names no host; write an https URL such as https://issuer.example"),
        ("keys: {jwks_uri: 'file:///etc/passwd'}", "keys.jwks_uri: `file:///etc/passwd` names no host; write an https URL such as https://issuer.example"),
        ("keys: {discovery: saml}", "keys.discovery: `saml` is not one of the choices; use 'oidc' or 'oauth'"),
        ("keys: {inline: [1]}", "keys.inline: is not a mapping; write names and values, name: value"),
        ("keys: {file: ''}", "keys: names no file; write a path relative to the catalogue's folder"),
        ("keys: {jwks: x}", "keys.jwks: unknown name; did you mean `jwks_uri`?"),
        ("keys: {discovery: oidc}, algorithms: []", "algorithms: is empty; give at least one"),
        ("keys: {discovery: oidc}, algorithms: [RS256, RS256]", "algorithms: holds `RS256` twice; remove one"),
        ("keys: {discovery: oidc}, algorithms: RS256", "algorithms: `RS256` is not a list; write - before each element, or [brackets]"),
        *[
            (f"keys: {{discovery: oidc}}, algorithms: [{name}]",
             f"algorithms[0]: `{name}` is never accepted: whoever can read the catalogue could sign with it; remove it")
            for name in ("none", "nOnE", "HS256", "hs512")
        ],
        ("keys: {discovery: oidc}, algorithms: [Ed448]", "algorithms[0]: `Ed448` is not supported; use Ed25519"),
        ("keys: {discovery: oidc}, algorithms: [ES256K]", "algorithms[0]: `ES256K` is no known algorithm; use some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, Ed25519"),
        ("keys: {discovery: oidc}, profile: legacy", "profile: `legacy` is no profile; write rfc9068, or {legacy: {client: …, scope: …, marker: {…}}}"),
        ("keys: {discovery: oidc}, profile: {}", "profile: is no profile; write rfc9068, or {legacy: {client: …, scope: …, marker: {…}}}"),
        ("keys: {discovery: oidc}, profile: null", "profile: is no profile; write rfc9068, or {legacy: {client: …, scope: …, marker: {…}}}"),
        # Without a marker, an ID token would do.
        ("keys: {discovery: oidc}, profile: {legacy: {client: azp, scope: scope}}", "profile.legacy.marker: is missing; write it"),
        ("keys: {discovery: oidc}, profile: {legacy: {client: azp, scope: scope, marker: {}}}", "profile.legacy.marker: is empty; give at least one"),
        ("keys: {discovery: oidc}, profile: {legacy: {client: azp, scope: scope, marker: {typ: ''}}}", "profile.legacy.marker.typ: `` is empty; write something"),
        ("keys: {discovery: oidc}, profile: {legacy: {client: azp, scope: scope, marker: {iss: 'https://i.example'}}}", "profile.legacy.marker: holds `iss`, which an ID token has too; name what only an access token has"),
        ("keys: {discovery: oidc}, profile: {legacy: {client: sub, scope: scope, marker: {typ: x}}}", "profile.legacy.client: `sub` is not one of the choices; use 'client_id', 'azp', 'cid' or 'appid'"),
        ("keys: {discovery: oidc}, network: [{host: sso.corp, cidr: 10.0.0.1/24}]", "network[0].cidr: `10.0.0.1/24` is no address range; write one such as 10.0.0.0/24, with its host bits zero"),
        ("keys: {discovery: oidc}, network: [{host: sso.corp, cidr: 0.0.0.0/0}]", "network[0].cidr: `0.0.0.0/0` opens too much; name at most a /8 (IPv4) or a /32 (IPv6)"),
        ("keys: {discovery: oidc}, network: [{host: 'sso.corp:443', cidr: 10.0.0.0/24}]", "network[0].host: `sso.corp:443` has a port; name the host alone"),
        ("keys: {discovery: oidc}, tenant: x", "tenant: `tenant` is reserved: the check of the tenant (step 9) is not built yet; remove it"),
    ],
)  # fmt: skip
def test_a_wrong_issuer_does_not_load(read: Read, members: str, expected: str) -> None:
    assert faults_of(read, with_issuer(members)) == [f"0.yaml:3: issuers[0].{expected}"]


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("http://issuer.example", "is not https; only a demo may use http on loopback (`insecure.loopback_http`)"),
        ("http://127.0.0.1:9400", "is not https; only a demo may use http on loopback (`insecure.loopback_http`)"),
        ("https://issuer.example?x=y", "has a query; an issuer is an https URL without query and fragment"),
        ("https://issuer.example#x", "is no absolute URI without fragment; write one such as https://api.example/orders"),
        ("https://issuer.example/ö", "is no absolute URI without fragment; write one such as https://api.example/orders"),
        ("issuer.example", "is no absolute URI without fragment; write one such as https://api.example/orders"),
        ("https://issuer.example:0", "names no host; write an https URL such as https://issuer.example"),
        ("https://issuer.example:99999", "names no host; write an https URL such as https://issuer.example"),
        ("https://[::1", "names no host; write an https URL such as https://issuer.example"),
    ],
)  # fmt: skip
def test_an_issuer_is_an_https_url(read: Read, issuer: str, expected: str) -> None:
    (fault,) = faults_of(read, with_issuer("keys: {discovery: oidc}", issuer))
    assert fault == f"0.yaml:3: issuers[0].issuer: `{issuer}` {expected}"


@pytest.mark.parametrize("host", ["127.0.0.1:9400", "[::1]:9400", "localhost", "127.1.2.3"])
def test_http_on_loopback_needs_the_insecure_setting(read: Read, host: str) -> None:
    text = with_issuer(f"keys: {{jwks_uri: 'http://{host}/jwks'}}", f"http://{host}")
    assert len(faults_of(read, text)) == 2
    assert read(text, loopback_http=True).issuers[0].issuer == f"http://{host}"


@pytest.mark.parametrize("host", ["issuer.example", "10.0.0.1", "127.0.0.1.nip.example", "localhost.example", "0.0.0.0"])  # fmt: skip
def test_the_insecure_setting_opens_loopback_alone(read: Read, host: str) -> None:
    text = with_issuer("keys: {discovery: oidc}", f"http://{host}")
    (fault,) = faults_of(read, text, loopback_http=True)
    assert (
        "is http to another host; `insecure.loopback_http` opens loopback addresses alone" in fault
    )


RESERVED = ["tenant", "binding", "introspection", "status", "replay", "log_required"]


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("value", ["off", "true", "null", "{}", "required"])
def test_what_a_later_step_needs_is_an_error_and_never_ignored(
    read: Read, name: str, value: str
) -> None:
    for text, place in [
        (with_resource(f"{name}: {value}"), f"8: resources[0].{name}"),
        (with_issuer(f"keys: {{discovery: oidc}}, {name}: {value}"), f"3: issuers[0].{name}"),
        (with_route(f"paths: [/], methods: [GET], scopes: [], {name}: {value}"), f"8: resources[0].routes[0].{name}"),
        (f"{HEAD}{name}: {value}\n", f"4: {name}"),
    ]:  # fmt: skip
        (fault,) = faults_of(read, text)
        assert fault.startswith(f"0.yaml:{place}: `{name}` is reserved: ")
        assert "not built yet; remove it" in fault


@pytest.mark.parametrize("value", ["off", '"off"', "'off'"])
def test_registration_is_off_quoted_or_not(read: Read, value: str) -> None:
    assert read(with_resource(f"registration: {value}")).resources[0].registration == "off"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("registration: required", 'registration: `required` needs the registry, which this version does not have; write `registration: "off"` or leave it out'),
        ("registration: reported", 'registration: `reported` needs the registry, which this version does not have; write `registration: "off"` or leave it out'),
        ("registration: false", "registration: `false` is not one of the choices; use 'off'"),
        ("registration: [off]", "registration: is not one of the choices; use 'off'"),
        ("owner: ''", "owner: `` is empty; write something"),
        ("owner: 3", "owner: `3` is not text; put it in quotes"),
        ("max_lifetime: 900", "max_lifetime: `900` is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"),
        ("max_lifetime: 15", "max_lifetime: `15` is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"),
        ("max_lifetime: 1w", "max_lifetime: `1w` is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"),
        ("max_lifetime: 0s", "max_lifetime: `0s` is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"),
        ("max_lifetime: 31d", "max_lifetime: `31d` is too large; use at most 30d"),
        ("mode: warn", "mode: `warn` is not one of the choices; use 'enforce' or 'report'"),
        ("paths: ignore", "paths: `ignore` is not one of the choices; use 'refuse' or 'resolve'"),
        ("cors_preflight: yes", "cors_preflight: `yes` is not a boolean; use true or false"),
        ("metadata_url: http://api.example/meta", "metadata_url: `http://api.example/meta` is not https; only a demo may use http on loopback (`insecure.loopback_http`)"),
        ("audience: exactly_one", "audience: `exactly_one` is not a mapping; write names and values, name: value"),
        ("audience: {mode: none}", "audience.mode: `none` is not one of the choices; use 'exactly_one', 'any' or 'family'"),
        ("audience: {}", "audience.mode: is missing; write it"),
        ("audience: {mode: any, members: [https://a.example]}", "audience: has mode any and a family; remove members and max"),
        ("audience: {mode: exactly_one, max: 2}", "audience: has mode exactly_one and a family; remove members and max"),
        ("audience: {mode: family}", "audience: is a family without members; list them"),
        ("audience: {mode: family, members: []}", "audience.members: is empty; give at least one"),
        ("audience: {mode: family, members: [a:1, a:2, a:3, a:4, a:5]}", "audience: has 5 members, more than max 4; make the family smaller, or raise max"),
        ("audience: {mode: family, members: [a:1], max: 1}", "audience.max: `1` is too small; use at least 2"),
        ("audience: {mode: family, members: [a:1], max: 17}", "audience.max: `17` is too large; use at most 16"),
        ("selectors: {context_extension: true}", "selectors.context_extension: unknown name; remove it"),
        ("selectors: {route_metadata: [a, a]}", "selectors.route_metadata: holds `a` twice; remove one"),
    ],
)  # fmt: skip
def test_a_wrong_resource_does_not_load(read: Read, members: str, expected: str) -> None:
    assert faults_of(read, with_resource(members)) == [f"0.yaml:8: resources[0].{expected}"]


@pytest.mark.parametrize(
    "text", ["orders", "/orders", "https://api.example/#x", "https:", "https://api.example/ x", "1a:b", "https://api.exämple"],
)  # fmt: skip
def test_a_resource_is_an_absolute_uri_without_fragment(read: Read, text: str) -> None:
    (fault,) = faults_of(read, with_resource("owner: x", f'"{text}"'))
    assert fault.startswith(f"0.yaml:5: resources[0].resource: `{text}` is no absolute URI")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("mode: report, owner: o", "is in report mode without both report_since and report_until; give both"),
        ("mode: report, owner: o, report_since: 2027-01-01", "is in report mode without both report_since and report_until; give both"),
        ("mode: report, owner: o, report_until: 2027-01-01", "is in report mode without both report_since and report_until; give both"),
        ("mode: report, owner: o, report_since: 2027-01-01, report_until: 2027-01-01", "has a report window that is empty or longer than 90 days; bring the dates closer"),
        ("mode: report, owner: o, report_since: 2027-01-02, report_until: 2027-01-01", "has a report window that is empty or longer than 90 days; bring the dates closer"),
        ("mode: report, owner: o, report_since: 2027-01-01, report_until: 2027-04-02", "has a report window that is empty or longer than 90 days; bring the dates closer"),
        ("mode: report, report_since: 2027-01-01, report_until: 2027-04-01", "is in report mode without owner; whoever softens a check answers for it"),
        ("owner: o, report_since: 2027-01-01", "has report dates in enforce mode; remove them, or write `mode: report`"),
    ],
)  # fmt: skip
def test_report_mode_is_owned_and_bounded(read: Read, members: str, expected: str) -> None:
    text = HEAD + (
        "resources:\n  - {resource: a:b, issuers: [https://issuer.example], scopes: [x], "
        + members
        + "}\n"
    )
    assert faults_of(read, text) == [f"0.yaml:5: resources[0]: {expected}"]


def test_ninety_days_of_report_are_the_most(read: Read) -> None:
    members = (
        "mode: report\n    owner: o\n    report_since: 2027-01-01\n    report_until: 2027-04-01"
    )
    resource = read(with_resource(members)).resources[0]
    assert resource.report_since_s is not None
    assert resource.report_until_s == resource.report_since_s + 90 * 86_400


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("paths: [/], methods: [GET]", ": has no scopes; list them, or write `scopes: []` where none is needed"),
        ("paths: [/], methods: [GET], scopes: null", ": has no scopes; list them, or write `scopes: []` where none is needed"),
        ("paths: [/], methods: [], scopes: []", ".methods: is empty; give at least one"),
        ("methods: [GET], scopes: []", ".paths: is missing; write it"),
        ("paths: [/], methods: [get], scopes: []", ".methods[0]: `get` is no method; write one in upper case, such as GET"),
        ("paths: [/], methods: ['*'], scopes: []", ".methods[0]: `*` is no method; write one in upper case, such as GET"),
        ("paths: [/], methods: [GET], scopes: a b", ".scopes: `a b` is no list of scopes; write it in [brackets]"),
        ("paths: [/], methods: [GET], scopes: [a b]", ".scopes.all[0]: `a b` is no scope; write one word of visible ASCII without quotes and backslashes"),
        ("paths: [/], methods: [GET], scopes: ['']", ".scopes.all[0]: `` is no scope; write one word of visible ASCII without quotes and backslashes"),
        ("paths: [/], methods: [GET], scopes: {any: []}", ".scopes.any: is empty; give at least one"),
        ("paths: [/], methods: [GET], scopes: {}", ".scopes: needs exactly one of all and any; a plain list means all"),
        ("paths: [/], methods: [GET], scopes: {any: [a], all: [b]}", ".scopes: needs exactly one of all and any; a plain list means all"),
        ("paths: [/], methods: [GET], scope: [a]", ".scope: unknown name; did you mean `scopes`?"),
        ("paths: [/], methods: [GET], scopes: [], access: open", ".access: `open` is not one of the choices; use 'token' or 'public'"),
        ("hosts: ['*.example'], paths: [/], methods: [GET], scopes: []", ".hosts[0]: `*.example` has a wildcard, and hosts are exact; list each host"),
        ("hosts: [Api.Example], paths: [/], methods: [GET], scopes: []", ".hosts[0]: `Api.Example` has upper case, which no host keeps; write `api.example`"),
        *[
            (f"hosts: ['{host}'], paths: [/], methods: [GET], scopes: []", f".hosts[0]: `{host}` is no host; write a name such as api.example, with :PORT for one port only")
            for host in ("api.example.", "api..example", "-", "api.example:0", "api.example:99999", "api.example:080", "api.example:", "https://api.example", "api.example/x", "[::g]", "[::0001]", "::1", "api example", "u@api.example")
        ],
        *[
            (f"hosts: [api.example], paths: ['{path}'], methods: [GET], scopes: []", f".paths[0]: `{path}` {expected}")
            for path, expected in [
                ("orders", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("/a?b", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("/a;b", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("/a b", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("/a%2", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("/ö", "is no path; begin with /, without query, `;` or spaces, and escape with %XX"),
                ("//a", "has an empty segment, which no canonical path has; remove it"),
                ("/a/../b", "has a dot segment, which no canonical path has; resolve it"),
                ("/%2e/b", "has a dot segment, which no canonical path has; resolve it"),
                ("/a%2Fb", "has an escaped separator or control character, which no path here may have"),
                ("/a%00", "has an escaped separator or control character, which no path here may have"),
                ("/%a0", "has an escape that is not UTF-8; escape the bytes of UTF-8"),
                ("/**/a", "has `**` before its end; use `**` as the last segment only"),
                ("/v*/a", "has `*` inside a segment; a wildcard is a whole segment, a literal one is %2A"),
                ("/***", "has `*` inside a segment; a wildcard is a whole segment, a literal one is %2A"),
                ("/a" * 65, "is too long; use at most 64 segments"),
            ]
        ],
        ("hosts: [a.example], paths: [/a], methods: [GET], access: public, scopes: [x]", ": is public and has scopes; remove one of the two"),
        ("paths: [/a], methods: [GET], access: public", ": is public and names no hosts; list them exactly"),
        ("hosts: [a.example], paths: [/a/*], methods: [GET], access: public", ": is public and has the wildcard path `/a/*`; list each path exactly"),
        ("hosts: [a.example], paths: [/a/**], methods: [GET], access: public", ": is public and has the wildcard path `/a/**`; list each path exactly"),
    ],
)  # fmt: skip
def test_a_wrong_route_does_not_load(read: Read, route: str, expected: str) -> None:
    # What is too long to help is not quoted.
    shown = expected.replace(f"`{'/a' * 65}` ", "")
    assert faults_of(read, with_route(route)) == [f"0.yaml:8: resources[0].routes[0]{shown}"]


def test_a_resource_that_nothing_reaches_does_not_load(read: Read, minimal: str) -> None:
    head = minimal.partition("    routes:")[0]
    for tail, expected in [
        ("", "has neither routes nor scopes, so every request is denied; add a route"),
        ("    scopes: []\n", "has empty scopes for requests that name no path; list some, or remove them"),
    ]:  # fmt: skip
        assert faults_of(read, head + tail) == [f"0.yaml:6: resources[0]: {expected}"]


def test_everything_wrong_in_all_files_is_reported_at_once(read: Read) -> None:
    assert faults_of(
        read,
        with_issuer("keys: {}"),
        "a: [",
        "accredit: catalogue/2",
        f"{HEAD}resources:\n  - 7\n  - {{resource: a:b, issuers: [https://nobody.example], scopes: [x]}}\nextra: 1",
        "[]",
        "accredit: catalogue/1\nissuers: {}\nresources:\n",
        "issuers: []",
    ) == [
        "0.yaml:3: issuers[0].keys: needs exactly one of jwks_uri, file, inline and discovery",
        "1.yaml:1: is not YAML: expected the node content, but found '<stream end>'",
        "2.yaml:1: accredit: `catalogue/2` is no known format; this version reads `catalogue/1`",
        "3.yaml:3: issuers[0].issuer: `https://issuer.example` is given twice, first at 0.yaml:3; keep one of them",
        "3.yaml:5: resources[0]: `7` is not a mapping; write names and values, name: value",
        "3.yaml:6: resources[1].issuers[0]: `https://nobody.example` is no issuer of the catalogue; add it to `issuers`, or write it exactly as it stands there",
        "3.yaml:7: extra: unknown name; remove it",
        "4.yaml:1: accredit: is not a mapping; begin with `accredit: catalogue/1`",
        "5.yaml:2: issuers: is not a list; write - before each element, or [brackets]",
        "5.yaml:3: resources: is not a list; write - before each element, or [brackets]",
        "6.yaml:1: accredit: states no format; begin with `accredit: catalogue/1`",
    ]  # fmt: skip


ROUTE = (
    "    routes:\n      - {{hosts: [{host}], paths: [{path}], methods: [{method}], scopes: []}}\n"
)


def two_routes(first: tuple[str, str, str], second: tuple[str, str, str]) -> str:
    text = f"{HEAD}resources:\n"
    for index, (host, path, method) in enumerate((first, second)):
        text += f"  - resource: a:{index}\n    issuers: [https://issuer.example]\n"
        text += ROUTE.format(host=host and f"'{host}'", path=path, method=method)
    return text


@pytest.mark.parametrize(
    ("first", "second", "ties"),
    [
        (("a.example", "/x", "GET"), ("a.example", "/x", "GET"), True),
        (("a.example", "/x/**", "GET"), ("a.example", "/x/**", "GET"), True),
        (("a.example", "/x", "GET"), ("a.example", "/%78", "GET"), True),
        (("a.example", "/x", "GET"), ("a.example:443", "/x", "GET"), True),
        (("a.example:80", "/x", "GET"), ("a.example", "/x", "GET"), True),
        (("a.example", "/x", "GET"), ("a.example:8080", "/x", "GET"), False),
        (("a.example:80", "/x", "GET"), ("a.example:443", "/x", "GET"), False),
        (("a.example", "/x", "GET"), ("a.example", "/x", "PUT"), False),
        (("a.example", "/x", "GET"), ("b.example", "/x", "GET"), False),
        (("a.example", "/x", "GET"), ("a.example", "/x/", "GET"), False),
        (("a.example", "/x", "GET"), ("a.example", "/*", "GET"), False),
        (("a.example", "/*", "GET"), ("a.example", "/%2A", "GET"), False),
        # Routes without hosts are looked for within their resource.
        (("", "/x", "GET"), ("", "/x", "GET"), False),
    ],
)
def test_a_tie_is_an_error(
    read: Read, first: tuple[str, str, str], second: tuple[str, str, str], ties: bool
) -> None:
    text = two_routes(first, second)
    if not ties:
        assert len(read(text).resources) == 2
        return
    (fault,) = faults_of(read, text)
    assert fault == (
        f"0.yaml:12: resources[1].routes[0].paths[0]: `GET {second[1]}` ties with routes[0] of `a:0`:"
        " one host, one path and one method in both; let one route decide about it"
    )


def test_a_tie_within_a_resource_is_an_error_with_and_without_hosts(read: Read) -> None:
    for hosts in ("", "hosts: [a.example], "):
        route = f"{hosts}paths: [/x], methods: [GET], scopes: []"
        (fault,) = faults_of(read, with_route(route) + f"      - {{{route}}}\n")
        assert "ties with routes[0] of `https://api.example/orders`" in fault
        (fault,) = faults_of(read, with_route(route.replace("[/x]", "[/x, /%78]")))
        assert "ties with" in fault


def test_a_selector_value_belongs_to_one_resource(read: Read) -> None:
    for kind in ("route_metadata", "destination_principal"):
        text = f"{HEAD}resources:\n" + "".join(
            f"  - {{resource: 'a:{index}', issuers: [https://issuer.example], scopes: [x],"
            f" selectors: {{{kind}: [v]}}}}\n"
            for index in range(2)
        )
        (fault,) = faults_of(read, text)
        assert fault == (
            f"0.yaml:6: resources[1].selectors.{kind}[0]: `v` selects a second resource,"
            " beside `a:0`; give each value to one resource"
        )


def test_lists_of_several_files_are_joined_whatever_their_order(read: Read, minimal: str) -> None:
    head, _, resources = minimal.partition("resources:")
    files = [head, f"accredit: catalogue/1\nresources:{resources}"]
    whole = read(minimal)
    assert read(*files).compiled() == read(*reversed(files)).compiled() == whole.compiled()
    assert read(*files).digest == whole.digest
    place = read(*files).place("resource", "https://api.example/orders")
    assert (place.file, place.line, place.path) == ("1.yaml", 3, "resources[0]")


@given(data=st.data())
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_the_compiled_form_is_stable_under_the_order_of_files_and_lists(
    data: st.DataObject, read: Read
) -> None:
    def texts(order: Callable[[list[str]], list[str]]) -> list[str]:
        issuers = [f"https://i{n}.example" for n in range(3)]
        hosts, methods = order(["a.example", "b.example"]), order(["GET", "PUT"])
        routes = [
            f"{{hosts: [{', '.join(hosts)}], paths: [{', '.join(order([f'/{n}', f'/{n}/**']))}],"
            f" methods: [{', '.join(methods)}], scopes: [s, r]}}"
            for n in range(3)
        ]
        parts = [
            *[f"issuers: [{{issuer: {one}, keys: {{discovery: oidc}}}}]" for one in issuers],
            *[
                f"resources: [{{resource: 'a:{n}', issuers: [{', '.join(order(issuers))}],"
                f" scopes: [x], routes: [{', '.join(order(routes)) if n == 0 else ''}]}}]"
                for n in range(3)
            ],
        ]
        return [f"accredit: catalogue/1\n{part}\n" for part in order(parts)]

    shuffled = texts(lambda parts: data.draw(st.permutations(parts)))
    assert read(*shuffled).compiled() == read(*texts(list)).compiled()


@pytest.mark.parametrize(
    ("jwks", "expected"),
    [
        ("{keys: []}", "the key set has no usable key"),
        ("{keys: [{kty: oct, k: AAAA}]}", "holds private or symmetric material"),
        ("{keys: [{kty: OKP, crv: Ed25519, x: AAAA, d: AAAA}]}", "holds private or symmetric material"),
        ("{}", ""),
    ],
)  # fmt: skip
def test_a_key_set_that_the_core_refuses_does_not_load(
    read: Read, jwks: str, expected: str
) -> None:
    (fault,) = faults_of(read, with_issuer(f"keys: {{inline: {jwks}}}"))
    assert fault.startswith("0.yaml:3: issuers[0].keys.inline: is refused: ")
    assert expected in fault


def test_what_the_core_alone_finds_is_placed_at_the_entry(read: Read, minimal: str) -> None:
    whole = read(minimal)
    broken = whole.resources[0].model_copy(update={"max_lifetime_s": -1})
    (fault,) = compile_faults(replace(whole, resources=(broken,)))
    assert str(fault) == "0.yaml:6: resources[0]: max_lifetime_s: must be a positive integer"
    broken_issuer = whole.issuers[0].model_copy(update={"algorithms": ()})
    (fault,) = compile_faults(replace(whole, issuers=(broken_issuer,)))
    assert str(fault).startswith("0.yaml:3: issuers[0]: algorithms: ")


def test_no_fault_repeats_key_material(read: Read) -> None:
    text = with_issuer("keys: {inline: {keys: [{kty: oct, k: c2VjcmV0}]}, inlin: c2VjcmV0}")
    assert "c2VjcmV0" not in "".join(faults_of(read, text))
    text = with_issuer("keys: {inline: c2VjcmV0}")
    assert "c2VjcmV0" not in "".join(faults_of(read, text))


NAMES = ["accredit", "issuers", "resources", "issuer", "keys", "inline", "profile", "legacy", "marker",
         "resource", "routes", "hosts", "paths", "methods", "scopes", "all", "any", "audience", "mode",
         "members", "max", "max_lifetime", "selectors", "network", "report_since", "registration",
         "algorithms", "tenant", ""]  # fmt: skip
VALUES = ["catalogue/1", "https://i.example", "https://api.example/a", "/a/**", "GET", "family", "15m",
          "api.example", "off", "report", "RS256", "", "\x00", "2027-01-01"]  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["issuers", "resources"]),
        st.lists(
            st.recursive(
                st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.sampled_from(VALUES),
                lambda inner: st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
                max_leaves=20,
            ),
            max_size=3,
        ),
    )
)  # fmt: skip
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_no_document_ends_in_anything_but_a_catalogue_error(value: dict[str, object]) -> None:
    data = json.dumps({"accredit": "catalogue/1", **value}).encode()
    try:
        validate(Sources(Path(), (("a.yaml", data),)))
    except CatalogueError as error:
        assert error.faults
