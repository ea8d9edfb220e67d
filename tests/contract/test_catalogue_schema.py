"""docs/catalogue.schema.json is written from the models, and judges documents as they do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from accredit.catalogue import Sources, validate, yaml
from accredit.catalogue.demo import demo_catalogue
from accredit.catalogue.faults import RESERVED
from accredit.catalogue.schema import schema, schema_text
from accredit.errors import CatalogueError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "catalogue"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_what_the_code_says() -> None:
    # Mended by: python -m accredit.catalogue.schema > docs/catalogue.schema.json
    assert (ROOT / "docs" / "catalogue.schema.json").read_text() == schema_text()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_examples_are_the_demo_with_another_issuer() -> None:
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.yaml")}
    assert files.pop("cases.yaml").startswith("accredit: cases/1\n")
    assert files == demo_catalogue("https://issuer.example")


@pytest.mark.parametrize("name", sorted(demo_catalogue("x")))
def test_the_examples_satisfy_the_schema(name: str) -> None:
    VALIDATOR.validate(yaml.read((EXAMPLES / name).read_bytes(), name).value)


def whole() -> dict[str, Any]:
    return {
        "accredit": "catalogue/1",
        "issuers": [
            {
                "issuer": "https://issuer.example",
                "keys": {"jwks_uri": "https://issuer.example/jwks"},
                "algorithms": ["RS256", "EdDSA"],
                "profile": {"legacy": {"client": "azp", "scope": "scope", "marker": {"typ": "Bearer"}}},
                "network": [{"host": "issuer.example", "cidr": "10.0.0.0/24"}],
            },
            {"issuer": "https://other.example", "keys": {"discovery": "oidc"}, "profile": "rfc9068"},
        ],
        "resources": [
            {
                "resource": "https://api.example/orders",
                "owner": "orders-team",
                "issuers": ["https://issuer.example"],
                "audience": {"mode": "family", "members": ["https://api.example/a"], "max": 4},
                "max_lifetime": "15m",
                "mode": "report",
                "report_since": "2027-01-01",
                "report_until": "2027-03-01T00:00:00Z",
                "registration": "off",
                "paths": "resolve",
                "scopes": {"any": ["a", "b"]},
                "metadata_url": "https://api.example/meta",
                "cors_preflight": True,
                "selectors": {"route_metadata": ["x"], "destination_principal": ["spiffe://x/y"]},
                "routes": [
                    {"hosts": ["api.example:443"], "paths": ["/a/*/**"], "methods": ["GET"], "scopes": ["a"]},
                    {"paths": ["/%20"], "methods": ["GET"], "scopes": {"all": []}, "cors_preflight": False},
                    {"hosts": ["[::1]"], "paths": ["/"], "methods": ["GET"], "access": "public"},
                ],
            }
        ],
    }  # fmt: skip


def test_a_document_that_uses_every_name_satisfies_schema_and_loader() -> None:
    VALIDATOR.validate(whole())
    assert loads(whole())
    used = set(names(whole()))
    defined = {
        name
        for model in [schema(), *schema()["$defs"].values()]
        for name in model.get("properties", {})
    }
    assert defined - used == {"file", "inline"}  # one source of keys shuts out the others


def names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from names(inner)


def loads(document: dict[str, Any]) -> bool:
    try:
        validate(Sources(Path(), (("a.yaml", json.dumps(document).encode()),)))
    except CatalogueError:
        return False
    return True


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, inner in items:
        yield from places(inner, (*path, name))


def changed(path: tuple[str | int, ...], change: Any) -> dict[str, Any]:
    document: Any = whole()
    place = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = change(place[path[-1]])
    return document  # type: ignore[no-any-return]


PLACES = [path for path in places(whole()) if path]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_satisfies_neither(path: tuple[str | int, ...]) -> None:
    wrong = changed(path, lambda _: 3.5)
    assert not VALIDATOR.is_valid(wrong)
    assert not loads(wrong)


@pytest.mark.parametrize("name", [*RESERVED, "x", "Issuers"])
def test_an_unknown_name_satisfies_neither(name: str) -> None:
    def objects(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
        inner = (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        for one in inner:
            yield from objects(one)

    count = len(list(objects(whole())))
    assert count > 12
    for index in range(count):
        document = whole()
        place = list(objects(document))[index]
        if place == {"typ": "Bearer"}:
            continue  # the operator's own names
        place[name] = "off"
        assert not VALIDATOR.is_valid(document), place
        assert not loads(document), place


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("accredit",), "catalogue/2"),
        (("issuers", 0, "issuer"), "issuer.example"),
        (("issuers", 0, "algorithms", 0), "HS256"),
        (("issuers", 0, "algorithms"), []),
        (("issuers", 0, "profile"), "legacy"),
        (("issuers", 0, "profile", "legacy", "marker"), {}),
        (("issuers", 0, "profile", "legacy", "client"), "sub"),
        (("resources", 0, "resource"), "https://api.example/#x"),
        (("resources", 0, "max_lifetime"), "1w"),
        (("resources", 0, "report_since"), "tomorrow"),
        (("resources", 0, "registration"), "required"),
        (("resources", 0, "mode"), "warn"),
        (("resources", 0, "audience", "mode"), "none"),
        (("resources", 0, "audience", "max"), 99),
        (("resources", 0, "scopes"), {"any": []}),
        (("resources", 0, "routes", 0, "hosts", 0), "*.example"),
        (("resources", 0, "routes", 0, "hosts", 0), "API.example"),
        (("resources", 0, "routes", 0, "paths", 0), "a"),
        (("resources", 0, "routes", 0, "paths", 0), "/a?b"),
        (("resources", 0, "routes", 0, "paths"), []),
        (("resources", 0, "routes", 0, "methods", 0), "get"),
        (("resources", 0, "routes", 0, "scopes", 0), "a b"),
        (("resources", 0, "routes", 2, "access"), "open"),
    ],
)
def test_a_wrong_value_satisfies_neither(path: tuple[str | int, ...], value: object) -> None:
    wrong = changed(path, lambda _: value)
    assert not VALIDATOR.is_valid(wrong)
    assert not loads(wrong)
