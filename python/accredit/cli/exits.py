"""How a command ends: one code for each kind of end, the same for every command."""

from enum import IntEnum
from typing import Final

from accredit.errors import (
    AccreditError,
    CatalogueError,
    DoorError,
    EngineError,
    EnvoyLintError,
    FetchError,
    InputError,
    KeySetError,
    ServerError,
    SettingsError,
    StateError,
)

__all__ = ["EXITS", "Exit", "exit_of"]


class Exit(IntEnum):
    """The exit codes of `accredit`."""

    OK = 0
    NO = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    DEFECT = 5
    INTERRUPTED = 130


EXITS: Final[dict[Exit, str]] = {
    Exit.OK: "Done: the decision is allow, nothing was found, every answer is the expected one.",
    Exit.NO: "Done, and the answer is no: deny, findings, a failed case, an unexpected answer.",
    Exit.USAGE: "The command line or what it names (a token file, a batch) cannot be used.",
    Exit.CONFIGURATION: "Settings, catalogue, key set, state folder or gateway file are wrong.",
    Exit.UNREACHABLE: "A server, an issuer or an address to listen on cannot be reached.",
    Exit.DEFECT: "A defect of Accredit; please report it.",
    Exit.INTERRUPTED: "Interrupted from the keyboard.",
}

_OF: Final[tuple[tuple[type[AccreditError], Exit], ...]] = (
    (InputError, Exit.USAGE),
    (SettingsError, Exit.CONFIGURATION),
    (CatalogueError, Exit.CONFIGURATION),
    (KeySetError, Exit.CONFIGURATION),
    (StateError, Exit.CONFIGURATION),
    (EnvoyLintError, Exit.CONFIGURATION),
    (FetchError, Exit.UNREACHABLE),
    (ServerError, Exit.UNREACHABLE),
    (DoorError, Exit.UNREACHABLE),
    (EngineError, Exit.DEFECT),
)


def exit_of(error: AccreditError) -> Exit:
    """Returns the code that a command ends with when this error reaches the top."""
    return next((code for kind, code in _OF if isinstance(error, kind)), Exit.DEFECT)
