"""Reads one YAML document by the core schema of YAML 1.2, section 10.3, and keeps every position.

Narrower than YAML on purpose. Refused, each with its line: several documents in a file, a name
given twice in one mapping, anchors and aliases, tags, directives but `%YAML 1.2`, names that are
not text, numbers that JSON cannot hold. A plain `off`, `yes` or `2027-01-01` is a string here, as
the core schema has it; a reader of YAML 1.1 would make a boolean or a date of it.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import ruamel.yaml
from ruamel.yaml import events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from accredit.errors import CatalogueError, Fault

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 24
MAX_NODES: Final = 100_000
_MAX_INTEGER_CHARACTERS: Final = 19  # -2^63 has twenty; 64-bit integers are checked by value
_INTEGER_MAX: Final = 2**63 - 1

# Where in a document: names of members and indices of elements.
Path = tuple[str | int, ...]

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read.

    Attributes:
        file: The file, as the operator named it.
        value: Plain Python: dict, list, str, int, float, bool or None.
        lines: The line, counted from 1, of each value by its path.
    """

    file: str
    value: Any
    lines: dict[Path, int] = field(repr=False)

    def line(self, path: Path) -> int:
        """Returns the line of a value, or of the nearest value around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def fault(self, path: Path, message: str, remedy: str = "") -> Fault:
        """Returns a fault at a place of this document."""
        return Fault(message, self.file, self.line(path), render(path), remedy)


def render(path: Path) -> str:
    """Renders `("resources", 0, "hosts")` as `resources[0].hosts`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read(data: bytes, file: str) -> Document:
    """Reads the one document of a file.

    Raises:
        CatalogueError: With the first thing that keeps the document from being read.
    """
    if len(data) > MAX_BYTES:
        _refuse(file, 0, f"has more than {MAX_BYTES} bytes", "split it into several files")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(file, line, "is not UTF-8", "save it as UTF-8")
    reader = _Reader(file)
    try:
        return reader.read(text.removeprefix("\ufeff"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(file, mark.line + 1 if mark else 0, f"is not YAML: {error.problem or 'malformed'}")
    except (YAMLError, ValueError, OverflowError, LookupError, TypeError, AttributeError):
        # The parser answers some malformed escapes and characters with plain Python errors.
        _refuse(file, reader.line, "is not YAML: an invalid character or escape")


def _refuse(file: str, line: int, message: str, remedy: str = "") -> NoReturn:
    raise CatalogueError([Fault(message, file, line, "", remedy)]) from None


class _Reader:
    """Builds values from parser events, which show what a loaded value no longer does."""

    def __init__(self, file: str) -> None:
        self.line = 1
        self._file = file
        self._lines: dict[Path, int] = {}
        self._nodes = 0

    def read(self, text: str) -> Document:
        stream = self._watched(ruamel.yaml.YAML(typ="safe", pure=True).parse(text))
        value: Any = None
        documents = 0
        for event in stream:
            if isinstance(event, events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse("a second document begins here", "put it into a file of its own")
                if event.version not in {None, (1, 2)} or event.tags:
                    self._refuse("a directive is used", "remove the line that begins with %")
            elif isinstance(event, events.NodeEvent):
                value = self._value(event, stream, ())
        if not documents:
            self._refuse("is empty", "begin with `accredit: catalogue/1`")
        return Document(self._file, value, self._lines)

    def _watched(self, stream: Iterator[Any]) -> Iterator[Any]:
        for event in stream:
            self.line = event.start_mark.line + 1
            yield event

    def _value(self, event: Any, stream: Iterator[Any], path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse(f"has more than {MAX_NODES} values", "split it into several files")
        if len(path) > MAX_DEPTH:
            self._refuse(f"is nested deeper than {MAX_DEPTH}", "nothing here is that deep")
        if isinstance(event, events.AliasEvent) or event.anchor is not None:
            self._refuse("an anchor or an alias is used", "write the value out")
        if event.tag is not None:
            self._refuse("a tag is used", "remove the word that begins with !")
        self._lines.setdefault(path, self.line)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(stream, path)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(stream, path)
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._refuse("an escape stands for half a character", "write the character itself")
        return self._plain(event.value) if _is_plain(event) else event.value

    def _mapping(self, stream: Iterator[Any], path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(stream), events.MappingEndEvent):
            if not isinstance(event, events.ScalarEvent):
                self._refuse("the name of a member is not text", "write a word before the colon")
            name = self._value(event, stream, (*path, ""))
            self._lines.pop((*path, ""))
            if not isinstance(name, str):
                self._refuse(f"the name `{event.value[:64]}` is not text", "put it in quotes")
            if name in mapping:
                self._refuse(f"`{name[:64]}` stands twice in one mapping", "remove one of them")
            self._lines[*path, name] = self.line
            mapping[name] = self._value(next(stream), stream, (*path, name))
        return mapping

    def _sequence(self, stream: Iterator[Any], path: Path) -> list[Any]:
        sequence: list[Any] = []
        while not isinstance(event := next(stream), events.SequenceEndEvent):
            sequence.append(self._value(event, stream, (*path, len(sequence))))
        return sequence

    def _plain(self, text: str) -> Any:
        """Resolves an unquoted scalar by the core schema."""
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        for form, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
            if form.fullmatch(text):
                return self._integer(text, base)
        if _NOT_FINITE.fullmatch(text):
            self._refuse(f"`{text}` is not a number that JSON has", "put it in quotes")
        if _FLOAT.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                self._refuse("a number is out of range", "put it in quotes")
            return number
        return text

    def _integer(self, text: str, base: int) -> int:
        digits = text.lstrip("+-").removeprefix("0o").removeprefix("0x").lstrip("0")
        number = int(text, base) if len(digits) <= _MAX_INTEGER_CHARACTERS else _INTEGER_MAX + 1
        if abs(number) > _INTEGER_MAX:
            self._refuse("a number is out of range", "put it in quotes")
        return number

    def _refuse(self, message: str, remedy: str = "") -> NoReturn:
        _refuse(self._file, self.line, message, remedy)


def _is_plain(event: Any) -> bool:
    """Whether a scalar stands without quotes and without a block indicator."""
    return bool(event.implicit[0])
