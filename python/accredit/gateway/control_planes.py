"""Rules for what Istio and Envoy Gateway turn into an ext_authz filter."""

from collections.abc import Iterator
from typing import Final

from accredit.gateway.document import Node, walk
from accredit.gateway.ext_authz import JUDGED, OURS, lint_timeout
from accredit.gateway.manager import MANAGER, lint_manager_settings
from accredit.gateway.rules import LIMITS, Finding

__all__ = ["asks_accredit", "is_resource", "lint_control_plane"]

_PROVIDERS: Final = ("envoy_ext_authz_grpc", "envoy_ext_authz_http")


def is_resource(document: Node) -> bool:
    """Whether the document is a Kubernetes resource or a mesh configuration."""
    return bool(document["kind"].text) or document["extension_providers"].present


def asks_accredit(document: Node) -> bool:
    """Whether the document makes a gateway ask an authorizer, by other means than a filter."""
    return any(True for _ in _providers(document)) or document.at("spec", "ext_auth").present


def lint_control_plane(documents: list[Node]) -> Iterator[Finding]:
    """Yields what is unsafe in a file of resources, taken together.

    The connection manager belongs to the control plane, so the settings that a file merges into it
    are judged as one, over defaults that are never safe.
    """
    for document in documents:
        for provider in _providers(document):
            yield from _lint_provider(provider)
        if document["kind"].text == "SecurityPolicy":
            yield from _lint_security_policy(document.at("spec", "ext_auth"))
    patches = [node for document in documents for node in walk(document) if node.is_a(MANAGER)]
    if not patches:
        yield Finding("no-manager-settings", documents[0].path or "#0", "merges none")
        return
    yield from lint_manager_settings(Node(_merged(patches), patches[0].path))


def _providers(document: Node) -> Iterator[Node]:
    for node in walk(document):
        for provider in node["extension_providers"].items():
            for kind in _PROVIDERS:
                if provider[kind].present:
                    yield provider[kind]


def _lint_provider(provider: Node) -> Iterator[Finding]:
    if provider.path.endswith("http"):
        yield Finding("http-service", provider.path, "an HTTP service is asked")
    if not provider["fail_open"].is_false:
        yield _finding("failure-mode-allow", provider["fail_open"])
    if provider["status_on_error"].text != "503":
        yield _finding("status-on-error", provider["status_on_error"])
    yield from lint_timeout(provider["timeout"])
    if not provider["clear_route_cache"].is_false:
        yield _finding("clear-route-cache", provider["clear_route_cache"])
    body = provider["include_request_body_in_check"]
    if body.present:
        yield Finding("request-body", body.path, "every route buffers bodies")
        size = body["max_request_bytes"].number
        if size is None or size > LIMITS.body_bytes:
            yield _finding("request-body-size", body["max_request_bytes"])
        if not body["allow_partial_message"].is_false:
            yield _finding("request-body-partial", body["allow_partial_message"])
    yield Finding("provider-raw-headers", provider.path, "headers arrive joined")


def _lint_security_policy(policy: Node) -> Iterator[Finding]:
    if not policy.present:
        return
    if policy["http"].present:
        yield Finding("http-service", policy["http"].path, "an HTTP service is asked")
    if not policy["fail_open"].is_false:
        yield _finding("failure-mode-allow", policy["fail_open"])
    yield from lint_timeout(policy["timeout"])
    if policy["body_to_ext_auth"].present:
        yield Finding("request-body", policy["body_to_ext_auth"].path, "bodies are buffered")
    # The list holds exact names, so the prefix can never be in it.
    names = policy["headers_to_ext_auth"]
    if names.present:
        listed = {name.text.lower() for name in names.items()}
        missing = [name for name in JUDGED if name not in listed]
        found = f"lacks {', '.join([*missing, OURS + '*'])}"
        yield Finding("allowed-headers", names.path, found)


def _merged(patches: list[Node]) -> dict[str, object]:
    """Returns the patches laid over each other, as Envoy's proto merge does for our members."""
    whole: dict[str, object] = {}
    for patch in patches:
        for name, member in patch.members():
            before = whole.get(name)
            if isinstance(before, dict) and isinstance(member.value, dict):
                whole[name] = {**before, **member.value}
            else:
                whole[name] = member.value
    return whole


def _finding(rule: str, node: Node) -> Finding:
    return Finding(rule, node.path, f"is {node.text}" if node.present else "is not set")
