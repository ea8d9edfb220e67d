"""What lint finds in a catalogue that loads."""

from collections.abc import Callable

import pytest

from accredit.catalogue import Catalogue
from accredit.catalogue.durations import parse_moment_s
from accredit.catalogue.lint import lint

Read = Callable[..., Catalogue]
NOW_S = parse_moment_s("2027-01-15")

HEAD = """\
accredit: catalogue/1
issuers:
  - {issuer: https://issuer.example, keys: {discovery: oidc}}
resources:
"""


def codes(whole: Catalogue, now_s: int = NOW_S) -> list[tuple[str, str]]:
    return [(found.severity, found.code) for found in lint(whole, now_s=now_s)]


def resource(routes: str = "[]", extra: str = "", name: str = "https://api.example/orders") -> str:
    return (
        f"  - resource: {name}\n    owner: team\n    issuers: [https://issuer.example]\n"
        f"    scopes: [x]\n    routes: {routes}\n{extra}"
    )


def routes(*each: tuple[str, str, str]) -> str:
    return "[" + ", ".join(
        f"{{hosts: [a.example], paths: [{path}], methods: [{methods}], {needs}}}"
        for path, methods, needs in each
    ) + "]"  # fmt: skip


def test_a_plain_catalogue_has_no_finding(read: Read, minimal: str) -> None:
    assert lint(read(minimal), now_s=NOW_S) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (resource().replace("    owner: team\n", ""), [("warning", "owner_missing")]),
        (resource(extra="    max_lifetime: 2d\n"), [("warning", "lifetime_long")]),
        (resource(extra="    max_lifetime: 24h\n"), []),
        (resource(extra="    paths: resolve\n"), [("warning", "paths_resolve")]),
        (resource(extra="    audience: {mode: any}\n"), [("warning", "audience_any")]),
        (resource(extra="    audience: {mode: family, members: [a:1]}\n"), [("note", "family_member_unknown")]),
        (resource(extra="    audience: {mode: family, max: 5, members: [https://api.example/orders, a:1, a:2, a:3, a:4]}\n"),
         [("warning", "family_large"), ("note", "family_member_unknown")]),
        (resource(routes(("/a", "GET", "scopes: []"))), [("note", "route_without_scopes")]),
        (resource(routes(("/a", "GET", "access: public"))), [("note", "route_public")]),
        # A narrower path that lists fewer methods hides the others.
        (resource(routes(("/a/**", "GET, PUT", "scopes: [s]"), ("/a/b", "GET", "scopes: [s]"))), [("warning", "route_shadowed")]),
        (resource(routes(("/a/**", "GET, PUT", "scopes: [s]"), ("/a/b", "GET", "scopes: [s]"), ("/a/b", "PUT", "scopes: [s]"))), []),
        (resource(routes(("/a/*", "GET", "scopes: [s]"), ("/*/b", "GET", "scopes: [s]"))), []),
        (resource(routes(("/a/*", "PUT", "scopes: [s]"), ("/*/b", "GET", "scopes: [s]"))), [("warning", "route_shadowed")]),
        (resource(routes(("/a/*", "GET", "scopes: [s]"), ("/b/*", "PUT", "scopes: [s]"))), []),
        # A narrower path that asks less is an exception to look at.
        (resource(routes(("/a/**", "GET", "scopes: [s, t]"), ("/a/b", "GET", "scopes: [s]"))), [("note", "route_overlap")]),
        (resource(routes(("/a/**", "GET", "scopes: [s]"), ("/a/b", "GET", "scopes: [s, t]"))), []),
        (resource(routes(("/a/**", "GET", "scopes: [s]"), ("/a/b", "GET", "access: public"))), [("note", "route_overlap"), ("note", "route_public")]),
        # Two resources that want one path.
        (resource(routes(("/a/**", "GET", "scopes: [s]"))) + resource(routes(("/a/b", "GET", "scopes: [s]")), name="a:b"), [("warning", "route_overlap")]),
        (resource(routes(("/a/**", "GET", "scopes: [s]"))) + resource(routes(("/a/b", "PUT", "scopes: [s]")), name="a:b"), [("warning", "route_shadowed")]),
        (resource(routes(("/a/**", "GET", "scopes: [s]"))) + resource(routes(("/a/b", "GET", "scopes: [s]")), name="a:b").replace("a.example", "'a.example:443'"), [("warning", "route_overlap")]),
        (resource(routes(("/a/**", "GET", "scopes: [s]"))) + resource(routes(("/a/b", "GET", "scopes: [s]")), name="a:b").replace("a.example", "b.example"), []),
        # Siblings of one issuer.
        (resource() + resource(name="a:b", extra="    audience: {mode: family, members: [https://api.example/orders]}\n"), [("warning", "siblings_differ")]),
    ],
)  # fmt: skip
def test_a_finding_for_each_thing_to_look_at(
    read: Read, text: str, expected: list[tuple[str, str]]
) -> None:
    assert codes(read(HEAD + text)) == expected


def test_an_issuer_that_nobody_accepts_is_found(read: Read, minimal: str) -> None:
    more = minimal.replace(
        "resources:", "  - {issuer: https://other.example, keys: {discovery: oidc}}\nresources:"
    )
    (finding,) = lint(read(more), now_s=NOW_S)
    assert (finding.severity, finding.code) == ("warning", "issuer_unused")
    assert (finding.subject, finding.file, finding.line) == ("https://other.example", "0.yaml", 5)


REPORT = "    mode: report\n    report_since: 2027-01-10\n    report_until: 2027-02-10\n"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2027-01-09T23:59:59Z", ("note", "report_ahead")),
        ("2027-01-10", ("note", "report_running")),
        ("2027-02-02T23:59:59Z", ("note", "report_running")),
        ("2027-02-03", ("warning", "report_ending")),
        ("2027-02-09T23:59:59Z", ("warning", "report_ending")),
        ("2027-02-10", ("warning", "report_ended")),
    ],
)
def test_report_windows_are_judged_with_now(
    read: Read, now: str, expected: tuple[str, str]
) -> None:
    assert codes(read(HEAD + resource(extra=REPORT)), parse_moment_s(now)) == [expected]


def test_siblings_whose_modes_differ_are_named_at_the_odd_one(read: Read) -> None:
    text = HEAD + resource() + resource(name="a:b") + resource(name="a:c", extra=REPORT)
    differing = [one for one in lint(read(text), now_s=NOW_S) if one.code == "siblings_differ"]
    (finding,) = differing
    assert finding.subject == "a:c"
    assert finding.message == (
        "resources of https://issuer.example differ in mode: enforce at 2, report at 1"
    )


def test_resolving_paths_names_the_gateway_settings_that_it_depends_on(read: Read) -> None:
    (finding,) = lint(read(HEAD + resource(extra="    paths: resolve\n")), now_s=NOW_S)
    for setting in ("normalize_path", "merge_slashes", "path_with_escaped_slashes_action"):
        assert setting in finding.remedy


def test_public_routes_are_counted(read: Read) -> None:
    text = HEAD + resource(
        "[{hosts: [a.example, b.example], paths: [/a, /b], methods: [GET, HEAD], access: public}]"
    )
    (finding,) = lint(read(text), now_s=NOW_S)
    assert finding.message.startswith("lets everybody in: 8 of host, path and method")


def test_warnings_come_first_and_everything_is_json(read: Read) -> None:
    text = HEAD + resource(routes(("/a", "GET", "scopes: []"))).replace("    owner: team\n", "")
    found = lint(read(text), now_s=NOW_S)
    assert [one.severity for one in found] == ["warning", "note"]
    assert found[1].to_json() == {
        "severity": "note",
        "code": "route_without_scopes",
        "subject": "https://api.example/orders routes[0]",
        "message": "any token for this resource will do for /a",
        "remedy": "name the scope that the route needs",
        "file": "0.yaml",
        "line": 5,
    }
