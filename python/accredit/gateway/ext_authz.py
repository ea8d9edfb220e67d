"""Rules for Envoy's ext_authz filter, its per-route settings and what stands for it elsewhere."""

import re
from collections.abc import Iterator
from typing import Final

from accredit.gateway.document import Node
from accredit.gateway.rules import LIMITS, Finding

__all__ = ["FILTER", "lint_filter", "lint_per_route", "lint_timeout"]

FILTER: Final = "ext_authz.v3.ExtAuthz"
PER_ROUTE: Final = "ext_authz.v3.ExtAuthzPerRoute"
FILTER_CONFIG: Final = "config.route.v3.FilterConfig"
# Headers that the check reads, and one that stands for all it has to remove.
JUDGED: Final = ("authorization", "dpop", "x-forwarded-client-cert")
OURS: Final = "x-accredit-"
_UNAVAILABLE: Final = frozenset({"503", "serviceunavailable"})


def lint_filter(config: Node) -> Iterator[Finding]:
    """Yields what is unsafe in the filter's own configuration."""
    if not config["failure_mode_allow"].is_false:
        yield _finding("failure-mode-allow", config["failure_mode_allow"])
    status = config.at("status_on_error", "code")
    if status.text.lower() not in _UNAVAILABLE:
        yield _finding("status-on-error", status)
    if config["http_service"].present:
        yield _finding("http-service", config["http_service"], "an HTTP service is asked")
    else:
        yield from lint_timeout(config.at("grpc_service", "timeout"))
    if not config["encode_raw_headers"].is_true:
        yield _finding("raw-headers", config["encode_raw_headers"])
    if not config["include_peer_certificate"].is_true:
        yield _finding("peer-certificate", config["include_peer_certificate"])
    if not config["validate_mutations"].is_true:
        yield _finding("validate-mutations", config["validate_mutations"])
    if not config["clear_route_cache"].is_false:
        yield _finding("clear-route-cache", config["clear_route_cache"])
    ingestion = config["enable_dynamic_metadata_ingestion"]
    if ingestion.present and not ingestion.is_true:
        yield _finding("dynamic-metadata", ingestion)
    body = config["with_request_body"]
    if body.present:
        yield _finding("request-body", body, "every route buffers bodies")
        yield from _lint_body(body)
    yield from _lint_header_lists(config)
    yield from _lint_switches(config)
    yield from _lint_mutation_rules(config["decoder_header_mutation_rules"])


def lint_per_route(config: Node) -> Iterator[Finding]:
    """Yields what is unsafe in an entry of `typed_per_filter_config` that concerns the filter."""
    if not config["disabled"].is_false:
        yield _finding("per-route-disabled", config["disabled"])
    body = config.at("check_settings", "with_request_body")
    if body.present:
        yield from _lint_body(body)


def lint_timeout(timeout: Node) -> Iterator[Finding]:
    """Yields what is wrong with the time that one check may take; zero would mean no end."""
    seconds = timeout.seconds
    if seconds is None or not LIMITS.least_timeout_s <= seconds <= LIMITS.most_timeout_s:
        yield _finding("timeout", timeout)


def _lint_body(body: Node) -> Iterator[Finding]:
    size = body["max_request_bytes"].number
    if size is None or size > LIMITS.body_bytes:
        yield _finding("request-body-size", body["max_request_bytes"])
    if not body["allow_partial_message"].is_false:
        yield _finding("request-body-partial", body["allow_partial_message"])


def _lint_header_lists(config: Node) -> Iterator[Finding]:
    allowed = config["allowed_headers"]
    if allowed.present:
        patterns = list(allowed["patterns"].items())
        missing = [name for name in JUDGED if not any(_fits(p, name) for p in patterns)]
        if not any(_covers_prefix(pattern) for pattern in patterns):
            missing.append(f"{OURS}*")
        if missing:
            yield _finding("allowed-headers", allowed, f"lacks {', '.join(missing)}")
    disallowed = config["disallowed_headers"]
    for pattern in disallowed["patterns"].items():
        hidden = [name for name in (*JUDGED, f"{OURS}subject") if _fits(pattern, name)]
        if hidden or _may_hide(pattern):
            found = f"hides {', '.join(hidden)}" if hidden else "may hide headers of the check"
            yield _finding("disallowed-headers", pattern, found)


def _lint_switches(config: Node) -> Iterator[Finding]:
    switched = any(config[name].present for name in ("filter_enabled", "filter_enabled_metadata"))
    deny = config.at("deny_at_disable", "default_value")
    if switched and not deny.is_true:
        yield _finding("deny-at-disable", deny, "the filter can be switched off")


def _lint_mutation_rules(rules: Node) -> Iterator[Finding]:
    name = f"{OURS}subject"
    refused = _matches(rules.at("disallow_expression", "regex"), name)
    opened = _matches(rules.at("allow_expression", "regex"), name)
    if refused or (not rules["disallow_all"].is_false and not opened):
        yield _finding("mutation-rules", rules, f"{name} may not be set or removed")


def _fits(pattern: Node, name: str) -> bool:
    """Whether a StringMatcher surely matches a header's name, which is lower case."""
    ignore_case = pattern["ignore_case"].is_true
    for kind, test in (
        ("exact", str.__eq__),
        ("prefix", str.startswith),
        ("suffix", str.endswith),
        ("contains", str.__contains__),
    ):
        node = pattern[kind]
        if node.present:
            wanted = node.text.lower() if ignore_case else node.text
            return bool(test(name, wanted))
    return _matches(pattern.at("safe_regex", "regex"), name)


def _covers_prefix(pattern: Node) -> bool:
    """Whether every name that begins with ours is matched."""
    for kind in ("prefix", "contains"):
        node = pattern[kind]
        if node.present:
            wanted = node.text.lower() if pattern["ignore_case"].is_true else node.text
            return OURS.startswith(wanted) if kind == "prefix" else wanted in OURS
    return pattern.at("safe_regex", "regex").text in {f"{OURS}.*", f"^{OURS}.*", ".*"}


def _may_hide(pattern: Node) -> bool:
    """Whether some name of ours is matched, although the one tried is not."""
    for kind in ("exact", "prefix"):
        if pattern[kind].present:
            return pattern[kind].text.lower().replace("_", "-").startswith(OURS)
    # A suffix, a part or an expression can fit a header that a later version sets.
    return pattern["contains"].text.lower() in OURS if pattern["contains"].present else True


def _matches(regex: Node, name: str) -> bool:
    """Whether an expression matches all of a name; one that cannot be read counts as a match."""
    if not regex.present:
        return False
    try:
        return re.fullmatch(regex.text, name) is not None
    except re.error:
        return True


def _finding(rule: str, node: Node, found: str | None = None) -> Finding:
    if found is None:
        found = f"is {node.text}" if node.present else "is not set"
    return Finding(rule, node.path, found)
