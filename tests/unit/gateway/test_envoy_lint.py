"""One safe configuration, and one fault each: every rule of the gateway linter is reached."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from accredit.errors import EnvoyLintError
from accredit.gateway.envoy_lint import RULES, Severity, fails, lint, lint_file

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "deploy/envoy/envoy.yaml"
SAFE: dict[str, Any] = YAML(typ="safe").load(SHIPPED)

HCM = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
FILTER = f"{HCM}.http_filters[0].typed_config"
ROUTE = f"{HCM}.route_config.virtual_hosts[0].routes[0]"
PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
NEEDED = [
    {"exact": "authorization"},
    {"exact": "dpop"},
    {"exact": "x-forwarded-client-cert"},
    {"prefix": "x-accredit-"},
]

Change = Callable[[dict[str, Any]], None]


def manager(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["static_resources"]["listeners"][0]["filter_chains"][0][
        "filters"
    ][0]["typed_config"]
    return found


def ext_authz(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manager(document)["http_filters"][0]["typed_config"]
    return found


def authz(**members: object) -> Change:
    """Set members of the filter; None removes one."""
    return lambda document: _set(ext_authz(document), members)


def hcm(**members: object) -> Change:
    """Set members of the connection manager; None removes one."""
    return lambda document: _set(manager(document), members)


def entry(**members: object) -> Change:
    """Set members of the filter's entry in the chain."""
    return lambda document: _set(manager(document)["http_filters"][0], members)


def route(**members: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        _set(manager(document)["route_config"]["virtual_hosts"][0]["routes"][0], members)

    return change


def after(name: str, **typed: object) -> Change:
    """Put a filter between ext_authz and the router."""
    added: dict[str, object] = {"name": name}
    if typed:
        added["typed_config"] = typed
    return lambda document: manager(document)["http_filters"].insert(1, added)


def _set(target: dict[str, Any], members: dict[str, object]) -> None:
    for name, value in members.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value


def grpc(**members: object) -> Change:
    return lambda document: _set(ext_authz(document)["grpc_service"], members)


def per_route(**members: object) -> dict[str, object]:
    return {"envoy.filters.http.ext_authz": {"@type": PER_ROUTE, **members}}


def body(max_request_bytes: int, **more: object) -> dict[str, object]:
    return {"max_request_bytes": max_request_bytes, "pack_as_bytes": True, **more}


# What is changed in the safe file, the rules that must speak, and where.
FAULTS: list[tuple[str, Change, set[str], str]] = [
    ("fails open", authz(failure_mode_allow=True), {"failure-mode-allow"}, f"{FILTER}.failure_mode_allow"),
    ("fails open, by YAML 1.1", authz(failure_mode_allow="on"), {"failure-mode-allow"}, f"{FILTER}.failure_mode_allow"),
    ("fails open, by a word", authz(failure_mode_allow="maybe"), {"failure-mode-allow"}, f"{FILTER}.failure_mode_allow"),
    ("fails open, in camel case", authz(failure_mode_allow=None, failureModeAllow=True), {"failure-mode-allow"}, f"{FILTER}.failure_mode_allow"),
    ("no status on error", authz(status_on_error=None), {"status-on-error"}, f"{FILTER}.status_on_error.code"),
    ("403 on error", authz(status_on_error={"code": "Forbidden"}), {"status-on-error"}, f"{FILTER}.status_on_error.code"),
    ("200 on error", authz(status_on_error={"code": 200}), {"status-on-error"}, f"{FILTER}.status_on_error.code"),
    ("no timeout", grpc(timeout=None), {"timeout"}, f"{FILTER}.grpc_service.timeout"),
    ("no end", grpc(timeout="0s"), {"timeout"}, f"{FILTER}.grpc_service.timeout"),
    ("too short", grpc(timeout="0.1s"), {"timeout"}, f"{FILTER}.grpc_service.timeout"),
    ("ten minutes", grpc(timeout="600s"), {"timeout"}, f"{FILTER}.grpc_service.timeout"),
    ("no duration", grpc(timeout="soon"), {"timeout"}, f"{FILTER}.grpc_service.timeout"),
    ("asks by HTTP", authz(grpc_service=None, http_service={"server_uri": {}}), {"http-service"}, f"{FILTER}.http_service"),
    ("joined headers", authz(encode_raw_headers=False), {"raw-headers"}, f"{FILTER}.encode_raw_headers"),
    ("joined headers by default", authz(encode_raw_headers=None), {"raw-headers"}, f"{FILTER}.encode_raw_headers"),
    ("no certificate", authz(include_peer_certificate=None), {"peer-certificate"}, f"{FILTER}.include_peer_certificate"),
    ("unvalidated mutations", authz(validate_mutations=None), {"validate-mutations"}, f"{FILTER}.validate_mutations"),
    ("route chosen anew", authz(clear_route_cache=True), {"clear-route-cache"}, f"{FILTER}.clear_route_cache"),
    ("no metadata", authz(enable_dynamic_metadata_ingestion=False), {"dynamic-metadata"}, f"{FILTER}.enable_dynamic_metadata_ingestion"),
    ("bodies everywhere", authz(with_request_body=body(8192)), {"request-body"}, f"{FILTER}.with_request_body"),
    ("large bodies everywhere", authz(with_request_body=body(8_388_609)), {"request-body", "request-body-size"}, f"{FILTER}.with_request_body"),
    ("large bodies on a route", route(typed_per_filter_config=per_route(check_settings={"with_request_body": body(8_388_609)})), {"request-body-size"}, f"{ROUTE}.typed_per_filter_config.envoy.filters.http.ext_authz.check_settings.with_request_body.max_request_bytes"),
    ("cut bodies on a route", route(typed_per_filter_config=per_route(check_settings={"with_request_body": body(4096, allow_partial_message=True)})), {"request-body-partial"}, f"{ROUTE}.typed_per_filter_config.envoy.filters.http.ext_authz.check_settings.with_request_body.allow_partial_message"),
    ("without authorization", authz(allowed_headers={"patterns": NEEDED[1:]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("without proof", authz(allowed_headers={"patterns": [NEEDED[0], *NEEDED[2:]]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("without certificate header", authz(allowed_headers={"patterns": [*NEEDED[:2], NEEDED[3]]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("without our prefix", authz(allowed_headers={"patterns": NEEDED[:3]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("one of our names alone", authz(allowed_headers={"patterns": [*NEEDED[:3], {"exact": "x-accredit-subject"}]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("narrower than our prefix", authz(allowed_headers={"patterns": [*NEEDED[:3], {"prefix": "x-accredit-s"}]}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("an empty list", authz(allowed_headers={"patterns": []}), {"allowed-headers"}, f"{FILTER}.allowed_headers"),
    ("hides authorization", authz(disallowed_headers={"patterns": [{"exact": "authorization"}]}), {"disallowed-headers"}, f"{FILTER}.disallowed_headers.patterns[0]"),
    ("hides ours", authz(disallowed_headers={"patterns": [{"prefix": "x-a"}]}), {"disallowed-headers"}, f"{FILTER}.disallowed_headers.patterns[0]"),
    ("hides one of ours", authz(disallowed_headers={"patterns": [{"exact": "x-accredit-role"}]}), {"disallowed-headers"}, f"{FILTER}.disallowed_headers.patterns[0]"),
    ("hides by suffix", authz(disallowed_headers={"patterns": [{"suffix": "-role"}]}), {"disallowed-headers"}, f"{FILTER}.disallowed_headers.patterns[0]"),
    ("switched by runtime", authz(filter_enabled={"default_value": {"numerator": 50}}, deny_at_disable=None), {"deny-at-disable"}, f"{FILTER}.deny_at_disable.default_value"),
    ("switched by metadata", authz(filter_enabled_metadata={"filter": "x"}, deny_at_disable={"default_value": False}), {"deny-at-disable"}, f"{FILTER}.deny_at_disable.default_value"),
    ("no mutation", authz(decoder_header_mutation_rules={"disallow_all": True}), {"mutation-rules"}, f"{FILTER}.decoder_header_mutation_rules"),
    ("no mutation of ours", authz(decoder_header_mutation_rules={"disallow_expression": {"regex": "x-acc.*"}}), {"mutation-rules"}, f"{FILTER}.decoder_header_mutation_rules"),
    ("an expression nobody can read", authz(decoder_header_mutation_rules={"disallow_expression": {"regex": "("}}), {"mutation-rules"}, f"{FILTER}.decoder_header_mutation_rules"),
    ("disabled filter", entry(disabled=True), {"filter-disabled"}, f"{HCM}.http_filters[0].disabled"),
    ("optional filter", entry(is_optional=True), {"filter-optional"}, f"{HCM}.http_filters[0].is_optional"),
    ("filter from elsewhere", entry(typed_config=None, config_discovery={"config_source": {"ads": {}}}), {"filter-unseen", "no-ext-authz"}, f"{HCM}.http_filters[0]"),
    ("disabled on a route", route(typed_per_filter_config=per_route(disabled=True)), {"per-route-disabled"}, f"{ROUTE}.typed_per_filter_config.envoy.filters.http.ext_authz.disabled"),
    ("disabled on a route, wrapped", route(typed_per_filter_config={"envoy.filters.http.ext_authz": {"@type": FILTER_CONFIG, "disabled": True}}), {"per-route-disabled"}, f"{ROUTE}.typed_per_filter_config.envoy.filters.http.ext_authz.disabled"),
    ("disabled on a route, in a struct", route(typed_per_filter_config={"envoy.filters.http.ext_authz": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": PER_ROUTE, "value": {"disabled": True}}}), {"per-route-disabled"}, f"{ROUTE}.typed_per_filter_config.envoy.filters.http.ext_authz.value.disabled"),
    ("path as it came", hcm(normalize_path=False), {"path-normalisation"}, f"{HCM}.normalize_path"),
    ("path by default", hcm(normalize_path=None), {"path-normalisation"}, f"{HCM}.normalize_path"),
    ("double slashes", hcm(merge_slashes=None), {"merge-slashes"}, f"{HCM}.merge_slashes"),
    ("escaped slashes", hcm(path_with_escaped_slashes_action="KEEP_UNCHANGED"), {"escaped-slashes"}, f"{HCM}.path_with_escaped_slashes_action"),
    ("escaped slashes by number", hcm(path_with_escaped_slashes_action=1), {"escaped-slashes"}, f"{HCM}.path_with_escaped_slashes_action"),
    ("escaped slashes by default", hcm(path_with_escaped_slashes_action=None), {"escaped-slashes"}, f"{HCM}.path_with_escaped_slashes_action"),
    ("underscores", hcm(common_http_protocol_options={"headers_with_underscores_action": "ALLOW"}), {"underscore-headers"}, f"{HCM}.common_http_protocol_options.headers_with_underscores_action"),
    ("underscores dropped", hcm(common_http_protocol_options={"headers_with_underscores_action": "DROP_HEADER"}), {"underscore-headers"}, f"{HCM}.common_http_protocol_options.headers_with_underscores_action"),
    ("underscores by default", hcm(common_http_protocol_options=None), {"underscore-headers"}, f"{HCM}.common_http_protocol_options.headers_with_underscores_action"),
    ("certificate header forwarded", hcm(forward_client_cert_details="ALWAYS_FORWARD_ONLY"), {"client-cert-header"}, f"{HCM}.forward_client_cert_details"),
    ("certificate header by default", hcm(forward_client_cert_details=None), {"client-cert-header"}, f"{HCM}.forward_client_cert_details"),
    ("huge headers", hcm(max_request_headers_kb=8192), {"header-size"}, f"{HCM}.max_request_headers_kb"),
    ("JWT judged later", after("envoy.filters.http.jwt_authn"), {"filter-order"}, f"{HCM}.http_filters[1]"),
    ("script later, under another name", after("mine", **{"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"}), {"filter-order"}, f"{HCM}.http_filters[1]"),
    ("processor later", after("envoy.filters.http.ext_proc"), {"filter-order"}, f"{HCM}.http_filters[1]"),
    ("unknown later", after("acme.filters.http.shiny"), {"filter-after"}, f"{HCM}.http_filters[1]"),
    ("upgrades round the filter", hcm(upgrade_configs=[{"upgrade_type": "websocket", "filters": [{"name": "envoy.filters.http.router"}]}]), {"upgrade-filters"}, f"{HCM}.upgrade_configs[0].filters"),
    ("routes from elsewhere", hcm(route_config=None, rds={"route_config_name": "r"}), {"routes-unseen"}, f"{HCM}.rds"),
    ("no filter", lambda d: manager(d)["http_filters"].pop(0), {"no-ext-authz", "unchecked-listener"}, f"{HCM}.http_filters"),
]  # fmt: skip

# Changes that are safe, so that the linter does not cry wolf.
HARMLESS: list[tuple[str, Change]] = [
    ("nothing changed", lambda _: None),
    ("status by number", authz(status_on_error={"code": 503})),
    ("headers listed, all needed", authz(allowed_headers={"patterns": NEEDED})),
    ("headers listed by a wider prefix", authz(allowed_headers={"patterns": [*NEEDED[:3], {"prefix": "X-", "ignore_case": True}]})),
    ("other headers hidden", authz(disallowed_headers={"patterns": [{"exact": "cookie"}]})),
    ("switchable, yet denied", authz(filter_enabled={"default_value": {"numerator": 50}})),
    ("mutation of ours allowed", authz(decoder_header_mutation_rules={"disallow_all": True, "allow_expression": {"regex": "x-accredit-.*"}})),
    ("a body on one route", route(typed_per_filter_config=per_route(check_settings={"with_request_body": body(65536)}))),
    ("another filter off on a route", route(typed_per_filter_config={"envoy.filters.http.cors": {"@type": FILTER_CONFIG, "disabled": True}})),
    ("selector on a route", route(typed_per_filter_config=per_route(check_settings={"context_extensions": {"accredit.resource": "https://api.example/orders"}}))),
    ("escaped slashes redirected", hcm(path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT")),
    ("enumerations by number", hcm(path_with_escaped_slashes_action=2, forward_client_cert_details=3)),
    ("a limiter after it", after("envoy.filters.http.local_ratelimit")),
    ("JWT judged before", lambda d: manager(d)["http_filters"].insert(0, {"name": "envoy.filters.http.jwt_authn"})),
    ("upgrades by the same chain", hcm(upgrade_configs=[{"upgrade_type": "websocket"}])),
]  # fmt: skip


def changed(change: Change) -> str:
    document = copy.deepcopy(SAFE)
    change(document)
    return json.dumps(document)


@pytest.mark.attack(27)
def test_the_shipped_file_is_safe() -> None:
    assert lint_file(SHIPPED) == []


@pytest.mark.attack(27)
@pytest.mark.parametrize(
    ("change", "rules", "path"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_one_fault_is_found_and_nothing_else(change: Change, rules: set[str], path: str) -> None:
    findings = lint(changed(change))
    assert {finding.rule for finding in findings} == rules
    assert path in {finding.path for finding in findings}
    assert fails(findings) == any(RULES[rule].severity is Severity.ERROR for rule in rules)


@pytest.mark.parametrize("change", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_a_safe_change_is_silent(change: Change) -> None:
    assert lint(changed(change)) == []


ENVOY_FILTER = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: accredit, namespace: istio-system}
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      match: {context: GATEWAY}
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.ext_authz
          typed_config: <filter>
    - applyTo: NETWORK_FILTER
      match: {context: GATEWAY}
      patch:
        operation: MERGE
        value:
          typed_config: <manager>
"""
MANAGER_TYPE = manager(SAFE)["@type"]
MANAGER_SETTINGS = {
    name: manager(SAFE)[name]
    for name in (
        "@type",
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "common_http_protocol_options",
        "forward_client_cert_details",
    )
}
PROVIDER = {
    "service": "accredit.accredit.svc.cluster.local",
    "port": 9191,
    "timeout": "0.5s",
    "failOpen": False,
    "statusOnError": "503",
}


def envoy_filter(settings: dict[str, Any], filter_config: dict[str, Any] | None = None) -> str:
    text = ENVOY_FILTER.replace("<filter>", json.dumps(filter_config or ext_authz(SAFE)))
    return text.replace("<manager>", json.dumps(settings))


def mesh(**members: object) -> str:
    provider = {k: v for k, v in {**PROVIDER, **members}.items() if v is not None}
    config = {"extensionProviders": [{"name": "accredit", "envoyExtAuthzGrpc": provider}]}
    return json.dumps(config) + "\n---\n" + envoy_filter(MANAGER_SETTINGS)


def policy(**members: object) -> str:
    spec = {"extAuth": {"grpc": {}, "failOpen": False, "timeout": "500ms", **members}}
    resource = {"kind": "SecurityPolicy", "spec": spec}
    patch = {"kind": "EnvoyPatchPolicy", "spec": {"value": MANAGER_SETTINGS}}
    return json.dumps(resource) + "\n---\n" + json.dumps(patch)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (envoy_filter(MANAGER_SETTINGS), set()),
        (envoy_filter(MANAGER_SETTINGS, {**ext_authz(SAFE), "failure_mode_allow": True}), {"failure-mode-allow"}),
        (envoy_filter({**MANAGER_SETTINGS, "merge_slashes": False}), {"merge-slashes"}),
        (envoy_filter({}), {"no-manager-settings"}),
        (mesh(), {"provider-raw-headers"}),
        (mesh(failOpen=True), {"provider-raw-headers", "failure-mode-allow"}),
        (mesh(timeout=None), {"provider-raw-headers", "timeout"}),
        (mesh(statusOnError="403"), {"provider-raw-headers", "status-on-error"}),
        (mesh(clearRouteCache=True), {"provider-raw-headers", "clear-route-cache"}),
        (mesh(includeRequestBodyInCheck={"maxRequestBytes": 9_000_000, "allowPartialMessage": True}), {"provider-raw-headers", "request-body", "request-body-size", "request-body-partial"}),
        (policy(), set()),
        (policy(failOpen=True), {"failure-mode-allow"}),
        (policy(timeout="10m"), {"timeout"}),
        (policy(headersToExtAuth=["authorization", "dpop", "x-forwarded-client-cert"]), {"allowed-headers"}),
        (policy(bodyToExtAuth={"maxRequestBytes": 10}), {"request-body"}),
        (policy(http={}), {"http-service"}),
    ],
)  # fmt: skip
def test_control_planes(text: str, rules: set[str]) -> None:
    assert {finding.rule for finding in lint(text)} == rules


def test_every_rule_is_reached() -> None:
    reached = {rule for row in FAULTS for rule in row[2]}
    reached |= {"no-manager-settings", "provider-raw-headers"}  # test_control_planes
    assert reached == set(RULES)


def test_what_an_admin_port_dumps_is_read_as_well() -> None:
    dump = {
        "configs": [
            {
                "dynamic_listeners": [
                    {"active_state": {"listener": SAFE["static_resources"]["listeners"][0]}}
                ]
            }
        ]
    }
    assert lint(json.dumps(dump)) == []
    assert fails(
        lint(json.dumps(dump).replace('"failure_mode_allow": false', '"failure_mode_allow": true'))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n",
        "just words",
        "[1, 2]",
        "a: b: c",
        "a: 1\na: 2",
        "{" * 500,
        "a: &x [*x]",
        "a: !!python/object:os.system {}",
    ],
    ids=["empty", "marker", "scalar", "list", "no yaml", "twice", "deep", "endless", "tag"],
)
def test_what_is_no_configuration_is_an_error(text: str) -> None:
    with pytest.raises(EnvoyLintError, match=r"^file\.yaml: "):
        lint(text, name="file.yaml")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvoyLintError, match="cannot be read"):
        lint_file(tmp_path / "none.yaml")


def test_a_finding_says_where_what_and_what_to_do() -> None:
    (finding,) = lint(changed(authz(failure_mode_allow=True)))
    assert str(finding) == (
        f"error [failure-mode-allow] {FILTER}.failure_mode_allow: is true; requests pass "
        "unchecked while Accredit cannot answer. Set `failure_mode_allow: false`."
    )
    assert finding.to_json()["rule"] == "failure-mode-allow"
