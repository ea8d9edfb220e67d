"""A catalogue that was validated whole."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from accredit.catalogue.compile import compile_document
from accredit.catalogue.model import Issuer, Resource


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: file, line counted from 1, and path in the document."""

    file: str
    line: int
    path: str


@dataclass(frozen=True)
class Catalogue:
    """Issuers and resources of all files, each given once, each reference resolved.

    Attributes:
        issuers: In the order of their identifiers.
        resources: In the order of their identifiers.
        places: Where each entry stands, by identifier; a resource and an issuer of one identifier
            are told apart by the prefixes `issuer ` and `resource `.
    """

    issuers: tuple[Issuer, ...]
    resources: tuple[Resource, ...]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def compiled(self) -> bytes:
        """Returns the form that the core loads: JSON of format `accredit-compiled/1`.

        The same entries give the same bytes, whatever files and order they were written in.
        """
        return self._compiled

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of `compiled()` in lower-case hexadecimal, as decisions state it."""
        return hashlib.sha256(self._compiled).hexdigest()

    def issuer(self, identifier: str) -> Issuer | None:
        """Returns the issuer with this identifier, compared by code point."""
        return next((found for found in self.issuers if found.issuer == identifier), None)

    def resource(self, identifier: str) -> Resource | None:
        """Returns the resource with this identifier, compared by code point."""
        return next((found for found in self.resources if found.resource == identifier), None)

    def place(self, kind: str, identifier: str) -> Place:
        """Returns where the `issuer` or `resource` of this identifier stands."""
        return self.places.get(f"{kind} {identifier}", Place("", 0, ""))

    @cached_property
    def _compiled(self) -> bytes:
        return compile_document(self.issuers, self.resources)
