"""Finds what is allowed and still likely to be wrong, which no schema can see."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from accredit.catalogue.durations import format_duration_s, format_moment_s
from accredit.catalogue.model import DAY_S, DEFAULT_FAMILY_MAX, Resource, Route
from accredit.catalogue.patterns import Tree, canonical, decides, overlap
from accredit.catalogue.reach import places
from accredit.catalogue.whole import Catalogue

Severity = Literal["warning", "note"]
Code = Literal[
    "audience_any",
    "family_large",
    "family_member_unknown",
    "issuer_unused",
    "lifetime_long",
    "owner_missing",
    "paths_resolve",
    "report_ahead",
    "report_ended",
    "report_ending",
    "report_running",
    "route_overlap",
    "route_public",
    "route_shadowed",
    "route_without_scopes",
    "siblings_differ",
]

# A report window that ends sooner is announced: what it let pass is denied afterwards.
ENDING_SOON_S: Final = 7 * DAY_S
LONG_LIFETIME_S: Final = DAY_S


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes:
        severity: `warning` makes `accredit catalogue lint` fail; `note` does not.
        code: The stable name of the rule.
        subject: The resource or issuer, with the route where one is meant.
        message: What was found.
        remedy: What to do.
        file: Where the entry stands; empty where it was not loaded from a file.
        line: The line in that file, counted from 1; 0 where it is not known.
    """

    severity: Severity
    code: Code
    subject: str
    message: str
    remedy: str
    file: str = ""
    line: int = 0

    def to_json(self) -> dict[str, str | int]:
        """Returns the finding as a JSON object, with every member always present."""
        return {name: getattr(self, name) for name in self.__slots__}


def lint(catalogue: Catalogue, *, now_s: int) -> list[Finding]:
    """Returns every finding: warnings first, then by file and line.

    Args:
        catalogue: What to look at.
        now_s: Seconds since the Unix epoch, to judge report windows.
    """
    # A pattern of several hosts meets another one more than once; that is said once.
    findings = dict.fromkeys(finding for rule in _RULES for finding in rule(catalogue, now_s))
    return sorted(
        findings,
        key=lambda found: (found.severity != "warning", found.file, found.line, found.subject),
    )


def _find(
    catalogue: Catalogue,
    resource: Resource,
    code: Code,
    message: str,
    remedy: str,
    *,
    route: int | None = None,
    severity: Severity = "warning",
) -> Finding:
    place = catalogue.place("resource", resource.resource)
    subject = resource.resource if route is None else f"{resource.resource} routes[{route}]"
    return Finding(severity, code, subject, message, remedy, place.file, place.line)


def _owners(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        if resource.owner is None:
            yield _find(
                catalogue, resource, "owner_missing",
                "nobody answers for this resource", "add `owner`",
            )  # fmt: skip


def _unused_issuers(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    used = {name for resource in catalogue.resources for name in resource.issuers}
    for issuer in catalogue.issuers:
        if issuer.issuer not in used:
            place = catalogue.place("issuer", issuer.issuer)
            yield Finding(
                "warning", "issuer_unused", issuer.issuer, "no resource accepts this issuer",
                "remove it, or add it to a resource", place.file, place.line,
            )  # fmt: skip


def _families(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    known = {resource.resource for resource in catalogue.resources}
    for resource in catalogue.resources:
        audience = resource.audience
        if audience.mode == "any":
            yield _find(
                catalogue, resource, "audience_any",
                "takes tokens that are good elsewhere too, so whoever receives one can use it here",
                "use `exactly_one`, or a family",
            )  # fmt: skip
        members = audience.members or ()
        if len(members) > DEFAULT_FAMILY_MAX:
            yield _find(
                catalogue, resource, "family_large",
                f"its family has {len(members)} members; a token for one is good at each",
                f"split it into families of at most {DEFAULT_FAMILY_MAX}",
            )  # fmt: skip
        unknown = [member for member in members if member not in known]
        if unknown:
            yield _find(
                catalogue, resource, "family_member_unknown",
                f"its family names `{unknown[0]}`, which is no resource here",
                "check the spelling; members are compared by code point", severity="note",
            )  # fmt: skip


def _siblings(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for issuer in catalogue.issuers:
        siblings = [one for one in catalogue.resources if issuer.issuer in one.issuers]
        for what, value in (("mode", _mode), ("audience mode", _audience_mode)):
            found = sorted({value(one) for one in siblings})
            if len(found) > 1:
                odd = min(
                    siblings, key=lambda one: [value(each) for each in siblings].count(value(one))
                )
                yield _find(
                    catalogue, odd, "siblings_differ",
                    f"resources of {issuer.issuer} differ in {what}: "
                    + ", ".join(f"{name} at {_count(siblings, value, name)}" for name in found),
                    "treat tokens of one issuer alike, or say here why not",
                )  # fmt: skip


def _mode(resource: Resource) -> str:
    return resource.mode


def _audience_mode(resource: Resource) -> str:
    return resource.audience.mode


def _count(resources: list[Resource], value: Callable[[Resource], str], name: str) -> int:
    return sum(value(resource) == name for resource in resources)


def _reports(catalogue: Catalogue, now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        if resource.report_until_s is None or resource.report_since_s is None:
            continue
        until = format_moment_s(resource.report_until_s)
        if now_s >= resource.report_until_s:
            yield _find(
                catalogue, resource, "report_ended",
                f"report mode ended {until}; the resource enforces since",
                "write `mode: enforce` and remove the dates",
            )  # fmt: skip
        elif now_s < resource.report_since_s:
            since = format_moment_s(resource.report_since_s)
            yield _find(
                catalogue, resource, "report_ahead",
                f"report mode begins {since}; the resource enforces until then",
                "nothing to do", severity="note",
            )  # fmt: skip
        elif resource.report_until_s - now_s <= ENDING_SOON_S:
            yield _find(
                catalogue, resource, "report_ending",
                f"report mode ends {until}; what it lets pass is denied afterwards",
                "mend what is recorded as would-deny before then",
            )  # fmt: skip
        else:
            yield _find(
                catalogue, resource, "report_running",
                f"denied requests pass until {until}",
                "look at the would-deny records", severity="note",
            )  # fmt: skip


def _lifetimes(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        if resource.max_lifetime_s > LONG_LIFETIME_S:
            yield _find(
                catalogue, resource, "lifetime_long",
                f"takes tokens that live {format_duration_s(resource.max_lifetime_s)}; a stolen one"
                " is good for as long",
                f"use at most {format_duration_s(LONG_LIFETIME_S)}",
            )  # fmt: skip


def _resolving(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        if resource.paths == "resolve":
            yield _find(
                catalogue, resource, "paths_resolve",
                "judges the resolved path, which is right only where the gateway forwards that one",
                "set normalize_path: true, merge_slashes: true and"
                " path_with_escaped_slashes_action: REJECT_REQUEST in Envoy's connection manager,"
                " or use `paths: refuse`",
            )  # fmt: skip


def _public(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        for index, route in enumerate(resource.routes):
            if route.access == "public":
                combined = len(route.hosts) * len(route.paths) * len(route.methods)
                yield _find(
                    catalogue, resource, "route_public",
                    f"lets everybody in: {combined} of host, path and method, "
                    f"{' '.join(route.methods)} {' '.join(route.paths)}",
                    "make sure that nothing there depends on who asks",
                    route=index, severity="note",
                )  # fmt: skip


def _scopeless(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for resource in catalogue.resources:
        for index, route in enumerate(resource.routes):
            if route.scopes is not None and route.scopes.is_empty:
                yield _find(
                    catalogue, resource, "route_without_scopes",
                    f"any token for this resource will do for {' '.join(route.paths)}",
                    "name the scope that the route needs", route=index, severity="note",
                )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rule:
    """One path pattern of one route."""

    resource: Resource
    index: int
    route: Route
    pattern: str


def _overlaps(catalogue: Catalogue, _now_s: int) -> Iterator[Finding]:
    for rules in _by_host(catalogue):
        tree = Tree(rules)
        for pattern, narrow in rules.items():
            # The methods of one pattern are gathered, and a tie does not load.
            for other in tree.meeting(pattern):
                path = overlap(pattern, other)
                if path is not None and decides(pattern, other):
                    for one, broad in itertools.product(narrow, rules[other]):
                        yield from _hidden(catalogue, narrow, one, broad, path)


def _by_host(catalogue: Catalogue) -> Iterator[dict[str, list[_Rule]]]:
    """Groups rules by where they can meet (one host, or one resource), and by pattern."""
    groups: dict[str, dict[str, list[_Rule]]] = {}
    known = {host for one in catalogue.resources for route in one.routes for host in route.hosts}
    for resource in catalogue.resources:
        for index, route in enumerate(resource.routes):
            for place in places(resource, route, known):
                for pattern in route.paths:
                    rule = _Rule(resource, index, route, canonical(pattern))
                    groups.setdefault(place, {}).setdefault(rule.pattern, []).append(rule)
    yield from groups.values()


def _hidden(
    catalogue: Catalogue, same: list[_Rule], narrow: _Rule, broad: _Rule, path: str
) -> Iterator[Finding]:
    """Says what a narrower pattern takes away from a broader one.

    Args:
        catalogue: Where both stand.
        same: Every rule of the narrower pattern, since their methods count together.
        narrow: One of them.
        broad: A rule of the broader pattern.
        path: A path that fits both.
    """
    where = f"`{narrow.pattern}` of {narrow.resource.resource}"
    listed = {method for rule in same for method in rule.route.methods}
    lost = [method for method in broad.route.methods if method not in listed]
    if lost:
        yield _find(
            catalogue, broad.resource, "route_shadowed",
            f"`{' '.join(lost)} {broad.pattern}` does not reach {path}: {where} decides there and"
            f" lists {' '.join(sorted(listed))} only",
            "add the methods there, or make sure that they are meant to be denied",
            route=broad.index,
        )  # fmt: skip
    shared = [method for method in narrow.route.methods if method in broad.route.methods]
    if not shared:
        return
    if narrow.resource.resource != broad.resource.resource:
        yield _find(
            catalogue, broad.resource, "route_overlap",
            f"`{broad.pattern}` and {where} both fit {path}; the latter decides there",
            "give each path to one resource", route=broad.index,
        )  # fmt: skip
    elif _asks_less(narrow.route, broad.route):
        yield _find(
            catalogue, narrow.resource, "route_overlap",
            f"asks less for {path} than `{broad.pattern}`, which fits it too",
            "make sure that this exception is meant", route=narrow.index, severity="note",
        )  # fmt: skip


def _asks_less(narrow: Route, broad: Route) -> bool:
    if narrow.scopes is None or broad.scopes is None:  # at least one is public
        return narrow.scopes is None and broad.scopes is not None
    return not narrow.scopes.implies(broad.scopes)


_RULES: Final[tuple[Callable[[Catalogue, int], Iterator[Finding]], ...]] = (
    _owners,
    _unused_issuers,
    _families,
    _siblings,
    _reports,
    _lifetimes,
    _resolving,
    _overlaps,
    _public,
    _scopeless,
)
