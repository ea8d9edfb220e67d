"""What can be set, with its default, its bounds and its meaning.

`docs/settings.md` is written from these models, so a description here is what operators read. A
model refuses unknown keys: a misspelt limit must not fall back to its default in silence.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from accredit.settings.address import Address

MEBIBYTE: Final = 1_048_576


class _Model(BaseModel):
    """Frozen, strict about types, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )


def _local_address(text: str) -> str:
    address = Address.parse(text)
    if not address.is_local:
        msg = "is open to other hosts, and there is no TLS yet; use 127.0.0.1, [::1] or unix:PATH"
        raise ValueError(msg)
    return str(address)


AddressText = Annotated[str, AfterValidator(_local_address)]
# TOML has no type for a path, so this one place reads a string.
PathText = Annotated[Path, Field(strict=False)]


class _Listener(_Model):
    address: AddressText

    @property
    def parsed(self) -> Address:
        """Returns the address in its parts."""
        return Address.parse(self.address)


class CheckListener(_Listener):
    """The fast door, for gateways: ext_authz `Authorization`, health and reflection."""

    address: AddressText = "127.0.0.1:9191"
    """IP:PORT, [IPv6]:PORT or unix:PATH; port 0 lets the system choose. Loopback or a Unix socket
    only, until TLS exists. `listen.check = "ADDRESS"` says the same in one line."""
    worker_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: min(256, max(1, os.cpu_count() or 1))
    )
    """Threads that decide. The default is the number of processors."""
    transport: Literal["tonic", "grpcio"] = "tonic"
    """`tonic` is the fast door; `grpcio` serves the same calls from the Python door instead."""


class ServicesListener(_Listener):
    """The Python door, for services: the same checks over grpc.aio, health and reflection."""

    address: AddressText = "127.0.0.1:9192"
    """As `listen.check.address`."""


class HttpListener(_Listener):
    """Plain HTTP for operators: `/healthz`, `/readyz`, `/metrics`."""

    address: AddressText = "127.0.0.1:9193"
    """As `listen.check.address`."""


class ListenSettings(_Model):
    """Where Accredit listens."""

    check: CheckListener = CheckListener()
    services: ServicesListener = ServicesListener()
    http: HttpListener = HttpListener()

    @model_validator(mode="after")
    def _are_distinct(self) -> "ListenSettings":
        addresses = [
            str(address)
            for address in (self.check.parsed, self.services.parsed, self.http.parsed)
            if address.port or address.unix_path
        ]
        if len(set(addresses)) != len(addresses):
            msg = "two listeners have one address; give each its own"
            raise ValueError(msg)
        return self


class CatalogueSettings(_Model):
    """The catalogue: issuers, resources and routes."""

    dir: PathText = Path("./catalogue")
    """A folder of YAML documents, or one such file; relative to the working directory."""
    reload_s: Annotated[int, Field(ge=1, le=3_600)] = 2
    """Seconds between two looks at the folder; SIGHUP looks at once."""


class StateSettings(_Model):
    """What survives a restart."""

    dir: PathText = Path("./.accredit")
    """Made with mode 0700; refused when others can write to it."""


class LimitsSettings(_Model):
    """Caps on what one request, one connection and the whole process may cost."""

    token_bytes: Annotated[int, Field(ge=1_024, le=65_536)] = 16_384
    """Longest token that is looked at. Gateways take 60 KiB of headers; a longer token never
    arrives."""
    request_bytes: Annotated[int, Field(ge=65_536, le=8 * MEBIBYTE)] = MEBIBYTE
    """Longest check request that is judged; a longer one is denied `request_too_large`."""
    transport_message_bytes: Annotated[int, Field(ge=16 * MEBIBYTE, le=256 * MEBIBYTE)] = (
        16 * MEBIBYTE
    )
    """Longest gRPC message that is received at all. Beyond it a gateway sees a gRPC error, which
    `failure_mode_allow` would let pass, so it cannot be set near what a gateway can send."""
    connections: Annotated[int, Field(ge=1, le=65_535)] = 1_024
    """Connections that the fast door keeps open at once."""
    streams_per_connection: Annotated[int, Field(ge=1, le=65_535)] = 1_024
    """Calls in flight on one connection (HTTP/2 `SETTINGS_MAX_CONCURRENT_STREAMS`)."""
    streams: Annotated[int, Field(ge=1, le=1_000_000)] = 8_192
    """Calls in flight in the whole process; more are denied `overloaded`."""
    receiving_bytes: Annotated[int, Field(ge=16 * MEBIBYTE, le=16_384 * MEBIBYTE)] = 256 * MEBIBYTE
    """Bytes of requests that are being received, over all connections."""
    header_list_bytes: Annotated[int, Field(ge=8_192, le=MEBIBYTE)] = 65_536
    """Headers of one gRPC call (HTTP/2 `SETTINGS_MAX_HEADER_LIST_SIZE`); not those of the request
    that is judged, which are part of the message."""
    decision_records: Annotated[int, Field(ge=16, le=MEBIBYTE)] = 65_536
    """Decisions that wait to be logged; when more wait, the loss is counted."""

    @model_validator(mode="after")
    def _fit_together(self) -> "LimitsSettings":
        if self.receiving_bytes < self.transport_message_bytes:
            msg = "`receiving_bytes` must be at least `transport_message_bytes`; raise it"
            raise ValueError(msg)
        if self.streams < self.streams_per_connection:
            msg = "`streams` must be at least `streams_per_connection`; raise it"
            raise ValueError(msg)
        return self


class TimeSettings(_Model):
    """How long things may take."""

    clock_skew_s: Annotated[int, Field(ge=0, le=300)] = 30
    """By how much an issuer's clock may differ from ours, for `exp`, `nbf` and `iat`."""
    need_wait_ms: Annotated[int, Field(ge=1, le=10_000)] = 150
    """Longest wait for a fact, such as a key that is being fetched, before the check is denied;
    shorter where the caller's deadline is."""
    drain_s: Annotated[int, Field(ge=1, le=600)] = 10
    """Longest wait for calls in flight when the server stops."""
    http2_keepalive_s: Annotated[int, Field(ge=1, le=3_600)] = 30
    """Seconds between two HTTP/2 pings on a connection."""
    http2_keepalive_timeout_s: Annotated[int, Field(ge=1, le=600)] = 10
    """Seconds without an answer to a ping after which a connection is closed."""
    header_read_s: Annotated[int, Field(ge=1, le=120)] = 10
    """Seconds in which a new connection must have sent its first headers."""
    idle_s: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Seconds without a call after which a connection is closed."""
    write_stall_s: Annotated[int, Field(ge=1, le=3_600)] = 30
    """Seconds in which a peer must take what is written to it."""


class TrustSettings(_Model):
    """How issuers' keys are fetched and how long they count."""

    refresh_min_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Shortest time between two scheduled fetches, whatever the cache headers say."""
    refresh_max_s: Annotated[int, Field(ge=1, le=86_400)] = 3_600
    """Longest time between two scheduled fetches; a withdrawn key stops verifying within it."""
    refresh_hold_s: Annotated[int, Field(ge=1, le=3_600)] = 30
    """Seconds in which unknown `kid`s cause at most one fetch for each issuer."""
    keys_max_age_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400
    """How long the last good key set of an issuer counts while it cannot be fetched again."""
    connect_s: Annotated[int, Field(ge=1, le=60)] = 3
    """Seconds for a connection to an issuer."""
    total_s: Annotated[int, Field(ge=1, le=120)] = 5
    """Seconds for a whole fetch."""
    body_bytes: Annotated[int, Field(ge=4_096, le=262_144)] = 262_144
    """Longest document that is fetched. The core reads no key set over 256 KiB."""
    ca_file: PathText | None = None
    """PEM file of the authorities to trust instead of the system's."""

    @model_validator(mode="after")
    def _fit_together(self) -> "TrustSettings":
        for less, more in (
            ("refresh_min_s", "refresh_max_s"),
            ("refresh_max_s", "keys_max_age_s"),
            ("connect_s", "total_s"),
        ):
            if getattr(self, less) > getattr(self, more):
                msg = f"`{less}` must be at most `{more}`; lower the one or raise the other"
                raise ValueError(msg)
        return self


class RouteMetadata(_Model):
    """Where in ext_authz's `route_metadata_context` a selector stands."""

    namespace: Annotated[str, Field(min_length=1, max_length=256)]
    """The filter namespace."""
    key: Annotated[str, Field(min_length=1, max_length=256)]
    """The key of the namespace's struct."""


class SelectorsSettings(_Model):
    """Which statements of the gateway may choose the resource."""

    context_extension: bool = True
    """Read `context_extensions["accredit.resource"]`."""
    route_metadata: RouteMetadata | None = None
    """Read this key of the route's metadata: `{namespace = "…", key = "…"}`."""
    destination_principal: bool = False
    """Read `destination.principal`, for example a SPIFFE id."""


class LogSettings(_Model):
    """What is written to stderr."""

    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is `console` on a terminal and `json` elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written; decisions are written at any level."""
    decisions: Literal["all", "denials"] = "all"
    """Which decisions are written. Denials always are."""


class InsecureSettings(_Model):
    """What weakens Accredit on purpose, for a demo or a test on one host."""

    loopback_http: bool = False
    """Let an issuer be reached over plain http on a loopback address."""


class Settings(_Model):
    """Everything that can be set, section by section."""

    listen: ListenSettings = ListenSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    state: StateSettings = StateSettings()
    limits: LimitsSettings = LimitsSettings()
    time: TimeSettings = TimeSettings()
    trust: TrustSettings = TrustSettings()
    selectors: SelectorsSettings = SelectorsSettings()
    log: LogSettings = LogSettings()
    insecure: InsecureSettings = InsecureSettings()

    def engine_json(self) -> bytes:
        """Returns what `_core.Engine` is made from."""
        return _dump(
            {
                "clock_skew_s": self.time.clock_skew_s,
                "record_allows": self.log.decisions == "all",
                "record_capacity": self.limits.decision_records,
                "refresh_hold_s": self.trust.refresh_hold_s,
                "request_bytes": self.limits.request_bytes,
                "selectors": self.selectors.model_dump(mode="json"),
                "token_bytes": self.limits.token_bytes,
            }
        )

    def door_json(self) -> bytes:
        """Returns what `_core.FastDoor` is made from."""
        limits, time = self.limits, self.time
        return _dump(
            {
                "address": self.listen.check.address,
                "connections": limits.connections,
                "header_list_bytes": limits.header_list_bytes,
                "header_read_s": time.header_read_s,
                "idle_s": time.idle_s,
                "http2_keepalive_s": time.http2_keepalive_s,
                "http2_keepalive_timeout_s": time.http2_keepalive_timeout_s,
                "need_wait_ms": time.need_wait_ms,
                "receiving_bytes": limits.receiving_bytes,
                "streams": limits.streams,
                "streams_per_connection": limits.streams_per_connection,
                "transport_message_bytes": limits.transport_message_bytes,
                "worker_threads": self.listen.check.worker_threads,
                "write_stall_s": time.write_stall_s,
            }
        )


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
