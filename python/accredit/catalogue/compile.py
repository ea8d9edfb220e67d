"""Writes the compiled catalogue: the JSON that the core loads, and no other part reads.

Lists whose order means nothing are sorted, so that the digest changes only when a decision may.
Scopes keep their order: a challenge names them as the operator wrote them.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from accredit.catalogue.model import Audience, Issuer, Profile, Resource, Route, ScopeRule

COMPILED_FORMAT: Final = "accredit-compiled/1"


def compile_document(issuers: Iterable[Issuer], resources: Iterable[Resource]) -> bytes:
    """Returns UTF-8 JSON, compact, its names sorted; durations and moments are whole seconds."""
    document = {
        "format": COMPILED_FORMAT,
        "issuers": [_issuer(issuer) for issuer in sorted(issuers, key=lambda one: one.issuer)],
        "resources": [
            _resource(resource) for resource in sorted(resources, key=lambda one: one.resource)
        ],
    }
    return _json(document).encode()


def _json(value: Any) -> str:
    return json.dumps(
        value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )


def _issuer(issuer: Issuer) -> dict[str, Any]:
    return {
        # One algorithm with two names is one algorithm (RFC 9864, section 2.2).
        "algorithms": sorted(
            {"Ed25519" if name == "EdDSA" else name for name in issuer.algorithms}
        ),
        "issuer": issuer.issuer,
        "profile": _profile(issuer.profile),
        "refreshable": issuer.keys.kind != "inline",
    }


def _profile(profile: Profile) -> dict[str, Any]:
    legacy = profile.legacy
    if legacy is None:
        return {"kind": "rfc9068"}
    return {
        "client": legacy.client,
        "kind": "legacy",
        "marker": dict(legacy.marker),
        "scope": legacy.scope,
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "audience": _audience(resource.audience),
        "cors_preflight": resource.cors_preflight,
        "issuers": sorted(resource.issuers),
        "max_lifetime_s": resource.max_lifetime_s,
        "metadata_url": resource.metadata_url,
        "mode": resource.mode,
        "owner": resource.owner,
        "paths": resource.paths,
        "report_since_s": resource.report_since_s,
        "report_until_s": resource.report_until_s,
        "resource": resource.resource,
        "routes": sorted((_route(route) for route in resource.routes), key=_json),
        "scopes": _scopes(resource.scopes),
        "selectors": {
            "destination_principal": sorted(resource.selectors.destination_principal),
            "route_metadata": sorted(resource.selectors.route_metadata),
        },
    }


def _audience(audience: Audience) -> dict[str, Any]:
    if audience.mode != "family":
        return {"mode": audience.mode}
    return {
        "max": audience.family_max,
        "members": sorted(audience.members or ()),
        "mode": audience.mode,
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "access": route.access,
        "cors_preflight": route.cors_preflight,
        "hosts": sorted(route.hosts),
        "methods": sorted(route.methods),
        "paths": sorted(route.paths),
        "scopes": _scopes(route.scopes),
    }


def _scopes(rule: ScopeRule | None) -> dict[str, list[str]] | None:
    if rule is None or rule.is_empty:
        return None
    return {"any": list(rule.any)} if rule.any is not None else {"all": list(rule.all or ())}
