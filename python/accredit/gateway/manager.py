"""Rules for Envoy's HTTP connection manager: paths, header names, the order of filters."""

from collections.abc import Iterator
from typing import Final

from accredit.gateway.document import Node
from accredit.gateway.ext_authz import FILTER
from accredit.gateway.rules import LIMITS, Finding

__all__ = ["MANAGER", "lint_filters", "lint_manager_settings"]

MANAGER: Final = "http_connection_manager.v3.HttpConnectionManager"

# Enumerations may be written by name or by number.
_ESCAPED_SLASHES_SAFE: Final = frozenset(
    {"REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD", "2", "3", "4"}
)
_UNDERSCORES_SAFE: Final = frozenset({"REJECT_REQUEST", "1"})
_CLIENT_CERT_SAFE: Final = frozenset({"SANITIZE_SET", "3"})
# Path, the same path again as `:path`, and header names and values.
_HEADER_COPIES: Final = 3

# Filters by the part of their name that is common to Envoy's and the control planes' spelling.
_REWRITING: Final = {
    "jwt_authn": "sets claims and may clear the route cache after the check",
    "ext_proc": "may rewrite path and headers after the check",
    "lua": "may rewrite path and headers after the check",
    "wasm": "may rewrite path and headers after the check",
    "golang": "may rewrite path and headers after the check",
    "dynamic_modules": "may rewrite path and headers after the check",
    "grpc_json_transcoder": "rewrites the path after the check",
    "header_to_metadata": "may clear the route cache after the check",
    "json_to_metadata": "may clear the route cache after the check",
    "payload_to_metadata": "may clear the route cache after the check",
    "header_mutation": "may set identity headers after the check",
    "oauth2": "sets a token after the check",
    "grpc_http1_reverse_bridge": "rewrites headers after the check",
    "on_demand": "may change the route after the check",
    "set_filter_state": "may change the route after the check",
    "credential_injector": "sets a credential after the check",
}
_HARMLESS: Final = frozenset(
    {
        "admission_control",
        "adaptive_concurrency",
        "bandwidth_limit",
        "buffer",
        "cache",
        "compressor",
        "cors",
        "csrf",
        "decompressor",
        "fault",
        "grpc_stats",
        "grpc_web",
        "health_check",
        "istio_stats",
        "local_ratelimit",
        "ratelimit",
        "rbac",
        "router",
        "stateful_session",
        "tap",
        "upstream_codec",
        # Names that Istio gives its own.
        "istio.alpn",
        "istio.metadata_exchange",
        "istio.stats",
        "mx",
        "peer_metadata",
    }
)


def lint_manager_settings(config: Node) -> Iterator[Finding]:
    """Yields what is unsafe in the settings of a connection manager, filters aside."""
    if not config["normalize_path"].is_true:
        yield _finding("path-normalisation", config["normalize_path"])
    if not config["merge_slashes"].is_true:
        yield _finding("merge-slashes", config["merge_slashes"])
    slashes = config["path_with_escaped_slashes_action"]
    if slashes.text not in _ESCAPED_SLASHES_SAFE:
        yield _finding("escaped-slashes", slashes)
    underscores = config.at("common_http_protocol_options", "headers_with_underscores_action")
    if underscores.text not in _UNDERSCORES_SAFE:
        yield _finding("underscore-headers", underscores)
    certificate = config["forward_client_cert_details"]
    if certificate.text not in _CLIENT_CERT_SAFE:
        yield _finding("client-cert-header", certificate)
    header_kib = config["max_request_headers_kb"]
    if header_kib.present:
        size = header_kib.number
        room = LIMITS.message_bytes - LIMITS.body_bytes
        if size is None or size * 1024 * _HEADER_COPIES > room:
            yield _finding("header-size", header_kib)
    if config["rds"].present or config["scoped_routes"].present:
        yield Finding("routes-unseen", f"{config.path}.rds", "routes come from a control plane")


def lint_filters(config: Node) -> Iterator[Finding]:
    """Yields what is unsafe in the chain of HTTP filters around ext_authz.

    A manager without ext_authz gives one warning: it may be meant for other traffic.
    """
    filters = list(config["http_filters"].items())
    places = [index for index, entry in enumerate(filters) if _is_ext_authz(entry)]
    if not places:
        yield Finding("unchecked-listener", config["http_filters"].path, "has no ext_authz filter")
        return
    for index in places:
        yield from _lint_entry(filters[index])
    # Where the filter stands twice, the last judgement is the one that counts.
    for entry in filters[places[-1] + 1 :]:
        yield from _lint_later(entry)
    for upgrade in config["upgrade_configs"].items():
        chain = list(upgrade["filters"].items())
        if chain and not any(_is_ext_authz(entry) for entry in chain):
            yield Finding("upgrade-filters", upgrade["filters"].path, "has no ext_authz filter")


def _is_ext_authz(entry: Node) -> bool:
    return entry["typed_config"].unwrapped().is_a(FILTER) or "ext_authz" in entry["name"].text


def _lint_entry(entry: Node) -> Iterator[Finding]:
    if not entry["typed_config"].unwrapped().is_a(FILTER):
        yield Finding("filter-unseen", entry.path, "has no settings in this file")
    if not entry["disabled"].is_false:
        yield _finding("filter-disabled", entry["disabled"])
    if not entry["is_optional"].is_false:
        yield _finding("filter-optional", entry["is_optional"])


def _lint_later(entry: Node) -> Iterator[Finding]:
    # The type decides what a filter does; its name is free text, and stands in for a type unseen.
    kind = entry["typed_config"].unwrapped().type or entry["name"].text
    for part, effect in _REWRITING.items():
        if _named(part, kind):
            yield Finding("filter-order", entry.path, f"`{part}` {effect}")
            return
    if not any(_named(part, kind) for part in _HARMLESS):
        shown = entry["name"].text or kind or "a filter without a name"
        yield Finding("filter-after", entry.path, f"`{shown}` stands after ext_authz")


def _named(part: str, kind: str) -> bool:
    """Whether a part stands between dots in a type's or a filter's name."""
    return f".{part}." in f".{kind}."


def _finding(rule: str, node: Node) -> Finding:
    return Finding(rule, node.path, f"is {node.text}" if node.present else "is not set")
