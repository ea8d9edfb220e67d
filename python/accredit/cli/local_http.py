"""Asks a server on this host over plain HTTP: no proxy, no redirect, a cap on the answer."""

import contextlib
import http.client
import json
import socket
from typing import Any, Final

from accredit.cli.output import quoted
from accredit.errors import InputError, ServerError
from accredit.settings import Address

__all__ = ["get_json", "is_ready"]

_TIMEOUT_S: Final = 5.0
_MAX_BYTES: Final = 16 * 1_048_576


def get_json(address: str, path: str) -> dict[str, Any]:
    """Returns the JSON object behind `path` of the server at `address` (IP:PORT or unix:PATH).

    Raises:
        InputError: The address is none.
        ServerError: Nobody answers, or not with status 200 and a JSON object.
    """
    status, body = _get(address, path)
    if status != http.client.OK:
        raise ServerError(f"{address}: {path} answers with status {status}; is it Accredit?")
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ServerError(f"{address}: {path} answers no JSON object; is it Accredit?")
    return answer


def is_ready(address: str) -> bool:
    """Whether the server at `address` says that it is ready."""
    with contextlib.suppress(ServerError):
        return _get(address, "/readyz")[0] == http.client.OK
    return False


def _get(address: str, path: str) -> tuple[int, bytes]:
    try:
        parsed = Address.parse(address)
    except ValueError as error:
        raise InputError(f"--server {quoted(address)} {error}") from None
    connection = _Connection(parsed)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or "it answered no HTTP"
        raise ServerError(
            f"{address}: no server answers ({reason}); is `accredit serve` running,"
            " and is this its `listen.http`?"
        ) from None
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: Address) -> None:
        super().__init__(address.host or "localhost", address.port or None, timeout=_TIMEOUT_S)
        self._unix_path = address.unix_path

    def connect(self) -> None:
        if not self._unix_path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._unix_path)
