"""Reading gateway configurations: YAML or JSON in, plain values with their paths out."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from accredit.errors import EnvoyLintError

__all__ = ["Node", "load", "walk"]

TYPE_URL: Final = "@type"
# A configuration is written by an operator, but may come from anywhere by the time it is linted.
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_DEPTH: Final = 200
# YAML aliases make a small file a large tree.
MOST_NODES: Final = 1_000_000

_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_DURATION: Final = re.compile(r"^(\d+(?:\.\d+)?)(s|ms|m|h)$")
_UNIT_S: Final = {"s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0}


class Node:
    """A value of a document with its place; reading a member that is absent gives an absent node.

    Envoy reads protobuf JSON, so a member may be written `failure_mode_allow` or
    `failureModeAllow`; here it is always asked for in the first form.

    Args:
        value: What the parser made: mapping, sequence, string, number, boolean or None.
        path: Where it stands, as `a.b[0].c`.
    """

    __slots__ = ("path", "value")

    def __init__(self, value: object, path: str = "") -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> "Node":
        """Returns the member of that name, in either spelling."""
        inner = f"{self.path}.{name}" if self.path else name
        if isinstance(self.value, Mapping):
            for spelling in (name, _camel(name)):
                if spelling in self.value:
                    return Node(self.value[spelling], inner)
        return Node(None, inner)

    def at(self, *names: str) -> "Node":
        """Returns the node at the end of a chain of members."""
        node = self
        for name in names:
            node = node[name]
        return node

    @property
    def present(self) -> bool:
        """Whether it is there and not null."""
        return self.value is not None

    def items(self) -> Iterator["Node"]:
        """Yields the elements of a sequence; nothing where it is none."""
        if isinstance(self.value, Sequence) and not isinstance(self.value, str | bytes):
            for index, element in enumerate(self.value):
                yield Node(element, f"{self.path}[{index}]")

    def members(self) -> Iterator[tuple[str, "Node"]]:
        """Yields names and values of a mapping; nothing where it is none."""
        if isinstance(self.value, Mapping):
            for name, value in self.value.items():
                inner = f"{self.path}.{name}" if self.path else str(name)
                yield str(name), Node(value, inner)

    @property
    def text(self) -> str:
        """The value as it was written, empty where it is absent."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return "" if self.value is None else str(self.value)

    @property
    def is_true(self) -> bool:
        """Whether it is surely true."""
        return self.value is True or self.text.lower() in _TRUE

    @property
    def is_false(self) -> bool:
        """Whether it is surely false; an absent value is false in protobuf."""
        return not self.present or self.value is False or self.text.lower() in _FALSE

    @property
    def number(self) -> float | None:
        """The number, also where it is written as a string; None where it is none."""
        if isinstance(self.value, bool):
            return None
        try:
            return float(self.text)
        except ValueError:
            return None

    @property
    def seconds(self) -> float | None:
        """A duration such as `0.5s` (protobuf) or `500ms` (Kubernetes); None where it is none."""
        match = _DURATION.match(self.text.strip())
        return float(match[1]) * _UNIT_S[match[2]] if match else None

    @property
    def type(self) -> str:
        """The last part of the type URL: `envoy.….v3.ExtAuthz`; empty where there is none."""
        return self[TYPE_URL].text.rpartition("/")[2]

    def is_a(self, suffix: str) -> bool:
        """Whether its type's name ends in that, at a dot."""
        return self.type == suffix or self.type.endswith("." + suffix)

    def unwrapped(self) -> "Node":
        """Returns the value inside of a TypedStruct, with its type beside it; else itself."""
        if not self.is_a("TypedStruct"):
            return self
        inner = self["value"]
        value = dict(inner.value) if isinstance(inner.value, Mapping) else {}
        value[TYPE_URL] = self["type_url"].text
        return Node(value, inner.path)


def load(text: str, name: str) -> list[Node]:
    """Parses every document of a file.

    Args:
        text: YAML 1.2 (JSON is a part of it), one or more documents.
        name: The file, for messages.

    Raises:
        EnvoyLintError: It is no YAML, no mapping, too large, too deep, or empty.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        message = f"{name}: larger than {MOST_BYTES} bytes; lint its parts"
        raise EnvoyLintError(message)
    parser = YAML(typ="safe", pure=True)
    try:
        values = [value for value in parser.load_all(io.StringIO(text)) if value is not None]
    except (YAMLError, ValueError) as error:
        # The parser's own words name line and column.
        message = f"{name}: no YAML or JSON: {' '.join(str(error).split())}"
        raise EnvoyLintError(message) from error
    except RecursionError:
        message = f"{name}: nested more than {MOST_DEPTH} deep"
        raise EnvoyLintError(message) from None
    if not values:
        message = f"{name}: holds no document"
        raise EnvoyLintError(message)
    documents = []
    for index, value in enumerate(values):
        if not isinstance(value, Mapping):
            message = (
                f"{name}: document {index} is no mapping; give Envoy's bootstrap or a resource"
            )
            raise EnvoyLintError(message)
        documents.append(Node(value, f"#{index}" if len(values) > 1 else ""))
    for document in documents:
        _bound(document, name)
    return documents


def walk(node: Node) -> Iterator[Node]:
    """Yields a node and all below it, parents first; a TypedStruct appears unwrapped."""
    pending = [node]
    while pending:
        current = pending.pop().unwrapped()
        yield current
        below = [child for _, child in current.members()]
        below += list(current.items())
        pending.extend(reversed(below))


def _bound(document: Node, name: str) -> None:
    pending = [(document.value, 1)]
    seen = 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if depth > MOST_DEPTH or seen > MOST_NODES:
            message = (
                f"{name}: nested more than {MOST_DEPTH} deep or of more than {MOST_NODES} values"
            )
            raise EnvoyLintError(message)
        if isinstance(value, Mapping):
            pending += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list | tuple):
            pending += [(inner, depth + 1) for inner in value]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
