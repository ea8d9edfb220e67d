"""Says what a change of the catalogue makes looser: what was denied before and passes now.

Whatever cannot be shown to be tighter counts as looser, such as keys from another place. Routes are
compared by what they decide and not by how they are written: for every path that patterns of the
two catalogues tell apart, what was needed before and what is needed now.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from accredit.catalogue.durations import format_duration_s, format_moment_s
from accredit.catalogue.model import Issuer, Resource, ScopeRule
from accredit.catalogue.reach import Reach, compare_routes
from accredit.catalogue.whole import Catalogue

Kind = Literal["looser", "tighter", "neutral"]
_ORDER: Final[Mapping[Kind, int]] = {"looser": 0, "tighter": 1, "neutral": 2}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two catalogues.

    Attributes:
        kind: `looser`: something that was denied may pass now. `tighter`: something that passed may
            be denied now. `neutral`: no decision changes.
        subject: The issuer, resource or route.
        what: What changed, a few words.
        before: How it was; empty where it was not there.
        after: How it is now; empty where it is gone.
    """

    kind: Kind
    subject: str
    what: str
    before: str = ""
    after: str = ""

    def to_json(self) -> dict[str, str]:
        """Returns the change as a JSON object, with every member always present."""
        return {name: getattr(self, name) for name in self.__slots__}


def diff(old: Catalogue, new: Catalogue) -> list[Change]:
    """Returns every difference, what became looser first. Equal catalogues have none."""
    changes = [*_issuers(old, new), *_resources(old, new), *_routes(old, new)]
    return sorted(changes, key=lambda change: (_ORDER[change.kind], change.subject, change.what))


def _issuers(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    before = {issuer.issuer: issuer for issuer in old.issuers}
    after = {issuer.issuer: issuer for issuer in new.issuers}
    for name in sorted(before.keys() | after.keys()):
        subject = f"issuer {name}"
        if name not in before:
            # Trusted by nobody yet: the resource that accepts it is what becomes looser.
            yield Change("neutral", subject, "issuer added", "", name)
        elif name not in after:
            yield Change("neutral", subject, "issuer removed", name)
        else:
            yield from _issuer(subject, before[name], after[name])


def _issuer(subject: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    if old.keys != new.keys:
        yield Change(
            "looser", subject, "keys come from elsewhere", _keys(old), _keys(new)
        )  # whoever holds those keys can mint tokens
    yield from _set(subject, "algorithms", _algorithms(old), _algorithms(new))
    yield from _profile(subject, old, new)
    yield from _set(
        subject,
        "network",
        {f"{opening.host} {opening.cidr}" for opening in old.network},
        {f"{opening.host} {opening.cidr}" for opening in new.network},
    )


def _algorithms(issuer: Issuer) -> set[str]:
    return {"Ed25519" if name == "EdDSA" else name for name in issuer.algorithms}


def _keys(issuer: Issuer) -> str:
    keys = issuer.keys
    match keys.kind:
        case "jwks_uri":
            return f"jwks_uri {keys.jwks_uri}"
        case "file":
            return f"file {keys.file}"
        case "discovery":
            return f"discovery {keys.discovery}"
        case _:
            return "inline"


def _profile(subject: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    if old.profile == new.profile:
        return
    before, after = old.profile.legacy, new.profile.legacy
    kind: Kind = "looser"
    if after is None or (
        before is not None
        and (before.client, before.scope) == (after.client, after.scope)
        and before.marker.items() <= after.marker.items()
    ):
        kind = "tighter"
    yield Change(kind, subject, "profile", _profile_name(old), _profile_name(new))


def _profile_name(issuer: Issuer) -> str:
    legacy = issuer.profile.legacy
    if legacy is None:
        return "rfc9068"
    marker = ", ".join(f"{name}={value}" for name, value in sorted(legacy.marker.items()))
    return f"legacy client={legacy.client} scope={legacy.scope} marker {marker}"


def _set(subject: str, what: str, old: set[str], new: set[str]) -> Iterator[Change]:
    """Compares sets of what is accepted: more is looser."""
    if new - old:
        yield Change("looser", subject, f"{what} added", "", " ".join(sorted(new - old)))
    if old - new:
        yield Change("tighter", subject, f"{what} removed", " ".join(sorted(old - new)))


def _resources(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    before = {resource.resource: resource for resource in old.resources}
    after = {resource.resource: resource for resource in new.resources}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change("looser", name, "resource added", "", _routes_count(after[name]))
        elif name not in after:
            yield Change("tighter", name, "resource removed", _routes_count(before[name]))
        else:
            yield from _resource(name, before[name], after[name])


def _routes_count(resource: Resource) -> str:
    count = len(resource.routes)
    return f"{count} route{'' if count == 1 else 's'}"


def _resource(name: str, old: Resource, new: Resource) -> Iterator[Change]:
    yield from _set(name, "issuers", set(old.issuers), set(new.issuers))
    yield from _audience(name, old, new)
    yield from _ordered(
        name, "max_lifetime", old.max_lifetime_s, new.max_lifetime_s, format_duration_s
    )
    yield from _mode(name, old, new)
    for what, before, after in (
        ("paths", old.paths, new.paths),
        ("cors_preflight", str(old.cors_preflight).lower(), str(new.cors_preflight).lower()),
    ):
        if before != after:
            yield Change(
                "looser" if after in {"resolve", "true"} else "tighter", name, what, before, after
            )
    yield from _whole(name, old.scopes, new.scopes)
    for kind in ("route_metadata", "destination_principal"):
        yield from _set(
            name,
            f"selectors.{kind}",
            set(getattr(old.selectors, kind)),
            set(getattr(new.selectors, kind)),
        )
    for what, was, now in (
        ("owner", old.owner, new.owner),
        ("metadata_url", old.metadata_url, new.metadata_url),
    ):
        if was != now:
            yield Change("neutral", name, what, was or "", now or "")
    families = old.audience, new.audience
    if all(one.mode == "family" for one in families):
        was, now = (str(one.family_max) for one in families)
        if was != now:
            yield Change("neutral", name, "audience.max", was, now)


def _ordered(
    subject: str, what: str, old: int, new: int, render: Callable[[int], str]
) -> Iterator[Change]:
    if old != new:
        yield Change("looser" if new > old else "tighter", subject, what, render(old), render(new))


def _audience(name: str, old: Resource, new: Resource) -> Iterator[Change]:
    before, after = _beside(old), _beside(new)
    if before == after:
        if old.audience.mode != new.audience.mode:  # a family of the resource alone
            yield Change(
                "looser" if new.audience.mode == "family" else "tighter",
                name, "audience", old.audience.mode, new.audience.mode,
            )  # fmt: skip
        return
    if after is None or (before is not None and not after <= before):
        kind: Kind = "looser"
    else:
        kind = "tighter"
    yield Change(kind, name, "audience", _audience_name(old), _audience_name(new))
    if kind == "looser" and before is not None and after is not None and before - after:
        yield Change("tighter", name, "audience members removed", " ".join(sorted(before - after)))


def _beside(resource: Resource) -> frozenset[str] | None:
    """Returns which audiences may stand beside the resource's own; None for any."""
    if resource.audience.mode == "any":
        return None
    return frozenset(resource.audience.members or ()) - {resource.resource}


def _audience_name(resource: Resource) -> str:
    audience = resource.audience
    return " ".join((audience.mode, *sorted(audience.members or ())))


def _mode(name: str, old: Resource, new: Resource) -> Iterator[Change]:
    before, after = _window(old), _window(new)
    if before == after:
        return
    if after is None:
        kind: Kind = "tighter"
    elif before is not None and before[0] <= after[0] and after[1] <= before[1]:
        kind = "tighter"
    else:
        kind = "looser"
    yield Change(kind, name, "mode", _mode_name(old), _mode_name(new))


def _window(resource: Resource) -> tuple[int, int] | None:
    if resource.report_since_s is None or resource.report_until_s is None:
        return None
    return resource.report_since_s, resource.report_until_s


def _mode_name(resource: Resource) -> str:
    window = _window(resource)
    if window is None:
        return "enforce"
    return f"report from {format_moment_s(window[0])} until {format_moment_s(window[1])}"


def _whole(name: str, old: ScopeRule | None, new: ScopeRule | None) -> Iterator[Change]:
    what = "scopes of requests without a path"
    if old is None and new is not None:
        yield Change("looser", name, what, "denied", str(new))
    elif old is not None and new is None:
        yield Change("tighter", name, what, str(old), "denied")
    elif old is not None and new is not None:
        if not new.implies(old):
            yield Change("looser", name, what, str(old), str(new))
        elif not old.implies(new):
            yield Change("tighter", name, what, str(old), str(new))
        elif old != new:
            yield Change("neutral", name, what, str(old), str(new))


def _routes(old: Catalogue, new: Catalogue) -> Iterable[Change]:
    stayed = {one.resource for one in old.resources} & {one.resource for one in new.resources}
    for met in compare_routes(old.resources, new.resources):
        where = f"{met.method} {met.pattern} on {met.host}"
        for looks_like_whole, reach in ((met.before, met.after), (met.after, met.before)):
            if looks_like_whole is None and reach is not None and reach.resource not in stayed:
                break  # said by the resource that came or went
        else:
            change = _decided(where, met.before, met.after)
            if change is not None:
                yield change


def _decided(where: str, old: Reach | None, new: Reach | None) -> Change | None:
    before, after = str(old or "denied"), str(new or "denied")
    what = f"route {where}"
    kind: Kind | None
    if new is None:
        return None if old is None else Change("tighter", old.resource, what, before, after)
    if old is None:
        kind = "looser"
    else:
        kind = _compare(old, new)
        if kind is None and old.cors_preflight != new.cors_preflight:
            what = f"cors_preflight {where}"
            kind = "looser" if new.cors_preflight else "tighter"
    return None if kind is None else Change(kind, new.resource, what, before, after)


def _compare(old: Reach, new: Reach) -> Kind | None:
    """Compares what two routes need; None where it is the same."""
    if old.scopes is None and new.scopes is None:
        return None  # public before and after, whoever's it is
    if old.scopes is None:
        return "tighter"
    # A token for another resource is another token.
    if new.scopes is None or old.resource != new.resource or not new.scopes.implies(old.scopes):
        return "looser"
    return None if old.scopes.implies(new.scopes) else "tighter"
