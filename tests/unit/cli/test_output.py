"""What may be written, and in which form."""

import pytest

from accredit.cli.output import duration, moment, plain, print_table, print_text, styled


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orders", "orders"),
        ("Müller 東京", "Müller 東京"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("\u202eabc", "\\u202eabc"),
        (7, "7"),
    ],
)
def test_text_is_made_plain(text: object, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0s"), (59.9, "59s"), (61, "1m 1s"), (3_600, "1h"), (90_061, "1d 1h")],
)
def test_durations_have_two_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_moments_are_utc() -> None:
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(None) == "-"
    assert moment(10**18) == f"second {10**18}"


def test_no_colour_and_no_cut_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_text(styled("deny", "bold red"), "x" * 500)
    print_table(["name", "value"], [(styled("a", "red"), "[bold]y[/bold]"), ("b", "z" * 100)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "deny  " + "x" * 500
    assert lines[1:] == ["name  value", "a     [bold]y[/bold]", "b     " + "z" * 100]
