"""How path patterns relate, held against the core's own walk."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accredit.catalogue.compile import compile_document
from accredit.catalogue.model import Issuer, Resource
from accredit.catalogue.patterns import (
    Tree,
    canonical,
    decides,
    fits,
    meet,
    overlap,
    precedence,
    witnesses,
)
from accredit.engine import Engine
from accredit.settings import Settings


@pytest.mark.parametrize(
    ("first", "second", "met"),
    [
        ("/a", "/a", "/a"),
        ("/a", "/b", None),
        ("/a", "/*", "/a"),
        ("/", "/*", None),
        ("/a/", "/a/*", None),
        ("/a/", "/a/**", "/a/"),
        ("/a", "/a/**", "/a"),
        ("/a/**", "/*/b", "/a/b"),
        ("/*/**", "/a/**", "/a/**"),
        ("/*/b/**", "/a/*/c", "/a/b/c"),
        ("/**", "/a/*", "/a/*"),
        ("/a/b", "/a", None),
        ("/%61", "/a", "/a"),
        ("/%2A", "/b", None),
        ("/%2A", "/*", "/%2A"),
    ],
)
def test_two_patterns_meet_in_one(first: str, second: str, met: str | None) -> None:
    assert meet(first, second) == met
    assert meet(second, first) == met
    assert (overlap(first, second) is None) is (met is None)


def test_precedence_goes_by_segment() -> None:
    ranked = ["/a/b", "/a/*", "/a/*/**", "/a/**", "/*/b", "/*/*", "/**"]
    assert (
        sorted(["/**", "/a/**", "/*/*", "/a/b", "/a/*", "/*/b", "/a/*/**"], key=precedence)
        == ranked
    )
    assert decides("/a", "/a/**")
    assert not decides("/a/**", "/a")


SEGMENTS = st.sampled_from(["a", "b", "*"])
PATTERNS = st.builds(
    lambda parts, tail: "/" + "/".join([*parts, *tail]),
    st.lists(SEGMENTS, max_size=3),
    st.sampled_from([["**"], ["a"], ["*"], [""]]),
)
PATHS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=4).flatmap(
    lambda parts: st.sampled_from([tuple(parts) or ("",), (*parts, "")])
)


@given(PATTERNS, PATTERNS, PATHS)
def test_the_meeting_fits_what_both_fit(first: str, second: str, path: tuple[str, ...]) -> None:
    met = meet(first, second)
    assert (met is not None and fits(met, path)) is (fits(first, path) and fits(second, path))


@given(st.lists(PATTERNS, max_size=6, unique=True), PATTERNS, PATHS)
def test_the_tree_finds_what_a_look_at_every_pattern_finds(
    patterns: list[str], pattern: str, path: tuple[str, ...]
) -> None:
    tree = Tree(patterns)
    fitting = [one for one in patterns if fits(one, path)]
    assert tree.find(path) == min(fitting, key=precedence, default=None)
    assert sorted(tree.meeting(pattern)) == sorted(one for one in patterns if meet(one, pattern))


@given(PATTERNS, st.integers(1, 6))
def test_a_witness_is_fitted_by_its_pattern(pattern: str, length: int) -> None:
    found = list(witnesses(pattern, length))
    assert found
    assert all(fits(pattern, path) for path in found)


@given(st.lists(PATTERNS, min_size=1, max_size=5, unique=True), PATHS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_core_chooses_the_same_pattern(patterns: list[str], path: tuple[str, ...]) -> None:
    # A method of its own for each pattern, so that the answer says which one decided.
    issuer = Issuer.model_validate({"issuer": "https://i.example", "keys": {"discovery": "oidc"}})
    resource = Resource.model_validate({
        "resource": "https://api.example/r",
        "issuers": ["https://i.example"],
        "routes": [
            {"hosts": ["a.example"], "paths": [pattern], "methods": [f"M{index}"], "scopes": []}
            for index, pattern in enumerate(patterns)
        ],
    })  # fmt: skip
    engine = Engine(Settings().engine_json())
    engine.load_catalogue(compile_document([issuer], [resource]))

    def reason(method: str) -> str:
        line = {"host": "a.example", "path": "/" + "/".join(path), "method": method}
        answer = json.loads(engine.query(json.dumps(line).encode(), now_ms=0))
        return str(answer["reason"])

    fitting = sorted((one for one in patterns if fits(one, path)), key=precedence)
    for index, pattern in enumerate(patterns):
        expected = "credential_missing" if fitting and pattern == fitting[0] else None
        if expected is None:
            assert reason(f"M{index}") in {"route_method", "resource_unknown"}
        else:
            assert reason(f"M{index}") == expected


def test_a_pattern_has_one_form() -> None:
    for text, form in [("/%61", "/a"), ("/a%20b", "/a%20b"), ("/%7e", "/~"), ("/a", "/a")]:
        assert canonical(text) == form
    spellings = ["".join(pair) for pair in itertools.product(["%2a", "%2A"], ["b", "%62"])]
    assert len({canonical(f"/{text}") for text in spellings}) == 1
