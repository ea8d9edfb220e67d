"""Judges an Envoy configuration: does every request reach Accredit, whole, and does no mean no?

Reads Envoy's bootstrap or what its admin port prints as `config_dump`, and, as far as they say
anything about the filter, Istio's EnvoyFilter and mesh configuration and Envoy Gateway's
SecurityPolicy. What a control plane adds at run time is not seen; a warning says so.
"""

from collections.abc import Iterator
from pathlib import Path

from accredit.errors import EnvoyLintError
from accredit.gateway.control_planes import asks_accredit, is_resource, lint_control_plane
from accredit.gateway.document import Node, load, walk
from accredit.gateway.ext_authz import FILTER, FILTER_CONFIG, PER_ROUTE, lint_filter, lint_per_route
from accredit.gateway.manager import MANAGER, lint_filters, lint_manager_settings
from accredit.gateway.rules import RULES, Finding, Severity

__all__ = ["RULES", "Finding", "Severity", "fails", "lint", "lint_file"]


def lint_file(path: Path) -> list[Finding]:
    """Judges a file.

    Raises:
        EnvoyLintError: It cannot be read or is no configuration.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "unknown error"
        message = f"{path}: cannot be read: {reason}; name one readable file of YAML or JSON"
        raise EnvoyLintError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: is not UTF-8; save it as UTF-8"
        raise EnvoyLintError(message) from error
    return lint(text, name=str(path))


def lint(text: str, *, name: str = "configuration") -> list[Finding]:
    """Judges the text of a configuration; findings come in the order of the document.

    Args:
        text: YAML or JSON, one or more documents.
        name: The file, for messages.

    Returns:
        Every finding; empty where the configuration is safe as far as it can be seen.

    Raises:
        EnvoyLintError: It is no configuration.
    """
    documents = load(text, name)
    resources = [document for document in documents if is_resource(document)]
    bootstraps = [document for document in documents if not is_resource(document)]
    findings: list[Finding] = []
    asked = False
    for document in documents:
        for node in walk(document):
            asked = asked or node.is_a(FILTER)
            findings += _lint_node(node)
    for document in bootstraps:
        for node in walk(document):
            if node.is_a(MANAGER):
                findings += lint_manager_settings(node)
                findings += lint_filters(node)
    if resources:
        asked = asked or any(asks_accredit(document) for document in resources)
        findings += lint_control_plane(resources)
    if not asked:
        findings.insert(0, Finding("no-ext-authz", documents[0].path or name, "holds no filter"))
    return _without_repetition(findings)


def fails(findings: list[Finding]) -> bool:
    """Whether at least one finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _lint_node(node: Node) -> Iterator[Finding]:
    if node.is_a(FILTER):
        yield from lint_filter(node)
    elif node.is_a(PER_ROUTE):
        yield from lint_per_route(node)
    for filter_name, config in node["typed_per_filter_config"].members():
        # The wrapper names no filter: only the key says that it is about ours.
        if config.is_a(FILTER_CONFIG) and "ext_authz" in filter_name:
            yield from lint_per_route(config)


def _without_repetition(findings: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))
