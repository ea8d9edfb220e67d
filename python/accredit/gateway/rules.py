"""What the gateway linter demands, and why: one row a rule.

A rule's id is stable: never reworded, never reused. Source of the rules: the `ext_authz` filter and
the HTTP connection manager of Envoy, docs/envoy.md and docs/istio.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["LIMITS", "RULES", "Finding", "Limits", "Rule", "Severity"]


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"  # a request may go unchecked, be misjudged, or be refused for no reason
    WARNING = "warning"  # the linter cannot see enough, or a safety net is missing


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand on a gateway configuration.

    Attributes:
        severity: Errors fail the lint; warnings are shown.
        why: What goes wrong without it, one sentence.
        remedy: The setting to write, one sentence.
    """

    severity: Severity
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in a document that breaks a rule.

    Attributes:
        rule: The id, a key of `RULES`.
        path: Where in the document, as `static_resources.listeners[0].…`.
        found: What stands there.
    """

    rule: str
    path: str
    found: str

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return RULES[self.rule].severity

    @property
    def remedy(self) -> str:
        """The setting to write."""
        return RULES[self.rule].remedy

    def __str__(self) -> str:
        """Renders severity, rule, place, what is wrong and what to do on one line."""
        rule = RULES[self.rule]
        return f"{rule.severity} [{self.rule}] {self.path}: {self.found}; {rule.why} {rule.remedy}"

    def to_json(self) -> dict[str, str]:
        """Returns the finding as a JSON object, with every member always present."""
        rule = RULES[self.rule]
        return {
            "rule": self.rule,
            "severity": str(rule.severity),
            "path": self.path,
            "found": self.found,
            "why": rule.why,
            "remedy": rule.remedy,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that a gateway has to keep, in the server's own default settings.

    Attributes:
        least_timeout_s: Accredit may wait 150 ms for a missing key and answers 20 ms early.
        most_timeout_s: A caller's request hangs as long while Accredit is away.
        body_bytes: The largest body that may be buffered for the check.
        message_bytes: `limits.transport_message_bytes`; what is larger gets a gRPC status, which
            `failure_mode_allow` would turn into an allow.
    """

    least_timeout_s: float = 0.2
    most_timeout_s: float = 10.0
    body_bytes: int = 8 * 1024 * 1024
    message_bytes: int = 16 * 1024 * 1024


LIMITS: Final = Limits()

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

RULES: Final[dict[str, Rule]] = {
    # --- the ext_authz filter
    "no-ext-authz": Rule(
        _ERROR, "nothing asks Accredit.", "Add the ext_authz filter before the router."
    ),
    "unchecked-listener": Rule(
        _WARNING,
        "what arrives there is not checked.",
        "Add the ext_authz filter, or keep the listener away from callers.",
    ),
    "http-service": Rule(
        _ERROR, "Accredit speaks gRPC alone.", "Use `grpc_service` with `envoy_grpc`."
    ),
    "failure-mode-allow": Rule(
        _ERROR,
        "requests pass unchecked while Accredit cannot answer.",
        "Set `failure_mode_allow: false`.",
    ),
    "status-on-error": Rule(
        _ERROR,
        "without it an outage reads as 403, and clients throw good tokens away.",
        "Set `status_on_error: {code: ServiceUnavailable}`.",
    ),
    "timeout": Rule(
        _ERROR,
        "defaults reach from 200 ms (Envoy) to 600 s (Istio), and a need for a key takes 150 ms.",
        f"Set a timeout from {LIMITS.least_timeout_s:g} to {LIMITS.most_timeout_s:g} seconds.",
    ),
    "raw-headers": Rule(
        _ERROR,
        "bytes that are not UTF-8 are replaced and repeated headers are joined.",
        "Set `encode_raw_headers: true`.",
    ),
    "peer-certificate": Rule(
        _ERROR,
        "a token that is bound to a certificate cannot be checked without it.",
        "Set `include_peer_certificate: true`.",
    ),
    "request-body": Rule(
        _ERROR,
        "a token check reads no body, and buffering costs memory for each request.",
        "Remove `with_request_body` here; a registration endpoint sets it on its own route.",
    ),
    "request-body-size": Rule(
        _ERROR,
        "with the headers the message could pass the transport's cap of 16 MiB.",
        "Set `max_request_bytes` to 8388608 or less.",
    ),
    "request-body-partial": Rule(
        _ERROR,
        "a truncated body would be judged as if it were whole.",
        "Remove `allow_partial_message`.",
    ),
    "header-size": Rule(
        _ERROR,
        "headers this large could carry the message past the transport's cap of 16 MiB.",
        "Set `max_request_headers_kb: 60`.",
    ),
    "allowed-headers": Rule(
        _ERROR,
        "Accredit cannot judge or remove a header that it does not see.",
        "Let `allowed_headers` hold `authorization`, `dpop`, `x-forwarded-client-cert` and the "
        "prefix `x-accredit-`, or remove it, since all headers are sent by default.",
    ),
    "disallowed-headers": Rule(
        _ERROR,
        "Accredit cannot judge or remove a header that it does not see.",
        "Take the header out of `disallowed_headers`.",
    ),
    "filter-disabled": Rule(
        _ERROR, "the filter checks nothing.", "Remove `disabled` from the filter."
    ),
    "filter-optional": Rule(
        _ERROR,
        "an Envoy that does not know the filter would go on without it.",
        "Remove `is_optional` from the filter.",
    ),
    "filter-unseen": Rule(
        _ERROR,
        "the filter's settings come from elsewhere and cannot be judged here.",
        "Give the filter a `typed_config` in this file, or lint what the control plane sends.",
    ),
    "deny-at-disable": Rule(
        _ERROR,
        "requests for which the filter is switched off pass unchecked.",
        "Remove `filter_enabled`, or set `deny_at_disable` with `default_value: true`.",
    ),
    "clear-route-cache": Rule(
        _ERROR,
        "the request may take another route than the one that was judged.",
        "Set `clear_route_cache: false`.",
    ),
    "mutation-rules": Rule(
        _ERROR,
        "identity headers could be neither overwritten nor removed.",
        "Let `decoder_header_mutation_rules` allow the prefix `x-accredit-`.",
    ),
    "validate-mutations": Rule(
        _WARNING,
        "a malformed header would go upstream instead of becoming a 500.",
        "Set `validate_mutations: true`.",
    ),
    "dynamic-metadata": Rule(
        _ERROR,
        "decision id and reason are lost to the access log.",
        "Remove `enable_dynamic_metadata_ingestion: false`.",
    ),
    "per-route-disabled": Rule(
        _ERROR,
        "what takes this route is not checked.",
        "Remove it; a path without tokens is `access: public` in the catalogue.",
    ),
    # --- the connection manager
    "path-normalisation": Rule(
        _ERROR,
        "the API may receive another path than the one that was judged.",
        "Set `normalize_path: true`.",
    ),
    "merge-slashes": Rule(
        _ERROR,
        "the API may receive another path than the one that was judged.",
        "Set `merge_slashes: true`.",
    ),
    "escaped-slashes": Rule(
        _ERROR,
        "`%2f` and `%5c` mean one thing to Envoy and another to the API.",
        "Set `path_with_escaped_slashes_action: REJECT_REQUEST`.",
    ),
    "underscore-headers": Rule(
        _ERROR,
        "many APIs read `x_accredit_subject` as `x-accredit-subject`.",
        "Set `common_http_protocol_options.headers_with_underscores_action: REJECT_REQUEST`.",
    ),
    "client-cert-header": Rule(
        _ERROR,
        "a caller could write its own client certificate.",
        "Set `forward_client_cert_details: SANITIZE_SET`.",
    ),
    "filter-order": Rule(
        _ERROR,
        "it may change the path, the route or the identity that was judged.",
        "Move the filter before ext_authz, or remove it.",
    ),
    "filter-after": Rule(
        _WARNING,
        "the linter does not know whether it changes what was judged.",
        "Move the filter before ext_authz unless it leaves path, route and headers alone.",
    ),
    "upgrade-filters": Rule(
        _ERROR,
        "upgraded connections take a filter chain of their own that asks nobody.",
        "Remove `filters` from the upgrade, or put ext_authz into it.",
    ),
    "routes-unseen": Rule(
        _WARNING,
        "a route that comes from a control plane may switch the check off.",
        "Lint what the control plane sends as well.",
    ),
    # --- control planes
    "no-manager-settings": Rule(
        _ERROR,
        "the control plane's defaults leave paths and header names as callers wrote them.",
        "Add an EnvoyFilter that merges the settings of docs/istio.md into the connection manager.",
    ),
    "provider-raw-headers": Rule(
        _WARNING,
        "an extension provider cannot ask for raw headers: repeated ones arrive joined, and "
        "are refused.",
        "Use the EnvoyFilter of docs/istio.md instead of the provider.",
    ),
}
