"""Durations and moments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accredit.catalogue.durations import (
    format_duration_s,
    format_moment_s,
    parse_duration_s,
    parse_moment_s,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1s", 1), ("90m", 5_400)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "15", "m", "0s", "015m", "-1s", "+1s", "1.5h", "1 h", " 1h", "1h ", "1h\n", "1H", "1w",
     "1h30m", "PT1H", "1_0s", "٣s", "9999999999s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; "):
        parse_duration_s(text)


@given(st.integers(1, 999_999_999))
def test_durations_round_trip(seconds: int) -> None:
    assert parse_duration_s(format_duration_s(seconds)) == seconds


def test_no_text_is_made_of_what_is_no_duration() -> None:
    for seconds in (0, -1):
        with pytest.raises(ValueError, match="positive"):
            format_duration_s(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("2027-01-01", 1_798_761_600),
        ("2027-01-01T00:00:01Z", 1_798_761_601),
        ("2028-02-29", 1_835_395_200),
    ],
)
def test_a_moment_is_a_date_or_rfc_3339_in_utc(text: str, seconds: int) -> None:
    assert parse_moment_s(text) == seconds
    assert format_moment_s(seconds) == text


@pytest.mark.parametrize(
    "text",
    ["", "2027", "2027-02-30", "2027-1-1", "2027-01-01T25:00:00Z", "2027-01-01T00:00:00",
     "2027-01-01T00:00:00+00:00", "2027-01-01 00:00:00Z", "2027-01-01\n", "20270101", "0000-01-01",
     "\uff12\uff10\uff12\uff17-01-01", "now"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment in UTC; "):
        parse_moment_s(text)


@given(st.integers(0, 4_102_444_800))
def test_moments_round_trip(seconds: int) -> None:
    assert parse_moment_s(format_moment_s(seconds)) == seconds
