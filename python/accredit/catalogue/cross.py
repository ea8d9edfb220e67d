"""What no single entry shows: entries given twice, references to nothing, routes that tie."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from accredit.catalogue.model import Issuer, Resource
from accredit.catalogue.patterns import canonical
from accredit.catalogue.texts import host_keys
from accredit.catalogue.whole import Place
from accredit.catalogue.yaml import Document, Path
from accredit.errors import Fault

Model = TypeVar("Model", Issuer, Resource)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Model]):
    """One entry of a list of one file.

    Attributes:
        name: Its identifier, as far as it can be told; None where it has none.
        model: None where the entry itself has faults.
        document: Where it stands.
        at: Where in the document.
    """

    name: str | None
    model: Model | None
    document: Document
    at: Path

    @property
    def place(self) -> Place:
        """Returns where the entry stands."""
        fault = self.document.fault(self.at, "")
        return Place(fault.file, fault.line, fault.path)

    def fault(self, path: Path, message: str, remedy: str) -> Fault:
        """Returns a fault at a place within the entry."""
        return self.document.fault((*self.at, *path), message, remedy)


def cross_check(
    issuers: Sequence[Entry[Issuer]], resources: Sequence[Entry[Resource]]
) -> list[Fault]:
    """Returns every fault between entries; those of broken entries count as known."""
    return [
        *_twice(issuers, "issuer"),
        *_twice(resources, "resource"),
        *_dangling(issuers, resources),
        *_shared_selectors(resources),
        *_ties(resources),
    ]


def _twice(entries: Iterable[Entry[Model]], kind: str) -> Iterator[Fault]:
    first: dict[str, Entry[Model]] = {}
    for entry in entries:
        if entry.name is None:
            continue
        known = first.setdefault(entry.name, entry)
        if known is not entry:
            yield entry.fault(
                (kind,), f"`{entry.name}` is given twice, first {_where(known)}", "keep one of them"
            )


def _where(entry: Entry[Model]) -> str:
    place = entry.place
    return f"at {place.file}:{place.line}"


def _dangling(
    issuers: Iterable[Entry[Issuer]], resources: Iterable[Entry[Resource]]
) -> Iterator[Fault]:
    known = {entry.name for entry in issuers}
    for entry in resources:
        for index, name in enumerate(entry.model.issuers if entry.model else ()):
            if name not in known:
                yield entry.fault(
                    ("issuers", index),
                    f"`{name}` is no issuer of the catalogue",
                    "add it to `issuers`, or write it exactly as it stands there",
                )


def _shared_selectors(resources: Iterable[Entry[Resource]]) -> Iterator[Fault]:
    for kind in ("route_metadata", "destination_principal"):
        first: dict[str, Entry[Resource]] = {}
        for entry in resources:
            values = getattr(entry.model.selectors, kind) if entry.model else ()
            for index, value in enumerate(values):
                known = first.setdefault(value, entry)
                if known is not entry:
                    yield entry.fault(
                        ("selectors", kind, index),
                        f"`{value}` selects a second resource, beside `{known.name}`",
                        "give each value to one resource",
                    )


def _ties(resources: Sequence[Entry[Resource]]) -> list[Fault]:
    known = {
        host
        for entry in resources
        for route in (entry.model.routes if entry.model else ())
        for host in route.hosts
    }
    first: dict[tuple[str, str, str], tuple[Entry[Resource], int, int]] = {}
    faults: dict[Fault, None] = {}
    for entry in resources:
        for index, route in enumerate(entry.model.routes if entry.model else ()):
            hosts = [key for host in route.hosts for key in host_keys(host, known)]
            # A route without hosts is looked for within its resource alone.
            for host in hosts or [f"resource {entry.name}"]:
                for number, path in enumerate(route.paths):
                    for method in route.methods:
                        mine = (entry, index, number)
                        there = first.setdefault((host, canonical(path), method), mine)
                        if there != mine:
                            faults[_tie(mine, there, f"`{method} {path}`")] = None
    return list(faults)


def _tie(
    mine: tuple[Entry[Resource], int, int], there: tuple[Entry[Resource], int, int], what: str
) -> Fault:
    entry, index, number = mine
    other, route, _ = there
    where = f"routes[{route}] of `{other.name}`"
    return entry.fault(
        ("routes", index, "paths", number),
        f"{what} ties with {where}: one host, one path and one method in both",
        "let one route decide about it",
    )
