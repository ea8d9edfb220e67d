"""What routes decide: who is let in at which method, host and path.

Two sets of routes are compared at witnesses. For a path, one pattern of each set decides; those two
patterns meet in a pattern of their own, and a path of that meeting which equals no literal beyond
it is decided by the same two. So the witnesses of all meetings, and of all patterns alone, show
every difference there is.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from accredit.catalogue.model import Resource, Route, ScopeRule
from accredit.catalogue.patterns import Tree, canonical, meet, precedence, segments, witnesses
from accredit.catalogue.texts import host_keys

# Where patterns can meet: a host, or a resource whose routes name none.
_Routes = dict[str, dict[str, dict[str, "Reach"]]]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a request needs at one method, host and path.

    Attributes:
        resource: Whose route decides.
        pattern: The pattern that decides.
        scopes: What the token needs; None where the route is public.
        cors_preflight: Whether a preflight for the method passes.
    """

    resource: str
    pattern: str
    scopes: ScopeRule | None
    cors_preflight: bool

    def __str__(self) -> str:
        """Renders what is needed, for people."""
        if self.scopes is None:
            return "public"
        cors = ", preflights pass" if self.cors_preflight else ""
        return f"a token for {self.resource} with {self.scopes}{cors}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A method, host and set of paths, with what decided there before and what decides now."""

    host: str
    pattern: str
    method: str
    before: Reach | None
    after: Reach | None


def compare_routes(old: Iterable[Resource], new: Iterable[Resource]) -> Iterator[Difference]:
    """Yields each difference once, with the patterns that decide about it."""
    old, new = list(old), list(new)
    known = {host for one in (*old, *new) for route in one.routes for host in route.hosts}
    before, after = _by_host(old, known), _by_host(new, known)
    for host in sorted(before.keys() | after.keys()):
        yield from _compare_host(host, before.get(host, {}), after.get(host, {}))


def places(resource: Resource, route: Route, known: Collection[str]) -> Iterator[str]:
    """Yields where the patterns of a route meet others: its hosts, or its resource alone."""
    if not route.hosts:
        yield f"any host that a selector gives to {resource.resource}"
    for host in route.hosts:
        yield from host_keys(host, known)


def _by_host(resources: Iterable[Resource], known: Collection[str]) -> _Routes:
    routes: _Routes = {}
    for resource in resources:
        for route in resource.routes:
            for place in places(resource, route, known):
                for pattern in route.paths:
                    methods = routes.setdefault(place, {}).setdefault(canonical(pattern), {})
                    methods.update(dict.fromkeys(route.methods, _reach(resource, route, pattern)))
    return routes


def _reach(resource: Resource, route: Route, pattern: str) -> Reach:
    cors = route.cors_preflight or resource.cors_preflight
    return Reach(resource.resource, pattern, route.scopes, cors)


def _compare_host(
    host: str, old: dict[str, dict[str, Reach]], new: dict[str, dict[str, Reach]]
) -> Iterator[Difference]:
    shapes = {*old, *new}
    old_tree, new_tree = Tree(old), Tree(new)
    shapes |= {met for one in old for other in new_tree.meeting(one) if (met := meet(one, other))}
    length = 1 + max(len(segments(pattern)) for pattern in shapes)
    seen: set[tuple[str | None, str | None]] = set()
    for shape in sorted(shapes, key=precedence):
        for path in witnesses(shape, length):
            before, after = old_tree.find(path), new_tree.find(path)
            if (before, after) in seen or (before is None and after is None):
                continue
            seen.add((before, after))
            was, now = old.get(before or "", {}), new.get(after or "", {})
            for method in sorted(was.keys() | now.keys()):
                if was.get(method) != now.get(method):
                    yield Difference(host, shape, method, was.get(method), now.get(method))
