"""Reads a folder of YAML documents into one catalogue, whole or not at all."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from accredit.catalogue import yaml
from accredit.catalogue.core_check import compile_faults, key_faults
from accredit.catalogue.cross import Entry, Model, cross_check
from accredit.catalogue.faults import explain
from accredit.catalogue.migrate import CASES_FORMAT, format_fault
from accredit.catalogue.model import Context, Document, Issuer, Resource
from accredit.catalogue.whole import Catalogue
from accredit.errors import CatalogueError, Fault
from accredit.settings import Settings

SUFFIXES: Final = frozenset({".yaml", ".yml"})
MAX_FILES: Final = 1_000
MAX_TOTAL_BYTES: Final = 16 * 1_048_576
_UNREADABLE: Final = "check its permissions, or name another with --catalogue or `catalogue.dir`"


@dataclass(frozen=True, slots=True)
class Sources:
    """The bytes of a catalogue's files, read once.

    Attributes:
        folder: Where relative key files are looked for.
        files: Name and bytes of each file, in the order of their names.
    """

    folder: Path
    files: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Returns a SHA-256 in hexadecimal over names and bytes, to tell whether they changed."""
        digest = hashlib.sha256()
        for name, data in self.files:
            digest.update(f"{len(name)}:{name}{len(data)}:".encode(errors="surrogateescape"))
            digest.update(data)
        return digest.hexdigest()


def read(place: Path) -> Sources:
    """Reads the `*.yaml` and `*.yml` files of a folder, not those below it, or one file.

    Names that begin with a dot are passed over, as editors and Kubernetes keep their own there.

    Raises:
        CatalogueError: The folder or a file of it cannot be read, or there are too many bytes.
    """
    try:
        if place.is_dir():
            paths = sorted(
                path
                for path in place.iterdir()
                if path.suffix in SUFFIXES and not path.name.startswith(".")
            )
            folder = place
        else:
            paths, folder = [place], place.parent
    except OSError as error:
        raise CatalogueError([_unreadable(place, error)]) from None
    if not paths:
        remedy = "name a folder that holds *.yaml files with --catalogue or `catalogue.dir`"
        raise CatalogueError([Fault("holds no *.yaml file", str(place), remedy=remedy)])
    if len(paths) > MAX_FILES:
        raise CatalogueError([Fault(f"holds more than {MAX_FILES} files", str(place))])
    files, faults, total = [], [], 0
    for path in paths:
        try:
            data = _read_file(path)
        except OSError as error:
            faults.append(_unreadable(path, error))
            continue
        total += len(data)
        files.append((str(path), data))
    if total > MAX_TOTAL_BYTES:
        faults.append(Fault(f"holds more than {MAX_TOTAL_BYTES} bytes", str(place)))
    if faults:
        raise CatalogueError(faults)
    return Sources(folder, tuple(files))


def _read_file(path: Path) -> bytes:
    if not path.is_file():  # a named pipe would block, and a device never end
        missing = not path.exists()
        raise OSError(0, "No such file or directory" if missing else "Not a regular file")
    with path.open("rb") as file:
        return file.read(yaml.MAX_BYTES + 1)


def _unreadable(path: Path, error: OSError) -> Fault:
    message = f"cannot be read: {error.strerror or 'unknown error'}"
    return Fault(message, str(path), remedy=_UNREADABLE)


def load(place: Path, settings: Settings) -> Catalogue:
    """Reads and validates a catalogue.

    Args:
        place: A folder, or one file.
        settings: `insecure.loopback_http` is read from here.

    Raises:
        CatalogueError: With every fault of every file.
    """
    return validate(read(place), loopback_http=settings.insecure.loopback_http)


def validate(sources: Sources, *, loopback_http: bool = False) -> Catalogue:
    """Validates what was read.

    Raises:
        CatalogueError: With every fault of every file.
    """
    gathered = _Gathered(Context(sources.folder, loopback_http=loopback_http))
    for name, data in sources.files:
        gathered.add(name, data, alone=len(sources.files) == 1)
    return gathered.settle()


class _Gathered:
    """The entries of all files so far, and what is wrong with them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._faults: list[Fault] = []
        self._issuers: list[Entry[Issuer]] = []
        self._resources: list[Entry[Resource]] = []

    def add(self, file: str, data: bytes, *, alone: bool) -> None:
        try:
            document = yaml.read(data, file)
        except CatalogueError as error:
            self._faults.extend(error.faults)
            return
        value = document.value
        if isinstance(value, dict) and value.get("accredit") == CASES_FORMAT and not alone:
            return  # test cases may stand beside what they test
        wrong = format_fault(value)
        if wrong is not None:
            message, _, remedy = wrong.partition("; ")
            self._faults.append(document.fault(("accredit",), message, remedy))
            return
        self._issuers += self._entries(document, "issuers", "issuer", Issuer)
        self._resources += self._entries(document, "resources", "resource", Resource)
        # The frame alone: the entries were judged one by one.
        frame = {
            name: [] if name in {"issuers", "resources"} and isinstance(inner, list) else inner
            for name, inner in value.items()
        }
        self._model(Document, frame, document, ())

    def _entries(
        self, document: yaml.Document, section: str, name: str, model: type[Model]
    ) -> list[Entry[Model]]:
        values = document.value.get(section)
        entries = []
        for index, value in enumerate(values if isinstance(values, list) else ()):
            at = (section, index)
            identifier = value.get(name) if isinstance(value, dict) else None
            entries.append(
                Entry(
                    identifier if isinstance(identifier, str) else None,
                    self._model(model, value, document, at),
                    document,
                    at,
                )
            )
        return entries

    def _model(
        self, model: type[BaseModel], value: Any, document: yaml.Document, at: yaml.Path
    ) -> Any:
        try:
            validated: BaseModel = model.model_validate(value, context=self._context)
        except ValidationError as error:
            self._faults += explain(error, model, document, at)
            return None
        return validated

    def settle(self) -> Catalogue:
        self._faults += cross_check(self._issuers, self._resources)
        self._faults += key_faults(self._issuers)
        if not self._faults:
            whole = self._whole()
            self._faults += compile_faults(whole)
        if self._faults:
            self._faults.sort(key=lambda fault: (fault.file, fault.line))
            raise CatalogueError(self._faults)
        return whole

    def _whole(self) -> Catalogue:
        return Catalogue(
            issuers=tuple(
                sorted(
                    (entry.model for entry in self._issuers if entry.model),
                    key=lambda issuer: issuer.issuer,
                )
            ),
            resources=tuple(
                sorted(
                    (entry.model for entry in self._resources if entry.model),
                    key=lambda resource: resource.resource,
                )
            ),
            places={
                **{f"issuer {entry.name}": entry.place for entry in self._issuers},
                **{f"resource {entry.name}": entry.place for entry in self._resources},
            },
        )
