"""A caller that writes its own bytes: request targets and headers go out exactly as given."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        status: The HTTP status; 0 where the connection was closed without one.
        headers: Names in lower case, in order, repetitions kept.
        body: As received.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call(
    port: int,
    target: str | bytes = "/orders/1",
    *,
    method: str = "GET",
    host: str | bytes = "api.example",
    token: str | None = None,
    headers: Iterable[tuple[str | bytes, str | bytes]] = (),
    body: bytes | None = None,
    timeout_s: float = 20.0,
) -> Reply:
    """Sends one HTTP/1.1 request on a connection of its own."""
    lines = [method.encode() + b" " + _bytes(target) + b" HTTP/1.1", b"host: " + _bytes(host)]
    if token is not None:
        lines.append(b"authorization: Bearer " + token.encode())
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    lines += [b"connection: close", b"", b""]
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        # A refusal may come before the body has gone; what it says is still to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"\r\n".join(lines) + (body or b""))
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            answer.begin()
            received = answer.read()
        except (http.client.HTTPException, ConnectionResetError):
            return Reply(0, (), b"")
    names = tuple((name.lower(), value) for name, value in answer.getheaders())
    return Reply(answer.status, names, received)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
