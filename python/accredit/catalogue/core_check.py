"""What the core says about a catalogue: the same code that will decide judges it beforehand."""

import json
import re
from collections.abc import Iterable, Iterator

from accredit.catalogue.cross import Entry
from accredit.catalogue.model import Issuer
from accredit.catalogue.whole import Catalogue
from accredit.engine import Engine, inspect_keys
from accredit.errors import CatalogueError, Fault, KeySetError
from accredit.settings import Settings


def key_faults(issuers: Iterable[Entry[Issuer]]) -> Iterator[Fault]:
    """Yields a fault for each key set written in a catalogue that the core refuses."""
    for entry in issuers:
        if entry.model is None or entry.model.keys.inline is None:
            continue
        try:
            inspect_keys(json.dumps(entry.model.keys.inline, ensure_ascii=False).encode())
        except KeySetError as error:
            yield entry.fault(("keys", "inline"), f"is refused: {error.reason}", "")


def compile_faults(catalogue: Catalogue) -> list[Fault]:
    """Returns the core's faults, each at the entry that it is about.

    Whatever is wrong should have been found before, in the operator's own words. This is what makes
    a catalogue that loads one that the server takes.
    """
    try:
        Engine(Settings().engine_json()).load_catalogue(catalogue.compiled())
    except CatalogueError as error:
        return [_placed(catalogue, fault.message) for fault in error.faults]
    return []


def _placed(catalogue: Catalogue, message: str) -> Fault:
    """Finds the entry that a JSON Pointer into the compiled form is about."""
    pointer = re.match(r"/(issuers|resources)/([0-9]+)(?:/|:)", message)
    if pointer is None:
        return Fault(message)
    index = int(pointer[2])
    if pointer[1] == "issuers":
        place = catalogue.place("issuer", catalogue.issuers[index].issuer)
    else:
        place = catalogue.place("resource", catalogue.resources[index].resource)
    rest = message[pointer.end() - 1 :].removeprefix("/").removeprefix(":").strip()
    return Fault(rest, place.file, place.line, place.path)
