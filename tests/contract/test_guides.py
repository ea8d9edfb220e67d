"""What the guides tell operators to paste is taken by real Envoy and passed by our own linter."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from accredit.gateway.envoy_lint import RULES, lint
from tests.conftest import ROOT, note_part
from tests.e2e.envoy import FULL, SHIPPED, SMOKE, ext_authz, manager, validate

SNIPPET = re.compile(r"^```yaml\n# (?P<what>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
GUIDES = ("docs/envoy.md", "docs/istio.md")


def snippets() -> list[tuple[str, str, str]]:
    """File, what the first line says it is, and text."""
    found = []
    for guide in GUIDES:
        text = (ROOT / guide).read_text()
        assert len(SNIPPET.findall(text)) == text.count("```yaml"), (
            f"{guide}: a snippet says not what it is"
        )
        found += [(guide, match["what"], match["text"]) for match in SNIPPET.finditer(text)]
    return found


SNIPPETS = snippets()
ENVOY = [
    (what.removeprefix("envoy: "), text) for _, what, text in SNIPPETS if what.startswith("envoy: ")
]
RESOURCES = [(what, text) for _, what, text in SNIPPETS if what.startswith("lint")]


def _load(text: str) -> Any:
    return YAML(typ="safe").load(text)


def placed(what: str, text: str) -> dict[str, Any]:
    """The shipped configuration with a snippet put where the guide says it goes."""
    config: dict[str, Any] = copy.deepcopy(_load(SHIPPED.read_text()))
    value = _load(text)
    match what:
        case "http_filter":
            manager(config)["http_filters"][0] = value
        case "http_connection_manager":
            kept = {
                k: manager(config)[k]
                for k in ("@type", "stat_prefix", "http_filters", "route_config")
            }
            host = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
            host["typed_config"] = kept | value
        case "allowed_headers":
            ext_authz(config).update(value)
        case "route":
            manager(config)["route_config"]["virtual_hosts"][0]["routes"].insert(0, value)
        case "cluster":
            config["static_resources"]["clusters"][0] = value
        case other:
            raise AssertionError(f"nobody knows where a {other} goes")
    return config


@pytest.mark.attack(27)
@pytest.mark.attack(28)
@pytest.mark.parametrize("version", [FULL, *SMOKE])
def test_envoy_takes_the_shipped_file(tmp_path: Path, version: str) -> None:
    assert validate(SHIPPED.read_text(), tmp_path, version=version) == ""


@pytest.mark.attack(27)
@pytest.mark.parametrize(("what", "text"), ENVOY, ids=[what for what, _ in ENVOY])
def test_envoy_takes_each_snippet_and_the_linter_passes_it(
    tmp_path: Path, what: str, text: str
) -> None:
    config = json.dumps(placed(what, text))
    assert validate(config, tmp_path) == ""
    assert lint(config) == []


def test_envoy_refuses_a_wrong_snippet(tmp_path: Path) -> None:
    """So that the test above can fail."""
    config = placed("http_connection_manager", "normalise_path: true")
    assert "normalise_path" in validate(json.dumps(config), tmp_path)


@pytest.mark.attack(27)
@pytest.mark.parametrize(
    ("what", "text"), RESOURCES, ids=[text.split("\n")[1] for _, text in RESOURCES]
)
def test_the_linter_passes_resources(what: str, text: str) -> None:
    expected = {rule.strip() for rule in what.removeprefix("lint").removeprefix(":").split(",")} - {
        ""
    }
    assert {finding.rule for finding in lint(text)} == expected


def test_every_patch_for_istio_is_taken_by_envoy(tmp_path: Path) -> None:
    """The patches of the recommended EnvoyFilter, laid over the shipped file."""
    config: dict[str, Any] = _load(SHIPPED.read_text())
    patches = {
        patch["applyTo"]: patch["patch"]["value"]
        for patch in _load(RESOURCES_OF_ISTIO[0])["spec"]["configPatches"]
    }
    assert patches.keys() == {"HTTP_FILTER", "NETWORK_FILTER", "CLUSTER"}
    manager(config)["http_filters"][0] = patches["HTTP_FILTER"]
    manager(config).update(patches["NETWORK_FILTER"]["typed_config"])
    config["static_resources"]["clusters"][0] = patches["CLUSTER"]
    assert validate(json.dumps(config), tmp_path) == ""


RESOURCES_OF_ISTIO = [text for guide, what, text in SNIPPETS if guide.endswith("istio.md")]


def test_the_guide_names_every_rule_of_the_filter_and_the_manager() -> None:
    named = set(re.findall(r"`([a-z-]+)`", (ROOT / "docs/envoy.md").read_text()))
    elsewhere = {
        "no-ext-authz", "unchecked-listener", "http-service", "filter-disabled", "filter-optional",
        "filter-unseen", "routes-unseen", "no-manager-settings", "provider-raw-headers",
    }  # fmt: skip
    assert set(RULES) - elsewhere <= named
    assert elsewhere <= set(RULES)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guides_say_which_versions_and_how_long_a_judgement_holds(guide: str) -> None:
    text = (ROOT / guide).read_text()
    assert all(version in text for version in (FULL, *SMOKE))
    assert "judged at its start" in text


def test_envoy_answers_validation_as_itself(tmp_path: Path) -> None:
    assert validate(SHIPPED.read_text(), tmp_path) == ""
    note_part("envoy --mode validate", FULL)
