"""Where the keys of an issuer come from, as the catalogue says it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from accredit.trust.discovery import Flavour
from accredit.trust.network import PUBLIC, Reach

__all__ = ["Discovery", "File", "Inline", "IssuerSource", "JwksUri", "KeySource"]


@dataclass(frozen=True, slots=True)
class JwksUri:
    """A key set behind a URL that the operator wrote."""

    url: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """A key set behind the `jwks_uri` of the issuer's metadata."""

    flavour: Flavour


@dataclass(frozen=True, slots=True)
class File:
    """A key set in a file of this machine, read again when it changes."""

    path: Path


@dataclass(frozen=True, slots=True)
class Inline:
    """A key set that stands in the catalogue, as the bytes of its JSON."""

    jwks: bytes


KeySource = JwksUri | Discovery | File | Inline


@dataclass(frozen=True, slots=True)
class IssuerSource:
    """One issuer and the source of its keys.

    Attributes:
        issuer: As it stands in the catalogue and in `iss`.
        keys: The source.
        reach: What the operator opened for this issuer.
    """

    issuer: str
    keys: KeySource
    reach: Reach = PUBLIC

    @property
    def kind(self) -> str:
        """The name of the source's kind, for people: `jwks_uri`, `oidc`, `oauth`, `file`, ..."""
        match self.keys:
            case JwksUri():
                return "jwks_uri"
            case Discovery(flavour):
                return flavour.value
            case File():
                return "file"
            case Inline():
                return "inline"

    @property
    def remote(self) -> bool:
        """Whether the keys come over the network."""
        return isinstance(self.keys, JwksUri | Discovery)

    def digest(self) -> str:
        """Returns a SHA-256 in hex over issuer and source.

        Stored keys carry it, so that they are never used for a source that they did not come from.
        """
        match self.keys:
            case JwksUri(url):
                place = url
            case Discovery():
                place = ""
            case File(path):
                place = str(path)
            case Inline(jwks):
                place = hashlib.sha256(jwks).hexdigest()
        text = json.dumps([self.issuer, self.kind, place])
        return hashlib.sha256(text.encode()).hexdigest()
