"""Every exception that Accredit raises on purpose.

    AccreditError
    ├── SettingsError      the settings file, variables or flags are wrong: the operator mends them
    ├── CatalogueError     the catalogue does not load: the operator mends it
    ├── KeySetError        a key set is refused: the issuer mends it
    ├── FetchError         something could not be fetched: look at the network or the other side
    ├── StateError         the state directory cannot be used: the operator mends its permissions
    ├── DoorError          a listener could not be opened or drained
    ├── EngineError        the core refused an argument: a defect of Accredit
    ├── ServerError        a running server could not be asked, or answered what we cannot read
    ├── InputError         what a command was given cannot be read
    └── EnvoyLintError     an Envoy configuration cannot be read

A denial is an answer, never an exception. No message here ever holds a token, a proof or a secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "AccreditError",
    "CatalogueError",
    "DoorError",
    "EngineError",
    "EnvoyLintError",
    "Fault",
    "FetchError",
    "InputError",
    "KeySetError",
    "ServerError",
    "SettingsError",
    "StateError",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what an operator wrote.

    Attributes:
        message: What is wrong, one clause in lower case.
        file: The file, as the operator named it; empty where there is none.
        line: The line in that file, counted from 1; 0 where it is not known.
        path: Where in the document, for example `resources[0].routes[2].hosts`; for settings the
            key, for example `limits.token_bytes`.
        remedy: What to do about it; empty where the message says so.
    """

    message: str
    file: str = ""
    line: int = 0
    path: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Renders `FILE:LINE: PATH: MESSAGE; REMEDY`, leaving out what is not known."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        parts = [part for part in (place, self.path, self.message) if part]
        text = ": ".join(parts)
        return f"{text}; {self.remedy}" if self.remedy else text

    def to_json(self) -> dict[str, str | int]:
        """Returns the fault as a JSON object, with every member always present."""
        return {
            "file": self.file,
            "line": self.line,
            "message": self.message,
            "path": self.path,
            "remedy": self.remedy,
        }


class AccreditError(Exception):
    """The root of the tree; catch it to catch everything that Accredit raises on purpose."""


class _FaultsError(AccreditError):
    """An error that lists everything that is wrong, not only the first thing.

    Args:
        faults: At least one; a plain string counts as a fault without a place.
    """

    _what = "the document"

    def __init__(self, faults: Iterable[Fault | str]) -> None:
        self.faults: tuple[Fault, ...] = tuple(
            fault if isinstance(fault, Fault) else Fault(fault) for fault in faults
        )
        super().__init__(self._render())

    def _render(self) -> str:
        if len(self.faults) == 1:
            return str(self.faults[0])
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        return f"{self._what}: {len(self.faults)} faults\n{lines}"

    def __reduce__(self) -> tuple[type, tuple[Sequence[Fault]]]:
        """Rebuilds the error from its faults, since `args` holds the rendered text."""
        return type(self), (self.faults,)


class SettingsError(_FaultsError):
    """The settings cannot be used; every fault names the file or variable, the key and a remedy."""

    _what = "settings"


class CatalogueError(_FaultsError):
    """The catalogue cannot be used; every fault names the file, the line and the place in it."""

    _what = "catalogue"


class KeySetError(AccreditError):
    """A key set is refused as a whole (RFC 7517, section 5).

    Args:
        reason: Names the key by `kid` or index and says what is wrong; holds no key material.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FetchError(AccreditError):
    """A document could not be fetched: refused before connecting, by the network or on arrival.

    Args:
        url: What was asked for, without a query.
        reason: What happened, one clause.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Rebuilds the error from its two arguments."""
        return type(self), (self.url, self.reason)


class StateError(AccreditError):
    """The state directory or a file in it cannot be used, or others could write to it."""


class DoorError(AccreditError):
    """A listener could not be opened, served from or drained."""


class EngineError(AccreditError):
    """The core refused an argument that our own code gave it: a defect, please report it."""


class ServerError(AccreditError):
    """A running server could not be asked, or its answer cannot be read."""


class InputError(AccreditError):
    """What a command was given (a token file, a key file, a moment) cannot be read."""


class EnvoyLintError(AccreditError):
    """An Envoy configuration cannot be read; findings in one that can be are not exceptions."""
