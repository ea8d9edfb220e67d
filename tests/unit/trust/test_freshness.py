"""From cache headers to the next refresh."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accredit.trust.freshness import Bounds, lifetime_s, refresh_after_s

NOW_S = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
VALUES = st.one_of(
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.integers(-(10**12), 10**12).map(str),
    st.integers(0, 10**6).map("max-age={}".format),
    st.sampled_from(
        ["no-store", "no-cache", "max-age=", "max-age", "max-age=1e9", "max-age=-1", "max-age=9" * 40,
         "Fri, 15 Jan 2027 09:00:00 GMT", "Fri, 15 Jan 9999 09:00:00 GMT", "0", "-1"],
    ),
)  # fmt: skip
NAMES = st.sampled_from(["cache-control", "age", "expires", "date"])


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.floats(0.001, 86_400),
    st.floats(0, 86_400),
    st.floats(0, 1, exclude_max=True),
)
def test_the_next_refresh_is_always_within_the_bounds(
    headers: list[tuple[str, str]],
    min_s: float,
    span_s: float,
    dice: float,
) -> None:
    bounds = Bounds(min_s, min_s + span_s)
    wait_s = refresh_after_s(httpx2.Headers(headers), bounds, now_s=NOW_S, dice=dice)
    assert bounds.min_s <= wait_s <= bounds.max_s


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"cache-control": "public"}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "public, Max-Age=600, immutable"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "max-age=600, max-age=60"}, 60),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "700"}, 0),
        ({"cache-control": "max-age=600", "age": "soon"}, 0),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": "no-cache, max-age=600"}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=soon"}, 0),
        ({"cache-control": "max-age"}, 0),
        ({"cache-control": "x-max-age=600"}, None),
        ({"cache-control": "max-age=" + "9" * 30}, 2**31),
        ({"expires": "Fri, 15 Jan 2027 09:00:00 GMT"}, 3600),
        ({"expires": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0),
        ({"expires": "0"}, 0),
        ({"expires": "Fri, 15 Jan 2027 09:00:00 GMT", "age": "600"}, 3000),
        (
            {"expires": "Fri, 15 Jan 2027 09:00:00 GMT", "date": "Fri, 15 Jan 2027 08:50:00 GMT"},
            600,
        ),
        ({"expires": "Fri, 15 Jan 2027 09:00:00 GMT", "cache-control": "max-age=5"}, 5),
    ],
)
def test_lifetimes(headers: dict[str, str], expected: float | None) -> None:
    assert lifetime_s(httpx2.Headers(headers), now_s=NOW_S) == expected


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({}, 3240, 3600),
        ({"cache-control": "max-age=600"}, 540, 600),
        ({"cache-control": "max-age=1"}, 60, 66),
        ({"cache-control": "max-age=86400"}, 3240, 3600),
    ],
)
def test_replicas_drift_apart_by_a_tenth(headers: dict[str, str], low: float, high: float) -> None:
    waits = [
        refresh_after_s(httpx2.Headers(headers), Bounds(60, 3600), now_s=NOW_S, dice=dice / 100)
        for dice in range(100)
    ]
    assert min(waits) == pytest.approx(low)
    assert low < max(waits) <= high
    assert len(set(waits)) == 100


@pytest.mark.parametrize("pair", [(0, 1), (-1, 1), (2, 1)])
def test_bounds_that_cannot_hold_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="bounds"):
        Bounds(*pair)
