"""Asks a running server as Envoy does: `envoy.service.auth.v3.Authorization/Check` over gRPC."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import grpc

from accredit.cli.output import quoted
from accredit.errors import InputError, ServerError
from accredit.serve.descriptors import message_class
from accredit.settings import Address

__all__ = ["Answer", "Asker", "ask"]

_METHOD: Final = "/envoy.service.auth.v3.Authorization/Check"
_TIMEOUT_S: Final = 5.0
_ALLOWED: Final = 0
_HTTP_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        allowed: Whether the gateway lets the request pass.
        status: The HTTP status of a refusal; 200 for an allow.
        headers: Set on the request (allow) or on the refusal (deny).
        metadata: Dynamic metadata: decision id, reason, resource and more.
        took_us: From sending to the answer, in microseconds.
    """

    allowed: bool
    status: int
    headers: tuple[tuple[str, str], ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    took_us: int = 0

    @property
    def reason(self) -> str:
        """The reason code; empty where the server sent none."""
        return self.metadata.get("reason", "")

    def to_json(self) -> dict[str, Any]:
        """Returns the answer in the words of check JSON, and what ext_authz adds."""
        known = {
            "decision": "allow" if self.allowed else "deny",
            "reason": self.reason,
            "resource": self.metadata.get("resource"),
        }
        further = {
            name: value
            for name, value in self.metadata.items()
            if name not in known and value is not None
        }
        return {
            **known,
            **further,
            "status": self.status,
            "headers": [list(header) for header in self.headers],
            "microseconds": self.took_us,
        }


class Asker:
    """A connection to one server.

    Args:
        address: IP:PORT, [IPv6]:PORT or unix:PATH.

    Raises:
        InputError: The address is none.
    """

    def __init__(self, address: str) -> None:
        try:
            self._address = str(Address.parse(address))
        except ValueError as error:
            raise InputError(f"--server {quoted(address)} {error}") from None
        # Tokens go to the address that was named, whatever proxy variables say.
        self._channel = grpc.insecure_channel(
            self._address, options=[("grpc.enable_http_proxy", 0)]
        )
        self._check = self._channel.unary_unary(_METHOD)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def ask(
        self,
        *,
        method: str | None = None,
        host: str | None = None,
        path: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        resource: str | None = None,
    ) -> Answer:
        """Sends one check; headers go as they stand, repeated ones too (`encode_raw_headers`).

        Raises:
            ServerError: No answer, or one that cannot be read.
        """
        request: Any = message_class("envoy.service.auth.v3.CheckRequest")()
        http = request.attributes.request.http
        http.method, http.host, http.path = method or "", host or "", path or ""
        for name, value in headers:
            http.header_map.headers.add(
                key=name, raw_value=value.encode("utf-8", "surrogateescape")
            )
        if resource is not None:
            request.attributes.context_extensions["accredit.resource"] = resource
        sent = request.SerializeToString()
        began_ns = time.perf_counter_ns()
        try:
            received = self._check(sent, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            raise ServerError(
                f"{self._address}: the check came back with gRPC status {error.code().name};"
                " is `accredit serve` running, and is this its `listen.check`?"
            ) from None
        took_us = (time.perf_counter_ns() - began_ns) // 1_000
        return _read(received, took_us)


def ask(address: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Asks the server at `address` a question of check JSON; returns an answer of its kind.

    Raises:
        InputError: The address is none.
        ServerError: No answer.
    """
    headers = [
        (name, value) for name, values in question.get("headers", {}).items() for value in values
    ]
    if "token" in question:
        headers.append(("authorization", f"Bearer {question['token']}"))
    with Asker(address) as asker:
        answer = asker.ask(
            method=question.get("method"),
            host=question.get("host"),
            path=question.get("path"),
            headers=headers,
            resource=question.get("resource"),
        )
    return answer.to_json()


def _read(received: bytes, took_us: int) -> Answer:
    try:
        response: Any = message_class("envoy.service.auth.v3.CheckResponse").FromString(received)
    except Exception:  # noqa: BLE001 - protobuf's DecodeError, whose text may quote the answer
        raise ServerError("the server's answer is no CheckResponse; is it Accredit?") from None
    allowed = response.status.code == _ALLOWED
    part = response.ok_response if allowed else response.denied_response
    return Answer(
        allowed=allowed,
        status=_HTTP_OK if allowed else int(response.denied_response.status.code),
        headers=tuple(
            (one.header.key, one.header.value or one.header.raw_value.decode("utf-8", "replace"))
            for one in part.headers
        ),
        metadata={
            name: value.string_value for name, value in response.dynamic_metadata.fields.items()
        },
        took_us=took_us,
    )
